//! What is decided and committed together. Pure.

use domain::{engine::LinkChange, reading::Reading};

use super::answers::Waiting;
use crate::{ingest::Ingested, store::DiscoveredBirth};

/// Everything that came in since the batch before.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) readings: Vec<Reading>,
    pub(super) links: Vec<LinkChange>,
    pub(super) discovered: Vec<DiscoveredBirth>,
    /// What people did, in order.
    pub(super) waiting: Vec<Waiting>,
}

impl Batch {
    pub(super) fn add(&mut self, message: Ingested) {
        self.readings.extend(message.readings);
        self.links.extend(message.links);
        self.discovered.extend(message.discovered);
    }
}
