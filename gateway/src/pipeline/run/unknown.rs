//! What the loop does when the database does not say whether it has committed a batch: asks again for a while, then goes on
//! from memory and keeps the batch apart. Asking again also commits it if it was not, so that in the end it is stored once.

use std::{sync::Arc, time::Duration};

use domain::id::NodeId;
use foldhash::HashMap;
use protocol::rest::LedgerFigures;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Pipeline, PipelineError, attempt::Attempt};
use crate::store::{BatchCommit, JournalId};

/// A batch of which nobody knows whether it is stored. It is shown from memory; its edge nodes are told neither that it was
/// committed nor that it was refused, so that what they send again is known to be a repetition.
pub(super) struct Unsettled {
    pub(super) journal: JournalId,
    pub(super) commit: Arc<BatchCommit>,
    /// What is committed of each node with it.
    pub(super) figures: HashMap<NodeId, LedgerFigures>,
}

impl Pipeline {
    /// Settles the batch that is kept apart, if there is one. Anything but [`Attempt::Stored`]: it still is.
    pub(super) async fn settle_unknown(&mut self, stop: &CancellationToken) -> Result<Attempt, PipelineError> {
        let Some(unsettled) = &self.unsettled else { return Ok(Attempt::Stored) };
        let (journal, commit) = (unsettled.journal, Arc::clone(&unsettled.commit));
        let started = Instant::now();
        let outcome = self.parts.store.settle_batch(journal, Arc::clone(&commit)).await;
        let attempt = self.follow(outcome, &commit, started, Duration::ZERO, stop).await?;
        if matches!(attempt, Attempt::Stored)
            && let Some(settled) = self.unsettled.take()
        {
            self.tell_edges(&commit, &settled.figures);
            self.announce_stored(commit.transitions.iter().map(|transition| transition.alarm));
        }
        Ok(attempt)
    }
}
