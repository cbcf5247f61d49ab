//! What a reading takes on disk, after sealing and after merging.

use std::time::Instant;

use gateway::store::{Store, StoreConfig};

use crate::{
    shelf::{self, Kind, Maker, START},
    station::folder,
    table::{Table, Targets, number, whole},
};

/// Twelve days at one reading a second.
const READINGS: usize = 1 << 20;
/// Readings of a series that is sealed: what the configuration has by default.
const SEALED_AT_ONCE: usize = 900;
const JITTER_MS: i64 = 8;
/// A day later everything that was replaced is gone.
const DAY_MS: i64 = 24 * 3_600_000;

/// Measures series of each kind.
pub(crate) async fn measure(targets: &mut Targets) -> anyhow::Result<()> {
    let title = format!("Bytes of a reading on disk: {} readings, one a second", whole(READINGS as u64));
    let columns = ["", "sealed", "sealed and merged", "of it times", "µs a reading"];
    let mut table = Table::new(title, &columns);
    let kinds = [
        ("temperature in 0.1 °C", Kind::Temperature, 0.6),
        ("pressure with noise of 20 steps", Kind::Pressure, 1.4),
        ("state codes", Kind::State, 0.4),
    ];
    for (name, kind, target) in kinds {
        let steady = bytes(kind, 0).await?;
        let jittered = bytes(kind, JITTER_MS).await?;
        let added = jittered.merged - steady.merged;
        table.row([name.into(), number(steady.sealed), number(steady.merged), String::new(), number(steady.micros)]);
        let jitter = format!("  the same, {JITTER_MS} ms early or late");
        table.row([jitter, number(jittered.sealed), number(jittered.merged), number(added), number(jittered.micros)]);
        targets.at_most(&format!("on disk: {name}"), steady.merged, target, "bytes/reading");
        targets.at_most(&format!("{JITTER_MS} ms of jitter add to {name}"), added, 0.6, "bytes/reading");
    }
    table.note("Growth of the database's used pages: times, statistics, rows and indexes included.");
    table.print();
    Ok(())
}

struct Bytes {
    sealed: f64,
    merged: f64,
    /// Processor and disk time of committing, sealing and merging.
    micros: f64,
}

/// Bytes a reading of one series.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
async fn bytes(kind: Kind, jitter_ms: i64) -> anyhow::Result<Bytes> {
    let folder = folder()?;
    let (store, task) = shelf::open(folder.path(), &StoreConfig::default()).await?;
    shelf::define(&store, 1, 1).await?;
    let before = used_bytes(&store).await?;
    let (mut maker, started) = (Maker::new(1, kind, jitter_ms), Instant::now());
    for _ in 0..READINGS / SEALED_AT_ONCE {
        shelf::commit(&store, maker.take(SEALED_AT_ONCE), START).await?;
        store.seal_due(START).await?;
    }
    let sealed = used_bytes(&store).await?;
    while store.merge_chunks(START).await?.chunks_before > 0 {}
    let spent = started.elapsed();
    store.merge_chunks(START.plus_ms(DAY_MS)).await?;
    let merged = used_bytes(&store).await?;
    drop(store);
    task.finished().await?;
    let readings = (READINGS / SEALED_AT_ONCE * SEALED_AT_ONCE) as f64;
    let each = |used: u64| (used.saturating_sub(before)) as f64 / readings;
    Ok(Bytes { sealed: each(sealed), merged: each(merged), micros: spent.as_secs_f64() * 1e6 / readings })
}

async fn used_bytes(store: &Store) -> anyhow::Result<u64> {
    let usage = store.measure_usage(START).await?;
    Ok(usage.database_bytes - usage.reusable_bytes)
}
