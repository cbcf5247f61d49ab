//! The task: asks cameras for alarms, keeps what they send, drops what is too old or too much. Alarms, stills and time are
//! its only causes, and nothing waits for it.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use arc_swap::ArcSwap;
use domain::{
    id::{AlarmId, DeviceId},
    registry::Registry,
    time::{MonoMs, UnixMs},
};
use protocol::rest;
use tokio::{task::spawn_blocking, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Alarms, Evidence,
    choose::{self, ASK_AGAIN_MS, Entry, PATIENCE_MS, Seen, Step, Then},
    folder::{Folder, Kept, Mark},
};
use crate::{
    live::Hub,
    store::{disk_bytes, free_bytes},
    video::Snapshots,
};

/// How often cameras that do not answer, and the room on the disk, are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Alarms that wait for a still of one camera; of more than so many the rest keeps only the still before.
const WAITING_MAX: usize = 1000;
/// Alarms whose stills go at one look for want of room on the disk: some megabytes.
const DROPPED_AT_ONCE: usize = 100;
const MIB: u64 = 1 << 20;

/// What keeping stills works with.
pub struct Parts {
    /// Where they are.
    pub evidence: Evidence,
    /// The alarms that want some.
    pub alarms: Alarms,
    /// Which cameras stand where.
    pub registry: Arc<ArcSwap<Registry>>,
    /// Who speaks for them.
    pub live: Hub,
    /// Their newest stills.
    pub snapshots: Snapshots,
}

impl Parts {
    /// Keeps and drops until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self { evidence, mut alarms, registry, live, snapshots } = self;
        let mut stills = snapshots.changes();
        let mut keeper = Keeper {
            evidence,
            registry,
            live,
            snapshots,
            entries: BTreeMap::new(),
            bytes: 0,
            asked: HashMap::new(),
            lacks_room: false,
        };
        keeper.learn().await;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = stills.changed() => keeper.take_answers().await,
                _ = looks.tick() => keeper.look_after().await,
                alarm = alarms.0.recv() => match alarm {
                    Some(alarm) => keeper.take_up(&alarm).await,
                    None => return,
                },
            }
        }
    }
}

struct Keeper {
    evidence: Evidence,
    registry: Arc<ArcSwap<Registry>>,
    live: Hub,
    snapshots: Snapshots,
    /// What every alarm's stills take.
    entries: BTreeMap<AlarmId, Entry>,
    /// What they take together.
    bytes: u64,
    asked: HashMap<DeviceId, Asked>,
    /// The disk has less free than is to be left to readings.
    lacks_room: bool,
}

/// A camera that was asked and has not answered.
struct Asked {
    /// First.
    since: MonoMs,
    /// Last.
    last: MonoMs,
    /// It is waited for until then.
    until: MonoMs,
    alarms: Vec<AlarmId>,
}

impl Keeper {
    /// Finds what earlier processes kept.
    async fn learn(&mut self) {
        match self.on_disk(Folder::scan).await {
            Ok(entries) => {
                self.bytes = entries.values().map(|entry| entry.bytes).sum();
                self.entries = entries;
            }
            Err(error) => error!(%error, "the pictures of alarms cannot be listed; old ones are not dropped"),
        }
        self.count();
    }

    /// Sees to it that an alarm gets its stills.
    async fn take_up(&mut self, alarm: &rest::Alarm) {
        if self.lacks_room {
            metrics::counter!("gateway_alarm_pictures_skipped_total").increment(1);
            return;
        }
        let registry = self.registry.load_full();
        let cameras = choose::cameras(alarm, &registry, |camera| self.live.offline_since(camera).is_some());
        if cameras.is_empty() {
            return;
        }
        let id = alarm.id;
        let kept =
            if self.entries.contains_key(&id) { self.on_disk(move |folder| folder.list(id)).await } else { Ok(vec![]) };
        let kept = kept.unwrap_or_default();
        for camera in cameras {
            if !is_settled(&kept, &camera) {
                self.take_up_camera(id, UnixMs(alarm.raised_at_ms), camera).await;
            }
        }
        self.measure(id).await;
    }

    async fn take_up_camera(&mut self, alarm: AlarmId, raised: UnixMs, camera: DeviceId) {
        let now = self.evidence.shared.clock.now();
        let (taken, came) = self.snapshots.seen(&camera);
        let seen = Seen { offline_since: self.live.offline_since(&camera), taken, came };
        let Step { keeps_newest, then } = choose::step(seen, raised, now.mono);
        if keeps_newest {
            self.keep(alarm, &camera, then == Then::Nothing).await;
        }
        match then {
            Then::Nothing => {}
            Then::NoteOffline(since) => self.note(alarm, &camera, since, Mark::Offline).await,
            Then::Ask => {
                self.note(alarm, &camera, now.wall, Mark::Asked).await;
                let until = now.mono.plus_ms(PATIENCE_MS);
                let asked = self.asked.entry(camera.clone()).or_insert_with(|| {
                    self.snapshots.ask(&camera);
                    Asked { since: now.mono, last: now.mono, until, alarms: Vec::new() }
                });
                asked.until = until;
                if asked.alarms.len() < WAITING_MAX {
                    asked.alarms.push(alarm);
                }
            }
        }
    }

    /// Keeps what the cameras that were asked have sent.
    async fn take_answers(&mut self) {
        let has_answered = |(camera, asked): (&DeviceId, &Asked)| {
            let (_, came) = self.snapshots.seen(camera);
            came.is_some_and(|came| came >= asked.since).then(|| camera.clone())
        };
        let answered: Vec<DeviceId> = self.asked.iter().filter_map(has_answered).collect();
        for camera in answered {
            let Some(asked) = self.asked.remove(&camera) else { continue };
            for alarm in asked.alarms {
                self.keep(alarm, &camera, true).await;
                self.measure(alarm).await;
            }
        }
    }

    async fn look_after(&mut self) {
        self.take_answers().await;
        self.ask_again().await;
        self.make_room().await;
    }

    /// Asks again, or gives up.
    async fn ask_again(&mut self) {
        let now = self.evidence.shared.clock.now().mono;
        let mut silent = Vec::new();
        for (camera, asked) in &mut self.asked {
            let offline_since = self.live.offline_since(camera);
            if now >= asked.until || offline_since.is_some() {
                silent.push((camera.clone(), offline_since));
            } else if now.since_ms(asked.last) >= ASK_AGAIN_MS {
                asked.last = now;
                self.snapshots.ask(camera);
            }
        }
        for (camera, offline_since) in silent {
            let Some(asked) = self.asked.remove(&camera) else { continue };
            info!(device.id = %camera, alarms = asked.alarms.len(), is_offline = offline_since.is_some(),
                "a camera sent no picture of an alarm");
            let Some(since) = offline_since else { continue };
            for alarm in asked.alarms {
                self.note(alarm, &camera, since, Mark::Offline).await;
            }
        }
    }

    /// Drops what is too old or too much; and more, while the disk has not enough room for readings.
    async fn make_room(&mut self) {
        let shared = Arc::clone(&self.evidence.shared);
        let config = &shared.config;
        let bytes_max = u64::from(config.alarm_picture_mib_max) * MIB;
        let now = shared.clock.now().wall;
        let mut going = choose::too_many(&self.entries, config.alarm_picture_days, bytes_max, now);
        let keeps_free = u64::from(config.alarm_picture_free_mib) * MIB;
        let lacks_room = self.on_disk(move |folder| lacks_room(folder, keeps_free)).await.unwrap_or_else(|error| {
            warn!(%error, "how much room the disk has is unknown");
            false
        });
        if lacks_room {
            going.extend(self.entries.keys().take(DROPPED_AT_ONCE).copied());
        }
        if lacks_room != self.lacks_room {
            self.lacks_room = lacks_room;
            let kept = self.entries.len();
            if lacks_room {
                warn!(kept, "the disk is short of room: alarms get no pictures, and the oldest are dropped");
            } else {
                info!(kept, "the disk has room again: alarms get pictures");
            }
        }
        for alarm in going {
            match self.on_disk(move |folder| folder.drop_alarm(alarm)).await {
                Ok(()) => {
                    self.bytes -= self.entries.remove(&alarm).map_or(0, |entry| entry.bytes);
                    metrics::counter!("gateway_alarm_pictures_dropped_total").increment(1);
                }
                Err(error) => warn!(alarm.id = alarm.0, %error, "an alarm's pictures cannot be dropped"),
            }
        }
        self.count();
    }

    async fn keep(&self, alarm: AlarmId, camera: &DeviceId, is_answer: bool) {
        let newest = self.snapshots.path(camera);
        let of = camera.clone();
        if let Err(error) = self.on_disk(move |folder| folder.keep(alarm, &of, &newest, is_answer)).await {
            warn!(alarm.id = alarm.0, device.id = %camera, %error, "an alarm's picture was lost");
        }
    }

    async fn note(&self, alarm: AlarmId, camera: &DeviceId, at: UnixMs, mark: Mark) {
        let of = camera.clone();
        if let Err(error) = self.on_disk(move |folder| folder.note(alarm, &of, at, mark)).await {
            warn!(alarm.id = alarm.0, device.id = %camera, %error, "why an alarm has no picture cannot be noted");
        }
    }

    async fn measure(&mut self, alarm: AlarmId) {
        if let Ok(entry) = self.on_disk(move |folder| folder.measure(alarm)).await {
            self.bytes += entry.bytes;
            self.bytes -= self.entries.insert(alarm, entry).map_or(0, |before| before.bytes);
        }
        self.count();
    }

    fn count(&self) {
        self.evidence.shared.bytes.store(self.bytes, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("gateway_alarm_pictures_bytes").set(self.bytes as f64);
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let shared = Arc::clone(&self.evidence.shared);
        spawn_blocking(move || work(&shared.folder)).await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
    }
}

/// Whether nothing more is to come of a camera: it has sent its still, or could not.
fn is_settled(kept: &[Kept], camera: &DeviceId) -> bool {
    let of_camera = || kept.iter().filter(|kept| kept.camera == *camera);
    of_camera().next().is_some() && of_camera().all(|kept| kept.mark != Mark::Asked)
}

fn lacks_room(folder: &Folder, keeps_free: u64) -> io::Result<bool> {
    Ok(choose::lacks_room(free_bytes(folder.path())?, disk_bytes(folder.path())?, keeps_free))
}
