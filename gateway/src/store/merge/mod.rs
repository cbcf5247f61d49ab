//! Small neighbouring chunks of a series become one of a few thousand readings, in the background: it compresses better,
//! and a query opens fewer.
//!
//! Nobody who reads is disturbed. The merged chunk is added, and its parts marked as replaced, in one transaction; who
//! sees which follows from how far the reader's open tail is sealed ([`Store::candidates`](super::Store)), so that each
//! sees every reading once. The parts stay for some minutes for those who have begun to read.

mod plan;

use domain::{id::SeriesId, time::UnixMs};
use sqlx::{AnyConnection, AssertSqlSafe};

use self::plan::{ENOUGH, PIECES_MAX, Piece, next_merge};
use super::{
    Store,
    batch::JournalId,
    chunks::{NewChunk, chunks_of, insert_chunks},
    codec::{Sample, chunk},
    error::StoreError,
    row::{Columns, placeholders},
    writer::Priority,
};

const OPERATION: &str = "merging chunks";
/// Merges written in one transaction: a few milliseconds, so that a batch never waits long behind it.
const MERGES_PER_JOB: usize = 2;
/// Chunks of a series that are looked at: enough for three days of short ones at one reading a second.
const PIECES_PER_LOOK: i64 = 256;
/// Replaced chunks deleted in one transaction.
const CHUNKS_PER_SWEEP: i64 = 64;
/// How long a replaced chunk stays, in milliseconds: longer than any answer or page of an export takes.
const REPLACED_KEPT_MS: i64 = 15 * 60_000;

/// What a round of merging did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// Chunks that were replaced.
    pub chunks_before: u64,
    /// Chunks that took their place.
    pub chunks_after: u64,
}

/// Neighbours and the chunk that takes their place.
struct Merge {
    parts: Vec<i64>,
    through: JournalId,
    merged: Vec<NewChunk>,
}

impl Store {
    /// Merges what is worth merging, then deletes what was replaced long enough ago.
    pub async fn merge_chunks(&self, now: UnixMs) -> Result<MergeReport, StoreError> {
        let mut report = MergeReport::default();
        let mut group = Vec::new();
        for series in self.series_with_small_chunks().await? {
            let pieces = self.pieces(series).await?;
            let mut rest = pieces.as_slice();
            while let Some(range) = next_merge(rest) {
                group.extend(self.plan_merge(series, &rest[range.clone()]).await?);
                rest = &rest[range.end..];
                if group.len() >= MERGES_PER_JOB {
                    self.write_merges(std::mem::take(&mut group), now, &mut report).await?;
                }
            }
        }
        self.write_merges(group, now, &mut report).await?;
        self.sweep_replaced(now.plus_ms(-REPLACED_KEPT_MS)).await?;
        Ok(report)
    }

    /// Deletes chunks that were replaced before `before`, a little at a time.
    pub(super) async fn sweep_replaced(&self, before: UnixMs) -> Result<(), StoreError> {
        loop {
            let sweep = self.writer().write(
                Priority::Seal,
                OPERATION,
                move |connection| Box::pin(async move { delete_replaced(connection, before).await }),
                |_| {},
            );
            if sweep.await? < CHUNKS_PER_SWEEP.cast_unsigned() {
                return Ok(());
            }
        }
    }

    /// Answered by the index `chunk_small` alone.
    async fn series_with_small_chunks(&self) -> Result<Vec<SeriesId>, StoreError> {
        let rows = sqlx::query(
            "SELECT series_id FROM chunk WHERE replaced_through IS NULL AND reading_count < 16384 \
             GROUP BY series_id HAVING SUM(reading_count) >= $1 OR COUNT(*) >= $2 ORDER BY series_id",
        )
        .bind(i64::from(ENOUGH))
        .bind(i64::from(PIECES_MAX))
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter().map(|row| Ok(SeriesId(row.number("series_id")?))).collect()
    }

    /// The latest chunks of a series, in order of arrival. What is merged among them makes room for earlier ones in the next
    /// round.
    async fn pieces(&self, series: SeriesId) -> Result<Vec<Piece>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, through_journal, reading_count FROM chunk \
             WHERE series_id = $1 AND replaced_through IS NULL ORDER BY through_journal DESC, id DESC LIMIT $2",
        )
        .bind(i64::from(series.0))
        .bind(PIECES_PER_LOOK)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter()
            .rev()
            .map(|row| {
                Ok(Piece {
                    id: row.get_as("id")?,
                    through: JournalId(row.get_as("through_journal")?),
                    reading_count: row.number("reading_count")?,
                })
            })
            .collect()
    }

    /// Reads and packs; None: a part cannot be read, and stays as it is.
    async fn plan_merge(&self, series: SeriesId, pieces: &[Piece]) -> Result<Option<Merge>, StoreError> {
        let parts: Vec<i64> = pieces.iter().map(|piece| piece.id).collect();
        let Some(through) = pieces.last().map(|piece| piece.through) else { return Ok(None) };
        let frames = self.frames(&parts).await?;
        let packed = tokio::task::spawn_blocking(move || {
            let samples: Result<Vec<Vec<Sample>>, _> = frames.iter().map(|frame| chunk::decode(frame)).collect();
            samples.map(|samples| {
                let mut samples: Vec<Sample> = samples.into_iter().flatten().collect();
                // Stable: of equal times the earlier arrival stays first.
                samples.sort_by_key(|sample| sample.at);
                chunks_of(series, through, &samples)
            })
        });
        match packed.await.map_err(|_| StoreError::Closed)? {
            Ok(merged) => Ok(Some(Merge { parts, through, merged })),
            Err(error) => {
                tracing::error!(series.id = series.0, %error, "a chunk cannot be read and is not merged");
                Ok(None)
            }
        }
    }

    async fn write_merges(&self, merges: Vec<Merge>, now: UnixMs, report: &mut MergeReport) -> Result<(), StoreError> {
        if merges.is_empty() {
            return Ok(());
        }
        report.chunks_before += merges.iter().map(|merge| merge.parts.len() as u64).sum::<u64>();
        report.chunks_after += merges.iter().map(|merge| merge.merged.len() as u64).sum::<u64>();
        self.writer()
            .write(
                Priority::Seal,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        for merge in &merges {
                            write_merge(connection, merge, now).await?;
                        }
                        Ok(())
                    })
                },
                |()| {},
            )
            .await
    }
}

/// Replaces the parts, unless another program has done something to them meanwhile.
async fn write_merge(connection: &mut AnyConnection, merge: &Merge, now: UnixMs) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE chunk SET replaced_through = $1, replaced_at_ms = $2 WHERE replaced_through IS NULL AND id IN {}",
        placeholders(1, merge.parts.len(), 2)
    );
    let mut update = sqlx::query(AssertSqlSafe(sql)).bind(merge.through.0).bind(now.0);
    for part in &merge.parts {
        update = update.bind(*part);
    }
    let replaced = update.execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?.rows_affected();
    if replaced != merge.parts.len() as u64 {
        return Err(StoreError::Damaged { what: "order of merging", why: "another program merges too".into() });
    }
    insert_chunks(connection, merge.merged.iter().collect(), OPERATION).await
}

async fn delete_replaced(connection: &mut AnyConnection, before: UnixMs) -> Result<u64, StoreError> {
    sqlx::query(
        "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE replaced_through IS NOT NULL \
         AND replaced_at_ms < $1 ORDER BY replaced_at_ms LIMIT $2)",
    )
    .bind(before.0)
    .bind(CHUNKS_PER_SWEEP)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
    .map_err(StoreError::failed(OPERATION))
}
