//! Each camera's newest still: the picture on disk, what is known of it in memory.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
    registry::Registry,
    time::{MonoMs, UnixMs},
};
use protocol::video::{MAX_SNAPSHOT_BYTES, SNAPSHOT_METRIC, SNAPSHOT_REQUEST_METRIC};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::CameraCommand;
use crate::{clock::Clock, ingest::Blob, store::Scope};

/// What every JPEG begins with.
const JPEG_START: [u8; 3] = [0xff, 0xd8, 0xff];
/// Cameras whose stills are kept: more than a district has, and a bound for an edge node that makes cameras up.
const CAMERAS_MAX: usize = 10_000;
/// Stills of one camera that come faster than this are dropped, in milliseconds: they cost a disk write each.
const KEEP_INTERVAL_MS: u64 = 500;
/// One camera is asked for a still at most this often, in milliseconds, however many people press the button.
const REQUEST_INTERVAL_MS: u64 = 2_000;

/// Why a still cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The folder cannot be made or read.
    #[error("cannot use the folder {} for stills", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A picture cannot be written or read.
    #[error("cannot write or read the still {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// All stills. Cheap to clone.
#[derive(Clone)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    clock: Clock,
    registry: Arc<ArcSwap<Registry>>,
    commands: mpsc::Sender<CameraCommand>,
    known: Mutex<HashMap<DeviceId, Known>>,
    /// Counts the stills that came.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    taken: Option<UnixMs>,
    kept: Option<MonoMs>,
    requested: Option<MonoMs>,
}

impl Snapshots {
    /// Opens `data_dir`/snapshots and learns what is there.
    pub fn open(
        data_dir: &Path,
        clock: Clock,
        registry: Arc<ArcSwap<Registry>>,
        commands: mpsc::Sender<CameraCommand>,
    ) -> Result<Self, SnapshotError> {
        let folder = data_dir.join("snapshots");
        let failed = |source| SnapshotError::Folder { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut known = HashMap::new();
        for entry in fs::read_dir(&folder).map_err(failed)?.flatten() {
            let name = entry.file_name();
            let device = name.to_str().and_then(|name| name.strip_suffix(".jpg")).map(DeviceId::new);
            let taken = entry.metadata().ok().map(|metadata| modified_at(&metadata));
            if let Some(Ok(device)) = device {
                known.insert(device, Known { taken, ..Known::default() });
            }
        }
        let changes = watch::Sender::new(0);
        Ok(Self { inner: Arc::new(Inner { folder, clock, registry, commands, known: Mutex::new(known), changes }) })
    }

    /// Keeps the stills that come until `stop`.
    pub async fn run(self, mut stills: mpsc::Receiver<Blob>, stop: CancellationToken) {
        loop {
            let still = tokio::select! {
                () = stop.cancelled() => return,
                still = stills.recv() => still,
            };
            let Some(still) = still else { return };
            let device = still.device.clone();
            if let Err(error) = self.keep(still).await {
                let error = format!("{:#}", anyhow::Error::from(error));
                warn!(device.id = %device, error, "a still was lost");
            }
        }
    }

    /// When the newest still was taken; None: there is none for this person.
    pub fn taken_at(&self, scope: &Scope, device: &DeviceId) -> Option<UnixMs> {
        self.is_covered(scope, device).then(|| self.lock().get(device).and_then(|known| known.taken)).flatten()
    }

    /// The newest still and when it was taken; None: there is none for this person.
    pub async fn newest(&self, scope: &Scope, device: &DeviceId) -> Result<Option<(UnixMs, Bytes)>, SnapshotError> {
        let Some(taken) = self.taken_at(scope, device) else { return Ok(None) };
        let path = self.path(device);
        let read = spawn_blocking(move || (fs::read(&path), path)).await;
        let (read, path) =
            read.map_err(|gone| SnapshotError::File { path: self.path(device), source: io::Error::other(gone) })?;
        match read {
            Ok(bytes) => Ok(Some((taken, bytes.into()))),
            Err(source) => Err(SnapshotError::File { path, source }),
        }
    }

    /// Asks the camera for a new still; false: there is no such camera for this person. Whoever asks again at once gets
    /// the still that was asked for already.
    pub fn request(&self, scope: &Scope, device: &DeviceId) -> bool {
        let is_covered = self.is_covered(scope, device);
        if is_covered {
            self.ask(device);
        }
        is_covered
    }

    /// The same for the gateway itself.
    pub(super) fn ask(&self, device: &DeviceId) {
        let now = self.inner.clock.now().mono;
        {
            let mut known = self.lock();
            if known.len() >= CAMERAS_MAX && !known.contains_key(device) {
                return;
            }
            let known = known.entry(device.clone()).or_default();
            if known.requested.is_some_and(|last| now.since_ms(last) < REQUEST_INTERVAL_MS) {
                return;
            }
            known.requested = Some(now);
        }
        let metric = MetricName::new(SNAPSHOT_REQUEST_METRIC).expect("a camera's controls have names");
        let command = CameraCommand { device: device.clone(), metric, value: Value::Bool(true) };
        if self.inner.commands.try_send(command).is_err() {
            warn!(device.id = %device, "a command to a camera was dropped: too many wait");
        }
    }

    /// When a camera's newest still was taken, and when it came to this process; for the gateway itself.
    pub(super) fn seen(&self, device: &DeviceId) -> (Option<UnixMs>, Option<MonoMs>) {
        self.lock().get(device).map_or((None, None), |known| (known.taken, known.kept))
    }

    /// Tells when stills have come.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    async fn keep(&self, still: Blob) -> Result<(), SnapshotError> {
        let Blob { device, metric, at, bytes } = still;
        if metric.as_str() != SNAPSHOT_METRIC || bytes.len() > MAX_SNAPSHOT_BYTES || !bytes.starts_with(&JPEG_START) {
            metrics::counter!("gateway_video_stills_refused_total").increment(1);
            debug!(device.id = %device, metric = %metric, length = bytes.len(), "not a still");
            return Ok(());
        }
        let now = self.inner.clock.now().mono;
        let before = self.lock().get(&device).copied();
        let is_known = before.is_some();
        let is_too_soon = before.and_then(|known| known.kept).is_some_and(|kept| now.since_ms(kept) < KEEP_INTERVAL_MS);
        if is_too_soon || (!is_known && self.lock().len() >= CAMERAS_MAX) {
            return Ok(());
        }
        let path = self.path(&device);
        let written = spawn_blocking({
            let path = path.clone();
            move || write(&path, &bytes, at)
        });
        let written = written.await.unwrap_or_else(|gone| Err(io::Error::other(gone)));
        written.map_err(|source| SnapshotError::File { path, source })?;
        {
            let mut known = self.lock();
            let known = known.entry(device).or_default();
            (known.taken, known.kept) = (Some(at), Some(now));
        }
        self.inner.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    fn is_covered(&self, scope: &Scope, device: &DeviceId) -> bool {
        scope.covers(self.inner.registry.load().place(device))
    }

    /// Where a camera's newest still is; it is replaced, never changed. An id has no slash in it, and the ending keeps it from
    /// being `..`.
    pub(super) fn path(&self, device: &DeviceId) -> PathBuf {
        self.inner.folder.join(format!("{device}.jpg"))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Known>> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes beside, then moves over: whoever reads meanwhile gets the old picture or the new one. The file's own time is
/// when the picture was taken, so that it survives a restart.
fn write(path: &Path, bytes: &[u8], taken: UnixMs) -> io::Result<()> {
    let beside = path.with_extension("part");
    fs::write(&beside, bytes)?;
    let since_epoch = Duration::from_millis(u64::try_from(taken.0).unwrap_or_default());
    fs::File::options().write(true).open(&beside)?.set_modified(UNIX_EPOCH + since_epoch)?;
    fs::rename(&beside, path)
}

/// When a file was changed; a still's time is when it was taken.
pub(super) fn modified_at(metadata: &fs::Metadata) -> UnixMs {
    let since_epoch = metadata.modified().unwrap_or(UNIX_EPOCH).duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
