//! Where the store is, and when readings leave the journal.

use std::path::PathBuf;

use serde::Deserialize;

use super::head::SealPolicy;

/// `[store]` of the gateway's configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite:<path>` (relative to the data directory) or `postgres://user@host/database`.
    pub url: String,
    /// A file whose first line is the PostgreSQL password; None: the URL or the server's rules for the user suffice.
    pub password_file: Option<PathBuf>,
    /// Connections for reading. Each keeps up to 512 KiB of SQLite's pages; more than the machine has cores gains little.
    pub reader_count: u32,
    /// A series is sealed when it has this many open readings. Beyond 900 the compression hardly gains.
    pub seal_reading_count: u32,
    /// A series is sealed at this age of its oldest open reading, in seconds, however few they are: bounds memory, the
    /// journal, and what a start reads again. Small chunks are merged later.
    pub seal_age_s: u64,
    /// Mebibytes of the disk that are kept back, so that alarms can still be committed when it is full. SQLite only.
    pub reserve_mib: u32,
    /// Readings are kept for so many days, unless the profile of their device says otherwise (`retention_days`).
    pub retention_days: u32,
    /// After that, a summary of each minute is kept until it is so many days old,
    pub rollup_minute_days: u32,
    /// of each hour until it is so many days old,
    pub rollup_hour_days: u32,
    /// and of each day until it is so many days old.
    pub rollup_day_days: u32,
    /// Who was told of what, and what became of it, is kept for so many days. Alarms, cases and the audit log stay.
    pub notice_days: u32,
    /// Open readings of all series together, in readings; beyond it the oldest are sealed at once: bounds memory.
    pub open_reading_budget: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:brightwatch.db".into(),
            password_file: None,
            reader_count: 4,
            seal_reading_count: 900,
            seal_age_s: 900,
            open_reading_budget: 20_000_000,
            reserve_mib: 64,
            retention_days: 400,
            rollup_minute_days: 1_100,
            rollup_hour_days: 3_660,
            rollup_day_days: 10_960,
            notice_days: 1_830,
        }
    }
}

impl StoreConfig {
    pub(super) fn seal_policy(&self) -> SealPolicy {
        SealPolicy {
            reading_count: self.seal_reading_count.max(1),
            age_ms: i64::try_from(self.seal_age_s).unwrap_or(i64::MAX).saturating_mul(1000),
            open_reading_budget: self.open_reading_budget,
        }
    }
}
