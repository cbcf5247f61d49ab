//! The task with real files; and the district that the pure tests speak of.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use domain::{
    alarm::Severity,
    id::{AlarmId, DeviceId, NodeId, OwnerId, ProfileId, SiteId, TownshipCode},
    registry::{Device, Owner, Registry, Site, Township},
    time::UnixMs,
};
use protocol::{
    rest::{self, AlarmCamera, LinkState, SeverityNumber},
    video::SNAPSHOT_METRIC,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use super::{Evidence, Parts};
use crate::{
    clock::Clock,
    ingest::Blob,
    live::{self, Hub, fixture, present::Changes},
    video::{CameraCommand, Config, Snapshots},
};

const LIMIT: Duration = Duration::from_secs(20);

/// A kitchen with a stove and four cameras; and another site without.
pub(super) fn registry() -> Registry {
    let code = TownshipCode::new("500156001").unwrap();
    let township = Township {
        code: code.clone(),
        name_zh: "镇".into(),
        name_en: "Town".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let owner = Owner { id: OwnerId::new("school").unwrap(), name: "School".into(), phone: String::new() };
    let site = |name: &str| Site {
        id: SiteId::new(name).unwrap(),
        name: name.into(),
        township: code.clone(),
        owner: owner.id.clone(),
        address: String::new(),
    };
    let device = |name: &str, site: &str, profile: &str| Device {
        id: DeviceId::new(name).unwrap(),
        name: format!("{name} by name"),
        site: SiteId::new(site).unwrap(),
        profile: ProfileId::new(profile).unwrap(),
        node: NodeId::new("node").unwrap(),
        nameplate: std::collections::BTreeMap::new(),
    };
    let cameras = (1..=4).map(|number| device(&format!("camera-{number}"), "kitchen", "kitchen_camera"));
    let mut devices: Vec<Device> = cameras.collect();
    devices.push(device("stove", "kitchen", "gas_detector"));
    devices.push(device("elsewhere", "store", "cold_store"));
    let sites = vec![site("kitchen"), site("store")];
    Registry::build(vec![township], vec![], vec![owner], sites, devices).unwrap()
}

pub(super) fn alarm(number: i64, device: &str, severity: Severity, raised_at_ms: i64) -> rest::Alarm {
    rest::Alarm { severity: SeverityNumber(severity), raised_at_ms, ..fixture::alarm(number, device, None) }
}

fn jpeg(fill: u8) -> Vec<u8> {
    [&[0xff, 0xd8, 0xff][..], &[fill; 100]].concat()
}

/// What another process left.
fn leave_still(data_dir: &Path, camera: &str, taken: UnixMs, fill: u8) {
    let stills = data_dir.join("snapshots");
    fs::create_dir_all(&stills).unwrap();
    let newest = stills.join(format!("{camera}.jpg"));
    fs::write(&newest, jpeg(fill)).unwrap();
    let time = UNIX_EPOCH + Duration::from_millis(taken.0.cast_unsigned());
    File::options().write(true).open(&newest).unwrap().set_modified(time).unwrap();
}

/// A gateway's part that keeps pictures.
struct House {
    evidence: Evidence,
    clock: Clock,
    registry: Arc<Registry>,
    commands: mpsc::Receiver<CameraCommand>,
    stills: mpsc::Sender<Blob>,
    _stop: DropGuard,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl House {
    /// Of the cameras, these are offline since then.
    fn start(data_dir: &Path, config: &Config, offline: &[(&str, i64)]) -> Self {
        let clock = Clock::start();
        let registry = Arc::new(registry());
        let current = Arc::new(ArcSwap::from(Arc::clone(&registry)));
        let (to_cameras, commands) = mpsc::channel(8);
        let snapshots = Snapshots::open(data_dir, clock, Arc::clone(&current), to_cameras).unwrap();
        let links =
            offline.iter().map(|(camera, since)| (DeviceId::new(camera).unwrap(), LinkState::Offline, UnixMs(*since)));
        let present = Changes { registry: Some(Arc::clone(&registry)), links: links.collect(), ..Changes::default() };
        let live = Hub::new(live::Config::default(), clock, 1, present);
        let (evidence, alarms) = Evidence::open(config, data_dir, clock).unwrap();
        let stop = CancellationToken::new();
        let (stills, coming) = mpsc::channel(8);
        let parts = Parts { evidence: evidence.clone(), alarms, registry: current, live, snapshots: snapshots.clone() };
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(snapshots.run(coming, stop.clone()))),
            AbortOnDropHandle::new(tokio::spawn(parts.run(stop.clone()))),
        ];
        Self { evidence, clock, registry, commands, stills, _stop: stop.drop_guard(), _tasks: tasks }
    }

    fn now(&self) -> UnixMs {
        self.clock.now().wall
    }

    fn raise(&self, alarms: impl IntoIterator<Item = rest::Alarm>) {
        self.evidence.resume(alarms.into_iter(), &self.registry);
    }

    /// The cameras that are asked, in the order of their ids.
    async fn asked(&mut self, count: usize) -> Vec<String> {
        let mut asked = Vec::new();
        for _ in 0..count {
            asked.push(timeout(LIMIT, self.commands.recv()).await.unwrap().unwrap().device.to_string());
        }
        asked.sort();
        asked
    }

    async fn send(&self, camera: &str, taken: UnixMs, fill: u8) {
        let (device, metric) = (DeviceId::new(camera).unwrap(), domain::id::MetricName::new(SNAPSHOT_METRIC).unwrap());
        self.stills.send(Blob { device, metric, at: taken, bytes: jpeg(fill).into() }).await.unwrap();
    }

    /// What is kept of an alarm, when it is so.
    async fn until(&self, alarm: i64, is_so: impl Fn(&[AlarmCamera]) -> bool) -> Vec<AlarmCamera> {
        let looking = async {
            loop {
                let kept = self.evidence.of_alarm(AlarmId(alarm), &self.registry).await.unwrap();
                if is_so(&kept) {
                    return kept;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, looking).await.expect("it comes to be so")
    }
}

fn has_three(kept: &[AlarmCamera]) -> bool {
    kept.len() == 3
}

#[tokio::test]
async fn an_alarm_keeps_what_the_cameras_showed_before_and_at_its_moment() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { alarm_picture_free_mib: 0, ..Config::default() };
    let offline_since = 1_790_000_000_000;
    let before = Clock::start().now().wall.plus_ms(-40_000);
    leave_still(folder.path(), "camera-2", before, 1);
    let mut house = House::start(folder.path(), &config, &[("camera-1", offline_since), ("camera-4", 5)]);
    let raised = house.now();
    // A flood asks each camera once.
    house.raise((7..=9).map(|number| alarm(number, "camera-1", Severity::II, raised.0)));
    assert_eq!(house.asked(2).await, ["camera-2", "camera-3"]);
    let kept = house.until(9, has_three).await;
    assert_eq!(kept[0].offline_since_ms, Some(offline_since));
    assert!(kept[0].taken_at_ms.is_empty() && !kept[0].is_awaited);
    assert_eq!((&*kept[1].name, &*kept[1].taken_at_ms), ("camera-2 by name", &[before.0][..]));
    assert!(kept[1].is_awaited && kept[2].is_awaited && kept[2].taken_at_ms.is_empty());

    let moment = raised.plus_ms(300);
    house.send("camera-2", moment, 2).await;
    for number in 7..=9 {
        let kept = house.until(number, |kept| kept.len() == 3 && !kept[1].is_awaited).await;
        assert_eq!(kept[1].taken_at_ms, [before.0, moment.0]);
    }
    // It is of the moment of what follows at once, too.
    house.raise([alarm(10, "stove", Severity::I, house.now().0)]);
    let kept = house.until(10, has_three).await;
    assert_eq!((&*kept[1].taken_at_ms, kept[1].is_awaited), (&[moment.0][..], false));
    assert!(house.commands.try_recv().is_err(), "nobody is asked twice");

    let camera = DeviceId::new("camera-2").unwrap();
    for (taken, fill) in [(before, 1), (moment, 2)] {
        let picture = house.evidence.picture(AlarmId(8), &camera, taken).await.unwrap();
        assert_eq!(picture.as_deref(), Some(&*jpeg(fill)));
    }
    assert!(house.evidence.picture(AlarmId(8), &camera, raised).await.unwrap().is_none());
    assert!(house.evidence.picture(AlarmId(6), &camera, moment).await.unwrap().is_none());
    // What is kept is measured after it can be seen.
    let measured = async {
        while house.evidence.bytes() <= 4 * 4096 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, measured).await.expect("four folders and what is in them are counted");

    // Another start finds it, and asks again whom the old one waited for.
    drop(house);
    let mut house = House::start(folder.path(), &config, &[]);
    house.raise([alarm(9, "camera-1", Severity::II, raised.0)]);
    assert_eq!(house.asked(1).await, ["camera-3"]);
    house.send("camera-3", raised.plus_ms(900), 3).await;
    let kept = house.until(9, |kept| kept.len() == 3 && !kept[2].is_awaited).await;
    assert_eq!(kept[2].taken_at_ms, [raised.0 + 900]);
    assert_eq!(kept[1].taken_at_ms, [before.0, moment.0]);
}

#[tokio::test]
async fn what_is_too_old_or_too_much_goes() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("alarm-pictures/3");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("camera-1.1.jpg"), jpeg(1)).unwrap();
    let house = House::start(folder.path(), &Config { alarm_picture_free_mib: 0, ..Config::default() }, &[]);
    assert!(house.until(3, <[_]>::is_empty).await.is_empty());
    drop(house);

    fs::create_dir_all(&old).unwrap();
    let now = Clock::start().now().wall;
    fs::write(old.join(format!("camera-1.{}.jpg", now.0)), jpeg(1)).unwrap();
    let config = Config { alarm_picture_mib_max: 0, alarm_picture_free_mib: 0, ..Config::default() };
    let house = House::start(folder.path(), &config, &[]);
    assert!(house.until(3, <[_]>::is_empty).await.is_empty());
    let counting = async {
        while house.evidence.bytes() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, counting).await.expect("it counts no more");
}
