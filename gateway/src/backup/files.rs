//! Which files of a data directory belong into a backup, and copies of them that are on disk.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{ASIDE, BackupError, UNFINISHED};

/// Files that mean something only to the process that made them.
const PASSING: [&str; 3] = ["control.sock", "broker.lock", "broker.running.json"];
/// Endings of what is half written.
const HALF_WRITTEN: [&str; 4] = ["draft", "new", "part", "tmp"];
/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];
/// How deep folders may lie in one another.
const DEPTH_MAX: usize = 8;

/// The files of a data directory that a gateway needs to come back, without its database, by name.
pub(super) fn list(data_dir: &Path, database: Option<&Path>) -> Result<Vec<PathBuf>, BackupError> {
    let mut names = Vec::new();
    walk(data_dir, Path::new(""), DEPTH_MAX, &mut names)?;
    let of_database: Vec<PathBuf> = database
        .into_iter()
        .flat_map(|file| COMPANIONS.map(|ending| PathBuf::from(format!("{}{ending}", file.display()))))
        .collect();
    names.retain(|name| !of_database.contains(&data_dir.join(name)));
    names.sort();
    Ok(names)
}

fn walk(data_dir: &Path, below: &Path, depth: usize, names: &mut Vec<PathBuf>) -> Result<(), BackupError> {
    let folder = data_dir.join(below);
    for entry in fs::read_dir(&folder).map_err(BackupError::file(&folder))? {
        let entry = entry.map_err(BackupError::file(&folder))?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(BackupError::file(&entry.path()))?);
        let text = name.to_string_lossy();
        let path = below.join(&name);
        let is_half_written = path.extension().is_some_and(|it| HALF_WRITTEN.iter().any(|ending| it == *ending));
        if PASSING.contains(&&*text) || text == UNFINISHED || text.starts_with(ASIDE) || is_half_written {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            walk(data_dir, &path, depth - 1, names)?;
        } else if kind.is_file() {
            names.push(path);
        }
    }
    Ok(())
}

/// The names in a data directory that a restore has to move aside.
pub(super) fn in_the_way(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::file(folder))? {
        let name = entry.map_err(BackupError::file(folder))?.file_name().to_string_lossy().into_owned();
        if !PASSING.contains(&name.as_str()) && !name.starts_with(ASIDE) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Copies a file, with the time it was changed, so that only its owner can read it, and waits for the disk. False: it
/// has gone meanwhile, replaced by its owner.
pub(super) fn copy(from: &Path, to: &Path) -> Result<bool, BackupError> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(BackupError::file(from))?,
    };
    if let Some(folder) = to.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(BackupError::file(folder))?;
    }
    let write = |source: &mut File| {
        let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        io::copy(source, &mut target)?;
        // A still's time is when it was taken.
        target.set_modified(source.metadata()?.modified()?)?;
        target.sync_all()
    };
    write(&mut source).map_err(BackupError::file(to)).map(|()| true)
}

/// Waits until the names in a folder are on disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_only_now_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "brightwatch.db",
            "brightwatch.db-wal",
            "broker.lock",
            "broker.running.json",
            "broker.secrets.draft",
            "broker.secrets.json",
            "broker/dynamic-security.json",
            "broker/dynamic-security.json.new",
            "snapshots/camera-1.jpg",
            "snapshots/camera-2.part",
            "alarm-pictures/7/camera-1.1790000000000.jpg",
            "alarm-pictures/7/camera-2.1790000000000.offline",
            "alarm-pictures/7/new.tmp",
            "before-restore-20260921T141320Z/brightwatch.db",
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        std::os::unix::net::UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let listed = list(folder.path(), Some(&folder.path().join("brightwatch.db"))).unwrap();
        let expected = [
            "alarm-pictures/7/camera-1.1790000000000.jpg",
            "alarm-pictures/7/camera-2.1790000000000.offline",
            "broker/dynamic-security.json",
            "broker.secrets.json",
            "snapshots/camera-1.jpg",
        ];
        assert_eq!(listed, expected.map(PathBuf::from));
        let mut present = in_the_way(folder.path()).unwrap();
        present.sort();
        let expected = [
            "alarm-pictures",
            "brightwatch.db",
            "brightwatch.db-wal",
            "broker",
            "broker.secrets.draft",
            "broker.secrets.json",
            "snapshots",
        ];
        assert_eq!(present, expected);
    }

    #[test]
    fn a_copy_keeps_its_time_and_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("still.jpg"), folder.path().join("files/snapshots/still.jpg"));
        fs::write(&from, "picture").unwrap();
        let taken = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
        File::options().write(true).open(&from).unwrap().set_modified(taken).unwrap();
        assert!(copy(&from, &to).unwrap());
        let metadata = fs::metadata(&to).unwrap();
        assert_eq!((metadata.modified().unwrap(), metadata.permissions().mode() & 0o777), (taken, 0o600));
        assert!(!copy(&folder.path().join("gone"), &to).unwrap());
    }
}
