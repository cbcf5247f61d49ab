//! The slow work on what is sealed: merging small chunks, and dropping what is too old.

use std::time::Duration;

use domain::time::UnixMs;
use metrics::{counter, gauge};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Retention, Store, error::StoreError};

/// How often small chunks are looked for. A series of one reading a second seals one every quarter of an hour.
const MERGE_EVERY: Duration = Duration::from_secs(30);
/// How often what is too old is looked for; it is kept by the day.
const DROP_EVERY: Duration = Duration::from_hours(1);

impl Store {
    /// Merges and drops until `stop`. `now` is the gateway's wall clock.
    pub async fn run_upkeep(&self, retention: Retention, now: impl Fn() -> UnixMs, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(MERGE_EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut dropped: Option<Instant> = None;
        let mut has_failed = false;
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            let is_time_to_drop = dropped.is_none_or(|dropped| dropped.elapsed() >= DROP_EVERY);
            match self.keep_up(is_time_to_drop.then_some(&retention), now()).await {
                Ok(()) => {
                    has_failed = false;
                    if is_time_to_drop {
                        dropped = Some(Instant::now());
                    }
                }
                // Nothing is lost or doubled by it; the next round goes on where this one stopped.
                Err(error) if !has_failed => {
                    has_failed = true;
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the upkeep of chunks failed; trying again"
                    );
                }
                Err(_) => {}
            }
        }
    }

    async fn keep_up(&self, retention: Option<&Retention>, now: UnixMs) -> Result<(), StoreError> {
        let started = Instant::now();
        let report = self.merge_chunks(now).await?;
        counter!("gateway_chunks_merged_total").increment(report.chunks_before);
        gauge!("gateway_merge_round_seconds").set(started.elapsed().as_secs_f64());
        if let Some(retention) = retention {
            let report = self.drop_expired(retention, now).await?;
            if report.chunk_count + report.rollup_count > 0 {
                tracing::info!(report.chunk_count, report.rollup_count, "what was too old is summaries now");
            }
            if report.notice_count > 0 {
                tracing::info!(report.notice_count, "receipts that were too old are gone");
            }
            counter!("gateway_chunks_expired_total").increment(report.chunk_count);
        }
        Ok(())
    }
}
