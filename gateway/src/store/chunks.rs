//! The table of chunks: how one is written, whoever makes it.

use domain::id::SeriesId;
use sqlx::AnyConnection;

use super::{
    batch::JournalId,
    codec::{
        Sample,
        chunk::{self, Summary},
    },
    error::StoreError,
    row::write_rows,
};

/// A chunk that is not in the table yet.
pub(super) struct NewChunk {
    series: SeriesId,
    through: JournalId,
    summary: Summary,
    frame: Vec<u8>,
}

/// Chunks of some readings in the order of time; of equal times the earlier arrival is first.
pub(super) fn chunks_of(series: SeriesId, through: JournalId, samples: &[Sample]) -> Vec<NewChunk> {
    let chunk_of = |samples: &[Sample]| {
        Some(NewChunk { series, through, summary: Summary::of(samples)?, frame: chunk::encode(samples) })
    };
    samples.chunks(chunk::READINGS_MAX).filter_map(chunk_of).collect()
}

/// Adds chunks, in this order.
pub(super) async fn insert_chunks(
    connection: &mut AnyConnection,
    chunks: Vec<&NewChunk>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "INSERT INTO chunk (series_id, through_journal, first_at_ms, last_at_ms, reading_count, usable_count, \
             min_value, max_value, sum_value, byte_count, readings) VALUES {values}"
        )
    };
    write_rows(connection, &chunks, 11, sql, |insert, NewChunk { series, through, summary, frame }| {
        insert
            .bind(i64::from(series.0))
            .bind(through.0)
            .bind(summary.first_at.0)
            .bind(summary.last_at.0)
            .bind(summary.reading_count.cast_signed())
            .bind(summary.usable_count.cast_signed())
            .bind(summary.min)
            .bind(summary.max)
            .bind(summary.sum)
            .bind(i64::try_from(frame.len()).unwrap_or(i64::MAX))
            .bind(frame.as_slice())
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(operation))
}
