//! Chunks, seals and journal: that every reading can be read, and that the figures beside them are theirs.

use std::ops::Range;

use domain::time::UnixMs;
use sqlx::{AnyPool, any::AnyRow};

use super::{CheckProgress, CheckReport, Names, name_of};
use crate::store::{
    codec::{
        chunk::{self, Summary},
        journal,
    },
    error::StoreError,
    rollup,
    row::Columns,
};

/// The migration that brought rollups.
const SCHEMA_OF_ROLLUPS: i64 = 7;

/// Chunks fetched and unpacked at once: a few hundred kilobytes.
const CHUNKS_PER_PAGE: i64 = 16;
/// Journal rows fetched at once: each may hold a whole micro-batch.
const ROWS_PER_PAGE: i64 = 64;
/// How far two sums of the same readings may differ, relative to the largest summands: they may have been added up in
/// another order.
const SUM_TOLERANCE: f64 = 1e-9;

/// Unpacks every chunk and works its figures out again.
pub(super) async fn check_chunks(
    readers: &AnyPool,
    names: &Names,
    report: &mut CheckReport,
    progress: CheckProgress<'_>,
) -> Result<(), StoreError> {
    let mut position = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT * FROM chunk WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(position)
            .bind(CHUNKS_PER_PAGE)
            .fetch_all(readers)
            .await
            .map_err(StoreError::read("reading chunks"))?;
        let Some(last) = rows.last() else { return Ok(()) };
        position = last.get_as("id")?;
        let mut frames = Vec::with_capacity(rows.len());
        for row in &rows {
            frames.push((row.get_as::<i64>("id")?, row.get_as::<i64>("series_id")?, summary_of(row)?, frame_of(row)?));
        }
        // Unpacking would hold up everything else on this thread.
        let judged = tokio::task::spawn_blocking(move || {
            let judge = |(id, series, summary, frame): (i64, i64, Summary, Vec<u8>)| {
                (id, series, summary.reading_count, problem_of(&summary, &frame))
            };
            frames.into_iter().map(judge).collect::<Vec<_>>()
        });
        for (id, series, reading_count, problem) in judged.await.map_err(|_| StoreError::Closed)? {
            report.counts.chunks += 1;
            report.counts.sealed_readings += reading_count;
            let place = || format!("chunk {id} of {}", name_of(names, series));
            if let Some(problem) = problem {
                report.find(place(), problem);
            }
            if !names.contains_key(&series) {
                report.find(place(), "its series was never defined");
            }
        }
        progress(&report.counts);
    }
}

fn summary_of(row: &AnyRow) -> Result<Summary, StoreError> {
    Ok(Summary {
        first_at: row.time("first_at_ms")?,
        last_at: row.time("last_at_ms")?,
        reading_count: row.number("reading_count")?,
        usable_count: row.number("usable_count")?,
        min: row.get_as("min_value")?,
        max: row.get_as("max_value")?,
        sum: row.get_as("sum_value")?,
    })
}

fn frame_of(row: &AnyRow) -> Result<Vec<u8>, StoreError> {
    row.get_as("readings")
}

/// What is wrong with a chunk; None: nothing. Pure.
fn problem_of(stored: &Summary, frame: &[u8]) -> Option<String> {
    let samples = match chunk::decode(frame) {
        Ok(samples) => samples,
        Err(error) => return Some(error.to_string()),
    };
    let Some(actual) = Summary::of(&samples) else { return Some("it holds no readings".into()) };
    if actual.reading_count != stored.reading_count || actual.usable_count != stored.usable_count {
        return Some(format!(
            "it holds {} readings, {} of them usable, and says {} and {}",
            actual.reading_count, actual.usable_count, stored.reading_count, stored.usable_count
        ));
    }
    if (actual.first_at, actual.last_at) != (stored.first_at, stored.last_at) {
        return Some(format!(
            "its readings lie from {} to {} ms, and it says from {} to {}",
            actual.first_at.0, actual.last_at.0, stored.first_at.0, stored.last_at.0
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "a chunk holds a few thousand readings")]
    let largest = actual.min.abs().max(actual.max.abs()) * actual.usable_count as f64;
    let is_sum_right = (actual.sum - stored.sum).abs() <= SUM_TOLERANCE * largest
        // A sum beyond what a float holds is as infinite in either order.
        || !largest.is_finite();
    #[expect(clippy::float_cmp, reason = "the smallest and the largest are readings, to the bit")]
    let are_extremes_right = actual.min == stored.min && actual.max == stored.max;
    if actual.usable_count > 0 && !(are_extremes_right && is_sum_right) {
        return Some(format!(
            "smallest, largest and sum of its readings are {}, {} and {}, and it says {}, {} and {}",
            actual.min, actual.max, actual.sum, stored.min, stored.max, stored.sum
        ));
    }
    None
}

/// That no chunk is newer than its series' seal, and that each seal remembers a reading of its own series.
pub(super) async fn check_seals(readers: &AnyPool, names: &Names, report: &mut CheckReport) -> Result<(), StoreError> {
    const OPERATION: &str = "reading the seals";
    let beyond = sqlx::query(
        "SELECT chunk.id, chunk.series_id FROM chunk LEFT JOIN series_seal ON series_seal.series_id = chunk.series_id \
         WHERE series_seal.through_journal IS NULL OR chunk.through_journal > series_seal.through_journal \
         ORDER BY chunk.id LIMIT 1000",
    )
    .fetch_all(readers)
    .await
    .map_err(StoreError::read(OPERATION))?;
    for row in &beyond {
        let (id, series) = (row.get_as::<i64>("id")?, row.get_as("series_id")?);
        report.find(format!("chunk {id} of {}", name_of(names, series)), "it is newer than the seal of its series");
    }
    let rows = sqlx::query("SELECT series_id, latest FROM series_seal ORDER BY series_id")
        .fetch_all(readers)
        .await
        .map_err(StoreError::read(OPERATION))?;
    for row in &rows {
        let series: i64 = row.get_as("series_id")?;
        let problem = match journal::decode(&row.get_as::<Vec<u8>>("latest")?) {
            Ok(readings) if readings.len() == 1 && i64::from(readings[0].series.0) == series => continue,
            Ok(_) => "its newest reading is not one reading of its own".to_owned(),
            Err(error) => format!("its newest reading cannot be read: {error}"),
        };
        report.find(format!("seal of {}", name_of(names, series)), problem);
    }
    Ok(())
}

/// Unpacks every rollup.
pub(super) async fn check_rollups(
    readers: &AnyPool,
    names: &Names,
    schema: i64,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    const ALWAYS: Range<UnixMs> = UnixMs(i64::MIN)..UnixMs(i64::MAX);
    if schema < SCHEMA_OF_ROLLUPS {
        return Ok(());
    }
    let mut position = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT id, series_id, step, cells FROM rollup WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(position)
            .bind(CHUNKS_PER_PAGE)
            .fetch_all(readers)
            .await
            .map_err(StoreError::read("reading rollups"))?;
        let Some(last) = rows.last() else { return Ok(()) };
        position = last.get_as("id")?;
        for row in &rows {
            report.counts.rollups += 1;
            let (id, series) = (row.get_as::<i64>("id")?, row.get_as("series_id")?);
            if let Err(error) = rollup::cells_of(row.get_as("step")?, &row.get_as::<Vec<u8>>("cells")?, &ALWAYS) {
                report.find(format!("rollup {id} of {}", name_of(names, series)), error);
            }
        }
    }
}

/// Decodes every journal row.
pub(super) async fn check_journal(
    readers: &AnyPool,
    names: &Names,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    let mut position = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT id, reading_count, readings FROM journal WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(position)
            .bind(ROWS_PER_PAGE)
            .fetch_all(readers)
            .await
            .map_err(StoreError::read("reading the journal"))?;
        let Some(last) = rows.last() else { return Ok(()) };
        position = last.get_as("id")?;
        for row in &rows {
            let (id, count) = (row.get_as::<i64>("id")?, row.number::<u64>("reading_count")?);
            report.counts.journal_rows += 1;
            report.counts.journal_readings += count;
            let place = || format!("journal row {id}");
            match journal::decode(&frame_of(row)?) {
                Err(error) => report.find(place(), error),
                Ok(readings) => {
                    if readings.len() as u64 != count {
                        report.find(place(), format!("it holds {} readings, and says {count}", readings.len()));
                    }
                    let unknown = readings.iter().find(|reading| !names.contains_key(&i64::from(reading.series.0)));
                    if let Some(reading) = unknown {
                        report.find(place(), format!("series {} was never defined", reading.series));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::reading::{Quality, Value};

    use super::*;
    use crate::store::codec::Sample;

    #[test]
    fn a_chunk_is_right_to_the_last_figure_or_it_is_found() {
        let samples: Vec<Sample> = [4.5, -2.0, 8.25]
            .into_iter()
            .zip(0..)
            .map(|(value, at)| Sample { at: UnixMs(at), value: Some(Value::Float(value)), quality: Quality::Good })
            .collect();
        let (right, frame) = (Summary::of(&samples).unwrap(), chunk::encode(&samples));
        assert_eq!(problem_of(&right, &frame), None);
        // The same readings added up in another order.
        assert_eq!(problem_of(&Summary { sum: right.sum + 1e-12, ..right }, &frame), None);
        for wrong in [
            Summary { first_at: UnixMs(-1), ..right },
            Summary { last_at: UnixMs(3), ..right },
            Summary { reading_count: 4, ..right },
            Summary { usable_count: 2, ..right },
            Summary { min: -2.5, ..right },
            Summary { max: 8.0, ..right },
            Summary { sum: 11.0, ..right },
        ] {
            assert!(problem_of(&wrong, &frame).is_some(), "{wrong:?}");
        }
        for at in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 0x10;
            assert!(problem_of(&right, &damaged).is_some(), "byte {at}");
        }
    }
}
