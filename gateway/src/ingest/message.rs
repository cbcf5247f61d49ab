//! What ingest hands on.

use bytes::Bytes;
use domain::{
    engine::LinkChange,
    id::{DeviceId, MetricName, NodeId},
    reading::Reading,
    time::{Now, UnixMs},
};

use crate::store::DiscoveredBirth;

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
