//! A gateway under load: set up, let run, measured from the outside.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use protocol::rest::NodeCredential;

use crate::{
    crowd::{Crowd, Received},
    figures_page::Figures,
    load::{self, Fleet, Progress, Shape},
    process::{Cost, resident_mib},
    station::{Station, TOWNSHIP},
};

/// The load runs so long before it is measured: queues fill, caches warm.
const WARM_UP: Duration = Duration::from_secs(2);
/// The least time between two looks at the gateway's page, for the closed loop.
const LOOK: Duration = Duration::from_millis(10);
/// Between them is so many times as long as a look takes, because with hundreds of nodes the page is long, and making it is
/// not what is measured;
const LOOK_PAUSE: u32 = 20;
/// but no longer than this, in which a million readings/s are half of what the fleet may be ahead.
const LOOK_MOST: Duration = Duration::from_millis(40);
/// Nobody waits longer for births, or for the last readings, than this.
const SETTLE_LIMIT: Duration = Duration::from_mins(1);
/// Nothing new for so long: all is committed.
const QUIET: Duration = Duration::from_millis(600);

/// How fast a fleet speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As the gateway commits, at most so many readings ahead. The gateway has room for 100 000; whoever stays
    /// below that can neither make the broker nor the gateway drop anything, which would fake the figure.
    Closed { window: u64 },
    /// So many messages a second.
    PerSecond(u64),
}

/// Gateway, broker, nodes and people.
pub(crate) struct Rig {
    pub(crate) station: Station,
    pub(crate) crowd: Crowd,
    fleet: Fleet,
}

/// Processor seconds a second of measuring: 1.0 is one core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) gateway: f64,
    pub(crate) broker: f64,
    pub(crate) load: f64,
}

/// What came of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// How long it was measured.
    pub(crate) seconds: f64,
    /// What the gateway did meanwhile.
    pub(crate) figures: Figures,
    pub(crate) cores: Cores,
    /// What all people received meanwhile.
    pub(crate) received: Received,
    /// Readings that were sent while it was measured.
    pub(crate) sent: u64,
    /// Readings sent from the start of the load to its end and never committed.
    pub(crate) lost: u64,
    /// From the start of the load to its end.
    pub(crate) shed: u64,
    pub(crate) gaps: u64,
    /// The gateway's resident memory at the end, in MiB.
    pub(crate) resident_mib: f64,
}

impl Rig {
    /// Starts everything and waits until all births are committed.
    pub(crate) async fn set_up(shape: Shape, people: usize) -> anyhow::Result<Self> {
        Self::with_settings(shape, people, "").await
    }

    /// The same with further keys of gateway.toml.
    pub(crate) async fn with_settings(shape: Shape, people: usize, settings: &str) -> anyhow::Result<Self> {
        let (station, credentials) = Station::with_nodes(shape, settings).await?;
        Self::set_up_on(station, credentials, shape, people).await
    }

    /// The same on a gateway that knows the nodes.
    pub(crate) async fn set_up_on(
        station: Station,
        credentials: Vec<NodeCredential>,
        shape: Shape,
        people: usize,
    ) -> anyhow::Result<Self> {
        eprintln!("… {} nodes with {} devices, {people} people", shape.nodes, shape.device_count());
        let mqtt = station.mqtt;
        let fleet = tokio::task::spawn_blocking(move || {
            let scripts = load::encode(shape, TOWNSHIP)?;
            Fleet::connect(scripts, mqtt, &credentials, shape.sent)
        })
        .await??;
        let born = (shape.device_count() * shape.declared) as u64;
        until_committed(&station, born).await.context("births")?;
        let crowd = Crowd::open(&station.person, people).await?;
        Ok(Self { station, crowd, fleet })
    }

    /// Sends at a pace, and measures for so long after warming up.
    pub(crate) async fn run(self, pace: Pace, measured: Duration) -> anyhow::Result<(Run, Self)> {
        let Self { station, crowd, fleet } = self;
        let before = station.page.read().await?;
        let progress = Arc::new(Progress::default());
        let sender = match pace {
            Pace::Closed { window } => fleet.send_closed(window, Arc::clone(&progress)),
            Pace::PerSecond(messages) => fleet.send_paced(messages, Arc::clone(&progress)),
        };
        watch(&station, &before, &progress, WARM_UP).await?;

        let (started, at_start, received) = (Instant::now(), station.page.read().await?, crowd.received());
        let sent_before = progress.sent.load(Ordering::Relaxed);
        // When things arrive is a question of a run at a pace; at full speed people would hear gigabytes.
        if matches!(pace, Pace::PerSecond(_)) {
            crowd.keep();
        }
        let costs = [station.gateway(), station.broker(), std::process::id()].map(|id| Cost::of(&[id]));
        watch(&station, &before, &progress, measured).await?;
        let (seconds, figures) = (started.elapsed().as_secs_f64(), station.page.read().await?.since(&at_start));
        let [gateway, broker, load] = costs;
        let cores = Cores {
            gateway: gateway?.seconds()? / seconds,
            broker: broker?.seconds()? / seconds,
            load: load?.seconds()? / seconds,
        };
        let received = crowd.received().since(received);
        let sent_meanwhile = progress.sent.load(Ordering::Relaxed) - sent_before;

        progress.is_over.store(true, Ordering::Relaxed);
        let fleet = tokio::task::spawn_blocking(move || {
            sender.join().map_err(|_| anyhow::anyhow!("the sending thread panicked"))?
        })
        .await??;
        let sent = progress.sent.load(Ordering::Relaxed);
        let all = before.committed + sent;
        let after = until_committed(&station, all).await?;
        let whole = after.since(&before);
        let run = Run {
            seconds,
            figures,
            cores,
            received,
            sent: sent_meanwhile,
            lost: all.saturating_sub(after.committed),
            shed: whole.shed,
            gaps: whole.gaps,
            resident_mib: resident_mib(station.gateway())?,
        };
        Ok((run, Self { station, crowd, fleet }))
    }
}

/// Tells the sender how far the gateway is, for so long.
async fn watch(station: &Station, before: &Figures, progress: &Progress, duration: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < duration {
        let asked = Instant::now();
        let figures = station.page.read().await?;
        progress.committed.store(figures.committed - before.committed, Ordering::Relaxed);
        tokio::time::sleep((asked.elapsed() * LOOK_PAUSE).clamp(LOOK, LOOK_MOST)).await;
    }
    Ok(())
}

/// Waits until so many readings are committed in all, or nothing comes any more.
async fn until_committed(station: &Station, readings: u64) -> anyhow::Result<Figures> {
    let (started, mut figures, mut changed) = (Instant::now(), station.page.read().await?, Instant::now());
    while started.elapsed() < SETTLE_LIMIT {
        tokio::time::sleep(LOOK).await;
        let now = station.page.read().await?;
        if now.committed != figures.committed {
            (figures, changed) = (now, Instant::now());
        }
        // What the gateway notes about the nodes counts too, so more may be there than was sent.
        let is_quiet = changed.elapsed() > QUIET;
        if is_quiet && (figures.committed >= readings || changed.elapsed() > QUIET * 8) {
            break;
        }
    }
    Ok(figures)
}
