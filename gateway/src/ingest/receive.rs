//! The gateway's ear at the broker: says that this host is there, hears every node, and hands on what was checked. It
//! never stops polling, whatever the pipeline does: a client that does not poll loses its connection.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::id::NodeId;
use metrics::{counter, gauge};
use protocol::sparkplug::{Outgoing, Qos, host_state::HostState, topic::Topic};
use rumqttc::{AsyncClient, ClientError, Event, EventLoop, LastWill, NetworkOptions, Packet, Publish, QoS};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Acknowledger, Blob, nodes::News, nodes::Nodes, settings::Settings};
use crate::{broker::access::Connection, clock::Clock, pipeline::Inlet};

/// The largest packet that MQTT knows, in bytes.
const MQTT_PACKET_BYTES_MAX: usize = 268_435_455;
/// Requests to the client that may wait: subscriptions and the host's state.
const CLIENT_QUEUE: usize = 16;
/// Pause after a lost connection; doubles up to [`RECONNECT_MAX`].
const RECONNECT_MIN: Duration = Duration::from_millis(100);
/// The longest pause: the broker is restarted within seconds.
const RECONNECT_MAX: Duration = Duration::from_secs(5);
/// How often what is due without a message is done. Below the reorder time-out by far.
const TICK: Duration = Duration::from_millis(500);
/// How long the broker may take to confirm that this host has gone.
const GOODBYE: Duration = Duration::from_secs(2);

/// Where checked messages go.
pub(super) struct Ear {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) nodes: Arc<Mutex<Nodes>>,
    pub(super) to_pipeline: Inlet,
    pub(super) acknowledger: Acknowledger,
    pub(super) blobs: mpsc::Sender<Blob>,
    pub(super) connected: tokio::sync::watch::Sender<bool>,
}

impl Ear {
    /// Hears until `stop`.
    pub(super) async fn hear(self: Arc<Self>, stop: CancellationToken) {
        let (client, mut connection) = self.connect();
        let mut retry = RECONNECT_MIN;
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => break,
                event = connection.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    retry = RECONNECT_MIN;
                    self.arrive(&client, &connection);
                }
                Ok(Event::Incoming(Packet::Publish(message))) => self.take(message, &client),
                Ok(_) => {}
                Err(error) => {
                    self.nodes().host_lost();
                    self.connected.send_replace(false);
                    gauge!("gateway_broker_connected").set(0.0);
                    tracing::warn!(%error, retry_ms = retry.as_millis(), "no connection to the broker");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(retry) => retry = (retry * 2).min(RECONNECT_MAX),
                    }
                    self.renew_will(&mut connection);
                }
            }
        }
        self.say_goodbye(&client, &mut connection).await;
    }

    /// Does what is due without a message, and tells nodes that were taken over, until `stop`.
    pub(super) async fn tick(
        self: Arc<Self>,
        mut takeovers: broadcast::Receiver<Arc<str>>,
        voice: AsyncClient,
        to_put_out: mpsc::Sender<NodeId>,
        stop: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(client) = takeovers.recv() => self.nodes().taken_over(&client, self.clock.now()),
                _ = ticks.tick() => {
                    let now = self.clock.now();
                    let (requests, deaf) = {
                        let mut nodes = self.nodes();
                        for (outbox, numbers) in self.acknowledger.take_refused() {
                            nodes.taken_back(&outbox, &numbers);
                        }
                        let news = nodes.tick(now);
                        self.hand_on(&mut nodes, news);
                        // While the pipeline has no room, births would only be shed.
                        if self.to_pipeline.has_room() {
                            (nodes.rebirth_requests(now), nodes.deaf(now))
                        } else {
                            (Vec::new(), Vec::new())
                        }
                    };
                    for request in requests {
                        publish(&voice, &request);
                    }
                    for node in deaf {
                        // Full: it is named again after an hour.
                        let _ = to_put_out.try_send(node);
                    }
                }
            }
        }
    }

    fn connect(&self) -> (AsyncClient, EventLoop) {
        let mut options = self.settings.access.options(Connection::Ingest, "brightwatch-ingest");
        // The client ends its connection at a larger message, and then again and again: one node would silence all. Our
        // own broker refuses it, from another's it is read and then refused.
        options.set_max_packet_size(MQTT_PACKET_BYTES_MAX, MQTT_PACKET_BYTES_MAX);
        let (client, mut connection) = AsyncClient::new(options, CLIENT_QUEUE);
        // What a node is told is short, and leaves at once.
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        connection.set_network_options(network);
        self.renew_will(&mut connection);
        (client, connection)
    }

    /// The will and the state that follows carry the same time (tck-id-host-topic-phid-death-payload).
    fn renew_will(&self, connection: &mut EventLoop) {
        let state = HostState { is_online: false, at: self.clock.now().wall };
        let will = state.message(&self.settings.host_id);
        let will = LastWill::new(&will.topic, will.payload, qos(will.qos), will.is_retained);
        connection.mqtt_options.set_last_will(will);
    }

    /// The connection stands: subscribe first, then say that this host is there.
    fn arrive(&self, client: &AsyncClient, connection: &EventLoop) {
        let will = connection.mqtt_options.last_will();
        let at =
            will.and_then(|will| HostState::parse(&will.message).ok()).map_or(self.clock.now().wall, |state| state.at);
        let online = HostState { is_online: true, at }.message(&self.settings.host_id);
        // The queue is empty at this moment: nothing else uses this client.
        let asked = client
            .try_subscribe(&online.topic, QoS::AtLeastOnce)
            // At least once: each message comes as surely as it was sent, and a node's will is sent so.
            .and_then(|()| client.try_subscribe("spBv1.0/#", QoS::AtLeastOnce));
        if let Err(error) = asked {
            tracing::error!(%error, "cannot subscribe");
        }
        publish(client, &online);
        self.nodes().host_reconnected(self.clock.now());
        self.connected.send_replace(true);
        gauge!("gateway_broker_connected").set(1.0);
        tracing::info!(broker = %self.settings.access.address(), "connected to the broker");
    }

    fn take(&self, message: Publish, client: &AsyncClient) {
        let now = self.clock.now();
        if let Ok(Topic::State(host)) = Topic::parse(&message.topic) {
            let is_wrong = HostState::parse(&message.payload).is_ok_and(|state| !state.is_online);
            if host == self.settings.host_id && is_wrong {
                // A late will of an earlier connection: this host is there (tck-id-operational-behavior-host-application-termination).
                publish(client, &HostState { is_online: true, at: now.wall }.message(&host));
            }
            return;
        }
        if message.retain {
            // What the broker kept for us says nothing about now, and no node may let it be kept.
            counter!("gateway_messages_refused_total", "why" => "retained").increment(1);
            return;
        }
        let mut nodes = self.nodes();
        let news = nodes.receive(&message.topic, message.payload, now);
        self.hand_on(&mut nodes, news);
    }

    /// Under the lock, so that the pipeline gets messages in the order in which they were checked.
    fn hand_on(&self, nodes: &mut Nodes, news: News) {
        for message in news.ingested {
            if self.to_pipeline.reserve(&message) {
                nodes.gone_on(&message);
                self.to_pipeline.put(message);
            } else {
                nodes.shed(message);
            }
        }
        if let Some((address, outbox)) = news.born {
            self.acknowledger.born(&address, outbox);
        }
        if let Some((node, repeated)) = news.repeats {
            self.acknowledger.repeat(&node, &repeated);
        }
        for blob in news.blobs {
            if self.blobs.try_send(blob).is_err() {
                counter!("gateway_blobs_shed_total").increment(1);
            }
        }
    }

    async fn say_goodbye(&self, client: &AsyncClient, connection: &mut EventLoop) {
        if !*self.connected.borrow() {
            return;
        }
        publish(client, &HostState { is_online: false, at: self.clock.now().wall }.message(&self.settings.host_id));
        let confirmed =
            async { while !matches!(connection.poll().await, Ok(Event::Incoming(Packet::PubAck(_))) | Err(_)) {} };
        if tokio::time::timeout(GOODBYE, confirmed).await.is_err() {
            tracing::warn!("the broker did not confirm that this host has gone; its will says so");
        }
        // The will must not follow: it was said.
        if client.try_disconnect().is_ok() {
            _ = tokio::time::timeout(GOODBYE, connection.poll()).await;
        }
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends without waiting; what finds no room is logged and gone.
pub(super) fn publish(client: &AsyncClient, message: &Outgoing) {
    if let Err(error) = try_publish(client, message) {
        tracing::warn!(topic = %message.topic, %error, "not sent");
    }
}

/// Sends without waiting. The queue is full while there is no connection, and while the broker does not keep up.
pub(super) fn try_publish(client: &AsyncClient, message: &Outgoing) -> Result<(), ClientError> {
    client.try_publish(&message.topic, qos(message.qos), message.is_retained, message.payload.to_vec())
}

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}
