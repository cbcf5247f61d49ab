//! What came of one message of a node.

use domain::{
    id::NodeId,
    reading::Reading,
    time::{Now, UnixMs},
};
use protocol::{rest::LedgerFigures, sparkplug::outbox::Seq};

use crate::{
    ingest::{Blob, Ingested},
    ledger::{Counter, Lost},
    store::OutboxId,
};

/// What came of one message.
pub(in crate::ingest) struct Outcome {
    pub(in crate::ingest) ingested: Ingested,
    /// What the gateway noticed about the node: it goes on whatever becomes of the message.
    pub(in crate::ingest) notes: Vec<Reading>,
    pub(in crate::ingest) blobs: Vec<Blob>,
    /// The node has to be asked for its births.
    pub(in crate::ingest) needs_rebirth: bool,
    /// It was born with an outbox: it is to be told what is committed.
    pub(in crate::ingest) born_with: Option<OutboxId>,
    /// What it has sent again although it has gone on: it is to be told again.
    pub(in crate::ingest) repeated: Vec<Seq>,
    /// What the loss ledger is to know.
    pub(in crate::ingest) figures: LedgerFigures,
    pub(in crate::ingest) lost: Vec<Lost>,
    pub(in crate::ingest) counters: Vec<(Counter, i64, UnixMs)>,
}

impl Outcome {
    pub(in crate::ingest) fn new(node: NodeId, now: Now) -> Self {
        Self {
            ingested: Ingested::new(node, now),
            notes: Vec::new(),
            blobs: Vec::new(),
            needs_rebirth: false,
            born_with: None,
            repeated: Vec::new(),
            figures: LedgerFigures::default(),
            lost: Vec::new(),
            counters: Vec::new(),
        }
    }

    /// The numbers of the messages in it.
    pub(in crate::ingest) fn numbers(&self) -> &[Seq] {
        self.ingested.outbox.as_ref().map_or(&[], |outbox| &outbox.numbers)
    }
}
