//! What is decided and committed together. Pure.

use domain::{engine::LinkChange, id::NodeId, reading::Reading};
use foldhash::HashMap;
use protocol::rest::LedgerFigures;

use super::answers::Waiting;
use crate::{
    ingest::Ingested,
    store::{DiscoveredBirth, OutboxId, OutboxProgress},
};

/// Everything that came in since the batch before.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) readings: Vec<Reading>,
    /// Readings that were judged when they came first: to be stored and not judged again.
    pub(super) judged: Vec<Reading>,
    /// Values to be shown and not stored.
    pub(super) present: Vec<Reading>,
    pub(super) links: Vec<LinkChange>,
    pub(super) discovered: Vec<DiscoveredBirth>,
    /// What people did, in order.
    pub(super) waiting: Vec<Waiting>,
    /// What is added to outboxes, one entry each.
    pub(super) outboxes: Vec<OutboxProgress>,
    /// Index in `outboxes`.
    by_outbox: HashMap<OutboxId, usize>,
    /// What is committed of each node, for the loss ledger.
    pub(super) figures: HashMap<NodeId, LedgerFigures>,
    /// Messages and readings in them that no node sends again, if they are not stored.
    pub(super) unrepeated: HashMap<NodeId, (u64, u64)>,
}

impl Batch {
    pub(super) fn add(&mut self, message: Ingested, is_judged: bool) {
        if !message.comes_again() && !message.readings.is_empty() {
            let (messages, readings) = self.unrepeated.entry(message.node.clone()).or_default();
            (*messages, *readings) = (*messages + 1, *readings + message.readings.len() as u64);
        }
        let figures = match self.figures.get_mut(&message.node) {
            Some(figures) => figures,
            None => self.figures.entry(message.node).or_default(),
        };
        figures.committed_readings += message.readings.len() as u64;
        let readings = if is_judged { &mut self.judged } else { &mut self.readings };
        if readings.is_empty() {
            *readings = message.readings;
        } else {
            readings.extend(message.readings);
        }
        self.present.extend(message.present);
        self.links.extend(message.links);
        self.discovered.extend(message.discovered);
        if let Some(progress) = message.outbox {
            figures.committed_messages += progress.numbers.len() as u64;
            self.add_progress(progress);
        } else {
            figures.committed_messages += 1;
        }
    }

    fn add_progress(&mut self, progress: OutboxProgress) {
        let Some(&index) = self.by_outbox.get(&progress.outbox) else {
            self.by_outbox.insert(progress.outbox.clone(), self.outboxes.len());
            self.outboxes.push(progress);
            return;
        };
        let OutboxProgress { outbox: _, floor, numbers, reading_count, gaps } = progress;
        let sum = &mut self.outboxes[index];
        sum.floor = sum.floor.max(floor);
        sum.numbers.extend(numbers);
        sum.reading_count += reading_count;
        sum.gaps.extend(gaps);
    }
}
