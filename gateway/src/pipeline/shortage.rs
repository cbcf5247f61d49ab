//! What is remembered while not everything can be stored. Pure.
//!
//! When the disk is full, readings are refused first: they are judged and shown, but their edge nodes keep them and send
//! them again. The reserve lets alarms and what people do be committed all the same. When even that is impossible, what
//! was decided is owed: shown as not stored, and committed first when there is room again.

use std::collections::HashMap;

use domain::{
    alarm::{ServiceChange, Transition},
    id::AlarmId,
    notice::Notice,
    time::UnixMs,
};
use protocol::sparkplug::outbox::Numbers;

use crate::{
    ingest::Ingested,
    store::{BatchCommit, OutboxId, OutboxProgress, SeriesDefinition},
};

/// So many steps of alarms may be owed; beyond that no more messages are taken, which their nodes send again.
const OWED_MAX: usize = 20_000;

/// What was decided and is not on disk.
#[derive(Debug, Default)]
pub(super) struct Owed {
    new_series: Vec<SeriesDefinition>,
    transitions: Vec<Transition>,
    service: Vec<ServiceChange>,
    notices: Vec<Notice>,
}

impl Owed {
    /// Whether no more may be.
    pub(super) fn is_full(&self) -> bool {
        self.transitions.len() + self.service.len() >= OWED_MAX
    }

    /// Remembers what follows from a batch.
    pub(super) fn add(&mut self, commit: &BatchCommit) {
        self.new_series.extend_from_slice(&commit.new_series);
        self.transitions.extend_from_slice(&commit.transitions);
        self.service.extend_from_slice(&commit.service);
        self.notices.extend_from_slice(&commit.notices);
    }

    /// The alarms of which a step is owed, as often as there are steps.
    pub(super) fn alarms(&self) -> impl Iterator<Item = AlarmId> + '_ {
        self.transitions.iter().map(|transition| transition.alarm)
    }

    /// All of it, as it is committed.
    pub(super) fn to_commit(&self, received: UnixMs) -> BatchCommit {
        BatchCommit {
            received,
            new_series: self.new_series.clone(),
            readings: Vec::new().into(),
            transitions: self.transitions.clone(),
            service: self.service.clone(),
            notices: self.notices.clone(),
            discovered: Vec::new(),
            outboxes: Vec::new(),
        }
    }
}

/// What of a batch is committed although its readings are refused.
pub(super) fn without_readings(commit: &BatchCommit) -> BatchCommit {
    BatchCommit { readings: Vec::new().into(), outboxes: Vec::new(), ..commit.clone() }
}

/// The numbered messages that were judged and not stored. When they come again they are stored, and not judged again.
/// Forgotten when the process ends: then they are judged as what they are, late.
#[derive(Debug, Default)]
pub(super) struct Judged {
    by_outbox: HashMap<OutboxId, Numbers>,
}

impl Judged {
    /// Remembers the messages of a batch whose readings were refused.
    pub(super) fn add(&mut self, progress: &[OutboxProgress]) {
        for one in progress {
            let numbers = self.by_outbox.entry(one.outbox.clone()).or_default();
            for seq in &one.numbers {
                // With too many holes to remember one more, it is judged twice.
                let _ = numbers.insert(*seq);
            }
        }
    }

    /// Whether all that a message holds was judged before.
    pub(super) fn covers(&self, message: &Ingested) -> bool {
        let Some(progress) = message.outbox.as_ref().filter(|progress| !progress.numbers.is_empty()) else {
            return false;
        };
        let numbers = self.by_outbox.get(&progress.outbox);
        numbers.is_some_and(|numbers| progress.numbers.iter().all(|seq| numbers.contains(*seq)))
    }
}
