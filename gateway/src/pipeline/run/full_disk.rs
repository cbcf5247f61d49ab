//! What the loop does while not everything can be stored: says so, refuses readings, and looks whether there is room again.

use std::sync::Arc;

use domain::id::AlarmId;
use foldhash::HashMap;
use metrics::{counter, gauge};
use protocol::{
    live::Storing,
    rest::{GapWhy, LedgerFigures},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Batch, HEALTH_PART, Pipeline, PipelineError, RECOVER_MAX, RETRY_MAX, attempt::Attempt, unknown::Unsettled,
};
use crate::{ledger::Lost, live::present::Changes, pipeline::shortage::Owed, store::BatchCommit};

impl Pipeline {
    /// From here on only so much is stored, and everybody knows.
    pub(super) fn store_only(&mut self, storing: Storing) {
        let (words, figure) = match storing {
            Storing::Everything => ("everything is stored again", 2.0),
            Storing::AlarmsOnly => ("the disk is full: readings are refused, alarms are stored", 1.0),
            Storing::Nothing => ("nothing can be stored: alarms are shown from memory", 0.0),
        };
        self.storing = storing;
        gauge!("gateway_storing").set(figure);
        if storing == Storing::Everything {
            tracing::info!("{words}");
            self.parts.health.works(HEALTH_PART);
            (self.failing_since, self.recover_at) = (None, None);
        } else {
            tracing::error!("{words}");
            self.parts.health.fails(HEALTH_PART, words);
            self.look_later();
        }
        self.parts.live.publish(Changes { storing: Some(storing), ..Changes::default() });
    }

    /// Looks again after a pause, which is longer each time.
    fn look_later(&mut self) {
        self.recover_at = Some(Instant::now() + self.recover_pause);
        self.recover_pause = (self.recover_pause * 2).min(RECOVER_MAX);
    }

    /// Looks whether more can be stored, and stores what is owed. False: stopped before that was known.
    pub(super) async fn recover(&mut self, stop: &CancellationToken) -> Result<bool, PipelineError> {
        let has_room = self.parts.store.take_reserve().await;
        if !has_room && self.storing == Storing::AlarmsOnly {
            self.recover_at = Some(Instant::now() + RETRY_MAX);
            return Ok(true);
        }
        match self.settle_unknown(stop).await? {
            Attempt::Stored => {}
            Attempt::Full | Attempt::Failed | Attempt::Unknown(_) => {
                self.look_later();
                return Ok(true);
            }
            Attempt::Stopped => return Ok(false),
        }
        // With nothing owed it is an empty batch, which tells whether there is room.
        let owed = Arc::new(self.owed.to_commit(self.parts.clock.now().wall));
        match self.attempt(&owed, stop).await? {
            Attempt::Stored => {
                let owed = std::mem::take(&mut self.owed);
                self.announce_stored(owed.alarms());
                self.store_only(if has_room { Storing::Everything } else { Storing::AlarmsOnly });
            }
            Attempt::Full | Attempt::Failed => self.look_later(),
            Attempt::Unknown(journal) => {
                self.owed = Owed::default();
                self.unsettled = Some(Unsettled { journal, commit: owed, figures: HashMap::default() });
                self.look_later();
            }
            Attempt::Stopped => return Ok(false),
        }
        Ok(true)
    }

    /// These alarms are on disk as they are shown.
    pub(super) fn announce_stored(&mut self, alarms: impl Iterator<Item = AlarmId>) {
        let alarms = self.announced.stored(alarms);
        self.parts.live.publish(Changes { alarms, ..Changes::default() });
    }

    /// The readings of a batch are not stored: numbered messages come again, others are lost and stand in the ledger.
    pub(super) fn refuse(&mut self, batch: &Batch, whole: &BatchCommit) {
        counter!("gateway_readings_refused_total").increment(whole.readings.len() as u64);
        self.judged.add(&whole.outboxes);
        self.parts.acknowledger.refused(&whole.outboxes);
        for (node, figures) in &batch.figures {
            let shed = LedgerFigures {
                shed_messages: figures.committed_messages,
                shed_readings: figures.committed_readings,
                ..LedgerFigures::default()
            };
            self.parts.ledger.note(node, whole.received, &shed);
        }
        for (node, &(messages, readings)) in &batch.unrepeated {
            let (from, to) = (whole.received, whole.received);
            let messages = Some(messages);
            let lost = Lost { why: GapWhy::Shed, messages, readings: Some(readings), from, to };
            self.parts.ledger.lost(node, lost, whole.received);
        }
    }
}
