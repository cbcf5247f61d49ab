//! The number of the last connection (`bdSeq`), kept on disk: a restart must not repeat it, or the death of the former
//! process would be taken for that of the new one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tracing::warn;

/// The file that holds it.
#[derive(Debug)]
pub(super) struct BdSeqFile(PathBuf);

impl BdSeqFile {
    /// In the folder, which is made when it is not there.
    pub(super) fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self(folder.join("bd_seq")))
    }

    /// The number of the last connection; None when there was none, or when the file does not say.
    pub(super) fn read(&self) -> Option<u8> {
        fs::read_to_string(&self.0).ok()?.trim().parse().ok()
    }

    /// Writes the number of the connection about to be made. A full disk must not stop the agent: it is only told.
    pub(super) fn write(&self, bd_seq: u8) {
        let next = self.0.with_extension("new");
        if let Err(wrong) = fs::write(&next, bd_seq.to_string()).and_then(|()| fs::rename(&next, &self.0)) {
            warn!(file = %self.0.display(), "the number of the connection could not be written: {wrong}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_restart_and_a_spoilt_file() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("state");
        let file = BdSeqFile::in_folder(&inner).unwrap();
        assert_eq!(file.read(), None);
        file.write(255);
        assert_eq!(BdSeqFile::in_folder(&inner).unwrap().read(), Some(255));
        fs::write(inner.join("bd_seq"), "256").unwrap();
        assert_eq!(file.read(), None);
    }
}
