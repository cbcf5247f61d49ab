//! Whether the gateway's memory grows while it takes all that it can.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::{
    load::Shape,
    process::resident_mib,
    rig::{Pace, Rig},
    table::{Table, Targets, number, whole},
};

/// 100 000 series.
const SHAPE: Shape = Shape { nodes: 1_000, devices_per_node: 10, declared: 10, sent: 10 };
const WINDOW: u64 = 80_000;
const LOOK: Duration = Duration::from_secs(1);
const TARGET_MIB: f64 = 400.0;
/// Growth in ten minutes.
const TARGET_SLOPE_MIB: f64 = 1.0;
const SLOPE_OVER_S: f64 = 600.0;

/// Seconds since the start, and MiB then.
type Look = (f64, f64);

/// Measures for so long.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) async fn measure(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let rig = Rig::set_up(SHAPE, 1).await?;
    let looking = look(rig.station.gateway(), duration);
    let (run, rig) = rig.run(Pace::Closed { window: WINDOW }, duration).await?;
    let looks = looking.await?;
    drop(rig);
    // The first half fills queues, caches and tails.
    let later = &looks[looks.len() / 2..];
    let most = looks.iter().map(|look| look.1).fold(0.0, f64::max);
    let line = line(later);
    let (slope, error) = (line.slope * SLOPE_OVER_S, line.error * SLOPE_OVER_S);

    let title = format!("Memory under full load: 100 000 series, {} s", duration.as_secs());
    let mut table =
        Table::new(title, &["readings/s", "readings", "RSS MiB, most", "at the end", "slope, MiB in 10 min"]);
    table.row([
        number(run.figures.committed as f64 / run.seconds),
        whole(run.figures.committed),
        number(most),
        number(run.resident_mib),
        number(slope),
    ]);
    table.note(format!(
        "The slope is of the line through the second half, a look a second; its standard error is {error:.1} MiB."
    ));
    table.print();
    targets.at_most("100 000 series under full load, resident", most, TARGET_MIB, "MiB");
    targets.at_most("its slope", slope, TARGET_SLOPE_MIB, "MiB in 10 min");
    Ok(())
}

/// Looks at a process's memory, for so long.
fn look(process: u32, duration: Duration) -> JoinHandle<Vec<Look>> {
    tokio::spawn(async move {
        let (started, mut looks) = (Instant::now(), Vec::new());
        while started.elapsed() < duration {
            tokio::time::sleep(LOOK).await;
            let Ok(mib) = resident_mib(process) else { break };
            looks.push((started.elapsed().as_secs_f64(), mib));
        }
        looks
    })
}

/// A straight line through looks at a process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    /// MiB a second.
    slope: f64,
    /// Its standard error: what is held only for a moment makes the looks scatter, and a slope of less says nothing.
    error: f64,
}

/// The line that fits best (least squares); a flat one through fewer than three looks.
#[expect(clippy::cast_precision_loss, reason = "few looks")]
fn line(looks: &[Look]) -> Line {
    let count = looks.len() as f64;
    let mean = |of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / count;
    let (mean_s, mean_mib) = (mean(|look| look.0), mean(|look| look.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| looks.iter().map(|(s, mib)| of(s - mean_s, mib - mean_mib)).sum::<f64>();
    let apart = sum(&|s, _| s * s);
    if looks.len() < 3 || apart == 0.0 {
        return Line { slope: 0.0, error: 0.0 };
    }
    let slope = sum(&|s, mib| s * mib) / apart;
    let off_the_line = sum(&|s, mib| (mib - slope * s).powi(2));
    Line { slope, error: (off_the_line / (count - 2.0) / apart).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let looks: Vec<Look> = (0..10).map(|second| (f64::from(second), 100.0 + 0.5 * f64::from(second))).collect();
        let found = line(&looks);
        assert!((found.slope - 0.5).abs() < 1e-12 && found.error < 1e-9, "{found:?}");
        let flat = Line { slope: 0.0, error: 0.0 };
        assert_eq!((line(&looks[..2]), line(&[])), (flat, flat));
    }

    #[test]
    fn looks_that_scatter_say_little() {
        let looks: Vec<Look> = (0..100).map(|second| (f64::from(second), f64::from(10 * (second % 2)))).collect();
        let found = line(&looks);
        assert!(found.slope.abs() < 2.0 * found.error, "{found:?}");
    }
}
