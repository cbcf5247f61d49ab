//! The loss ledger: what became of each edge node's readings, hour by hour. Counted in memory as messages pass, written
//! every few seconds; what outboxes report as given up is written with the readings themselves.
//!
//! - `book`: the counts that are not on disk yet (pure).

mod book;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    id::{MetricName, NodeId},
    reading::{Reading, Value},
    registry::Registry,
    time::UnixMs,
};
use protocol::rest::LedgerFigures;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use self::book::{Book, HOUR_MS};
pub use self::book::{Counter, Lost};
use crate::{clock::Clock, ingest::SeriesIndex, store::Store};

/// How often counts are written: what a kill of the gateway forgets.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// How often old hours are forgotten.
const TRIM_EVERY_MS: u64 = 3_600_000;
/// A day in milliseconds.
const DAY_MS: i64 = 24 * HOUR_MS;

/// Section `[ledger]` of gateway.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Hours and gaps are kept for so many days. 400: a year and a month, as long as readings are taken.
    pub keep_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { keep_days: 400 }
    }
}

/// Where losses and passages are noted. Cheap to clone; never waits.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    book: Arc<Mutex<Book>>,
}

impl Ledger {
    /// A ledger that knows what the nodes had counted in what is stored.
    pub fn new(registry: &Registry, series: &SeriesIndex, stored: &[Reading]) -> Self {
        let mut book = Book::default();
        for (node, counter) in registry.nodes().flat_map(|node| Counter::ALL.map(|counter| (node, counter))) {
            let metric = MetricName::new(counter.metric()).expect("the counters' names are valid");
            let series = series.find(&node.as_device(), &metric);
            let latest = stored.iter().find(|reading| Some(reading.series) == series);
            if let Some(Reading { event_time, value: Some(Value::Int(count)), .. }) = latest {
                book.begin_at(node.clone(), counter, *count, *event_time);
            }
        }
        Self { book: Arc::new(Mutex::new(book)) }
    }

    /// Adds to the counts of a node.
    pub fn note(&self, node: &NodeId, now: UnixMs, figures: &LedgerFigures) {
        if *figures != LedgerFigures::default() {
            self.book().note(node, now, figures);
        }
    }

    /// A node has counted so much itself, at a moment by its own clock.
    pub fn counted(&self, node: &NodeId, counter: Counter, count: i64, at: UnixMs, now: UnixMs) {
        self.book().counted(node, counter, count, at, now);
    }

    /// Messages of a node without an outbox are lost.
    pub fn lost(&self, node: &NodeId, lost: Lost, now: UnixMs) {
        self.book().lost(node, lost, now);
    }

    /// Writes the counts every few seconds, and once more after `stop`.
    pub async fn run(self, config: Config, store: Store, clock: Clock, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(WRITE_EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut trimmed = None;
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            self.write(&store).await;
            let now = clock.now();
            if trimmed.is_none_or(|at| now.mono.since_ms(at) >= TRIM_EVERY_MS) {
                trimmed = Some(now.mono);
                let before = now.wall.plus_ms(-i64::from(config.keep_days) * DAY_MS);
                if let Err(error) = store.trim_ledger(before).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the loss ledger was not trimmed");
                }
            }
        }
        self.write(&store).await;
    }

    async fn write(&self, store: &Store) {
        let page = self.book().take();
        if page.is_empty() {
            return;
        }
        // After an unknown outcome the counts may be written twice: rather too many than a loss that nobody sees.
        if let Err(error) = store.add_to_ledger(page.entries(), page.gaps.clone()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the loss ledger was not written; trying again");
            self.book().put_back(page);
        }
    }

    /// All counts that are not written yet.
    #[cfg(test)]
    pub(crate) fn total(&self) -> LedgerFigures {
        let mut total = LedgerFigures::default();
        self.book().take().entries.values().for_each(|figures| total.add(figures));
        total
    }

    /// All gaps that are not written yet.
    #[cfg(test)]
    pub(crate) fn gaps(&self) -> Vec<protocol::rest::LedgerGap> {
        self.book().take().gaps
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
