//! A disk of a story's own that can be filled up, and that loses its power with the machine that it is in: a small file
//! system in a file, mounted for as long as the story lasts.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The filler's name.
const FILLER: &str = "filler";
/// Where the system tells which start of the machine this is, and where it tells a random one.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const RANDOM_ID: &str = "/proc/sys/kernel/random/uuid";
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
        let disk = Self { folder };
        fs::create_dir(disk.path()).expect("a writable folder");
        let image = File::create(disk.image()).expect("a writable folder");
        image.set_len(u64::from(size_mib) << 20).expect("room for a small file");
        let is_made =
            Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(disk.image()).status().is_ok_and(|it| it.success());
        disk.start_machine();
        // Lazily: one that is dropped is unmounted.
        (is_made && disk.attach()).then_some(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// A command that runs a program on the machine that this disk is in: which start of it this is, only programs that
    /// are started anew see.
    pub fn on_machine(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        let script = format!("mount --bind \"$0\" {BOOT_ID} && exec \"$@\"");
        command.args(["--mount", "sh", "-c", &script]).arg(self.boot_id()).arg(program);
        command
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

    /// Forgets what the system had not written to it yet, as a disk does whose power is cut, and mounts what is left. Whoever
    /// has files open there must have been killed.
    ///
    /// # Panics
    /// When what is left is no file system any more.
    pub fn cut_power(&self) {
        let left = still(&self.image()).expect("a readable file");
        // What is written to the old file from now on, by unmounting it, nobody will see.
        self.detach();
        fs::remove_file(self.image()).expect("a writable folder");
        fs::write(self.image(), left).expect("room for a small file");
        assert!(self.attach(), "a file system in {}", self.image().display());
        self.start_machine();
    }

    fn start_machine(&self) {
        let random = fs::read(RANDOM_ID).expect("the system has random numbers");
        // Another file: the one before is what programs that still run see.
        fs::remove_file(self.boot_id()).ok();
        fs::write(self.boot_id(), random).expect("a writable folder");
    }

    fn attach(&self) -> bool {
        let mounting = Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()).output();
        mounting.is_ok_and(|mounting| mounting.status.success())
    }

    fn detach(&self) {
        // Lazily: what was killed a moment ago may not have let go yet.
        Command::new("umount").arg("--lazy").arg(self.path()).status().ok();
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn boot_id(&self) -> PathBuf {
        self.folder.path().join("boot_id")
    }

    fn filler(&self) -> PathBuf {
        self.path().join(FILLER)
    }
}

/// What is in a file at one moment: nothing was written to it between two looks.
fn still(file: &Path) -> io::Result<Vec<u8>> {
    let mut before = fs::read(file)?;
    loop {
        let now = fs::read(file)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.detach();
    }
}
