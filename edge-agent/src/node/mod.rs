//! The Sparkplug edge node: one task that takes what the sources say and speaks for it to the centre.
//!
//! - `speaker`: what to say next; pure.
//! - `board`: what stands here now; pure.
//! - `connection`: the socket.
//! - `health`: the agent's own metrics.
//! - `link_mode`, `losses`: words for the log.
//! - `bd_seq`: what is remembered of connections.
//!
//! The loop below never waits for the broker: while there is no room, or no connection, sources are still read and
//! their samples go to the outbox.

mod bd_seq;
mod board;
mod connection;
mod health;
mod link_mode;
mod losses;
mod speaker;

use std::{collections::HashMap, io, path::PathBuf, time::Duration};

use domain::id::DeviceId;
use protocol::sparkplug::{
    edge_session::EdgeSession,
    host_state::{HostState, PrimaryHost},
    topic::{GroupId, HostId, NodeAddress, Topic, TopicError},
};
use rand::RngExt;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::{
    bd_seq::BdSeqFile,
    connection::{Connection, ConnectionEvent, Endpoint},
    link_mode::LinkMode,
    losses::Losses,
    speaker::Speaker,
};
use crate::{
    backoff::Backoff,
    clock,
    config::{self, Broker, Credentials},
    outbox::Outbox,
    shape::Shaper,
    source::{DeviceCommand, SourceEvent},
};

/// How often the agent reports on itself: the report interval of the profile `edge_node`.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// The backlog goes out in portions of [`BACKLOG_PORTION`] so often: a thousand messages a second, which the centre
/// takes from dozens of nodes at once and which leaves room between for what is fresh.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(100);
/// Messages of the backlog a portion.
const BACKLOG_PORTION: usize = 100;
/// Delay before the first new connection.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest delay between connections.
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// A connection that held this long counts as a success. Two agents under one name throw each other out at once; they
/// must not do so ever faster.
const STABLE: Duration = Duration::from_secs(30);

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Group or host is no name for a topic.
    #[error("a name in the configuration cannot be part of an MQTT topic")]
    Name(#[from] TopicError),
    /// The agent's own folder cannot be used.
    #[error("cannot use the folder {}", folder.display())]
    StateFolder {
        /// Which.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What a node is made from.
#[derive(Debug)]
pub struct Settings {
    /// Who it is.
    pub node: config::Node,
    /// Where it speaks to.
    pub broker: Broker,
    /// What it signs in with.
    pub credentials: Option<Credentials>,
    /// Certificates (PEM) that may sign the broker's.
    pub broker_ca: Option<Vec<u8>>,
    /// What must survive a restart lies here.
    pub state_dir: PathBuf,
}

/// Where commands to devices go.
pub type CommandRoutes = HashMap<DeviceId, mpsc::Sender<DeviceCommand>>;

/// The node before it runs.
#[derive(Debug)]
pub struct Node {
    speaker: Speaker,
    endpoint: Endpoint,
    primary_host: Option<PrimaryHost>,
    bd_seq: BdSeqFile,
    routes: CommandRoutes,
    link: Link,
    mode: LinkMode,
    losses: Losses,
    backoff: Backoff,
    /// Since when the broker accepts the present connection.
    connected: Option<Instant>,
    /// The last reason for an end that was told at `warn`.
    told: String,
}

/// The connection, or the wait for the next one.
#[derive(Debug)]
enum Link {
    Waiting { until: Instant },
    Open(Connection),
}

impl Node {
    /// Prepares the node; nothing is sent yet.
    pub fn new(settings: Settings, routes: CommandRoutes) -> Result<Self, NodeError> {
        let Settings { node, broker, credentials, broker_ca, state_dir } = settings;
        let address = NodeAddress { group: GroupId::new(node.group.as_str())?, node: node.id.clone() };
        let bd_seq = BdSeqFile::in_folder(&state_dir)
            .map_err(|source| NodeError::StateFolder { folder: state_dir.clone(), source })?;
        let primary_host = broker.primary_host.as_deref().map(HostId::new).transpose()?.map(PrimaryHost::new);
        let capacity = usize::try_from(node.outbox_messages).unwrap_or(usize::MAX);
        let session = EdgeSession::new(address, bd_seq.read());
        Ok(Self {
            speaker: Speaker::new(session, Shaper::new(node.refresh()), Outbox::new(capacity)),
            endpoint: Endpoint {
                client_id: broker.username.unwrap_or_else(|| node.id.to_string()),
                broker: broker.url,
                ca: broker_ca,
                credentials,
            },
            primary_host,
            bd_seq,
            routes,
            link: Link::Waiting { until: Instant::now() },
            mode: LinkMode::Offline,
            losses: Losses::default(),
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            connected: None,
            told: String::new(),
        })
    }

    /// Speaks for the sources until stopped, then says the node's death and disconnects.
    pub async fn run(mut self, mut events: mpsc::Receiver<SourceEvent>, stop: CancellationToken) {
        let mut health = interval(HEALTH_INTERVAL);
        let mut backlog = interval(BACKLOG_INTERVAL);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        backlog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_full = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.leave().await,
                happened = next_on(&mut self.link, is_full) => self.follow(happened).await,
                _ = health.tick() => {
                    self.speaker.measure_health();
                    self.losses.note(self.speaker.gap_count());
                }
                _ = backlog.tick(), if self.speaker.is_born() && self.speaker.has_backlog() => {
                    self.speaker.release_backlog(BACKLOG_PORTION);
                }
                Some(event) = events.recv() => self.speaker.take(event),
            }
            is_full = self.speak();
            self.mode.become_now(LinkMode::of(self.speaker.is_born(), self.speaker.has_backlog()));
        }
    }

    /// Says all there is to say, or as much as there is room for. True when room is missing.
    fn speak(&mut self) -> bool {
        let Link::Open(connection) = &self.link else { return false };
        loop {
            let Some(room) = connection.try_room() else { return true };
            let Some(message) = self.speaker.next(clock::wall()) else { return false };
            room.send(message);
        }
    }

    async fn follow(&mut self, happened: Happened) {
        match happened {
            Happened::Due => self.connect(),
            Happened::On(ConnectionEvent::Connected) => {
                info!(broker = self.endpoint.broker.host, port = self.endpoint.broker.port, "connected to the broker");
                self.connected = Some(Instant::now());
                self.told.clear();
                match &self.primary_host {
                    None => self.speaker.begin(),
                    Some(host) => info!(topic = host.topic(), "waiting until the host says that it is there"),
                }
            }
            Happened::On(ConnectionEvent::Message { topic, payload }) => match Topic::parse(&topic) {
                Ok(Topic::State(host)) => self.host_said(&host, &payload).await,
                Ok(topic) => {
                    for command in self.speaker.command(&topic, payload) {
                        self.route(command);
                    }
                }
                Err(wrong) => warn!(topic, "message ignored: {wrong}"),
            },
            Happened::On(ConnectionEvent::Room) => {}
            Happened::On(ConnectionEvent::Ended(reason)) => self.ended(&reason),
        }
    }

    fn connect(&mut self) {
        let (will, bd_seq) = self.speaker.connect(clock::wall());
        if let Some(bd_seq) = bd_seq {
            self.bd_seq.write(bd_seq);
        }
        let address = self.speaker.address();
        let mut subscriptions = vec![address.node_commands(), address.device_commands()];
        if let Some(host) = &mut self.primary_host {
            host.forget();
            subscriptions.push(host.topic());
        }
        self.link = Link::Open(Connection::open(&self.endpoint, will, subscriptions));
    }

    fn ended(&mut self, reason: &str) {
        self.speaker.be_silent();
        if self.connected.take().is_some_and(|since| since.elapsed() >= STABLE) {
            self.backoff.reset();
        }
        let delay = self.backoff.after_failure(rand::rng().random());
        let retry_ms = delay.as_millis();
        if self.told == reason {
            debug!(reason, retry_ms, failures = self.backoff.failures(), "no connection to the broker");
        } else {
            warn!(reason, retry_ms, "no connection to the broker; still trying");
            reason.clone_into(&mut self.told);
        }
        if let Link::Open(connection) =
            std::mem::replace(&mut self.link, Link::Waiting { until: Instant::now() + delay })
        {
            connection.abandon();
        }
    }

    /// The host that this node is for comes or goes. When it goes, the node dies and connects anew, to be born when the
    /// host is back (tck-id-operational-behavior-edge-node-termination-host-offline-reconnect).
    async fn host_said(&mut self, host: &HostId, payload: &[u8]) {
        let Some(primary) = &mut self.primary_host else { return };
        let state = match HostState::parse(payload) {
            Ok(state) => state,
            Err(wrong) => return warn!(host = host.as_str(), "state of the host ignored: {wrong}"),
        };
        if !primary.receive(host, state) {
            return;
        }
        match (primary.is_online(), self.speaker.is_born()) {
            (true, false) => {
                info!(host = host.as_str(), "the host is there");
                self.speaker.begin();
            }
            (false, true) => {
                warn!(host = host.as_str(), "the host is gone");
                self.leave().await;
                self.link = Link::Waiting { until: Instant::now() };
            }
            (true, true) | (false, false) => {}
        }
    }

    fn route(&self, command: DeviceCommand) {
        let Some(source) = self.routes.get(&command.device) else {
            return warn!(device.id = %command.device, "command refused: no source speaks for the device");
        };
        if source.try_send(command).is_err() {
            warn!("command dropped: its source does not keep up");
        }
    }

    async fn leave(&mut self) {
        let farewell = self.speaker.farewell(clock::wall());
        match (std::mem::replace(&mut self.link, Link::Waiting { until: Instant::now() }), farewell) {
            (Link::Open(connection), Some(farewell)) => connection.close(farewell).await,
            (Link::Open(connection), None) => connection.abandon(),
            (Link::Waiting { .. }, _) => {}
        }
    }
}

/// What the link brings next.
enum Happened {
    /// It is time to connect.
    Due,
    On(ConnectionEvent),
}

async fn next_on(link: &mut Link, wants_room: bool) -> Happened {
    match link {
        Link::Waiting { until } => {
            sleep_until(*until).await;
            Happened::Due
        }
        Link::Open(connection) => Happened::On(connection.event(wants_room).await),
    }
}
