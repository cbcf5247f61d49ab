//! Sparkplug host application: bytes from the broker → checked readings, births and deaths. Whatever arrives, however
//! broken, costs its sender a line in the log and nobody else anything.
//!
//! - `receive`: the connection that hears; [`start`] adds the one that speaks.
//! - `nodes`, `node`: who said what, and whether they may (pure).
//! - `outbox`: which numbered messages have gone on (pure); `acknowledge`: nodes are told which are committed.
//! - `judge`: what a metric is worth as a reading (pure); `latest`: what is news in a birth (pure).
//! - `rebirth`: whom to ask for births; `notes`, `duplicate`: what the gateway itself notices about a node (pure).
//! - `silence`: when a node that says no goodbye is gone (pure).
//! - `message`, `series`: what is handed on.

mod acknowledge;
mod behind;
mod duplicate;
mod judge;
mod latest;
mod message;
mod node;
mod nodes;
mod notes;
mod outbox;
mod rebirth;
mod receive;
mod series;
mod settings;
mod silence;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use domain::{
    id::{DeviceId, MetricName, NodeId},
    profile::Profiles,
    reading::{Reading, Value},
    registry::Registry,
};
use protocol::sparkplug::{metric::ContentError, payload::Limits};
use rumqttc::AsyncClient;
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub use self::{
    acknowledge::Acknowledger,
    message::{Blob, Ingested},
    node::NodeStatus,
    series::SeriesIndex,
    settings::{Config, Settings},
};
use self::{nodes::Nodes, receive::Ear};
use crate::{
    broker::{Enrolment, access::Connection},
    clock::Clock,
    ledger::Ledger,
    pipeline::Inlet,
    store::OutboxState,
};

/// Commands and acknowledgements that may wait for the connection.
const COMMAND_QUEUE: usize = 1024;
/// Nodes that may wait to be put out; further ones come again after an hour.
const DEAF_QUEUE: usize = 256;
/// Pause after the speaking connection was lost.
const RECONNECT: Duration = Duration::from_secs(1);

/// What ingest works with.
pub struct Parts {
    /// How to connect, and as which host.
    pub settings: Settings,
    /// The process's clocks.
    pub clock: Clock,
    /// Who may speak for whom.
    pub registry: Arc<ArcSwap<Registry>>,
    /// What is plausible.
    pub profiles: Arc<Profiles>,
    /// Which number is which (device, metric).
    pub series: Arc<SeriesIndex>,
    /// The newest stored reading of every series.
    pub stored: Vec<Reading>,
    /// Credentials at our own broker: by them a node that does not know requests is made to connect anew.
    pub enrolment: Option<Enrolment>,
    /// Client ids that another connection put out.
    pub takeovers: broadcast::Receiver<Arc<str>>,
    /// Which numbered messages of edge nodes are committed.
    pub outboxes: Vec<OutboxState>,
    /// Where nodes are told so.
    pub acknowledger: Acknowledger,
    /// Where passages and losses are noted.
    pub ledger: Ledger,
    /// Checked messages go here; one without room sheds, counted.
    pub to_pipeline: Inlet,
    /// Files go here; a full channel sheds, counted.
    pub blobs: mpsc::Sender<Blob>,
}

/// How the rest of the gateway asks about nodes and commands devices. Cheap to clone.
#[derive(Clone)]
pub struct IngestHandle {
    nodes: Arc<Mutex<Nodes>>,
    voice: AsyncClient,
    clock: Clock,
    connected: watch::Receiver<bool>,
}

/// Why a device cannot be told anything.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is in no registry.
    #[error("device {0} is not registered")]
    Unregistered(DeviceId),
    /// Its node has not been heard since the gateway started.
    #[error("node {0} has not been heard yet")]
    Silent(NodeId),
    /// Its birth declared a metric of another type.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// There is no connection to the broker.
    #[error("no connection to the broker")]
    Disconnected,
}

/// Starts hearing. The tasks end after `stop`.
pub fn start(parts: Parts, stop: &CancellationToken) -> (IngestHandle, JoinSet<()>) {
    let limits = Limits { payload_bytes_max: parts.settings.message_bytes_max, ..Limits::default() };
    let nodes =
        Nodes::new(parts.registry, parts.profiles, parts.series, parts.ledger, limits, &parts.stored, parts.outboxes);
    let nodes = Arc::new(Mutex::new(nodes));
    let options = parts.settings.access.options(Connection::Publish, "brightwatch-publish");
    let (voice, mut speaking) = AsyncClient::new(options, COMMAND_QUEUE);
    let (connected_sender, connected) = watch::channel(false);
    let ear = Arc::new(Ear {
        settings: parts.settings,
        clock: parts.clock,
        nodes: Arc::clone(&nodes),
        to_pipeline: parts.to_pipeline,
        acknowledger: parts.acknowledger.clone(),
        blobs: parts.blobs,
        connected: connected_sender,
    });

    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&ear).hear(stop.clone()));
    let (to_put_out, deaf) = mpsc::channel(DEAF_QUEUE);
    tasks.spawn(ear.tick(parts.takeovers, voice.clone(), to_put_out, stop.clone()));
    tasks.spawn(put_out(parts.enrolment, deaf));
    tasks.spawn(parts.acknowledger.run(voice.clone(), stop.clone()));
    let stop = stop.clone();
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                // What goes wrong here goes wrong on the hearing connection too, which logs it.
                event = speaking.poll() => if event.is_err() { tokio::time::sleep(RECONNECT).await },
            }
        }
    });
    (IngestHandle { nodes, voice, clock: parts.clock, connected }, tasks)
}

/// Ends the connections of nodes that speak but never tell their births when asked: most do when they connect anew. Ends
/// when nobody names any more.
async fn put_out(enrolment: Option<Enrolment>, mut deaf: mpsc::Receiver<NodeId>) {
    while let Some(node) = deaf.recv().await {
        let Some(enrolment) = &enrolment else {
            tracing::warn!(node.id = %node, "does not answer requests for its births; restart it");
            continue;
        };
        tracing::warn!(node.id = %node, "does not answer requests for its births; it is made to connect anew");
        if let Err(error) = enrolment.reconnect(&node).await {
            tracing::warn!(node.id = %node, error = %anyhow::Error::new(error), "it could not be put out");
        }
    }
}

impl IngestHandle {
    /// How every node that was heard is doing, by id.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.lock().statuses()
    }

    /// After how many milliseconds of silence a node is taken to be gone, as learned from what it sends; None: that is not
    /// known, or its broker says so itself.
    pub fn gone_after_ms(&self, node: &NodeId) -> Option<u64> {
        self.lock().gone_after_ms(node)
    }

    /// Whether the broker is connected, and every change of that.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }

    /// Tells a device to set a metric. That it was sent does not mean that it was done.
    ///
    /// # Errors
    /// [`CommandError`] when it cannot even be sent.
    pub fn send_device_command(
        &self,
        device: &DeviceId,
        metric: &MetricName,
        value: Value,
    ) -> Result<(), CommandError> {
        if !*self.connected.borrow() {
            return Err(CommandError::Disconnected);
        }
        let message = self.lock().device_command(device, metric, value, self.clock.now().wall)?;
        receive::publish(&self.voice, &message);
        Ok(())
    }

    /// Asks a node for all its births.
    pub fn request_rebirth(&self, node: &NodeId) {
        self.lock().want_rebirth(node);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
