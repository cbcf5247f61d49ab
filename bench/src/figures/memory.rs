//! Resident memory of the gateway, idle and under the load it is built for.

use std::time::Duration;

use crate::{
    load::Shape,
    process::resident_mib,
    rig::{Pace, Rig},
    station::{Station, registry_head},
    table::{Table, Targets, number, whole},
};

/// 10 000 devices.
const SHAPE: Shape = Shape { nodes: 1_000, devices_per_node: 10, declared: 5, sent: 5 };
/// Each device speaks every ten seconds.
const MESSAGES_PER_S: u64 = 1_000;
const TARGET_MIB: f64 = 150.0;
/// An hour of that load, after which tails are sealed: the most that memory ever holds open.
const HOUR_OF_READINGS: u64 = 3_600 * MESSAGES_PER_S * 5;
/// Readings sent as fast as they are taken, to see what they cost in memory.
const WINDOW: u64 = 30_000;

/// Measures the gateway.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) async fn measure(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new("Resident memory of the gateway, without its broker", &["", "readings held", "MiB"]);
    let idle = Station::start(&registry_head()).await?;
    table.row(["idle, nothing registered".into(), "0".into(), number(resident_mib(idle.gateway())?)]);
    drop(idle);

    let rig = Rig::set_up(SHAPE, 1).await?;
    let (run, rig) = rig.run(Pace::PerSecond(MESSAGES_PER_S), duration).await?;
    let first = rig.station.page.read().await?.committed;
    targets.at_most("gateway with 10 000 devices × 5 metrics every 10 s", run.resident_mib, TARGET_MIB, "MiB");
    table.row(["10 000 devices × 5 metrics every 10 s, first rounds".into(), whole(first), number(run.resident_mib)]);

    // More of the same readings, faster: what is held in memory is the same as later at the slow pace. The speed itself fills
    // queues and buffers, once; only what a second such run adds is the readings'.
    let mut held = [(0, 0.0); 2];
    let mut rig = rig;
    for held in &mut held {
        let (fast, same) = rig.run(Pace::Closed { window: WINDOW }, duration).await?;
        rig = same;
        *held = (rig.station.page.read().await?.committed, fast.resident_mib);
        table.row(["the same, later hours played fast".into(), whole(held.0), number(held.1)]);
    }
    let [before, after] = held;
    let each = (after.1 - before.1).max(0.0) / (after.0 - before.0).max(1) as f64;
    let hour = run.resident_mib + each * HOUR_OF_READINGS.saturating_sub(first) as f64;
    targets.at_most("the same after an hour (reckoned)", hour, TARGET_MIB, "MiB");
    table.row(["after an hour, when tails are sealed (reckoned)".into(), whole(HOUR_OF_READINGS), number(hour)]);
    table.note(format!("One reading more takes {:.1} bytes.", each * 1024.0 * 1024.0));
    table.print();
    Ok(())
}
