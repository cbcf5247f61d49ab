//! `make bench-peers`: the same load, on the same machine, in the same run, through a minimal subscriber into databases
//! that people store readings in. What the gateway does besides storing (rules, alarms, live streams, acknowledgements)
//! the subscriber leaves out.
//!
//! - [`subscriber`]: from MQTT to rows;
//! - [`database`]: what is asked of each database; `postgres`, `lines` (InfluxDB, VictoriaMetrics): how it is done;
//! - [`ours`]: the gateway under the same load.

mod database;
mod lines;
mod ours;
mod postgres;
mod subscriber;

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use self::{
    database::{Database, Kind},
    subscriber::Subscriber,
};
use crate::{
    load::{self, Fleet, Progress, Shape},
    lone_broker::LoneBroker,
    process::Cost,
    station::TOWNSHIP,
    table::{Table, number, whole},
};

/// A hundred devices with ten metrics, which each message tells all of.
pub(super) const SHAPE: Shape = Shape { nodes: 10, devices_per_node: 10, declared: 10, sent: 10 };
/// Readings that the load may be ahead of what is stored; the broker's queue holds 100 000 messages.
pub(super) const WINDOW: u64 = 80_000;
/// Caches warm and files begin.
const WARM_UP: Duration = Duration::from_secs(2);
/// Buckets that a query asks one series for, and how often it asks; the middle answer is told.
pub(super) const BUCKETS: u32 = 1_000;
pub(super) const QUERIES: usize = 21;

/// What came of one contender.
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) readings_per_s: f64,
    pub(super) stored: u64,
    /// On disk, all told, when it has had time to tidy up.
    pub(super) bytes: u64,
    /// One series over everything, in buckets with smallest, largest, mean and count.
    pub(super) query_ms: f64,
    /// Of the database or the gateway.
    pub(super) cores: f64,
    pub(super) promise: &'static str,
}

/// Measures the gateway, then every peer that is installed.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) async fn measure(duration: Duration) -> anyhow::Result<()> {
    let mut outcomes = vec![ours::measure(duration).await?];
    let mut missing = Vec::new();
    for kind in Kind::ALL {
        match Database::start(kind).await? {
            Some(database) => outcomes.push(run(database, duration).await?),
            None => missing.push(kind.package()),
        }
    }
    let mut table = Table::new(
        "The same readings, stored by others: 100 devices of 10 metrics, 10 metrics a message",
        &[
            "",
            "readings/s",
            "stored",
            "bytes a reading",
            "1 000 buckets, ms",
            "cores",
            "what is stored when it says so",
        ],
    );
    for outcome in outcomes {
        table.row([
            outcome.name,
            number(outcome.readings_per_s),
            whole(outcome.stored),
            number(outcome.bytes as f64 / outcome.stored.max(1) as f64),
            number(outcome.query_ms),
            number(outcome.cores),
            outcome.promise.into(),
        ]);
    }
    table.note("Closed loop, never more than 80 000 readings ahead. Peers: a subscriber that decodes and writes rows, nothing else.");
    for package in missing {
        table.note(format!("SKIPPED {package}: not installed (Debian package `{package}`)."));
    }
    table.print();
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
async fn run(mut database: Database, duration: Duration) -> anyhow::Result<Outcome> {
    eprintln!("… {}", database.kind().name());
    let broker = LoneBroker::start().await?;
    let mut subscriber = Subscriber::start(broker.address)?;
    let fleet = Fleet::connect(load::encode(SHAPE, TOWNSHIP)?, broker.address, &broker.credentials(SHAPE), SHAPE.sent)?;
    let progress = Arc::new(Progress::default());
    let sender = fleet.send_closed(WINDOW, Arc::clone(&progress));
    let (begun, mut measured) = (Instant::now(), None);
    let (mut stored, mut stored_before) = (0_u64, 0_u64);
    while begun.elapsed() < WARM_UP + duration {
        if measured.is_none() && begun.elapsed() >= WARM_UP {
            measured = Some((Instant::now(), Cost::of(&[database.process()])?));
            stored_before = stored;
        }
        let rows = subscriber.next().await?;
        database.write(subscriber.names(), &rows).await?;
        stored += rows.len() as u64;
        progress.committed.store(stored, Ordering::Relaxed);
    }
    let (started, cost) = measured.expect("measuring begins before it ends");
    let seconds = started.elapsed().as_secs_f64();
    let cores = cost.seconds()? / seconds;
    progress.is_over.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || sender.join()).await?.map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    database.tidy_up().await?;
    let series = subscriber.names().first().cloned().unwrap_or_default();
    Ok(Outcome {
        name: database.kind().name().into(),
        readings_per_s: (stored - stored_before) as f64 / seconds,
        stored,
        bytes: database.bytes().await?,
        query_ms: middle_ms(&mut database, &series).await?,
        cores,
        promise: database.kind().promise(),
    })
}

async fn middle_ms(database: &mut Database, series: &str) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(QUERIES);
    for _ in 0..QUERIES {
        let started = Instant::now();
        let buckets = database.buckets(series, BUCKETS).await?;
        anyhow::ensure!(buckets > 0, "{} finds nothing of {series}", database.kind().name());
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(middle(times))
}

/// The middle one.
pub(super) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
