//! Readings a second: MQTT → committed → published to live, rules on.

use std::time::Duration;

use super::limits::Limits;
use crate::{
    load::Shape,
    process::resident_mib,
    rig::{Pace, Rig, Run},
    table::{Table, Targets, number, whole},
};

/// Readings a second that one gateway is to take, by metrics of a message: many small messages cost more.
const TARGETS: [(usize, f64); 3] = [(1, 40_000.0), (10, 400_000.0), (50, 1_000_000.0)];
/// Readings that the load may be ahead of the disk.
const WINDOW: u64 = 80_000;
const DEVICES_PER_NODE: usize = 10;

/// Measures with each number of nodes and metrics of a message.
pub(crate) async fn measure(
    loads: &[(usize, usize)],
    duration: Duration,
    limits: Option<&Limits>,
    targets: &mut Targets,
) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!(
            "Readings MQTT → committed → live: nodes with an outbox, {DEVICES_PER_NODE} devices each, rules on, one live client"
        ),
        &[
            "nodes",
            "metrics",
            "readings/s",
            "messages/s",
            "of broker alone",
            "of SQLite alone",
            "batch",
            "commit ms",
            "shed",
            "gaps",
            "lost",
            "gateway cores",
            "broker",
            "load",
            "RSS MiB",
        ],
    );
    for &(count, metrics) in loads {
        let shape = Shape { nodes: count, devices_per_node: DEVICES_PER_NODE, declared: metrics, sent: metrics };
        let rig = Rig::set_up(shape, 1).await?;
        let (run, rig) = rig.run(Pace::Closed { window: WINDOW }, duration).await?;
        drop(rig);
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let per_second = run.figures.committed as f64 / run.seconds;
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let messages = per_second / metrics as f64;
        if let Some((_, target)) = TARGETS.into_iter().find(|&(of, _)| of == metrics) {
            let name = format!("readings/s with {count} nodes, {metrics} metric(s) a message");
            targets.at_least(&name, per_second, target, "readings/s");
        }
        let part = |limit: Option<f64>, of: f64| {
            limit.map_or("–".to_owned(), |limit| format!("{:.0} %", of / limit * 100.0))
        };
        table.row([
            count.to_string(),
            metrics.to_string(),
            number(per_second),
            number(messages),
            part(limits.map(|limits| limits.broker_messages), messages),
            part(limits.map(|limits| limits.sqlite_readings), per_second),
            whole(run.figures.batch()),
            number(commit_ms(&run)),
            whole(run.shed),
            whole(run.gaps),
            whole(run.lost),
            number(run.cores.gateway),
            number(run.cores.broker),
            number(run.cores.load),
            number(run.resident_mib),
        ]);
    }
    table.note("Closed loop: never more than 80 000 readings ahead of the commits, of the 100 000 that the gateway has room for, so nothing is dropped on the way.");
    table.print();
    Ok(())
}

/// The same with a load that does not wait: what is too much is dropped on the way or shed, and real nodes would send it again.
pub(crate) async fn overload(loads: &[(usize, usize)], messages_per_s: u64, duration: Duration) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!("Asked for {messages_per_s} messages/s, whatever becomes of them"),
        &[
            "nodes",
            "metrics",
            "sent/s",
            "committed/s",
            "shed by the gateway",
            "lost before it",
            "gateway cores",
            "broker",
            "load",
            "gateway MiB",
            "broker MiB",
        ],
    );
    for &(count, metrics) in loads {
        let shape = Shape { nodes: count, devices_per_node: DEVICES_PER_NODE, declared: metrics, sent: metrics };
        let rig = Rig::set_up(shape, 1).await?;
        let (run, rig) = rig.run(Pace::PerSecond(messages_per_s), duration).await?;
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let per_second = |readings: u64| readings as f64 / run.seconds;
        table.row([
            count.to_string(),
            metrics.to_string(),
            number(per_second(run.sent)),
            number(per_second(run.figures.committed)),
            whole(run.shed),
            whole(run.lost.saturating_sub(run.shed)),
            number(run.cores.gateway),
            number(run.cores.broker),
            number(run.cores.load),
            number(run.resident_mib),
            number(resident_mib(rig.station.broker())?),
        ]);
    }
    table.note("Readings, but for the pace. Shed and lost are of the whole load, warming up included.");
    table.print();
    Ok(())
}

/// What a transaction takes, on average, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn commit_ms(run: &Run) -> f64 {
    run.figures.commit_s * 1000.0 / run.figures.commits.max(1) as f64
}
