//! PostgreSQL: `pg_dump` reads everything in one snapshot, `pg_restore` writes it in one transaction. They know what we do
//! not: which order, which owner, which version.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tokio::process::Command;

use super::{CopyError, CopyProgress};
use crate::store::{database::Database, error::StoreError, row::Columns};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Where Debian keeps the programs of each version of the server, beyond `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

pub(super) async fn take_copy(database: &Database, to: &Path, progress: CopyProgress<'_>) -> Result<(), CopyError> {
    const NAME: &str = "pg_dump";
    let mut connection = database.connect_writer().await.map_err(StoreError::Open)?;
    let schema = current_schema(&mut connection).await?;
    connection.close().await.map_err(StoreError::Open)?;
    let mut command = program(NAME, database)?;
    // What a restore moved aside lies in schemas of its own, and is no part of the store.
    command.arg("--format=custom").arg("--no-owner").arg("--no-privileges").arg(format!("--schema=\"{schema}\""));
    command.arg("--file").arg(to);
    let running = run(NAME, command);
    tokio::pin!(running);
    let mut ticks = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            done = &mut running => return done,
            _ = ticks.tick() => progress(std::fs::metadata(to).map_or(0, |metadata| metadata.len()), None),
        }
    }
}

/// What is in the way of a restore.
pub(super) struct Room {
    schema: String,
    is_empty: bool,
}

pub(super) async fn check_room(database: &Database, aside: Option<&str>) -> Result<Room, CopyError> {
    let mut connection = database.connect_writer().await.map_err(StoreError::Open)?;
    let others = number(
        &mut connection,
        "SELECT COUNT(*) AS number FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    .await?;
    if others > 0 {
        return Err(CopyError::InUse(others));
    }
    let schema = current_schema(&mut connection).await?;
    let tables = number(
        &mut connection,
        "SELECT COUNT(*) AS number FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .await?;
    connection.close().await.map_err(StoreError::Open)?;
    if tables > 0 && aside.is_none() {
        return Err(CopyError::NotEmpty(format!("schema {schema} of the database")));
    }
    Ok(Room { schema, is_empty: tables == 0 })
}

pub(super) async fn put_back(
    database: &Database,
    copy: &Path,
    aside: Option<&str>,
) -> Result<Option<String>, CopyError> {
    const NAME: &str = "pg_restore";
    const OPERATION: &str = "making room in the database";
    let mut command = program(NAME, database)?;
    let Room { schema, is_empty } = check_room(database, aside).await?;
    let mut moved = None;
    if let Some(aside) = aside.filter(|_| !is_empty) {
        let kept = aside.replace('-', "_").to_lowercase();
        // Names cannot be bound; both are the database's or ours, and quoted.
        let sql = format!(
            "BEGIN; ALTER SCHEMA {schema} RENAME TO {kept}; CREATE SCHEMA {schema}; COMMIT",
            schema = quoted(&schema),
            kept = quoted(&kept)
        );
        let mut connection = database.connect_writer().await.map_err(StoreError::Open)?;
        connection.execute(AssertSqlSafe(sql)).await.map_err(StoreError::failed(OPERATION))?;
        connection.close().await.map_err(StoreError::Open)?;
        moved = Some(format!("schema {kept} of the database"));
    }
    command.arg("--single-transaction").arg("--exit-on-error").arg("--no-owner").arg("--no-privileges");
    command.arg(format!("--schema={schema}")).arg(copy);
    run(NAME, command).await?;
    Ok(moved)
}

async fn current_schema(connection: &mut AnyConnection) -> Result<String, StoreError> {
    // As a plain text: the driver does not know the type `name`.
    let row = sqlx::query("SELECT COALESCE(current_schema(), 'public')::TEXT AS schema")
        .fetch_one(connection)
        .await
        .map_err(StoreError::read("asking for the schema"))?;
    row.get_as("schema")
}

async fn number(connection: &mut AnyConnection, sql: &'static str) -> Result<i64, StoreError> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(StoreError::read("looking at the database"))?;
    row.get_as("number")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A program with the database's address. The password goes by the environment, where only the same user can read it.
fn program(name: &'static str, database: &Database) -> Result<Command, CopyError> {
    let path = find(name)?;
    let (address, password) = database.postgres_address();
    let mut command = Command::new(path);
    command.arg("--dbname").arg(address).arg("--no-password");
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    Ok(command)
}

/// The program on `PATH`, or that of the newest version that is installed.
fn find(name: &'static str) -> Result<PathBuf, CopyError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort_by_key(|folder| std::cmp::Reverse(version_of(folder)));
    let candidates: Vec<PathBuf> =
        std::env::split_paths(&path).chain(versions).map(|folder| folder.join(name)).collect();
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let looked_at = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        CopyError::NoProgram { name, looked_at }
    })
}

/// `15` of `/usr/lib/postgresql/15/bin`.
fn version_of(folder: &Path) -> u32 {
    let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    version.and_then(|version| version.parse().ok()).unwrap_or_default()
}

async fn run(name: &'static str, mut command: Command) -> Result<(), CopyError> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = |why: String| CopyError::Program { name, why };
    let output = command.output().await.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ")))
}
