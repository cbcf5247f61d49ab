//! The only place that knows every part: it builds them in the order in which they need each other, starts them, and
//! stops them in the opposite order, so that nothing is asked of a part that has gone.

use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use domain::{engine::Engine, id::SeriesId, profile::Profiles, registry::Registry};
use protocol::{rest::Point, sparkplug::topic::HostId};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, About, AppState},
    broker::Broker,
    clock::Clock,
    config::Config,
    control::{Executor, socket},
    identity::{FIRST_ADMIN, Identity, node::NodeCredentials},
    ingest::{self, IngestHandle, SeriesIndex},
    live::{Hub, present::Changes},
    ops::{health::Health, metrics},
    pipeline,
    registry::{Registrar, assemble},
    stage::Stage,
    store::{StartState, Store},
};

/// Files (stills) that may wait for their writer. Each is at most a message long.
const BLOB_QUEUE: usize = 64;

/// Runs a gateway until `stop`.
///
/// # Errors
/// What kept it from starting, or which part failed. A failed part ends the whole: a start reads the truth from disk.
pub async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let clock = Clock::start();
    let district = config.read_district()?;
    config.make_data_dir()?;
    // A clash of addresses is to be known before anything else starts.
    let http_listener = api::server::bind(&config.http)?;
    let metrics_address = config.metrics.listen;
    let metrics_listener =
        TcpListener::bind(metrics_address).await.with_context(|| format!("cannot listen on {metrics_address}"))?;
    let control_listener = socket::listen(&config.data_dir)?;
    let figures = metrics::install()?;

    let (store, store_task) = Store::open(&config.store, &config.data_dir).await?;
    store.set_offices(&district.offices.office);
    let mut start = store.load_start().await?;
    let registry = assemble(&district, std::mem::take(&mut start.registry))?;
    let registry = Arc::new(ArcSwap::from_pointee(registry));
    let about = About { is_demo: config.is_demo, offices_are_sample: district.offices.is_sample };
    let profiles = Arc::new(district.profiles);
    let registrar = Registrar::new(store.clone(), clock, Arc::clone(&profiles), Arc::clone(&registry));
    let identity = Identity::new(store.clone(), clock, config.identity.clone())?;
    if let Some(password) = identity.first_start().await? {
        announce_first_admin(&password);
    }

    let mut base = Stage::new("broker and sealing");
    let mut heart = Stage::new("pipeline and live");
    let mut front = Stage::new("listeners");

    let broker = Broker::start(&config.broker, &config.mqtt, &config.data_dir, base.stop()).await?;
    let sealing = (store.clone(), base.stop());
    base.run("sealing", async move { sealing.0.run_sealing(|| clock.now().wall, sealing.1).await });

    let series = Arc::new(SeriesIndex::new(start.series.clone()));
    let live =
        Hub::new(config.live.clone(), clock, rand::random::<u64>() >> 12, present(&start, &registry.load_full()));
    heart.run("live", live.clone().run(heart.stop()));
    let (to_pipeline, from_ingest) = mpsc::channel(config.pipeline.queue_messages);
    let (pipeline, requests) = pipeline::Handle::new();
    let parts = pipeline::Parts {
        config: config.pipeline.clone(),
        clock,
        engine: engine(&profiles, &start),
        registry: registrar.changes(),
        store: store.clone(),
        live: live.clone(),
        series: Arc::clone(&series),
        stored_series: start.series.last().map_or(SeriesId(0), |last| last.id),
        from_ingest,
        requests,
    };
    heart.run_fallible("pipeline", pipeline::run(parts, heart.stop()));

    let health = Health::default();
    let (to_stills, _stills) = mpsc::channel(BLOB_QUEUE);
    let settings = ingest::Settings {
        access: broker.access.clone(),
        host_id: HostId::new(&config.ingest.host_id).context("ingest.host_id")?,
        message_bytes_max: config.ingest.message_bytes_max,
    };
    let parts = ingest::Parts {
        settings,
        clock,
        registry: Arc::clone(&registry),
        profiles: Arc::clone(&profiles),
        series,
        stored: start.latest,
        takeovers: broker.takeovers.subscribe(),
        to_pipeline,
        blobs: to_stills,
    };
    let (ingest, hearing) = ingest::start(parts, &front.stop());
    front.adopt("ingest", hearing);
    front.run("broker health", watch_connection(ingest.clone(), health.clone()));

    let nodes = NodeCredentials::new(broker.enrolment.clone(), registrar.clone(), store.clone(), clock);
    let executor = Executor {
        store: store.clone(),
        identity: identity.clone(),
        registrar: registrar.clone(),
        nodes: nodes.clone(),
    };
    front.run("control socket", socket::serve(control_listener, executor, front.stop()));
    front.run_fallible("metrics", metrics::serve(metrics_listener, figures, front.stop()));
    let state = AppState {
        clock,
        http: Arc::new(config.http.clone()),
        about,
        store,
        identity,
        registrar,
        profiles,
        pipeline,
        live,
        health,
        stop: front.stop(),
    };
    let address = http_listener.local_addr().context("the listener has no address")?;
    let tls = config.http.tls.clone();
    tracing::info!(%address, is_secure = config.http.is_secure(), "serving");
    front.run_fallible("http", api::server::serve(http_listener, tls, api::router(state), front.stop()));

    let failure = tokio::select! {
        () = stop.cancelled() => None,
        failure = front.ended() => Some(failure),
        failure = heart.ended() => Some(failure),
        failure = base.ended() => Some(failure),
    };
    tracing::info!("stopping");
    front.finish().await;
    heart.finish().await;
    base.finish().await;
    broker.stopped().await;
    store_task.finished().await.context("the store's task")?;
    tracing::info!("stopped");
    failure.map_or(Ok(()), Err)
}

fn engine(profiles: &Arc<Profiles>, start: &StartState) -> Engine {
    let mut engine = Engine::new(Arc::clone(profiles), start.next_alarm, start.open_alarms.clone());
    for series in &start.series {
        engine.bind_series(series.id, series.device.clone(), series.metric.clone());
    }
    engine
}

/// What is true at the start: the newest stored readings and the open alarms.
fn present(start: &StartState, registry: &Arc<Registry>) -> Changes {
    let values = start.latest.iter().map(|reading| {
        let point = Point { at_ms: reading.event_time.0, value: reading.value.clone(), quality: reading.quality };
        (reading.series, point)
    });
    Changes {
        registry: Some(Arc::clone(registry)),
        series: start.series.iter().map(|one| (one.id, one.device.clone(), one.metric.clone())).collect(),
        values: values.collect(),
        alarms: start.open_alarms.iter().filter_map(|open| pipeline::alarm_of(open, registry)).collect(),
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
