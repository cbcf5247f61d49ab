//! From the moment a sensor's message is published to its arrival in a browser's WebSocket.

use std::time::Duration;

use crate::{
    crowd,
    load::Shape,
    rig::{Pace, Rig},
    table::{Table, Targets, number, whole},
};

const CLIENTS: usize = 10;
const DEVICES_PER_NODE: usize = 10;
/// Metrics that a device declares, whatever it sends of them.
const DECLARED: usize = 10;

struct Load {
    messages_per_s: u64,
    /// Every device speaks once a second.
    nodes: usize,
    /// Of a message. An edge sends what has changed: of a device, mostly one metric at a time.
    metrics: usize,
    /// What 99 of 100 values are to stay below, in milliseconds.
    target_ms: Option<f64>,
}

const LOADS: [Load; 3] = [
    Load { messages_per_s: 1_000, nodes: 100, metrics: 1, target_ms: None },
    Load { messages_per_s: 10_000, nodes: 1_000, metrics: 1, target_ms: Some(30.0) },
    Load { messages_per_s: 10_000, nodes: 1_000, metrics: 10, target_ms: Some(150.0) },
];

/// Measures at each load.
pub(crate) async fn measure(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!("Sensor → WebSocket: {CLIENTS} live clients of the whole district"),
        &[
            "messages/s",
            "metrics",
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
    for Load { messages_per_s, nodes, metrics, target_ms } in LOADS {
        let shape = Shape { nodes, devices_per_node: DEVICES_PER_NODE, declared: DECLARED, sent: metrics };
        let rig = Rig::set_up(shape, CLIENTS).await?;
        let (run, rig) = rig.run(Pace::PerSecond(messages_per_s), duration).await?;
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
        if let Some(target) = target_ms {
            let readings = whole(messages_per_s * metrics as u64);
            targets.at_most(&format!("sensor → WebSocket, p99 at {readings} readings/s"), p99, target, "ms");
        }
        table.row([
            whole(messages_per_s),
            metrics.to_string(),
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
