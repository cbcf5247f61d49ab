//! The Sparkplug edge node: one task that takes what the sources say and speaks for it to the centre.
//!
//! - `speaker`: what to say next; pure but for the outbox's disk.
//! - `board`: what stands here now; pure.
//! - `delivery`: which message of the outbox is next, and what becomes of it; `window`: what is under way.
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
mod delivery;
mod health;
mod link_mode;
mod losses;
mod speaker;
mod window;

use std::{collections::HashMap, fs, io, path::PathBuf, time::Duration};

use domain::id::DeviceId;
use protocol::sparkplug::{
    edge_session::EdgeSession,
    host_state::{HostState, PrimaryHost},
    outbox::Incarnation,
    topic::{GroupId, HostId, NodeAddress, Topic, TopicError},
};
use rand::RngExt;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

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
    outbox::{Folder, Outbox},
    shape::Shaper,
    source::{DeviceCommand, SourceEvent},
};

/// How often the agent reports on itself: the report interval of the profile `edge_node`.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// The backlog goes out in portions of [`BACKLOG_PORTION`] so often: at most five thousand messages a second, so that a
/// day's backlog is told in minutes, and in portions between which what is fresh goes first. A host that acknowledges
/// sets the pace within that: only so many messages may be under way.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(20);
/// Messages of the backlog a portion.
const BACKLOG_PORTION: usize = 100;
/// Events that are taken before anything is said.
const EVENTS_AT_ONCE: usize = 64;
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
    /// The outbox cannot be used; another agent may have it.
    #[error("cannot open the outbox in {}", folder.display())]
    Outbox {
        /// Its folder.
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
    /// How messages are kept.
    pub outbox: config::OutboxSetup,
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
    flush_interval: Duration,
    /// What makes durable what was taken, while it runs; a memory card can take a second for it.
    flush: Option<JoinHandle<io::Result<()>>>,
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
        let Settings { node, broker, credentials, broker_ca, state_dir, outbox } = settings;
        let address = NodeAddress { group: GroupId::new(node.group.as_str())?, node: node.id.clone() };
        let bd_seq = BdSeqFile::in_folder(&state_dir)
            .map_err(|source| NodeError::StateFolder { folder: state_dir.clone(), source })?;
        let primary_host = broker.primary_host.as_deref().map(HostId::new).transpose()?.map(PrimaryHost::new);
        let session = EdgeSession::new(address, bd_seq.read());
        let flush_interval = outbox.flush_interval;
        let outbox = open_outbox(&outbox).map_err(|source| NodeError::Outbox { folder: outbox.dir, source })?;
        Ok(Self {
            speaker: Speaker::new(session, Shaper::new(node.refresh()), outbox),
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
            flush_interval,
            flush: None,
        })
    }

    /// Speaks for the sources until stopped, then says the node's death and disconnects.
    pub async fn run(mut self, mut events: mpsc::Receiver<SourceEvent>, stop: CancellationToken) {
        let [mut health, mut backlog, mut keep] = [HEALTH_INTERVAL, BACKLOG_INTERVAL, self.flush_interval].map(ticks);
        let mut taken = Vec::with_capacity(EVENTS_AT_ONCE);
        let mut is_full = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.stop().await,
                happened = next_on(&mut self.link, is_full) => self.follow(happened).await,
                result = done(&mut self.flush) => self.speaker.flushed(&result),
                _ = health.tick() => {
                    self.speaker.measure_health(clock::now());
                    self.losses.note(self.speaker.gap_count());
                }
                _ = keep.tick() => {
                    if let Some(flush) = self.speaker.tick(clock::now()) {
                        self.flush = Some(tokio::task::spawn_blocking(flush));
                    }
                }
                _ = backlog.tick(), if self.speaker.is_born() && self.speaker.has_undelivered() => {
                    self.speaker.release_backlog(BACKLOG_PORTION);
                }
                count = events.recv_many(&mut taken, EVENTS_AT_ONCE), if !events.is_closed() || !events.is_empty() => {
                    debug_assert_eq!(count, taken.len());
                    let now = clock::now();
                    for event in taken.drain(..) {
                        self.speaker.take(event, now);
                    }
                }
            }
            is_full = self.speak();
            self.mode.become_now(LinkMode::of(self.speaker.is_born(), self.speaker.has_backlog()));
        }
    }

    /// Says farewell, and closes the outbox so that nothing of it can be lost.
    async fn stop(mut self) {
        self.leave().await;
        if self.flush.is_some() {
            let result = done(&mut self.flush).await;
            self.speaker.flushed(&result);
        }
        self.speaker.close(clock::now());
    }

    /// Says all there is to say, or as much as there is room for. True when room is missing.
    fn speak(&mut self) -> bool {
        let Link::Open(connection) = &self.link else { return false };
        loop {
            let Some(room) = connection.try_room() else { return true };
            let Some(message) = self.speaker.next(clock::now()) else { return false };
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
                    None => self.speaker.begin(clock::now()),
                    Some(host) => info!(topic = host.topic(), "waiting until the host says that it is there"),
                }
            }
            Happened::On(ConnectionEvent::Message { topic, payload }) => match Topic::parse(&topic) {
                Ok(Topic::State(host)) => self.host_said(&host, &payload).await,
                Ok(topic) => {
                    for command in self.speaker.command(&topic, payload, clock::now()) {
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
                self.speaker.begin(clock::now());
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

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn open_outbox(setup: &config::OutboxSetup) -> io::Result<Outbox> {
    let disk = Folder::open(&setup.dir)?;
    let new = Incarnation(Uuid::new_v4().as_u128());
    Outbox::open(Box::new(disk), setup.limits, boot_id(), new, clock::now())
}

/// Which start of the machine this is. What cannot be told apart counts as another one.
fn boot_id() -> u128 {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Uuid::try_parse(text.trim()).unwrap_or_else(|_| Uuid::new_v4()).as_u128()
}

/// The end of the flush; never while none runs.
async fn done(flush: &mut Option<JoinHandle<io::Result<()>>>) -> io::Result<()> {
    let Some(running) = flush else { return std::future::pending().await };
    let result = running.await;
    *flush = None;
    result.unwrap_or_else(|wrong| Err(io::Error::other(wrong)))
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
