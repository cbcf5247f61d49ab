//! The stills of alarms as files: a folder an alarm, named by its number, and in it
//!
//! - `<camera>.<taken>.jpg`: a still, a second name of the file that was the camera's newest when it was kept, so that the
//!   alarms of a flood share one;
//! - `<camera>.<asked>.asked`: an empty file while the camera was asked and has sent nothing;
//! - `<camera>.<since>.offline`: an empty file where it could not be asked.
//!
//! Times are milliseconds since 1970. Names alone tell everything: a restart, and a restore, find it as it was.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use domain::{
    id::{AlarmId, DeviceId},
    time::UnixMs,
};

use super::choose::Entry;
use crate::video::{SnapshotError, snapshot::modified_at};

/// What a folder takes beside its files, in bytes: a block of the disk.
const FOLDER_BYTES: u64 = 4096;
/// Stills of one camera under one alarm: the one before, the one of the moment, and as many of another start.
const STILLS_MAX: usize = 4;

/// What a file of an alarm's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A still, taken then.
    Still,
    /// The camera was asked then.
    Asked,
    /// It was offline since then.
    Offline,
}

impl Mark {
    const ALL: [Self; 3] = [Self::Still, Self::Asked, Self::Offline];

    const fn ending(self) -> &'static str {
        match self {
            Self::Still => ".jpg",
            Self::Asked => ".asked",
            Self::Offline => ".offline",
        }
    }
}

/// One file of an alarm's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) camera: DeviceId,
    pub(super) at: UnixMs,
    pub(super) mark: Mark,
}

impl Kept {
    fn name(&self) -> String {
        format!("{}.{}{}", self.camera, self.at.0, self.mark.ending())
    }

    /// None: a name that is none of ours.
    fn parse(name: &str) -> Option<Self> {
        let (rest, mark) = Mark::ALL.into_iter().find_map(|mark| Some((name.strip_suffix(mark.ending())?, mark)))?;
        let (camera, at) = rest.rsplit_once('.')?;
        Some(Self { camera: DeviceId::new(camera).ok()?, at: UnixMs(at.parse().ok()?), mark })
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> Result<Self, SnapshotError> {
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(SnapshotError::Folder { path, source }),
        }
    }

    /// Where all of it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// One alarm's folder.
    pub(super) fn of(&self, alarm: AlarmId) -> PathBuf {
        self.path.join(alarm.to_string())
    }

    /// What every alarm's folder takes.
    pub(super) fn scan(&self) -> io::Result<BTreeMap<AlarmId, Entry>> {
        let mut entries = BTreeMap::new();
        for entry in fs::read_dir(&self.path)?.flatten() {
            let alarm = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(AlarmId);
            let Some(alarm) = alarm else { continue };
            entries.insert(alarm, self.measure(alarm)?);
        }
        Ok(entries)
    }

    /// What one alarm's folder takes. A file with names under several alarms counts under each: a backup copies it so often.
    pub(super) fn measure(&self, alarm: AlarmId) -> io::Result<Entry> {
        let mut measured = Entry { bytes: FOLDER_BYTES, at: UnixMs(0) };
        for entry in fs::read_dir(self.of(alarm))?.flatten() {
            measured.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            if let Some(kept) = entry.file_name().to_str().and_then(Kept::parse) {
                measured.at = measured.at.max(kept.at);
            }
        }
        Ok(measured)
    }

    /// What is kept of an alarm, in no order; nothing, when it has no folder.
    pub(super) fn list(&self, alarm: AlarmId) -> io::Result<Vec<Kept>> {
        let files = match fs::read_dir(self.of(alarm)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        Ok(files.flatten().filter_map(|file| Kept::parse(file.file_name().to_str()?)).collect())
    }

    /// A still of an alarm; None: there is none such.
    pub(super) fn read(&self, alarm: AlarmId, still: &Kept) -> io::Result<Option<Bytes>> {
        match fs::read(self.of(alarm).join(still.name())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(Some(read?.into())),
        }
    }

    /// Keeps a camera's newest still, a file that its owner replaces and never changes, under an alarm. What was asked of the
    /// camera is answered by it if `is_answer`.
    pub(super) fn keep(&self, alarm: AlarmId, camera: &DeviceId, newest: &Path, is_answer: bool) -> io::Result<()> {
        let folder = self.of(alarm);
        fs::create_dir_all(&folder)?;
        let of_camera: Vec<Kept> = self.list(alarm)?.into_iter().filter(|kept| kept.camera == *camera).collect();
        if of_camera.iter().filter(|kept| kept.mark == Mark::Still).count() < STILLS_MAX {
            // First under another name: only the file that is held tells when it was taken.
            let beside = folder.join("new.tmp");
            remove(&beside)?;
            fs::hard_link(newest, &beside)?;
            let still = Kept { camera: camera.clone(), at: modified_at(&beside.metadata()?), mark: Mark::Still };
            let to = folder.join(still.name());
            // To move a name of a file over another name of the same does nothing.
            if to.exists() { fs::remove_file(&beside)? } else { fs::rename(&beside, &to)? }
        }
        for kept in of_camera.iter().filter(|kept| is_answer && kept.mark == Mark::Asked) {
            remove(&folder.join(kept.name()))?;
        }
        Ok(())
    }

    /// Notes that a camera was asked, or could not be, in place of what was noted before.
    pub(super) fn note(&self, alarm: AlarmId, camera: &DeviceId, at: UnixMs, mark: Mark) -> io::Result<()> {
        let folder = self.of(alarm);
        fs::create_dir_all(&folder)?;
        for kept in self.list(alarm)? {
            if kept.camera == *camera && kept.mark != Mark::Still {
                remove(&folder.join(kept.name()))?;
            }
        }
        File::create(folder.join(Kept { camera: camera.clone(), at, mark }.name())).map(drop)
    }

    /// Drops an alarm's stills.
    pub(super) fn drop_alarm(&self, alarm: AlarmId) -> io::Result<()> {
        match fs::remove_dir_all(self.of(alarm)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Removes a file that may have gone already.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const ALARM: AlarmId = AlarmId(7);

    fn camera(name: &str) -> DeviceId {
        DeviceId::new(name).unwrap()
    }

    /// The camera's newest still, replaced as its owner does it.
    fn take(folder: &Path, taken: u64, picture: &str) -> PathBuf {
        let (beside, newest) = (folder.join("camera.part"), folder.join("camera.jpg"));
        fs::write(&beside, picture).unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(taken);
        File::options().write(true).open(&beside).unwrap().set_modified(time).unwrap();
        fs::rename(&beside, &newest).unwrap();
        newest
    }

    #[test]
    fn names_tell_what_is_kept_whatever_a_camera_is_called() {
        for name in ["camera-1", "a.b.jpg", "1.2"] {
            for mark in Mark::ALL {
                let kept = Kept { camera: camera(name), at: UnixMs(1_790_000_000_123), mark };
                assert_eq!(Kept::parse(&kept.name()), Some(kept));
            }
        }
        for stranger in ["new.tmp", "camera.jpg", ".jpg", "camera.x.jpg", "camera.1.png", ""] {
            assert_eq!(Kept::parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn a_still_that_is_replaced_stays_as_it_was_under_its_alarm() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("alarm-pictures")).unwrap();
        let one = camera("camera");
        folder.keep(ALARM, &one, &take(dir.path(), 1000, "before"), false).unwrap();
        folder.note(ALARM, &one, UnixMs(2000), Mark::Asked).unwrap();
        let newest = take(dir.path(), 2500, "moment");
        for _ in 0..2 {
            folder.keep(ALARM, &one, &newest, true).unwrap();
        }
        folder.keep(AlarmId(8), &one, &newest, true).unwrap();
        take(dir.path(), 90_000, "another day");

        let mut kept = folder.list(ALARM).unwrap();
        kept.sort_by_key(|kept| kept.at);
        let still = |at| Kept { camera: one.clone(), at: UnixMs(at), mark: Mark::Still };
        assert_eq!(kept, [still(1000), still(2500)], "the question is answered");
        assert_eq!(folder.read(ALARM, &still(2500)).unwrap().as_deref(), Some(&b"moment"[..]));
        assert_eq!(folder.read(AlarmId(8), &still(1000)).unwrap(), None);
        assert_eq!(folder.list(AlarmId(9)).unwrap(), []);

        let entry = |bytes, at| Entry { bytes: FOLDER_BYTES + bytes, at: UnixMs(at) };
        let found = folder.scan().unwrap();
        assert_eq!(found, [(ALARM, entry(12, 2500)), (AlarmId(8), entry(6, 2500))].into());
        for _ in 0..2 {
            folder.drop_alarm(ALARM).unwrap();
        }
        assert_eq!(folder.list(ALARM).unwrap(), []);
        assert!(
            folder.read(AlarmId(8), &still(2500)).unwrap().is_some(),
            "the other alarm has its own name of the file"
        );
    }

    #[test]
    fn what_is_noted_of_a_camera_is_one_thing_and_its_stills_are_few() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("alarm-pictures")).unwrap();
        let (one, other) = (camera("camera"), camera("other"));
        folder.note(ALARM, &other, UnixMs(1), Mark::Offline).unwrap();
        folder.note(ALARM, &one, UnixMs(2), Mark::Asked).unwrap();
        folder.note(ALARM, &one, UnixMs(3), Mark::Offline).unwrap();
        let mut kept = folder.list(ALARM).unwrap();
        kept.sort_by_key(|kept| kept.at);
        let offline = |camera: &DeviceId, at| Kept { camera: camera.clone(), at: UnixMs(at), mark: Mark::Offline };
        assert_eq!(kept, [offline(&other, 1), offline(&one, 3)]);
        for taken in 10..20 {
            folder.keep(ALARM, &one, &take(dir.path(), taken, "still"), false).unwrap();
        }
        assert_eq!(folder.list(ALARM).unwrap().len(), 2 + STILLS_MAX);
    }
}
