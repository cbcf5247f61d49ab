//! A disk for tests that is full when told so, and forgets what was not flushed when its power is cut.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use super::disk::{Disk, Flush};

/// The disk; a copy is the same disk, as after a restart.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, FakeFile>,
    /// Bytes that all files together may have; None: any.
    capacity: Option<usize>,
    flushes_fail: bool,
}

#[derive(Debug, Default, Clone)]
struct FakeFile {
    bytes: Vec<u8>,
    /// How many of them survive a power cut.
    flushed: usize,
    /// A flush failed: what was not flushed then never is, although a later flush does not say so.
    is_forgotten: bool,
}

impl FakeDisk {
    pub(crate) fn limit(&self, capacity: Option<usize>) {
        self.0.lock().unwrap().capacity = capacity;
    }

    pub(crate) fn fail_flushes(&self, flushes_fail: bool) {
        self.0.lock().unwrap().flushes_fail = flushes_fail;
    }

    pub(crate) fn used(&self) -> usize {
        self.0.lock().unwrap().files.values().map(|file| file.bytes.len()).sum()
    }

    /// The power is cut: of what was not flushed, the first `kept` of 256 parts are there, and the last byte of that
    /// may be wrong.
    pub(crate) fn cut_power(&self, kept: u8, is_spoilt: bool) {
        for file in self.0.lock().unwrap().files.values_mut() {
            let unflushed = if file.is_forgotten { 0 } else { file.bytes.len() - file.flushed };
            file.bytes.truncate(file.flushed + unflushed * usize::from(kept) / 256);
            if is_spoilt && file.bytes.len() > file.flushed {
                *file.bytes.last_mut().unwrap() ^= 0x55;
            }
            file.flushed = file.bytes.len();
            file.is_forgotten = false;
        }
    }

    /// The system writes at last what it had forgotten to. Were it not to before the next process, that would trust a file
    /// whose end a power cut takes: docs/design/durability.md says so.
    pub(crate) fn write_back(&self) {
        for file in self.0.lock().unwrap().files.values_mut().filter(|file| file.is_forgotten) {
            (file.flushed, file.is_forgotten) = (file.bytes.len(), false);
        }
    }

    /// The newest segment ends before what was written last, as far as that was not flushed.
    pub(crate) fn tear(&self, bytes: usize) {
        let mut state = self.0.lock().unwrap();
        if let Some((_, file)) = state.files.iter_mut().rfind(|(name, _)| name.ends_with("log")) {
            file.bytes.truncate(file.bytes.len().saturating_sub(bytes).max(file.flushed));
        }
    }

    /// One byte of a file changes by itself.
    pub(crate) fn rot(&self, file: usize, at: usize) {
        let mut state = self.0.lock().unwrap();
        let file = state.files.values_mut().nth(file).unwrap();
        file.bytes[at] ^= 0x55;
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for FakeDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().files.get(name).ok_or_else(missing)?.bytes.len() as u64)
    }

    fn read(&self, name: &str, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let bytes = &state.files.get(name).ok_or_else(missing)?.bytes;
        let from = usize::try_from(from).unwrap().min(bytes.len());
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len() - from);
        Ok(bytes[from..from + most].to_vec())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let used = self.used();
        let mut state = self.0.lock().unwrap();
        if state.capacity.is_some_and(|capacity| used + bytes.len() > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.files.entry(name.to_owned()).or_default().bytes.extend(bytes);
        Ok(())
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let file = state.files.get_mut(name).ok_or_else(missing)?;
        file.bytes.truncate(usize::try_from(length).unwrap());
        file.flushed = file.flushed.min(file.bytes.len());
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().files.remove(name).map(|_| ()).ok_or_else(missing)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = FakeFile { bytes: bytes.to_vec(), ..FakeFile::default() };
        self.0.lock().unwrap().files.insert(name.to_owned(), file);
        Ok(())
    }

    fn flush(&mut self) -> Flush {
        let disk = self.clone();
        let lengths: Vec<(String, usize)> =
            self.0.lock().unwrap().files.iter().map(|(name, file)| (name.clone(), file.bytes.len())).collect();
        Box::new(move || {
            let mut state = disk.0.lock().unwrap();
            if state.flushes_fail {
                for (name, length) in lengths {
                    if let Some(file) = state.files.get_mut(&name) {
                        file.is_forgotten |= file.flushed < length.min(file.bytes.len());
                    }
                }
                return Err(io::ErrorKind::Other.into());
            }
            for (name, length) in lengths {
                if let Some(file) = state.files.get_mut(&name).filter(|file| !file.is_forgotten) {
                    file.flushed = file.flushed.max(length.min(file.bytes.len()));
                }
            }
            Ok(())
        })
    }
}
