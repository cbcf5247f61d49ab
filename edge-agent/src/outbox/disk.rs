//! The folder of the outbox: the few things that are done with files, so that everything else can be tested on a disk
//! that is full, forgets, or was switched off.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Makes what was appended so far survive a power cut. May be run on another thread, since a memory card can take
/// a second for it.
pub type Flush = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A folder of files that are appended to, read, and removed whole.
pub trait Disk: fmt::Debug + Send {
    /// All files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Length of a file in bytes.
    fn length(&self, name: &str) -> io::Result<u64>;
    /// At most `most` bytes of a file, from `from` on.
    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>>;
    /// Appends all the bytes or none; makes the file when it is not there.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file off.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Puts a small file in the place of another, whole. It may be lost by a power cut.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// What makes everything up to now durable.
    fn flush(&mut self) -> Flush;
}

/// A real folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The file that was appended to last, and its length.
    open: Option<Open>,
    /// Files with bytes that are not durable yet, and the folder itself when a file is new.
    unflushed: Arc<Mutex<Vec<Arc<File>>>>,
    /// Held as long as the agent runs; None: only read.
    _lock: Option<File>,
}

#[derive(Debug)]
struct Open {
    name: String,
    file: Arc<File>,
    length: u64,
}

/// Its lock keeps a second agent out.
const LOCK: &str = "lock";
/// Ending of a file that is not whole yet.
const NEW: &str = "new";

impl Folder {
    /// Makes the folder when it is not there, and locks it.
    ///
    /// # Errors
    /// Also when another process has it ([`io::ErrorKind::WouldBlock`]).
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { _lock: Some(lock), ..Self::to_read(path) })
    }

    /// The folder for reading only, whoever has it.
    pub fn to_read(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, unflushed: Arc::default(), _lock: None }
    }

    fn has_to_flush(&self, file: &Arc<File>) {
        let mut unflushed = lock(&self.unflushed);
        if !unflushed.iter().any(|other| Arc::ptr_eq(other, file)) {
            unflushed.push(Arc::clone(file));
        }
    }

    fn open_to_append(&mut self, name: &str) -> io::Result<&mut Open> {
        if self.open.as_ref().is_none_or(|open| open.name != name) {
            let path = self.path.join(name);
            let is_new = !path.exists();
            let file = Arc::new(OpenOptions::new().create(true).append(true).open(&path)?);
            if is_new {
                self.has_to_flush(&Arc::new(File::open(&self.path)?));
            }
            let length = file.metadata()?.len();
            self.open = Some(Open { name: name.to_owned(), file, length });
        }
        // It was put there above.
        self.open.as_mut().ok_or_else(|| io::Error::other("no file is open"))
    }
}

fn lock(files: &Mutex<Vec<Arc<File>>>) -> std::sync::MutexGuard<'_, Vec<Arc<File>>> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path.join(name))?.len())
    }

    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path.join(name))?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let open = self.open_to_append(name)?;
        let (file, length) = (Arc::clone(&open.file), open.length);
        if let Err(wrong) = (&*file).write_all(bytes) {
            // A part may be there. When even this fails, the next start sees the damage and cuts it off.
            file.set_len(length)?;
            return Err(wrong);
        }
        open.length += bytes.len() as u64;
        self.has_to_flush(&file);
        Ok(())
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.open = None;
        OpenOptions::new().write(true).open(self.path.join(name))?.set_len(length)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.take_if(|open| open.name == name);
        fs::remove_file(self.path.join(name))
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let new = path.with_extension(NEW);
        fs::write(&new, bytes)?;
        fs::rename(new, path)
    }

    fn flush(&mut self) -> Flush {
        let unflushed = Arc::clone(&self.unflushed);
        let files = std::mem::take(&mut *lock(&unflushed));
        Box::new(move || {
            let flushed = files.iter().try_for_each(|file| file.sync_data());
            if flushed.is_err() {
                lock(&unflushed).extend(files);
            }
            flushed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_appended_to_read_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let mut disk = Folder::open(&path).unwrap();
        disk.append("a", b"one").unwrap();
        disk.append("b", b"two").unwrap();
        disk.append("a", b"three").unwrap();
        disk.flush()().unwrap();
        assert_eq!(disk.read("a", 1, 4).unwrap(), b"neth");
        disk.truncate("a", 3).unwrap();
        disk.append("a", b"!").unwrap();
        assert_eq!((disk.read("a", 0, 99).unwrap(), disk.length("a").unwrap()), (b"one!".to_vec(), 4));
        disk.replace("b", b"other").unwrap();
        assert_eq!(disk.read("b", 0, 99).unwrap(), b"other");
        disk.remove("a").unwrap();
        let mut names = disk.names().unwrap();
        names.sort();
        assert_eq!(names, ["b", LOCK]);
    }

    #[test]
    fn what_could_not_be_flushed_has_to_be_flushed_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Folder::open(folder.path()).unwrap();
        disk.append("a", b"one").unwrap();
        // A file that cannot be synchronised.
        disk.has_to_flush(&Arc::new(File::open("/dev/null").unwrap()));
        assert!(disk.flush()().is_err());
        disk.append("b", b"two").unwrap();
        assert!(disk.flush()().is_err(), "it is not forgotten");
    }

    #[test]
    fn two_agents_cannot_have_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Folder::open(folder.path()).unwrap();
        assert_eq!(Folder::open(folder.path()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(Folder::open(folder.path()).is_ok());
    }
}
