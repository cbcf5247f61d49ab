//! Everything that a gateway needs to come back, in one folder, and the way back.
//!
//! In it: the database as of one moment, stills, the credentials of edge nodes and of the gateway's own broker users: all
//! that lies in the data directory. Not in it: what people wrote, which is the configuration with its profiles and
//! certificates. A backup holds secrets, as the data directory does, and is readable by its owner alone.

mod files;
mod manifest;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use domain::time::UnixMs;
use protocol::sparkplug::outbox::StoreEpoch;

pub use self::manifest::{FileEntry, Manifest};
use crate::{
    broker::{self, BrokerError},
    config::{Config, ConfigError},
    control::socket,
    store::{self, CheckProgress, CheckReport, CopyError, CopyProgress, StoreError},
};

/// The folder of a backup that holds what lay in the data directory beside the database.
const FILES: &str = "files";
/// What is written while a backup is taken, beside the folder that it becomes.
const DRAFT: &str = "draft";
/// In a data directory: a restore has begun and not ended. No gateway starts there.
const UNFINISHED: &str = "restore.unfinished";
/// Folders of the data directory to which a restore moved what was there.
const ASIDE: &str = "before-restore-";

/// Why a backup was not taken, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker that a killed gateway left behind.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The data directory.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is something already.
    #[error("{} exists already; a backup makes a folder of its own", .0.display())]
    Exists(PathBuf),
    /// A backup would hold itself.
    #[error("{} lies in the data directory; choose a place on another disk", .0.display())]
    Inside(PathBuf),
    /// The folder holds no backup, or one of another kind.
    #[error("{} is no backup that this gateway can read: {why}", path.display())]
    NoBackup {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Files differ from what they were when the backup was taken.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// A gateway runs on the data directory.
    #[error("a gateway runs on {}; stop it first", .0.display())]
    Running(PathBuf),
    /// The data directory is in use.
    #[error("{} is not empty; `--replace` moves what is there aside", .0.display())]
    NotEmpty(PathBuf),
    /// A restore did not come to its end.
    #[error("a restore into {} did not come to its end; run it again with `--replace`", .0.display())]
    Unfinished(PathBuf),
}

impl BackupError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

/// Takes a backup into `to`, a folder that it makes; a gateway may be running. The folder appears when all is in it and
/// on disk.
///
/// # Errors
/// [`BackupError::Exists`], [`BackupError::Inside`], or what went wrong; nothing is left behind then.
pub async fn take(
    config: &Config,
    to: &Path,
    at: UnixMs,
    progress: CopyProgress<'_>,
) -> Result<(Manifest, String), BackupError> {
    let to = std::path::absolute(to).map_err(BackupError::file(to))?;
    let data_dir = std::path::absolute(&config.data_dir).map_err(BackupError::file(&config.data_dir))?;
    if to.exists() {
        return Err(BackupError::Exists(to));
    }
    if to.starts_with(&data_dir) {
        return Err(BackupError::Inside(to));
    }
    let draft = to.with_added_extension(DRAFT);
    make_private(&draft)?;
    let taken = take_into(config, &data_dir, &draft, at, progress).await;
    if taken.is_err() {
        // The first failure is the one to be told.
        fs::remove_dir_all(&draft).ok();
    }
    let (manifest, digest) = taken?;
    fs::rename(&draft, &to).map_err(BackupError::file(&to))?;
    files::sync_folder(to.parent().unwrap_or(&to))?;
    store::note_backup(&config.store, &data_dir, at, &to.display().to_string(), format!("sha256 {digest}")).await?;
    Ok((manifest, digest))
}

async fn take_into(
    config: &Config,
    data_dir: &Path,
    folder: &Path,
    at: UnixMs,
    progress: CopyProgress<'_>,
) -> Result<(Manifest, String), BackupError> {
    // The files first: a credential that is given meanwhile may be missing from them, and its node is enrolled again; one
    // that the database does not know cannot be.
    make_private(&folder.join(FILES))?;
    let names = files::list(data_dir, store::database_file(&config.store, data_dir)?.as_deref())?;
    let mut entries = Vec::with_capacity(names.len() + 1);
    for name in names {
        let path = Path::new(FILES).join(&name);
        if files::copy(&data_dir.join(&name), &folder.join(&path))? {
            entries.push(FileEntry::of(folder, &path)?);
        }
    }
    let database = store::take_copy(&config.store, data_dir, folder, progress).await?;
    entries.insert(0, FileEntry::of(folder, Path::new(database))?);
    let manifest = Manifest::new(at, database, entries);
    let digest = manifest.write(folder)?;
    Ok((manifest, digest))
}

/// Checks a backup: that every file is what it was, to the byte, and, where the database is SQLite, all that
/// [`store::check`] checks. None: a dump of PostgreSQL, which can be looked into only by restoring it.
///
/// # Errors
/// [`BackupError::NoBackup`], [`BackupError::Damaged`].
pub async fn check(folder: &Path, progress: CheckProgress<'_>) -> Result<(Manifest, Option<CheckReport>), BackupError> {
    let manifest = Manifest::read(folder)?;
    manifest.verify(folder)?;
    if !manifest.is_sqlite() {
        return Ok((manifest, None));
    }
    let report = store::check_file(&folder.join(&manifest.database), progress).await?;
    Ok((manifest, Some(report)))
}

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// What was put back.
    pub manifest: Manifest,
    /// The history that begins with it.
    pub epoch: StoreEpoch,
    /// Where that is now which was there before.
    pub moved_aside: Vec<String>,
}

/// Puts a backup back. From the first change to the last no gateway starts on the data directory.
///
/// # Errors
/// [`BackupError::Running`], [`BackupError::NotEmpty`], [`BackupError::Damaged`], or what went wrong.
pub async fn restore(config: &Config, folder: &Path, mode: Mode, at: UnixMs) -> Result<Restored, BackupError> {
    let data_dir = &config.data_dir;
    let manifest = Manifest::read(folder)?;
    let wanted = store::copy_name(&config.store, data_dir)?;
    if manifest.database != wanted {
        let why = format!("it holds {}, and `store.url` wants {wanted}", manifest.database);
        return Err(BackupError::NoBackup { path: folder.to_owned(), why });
    }
    manifest.verify(folder)?;
    if socket::is_served(data_dir).await {
        return Err(BackupError::Running(data_dir.clone()));
    }
    config.make_data_dir()?;
    let aside = format!("{ASIDE}{}", manifest::compact_time(at));
    let room = (mode == Mode::Replace).then_some(aside.as_str());
    let present = files::in_the_way(data_dir)?;
    if room.is_none() && !present.is_empty() {
        return Err(BackupError::NotEmpty(data_dir.clone()));
    }
    store::check_room(&config.store, data_dir, room).await?;
    // A gateway that was killed leaves its broker behind, which would keep the port and the old credentials.
    broker::end_orphan(data_dir).await?;

    let mut moved_aside = Vec::new();
    let marker = data_dir.join(UNFINISHED);
    fs::write(&marker, "").map_err(BackupError::file(&marker))?;
    files::sync_folder(data_dir)?;
    if !present.is_empty() {
        let kept = data_dir.join(&aside);
        make_private(&kept)?;
        for name in present.iter().filter(|name| *name != UNFINISHED) {
            let from = data_dir.join(name);
            fs::rename(&from, kept.join(name)).map_err(BackupError::file(&from))?;
        }
        moved_aside.push(kept.display().to_string());
    }
    for entry in &manifest.files {
        let Ok(name) = entry.path.strip_prefix(FILES) else { continue };
        files::copy(&folder.join(&entry.path), &data_dir.join(name))?;
    }
    moved_aside.extend(store::put_back(&config.store, data_dir, &folder.join(&manifest.database), room).await?);
    let detail = format!("taken {}, from {}", manifest.taken_at, folder.display());
    let epoch = store::begin_restored(&config.store, data_dir, at, detail).await?;
    fs::remove_file(&marker).map_err(BackupError::file(&marker))?;
    files::sync_folder(data_dir)?;
    Ok(Restored { manifest, epoch, moved_aside })
}

/// What a restore may do with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: there must be nothing.
    IntoEmpty,
    /// Move it aside.
    Replace,
}

/// Refuses a data directory into which a restore began and did not end: its store may not know yet that it was restored.
///
/// # Errors
/// [`BackupError::Unfinished`].
pub fn refuse_unfinished(data_dir: &Path) -> Result<(), BackupError> {
    if data_dir.join(UNFINISHED).exists() { Err(BackupError::Unfinished(data_dir.to_owned())) } else { Ok(()) }
}

/// Makes a folder that only its owner can look into.
fn make_private(folder: &Path) -> Result<(), BackupError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(false).mode(0o700).create(folder).map_err(BackupError::file(folder))
}
