//! All readings of one series over a range in order of event time, a page at a time. Between two pages nothing is held: no
//! transaction, no connection, no readings. However long the range, memory stays that of a page.

use std::ops::Range;

use domain::{id::SeriesId, time::UnixMs};

use super::{OPERATION, Sample, Store, StoreError};
use crate::store::{codec::chunk, row::Columns};

/// Chunks of one page, at first: some tens of thousands of readings.
const CHUNKS_PER_PAGE: usize = 2;
/// How often a page is begun anew because its chunks were merged or dropped long ago and are gone, before that is an error.
const ATTEMPTS: usize = 5;

/// Where somebody is in a series.
#[derive(Debug)]
pub(in crate::store) struct Cursor {
    series: SeriesId,
    rest: Range<UnixMs>,
}

/// A chunk to be read.
struct Part {
    id: i64,
    first_at: UnixMs,
}

impl Cursor {
    /// At the start of a range.
    pub(in crate::store) fn new(series: SeriesId, range: Range<UnixMs>) -> Self {
        Self { series, rest: range }
    }

    /// The next readings, equal times in order of arrival; a page may be empty, and None is the end. What is committed
    /// meanwhile is among them where its time is still to come.
    pub(in crate::store) async fn next_page(&mut self, store: &Store) -> Result<Option<Vec<Sample>>, StoreError> {
        let mut chunk_count = CHUNKS_PER_PAGE;
        let mut attempts = 0;
        while !self.rest.is_empty() {
            // The tail first: it says which chunks belong to it, and newer ones hold what the tail already has.
            let Some(tail) = store.head().tail(self.series, self.rest.start, self.rest.end) else { break };
            let parts = self.parts(store, tail.sealed_through.0, chunk_count + 1).await?;
            // All of these chunks' readings up to where the first chunk that is left out begins.
            let page_end = match parts.get(chunk_count) {
                Some(left_out) if left_out.first_at <= self.rest.start => {
                    // So many overlap here that none could be told: more of them at once.
                    chunk_count *= 2;
                    continue;
                }
                Some(left_out) => left_out.first_at,
                None => self.rest.end,
            };
            let parts = &parts[..parts.len().min(chunk_count)];
            let Some(mut samples) = unpack(store, parts).await? else {
                attempts += 1;
                if attempts == ATTEMPTS {
                    let why = "its chunks are gone while they are read".to_owned();
                    return Err(StoreError::Damaged { what: "series", why });
                }
                continue;
            };
            samples.extend(tail.samples);
            samples.retain(|sample| (self.rest.start..page_end).contains(&sample.at));
            // Stable: of equal times the earlier arrival stays first.
            samples.sort_by_key(|sample| sample.at);
            self.rest.start = page_end;
            return Ok(Some(samples));
        }
        Ok(None)
    }

    /// The chunks that hold the earliest readings of what is left.
    async fn parts(&self, store: &Store, through: i64, count: usize) -> Result<Vec<Part>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, first_at_ms FROM chunk WHERE series_id = $1 AND last_at_ms >= $2 AND first_at_ms < $3 \
             AND through_journal <= $4 AND (replaced_through IS NULL OR replaced_through > $4) \
             ORDER BY first_at_ms, id LIMIT $5",
        )
        .bind(i64::from(self.series.0))
        .bind(self.rest.start.0)
        .bind(self.rest.end.0)
        .bind(through)
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(store.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter().map(|row| Ok(Part { id: row.get_as("id")?, first_at: row.time("first_at_ms")? })).collect()
    }
}

/// The readings of these chunks in order of arrival; None: some of them are not there any more.
async fn unpack(store: &Store, parts: &[Part]) -> Result<Option<Vec<Sample>>, StoreError> {
    if parts.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let ids: Vec<i64> = parts.iter().map(|part| part.id).collect();
    let frames = match store.frames(&ids).await {
        Err(StoreError::Moved) => return Ok(None),
        frames => frames?,
    };
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut samples = Vec::new();
        for frame in &frames {
            samples.extend(chunk::decode(frame)?);
        }
        Ok(samples)
    });
    let unpacked = unpacked.await.map_err(|_| StoreError::Closed)?;
    unpacked.map(Some).map_err(StoreError::damaged::<crate::store::codec::CodecError>("chunk"))
}
