//! One connection to the broker, from CONNECT to its end. A new connection is a new client: rumqttc would carry
//! messages of the old session over into the new one, where their sequence numbers are wrong.
//!
//! Two tasks: one polls the socket and hands over what comes in; the other passes messages on to the client. They are
//! apart because publishing waits while the socket is busy, and polling must not.

use std::time::Duration;

use bytes::Bytes;
use protocol::sparkplug::{Outgoing, Qos};
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, LastWill, MqttOptions, NetworkOptions, QoS, SubscribeFilter,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use crate::config::{BrokerUrl, Credentials, Security};

/// The broker takes a silent node for dead after one and a half times this.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// For reaching the broker, and for getting a message out.
const TIMEOUT_S: u64 = 5;
/// For leaving in good order.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages between the speaker and the socket: what is lost, uncounted, when the connection breaks. Few, because the
/// outbox is where messages wait.
const MESSAGES_UNDER_WAY: usize = 16;
/// Commands waiting for the node. While it is full the socket is not read.
const EVENTS_WAITING: usize = 64;
/// A command with a ticket is small.
const LARGEST_INCOMING: usize = 256 * 1024;
/// The birth of thousands of metrics, or a picture.
const LARGEST_OUTGOING: usize = 1024 * 1024;

/// Where to connect and as whom.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) broker: BrokerUrl,
    /// PEM; for TLS only.
    pub(super) ca: Option<Vec<u8>>,
    pub(super) credentials: Option<Credentials>,
    pub(super) client_id: String,
}

/// What happens on a connection.
#[derive(Debug)]
pub(super) enum ConnectionEvent {
    /// The broker accepted it.
    Connected,
    /// A message came.
    Message { topic: String, payload: Bytes },
    /// There is room for a message again; only when it was asked for.
    Room,
    /// It is over; the last event.
    Ended(String),
}

/// A connection, being made or made.
#[derive(Debug)]
pub(super) struct Connection {
    events: mpsc::Receiver<ConnectionEvent>,
    messages: mpsc::Sender<Outgoing>,
    poller: JoinHandle<()>,
    sender: JoinHandle<()>,
}

impl Connection {
    /// Begins to connect. The subscriptions go out before any message.
    pub(super) fn open(endpoint: &Endpoint, will: Outgoing, subscriptions: Vec<String>) -> Self {
        let (client, event_loop) = AsyncClient::new(options(endpoint, will), MESSAGES_UNDER_WAY);
        let (event_sender, events) = mpsc::channel(EVENTS_WAITING);
        let (messages, waiting) = mpsc::channel(1);
        let poller = tokio::spawn(poll(event_loop, event_sender));
        let sender = tokio::spawn(send(client, subscriptions, waiting));
        Self { events, messages, poller, sender }
    }

    /// The next event. After [`ConnectionEvent::Ended`] there is none.
    pub(super) async fn event(&mut self, wants_room: bool) -> ConnectionEvent {
        tokio::select! {
            biased;
            event = self.events.recv() => {
                event.unwrap_or_else(|| ConnectionEvent::Ended("the connection is over".to_owned()))
            }
            Ok(_) = self.messages.reserve(), if wants_room => ConnectionEvent::Room,
        }
    }

    /// Room for one message, if there is any now.
    pub(super) fn try_room(&self) -> Option<mpsc::Permit<'_, Outgoing>> {
        self.messages.try_reserve().ok()
    }

    /// Says farewell, disconnects, and ends both tasks. Anything not out after [`FAREWELL`] is given up.
    pub(super) async fn close(mut self, farewell: Outgoing) {
        let deadline = Instant::now() + FAREWELL;
        // It fails only when the connection is over, and then the broker says the farewell.
        let _ = timeout_at(deadline, self.messages.send(farewell)).await;
        drop(self.messages);
        // The poller must not wait for a reader while it sends.
        self.events.close();
        let _ = timeout_at(deadline, &mut self.sender).await;
        let _ = timeout_at(deadline, &mut self.poller).await;
        self.sender.abort();
        self.poller.abort();
    }

    /// Ends both tasks at once.
    pub(super) fn abandon(self) {
        self.sender.abort();
        self.poller.abort();
    }
}

fn options(endpoint: &Endpoint, will: Outgoing) -> MqttOptions {
    let BrokerUrl { host, port, security } = &endpoint.broker;
    let mut options = MqttOptions::new(&endpoint.client_id, host, *port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_session(true)
        .set_max_packet_size(LARGEST_INCOMING, LARGEST_OUTGOING)
        .set_last_will(LastWill {
            topic: will.topic,
            message: will.payload,
            qos: quality_of_service(will.qos),
            retain: will.is_retained,
        });
    if let Some(Credentials { username, password }) = &endpoint.credentials {
        options.set_credentials(username, password);
    }
    if *security == Security::Tls {
        let ca = endpoint.ca.clone().unwrap_or_default();
        let configuration = TlsConfiguration::Simple { ca, alpn: None, client_auth: None };
        options.set_transport(Transport::tls_with_config(configuration));
    }
    options
}

fn quality_of_service(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<ConnectionEvent>) {
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(TIMEOUT_S);
    network.set_tcp_nodelay(true);
    event_loop.set_network_options(network);
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => ConnectionEvent::Connected,
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                ConnectionEvent::Message { topic: publish.topic, payload: publish.payload }
            }
            Ok(Event::Incoming(Incoming::SubAck(answer)))
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                ConnectionEvent::Ended("the broker refuses a subscription of this node".to_owned())
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(_) => continue,
            Err(wrong) => ConnectionEvent::Ended(wrong.to_string()),
        };
        let is_last = matches!(event, ConnectionEvent::Ended(_));
        // Without a reader the connection is being closed, and what comes in does not matter any more.
        let _ = events.send(event).await;
        if is_last {
            return;
        }
    }
}

/// Passes messages on until there will be no more, then disconnects.
async fn send(client: AsyncClient, subscriptions: Vec<String>, mut messages: mpsc::Receiver<Outgoing>) {
    let filters = subscriptions.into_iter().map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
    if client.subscribe_many(filters).await.is_err() {
        return;
    }
    while let Some(Outgoing { topic, payload, qos, is_retained }) = messages.recv().await {
        // The client fails only when the poller is gone, which has said why.
        if client.publish_bytes(topic, quality_of_service(qos), is_retained, payload).await.is_err() {
            return;
        }
    }
    let _ = client.disconnect().await;
}
