//! SQLite: `VACUUM INTO` writes what one read transaction sees into a new file, without free pages. In WAL mode readers and
//! the writer do not wait for each other; the log grows meanwhile by what is written, and is folded in afterwards.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::Connection as _;

use super::{CopyError, CopyProgress};
use crate::store::{database::Database, error::StoreError};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

pub(super) async fn take_copy(
    database: &Database,
    original: &Path,
    to: &Path,
    progress: CopyProgress<'_>,
) -> Result<(), CopyError> {
    const OPERATION: &str = "copying the database";
    // Connecting would make an empty one.
    if !original.is_file() {
        return Err(CopyError::Missing(original.to_owned()));
    }
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len());
    let whole =
        size(original).map_err(CopyError::file(original))? + size(&beside(original, COMPANIONS[0])).unwrap_or_default();
    let target = to.to_str().ok_or_else(|| {
        CopyError::file(to)(std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the path is not UTF-8"))
    })?;
    let mut connection = database.connect_writer().await.map_err(StoreError::Open)?;
    {
        let copying = sqlx::query("VACUUM INTO $1").bind(target.to_owned()).execute(&mut connection);
        tokio::pin!(copying);
        let mut ticks = tokio::time::interval(TELL_EVERY);
        loop {
            tokio::select! {
                done = &mut copying => {
                    done.map_err(StoreError::read(OPERATION))?;
                    break;
                }
                _ = ticks.tick() => progress(size(to).unwrap_or_default(), Some(whole)),
            }
        }
    }
    connection.close().await.map_err(StoreError::Open)?;
    Ok(())
}

pub(super) fn check_room(place: &Path, aside: Option<&str>) -> Result<(), CopyError> {
    if aside.is_none() && place.exists() { Err(CopyError::NotEmpty(place.display().to_string())) } else { Ok(()) }
}

pub(super) fn put_back(copy: &Path, place: &Path, aside: Option<&str>) -> Result<Option<String>, CopyError> {
    check_room(place, aside)?;
    let mut moved = None;
    if let Some(aside) = aside.filter(|_| place.exists()) {
        let kept = beside(place, &format!(".{aside}"));
        for companion in COMPANIONS {
            let from = beside(place, companion);
            if from.exists() {
                std::fs::rename(&from, beside(&kept, companion)).map_err(CopyError::file(&from))?;
            }
        }
        std::fs::rename(place, &kept).map_err(CopyError::file(place))?;
        moved = Some(kept.display().to_string());
    }
    let draft = beside(place, ".restoring");
    std::fs::copy(copy, &draft).map_err(CopyError::file(&draft))?;
    std::fs::File::open(&draft).and_then(|file| file.sync_all()).map_err(CopyError::file(&draft))?;
    std::fs::rename(&draft, place).map_err(CopyError::file(place))?;
    Ok(moved)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
