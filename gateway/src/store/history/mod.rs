//! What a series was over a range of time: every reading where there are few, buckets where there are many. Sealed chunks
//! and the open tail together, each reading once, whichever side it is on. Where readings are not kept any more, what is
//! left of them fills the buckets: then at least as long as the minutes, hours or days that are left.

mod buckets;
mod lttb;
mod ordered;
mod readings;
mod states;
mod thinned;

use std::ops::Range;

use domain::{
    id::{DeviceId, MetricName, SeriesId},
    time::UnixMs,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::rest;
use sqlx::AssertSqlSafe;

use self::buckets::{Buckets, IN_TAIL};
pub(super) use self::ordered::Cursor;
use super::{
    Store,
    batch::JournalId,
    codec::{
        CodecError, Sample,
        chunk::{self, Summary, Usable},
    },
    error::StoreError,
    rollup::{self, Cell, Step},
    row::{Columns, placeholders},
    scope::Scope,
    select::{Bound, Select},
};

const OPERATION: &str = "reading history";
/// The most buckets, and so the most readings, in one answer.
pub const BUCKETS_MAX: u32 = 10_000;
/// Chunks fetched and unpacked together: a few hundred kilobytes.
const CHUNKS_PER_PAGE: usize = 8;
/// Pages unpacked beside each other: as many as the smallest machine has cores.
const PAGES_AT_ONCE: usize = 2;

/// A chunk that overlaps the range.
#[derive(Debug)]
struct Candidate {
    id: i64,
    /// Its place in the order of arrival, among those that overlap the range.
    rank: i64,
    summary: Summary,
}

/// What the database has of a series over a range.
struct Stored {
    candidates: Vec<Candidate>,
    /// Summaries of readings that are not kept any more, with their length.
    cells: Vec<(Step, Cell)>,
}

impl Store {
    /// One series over `[range.start, range.end)`: every reading if there are no more than `buckets`, otherwise at most
    /// `buckets` (1 to [`BUCKETS_MAX`]) buckets of equal width. A series without readings has an empty history.
    ///
    /// None: the device is not in the scope, or nobody has ever heard of it.
    pub async fn history(
        &self,
        scope: &Scope,
        device: &DeviceId,
        metric: &MetricName,
        range: Range<UnixMs>,
        buckets: u32,
    ) -> Result<Option<rest::History>, StoreError> {
        let buckets = buckets.clamp(1, BUCKETS_MAX);
        if !self.is_visible(scope, device).await? {
            return Ok(None);
        }
        let empty = rest::History {
            metric: metric.clone(),
            from_ms: range.start.0,
            to_ms: range.end.0,
            bucket_ms: None,
            thinned_from: None,
            points: Vec::new(),
            buckets: Vec::new(),
        };
        let Some(series) = self.series_of(device, metric).await? else { return Ok(Some(empty)) };
        // The tail first: it says which chunks belong to it, and newer ones hold what the tail already has.
        let Some(tail) = self.head().tail(series, range.start, range.end) else { return Ok(Some(empty)) };
        if range.is_empty() {
            return Ok(Some(empty));
        }
        let Stored { candidates, cells } = self.stored(series, &range, tail.sealed_through).await?;

        let certain_count = candidates
            .iter()
            .filter(|candidate| {
                range.contains(&candidate.summary.first_at) && range.contains(&candidate.summary.last_at)
            })
            .map(|candidate| candidate.summary.reading_count)
            .sum::<u64>()
            + tail.samples.len() as u64;
        if certain_count <= u64::from(buckets) && cells.is_empty() {
            let mut samples = self.unpack(&candidates).await?;
            samples.retain(|sample| range.contains(&sample.at));
            samples.extend(tail.samples);
            if samples.len() <= buckets as usize {
                // Stable: of equal times the earlier arrival stays first.
                samples.sort_by_key(|sample| sample.at);
                return Ok(Some(rest::History { points: samples.into_iter().map(point_of).collect(), ..empty }));
            }
            let mut filling = Buckets::new(range, buckets);
            // In the order of arrival.
            filling.add_all(&samples, IN_TAIL);
            return Ok(Some(rest::History { bucket_ms: Some(filling.width_ms()), buckets: filling.finish(), ..empty }));
        }

        let mut filling = Buckets::new(range.clone(), buckets.min(fitting_count(&range, &cells)));
        let (whole, cut): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| filling.holds_whole(&candidate.summary));
        for candidate in &whole {
            filling.add_summary(&candidate.summary);
        }
        for (_, cell) in &cells {
            filling.add_cell(cell);
        }
        self.fold(&mut filling, &cut, Buckets::add_usable).await?;
        filling.add_all(&tail.samples, IN_TAIL);
        // Summaries do not say which reading was the last: a few chunks have to be opened for that.
        let mut closed = whole;
        loop {
            let unsure = filling.take_unsure_of_last(&mut closed);
            if unsure.is_empty() {
                break;
            }
            self.fold(&mut filling, &unsure, Buckets::note_last).await?;
        }
        Ok(Some(rest::History { bucket_ms: Some(filling.width_ms()), buckets: filling.finish(), ..empty }))
    }

    /// Whether the device is in the scope: registered there, or, for the district, merely heard of.
    async fn is_visible(&self, scope: &Scope, device: &DeviceId) -> Result<bool, StoreError> {
        let mut select = Select::new("SELECT device.id FROM device JOIN site ON site.id = device.site_id");
        select.within(scope).and_equals("device.id", Bound::Text(device.to_string()));
        if !select.fetch_all(self.readers(), OPERATION).await?.is_empty() {
            return Ok(true);
        }
        if !scope.covers(None) {
            return Ok(false);
        }
        let row = sqlx::query("SELECT id FROM series WHERE device_id = $1 LIMIT 1")
            .bind(device.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        Ok(row.is_some())
    }

    async fn series_of(&self, device: &DeviceId, metric: &MetricName) -> Result<Option<SeriesId>, StoreError> {
        sqlx::query("SELECT id FROM series WHERE device_id = $1 AND metric = $2")
            .bind(device.as_str())
            .bind(metric.as_str())
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?
            .map(|row| Ok(SeriesId(row.number("id")?)))
            .transpose()
    }

    /// Chunks that overlap the range and are no newer than the tail, in the order of their readings' arrival.
    async fn candidates(
        &self,
        series: SeriesId,
        range: &Range<UnixMs>,
        through: JournalId,
    ) -> Result<Vec<Candidate>, StoreError> {
        Ok(self.stored(series, range, through).await?.candidates)
    }

    /// The same, and what is left of readings whose time is up. One statement, so that what goes from the one to the
    /// other is seen once.
    async fn stored(&self, series: SeriesId, range: &Range<UnixMs>, through: JournalId) -> Result<Stored, StoreError> {
        // A merged chunk has the newest journal row of its parts. A reader whose tail is sealed as far sees it, and not
        // the parts; another sees the parts.
        let rows = sqlx::query(
            "SELECT id, through_journal, 0 AS step, first_at_ms, last_at_ms, reading_count, usable_count, min_value, \
             max_value, sum_value, NULL AS cells \
             FROM chunk WHERE series_id = $1 AND last_at_ms >= $2 AND first_at_ms < $3 AND through_journal <= $4 \
             AND (replaced_through IS NULL OR replaced_through > $4) \
             UNION ALL \
             SELECT id, 0, step, first_at_ms, end_at_ms, 0, 0, CAST(0 AS DOUBLE PRECISION), \
             CAST(0 AS DOUBLE PRECISION), CAST(0 AS DOUBLE PRECISION), cells \
             FROM rollup WHERE series_id = $1 AND end_at_ms > $2 AND first_at_ms < $3 \
             ORDER BY through_journal, id",
        )
        .bind(i64::from(series.0))
        .bind(range.start.0)
        .bind(range.end.0)
        .bind(through.0)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let mut stored = Stored { candidates: Vec::with_capacity(rows.len()), cells: Vec::new() };
        for row in &rows {
            if let Some(frame) = row.get_as::<Option<Vec<u8>>>("cells")? {
                stored.cells.extend(rollup::cells_of(row.get_as("step")?, &frame, range)?);
                continue;
            }
            let summary = Summary {
                first_at: row.time("first_at_ms")?,
                last_at: row.time("last_at_ms")?,
                reading_count: row.number("reading_count")?,
                usable_count: row.number("usable_count")?,
                min: row.get_as("min_value")?,
                max: row.get_as("max_value")?,
                sum: row.get_as("sum_value")?,
            };
            let rank = i64::try_from(stored.candidates.len()).unwrap_or(i64::MAX);
            stored.candidates.push(Candidate { id: row.get_as("id")?, rank, summary });
        }
        Ok(stored)
    }

    /// The readings of these chunks, in their order.
    async fn unpack(&self, candidates: &[Candidate]) -> Result<Vec<Sample>, StoreError> {
        let mut samples = Vec::new();
        for page in candidates.chunks(CHUNKS_PER_PAGE) {
            let frames = self.frames(&ids_of(page)).await?;
            let unpacked =
                tokio::task::spawn_blocking(move || frames.iter().map(|frame| chunk::decode(frame)).collect());
            let unpacked: Result<Vec<Vec<Sample>>, _> = unpacked.await.map_err(|_| StoreError::Closed)?;
            samples.extend(unpacked.map_err(StoreError::damaged("chunk"))?.into_iter().flatten());
        }
        Ok(samples)
    }

    /// Takes the readings of these chunks into the buckets, some pages at once.
    async fn fold(
        &self,
        filling: &mut Buckets,
        candidates: &[Candidate],
        take: fn(&mut Buckets, &Usable, i64),
    ) -> Result<(), StoreError> {
        let empty = filling.emptied();
        let pages = candidates.chunks(CHUNKS_PER_PAGE).map(|page| page.iter().map(|it| (it.id, it.rank)).unzip());
        let pages: Vec<(Vec<i64>, Vec<i64>)> = pages.collect();
        let mut unpacked = stream::iter(pages)
            .map(async |(ids, ranks)| {
                let frames = self.frames(&ids).await?;
                let mut part = empty.emptied();
                let unpacking = tokio::task::spawn_blocking(move || {
                    for (frame, rank) in frames.iter().zip(ranks) {
                        take(&mut part, &chunk::decode_usable(frame)?, rank);
                    }
                    Ok::<_, CodecError>(part)
                });
                unpacking.await.map_err(|_| StoreError::Closed)?.map_err(StoreError::damaged("chunk"))
            })
            .buffer_unordered(PAGES_AT_ONCE);
        while let Some(part) = unpacked.try_next().await? {
            filling.add_part(part);
        }
        Ok(())
    }

    /// The frames of chunks, in the order of their readings' arrival.
    pub(super) async fn frames(&self, ids: &[i64]) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = format!(
            "SELECT readings FROM chunk WHERE id IN {} ORDER BY through_journal, id",
            placeholders(1, ids.len(), 0)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in ids {
            query = query.bind(*id);
        }
        let rows = query.fetch_all(self.readers()).await.map_err(StoreError::read(OPERATION))?;
        if rows.len() == ids.len() {
            rows.iter().map(|row| row.get_as("readings")).collect()
        } else {
            Err(StoreError::Moved)
        }
    }
}

fn ids_of(candidates: &[Candidate]) -> Vec<i64> {
    candidates.iter().map(|candidate| candidate.id).collect()
}

/// The most buckets that are no shorter than the longest of the cells.
fn fitting_count(range: &Range<UnixMs>, cells: &[(Step, Cell)]) -> u32 {
    let Some(longest) = cells.iter().map(|(step, _)| *step).max() else { return u32::MAX };
    u32::try_from(range.end.since_ms(range.start) / longest.cell_ms()).unwrap_or(u32::MAX).max(1)
}

pub(super) fn point_of(sample: Sample) -> rest::Point {
    rest::Point { at_ms: sample.at.0, value: sample.value, quality: sample.quality }
}
