//! A disk of a story's own that can be filled up: a small file system in memory, mounted for as long as the story lasts.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The filler's name.
const FILLER: &str = "filler";
/// Written at once while it is filled up; then less and less, down to a byte.
const BLOCK: usize = 1 << 20;

/// A mounted file system; unmounted when the story ends.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// One of so many MiB; None: this user may not mount here.
    pub fn mount(size_mib: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("brightwatch-disk-").tempdir().expect("a temporary folder");
        let options = format!("size={size_mib}m,mode=755");
        let mounting =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output().ok()?;
        // Lazily: one that is dropped is unmounted.
        mounting.status.success().then(|| Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a mounted file system");
        let block = vec![0x5a; BLOCK];
        let mut size = BLOCK;
        while size > 0 {
            if filler.write_all(&block[..size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Gives the room back.
    pub fn clear(&self) {
        // Never filled, it is as empty as is wanted.
        fs::remove_file(self.filler()).ok();
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join(FILLER)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what was killed a moment ago may not have let go yet.
        Command::new("umount").arg("--lazy").arg(self.folder.path()).status().ok();
    }
}
