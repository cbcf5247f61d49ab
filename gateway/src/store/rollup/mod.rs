//! Summaries that outlive the readings they are of: of each minute, then each hour, then each day. Going from chunks to
//! minutes, from minutes to hours and from hours to days is one transaction each time, so that a reading is always in
//! exactly one of them, whatever crashes.

mod cell;

use std::{collections::BTreeMap, ops::Range};

use domain::{id::SeriesId, time::UnixMs};
use sqlx::AnyConnection;

pub(super) use self::cell::{Cell, Step, USUAL_BYTES, gather};
use super::{Store, error::StoreError, row::Columns};

const OPERATION: &str = "reading rollups";

/// A row that is to become coarser, or to go.
pub(super) struct Expired {
    pub(super) id: i64,
    pub(super) series: SeriesId,
    pub(super) cells: Vec<Cell>,
}

impl Store {
    /// Rows of `step` that end before `before`; those that cannot be read are passed over, loudly.
    pub(super) async fn expired_rollups(
        &self,
        step: Step,
        before: UnixMs,
        limit: i64,
    ) -> Result<Vec<Expired>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, series_id, cells FROM rollup WHERE step = $1 AND end_at_ms < $2 ORDER BY end_at_ms LIMIT $3",
        )
        .bind(step as i64)
        .bind(before.0)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter()
            .map(|row| {
                let id = row.get_as("id")?;
                let cells = cell::decode(&row.get_as::<Vec<u8>>("cells")?).unwrap_or_else(|error| {
                    tracing::error!(rollup.id = id, %error, "a rollup cannot be read and is dropped");
                    Vec::new()
                });
                Ok(Expired { id, series: SeriesId(row.number("series_id")?), cells })
            })
            .collect()
    }
}

/// The cells of a series that overlap a range, and how long each is.
pub(super) fn cells_of(step: i64, frame: &[u8], range: &Range<UnixMs>) -> Result<Vec<(Step, Cell)>, StoreError> {
    let step = Step::from_number(step).ok_or_else(|| StoreError::damaged("rollup")("an unknown step"))?;
    let cells = cell::decode(frame).map_err(StoreError::damaged("rollup"))?;
    let overlaps = |cell: &Cell| cell.at < range.end && cell.at.plus_ms(step.cell_ms()) > range.start;
    Ok(cells.into_iter().filter(overlaps).map(|cell| (step, cell)).collect())
}

/// Adds to the rollups of a series.
pub(super) async fn add_cells(
    connection: &mut AnyConnection,
    series: SeriesId,
    step: Step,
    cells: Vec<Cell>,
    operation: &'static str,
) -> Result<(), StoreError> {
    let mut pages: BTreeMap<UnixMs, Vec<Cell>> = BTreeMap::new();
    for cell in cells {
        pages.entry(step.page_of(cell.at)).or_default().push(cell);
    }
    for (page, cells) in pages {
        let stored = sqlx::query("SELECT cells FROM rollup WHERE series_id = $1 AND step = $2 AND first_at_ms = $3")
            .bind(i64::from(series.0))
            .bind(step as i64)
            .bind(page.0)
            .fetch_optional(&mut *connection)
            .await
            .map_err(StoreError::failed(operation))?;
        let stored = match stored {
            Some(row) => cell::decode(&row.get_as::<Vec<u8>>("cells")?).map_err(StoreError::damaged("rollup"))?,
            None => Vec::new(),
        };
        let cells = gather(step, stored.into_iter().chain(cells));
        sqlx::query(
            "INSERT INTO rollup (series_id, step, first_at_ms, end_at_ms, cells) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (series_id, step, first_at_ms) DO UPDATE SET cells = excluded.cells",
        )
        .bind(i64::from(series.0))
        .bind(step as i64)
        .bind(page.0)
        .bind(step.page_end(page).0)
        .bind(cell::encode(&cells))
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(operation))?;
    }
    Ok(())
}
