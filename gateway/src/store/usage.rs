//! How much room the readings take, and of whom.

use std::{path::Path, time::Duration};

use domain::{id::ProfileId, time::UnixMs};
use sqlx::Row as _;
use tokio::time::Instant;

use super::{Store, database::Engine, error::StoreError, row::Columns};

const OPERATION: &str = "measuring the database";
/// Measured again after so long: it reads an index of all chunks.
const KEPT: Duration = Duration::from_mins(1);
/// The latest day of the ledger says how many readings a day there are, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

/// What the database takes, and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Bytes of the database, free pages included.
    pub database_bytes: u64,
    /// Bytes of it that are free for what comes.
    pub reusable_bytes: u64,
    /// Bytes of the write-ahead log; None: the server's business.
    pub wal_bytes: Option<u64>,
    /// Bytes that are free on its disk; None: the server's business.
    pub disk_free_bytes: Option<u64>,
    /// Readings that are not in chunks yet.
    pub open_readings: u64,
    /// Readings committed within the latest day, reckoned to a whole one.
    pub readings_per_day: f64,
    /// How old the oldest reading in a chunk is, in days; an hour at least.
    pub age_days: f64,
    /// What is in chunks, by kind of device.
    pub profiles: Vec<ProfileUsage>,
    /// Bytes of the summaries of older readings.
    pub rollup_bytes: u64,
}

/// The chunks of one kind of device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileUsage {
    /// Which; None: devices that nobody registered.
    pub profile: Option<ProfileId>,
    /// Their series.
    pub series_count: u64,
    /// Their chunks.
    pub chunk_count: u64,
    /// The readings in them.
    pub reading_count: u64,
    /// The bytes of these, without what a row takes beside.
    pub reading_bytes: u64,
}

impl Store {
    /// How much room everything takes, at most a minute old. For the whole district; not scoped.
    pub async fn usage(&self, now: UnixMs) -> Result<Usage, StoreError> {
        let mut kept = self.inner.usage.lock().await;
        if let Some((at, usage)) = &*kept
            && at.elapsed() < KEPT
        {
            return Ok(usage.clone());
        }
        let usage = self.measure_usage(now).await?;
        *kept = Some((Instant::now(), usage.clone()));
        Ok(usage)
    }

    /// The same as it is now, which takes a look at every chunk's entry in an index.
    pub async fn measure_usage(&self, now: UnixMs) -> Result<Usage, StoreError> {
        let file = self.inner.file.as_deref();
        let open_readings = self.head().open_reading_count();
        let (database_bytes, reusable_bytes) = self.database_bytes().await?;
        Ok(Usage {
            database_bytes,
            reusable_bytes,
            wal_bytes: file.map(wal_bytes),
            disk_free_bytes: file.and_then(|file| free_bytes(file).ok()),
            open_readings,
            readings_per_day: self.readings_per_day(now).await?,
            age_days: self.age_days(now).await?,
            profiles: self.usage_by_profile().await?,
            rollup_bytes: self
                .number("SELECT CAST(COALESCE(SUM(LENGTH(cells)), 0) AS BIGINT) AS number FROM rollup")
                .await?,
        })
    }

    /// Bytes of the whole database, and those in it that nothing occupies.
    async fn database_bytes(&self) -> Result<(u64, u64), StoreError> {
        match self.inner.engine {
            Engine::Sqlite => {
                let page = self.number("PRAGMA page_size").await?;
                let (all, free) =
                    (self.number("PRAGMA page_count").await?, self.number("PRAGMA freelist_count").await?);
                Ok((all * page, free * page))
            }
            Engine::Postgres => Ok((self.number("SELECT pg_database_size(current_database())").await?, 0)),
        }
    }

    async fn number(&self, sql: &'static str) -> Result<u64, StoreError> {
        let row = sqlx::query(sql).fetch_one(self.readers()).await.map_err(StoreError::read(OPERATION))?;
        let number: i64 = row.try_get(0).map_err(StoreError::read(OPERATION))?;
        u64::try_from(number).map_err(StoreError::damaged("size"))
    }

    async fn readings_per_day(&self, now: UnixMs) -> Result<f64, StoreError> {
        let row = sqlx::query(
            "SELECT COALESCE(MIN(hour_ms), 0) AS first_ms, CAST(COALESCE(SUM(committed_readings), 0) AS BIGINT) AS \
             readings FROM ledger_hour WHERE hour_ms > $1 AND committed_readings > 0",
        )
        .bind(now.0.saturating_sub(DAY_MS))
        .fetch_one(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let readings: i64 = row.get_as("readings")?;
        // A gateway that has run for minutes only is taken for one that has run for an hour.
        let covered_ms = now.since_ms(row.time("first_ms")?).clamp(DAY_MS / 24, DAY_MS);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        Ok(readings as f64 * DAY_MS as f64 / covered_ms as f64)
    }

    async fn age_days(&self, now: UnixMs) -> Result<f64, StoreError> {
        // Answered by the index `chunk_by_time` alone.
        let row = sqlx::query("SELECT MIN(first_at_ms) AS first_ms FROM chunk")
            .fetch_one(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        let first_ms: Option<i64> = row.get_as("first_ms")?;
        let age_ms = first_ms.map_or(0, |first_ms| now.since_ms(UnixMs(first_ms)));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        Ok(age_ms.max(DAY_MS / 24) as f64 / DAY_MS as f64)
    }

    async fn usage_by_profile(&self) -> Result<Vec<ProfileUsage>, StoreError> {
        // By series first, which the index `chunk_by_arrival` answers alone.
        let rows = sqlx::query(
            "SELECT device.profile_id AS profile_id, COUNT(*) AS series_count, \
             CAST(SUM(one.chunk_count) AS BIGINT) AS chunk_count, \
             CAST(SUM(one.reading_count) AS BIGINT) AS reading_count, \
             CAST(SUM(one.byte_count) AS BIGINT) AS byte_count \
             FROM (SELECT series_id, COUNT(*) AS chunk_count, SUM(reading_count) AS reading_count, \
             SUM(byte_count) AS byte_count FROM chunk WHERE replaced_through IS NULL GROUP BY series_id) AS one \
             JOIN series ON series.id = one.series_id LEFT JOIN device ON device.id = series.device_id \
             GROUP BY device.profile_id ORDER BY device.profile_id",
        )
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        rows.iter()
            .map(|row| {
                Ok(ProfileUsage {
                    profile: row.id_or_none("profile_id")?,
                    series_count: row.number("series_count")?,
                    chunk_count: row.number("chunk_count")?,
                    reading_count: row.number("reading_count")?,
                    reading_bytes: row.number("byte_count")?,
                })
            })
            .collect()
    }
}

fn wal_bytes(database: &Path) -> u64 {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    // Not there: nothing was written since the start.
    std::fs::metadata(name).map_or(0, |file| file.len())
}

/// Bytes that may still be written to the disk of `file`.
pub(crate) fn free_bytes(file: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(file)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of the whole disk of `file`.
pub(crate) fn disk_bytes(file: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(file)?;
    Ok(disk.f_blocks.saturating_mul(disk.f_frsize))
}
