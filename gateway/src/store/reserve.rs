//! Room on the disk that is kept back: a file that is given up when the disk is full, so that alarms and what people do
//! about them are still committed after readings are refused.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::FallocateFlags;

use super::usage::{disk_bytes, free_bytes};

/// No more of a disk is kept back than this part of it: a reserve that does not fit twice would never be taken again, and
/// readings be refused for ever.
const DISK_PART: u64 = 8;

/// The file beside the database.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// Of so many bytes, beside `database`.
    pub(super) fn beside(database: &Path, bytes: u64) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push(".reserve");
        Self { path: name.into(), bytes }
    }

    /// The same, of a small disk no more than a part.
    pub(super) fn of_disk(database: &Path, bytes: u64) -> Self {
        let most = disk_bytes(database).map_or(bytes, |disk| disk / DISK_PART);
        Self::beside(database, bytes.min(most))
    }

    /// Gives the room up; harmless when it is given up already.
    pub(super) fn release(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes the room back. False: there is not enough for it and as much again; so readings are taken again only when
    /// they do not fill the disk at once.
    pub(super) fn take(&self) -> io::Result<bool> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&self.path)?;
        let held = file.metadata()?.len();
        if held >= self.bytes {
            return Ok(true);
        }
        let is_taken = free_bytes(&self.path)? >= self.bytes.saturating_mul(2) && self.fill(&file)?;
        if !is_taken {
            self.release()?;
        }
        Ok(is_taken)
    }

    /// Blocks of the disk, not just a length. False: there are not enough.
    fn fill(&self, file: &File) -> io::Result<bool> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, self.bytes) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn room_is_taken_given_up_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("brightwatch.db"), 1 << 20);
        assert!(reserve.take().unwrap());
        let file = std::fs::metadata(folder.path().join("brightwatch.db.reserve")).unwrap();
        assert!(file.blocks() * 512 >= 1 << 20, "a length without blocks is no room");
        reserve.release().unwrap();
        reserve.release().unwrap();
        assert!(!folder.path().join("brightwatch.db.reserve").exists());
        assert!(reserve.take().unwrap() && reserve.take().unwrap());
    }

    #[test]
    fn room_that_is_not_there_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("brightwatch.db"), 1 << 60);
        assert!(!reserve.take().unwrap());
        assert!(!folder.path().join("brightwatch.db.reserve").exists());
    }
}
