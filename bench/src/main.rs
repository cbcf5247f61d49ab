//! `make bench`: how fast Brightwatch is on this machine, each figure beside what its parts can do alone.
//!
//! The real programs run as processes of their own and are measured from the outside. Nothing here is asserted: figures
//! are for people to read, with the targets beside them. What limits each is told in `docs/performance.md`.
//!
//! - [`load`]: edge nodes whose messages are encoded before the clock starts; [`crowd`]: people with the live stream;
//! - [`station`]: a fresh gateway; [`rig`]: gateway, load and crowd together, run and measured;
//! - [`lone_broker`]: a broker without a gateway; [`peers`]: other databases under the same load;
//! - [`shelf`]: a store alone, filled with made readings;
//! - [`process`], [`figures_page`]: what processes cost, what the gateway says of itself;
//! - [`figures`]: one file a figure; [`table`]: what is printed.

mod crowd;
mod figures;
mod figures_page;
mod load;
mod lone_broker;
mod peers;
mod process;
mod rig;
mod shelf;
mod station;
mod table;

use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::{
    figures::{
        agent, alarms, fanout, history, latency, limits, limits::Limits, memory, nab, picture, rules, soak, storage,
        throughput,
    },
    table::Targets,
};

/// The gateway's, whose store is measured here.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures Brightwatch on this machine: all figures, or the one that is named.
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    figure: Option<Figure>,
    /// How long each figure is measured, in seconds, after warming up.
    #[arg(long, global = true, default_value_t = 8)]
    seconds: u64,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// What broker, database, memory and loopback can do alone.
    Limits,
    /// The rule engine alone: a reading, a back-test, what is kept in mind.
    Rules,
    /// Readings a second: MQTT → committed → live.
    Throughput {
        /// Numbers of edge nodes.
        #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1_000])]
        nodes: Vec<usize>,
        /// Metrics a message, at most 50.
        #[arg(long, value_delimiter = ',', default_values_t = [METRICS])]
        metrics: Vec<usize>,
        /// So many messages a second, whatever the gateway makes of them; not as many as it takes.
        #[arg(long)]
        pace: Option<u64>,
    },
    /// Sensor → WebSocket.
    Latency,
    /// How soon alarms are told, a flood of them, and a hundred thousand open ones.
    Alarms,
    /// The anomaly detector on the Numenta Anomaly Benchmark, where its data are (`NAB_DIR`, `BRIGHTWATCH_DATA`).
    Nab,
    /// Deltas to a crowd.
    Fanout,
    /// First picture and relayed streams.
    Picture,
    /// Resident memory of the gateway.
    Memory,
    /// Bytes that a reading takes on disk.
    Storage,
    /// Start-up and answers of a gateway with many stored readings, which are made once.
    History {
        /// How many.
        #[arg(long, default_value_t = STORED_READINGS)]
        readings: u64,
    },
    /// Whether that memory grows under full load: `--seconds 600` is worth more than the default.
    Soak,
    /// Processor and memory of an edge agent without a camera.
    Agent,
    /// The same readings into PostgreSQL, InfluxDB and VictoriaMetrics; not part of the run of all figures.
    Peers,
}

/// Nodes and metrics a message of the runs that make the table.
const LOADS: [(usize, usize); 5] = [(10, 10), (100, 10), (1_000, 10), (100, 50), (100, 1)];
const METRICS: usize = 10;
/// The shortest time in which a slope of memory says anything.
const SOAK: Duration = Duration::from_mins(1);

/// What a district of a thousand devices sends in some months.
const STORED_READINGS: u64 = 1_000_000_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    process::allow_open_files();
    // Fails when it was installed already, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut targets = Targets::default();
    let done = measure(&arguments, &mut targets).await;
    targets.print();
    done
}

async fn measure(arguments: &Arguments, targets: &mut Targets) -> anyhow::Result<()> {
    let duration = Duration::from_secs(arguments.seconds.max(1));
    match &arguments.figure {
        None => everything(duration, targets).await,
        Some(Figure::Limits) => limits::measure(METRICS, duration).await.map(drop),
        Some(Figure::Throughput { nodes, metrics, pace }) => {
            let loads: Vec<_> =
                nodes.iter().flat_map(|&nodes| metrics.iter().map(move |&metrics| (nodes, metrics))).collect();
            match pace {
                None => throughput::measure(&loads, duration, None, targets).await,
                Some(messages_per_s) => throughput::overload(&loads, *messages_per_s, duration).await,
            }
        }
        Some(Figure::Rules) => rules::measure(targets),
        Some(Figure::Latency) => latency::measure(duration, targets).await,
        Some(Figure::Alarms) => alarms::measure(targets).await,
        Some(Figure::Nab) => nab::measure(),
        Some(Figure::Fanout) => fanout::measure(duration, None).await,
        Some(Figure::Picture) => picture::measure(duration, targets).await,
        Some(Figure::Memory) => memory::measure(duration, targets).await,
        Some(Figure::Storage) => storage::measure(targets).await,
        Some(Figure::History { readings }) => history::measure(*readings, targets).await,
        Some(Figure::Soak) => soak::measure(duration, targets).await,
        Some(Figure::Peers) => peers::measure(duration).await,
        Some(Figure::Agent) => agent::measure(duration, targets).await,
    }
}

async fn everything(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let limits: Limits = limits::measure(METRICS, duration / 2).await?;
    rules::measure(targets)?;
    throughput::measure(&LOADS, duration, Some(&limits), targets).await?;
    latency::measure(duration, targets).await?;
    alarms::measure(targets).await?;
    nab::measure()?;
    fanout::measure(duration, Some(&limits)).await?;
    picture::measure(duration, targets).await?;
    agent::measure(duration, targets).await?;
    memory::measure(duration, targets).await?;
    soak::measure(SOAK.max(duration), targets).await?;
    storage::measure(targets).await?;
    history::measure(STORED_READINGS, targets).await
}
