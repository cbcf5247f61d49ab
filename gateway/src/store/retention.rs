//! How long what is kept: readings by their kind of device, summaries of minutes, hours and days after that. Whole
//! chunks go, when their newest reading's time is up. Receipts of what people were told have a time of their own.

use std::collections::BTreeMap;

use domain::{
    id::{ProfileId, SeriesId},
    profile::Profiles,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    Store,
    codec::chunk,
    config::StoreConfig,
    error::StoreError,
    rollup::{Cell, Step, add_cells, gather},
    row::{Columns, for_ids, placeholders},
    writer::Priority,
};

const OPERATION: &str = "dropping what is too old";
/// Notices that are looked at, and go, in one transaction: a few milliseconds.
const NOTICES_PER_JOB: i64 = 500;
const DAY_MS: i64 = 24 * 3_600_000;
/// Chunks of one series that go in one transaction: a day at one reading a second comes to one row of minutes.
const CHUNKS_PER_JOB: i64 = 6;
/// Rows of rollups that become coarser in one transaction.
const ROLLUPS_PER_JOB: i64 = 8;

/// How many days what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Readings of devices whose profile does not say otherwise.
    raw_days: u32,
    /// Readings of devices of these kinds.
    by_profile: BTreeMap<ProfileId, u32>,
    minute_days: u32,
    hour_days: u32,
    day_days: u32,
    notice_days: u32,
}

/// What a round of dropping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Chunks whose readings are now summaries of minutes.
    pub chunk_count: u64,
    /// Rows of summaries that became coarser ones, or went.
    pub rollup_count: u64,
    /// Notices that went, with what became of them.
    pub notice_count: u64,
}

impl Retention {
    /// What the configuration and the kinds of devices say.
    pub fn new(config: &StoreConfig, profiles: &Profiles) -> Self {
        let own = |profile: &domain::profile::Profile| Some((profile.id.clone(), profile.retention_days?));
        Self {
            raw_days: config.retention_days,
            by_profile: profiles.iter().filter_map(own).collect(),
            minute_days: config.rollup_minute_days,
            hour_days: config.rollup_hour_days,
            day_days: config.rollup_day_days,
            notice_days: config.notice_days,
        }
    }

    /// Days for which readings of devices of this kind are kept.
    pub fn raw_days(&self, profile: Option<&ProfileId>) -> u32 {
        profile.and_then(|profile| self.by_profile.get(profile)).copied().unwrap_or(self.raw_days)
    }

    /// Days for which summaries of this length are kept.
    pub(super) const fn rollup_days(&self, step: Step) -> u32 {
        match step {
            Step::Minute => self.minute_days,
            Step::Hour => self.hour_days,
            Step::Day => self.day_days,
        }
    }

    /// After so many days nothing is kept for longer.
    pub(super) fn longest_days(&self) -> u32 {
        let rollups = Step::ALL.map(|step| self.rollup_days(step));
        self.each_raw_days().chain(rollups).max().unwrap_or(self.raw_days)
    }

    fn shortest_raw_days(&self) -> u32 {
        self.each_raw_days().min().unwrap_or(self.raw_days)
    }

    fn each_raw_days(&self) -> impl Iterator<Item = u32> {
        self.by_profile.values().copied().chain([self.raw_days])
    }
}

/// A chunk whose time is up.
struct Expiring {
    id: i64,
    frame: Vec<u8>,
}

impl Store {
    /// Drops what is too old at `now`, a little at a time: chunks become summaries of minutes, those of hours, those of
    /// days.
    pub async fn drop_expired(&self, retention: &Retention, now: UnixMs) -> Result<RetentionReport, StoreError> {
        let mut report = RetentionReport::default();
        let before = |days: u32| now.plus_ms(-i64::from(days) * DAY_MS);
        for (series, profile) in self.series_with_chunks_before(before(retention.shortest_raw_days())).await? {
            let before = before(retention.raw_days(profile.as_ref()));
            loop {
                let expiring = self.expiring_chunks(series, before).await?;
                let count = expiring.len();
                report.chunk_count += count as u64;
                self.roll_up(series, expiring, now).await?;
                if count < usize::try_from(CHUNKS_PER_JOB).unwrap_or(usize::MAX) {
                    break;
                }
            }
        }
        for step in Step::ALL {
            report.rollup_count += self.coarsen(step, before(retention.rollup_days(step))).await?;
        }
        report.notice_count = self.drop_notices(before(retention.notice_days)).await?;
        Ok(report)
    }

    /// Drops notices from before that moment with what became of them, a little at a time; answers how many. What still
    /// waits for somebody stays.
    async fn drop_notices(&self, before: UnixMs) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            // By number, which rises with time but for a clock that was set: no index is needed for what is looked at once
            // an hour.
            let rows = sqlx::query(
                "SELECT id FROM (SELECT id, at_ms, addressed_at_ms FROM notice ORDER BY id LIMIT $2) AS oldest \
                 WHERE at_ms < $1 AND addressed_at_ms IS NOT NULL AND NOT EXISTS \
                 (SELECT 1 FROM delivery WHERE delivery.notice_id = oldest.id AND delivery.state = 'waiting')",
            )
            .bind(before.0)
            .bind(NOTICES_PER_JOB)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
            let ids: Vec<i64> = rows.iter().map(|row| row.get_as("id")).collect::<Result<_, _>>()?;
            if ids.is_empty() {
                return Ok(total);
            }
            total += ids.len() as u64;
            self.writer()
                .write(
                    Priority::Seal,
                    OPERATION,
                    move |connection| {
                        Box::pin(async move {
                            for sql in ["DELETE FROM delivery WHERE notice_id IN", "DELETE FROM notice WHERE id IN"] {
                                for_ids(connection, sql, &[], &ids).await.map_err(StoreError::failed(OPERATION))?;
                            }
                            Ok(())
                        })
                    },
                    |()| {},
                )
                .await?;
        }
    }

    /// The series that have a chunk older than that, with the kind of device.
    async fn series_with_chunks_before(
        &self,
        before: UnixMs,
    ) -> Result<Vec<(SeriesId, Option<ProfileId>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT series.id AS id, device.profile_id AS profile_id FROM series \
             LEFT JOIN device ON device.id = series.device_id WHERE EXISTS (SELECT 1 FROM chunk \
             WHERE chunk.series_id = series.id AND chunk.last_at_ms < $1 AND chunk.replaced_through IS NULL)",
        )
        .bind(before.0)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter().map(|row| Ok((SeriesId(row.number("id")?), row.id_or_none("profile_id")?))).collect()
    }

    /// The oldest chunks of a series that are older than that, in order of arrival.
    async fn expiring_chunks(&self, series: SeriesId, before: UnixMs) -> Result<Vec<Expiring>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, readings FROM chunk WHERE id IN (SELECT id FROM chunk WHERE series_id = $1 \
             AND last_at_ms < $2 AND replaced_through IS NULL ORDER BY last_at_ms, id LIMIT $3) \
             ORDER BY through_journal, id",
        )
        .bind(i64::from(series.0))
        .bind(before.0)
        .bind(CHUNKS_PER_JOB)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter().map(|row| Ok(Expiring { id: row.get_as("id")?, frame: row.get_as("readings")? })).collect()
    }

    /// Turns chunks into summaries of minutes.
    async fn roll_up(&self, series: SeriesId, expiring: Vec<Expiring>, now: UnixMs) -> Result<(), StoreError> {
        if expiring.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = expiring.iter().map(|chunk| chunk.id).collect();
        let gathered = tokio::task::spawn_blocking(move || {
            let readable = expiring.iter().filter_map(|expiring| {
                let unreadable = |error: &_| {
                    tracing::error!(chunk.id = expiring.id, %error, "an old chunk cannot be read and leaves no summary");
                };
                chunk::decode_usable(&expiring.frame).inspect_err(unreadable).ok()
            });
            let numbers = readable.flat_map(|usable| usable.times.into_iter().zip(usable.numbers));
            gather(Step::Minute, numbers.map(|(at, number)| Cell::of(at, number)))
        });
        let cells = gathered.await.map_err(|_| StoreError::Closed)?;
        self.writer()
            .write(
                Priority::Seal,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        expire(connection, &ids, now).await?;
                        add_cells(connection, series, Step::Minute, cells, OPERATION).await
                    })
                },
                |()| {},
            )
            .await
    }

    /// Turns rows of rollups that end before `before` into coarser ones; days go altogether.
    async fn coarsen(&self, step: Step, before: UnixMs) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let expired = self.expired_rollups(step, before, ROLLUPS_PER_JOB).await?;
            let count = expired.len() as u64;
            total += count;
            if count == 0 {
                return Ok(total);
            }
            self.writer()
                .write(
                    Priority::Seal,
                    OPERATION,
                    move |connection| {
                        Box::pin(async move {
                            for expired in expired {
                                delete_rollup(connection, expired.id).await?;
                                if let Some(coarser) = step.coarser() {
                                    let cells = gather(coarser, expired.cells);
                                    add_cells(connection, expired.series, coarser, cells, OPERATION).await?;
                                }
                            }
                            Ok(())
                        })
                    },
                    |()| {},
                )
                .await?;
        }
    }
}

/// Takes chunks out of everybody's sight; they are deleted like those that were merged.
async fn expire(connection: &mut AnyConnection, ids: &[i64], now: UnixMs) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE chunk SET replaced_through = 0, replaced_at_ms = $1 WHERE replaced_through IS NULL AND id IN {}",
        placeholders(1, ids.len(), 1)
    );
    let mut update = sqlx::query(AssertSqlSafe(sql)).bind(now.0);
    for id in ids {
        update = update.bind(*id);
    }
    let expired = update.execute(connection).await.map_err(StoreError::failed(OPERATION))?.rows_affected();
    if expired == ids.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Damaged { what: "order of dropping", why: "another program drops too".into() })
    }
}

async fn delete_rollup(connection: &mut AnyConnection, id: i64) -> Result<(), StoreError> {
    let deleted = sqlx::query("DELETE FROM rollup WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    if deleted.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::Damaged { what: "order of dropping", why: "another program drops too".into() })
    }
}
