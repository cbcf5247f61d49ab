//! From the journal into chunks, in the background: tails that are long or old are packed, written, and forgotten, and
//! the journal behind them is deleted.
//!
//! A series is always sealed up to the end of a batch, so one journal number per series says what stands in chunks.
//! Doing a group twice (its outcome was unknown) is harmless: what is at or below that number is not written again.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    time::Duration,
};

use domain::{id::SeriesId, time::UnixMs};
use metrics::{counter, gauge};
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio_util::sync::CancellationToken;

use super::{
    Store,
    batch::JournalId,
    chunks::{NewChunk, chunks_of, insert_chunks},
    codec::{Sample, journal},
    error::StoreError,
    head::{Frozen, SealPolicy},
    row::{Columns, placeholders, write_rows},
    writer::Priority,
};

const OPERATION: &str = "sealing";
/// How often tails are looked over.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Series sealed in one transaction: a few milliseconds, so that a batch never waits long behind it.
const SERIES_PER_JOB: usize = 64;
/// Series looked at under one lock: a hundredth of a millisecond, far below the pause between batches.
const SERIES_PER_LOOK: usize = 1024;
/// Journal rows deleted in one transaction.
const ROWS_PER_TRIM: i64 = 256;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealReport {
    /// Series whose tails became chunks.
    pub series_count: u64,
    /// Readings in them.
    pub reading_count: u64,
    /// The journal is deleted up to this row.
    pub trimmed_through: JournalId,
}

/// A series ready to be written.
struct Packed {
    series: SeriesId,
    through: JournalId,
    latest: Vec<u8>,
    chunks: Vec<NewChunk>,
}

impl Store {
    /// Seals what is due, every second, until `stop`. `now` is the gateway's wall clock.
    pub async fn run_sealing(&self, now: impl Fn() -> UnixMs, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(ROUND_EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut has_failed = false;
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            match self.seal_due(now()).await {
                Ok(report) => {
                    if has_failed {
                        tracing::info!("sealing works again");
                    }
                    has_failed = false;
                    if report.series_count > 0 {
                        tracing::debug!(report.series_count, report.reading_count, "tails sealed");
                    }
                }
                // The readings stay in the journal and in memory; the next round tries again.
                Err(error) if !has_failed => {
                    has_failed = true;
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "sealing failed; trying again every second"
                    );
                }
                Err(_) => {}
            }
        }
    }

    /// Seals the tails that are due and deletes the journal behind them.
    pub async fn seal_due(&self, now: UnixMs) -> Result<SealReport, StoreError> {
        self.seal(self.seal_policy(), now).await
    }

    /// Seals every tail, however short.
    #[cfg(test)]
    pub(super) async fn seal_all(&self) -> Result<SealReport, StoreError> {
        self.seal(SealPolicy { reading_count: 1, age_ms: 0, open_reading_budget: 0 }, UnixMs(i64::MAX)).await
    }

    pub(super) async fn seal(&self, policy: SealPolicy, now: UnixMs) -> Result<SealReport, StoreError> {
        let due = self.due(policy, now);
        let mut report = SealReport::default();
        let mut failure = None;
        for group in due.chunks(SERIES_PER_JOB) {
            let frozen = self.head_mut().freeze(group);
            let reading_count = frozen.iter().map(|tail| u64::from(tail.segment.count())).sum::<u64>();
            let series_count = frozen.len() as u64;
            // One group that cannot be written must not keep all others in memory.
            match self.seal_group(frozen).await {
                Ok(()) => {
                    report.series_count += series_count;
                    report.reading_count += reading_count;
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        // Readings of both: in chunks, and in what the rules remember.
        report.trimmed_through = self.trimmable_through().min(self.replayed_through());
        self.trim_journal(report.trimmed_through).await?;
        counter!("gateway_readings_sealed_total").increment(report.reading_count);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 readings fit into memory")]
        gauge!("gateway_open_readings").set(self.head().open_reading_count() as f64);
        failure.map_or(Ok(report), Err)
    }

    /// The series whose tails are to be sealed now.
    fn due(&self, policy: SealPolicy, now: UnixMs) -> Vec<SeriesId> {
        let mut due = self.head().over_budget(policy.open_reading_budget);
        let chosen: HashSet<SeriesId> = due.iter().copied().collect();
        for part in self.parts_of_series() {
            let more = self.head().due(part, policy, now);
            due.extend(more.into_iter().filter(|series| !chosen.contains(series)));
        }
        due
    }

    /// Journal rows up to this one hold nothing that is not sealed.
    fn trimmable_through(&self) -> JournalId {
        // What comes while the series are walked through is behind this row.
        let last = self.head().last_journal();
        let firsts = self.parts_of_series().filter_map(|part| self.head().first_open_journal(part));
        firsts.min().map_or(last, |first| last.min(JournalId(first.0 - 1)))
    }

    fn parts_of_series(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let all = self.head().series_numbers();
        let end = all.end;
        all.step_by(SERIES_PER_LOOK).map(move |start| start..end.min(start + SERIES_PER_LOOK))
    }

    pub(super) async fn seal_group(&self, frozen: Vec<Frozen>) -> Result<(), StoreError> {
        let to_pack = frozen.clone();
        // Compression would hold up everything else on this thread.
        let packed = tokio::task::spawn_blocking(move || to_pack.iter().filter_map(pack).collect::<Vec<_>>())
            .await
            .map_err(|_| StoreError::Closed)?;
        let store = self.clone();
        self.writer()
            .write(
                Priority::Seal,
                OPERATION,
                move |connection| Box::pin(async move { write_group(connection, packed).await }),
                // In the writing task, before any other job: no reading is ever in both places or in neither.
                move |()| {
                    let mut head = store.head_mut();
                    for tail in &frozen {
                        head.forget(tail);
                    }
                },
            )
            .await
    }

    /// Deletes the journal up to and including `through`, a little at a time.
    async fn trim_journal(&self, through: JournalId) -> Result<(), StoreError> {
        loop {
            let deleted = self
                .writer()
                .write(
                    Priority::Seal,
                    OPERATION,
                    move |connection| {
                        Box::pin(async move {
                            sqlx::query(
                                "DELETE FROM journal WHERE id IN \
                                 (SELECT id FROM journal WHERE id <= $1 ORDER BY id LIMIT $2)",
                            )
                            .bind(through.0)
                            .bind(ROWS_PER_TRIM)
                            .execute(connection)
                            .await
                            .map(|done| done.rows_affected())
                            .map_err(StoreError::failed(OPERATION))
                        })
                    },
                    |_| {},
                )
                .await?;
            if deleted < ROWS_PER_TRIM.cast_unsigned() {
                return Ok(());
            }
        }
    }
}

fn pack(frozen: &Frozen) -> Option<Packed> {
    let (_, through) = frozen.segment.journal_range()?;
    let mut samples: Vec<Sample> = frozen.segment.samples().collect();
    // Stable: of equal times the earlier arrival stays first. Times in order pack far better.
    samples.sort_by_key(|sample| sample.at);
    let chunks = chunks_of(frozen.series, through, &samples);
    let latest = journal::encode(&[frozen.latest.clone().of_series(frozen.series)]);
    Some(Packed { series: frozen.series, through, latest, chunks })
}

async fn write_group(connection: &mut AnyConnection, packed: Vec<Packed>) -> Result<(), StoreError> {
    let sealed = sealed_through(connection, &packed).await?;
    let packed: Vec<Packed> = packed
        .into_iter()
        .filter(|packed| sealed.get(&packed.series).is_none_or(|&through| packed.through > through))
        .collect();
    let chunks: Vec<_> = packed.iter().flat_map(|packed| &packed.chunks).collect();
    insert_chunks(connection, chunks, OPERATION).await?;
    let sql = |values: &str| {
        format!(
            "INSERT INTO series_seal (series_id, through_journal, latest) VALUES {values} ON CONFLICT (series_id) DO \
             UPDATE SET through_journal = excluded.through_journal, latest = excluded.latest"
        )
    };
    write_rows(connection, &packed, 3, sql, |upsert, packed| {
        upsert.bind(i64::from(packed.series.0)).bind(packed.through.0).bind(packed.latest.clone())
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

async fn sealed_through(
    connection: &mut AnyConnection,
    packed: &[Packed],
) -> Result<HashMap<SeriesId, JournalId>, StoreError> {
    if packed.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT series_id, through_journal FROM series_seal WHERE series_id IN {}",
        placeholders(1, packed.len(), 0)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for packed in packed {
        query = query.bind(i64::from(packed.series.0));
    }
    let rows = query.fetch_all(connection).await.map_err(StoreError::failed(OPERATION))?;
    rows.iter().map(|row| Ok((SeriesId(row.number("series_id")?), JournalId(row.get_as("through_journal")?)))).collect()
}
