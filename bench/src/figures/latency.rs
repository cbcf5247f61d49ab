//! From the moment a sensor's message is published to its arrival in a browser's WebSocket.

use std::time::Duration;

use crate::{
    crowd,
    load::Shape,
    rig::{Pace, Rig},
    table::{Table, Targets, number, whole},
};

/// What 99 of 100 values are to stay below with 10 000 messages a second, in milliseconds.
const TARGET_MS: f64 = 100.0;
const CLIENTS: usize = 10;
const DEVICES_PER_NODE: usize = 10;
/// Metrics that a device declares, whatever it sends of them.
const DECLARED: usize = 10;
/// Messages a second, and for each the number of nodes: every device speaks once a second.
const LOADS: [(u64, usize); 2] = [(1_000, 100), (10_000, 1_000)];

/// Measures at each load.
pub(crate) async fn measure(metrics: usize, duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!("Sensor → WebSocket: {metrics} metric(s) a message, {CLIENTS} live clients of the whole district"),
        &[
            "messages/s",
            "reached",
            "p50 ms",
            "p99 ms",
            "max ms",
            "values heard",
            "of those sent",
            "shed",
            "gaps",
            "gateway cores",
            "broker",
            "load",
        ],
    );
    for (rate, nodes) in LOADS {
        let shape = Shape { nodes, devices_per_node: DEVICES_PER_NODE, declared: metrics.max(DECLARED), sent: metrics };
        let rig = Rig::set_up(shape, CLIENTS).await?;
        let (run, rig) = rig.run(Pace::PerSecond(rate), duration).await?;
        let arrivals = rig.crowd.arrivals().await;
        let mut ages = Vec::new();
        for person in &arrivals {
            ages.extend(crowd::ages(person)?);
        }
        ages.sort_unstable_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let (messages, heard) = (
            run.figures.committed as f64 / run.seconds / metrics as f64,
            ages.len() as f64 / CLIENTS as f64 / run.figures.committed.max(1) as f64,
        );
        let p99 = percentile(&ages, 99.0);
        if rate == 10_000 {
            targets.at_most("sensor → WebSocket, p99 at 10 000 messages/s", p99, TARGET_MS, "ms");
        }
        table.row([
            whole(rate),
            number(messages),
            number(percentile(&ages, 50.0)),
            number(p99),
            number(ages.last().copied().unwrap_or(f64::NAN)),
            whole(ages.len() as u64),
            format!("{:.0} %", heard * 100.0),
            whole(run.shed),
            whole(run.gaps),
            number(run.cores.gateway),
            number(run.cores.broker),
            number(run.cores.load),
        ]);
    }
    table.note("Open loop; stamped by the sender when it writes, on the same clock as the arrival; resolution 1 ms.");
    table.note("A value that a newer one overtakes within a delta is not sent: below 100 % heard is coalescing.");
    table.print();
    Ok(())
}

/// The value that so many percent do not exceed.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = (sorted.len() as f64 * percent / 100.0) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
