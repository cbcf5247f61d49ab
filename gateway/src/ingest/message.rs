//! What ingest hands on.

use bytes::Bytes;
use domain::{
    engine::LinkChange,
    id::{DeviceId, MetricName, NodeId},
    reading::Reading,
    time::{Now, UnixMs},
};

use crate::store::{DiscoveredBirth, OutboxProgress};

/// One checked message of one edge node: for the pipeline.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// Who sent it.
    pub node: NodeId,
    /// When it was received.
    pub received: Now,
    /// Who came or went with it.
    pub links: Vec<LinkChange>,
    /// What was measured, and what the gateway itself noticed about the node.
    pub readings: Vec<Reading>,
    /// Devices in it that nobody registered.
    pub discovered: Vec<DiscoveredBirth>,
    /// Values that a birth of a node with an outbox told: to be shown, not stored. Their numbered messages follow.
    pub present: Vec<Reading>,
    /// It tells of the past: what waited in an outbox.
    pub is_historical: bool,
    /// Under which numbers of the node's outbox it came; None: under none, so it will never come again.
    pub outbox: Option<OutboxProgress>,
    /// Bytes that it had on the wire.
    pub wire_bytes: usize,
}

impl Ingested {
    /// A message with nothing in it yet.
    pub fn new(node: NodeId, received: Now) -> Self {
        Self {
            node,
            received,
            links: Vec::new(),
            readings: Vec::new(),
            discovered: Vec::new(),
            present: Vec::new(),
            is_historical: false,
            outbox: None,
            wire_bytes: 0,
        }
    }

    /// Whether the node sends it again until it is committed.
    pub fn comes_again(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| !outbox.numbers.is_empty())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.readings.is_empty()
            && self.discovered.is_empty()
            && self.present.is_empty()
            && self.outbox.is_none()
    }
}

/// A metric whose value is a file, such as a camera's still: not a reading, and not for the journal.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Whose.
    pub device: DeviceId,
    /// Which metric.
    pub metric: MetricName,
    /// When it was taken, by the edge's clock.
    pub at: UnixMs,
    /// The file.
    pub bytes: Bytes,
}
