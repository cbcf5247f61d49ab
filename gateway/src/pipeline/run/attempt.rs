//! One batch is offered to the store, and what became of it is made sure of.

use std::{sync::Arc, time::Duration};

use metrics::{counter, histogram};
use protocol::live::Storing;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HEALTH_PART, PATIENCE, Pipeline, PipelineError, RETRY_MAX, RETRY_MIN};
use crate::store::{BatchCommit, JournalId, StoreError};

/// What became of an attempt to commit.
pub(super) enum Attempt {
    Stored,
    /// There is no room on the disk.
    Full,
    Failed,
    /// The database has not said for too long whether it is stored.
    Unknown(JournalId),
    /// The gateway stopped before that was known.
    Stopped,
}

impl Pipeline {
    /// Tries to commit.
    pub(super) async fn attempt(
        &mut self,
        commit: &Arc<BatchCommit>,
        stop: &CancellationToken,
    ) -> Result<Attempt, PipelineError> {
        let started = Instant::now();
        let outcome = self.parts.store.commit_batch(Arc::clone(commit)).await;
        let attempt = self.follow(outcome, commit, started, PATIENCE, stop).await?;
        if matches!(attempt, Attempt::Stored) {
            histogram!("gateway_commit_seconds").record(started.elapsed().as_secs_f64());
        }
        Ok(attempt)
    }

    /// Makes sure what became of a commit; a database that does not know is asked again for so long after the start.
    pub(super) async fn follow(
        &mut self,
        mut outcome: Result<JournalId, StoreError>,
        commit: &Arc<BatchCommit>,
        started: Instant,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<Attempt, PipelineError> {
        let mut retry = RETRY_MIN;
        loop {
            match outcome {
                Ok(journal) => {
                    self.committed = journal;
                    self.failing_since = None;
                    if self.storing == Storing::Everything {
                        self.parts.health.works(HEALTH_PART);
                        self.recover_pause = RETRY_MAX;
                    }
                    counter!("gateway_readings_committed_total").increment(commit.readings.len() as u64);
                    return Ok(Attempt::Stored);
                }
                Err(StoreError::UnknownOutcome { journal: Some(journal), source, .. }) => {
                    tracing::warn!(error = %source, %journal, "whether a batch was stored is unknown; finding out");
                    if started.elapsed() >= patience {
                        return Ok(Attempt::Unknown(journal));
                    }
                    tokio::select! {
                        () = stop.cancelled() => return Ok(Attempt::Stopped),
                        () = tokio::time::sleep(retry) => retry = (retry * 2).min(RETRY_MAX),
                    }
                    outcome = self.parts.store.settle_batch(journal, Arc::clone(commit)).await;
                }
                Err(error @ (StoreError::Exists(_) | StoreError::UnknownSeries(_))) => {
                    return Err(PipelineError(error));
                }
                Err(error) => {
                    counter!("gateway_commit_failures_total").increment(1);
                    self.failing_since.get_or_insert(started);
                    let is_full = error.is_full();
                    if self.storing == Storing::Everything {
                        self.parts.health.fails(HEALTH_PART, "what arrives cannot be stored");
                    }
                    tracing::error!(error = %anyhow::Error::new(error), readings = commit.readings.len(),
                        "a batch could not be stored");
                    return Ok(if is_full { Attempt::Full } else { Attempt::Failed });
                }
            }
        }
    }
}
