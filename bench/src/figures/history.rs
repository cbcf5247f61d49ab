//! A store with a billion readings: how soon the gateway serves again, and how soon it answers.
//!
//! The readings are made once, in `target/bench-history-<readings>`, and used again.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use domain::{
    id::{DeviceId, MetricName, SeriesId},
    reading::Reading,
    time::UnixMs,
};
use gateway::store::{Store, StoreConfig};
use harness::process::workspace;
use protocol::rest::History;

use crate::{
    shelf::{self, Kind, METRIC, Maker, START},
    station::Station,
    table::{Table, Targets, number, whole},
};

/// Readings of the month's series: the first.
const MONTH: usize = 30 * 24 * 3600;
/// Readings of each of the others.
const EACH: usize = 100_000;
/// Series that are filled in one commit: about as many readings as a journal row may hold.
const SERIES_AT_ONCE: u32 = 10;
/// A question is asked so often; the middle answer counts.
const QUESTIONS: usize = 9;
const DAY_MS: i64 = 24 * 3_600_000;

/// Measures a gateway with so many stored readings.
pub(crate) async fn measure(readings: u64, targets: &mut Targets) -> anyhow::Result<()> {
    let folder = workspace().join(format!("target/bench-history-{readings}"));
    std::fs::create_dir_all(&folder)?;
    make(&folder, readings).await?;

    let title = format!("History of {} stored readings", whole(readings));
    let mut table = Table::new(title, &["", "figure", ""]);
    let started = Instant::now();
    let (store, task) = shelf::open(&folder, &StoreConfig::default()).await?;
    store.load_start().await?;
    table.row(["store opened and state loaded".into(), number(started.elapsed().as_secs_f64()), "s".into()]);
    let usage = store.measure_usage(START).await?;
    table.row(["database".into(), number(mib(usage.database_bytes)), "MiB".into()]);
    let day = day_raw(&store).await?;
    table.row(["one day raw, 86 400 readings".into(), number(millis(day)), "ms".into()]);
    drop(store);
    task.finished().await?;

    let (station, serving) = Station::reopen(&folder).await?;
    table.row(["start of the process to serving".into(), number(serving.as_secs_f64()), "s".into()]);
    let (month, buckets) = month(&station).await?;
    table.row([
        format!("a month of one 1 Hz series in {buckets} buckets, over HTTP"),
        number(millis(month)),
        "ms".into(),
    ]);
    table.print();
    targets.at_most("start-up to serving", serving.as_secs_f64(), 2.0, "s");
    targets.at_most("a month of one 1 Hz series at 1 000 buckets", millis(month), 50.0, "ms");
    targets.at_most("one day raw", millis(day), 20.0, "ms");
    Ok(())
}

/// Makes what is missing of the data set.
async fn make(folder: &Path, readings: u64) -> anyhow::Result<()> {
    let (store, task) = shelf::open(folder, &StoreConfig::default()).await?;
    let made = u32::try_from(store.load_start().await?.series.len())?;
    if made == 0 {
        println!("making the readings, once, in {}", folder.display());
        shelf::define(&store, 1, 1).await?;
        let mut maker = Maker::new(1, Kind::Temperature, 0);
        for _ in 0..MONTH.div_ceil(EACH) {
            shelf::commit(&store, maker.take(EACH), START).await?;
            store.seal_due(START).await?;
        }
    }
    // The others say what one of six says: making each anew would take longer than storing it.
    let patterns: Vec<Vec<Reading>> = [Kind::Temperature, Kind::Pressure, Kind::State]
        .into_iter()
        .flat_map(|kind| [0, 8].map(|jitter_ms| Maker::new(0, kind, jitter_ms).take(EACH)))
        .collect();
    let others = u32::try_from(readings.saturating_sub(MONTH as u64).div_ceil(EACH as u64))?;
    let mut next = made.max(1) + 1;
    while next <= others + 1 {
        let count = SERIES_AT_ONCE.min(others + 2 - next);
        let readings = (next..next + count)
            .flat_map(|series| {
                let pattern = &patterns[series as usize % patterns.len()];
                pattern.iter().map(move |reading| Reading { series: SeriesId(series), ..reading.clone() })
            })
            .collect();
        shelf::define(&store, next, count).await?;
        next += count;
        shelf::commit(&store, readings, START).await?;
        store.seal_due(START).await?;
    }
    store.seal_due(START.plus_ms(DAY_MS)).await?;
    drop(store);
    Ok(task.finished().await?)
}

async fn day_raw(store: &Store) -> anyhow::Result<Duration> {
    let (device, metric) = (DeviceId::new("made-1")?, MetricName::new(METRIC)?);
    let from = START.plus_ms(9 * DAY_MS);
    let mut spent = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let started = Instant::now();
        let readings = store.usable_readings(&device, &metric, from..UnixMs(from.0 + DAY_MS)).await?;
        spent.push(started.elapsed());
        anyhow::ensure!(readings.len() == 86_400, "{} readings in a day", readings.len());
    }
    Ok(middle(spent))
}

async fn month(station: &Station) -> anyhow::Result<(Duration, usize)> {
    let (from, to) = (START.0, START.0 + 30 * DAY_MS);
    let path = format!("/devices/made-1/history?metric={METRIC}&from_ms={from}&to_ms={to}&buckets=1000");
    let (mut spent, mut buckets) = (Vec::with_capacity(QUESTIONS), 0);
    for _ in 0..QUESTIONS {
        let started = Instant::now();
        let history: History = station.person.get(&path).await?;
        spent.push(started.elapsed());
        buckets = history.buckets.len();
    }
    Ok((middle(spent), buckets))
}

fn middle(mut spent: Vec<Duration>) -> Duration {
    spent.sort_unstable();
    spent[spent.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
