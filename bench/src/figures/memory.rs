//! Resident memory of the gateway, idle and under the load it is built for.

use std::time::Duration;

use gateway::store::StoreConfig;

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
/// Readings sent as fast as they are taken, until as many are held as there are between two sealings of a tail.
const WINDOW: u64 = 30_000;
const FAST_FOR: Duration = Duration::from_secs(5);

/// Measures the gateway.
pub(crate) async fn measure(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new("Resident memory of the gateway, without its broker", &["", "readings held", "MiB"]);
    let idle = Station::start(&registry_head()).await?;
    table.row(["idle, nothing registered".into(), "0".into(), number(resident_mib(idle.gateway())?)]);
    drop(idle);

    let rig = Rig::set_up(SHAPE, 1).await?;
    let slow = Pace::PerSecond(MESSAGES_PER_S);
    let (first, mut rig) = rig.run(slow, duration).await?;
    let mut held = rig.station.page.read().await?.committed;
    table.row(["10 000 devices × 5 metrics every 10 s, first rounds".into(), whole(held), number(first.resident_mib)]);

    let held_at_most = StoreConfig::default().seal_age_s * MESSAGES_PER_S * SHAPE.sent as u64;
    while held < held_at_most {
        (_, rig) = rig.run(Pace::Closed { window: WINDOW }, FAST_FOR).await?;
        held = rig.station.page.read().await?.committed;
    }
    let (later, rig) = rig.run(slow, duration).await?;
    held = rig.station.page.read().await?.committed;
    table.row(["the same after 15 min, when tails are sealed".into(), whole(held), number(later.resident_mib)]);
    table.note("The quarter of an hour between is played as fast as the gateway takes it.");
    table.print();
    let what = "gateway with 10 000 devices × 5 metrics every 10 s";
    targets.at_most(what, first.resident_mib, TARGET_MIB, "MiB");
    targets.at_most(&format!("{what}, after 15 min"), later.resident_mib, TARGET_MIB, "MiB");
    Ok(())
}
