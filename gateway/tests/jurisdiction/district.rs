//! A small district: one place that everybody in the tests may see, one that only the district's own people may.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use arc_swap::ArcSwap;
use domain::{
    access::Role,
    alarm::{AlarmState, Severity, Transition, What},
    document::Document,
    engine::Engine,
    id::{AlarmId, DeviceId, MetricName, NodeId, RuleId, SeriesId, UserId, UserName},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::Registry,
    text::Text,
    time::UnixMs,
};
use gateway::{
    api::{self, About, AppState},
    broker::{self, Broker},
    clock::Clock,
    config::Config,
    identity::{Identity, node::NodeCredentials, password},
    ingest::{self, Acknowledger, SeriesIndex},
    ledger::Ledger,
    live::{Hub, present::Changes},
    notify,
    ops::health::Health,
    pipeline,
    registry::{Mode, Registrar, assemble, import},
    store::{
        Actor, BatchCommit, CaseRequest, DiscoveredBirth, LedgerEntry, Photo, SeriesDefinition, SessionLimits,
        SessionToken, StartState, Store, StoreConfig,
    },
    video::{self, CameraCommand, Evidence, Snapshots},
};
use protocol::{
    rest::{LedgerFigures, Point, ShiftDraft, UserDraft},
    sparkplug::topic::HostId,
};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Texts that stand only in what lies outside the limited roles' jurisdictions: names, ids, and the township's code.
pub(crate) const MARKS_OF_OUTSIDE: [&str; 3] = ["-outside", "ELSEWHERE", "500156003"];

const REGISTRY: &str = "\
kind,id,name,township,owner,site,profile,node
owner,owner-inside,Owner inside,,,,,
owner,owner-outside,Owner ELSEWHERE,,,,,
site,site-inside,Site inside,500156001,owner-inside,,,
site,site-outside,Site ELSEWHERE,500156003,owner-outside,,,
device,node-inside,Node inside,,,site-inside,edge_node,node-inside
device,node-outside,Node ELSEWHERE,,,site-outside,edge_node,node-outside
device,cold-inside,Cold store inside,,,site-inside,cold_store,node-inside
device,cold-outside,Cold store ELSEWHERE,,,site-outside,cold_store,node-outside
device,camera-inside,Camera inside,,,site-inside,kitchen_camera,node-inside
device,camera-outside,Camera ELSEWHERE,,,site-outside,kitchen_camera,node-outside
";

/// The smallest thing that begins like a picture.
const STILL: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9];

/// What stands at the beginning of a PNG of one pixel.
pub(crate) const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

/// Everybody's password.
pub(crate) const PASSWORD: &str = "everybody has the same";
/// Hashing is slow: once is enough.
static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD).expect("it can be hashed"));

/// A gateway without broker, behind a real listener.
pub(crate) struct District {
    pub(crate) address: String,
    /// Making one takes a while.
    pub(crate) client: reqwest::Client,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) registrar: Registrar,
    pub(crate) identity: Identity,
    /// What cameras are told.
    pub(crate) commands: Mutex<mpsc::Receiver<CameraCommand>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl District {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::start();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let registered = Registered::prepare(folder.path(), clock).await;
        let Registered { store, registry, registrar, profiles } = registered;
        let start = store.load_start().await.unwrap();
        let series = Arc::new(SeriesIndex::new(start.series.clone()));

        let live = Hub::new(gateway::live::Config::default(), clock, 7, present(&start, &registry));
        tasks.spawn(live.clone().run(stop.clone()));
        let (to_pipeline, from_ingest) = pipeline::inlet(&pipeline::Config::default());
        let (acknowledger, ledger) = (Acknowledger::new(store.clone(), clock), Ledger::default());
        let (pipeline, requests) = pipeline::Handle::new();
        let (evidence, _) = Evidence::open(&video::Config::default(), folder.path(), clock).unwrap();
        let parts = pipeline::Parts {
            evidence: evidence.clone(),
            config: pipeline::Config::default(),
            clock,
            engine: engine(&profiles, &start),
            registry: registrar.changes(),
            store: store.clone(),
            live: live.clone(),
            series: Arc::clone(&series),
            calls: start.calls.clone(),
            stored_series: start.series.last().map_or(SeriesId(0), |last| last.id),
            acknowledger: acknowledger.clone(),
            ledger: ledger.clone(),
            from_ingest,
            requests,
            telling: domain::notice::Policy::default(),
            health: Health::default(),
        };
        let end = stop.clone();
        tasks.spawn(async move { pipeline::run(parts, end).await.unwrap() });

        // The site's broker is not there: nodes cannot be heard, and nothing here needs them.
        let elsewhere = broker::ExternalConfig { url: Some("mqtt://127.0.0.1:1".into()), ..Default::default() };
        let broker = Broker::start(&broker::Config::default(), &elsewhere, folder.path(), stop.clone()).await.unwrap();
        let (blobs, _) = mpsc::channel(1);
        let parts = ingest::Parts {
            settings: ingest::Settings {
                access: broker.access.clone(),
                host_id: HostId::new("test").unwrap(),
                message_bytes_max: 1 << 20,
            },
            clock,
            registry: Arc::clone(&registry),
            profiles: Arc::clone(&profiles),
            series,
            stored: start.latest,
            outboxes: start.outboxes,
            acknowledger,
            ledger,
            enrolment: None,
            takeovers: broker.takeovers.subscribe(),
            to_pipeline,
            blobs,
        };
        let (ingest, mut hearing) = ingest::start(parts, &stop);
        tasks.spawn(async move { while hearing.join_next().await.is_some() {} });
        let (to_cameras, commands) = mpsc::channel(16);
        let video = video::Hub::new(video::Config::default(), clock, Arc::clone(&registry), to_cameras.clone());
        tasks.spawn(video.clone().run(stop.clone()));

        let (notifier, mut telling) =
            notify::start(telling(&store, &registrar, &evidence, clock), &stop).await.unwrap();
        tasks.spawn(async move { while telling.join_next().await.is_some() {} });

        let identity = Identity::new(store.clone(), clock, gateway::identity::Config::default()).unwrap();
        let router = api::router(AppState {
            clock,
            http: Arc::new(api::Config::default()),
            about: About { is_demo: false, offices_are_sample: true, started: clock.now().wall },
            store: store.clone(),
            identity: identity.clone(),
            registrar: registrar.clone(),
            profiles,
            pipeline,
            live,
            ingest,
            nodes: NodeCredentials::new(None, registrar.clone(), store.clone(), clock),
            video,
            notifier,
            snapshots: Snapshots::open(folder.path(), clock, registry, to_cameras).unwrap(),
            evidence,
            exports: api::Exports::default(),
            health: Health::default(),
            stop: stop.clone(),
        });
        let free = api::Config { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
        let listener = api::server::bind(&free).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let end = stop.clone();
        tasks.spawn(async move { api::server::serve(listener, None, router, end).await.unwrap() });
        let commands = Mutex::new(commands);
        // Fails when another test of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::new();
        Self { address, client, clock, store, registrar, identity, commands, stop, tasks, _folder: folder }
    }

    /// The account of this role: numbers follow the order in which they were added.
    #[expect(clippy::unused_self, reason = "an account belongs to a district")]
    pub(crate) fn user(&self, role: Role) -> UserId {
        let index = Role::ALL.iter().position(|one| *one == role).unwrap();
        UserId(i64::try_from(index).unwrap() + 1)
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// The district's rows, as they stand before its gateway starts.
struct Registered {
    store: Store,
    registry: Arc<ArcSwap<Registry>>,
    registrar: Registrar,
    profiles: Arc<Profiles>,
}

impl Registered {
    async fn prepare(folder: &Path, clock: Clock) -> Self {
        let files = Config::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/gateway.toml")).unwrap();
        let files = files.read_district().unwrap();
        let (store, _task) = Store::open(&StoreConfig::default(), folder).await.unwrap();
        store.set_offices(&files.offices.office);
        let registry = assemble(&files, store.load_registry().await.unwrap()).unwrap();
        let registry = Arc::new(ArcSwap::from_pointee(registry));
        let profiles = Arc::new(files.profiles);
        let registrar = Registrar::new(store.clone(), clock, Arc::clone(&profiles), Arc::clone(&registry));
        let lines = import::parse(import::Format::Csv, REGISTRY.as_bytes()).unwrap();
        registrar.import(Actor::Shell, lines, Mode::Apply).await.unwrap();
        store.commit_batch(Arc::new(history(clock.now().wall))).await.unwrap();
        store.add_to_ledger(["node-inside", "node-outside"].map(entry).into(), vec![]).await.unwrap();
        add_users(&store, clock.now().wall).await;
        add_duty(&store, clock.now().wall).await;
        let stills = folder.join("snapshots");
        std::fs::create_dir_all(&stills).unwrap();
        for camera in ["camera-inside", "camera-outside"] {
            std::fs::write(stills.join(format!("{camera}.jpg")), STILL).unwrap();
        }
        for (alarm, camera) in [(1, "camera-inside"), (2, "camera-outside")] {
            let pictures = folder.join("alarm-pictures").join(alarm.to_string());
            std::fs::create_dir_all(&pictures).unwrap();
            std::fs::write(pictures.join(format!("{camera}.1790000000000.jpg")), STILL).unwrap();
        }
        Self { store, registry, registrar, profiles }
    }
}

fn engine(profiles: &Arc<Profiles>, start: &StartState) -> Engine {
    let mut engine = Engine::new(Arc::clone(profiles), start.next_alarm, start.open_alarms.clone());
    for one in &start.series {
        engine.bind_series(one.id, one.device.clone(), one.metric.clone());
    }
    engine
}

fn present(start: &StartState, registry: &Arc<ArcSwap<Registry>>) -> Changes {
    let point = |reading: &Reading| Point {
        at_ms: reading.event_time.0,
        value: reading.value.clone(),
        quality: reading.quality,
    };
    Changes {
        registry: Some(registry.load_full()),
        series: start.series.iter().map(|one| (one.id, one.device.clone(), one.metric.clone())).collect(),
        values: start.latest.iter().map(|reading| (reading.series, point(reading))).collect(),
        ..Changes::default()
    }
}

/// An account as it stands in the test district.
pub(crate) fn draft(role: Role) -> UserDraft {
    let (name, office, township, owner) = match role {
        Role::Admin => ("of-admin", None, None, None),
        Role::CentreOperator => ("of-centre", None, None, None),
        Role::OfficeOfficer => ("of-office", Some("furong"), None, None),
        Role::TownshipOfficer => ("of-township", None, Some("500156001"), None),
        Role::Owner => ("of-owner", None, None, Some("owner-inside")),
    };
    UserDraft {
        username: UserName::new(name).unwrap(),
        display_name: name.into(),
        role,
        office: office.map(|id| id.parse().unwrap()),
        township: township.map(|code| code.parse().unwrap()),
        owner: owner.map(|id| id.parse().unwrap()),
        is_disabled: false,
        password: None,
    }
}

async fn add_users(store: &Store, at: UnixMs) {
    let spare = UserDraft { username: UserName::new("spare").unwrap(), ..draft(Role::CentreOperator) };
    for draft in Role::ALL.into_iter().map(draft).chain([spare]) {
        store.add_user(Actor::Shell, draft, PASSWORD_HASH.clone(), at).await.unwrap();
    }
}

/// A case with a photo, and somebody on duty, inside and outside.
async fn add_duty(store: &Store, at: UnixMs) {
    let limits = SessionLimits { lifetime_ms: 60_000, idle_ms: 60_000 };
    let token = SessionToken::generate(&mut rand::rng());
    store.open_session(UserId(1), &token, limits, at).await.unwrap();
    let admin = store.session(&token, at).await.unwrap().unwrap();
    for (number, township, person) in [(1, "500156001", "Officer inside"), (2, "500156003", "Officer ELSEWHERE")] {
        let request = |key: &str| CaseRequest { note: String::new(), key: format!("{key}-{number}") };
        let alarms = vec![AlarmId(number)];
        let case = store.open_case(&admin.scope, alarms, None, request("open"), at).await.unwrap().unwrap();
        let photo = Photo { media_type: "image/png", width: 1, height: 1, picture: PICTURE.into() };
        store.add_case_photo(&admin.scope, case, photo, request("photo"), at).await.unwrap().unwrap();
        let shift = ShiftDraft {
            post: format!("township:{township}").parse().unwrap(),
            from_ms: at.plus_ms(-60_000).0,
            to_ms: at.plus_ms(3_600_000).0,
            person: person.into(),
            phone: String::new(),
            username: None,
        };
        store.add_shift(&admin.scope, shift, at).await.unwrap();
    }
}

/// A reading and an alarm of each cold store, and a device that nobody registered.
/// A node's first hour in the loss ledger.
fn entry(node: &str) -> LedgerEntry {
    let figures = LedgerFigures { received_messages: 1, ..LedgerFigures::default() };
    LedgerEntry { node: NodeId::new(node).unwrap(), hour: UnixMs(0), figures }
}

/// One channel, to sirens at a broker that is not there.
fn telling(store: &Store, registrar: &Registrar, evidence: &Evidence, clock: Clock) -> notify::Parts {
    let text = "[[channel]]\nname = \"sirens\"\nserves.townships = [\"*\"]\nvia.siren = {}\n";
    let config: notify::Config = Document { file: "notify", text }.read().unwrap();
    notify::Parts {
        channels: notify::Channels::build(&config, &registrar.current(), None).unwrap(),
        config,
        clock,
        store: store.clone(),
        registry: registrar.changes(),
        evidence: evidence.clone(),
        health: Health::default(),
    }
}

fn history(at: UnixMs) -> BatchCommit {
    let device = |id: &str| DeviceId::new(id).unwrap();
    let metric = MetricName::new("cold_store.temperature").unwrap();
    let stores = [("cold-inside", 1, -17.5), ("cold-outside", 2, -18.5)];
    let reading = |series: u32, value: f64| Reading {
        series: SeriesId(series),
        event_time: at,
        value: Some(Value::Float(value)),
        quality: Quality::Good,
    };
    let transition = |id: &str, number: u32, value: f64| Transition {
        alarm: AlarmId(number.into()),
        device: device(id),
        rule: RuleId::new("FR-01").unwrap(),
        severity: Severity::II,
        is_latching: false,
        title: Text { zh: "温度过高".into(), en: format!("Too warm: {id}") },
        cause: Text { zh: "高".into(), en: "high".into() },
        what: What::Raised,
        state: AlarmState::ActiveUnacknowledged,
        set_aside: None,
        at,
        event_time: at,
        late_ms: 0,
        rule_version: None,
        by: None,
        note: String::new(),
        reading: Some((metric.clone(), reading(number, value))),
    };
    BatchCommit {
        received: at,
        new_series: stores
            .iter()
            .map(|(id, number, _)| SeriesDefinition {
                id: SeriesId(*number),
                device: device(id),
                metric: metric.clone(),
            })
            .collect(),
        readings: stores.iter().map(|(_, number, value)| reading(*number, *value)).collect(),
        transitions: stores
            .iter()
            .map(|(id, number, value)| transition(id, *number, *value))
            .chain([Transition {
                alarm: AlarmId(3),
                rule: RuleId::new("FR-01-L").unwrap(),
                ..transition("cold-inside", 1, -17.5)
            }])
            .collect(),
        notices: Vec::new(),
        service: Vec::new(),
        discovered: vec![DiscoveredBirth {
            device: device("stranger-outside"),
            node: NodeId::new("node-outside").unwrap(),
            at,
            metrics: vec![metric.clone()],
        }],
        outboxes: vec![],
    }
}
