//! The database as one file, and back: what a backup is made of. Each engine has its own way; both are consistent as of
//! one moment, and neither keeps the gateway from writing.

mod postgres;
mod sqlite;

use std::path::{Path, PathBuf};

use domain::time::UnixMs;
use protocol::sparkplug::outbox::StoreEpoch;
use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    audit,
    config::StoreConfig,
    database::{Database, Engine},
    delivery,
    error::StoreError,
    outbox::write_epoch,
};

/// What a copy of SQLite is called.
const SQLITE_FILE: &str = "brightwatch.db";
/// What a copy of PostgreSQL is called: a dump in its custom format.
const POSTGRES_FILE: &str = "brightwatch.pgdump";

/// Called about once a second with the bytes written and, where it is known, how many it will be at most.
pub type CopyProgress<'a> = &'a mut (dyn FnMut(u64, Option<u64>) + Send);

/// Why a database was not copied or put back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database cannot be reached, read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing has been stored yet.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program of PostgreSQL is not there.
    #[error("{name} is not installed (apt-get install postgresql-client); looked at {looked_at}")]
    NoProgram {
        /// Which.
        name: &'static str,
        /// Where it was looked for.
        looked_at: String,
    },
    /// A program of PostgreSQL failed; nothing was changed.
    #[error("{name} failed: {why}")]
    Program {
        /// Which.
        name: &'static str,
        /// Its own words.
        why: String,
    },
    /// What is there would be covered up.
    #[error("{0} is not empty; `--replace` moves what is there aside")]
    NotEmpty(String),
    /// Somebody works with the database.
    #[error("{0} other programs are connected to the database; stop the gateway first")]
    InUse(i64),
}

impl CopyError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

/// Copies the configured database into a file in `folder`, as it is at one moment, beside a gateway that may be running.
/// Answers the file's name, which says the engine.
///
/// # Errors
/// [`CopyError::Missing`], [`CopyError::NoProgram`], or what went wrong; the file is then of no use.
pub async fn take_copy(
    config: &StoreConfig,
    data_dir: &Path,
    folder: &Path,
    progress: CopyProgress<'_>,
) -> Result<&'static str, CopyError> {
    let database = Database::from_config(config, data_dir)?;
    let name = copy_name(config, data_dir)?;
    let file = folder.join(name);
    match &database.file {
        Some(original) => sqlite::take_copy(&database, original, &file, progress).await?,
        None => postgres::take_copy(&database, &file, progress).await?,
    }
    // Neither engine says when its file is on disk.
    std::fs::File::open(&file).and_then(|file| file.sync_all()).map_err(CopyError::file(&file))?;
    Ok(name)
}

/// What a copy of the configured database is called; it says the engine.
///
/// # Errors
/// [`StoreError::Location`].
pub fn copy_name(config: &StoreConfig, data_dir: &Path) -> Result<&'static str, StoreError> {
    Ok(match Database::from_config(config, data_dir)?.engine {
        Engine::Sqlite => SQLITE_FILE,
        Engine::Postgres => POSTGRES_FILE,
    })
}

/// The file of the configured database, absolute; None: it is on a server.
///
/// # Errors
/// [`StoreError::Location`].
pub fn database_file(config: &StoreConfig, data_dir: &Path) -> Result<Option<PathBuf>, StoreError> {
    Ok(Database::from_config(config, data_dir)?.file)
}

/// Makes sure that a copy can be put back: that nobody works with the database, and that nothing is there, or may be moved
/// aside under a name that ends with `aside`.
///
/// # Errors
/// [`CopyError::NotEmpty`], [`CopyError::InUse`], or that the database does not answer.
pub async fn check_room(config: &StoreConfig, data_dir: &Path, aside: Option<&str>) -> Result<(), CopyError> {
    let database = Database::from_config(config, data_dir)?;
    match &database.file {
        Some(place) => sqlite::check_room(place, aside),
        None => postgres::check_room(&database, aside).await.map(drop),
    }
}

/// Puts a copy that [`take_copy`] made where the configuration says the database is. What is there is moved aside under
/// a name that ends with `aside`, or, without one, refused. Answers what it is called now, if there was something.
///
/// # Errors
/// [`CopyError::NotEmpty`], [`CopyError::InUse`], or what went wrong.
pub async fn put_back(
    config: &StoreConfig,
    data_dir: &Path,
    copy: &Path,
    aside: Option<&str>,
) -> Result<Option<String>, CopyError> {
    let database = Database::from_config(config, data_dir)?;
    match &database.file {
        Some(place) => sqlite::put_back(copy, place, aside),
        None => postgres::put_back(&database, copy, aside).await,
    }
}

/// Makes a database that was put back one that may be used: brought to this version, with a history of its own, so that
/// edge nodes send again what it has not committed; all sessions ended, since among them are those that were ended after
/// the backup; with what waited to be told marked as perhaps told since; and with an entry in the audit log.
///
/// # Errors
/// What kept it from being done; the database is then not to be used.
pub async fn begin_restored(
    config: &StoreConfig,
    data_dir: &Path,
    at: UnixMs,
    detail: String,
) -> Result<StoreEpoch, StoreError> {
    const OPERATION: &str = "beginning a new history of the store";
    let database = Database::from_config(config, data_dir)?;
    database.migrate().await?;
    let mut connection = database.connect_writer().await.map_err(StoreError::Open)?;
    let epoch = StoreEpoch(Uuid::new_v4().as_u128());
    let mut transaction = connection.begin_with(database.begin()).await.map_err(StoreError::failed(OPERATION))?;
    write_epoch(&mut transaction, epoch).await?;
    delivery::mark_all_as_maybe_repeated(&mut transaction).await?;
    sqlx::query("DELETE FROM session").execute(&mut *transaction).await.map_err(StoreError::failed(OPERATION))?;
    audit::note(&mut transaction, &super::Actor::Shell.name(), "store.restore", &epoch.to_string(), detail, at).await?;
    transaction.commit().await.map_err(StoreError::failed(OPERATION))?;
    connection.close().await.map_err(StoreError::Open)?;
    Ok(epoch)
}

/// Notes in the audit log that a backup was taken.
///
/// # Errors
/// [`StoreError::Open`], [`StoreError::Failed`].
pub async fn note_backup(
    config: &StoreConfig,
    data_dir: &Path,
    at: UnixMs,
    object: &str,
    detail: String,
) -> Result<(), StoreError> {
    const OPERATION: &str = "noting a backup";
    let database = Database::from_config(config, data_dir)?;
    let mut connection = database.connect_writer().await.map_err(StoreError::Open)?;
    let mut transaction = connection.begin_with(database.begin()).await.map_err(StoreError::failed(OPERATION))?;
    audit::note(&mut transaction, &super::Actor::Shell.name(), "store.backup", object, detail, at).await?;
    transaction.commit().await.map_err(StoreError::failed(OPERATION))?;
    connection.close().await.map_err(StoreError::Open)
}
