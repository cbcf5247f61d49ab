//! The only place that knows every part: it builds them in the order in which they need each other, starts them, and
//! stops them in the opposite order, so that nothing is asked of a part that has gone.

use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use domain::{engine::Engine, id::SeriesId, profile::Profiles, registry::Registry};
use protocol::sparkplug::topic::HostId;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, About, AppState},
    backup,
    broker::Broker,
    clock::Clock,
    config::Config,
    control::{Executor, socket},
    duty,
    identity::{FIRST_ADMIN, Identity, node::NodeCredentials},
    ingest::{self, Acknowledger, Blob, IngestHandle, SeriesIndex},
    ledger::Ledger,
    live::{Hub, present::Changes},
    notify::{self, Channels, Notifier},
    ops::{health::Health, metrics},
    pipeline::{self, Inlet},
    registry::{Registrar, amendments, assemble},
    stage::Stage,
    store::{Retention, StartState, Store, StoreTask},
    video::{self, CameraCommand, Evidence, EvidenceAlarms, EvidenceParts, Snapshots},
};

/// Files (stills) that may wait for their writer. Each is at most a message long.
const BLOB_QUEUE: usize = 64;

/// Commands to cameras that may wait: a wall of sixteen is opened at once. What is dropped is asked for again.
const CAMERA_COMMAND_QUEUE: usize = 64;

/// Runs a gateway until `stop`.
///
/// # Errors
/// What kept it from starting, or which part failed. A failed part ends the whole: a start reads the truth from disk.
pub async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let mut running = start(config).await?;
    let failure = tokio::select! {
        () = stop.cancelled() => None,
        failure = running.front.ended() => Some(failure),
        failure = running.heart.ended() => Some(failure),
        failure = running.base.ended() => Some(failure),
    };
    tracing::info!("stopping");
    running.finish().await?;
    tracing::info!("stopped");
    failure.map_or(Ok(()), Err)
}

/// What runs. Nothing else is kept of the start: whoever holds a handle of the store keeps its task from ending.
struct Running {
    /// What everything else needs to the last: broker, sealing, telling people.
    base: Stage,
    /// Pipeline and live streams.
    heart: Stage,
    /// What lets the world in.
    front: Stage,
    broker: Broker,
    store_task: StoreTask,
}

impl Running {
    /// Ends the parts in the opposite order of their start.
    async fn finish(self) -> anyhow::Result<()> {
        self.front.finish().await;
        self.heart.finish().await;
        self.base.finish().await;
        self.broker.stopped().await;
        self.store_task.finished().await.context("the store's task")
    }
}

async fn start(config: Config) -> anyhow::Result<Running> {
    // A clash of addresses is to be known before anything else starts.
    let http_listener = api::server::bind(&config.http)?;
    let metrics_address = config.metrics.listen;
    let metrics_listener =
        TcpListener::bind(metrics_address).await.with_context(|| format!("cannot listen on {metrics_address}"))?;
    let figures = metrics::install()?;

    let (ground, store_task) = Ground::prepare(&config).await?;
    let mut base = Stage::new("broker and sealing");
    let mut heart = Stage::new("pipeline and live");
    let mut front = Stage::new("listeners");

    let broker = Broker::start(&config.broker, &config.mqtt, &config.data_dir, base.stop()).await?;
    let (store, clock, sealing_stop) = (ground.store.clone(), ground.clock, base.stop());
    base.run("sealing", async move { store.run_sealing(|| clock.now().wall, sealing_stop).await });
    let (store, clock, upkeep_stop) = (ground.store.clone(), ground.clock, base.stop());
    let retention = Retention::new(&config.store, &ground.profiles);
    base.run("upkeep", async move { store.run_upkeep(retention, || clock.now().wall, upkeep_stop).await });
    let (store, folding_stop) = (ground.store.clone(), base.stop());
    base.run("outbox folding", async move { store.run_folding(folding_stop).await });
    let health = Health::default();
    let (evidence, alarms) = Evidence::open(&config.video, &config.data_dir, clock)?;
    let pulse = start_heart(&config, &ground, &evidence, health.clone(), &mut heart).await?;
    base.run("loss ledger", pulse.ledger.clone().run(config.ledger.clone(), ground.store.clone(), clock, base.stop()));
    let notifier = start_telling(&config, &ground, &broker, &evidence, health.clone(), &mut base).await?;
    let own = notify::own::Parts {
        clock,
        registry: ground.registrar.changes(),
        series: Arc::clone(&pulse.series),
        to_pipeline: pulse.to_pipeline.clone(),
    };
    front.run("own state", notify::own::report(own, notifier.dead_channels(), front.stop()));
    heart.run("duty", duty::run(ground.store.clone(), clock, health.clone(), heart.stop()));
    let (to_stills, stills) = mpsc::channel(BLOB_QUEUE);
    let ingest = start_ingest(&config, &ground, &broker, &pulse, to_stills, &mut front)?;
    front.run("broker health", watch_connection(ingest.clone(), health.clone()));
    let (video, snapshots) = start_video(&config, &ground, &ingest, stills, &mut front)?;
    start_evidence(&ground, &evidence, alarms, &pulse.live, &snapshots, &mut front);

    let nodes =
        NodeCredentials::new(broker.enrolment.clone(), ground.registrar.clone(), ground.store.clone(), ground.clock);
    let executor = Executor {
        store: ground.store.clone(),
        identity: ground.identity.clone(),
        registrar: ground.registrar.clone(),
        nodes: nodes.clone(),
    };
    let control_listener = socket::listen(&config.data_dir)?;
    front.run("control socket", socket::serve(control_listener, executor, front.stop()));
    front.run_fallible("metrics", metrics::serve(metrics_listener, figures, front.stop()));
    let state = AppState {
        clock: ground.clock,
        http: Arc::new(config.http.clone()),
        about: ground.about,
        store: ground.store,
        identity: ground.identity,
        registrar: ground.registrar,
        profiles: ground.profiles,
        pipeline: pulse.pipeline,
        live: pulse.live,
        ingest,
        nodes,
        video,
        snapshots,
        evidence,
        exports: api::Exports::default(),
        notifier,
        health,
        stop: front.stop(),
    };
    let address = http_listener.local_addr().context("the listener has no address")?;
    tracing::info!(%address, is_secure = config.http.is_secure(), "serving");
    let tls = config.http.tls.clone();
    front.run_fallible("http", api::server::serve(http_listener, tls, api::router(state), front.stop()));

    Ok(Running { base, heart, front, broker, store_task })
}

/// What everything else stands on.
struct Ground {
    clock: Clock,
    store: Store,
    start: StartState,
    registry: Arc<ArcSwap<Registry>>,
    registrar: Registrar,
    profiles: Arc<Profiles>,
    identity: Identity,
    about: About,
}

impl Ground {
    async fn prepare(config: &Config) -> anyhow::Result<(Self, StoreTask)> {
        let clock = Clock::start();
        let district = config.read_district()?;
        config.make_data_dir()?;
        backup::refuse_unfinished(&config.data_dir)?;
        let (store, store_task) = Store::open(&config.store, &config.data_dir).await?;
        store.set_offices(&district.offices.office);
        store.set_duty_policy(config.duty.clone());
        let mut start = store.load_start().await?;
        let registry = assemble(&district, std::mem::take(&mut start.registry))?;
        let about = About {
            is_demo: config.is_demo,
            offices_are_sample: district.offices.is_sample,
            started: clock.now().wall,
        };
        let mut profiles = district.profiles;
        store.number_rules(&mut profiles, clock.now().wall).await?;
        let amendments = amendments(&profiles, store.load_amendments().await?);
        let registry = Arc::new(ArcSwap::from_pointee(registry.with_amendments(amendments)));
        let profiles = Arc::new(profiles);
        let registrar = Registrar::new(store.clone(), clock, Arc::clone(&profiles), Arc::clone(&registry));
        let identity = Identity::new(store.clone(), clock, config.identity.clone())?;
        if let Some(password) = identity.first_start().await? {
            announce_first_admin(&password);
        }
        Ok((Self { clock, store, start, registry, registrar, profiles, identity, about }, store_task))
    }
}

/// What the running pipeline and live hub offer.
struct Pulse {
    pipeline: pipeline::Handle,
    live: Hub,
    series: Arc<SeriesIndex>,
    acknowledger: Acknowledger,
    ledger: Ledger,
    to_pipeline: Inlet,
}

async fn start_heart(
    config: &Config,
    ground: &Ground,
    evidence: &Evidence,
    health: Health,
    stage: &mut Stage,
) -> anyhow::Result<Pulse> {
    let start = &ground.start;
    let engine = engine(&ground.profiles, start);
    let engine = pipeline::resume(engine, ground.registry.load_full(), &ground.store, ground.clock).await?;
    let series = Arc::new(SeriesIndex::new(start.series.clone()));
    // Below 2^53, so that every JSON reader holds it exactly.
    let epoch = rand::random::<u64>() >> 12;
    let live = Hub::new(config.live.clone(), ground.clock, epoch, present(start, &ground.registry.load_full()));
    stage.run("live", live.clone().run(stage.stop()));
    let (to_pipeline, from_ingest) = pipeline::inlet(&config.pipeline);
    let acknowledger = Acknowledger::new(ground.store.clone(), ground.clock);
    let ledger = Ledger::new(&ground.registry.load(), &series, &start.latest);
    let (pipeline, requests) = pipeline::Handle::new();
    let parts = pipeline::Parts {
        config: config.pipeline.clone(),
        clock: ground.clock,
        engine,
        registry: ground.registrar.changes(),
        store: ground.store.clone(),
        live: live.clone(),
        series: Arc::clone(&series),
        calls: start.calls.clone(),
        stored_series: start.series.last().map_or(SeriesId(0), |last| last.id),
        acknowledger: acknowledger.clone(),
        ledger: ledger.clone(),
        from_ingest,
        requests,
        telling: config.notify.policy(),
        evidence: evidence.clone(),
        health,
    };
    stage.run_fallible("pipeline", pipeline::run(parts, stage.stop()));
    Ok(Pulse { pipeline, live, series, acknowledger, ledger, to_pipeline })
}

/// Outlives the pipeline: what its last batch says is still sent, or waits for the next start.
async fn start_telling(
    config: &Config,
    ground: &Ground,
    broker: &Broker,
    evidence: &Evidence,
    health: Health,
    stage: &mut Stage,
) -> anyhow::Result<Notifier> {
    let parts = notify::Parts {
        channels: Channels::build(&config.notify, &ground.registry.load(), Some(&broker.access))?,
        config: config.notify.clone(),
        clock: ground.clock,
        store: ground.store.clone(),
        registry: ground.registrar.changes(),
        evidence: evidence.clone(),
        health,
    };
    let (notifier, tasks) = notify::start(parts, &stage.stop()).await?;
    stage.adopt("telling people", tasks);
    Ok(notifier)
}

fn start_ingest(
    config: &Config,
    ground: &Ground,
    broker: &Broker,
    pulse: &Pulse,
    to_stills: mpsc::Sender<Blob>,
    stage: &mut Stage,
) -> anyhow::Result<IngestHandle> {
    let parts = ingest::Parts {
        settings: ingest::Settings {
            access: broker.access.clone(),
            host_id: HostId::new(&config.ingest.host_id).context("ingest.host_id")?,
            message_bytes_max: config.ingest.message_bytes_max,
        },
        clock: ground.clock,
        registry: Arc::clone(&ground.registry),
        profiles: Arc::clone(&ground.profiles),
        series: Arc::clone(&pulse.series),
        stored: ground.start.latest.clone(),
        enrolment: broker.enrolment.clone(),
        takeovers: broker.takeovers.subscribe(),
        outboxes: ground.start.outboxes.clone(),
        acknowledger: pulse.acknowledger.clone(),
        ledger: pulse.ledger.clone(),
        to_pipeline: pulse.to_pipeline.clone(),
        blobs: to_stills,
    };
    let (ingest, hearing) = ingest::start(parts, &stage.stop());
    stage.adopt("ingest", hearing);
    Ok(ingest)
}

fn start_video(
    config: &Config,
    ground: &Ground,
    ingest: &IngestHandle,
    stills: mpsc::Receiver<Blob>,
    stage: &mut Stage,
) -> anyhow::Result<(video::Hub, Snapshots)> {
    let (to_cameras, commands) = mpsc::channel(CAMERA_COMMAND_QUEUE);
    let registry = &ground.registry;
    let video = video::Hub::new(config.video.clone(), ground.clock, Arc::clone(registry), to_cameras.clone());
    stage.run("video", video.clone().run(stage.stop()));
    let snapshots = Snapshots::open(&config.data_dir, ground.clock, Arc::clone(registry), to_cameras)?;
    stage.run("stills", snapshots.clone().run(stills, stage.stop()));
    stage.run("camera commands", command_cameras(commands, ingest.clone(), stage.stop()));
    Ok((video, snapshots))
}

/// Pictures of alarms: of those to come, and of those that an earlier process left without.
fn start_evidence(
    ground: &Ground,
    evidence: &Evidence,
    alarms: EvidenceAlarms,
    live: &Hub,
    snapshots: &Snapshots,
    stage: &mut Stage,
) {
    let registry = ground.registry.load_full();
    evidence.resume(ground.start.open_alarms.iter().filter_map(|open| pipeline::alarm_of(open, &registry)), &registry);
    let parts = EvidenceParts {
        evidence: evidence.clone(),
        alarms,
        registry: Arc::clone(&ground.registry),
        live: live.clone(),
        snapshots: snapshots.clone(),
    };
    stage.run("pictures of alarms", parts.run(stage.stop()));
}

/// Hands to edge nodes what their cameras are to do. A node that cannot be told is asked again while somebody watches.
async fn command_cameras(mut commands: mpsc::Receiver<CameraCommand>, ingest: IngestHandle, stop: CancellationToken) {
    while let Some(Some(command)) = stop.run_until_cancelled(commands.recv()).await {
        let CameraCommand { device, metric, value } = command;
        if let Err(error) = ingest.send_device_command(&device, &metric, value) {
            tracing::info!(device.id = %device, error = &error as &dyn std::error::Error, "a camera cannot be told");
        }
    }
}

fn engine(profiles: &Arc<Profiles>, start: &StartState) -> Engine {
    let mut engine = Engine::new(Arc::clone(profiles), start.next_alarm, start.open_alarms.clone());
    for series in &start.series {
        engine.bind_series(series.id, series.device.clone(), series.metric.clone());
    }
    engine.restore_latest(start.latest.iter().cloned());
    engine.restore_out_of_service(start.out_of_service.iter().cloned());
    engine
}

/// What is true at the start: the newest stored readings and the open alarms.
fn present(start: &StartState, registry: &Arc<Registry>) -> Changes {
    Changes {
        registry: Some(Arc::clone(registry)),
        series: start.series.iter().map(|one| (one.id, one.device.clone(), one.metric.clone())).collect(),
        values: pipeline::values(&start.latest),
        alarms: start.open_alarms.iter().filter_map(|open| pipeline::alarm_of(open, registry)).map(Arc::new).collect(),
        ..Changes::default()
    }
}

/// The one time the first password is shown. On standard output, not in the log: logs are kept.
fn announce_first_admin(password: &str) {
    println!("\nFirst start. Sign in as `{FIRST_ADMIN}` with this password, shown only now:\n\n    {password}\n");
}

/// `/readyz` says whether edge nodes can be heard.
async fn watch_connection(ingest: IngestHandle, health: Health) {
    const PART: &str = "broker";
    let mut connected = ingest.connected();
    loop {
        if *connected.borrow_and_update() {
            health.works(PART);
        } else {
            health.fails(PART, "not connected");
        }
        if connected.changed().await.is_err() {
            return;
        }
    }
}
