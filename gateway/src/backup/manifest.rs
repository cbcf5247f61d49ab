//! `manifest.json`: what a backup holds, and what each file was when it was taken.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

use domain::time::UnixMs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{BackupError, files};

const NAME: &str = "manifest.json";
/// The layout of the folder; another layout would have another.
const FORMAT: u32 = 1;
/// Read at once while a digest is made, in bytes.
const BLOCK: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The layout of the folder.
    format: u32,
    /// When it was begun, by the gateway's clock, such as `2026-11-26T03:00:00Z`.
    pub taken_at: String,
    /// Which gateway took it. One that is older cannot read it.
    pub gateway_version: String,
    /// The file that is the database.
    pub database: String,
    /// Every file.
    pub files: Vec<FileEntry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it lies in the folder.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// A file as it is now.
    pub(super) fn of(folder: &Path, path: &Path) -> Result<Self, BackupError> {
        let full = folder.join(path);
        let (bytes, sha256) = digest(&full).map_err(BackupError::file(&full))?;
        Ok(Self { path: path.to_owned(), bytes, sha256 })
    }
}

impl Manifest {
    /// Of these files.
    pub(super) fn new(at: UnixMs, database: &str, files: Vec<FileEntry>) -> Self {
        Self {
            format: FORMAT,
            taken_at: time(at, "%Y-%m-%dT%H:%M:%SZ"),
            gateway_version: env!("CARGO_PKG_VERSION").into(),
            database: database.into(),
            files,
        }
    }

    /// Whether the database is a file of SQLite.
    pub fn is_sqlite(&self) -> bool {
        Path::new(&self.database).extension().is_some_and(|extension| extension == "db")
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it into its folder and answers its own SHA-256, which stands for the whole backup.
    pub(super) fn write(&self, folder: &Path) -> Result<String, BackupError> {
        let path = folder.join(NAME);
        let text = serde_json::to_vec_pretty(self).expect("paths that were read from a directory of ours are text");
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&text)?;
            file.sync_all()?;
            digest(&path)
        };
        let (_, digest) = write().map_err(BackupError::file(&path))?;
        files::sync_folder(folder)?;
        Ok(digest)
    }

    /// Reads that of a folder.
    ///
    /// # Errors
    /// [`BackupError::NoBackup`].
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let no_backup = |why: String| BackupError::NoBackup { path: folder.to_owned(), why };
        let text = fs::read(folder.join(NAME)).map_err(|error| no_backup(format!("{NAME}: {error}")))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| no_backup(format!("{NAME}: {error}")))?;
        if manifest.format != FORMAT {
            return Err(no_backup(format!("its format is {}, and {FORMAT} is known", manifest.format)));
        }
        // It is a text that anybody could have written: nothing may lead out of the folder.
        let is_inside = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(file) = manifest.files.iter().find(|file| !is_inside(&file.path)) {
            return Err(no_backup(format!("{} leads out of it", file.path.display())));
        }
        if !manifest.files.iter().any(|file| file.path == Path::new(&manifest.database)) {
            return Err(no_backup(format!("the database {} is not among its files", manifest.database)));
        }
        Ok(manifest)
    }

    /// Compares every file with what it was.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] with all files that differ.
    pub fn verify(&self, folder: &Path) -> Result<(), BackupError> {
        let problem_of = |file: &FileEntry| {
            let why = match digest(&folder.join(&file.path)) {
                Err(error) => error.to_string(),
                Ok((bytes, _)) if bytes != file.bytes => format!("{bytes} bytes instead of {}", file.bytes),
                Ok((_, sha256)) if sha256 != file.sha256 => "its SHA-256 is another".into(),
                Ok(_) => return None,
            };
            Some(format!("{}: {why}", file.path.display()))
        };
        let problems: Vec<String> = self.files.iter().filter_map(problem_of).collect();
        if problems.is_empty() { Ok(()) } else { Err(BackupError::Damaged(problems.join("; "))) }
    }
}

/// `20261126T030000Z`, for names of folders.
pub(super) fn compact_time(at: UnixMs) -> String {
    time(at, "%Y%m%dT%H%M%SZ")
}

fn time(at: UnixMs, format: &str) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.strftime(format).to_string())
}

/// Length and SHA-256 of a file.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        let length = io::Read::read(&mut file, &mut block)?;
        if length == 0 {
            break;
        }
        hash.update(&block[..length]);
        bytes += length as u64;
    }
    let text = hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
        text
    });
    Ok((bytes, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(change: impl Fn(&mut Manifest)) -> (tempfile::TempDir, Result<Manifest, BackupError>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("brightwatch.db"), "rows").unwrap();
        let database = FileEntry::of(folder.path(), Path::new("brightwatch.db")).unwrap();
        let mut manifest = Manifest::new(UnixMs(1_790_000_000_000), "brightwatch.db", vec![database]);
        change(&mut manifest);
        manifest.write(folder.path()).unwrap();
        let read = Manifest::read(folder.path());
        (folder, read)
    }

    #[test]
    fn a_manifest_says_what_each_file_was() {
        let (folder, manifest) = written(|_| {});
        let manifest = manifest.unwrap();
        assert_eq!(manifest.taken_at, "2026-09-21T14:13:20Z");
        assert_eq!(compact_time(UnixMs(1_790_000_000_000)), "20260921T141320Z");
        assert_eq!(manifest.files[0].sha256.len(), 64);
        manifest.verify(folder.path()).unwrap();
        for (text, why) in [("r0ws", "its SHA-256 is another"), ("row", "3 bytes instead of 4")] {
            fs::write(folder.path().join("brightwatch.db"), text).unwrap();
            let error = manifest.verify(folder.path()).unwrap_err().to_string();
            assert_eq!(error, format!("the backup is damaged: brightwatch.db: {why}"));
        }
    }

    #[test]
    fn a_manifest_of_somebody_else_leads_nowhere() {
        let entry = |path: &str| FileEntry { path: path.into(), bytes: 0, sha256: String::new() };
        for path in ["../outside", "/etc/passwd", "files/../../outside"] {
            let (_folder, read) = written(|manifest| manifest.files.push(entry(path)));
            assert!(matches!(read, Err(BackupError::NoBackup { .. })), "{path}");
        }
        assert!(matches!(written(|manifest| manifest.format = 2).1, Err(BackupError::NoBackup { .. })));
        assert!(matches!(written(|manifest| manifest.files.clear()).1, Err(BackupError::NoBackup { .. })));
        assert!(matches!(Manifest::read(Path::new("/nowhere")), Err(BackupError::NoBackup { .. })));
    }
}
