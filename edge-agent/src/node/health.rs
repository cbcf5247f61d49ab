//! How the agent itself is: what it measures of its own process and reports as metrics of the node.

use std::{fs, time::Duration};

use domain::{
    id::MetricName,
    reading::{Quality, Value},
    time::UnixMs,
};
use protocol::sparkplug::{
    edge_session::BirthMetric,
    metric::{Content, DataType},
};
use tokio::time::Instant;

use super::delivery::Figures;
use crate::{clock, source::Sample};

/// Ticks a second in /proc/self/stat: `USER_HZ`, which Linux keeps at 100 for programs on every machine it knows.
const TICKS_PER_S: f64 = 100.0;

/// What was measured last. This process only: a child is not counted before it ended.
#[derive(Debug)]
pub(super) struct Health {
    measured: Instant,
    cpu_ticks: Option<u64>,
    cpu_percent: Option<f64>,
    memory_mib: Option<f64>,
}

impl Health {
    /// A first measurement; CPU needs a second one.
    pub(super) fn start() -> Self {
        Self { measured: Instant::now(), cpu_ticks: read_cpu_ticks(), cpu_percent: None, memory_mib: read_memory_mib() }
    }

    /// Measures anew; CPU is the mean since the last time, 100 being one core.
    pub(super) fn measure(&mut self) {
        let ticks = read_cpu_ticks();
        self.cpu_percent = self.cpu_ticks.zip(ticks).and_then(|(old, new)| percent(old, new, self.measured.elapsed()));
        self.cpu_ticks = ticks;
        self.memory_mib = read_memory_mib();
        self.measured = Instant::now();
    }

    /// The node's own metrics with their present values.
    pub(super) fn metrics(&self, now: UnixMs, outbox: Figures) -> Vec<BirthMetric> {
        let count = |count: u64| Some(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
        let version = Some(Value::Text(env!("CARGO_PKG_VERSION").into()));
        [
            ("edge.agent_version", DataType::String, "", version),
            ("edge.cpu_percent", DataType::Double, "%", self.cpu_percent.map(Value::Float)),
            ("edge.memory_mib", DataType::Double, "MiB", self.memory_mib.map(Value::Float)),
            ("edge.clock_synced", DataType::Boolean, "", clock::is_synced().map(Value::Bool)),
            ("edge.outbox_depth", DataType::Int64, "", count(outbox.depth)),
            ("edge.outbox_bytes", DataType::Int64, "B", count(outbox.bytes)),
            ("edge.outbox_gap_count", DataType::Int64, "", count(outbox.gap_count)),
            ("edge.outbox_produced_count", DataType::Int64, "", count(outbox.produced_count)),
            ("edge.outbox_sent_count", DataType::Int64, "", count(outbox.sent_count)),
        ]
        .map(|(name, datatype, unit, value)| BirthMetric {
            name: MetricName::new(name).expect("the node's own names are well-formed"),
            datatype,
            unit: unit.to_owned(),
            at: now,
            content: value.map(Content::Value),
            quality: Quality::Good,
        })
        .to_vec()
    }
}

/// The same values as samples; what cannot be measured here is left out.
pub(super) fn as_samples(metrics: Vec<BirthMetric>) -> Vec<Sample> {
    let sample = |metric: BirthMetric| match metric.content {
        Some(Content::Value(value)) => Some(Sample::good(metric.name, metric.at, value)),
        Some(Content::Bytes(_)) | None => None,
    };
    metrics.into_iter().filter_map(sample).collect()
}

fn read_memory_mib() -> Option<f64> {
    memory_mib(&fs::read_to_string("/proc/self/status").ok()?)
}

fn read_cpu_ticks() -> Option<u64> {
    cpu_ticks(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Resident memory from /proc/self/status, to a tenth.
fn memory_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(tenth(kib / 1024.0))
}

/// Time spent in user and kernel from /proc/self/stat: the 14th and 15th fields, counted behind the program's name,
/// which may hold blanks and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    user.checked_add(kernel)
}

#[expect(clippy::cast_precision_loss, reason = "ticks of minutes, far below 2^53")]
fn percent(old_ticks: u64, new_ticks: u64, elapsed: Duration) -> Option<f64> {
    let busy_s = new_ticks.checked_sub(old_ticks)? as f64 / TICKS_PER_S;
    let elapsed_s = elapsed.as_secs_f64();
    (elapsed_s > 0.0).then(|| tenth(busy_s / elapsed_s * 100.0))
}

fn tenth(quantity: f64) -> f64 {
    (quantity * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_texts_are_read() {
        assert_eq!(memory_mib("VmPeak:\t  20000 kB\nVmRSS:\t   5120 kB\n"), Some(5.0));
        assert_eq!(memory_mib("VmRSS: much"), None);
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (a) S"), None);
        assert_eq!(percent(100, 150, Duration::from_secs(10)), Some(5.0));
        assert_eq!(percent(150, 100, Duration::from_secs(10)), None);
        assert!(read_memory_mib().is_some_and(|mib| mib > 0.5));
        assert!(read_cpu_ticks().is_some());
    }
}
