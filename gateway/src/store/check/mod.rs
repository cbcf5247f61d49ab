//! Whether what is stored is whole: every row that carries a checksum is unpacked, every figure that can be worked out
//! again is, and every promise that spans rows is looked after.
//!
//! Reads only, a page at a time and each statement for itself, so that it can run beside a gateway that writes. What it
//! finds is a list with names, not an error: a damaged store is an answer.

mod readings;
mod records;

use std::{collections::HashMap, fmt::Display, path::Path};

use sqlx::AnyPool;

use super::{
    config::StoreConfig,
    database::{Database, Engine},
    error::StoreError,
    row::Columns,
};

/// Findings that are kept with their words; the rest are counted. A store that has more needs no longer list.
const FINDINGS_MAX: usize = 200;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What: a row by its number and by what it holds.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckCounts {
    /// Series.
    pub series: u64,
    /// Sealed chunks, those included that are replaced and about to be deleted.
    pub chunks: u64,
    /// Readings in them.
    pub sealed_readings: u64,
    /// Rows of summaries that outlive their readings.
    pub rollups: u64,
    /// Journal rows.
    pub journal_rows: u64,
    /// Readings in them, those included that stand in chunks as well.
    pub journal_readings: u64,
    /// Edge nodes' outboxes.
    pub outboxes: u64,
    /// Alarms, open and closed.
    pub alarms: u64,
    /// Entries of the audit log that follow one another.
    pub audit_entries: u64,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// What was looked at.
    pub counts: CheckCounts,
    /// What is wrong, at most two hundred.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub left_out_count: u64,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, place: impl Into<String>, problem: impl Display) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { place: place.into(), problem: problem.to_string() });
        } else {
            self.left_out_count += 1;
        }
    }

    /// Takes the outcome of a part. A database that says it is damaged is a finding; one that does not answer is not.
    fn take(&mut self, part: &'static str, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        match outcome {
            Err(StoreError::Read { source: sqlx::Error::Database(why), .. }) => self.find(part, why),
            Err(StoreError::Damaged { what, why }) => self.find(part, format!("`{what}` cannot be read: {why}")),
            other => return other,
        }
        Ok(())
    }
}

/// Called now and then with what has been looked at so far.
pub type CheckProgress<'a> = &'a mut (dyn FnMut(&CheckCounts) + Send);

/// Checks the configured database, beside a gateway that may be running.
///
/// # Errors
/// [`StoreError::Location`], [`StoreError::Open`], [`StoreError::Read`]: it cannot be reached.
pub async fn check(
    config: &StoreConfig,
    data_dir: &Path,
    progress: CheckProgress<'_>,
) -> Result<CheckReport, StoreError> {
    let database = Database::from_config(config, data_dir)?;
    // Connecting would make an empty one.
    if let Some(file) = database.file.as_ref().filter(|file| !file.is_file()) {
        return Err(StoreError::Location { url: file.display().to_string(), why: "there is no such file".into() });
    }
    check_database(&database, progress).await
}

/// Checks a file of SQLite that nobody uses, and leaves it as it is to the byte.
///
/// # Errors
/// As [`check`].
pub async fn check_file(path: &Path, progress: CheckProgress<'_>) -> Result<CheckReport, StoreError> {
    check_database(&Database::of_still_file(path)?, progress).await
}

async fn check_database(database: &Database, progress: CheckProgress<'_>) -> Result<CheckReport, StoreError> {
    let mut report = CheckReport::default();
    let readers = match database.connect_readers(1).await {
        // What is no database at all is not one that does not answer.
        Err(StoreError::Open(sqlx::Error::Database(why))) => {
            report.find("database", why);
            return Ok(report);
        }
        other => other?,
    };
    if database.engine == Engine::Sqlite {
        let outcome = records::check_pages(&readers, &mut report).await;
        report.take("database file", outcome)?;
    }
    // A backup may be of an earlier version, which had fewer tables.
    let mut schema = 0;
    let outcome = load_schema(&readers, &mut schema).await;
    report.take("schema", outcome)?;
    let mut names = HashMap::new();
    let outcome = load_names(&readers, &mut names).await;
    report.take("series", outcome)?;
    report.counts.series = names.len() as u64;
    let outcome = readings::check_chunks(&readers, &names, &mut report, progress).await;
    report.take("chunks", outcome)?;
    let outcome = readings::check_rollups(&readers, &names, schema, &mut report).await;
    report.take("rollups", outcome)?;
    let outcome = readings::check_seals(&readers, &names, &mut report).await;
    report.take("seals", outcome)?;
    let outcome = readings::check_journal(&readers, &names, &mut report).await;
    report.take("journal", outcome)?;
    let outcome = records::check_outboxes(&readers, schema, &mut report).await;
    report.take("outboxes", outcome)?;
    let outcome = records::check_checkpoint(&readers, schema, &mut report).await;
    report.take("checkpoint", outcome)?;
    let outcome = records::check_alarms(&readers, &mut report).await;
    report.take("alarms", outcome)?;
    let outcome = records::check_audit(&readers, &mut report).await;
    report.take("audit log", outcome)?;
    progress(&report.counts);
    readers.close().await;
    Ok(report)
}

async fn load_schema(readers: &AnyPool, schema: &mut i64) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations")
        .fetch_one(readers)
        .await
        .map_err(StoreError::read("reading the schema's version"))?;
    *schema = row.get_as("version")?;
    Ok(())
}

/// Which metric of which device a series is, in words.
type Names = HashMap<i64, String>;

async fn load_names(readers: &AnyPool, names: &mut Names) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT id, device_id, metric FROM series")
        .fetch_all(readers)
        .await
        .map_err(StoreError::read("reading the series"))?;
    for row in &rows {
        let (device, metric) = (row.get_as::<String>("device_id")?, row.get_as::<String>("metric")?);
        names.insert(row.get_as("id")?, format!("{device} {metric}"));
    }
    Ok(())
}

/// A series in words; None in `names`: no such series.
fn name_of(names: &Names, series: i64) -> String {
    names.get(&series).map_or_else(|| format!("series {series}"), |name| format!("series {series} ({name})"))
}
