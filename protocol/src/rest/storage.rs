//! How much room the readings take, and how long the disk lasts.

use domain::id::ProfileId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::live::Storing;

/// What the database takes now, and what it will.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Storage {
    /// How much of what happens is stored at the moment.
    pub storing: Storing,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of it that are free for what comes.
    pub reusable_bytes: u64,
    /// Bytes of the write-ahead log; None: the database server's business.
    pub wal_bytes: Option<u64>,
    /// Bytes that are free on the database's disk; None: the database server's business.
    pub disk_free_bytes: Option<u64>,
    /// Readings in chunks.
    pub reading_count: u64,
    /// Readings that are not in chunks yet.
    pub open_readings: u64,
    /// Bytes that a reading in a chunk takes, its time and its share of the row included; None: there are none yet.
    pub bytes_per_reading: Option<f64>,
    /// Readings committed within the latest day, reckoned to a whole one.
    pub readings_per_day: f64,
    /// Bytes by which the database grows a day at that pace, until the first readings are too old to be kept.
    pub growth_bytes_per_day: f64,
    /// Bytes of readings and of summaries when every day drops as many as it brings.
    pub steady_bytes: f64,
    /// Whole days until the disk is full at that pace; None: it never is, or the server knows.
    pub days_until_full: Option<f64>,
    /// What is in chunks, by kind of device.
    pub profiles: Vec<StorageProfile>,
    /// Bytes of the summaries of readings that are not kept any more.
    pub rollup_bytes: u64,
    /// Days for which summaries of minutes are kept.
    pub rollup_minute_days: u32,
    /// Days for which summaries of hours are kept.
    pub rollup_hour_days: u32,
    /// Days for which summaries of days are kept.
    pub rollup_day_days: u32,
}

/// The readings of one kind of device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StorageProfile {
    /// Which; None: devices that nobody registered.
    #[schema(value_type = Option<String>)]
    pub profile: Option<ProfileId>,
    /// Their series.
    pub series_count: u64,
    /// Their readings in chunks.
    pub reading_count: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Days for which they are kept.
    pub retention_days: u32,
}
