//! The pipeline with a real store: what is decided reaches the disk, then the screen, and nothing else does.
//!
//! - `full_disk`: its disk is filled, twice, and freed.
//! - `restart`: it is killed between any two steps, and started again.
//! - `pressure`: the store stands still, and each queue takes what it may.

mod full_disk;
mod pressure;
mod restart;
mod unknown;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use domain::{
    access::{Jurisdiction, Role},
    alarm::AlarmState,
    engine::{Deed, Engine},
    id::{AlarmId, DeviceId, MetricName, NodeId, OwnerId, ProfileId, SeriesId, SiteId, TownshipCode},
    notice::{Audience, Occasion},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Township},
    time::UnixMs,
};
use protocol::{
    live::{LiveMessage, Storing},
    rest::Alarm,
};
use sqlx::Connection;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{ActionOutcome, Config, Handle, Inlet, Parts, PipelineError, inlet, resume, run};
use crate::{
    clock::Clock,
    ingest::{Acknowledger, Ingested, SeriesIndex},
    ledger::Ledger,
    live::{self, Hub, Subscription, present::Changes},
    ops::health::Health,
    store::{Scope, Store, StoreConfig},
    video::{self, Evidence},
};

const PROFILE: &str = r#"
id = "gas_detector"
title = { zh = "燃气探测器", en = "Gas detector" }
category = "gas"

[[metrics]]
name = "gas.concentration"
title = { zh = "浓度", en = "Concentration" }
unit = "%LEL"
decimals = 1
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "GA-03"
title = { zh = "燃气高", en = "Gas high" }
severity = "I"
condition.limit = { metric = "gas.concentration", above = 50, deadband = 1 }
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[metrics]]
name = "gas.temperature"
title = { zh = "温度", en = "Temperature" }
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "GA-09"
title = { zh = "温度高", en = "Hot" }
severity = "III"
condition.limit = { metric = "gas.temperature", above = 60, deadband = 1 }
on_delay_s = 3
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;
const LIMIT: Duration = Duration::from_secs(20);
/// Small, so that a disk with room for twelve of them is, too.
const RESERVE_MIB: u32 = 1;

struct Fixture {
    dir: Arc<tempfile::TempDir>,
    database: std::path::PathBuf,
    clock: Clock,
    series: Arc<SeriesIndex>,
    messages: Inlet,
    _registry: watch::Sender<Arc<Registry>>,
    handle: Handle,
    live: Hub,
    health: Health,
    stop: CancellationToken,
    /// While it is set, the store commits and does not say so.
    unheard: Arc<AtomicBool>,
    /// Ends the screens alone: what is told from then on waits for them.
    blind: CancellationToken,
    pipeline: JoinHandle<Result<(), PipelineError>>,
}

impl Fixture {
    async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), Config::default()).await
    }

    async fn start_in(dir: Arc<tempfile::TempDir>, config: Config) -> Self {
        let store_config = StoreConfig { reserve_mib: RESERVE_MIB, ..StoreConfig::default() };
        let (store, _writing) = Store::open(&store_config, dir.path()).await.unwrap();
        let clock = Clock::start();
        let profiles = Arc::new(Profiles::parse([("gas.toml".into(), PROFILE.into())]).unwrap());
        let start = store.load_start().await.unwrap();
        let mut engine = Engine::new(profiles, start.next_alarm, start.open_alarms);
        for known in &start.series {
            engine.bind_series(known.id, known.device.clone(), known.metric.clone());
        }
        engine.restore_latest(start.latest);
        let engine = resume(engine, Arc::new(registry()), &store, clock).await.unwrap();
        let stored_series = start.series.last().map_or(SeriesId(0), |last| last.id);
        let series = Arc::new(SeriesIndex::new(start.series));
        let live = Hub::new(live::Config::default(), clock, 1, Changes::default());
        let (handle, requests) = Handle::new();
        let (messages, from_ingest) = inlet(&config);
        let (registry, registry_changes) = watch::channel(Arc::new(registry()));
        let (stop, health) = (CancellationToken::new(), Health::default());
        let unheard = store.unheard();
        let (evidence, _) = Evidence::open(&video::Config::default(), dir.path(), clock).unwrap();
        let parts = Parts {
            config,
            clock,
            evidence,
            engine,
            registry: registry_changes,
            store: store.clone(),
            live: live.clone(),
            series: Arc::clone(&series),
            calls: start.calls,
            stored_series,
            acknowledger: Acknowledger::new(store.clone(), clock),
            ledger: Ledger::default(),
            from_ingest,
            requests,
            telling: domain::notice::Policy::default(),
            health: health.clone(),
        };
        let blind = stop.child_token();
        tokio::spawn(live.clone().run(blind.clone()));
        let pipeline = tokio::spawn(run(parts, stop.clone()));
        let database = dir.path().join("brightwatch.db");
        Self {
            dir,
            database,
            clock,
            series,
            messages,
            _registry: registry,
            handle,
            live,
            health,
            stop,
            unheard,
            blind,
            pipeline,
        }
    }

    fn send(&self, concentration: f64) {
        self.put(vec![self.reading("gas.concentration", concentration)]);
    }

    fn reading(&self, metric: &str, value: f64) -> Reading {
        Reading {
            series: self.series.resolve(&device(), &MetricName::new(metric).unwrap()),
            event_time: self.clock.now().wall,
            value: Some(Value::Float(value)),
            quality: Quality::Good,
        }
    }

    fn put(&self, readings: Vec<Reading>) {
        let message = Ingested { readings, ..Ingested::new(NodeId::new("edge").unwrap(), self.clock.now()) };
        assert!(self.messages.reserve(&message));
        self.messages.put(message);
    }

    async fn acknowledge(&self, alarm: &Alarm, key: &str) -> Result<Alarm, String> {
        self.act(Deed::Acknowledge(alarm.id), key).await
    }

    async fn act(&self, deed: Deed, key: &str) -> Result<Alarm, String> {
        match self.handle.act(&operator(), deed, "on my way".into(), key.into()).await {
            Ok(ActionOutcome::Alarm(alarm)) => Ok(Alarm::clone(&alarm)),
            Ok(ActionOutcome::Service) => Err("not about an alarm".into()),
            Ok(ActionOutcome::Pending) => Err("pending".into()),
            Err(refused) => Err(refused.to_string()),
        }
    }

    fn watch(&self) -> Screen {
        Screen {
            storing: Storing::Everything,
            subscription: self.live.subscribe(&operator(), None),
            values: vec![],
            alarms: BTreeMap::new(),
        }
    }

    /// Kills the pipeline where it stands; what it has handed to the store is done all the same.
    async fn crash(self) -> Arc<tempfile::TempDir> {
        self.pipeline.abort();
        assert!(self.pipeline.await.is_err_and(|error| error.is_cancelled()), "it was running");
        self.stop.cancel();
        self.dir
    }

    /// Another program's connection to the database.
    async fn intruder(&self) -> sqlx::sqlite::SqliteConnection {
        let url = format!("sqlite://{}", self.database.display());
        sqlx::sqlite::SqliteConnection::connect(&url).await.unwrap()
    }

    /// Ends the pipeline and reads the database anew.
    async fn stored(self) -> crate::store::StartState {
        self.stop.cancel();
        self.pipeline.await.unwrap().unwrap();
        let dir = self.database.parent().unwrap();
        let (store, _writing) = Store::open(&StoreConfig::default(), dir).await.unwrap();
        store.load_start().await.unwrap()
    }
}

/// A client that folds what it is told.
struct Screen {
    storing: Storing,
    subscription: Subscription,
    values: Vec<Option<Value>>,
    alarms: BTreeMap<i64, Alarm>,
}

impl Screen {
    /// Reads on until `is_seen`.
    async fn until(&mut self, is_seen: impl Fn(&Self) -> bool) {
        let read = async {
            while !is_seen(self) {
                for frame in self.subscription.next().await {
                    self.take(serde_json::from_str(&frame).unwrap());
                }
            }
        };
        tokio::time::timeout(LIMIT, read).await.expect("the screen shows it in time");
    }

    fn take(&mut self, message: LiveMessage) {
        let (devices, alarms) = match message {
            LiveMessage::Snapshot(snapshot) => {
                self.storing = snapshot.storing;
                (snapshot.devices, snapshot.alarms)
            }
            LiveMessage::Delta(delta) => (delta.devices, delta.alarms),
            LiveMessage::Heartbeat { .. } | LiveMessage::SessionEnded => return,
        };
        self.values.extend(devices.into_iter().flat_map(|device| device.values).map(|value| value.point.value));
        self.alarms.extend(alarms.into_iter().map(|alarm| (alarm.id.0, alarm)));
    }

    fn shows(&self, state: AlarmState) -> bool {
        self.alarms.values().any(|alarm| alarm.state == state)
    }
}

fn operator() -> Scope {
    Scope::for_tests(Role::CentreOperator, Jurisdiction::District)
}

fn device() -> DeviceId {
    DeviceId::new("gas-1").unwrap()
}

fn registry() -> Registry {
    let township = Township {
        code: TownshipCode::new("500156001").unwrap(),
        name_zh: "凤山街道".into(),
        name_en: "Fengshan".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let owner = Owner { id: OwnerId::new("inn").unwrap(), name: "Inn".into(), phone: String::new() };
    let site = Site {
        id: SiteId::new("kitchen").unwrap(),
        name: "Kitchen".into(),
        township: township.code.clone(),
        owner: owner.id.clone(),
        address: String::new(),
    };
    let device = Device {
        id: device(),
        name: "Gas".into(),
        site: site.id.clone(),
        profile: ProfileId::new("gas_detector").unwrap(),
        node: NodeId::new("edge").unwrap(),
        nameplate: BTreeMap::new(),
    };
    Registry::build(vec![township], vec![], vec![owner], vec![site], vec![device]).unwrap()
}

#[tokio::test]
async fn a_reading_over_its_limit_becomes_an_alarm_on_screen_and_on_disk() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    fixture.send(12.5);
    screen.until(|screen| screen.values.contains(&Some(Value::Float(12.5)))).await;
    assert!(screen.alarms.is_empty());

    fixture.send(61.0);
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    let alarm = screen.alarms.values().next().unwrap().clone();
    assert_eq!((alarm.device_name.as_str(), alarm.site_name.as_str()), ("Gas", "Kitchen"));

    let stored = fixture.stored().await;
    assert_eq!(stored.open_alarms.len(), 1);
    assert_eq!(stored.open_alarms[0].id, alarm.id);
    assert_eq!(stored.latest[0].value, Some(Value::Float(61.0)));
    assert_eq!(stored.series[0].id, SeriesId(1));
}

#[tokio::test]
async fn an_answered_alarm_closes_when_its_condition_goes() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    fixture.send(61.0);
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    let alarm = screen.alarms.values().next().unwrap().clone();

    let answered = fixture.acknowledge(&alarm, "key-press-1").await.unwrap();
    assert_eq!(answered.state, AlarmState::ActiveAcknowledged);
    assert_eq!(answered.acknowledged_by.as_deref(), Some("tester"));
    fixture.send(3.0);
    screen.until(|screen| screen.shows(AlarmState::Closed)).await;
    assert!(fixture.stored().await.open_alarms.is_empty());
}

#[tokio::test]
async fn who_must_know_is_written_with_the_alarm_and_with_its_end() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    fixture.send(61.0);
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    let alarm = screen.alarms.values().next().unwrap().clone();
    fixture.acknowledge(&alarm, "key-press-1").await.unwrap();
    fixture.send(3.0);
    screen.until(|screen| screen.shows(AlarmState::Closed)).await;
    fixture.stop.cancel();
    fixture.pipeline.await.unwrap().unwrap();

    let (store, _writing) = Store::open(&StoreConfig::default(), fixture.database.parent().unwrap()).await.unwrap();
    let told: Vec<_> = store.notices_to_address(99).await.unwrap().into_iter().map(|(_, notice)| notice).collect();
    let audiences = || {
        let (owner, township) = ("inn".parse().unwrap(), "500156001".parse().unwrap());
        [Audience::Owner(owner), Audience::Township(township), Audience::Centre]
    };
    let expected: Vec<_> = [Occasion::Raised, Occasion::Returned]
        .into_iter()
        .flat_map(|occasion| audiences().map(|audience| (occasion, audience)))
        .collect();
    assert_eq!(told.iter().map(|notice| (notice.occasion, notice.audience.clone())).collect::<Vec<_>>(), expected);
    assert!(told[0].body.en.contains("61"), "the reason is told: {}", told[0].body.en);
}

#[tokio::test]
async fn an_alarm_that_comes_and_goes_before_a_screen_looks_is_over_on_it() {
    let fixture = Fixture::start().await;
    fixture.blind.cancel();
    fixture.send(61.0);
    let alarm = AlarmId(1);
    let answered = async {
        // Refused until the alarm is raised.
        loop {
            match fixture.act(Deed::Acknowledge(alarm), "key-press-1").await {
                Ok(alarm) => return alarm,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let answered = tokio::time::timeout(LIMIT, answered).await.expect("the answer comes although no screen has looked");
    assert_eq!(answered.state, AlarmState::ActiveAcknowledged);
    fixture.send(3.0);

    tokio::spawn(fixture.live.clone().run(fixture.stop.clone()));
    let mut screen = fixture.watch();
    screen.until(|screen| screen.values.contains(&Some(Value::Float(3.0)))).await;
    assert!(!screen.alarms.values().any(|alarm| alarm.state.is_open()));
    assert!(fixture.stored().await.open_alarms.is_empty());
}

#[tokio::test]
async fn a_repeated_request_is_answered_and_another_is_refused() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    fixture.send(61.0);
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    let alarm = screen.alarms.values().next().unwrap().clone();

    let first = fixture.acknowledge(&alarm, "key-press-1").await.unwrap();
    assert_eq!(fixture.acknowledge(&alarm, "key-press-1").await.unwrap(), first);
    let refused = fixture.acknowledge(&alarm, "key-press-2").await.unwrap_err();
    assert_eq!(refused, "alarm 1: the alarm is acknowledged already");
}

#[tokio::test]
async fn what_is_out_of_service_is_stored_and_its_alarms_call_nobody() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    let until = fixture.clock.now().wall.plus_ms(3_600_000);
    let deed = Deed::TakeOutOfService { device: device(), rule: None, until };
    let done = fixture.handle.act(&operator(), deed.clone(), "换探头".into(), "key-press-1".into()).await;
    assert!(matches!(done, Ok(ActionOutcome::Service)), "{done:?}");
    let again = fixture.handle.act(&operator(), deed, "换探头".into(), "key-press-2".into()).await;
    assert_eq!(again.unwrap_err().to_string(), "it is out of service already");
    fixture.send(61.0);
    screen.until(|screen| screen.shows(AlarmState::OutOfService)).await;
    let stored = fixture.stored().await;
    assert_eq!((stored.out_of_service[0].why.as_str(), stored.out_of_service[0].until), ("换探头", until));
    assert_eq!(stored.open_alarms[0].set_aside.as_ref().unwrap().why, "换探头");
}

#[tokio::test]
async fn nothing_is_on_screen_before_it_is_on_disk() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    fixture.send(1.0);
    screen.until(|screen| screen.values.contains(&Some(Value::Float(1.0)))).await;

    // Another program holds the database: no commit can succeed.
    let mut intruder = fixture.intruder().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut intruder).await.unwrap();
    let before = screen.values.len();
    fixture.send(61.0);
    let seen = tokio::time::timeout(Duration::from_millis(300), screen.subscription.next()).await;
    assert!(seen.is_err(), "told of something that is not stored: {seen:?}");
    assert_eq!(screen.values.len(), before);
    let noticed = async {
        while fixture.health.is_ready() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, noticed).await.expect("the gateway says that it cannot store");

    sqlx::query("ROLLBACK").execute(&mut intruder).await.unwrap();
    // After some seconds it was shown from memory, and marked; now it is stored.
    screen.until(|screen| screen.alarms.values().any(|alarm| alarm.is_stored)).await;
    screen.until(|screen| screen.storing == Storing::Everything).await;
    assert!(fixture.health.is_ready());
    assert_eq!(fixture.stored().await.open_alarms.len(), 1);
}

#[tokio::test]
async fn a_suspect_or_bad_reading_is_shown_as_such() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    let reading = Reading {
        series: fixture.series.resolve(&device(), &MetricName::new("gas.concentration").unwrap()),
        event_time: UnixMs(fixture.clock.now().wall.0),
        value: None,
        quality: Quality::Bad,
    };
    fixture.put(vec![reading]);
    screen.until(|screen| screen.values.contains(&None)).await;
    assert!(screen.alarms.is_empty());
}
