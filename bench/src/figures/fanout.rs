//! Deltas to a crowd: what it costs to tell many people the same.

use std::time::Duration;

use super::limits::Limits;
use crate::{
    crowd,
    load::Shape,
    rig::{Pace, Rig},
    table::{Table, number},
};

const CROWDS: [usize; 2] = [100, 1_000];
const MESSAGES_PER_S: u64 = 100;
const METRICS: usize = 10;

/// Measures with each crowd.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) async fn measure(duration: Duration, limits: Option<&Limits>) -> anyhow::Result<()> {
    let mut table = Table::new(
        format!("Deltas to a crowd that sees the whole district: {MESSAGES_PER_S} messages/s of {METRICS} metrics"),
        &[
            "clients",
            "frames/s",
            "values/s",
            "MB/s",
            "of loopback alone",
            "µs gateway a frame",
            "gateway cores",
            "broker",
            "load",
            "RSS MiB",
        ],
    );
    for people in CROWDS {
        let shape = Shape { nodes: 10, devices_per_node: 10, declared: METRICS, sent: METRICS };
        let rig = Rig::set_up(shape, people).await?;
        let (run, rig) = rig.run(Pace::PerSecond(MESSAGES_PER_S), duration).await?;
        let arrivals = rig.crowd.arrivals().await;
        let frames = run.received.frames as f64 / run.seconds;
        // Everybody gets the same frames, so one person's tell how full they are.
        let one = arrivals.iter().max_by_key(|one| one.len()).map(Vec::as_slice).unwrap_or_default();
        let values_a_frame = crowd::value_count(one) as f64 / one.len().max(1) as f64;
        let bytes_per_s = run.received.bytes as f64 / run.seconds;
        table.row([
            people.to_string(),
            number(frames),
            number(frames * values_a_frame),
            number(bytes_per_s / 1e6),
            limits.map_or("–".to_owned(), |limits| format!("{:.0} %", bytes_per_s / limits.loopback_bytes * 100.0)),
            number(run.cores.gateway / frames * 1e6),
            number(run.cores.gateway),
            number(run.cores.broker),
            number(run.cores.load),
            number(run.resident_mib),
        ]);
    }
    table.print();
    Ok(())
}
