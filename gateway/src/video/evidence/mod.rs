//! The stills that are kept under an alarm: what a camera of its site showed just before it, and at once when it was
//! raised. A grave alarm, or one of a camera itself, has the cameras of its site asked; the pipeline only leaves the alarm
//! in a queue and goes on.
//!
//! - `choose`: which alarms, which cameras, which stills, and which alarms' stills go first (pure).
//! - `folder`: the files, one folder an alarm.
//! - `run`: the task that asks, keeps and drops.

mod choose;
mod folder;
mod run;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use domain::{
    alarm::{Transition, What},
    id::{AlarmId, DeviceId},
    registry::Registry,
    time::UnixMs,
};
use protocol::rest;
use tokio::{sync::mpsc, task::spawn_blocking};
use tracing::warn;

use self::folder::{Folder, Kept, Mark};
pub use self::run::Parts;
use super::{Config, SnapshotError};
use crate::clock::Clock;

/// Alarms that may wait to be looked after: each costs a few operations on files. In a flood beyond it alarms stay without
/// stills; they are counted.
const ALARM_QUEUE: usize = 4096;
/// An open alarm that is younger than this at a start is looked after as if it were raised now, in milliseconds: longer than
/// a restart takes.
const RESUME_MS: i64 = 60_000;
/// How often somebody who waits for a still looks whether it has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The stills of all alarms. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Evidence {
    shared: Arc<Shared>,
    alarms: mpsc::Sender<Arc<rest::Alarm>>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    clock: Clock,
    folder: Folder,
    /// What all stills take, in bytes.
    bytes: AtomicU64,
}

/// The task's end of an [`Evidence`].
#[derive(Debug)]
pub struct Alarms(mpsc::Receiver<Arc<rest::Alarm>>);

/// A still with whose and when.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Of which camera.
    pub camera: DeviceId,
    /// When it was taken, by the edge's clock.
    pub taken: UnixMs,
    /// A JPEG.
    pub bytes: Bytes,
}

impl Evidence {
    /// Opens `data_dir`/alarm-pictures. Nothing is kept or dropped until [`Parts::run`] runs.
    ///
    /// # Errors
    /// [`SnapshotError::Folder`] when it cannot be made.
    pub fn open(config: &Config, data_dir: &Path, clock: Clock) -> Result<(Self, Alarms), SnapshotError> {
        let folder = Folder::open(data_dir.join("alarm-pictures"))?;
        let (alarms, queue) = mpsc::channel(ALARM_QUEUE);
        let shared = Shared { config: config.clone(), clock, folder, bytes: AtomicU64::new(0) };
        Ok((Self { shared: Arc::new(shared), alarms }, Alarms(queue)))
    }

    /// Looks after the alarms among these that were raised, or became grave, by these committed transitions. Never waits.
    pub fn follow(&self, transitions: &[Transition], alarms: &[Arc<rest::Alarm>], registry: &Registry) {
        let tells = |transition: &&Transition| matches!(transition.what, What::Raised | What::SeverityChanged);
        // Looked up, not looked through: in a flood, a batch holds thousands of each, and every screen waits for it.
        let news: HashSet<AlarmId> = transitions.iter().filter(tells).map(|transition| transition.alarm).collect();
        if news.is_empty() {
            return;
        }
        for alarm in alarms.iter().filter(|alarm| news.contains(&alarm.id) && choose::deserves(alarm, registry)) {
            self.leave(Arc::clone(alarm));
        }
    }

    /// Looks after those of the open alarms that were raised shortly before this start.
    pub fn resume(&self, open: impl Iterator<Item = rest::Alarm>, registry: &Registry) {
        let now = self.shared.clock.now().wall;
        let is_fresh = |alarm: &rest::Alarm| now.since_ms(UnixMs(alarm.raised_at_ms)) < RESUME_MS;
        for alarm in open.filter(|alarm| is_fresh(alarm) && choose::deserves(alarm, registry)) {
            self.leave(Arc::new(alarm));
        }
    }

    fn leave(&self, alarm: Arc<rest::Alarm>) {
        let id = alarm.id;
        if self.alarms.try_send(alarm).is_err() {
            metrics::counter!("gateway_alarm_pictures_skipped_total").increment(1);
            warn!(alarm.id = id.0, "an alarm stays without pictures: too many wait for theirs");
        }
    }

    /// What all stills take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// What the cameras of an alarm's site showed. Whoever asks has made sure that the alarm lies in the person's
    /// jurisdiction.
    ///
    /// # Errors
    /// [`SnapshotError::File`] when the folder cannot be read.
    pub async fn of_alarm(&self, alarm: AlarmId, registry: &Registry) -> Result<Vec<rest::AlarmCamera>, SnapshotError> {
        let kept = self.list(alarm).await?;
        Ok(cameras(&kept, registry, self.shared.clock.now().wall))
    }

    /// One still of an alarm; None: there is none such. The same condition.
    ///
    /// # Errors
    /// [`SnapshotError::File`] when it cannot be read.
    pub async fn picture(
        &self,
        alarm: AlarmId,
        camera: &DeviceId,
        taken: UnixMs,
    ) -> Result<Option<Bytes>, SnapshotError> {
        let still = Kept { camera: camera.clone(), at: taken, mark: Mark::Still };
        self.on_disk(alarm, move |folder| folder.read(alarm, &still)).await
    }

    /// The still that says most about an alarm, when one is there within so long; None: none came, or none will.
    pub async fn soon(&self, alarm: AlarmId, within: Duration) -> Option<Picture> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let is_last = tokio::time::Instant::now() >= deadline;
            let kept = self.list(alarm).await.ok()?;
            let is_awaited = kept.iter().any(|kept| kept.mark == Mark::Asked);
            if is_last || (!is_awaited && !kept.is_empty()) {
                let newest = kept.into_iter().filter(|kept| kept.mark == Mark::Still).max_by_key(|kept| kept.at)?;
                let bytes = self.picture(alarm, &newest.camera, newest.at).await.ok()??;
                return Some(Picture { camera: newest.camera, taken: newest.at, bytes });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn list(&self, alarm: AlarmId) -> Result<Vec<Kept>, SnapshotError> {
        self.on_disk(alarm, move |folder| folder.list(alarm)).await
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        alarm: AlarmId,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SnapshotError> {
        let shared = Arc::clone(&self.shared);
        let done =
            spawn_blocking(move || work(&shared.folder)).await.unwrap_or_else(|gone| Err(io::Error::other(gone)));
        done.map_err(|source| SnapshotError::File { path: self.path(alarm), source })
    }

    fn path(&self, alarm: AlarmId) -> PathBuf {
        self.shared.folder.of(alarm)
    }
}

/// What a folder holds, camera by camera, in the order of their ids.
fn cameras(kept: &[Kept], registry: &Registry, now: UnixMs) -> Vec<rest::AlarmCamera> {
    let mut cameras: Vec<rest::AlarmCamera> = Vec::new();
    let mut sorted: Vec<&Kept> = kept.iter().collect();
    sorted.sort_by_key(|kept| (&kept.camera, kept.at));
    for Kept { camera, at, mark } in sorted {
        if cameras.last().is_none_or(|last| last.camera != *camera) {
            let name = registry.device(camera).map_or_else(|| camera.to_string(), |device| device.name.clone());
            cameras.push(rest::AlarmCamera {
                camera: camera.clone(),
                name,
                taken_at_ms: Vec::new(),
                is_awaited: false,
                unanswered_since_ms: None,
                offline_since_ms: None,
            });
        }
        let Some(of_camera) = cameras.last_mut() else { continue };
        match mark {
            Mark::Still => of_camera.taken_at_ms.push(at.0),
            Mark::Offline => of_camera.offline_since_ms = Some(at.0),
            Mark::Asked if choose::is_awaited(*at, now) => of_camera.is_awaited = true,
            Mark::Asked => of_camera.unanswered_since_ms = Some(at.0),
        }
    }
    cameras
}
