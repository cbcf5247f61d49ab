//! The same series told differently: a detector fitted to the benchmark's files does worse on these.

use domain::time::UnixMs;

use crate::corpus::Series;
use crate::scoring::probation;

/// What is done to a series, and how.
type Variant = (&'static str, fn(&Series) -> Series);

pub(crate) const VARIANTS: [Variant; 3] =
    [("means of two readings", halved), ("logarithms of the departures", compressed), ("backwards", backwards)];

fn halved(series: &Series) -> Series {
    let pairs = series.values.len() / 2;
    Series {
        timestamps: series.timestamps.iter().step_by(2).take(pairs).cloned().collect(),
        times: series.times.iter().step_by(2).take(pairs).copied().collect(),
        values: series.values.chunks_exact(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect(),
        windows: series.windows.iter().map(|rows| rows.start() / 2..=(rows.end() / 2).min(pairs - 1)).collect(),
        ..series.clone()
    }
}

/// The order of the values stays, their distances shrink: spikes become small.
fn compressed(series: &Series) -> Series {
    let mut sorted = series.values.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let quarters = sorted[sorted.len() * 3 / 4] - sorted[sorted.len() / 4];
    let compress = |value: &f64| (value - middle).signum() * ((value - middle).abs() / (quarters + 1e-9)).ln_1p();
    Series { values: series.values.iter().map(compress).collect(), ..series.clone() }
}

/// Windows that come to lie in the first, unscored rows are dropped.
fn backwards(series: &Series) -> Series {
    let last = series.values.len() - 1;
    let ends = series.times[0].0 + series.times[last].0;
    let turned = series.windows.iter().rev().map(|rows| last - rows.end()..=last - rows.start());
    Series {
        timestamps: series.timestamps.iter().rev().cloned().collect(),
        times: series.times.iter().rev().map(|time| UnixMs(ends - time.0)).collect(),
        values: series.values.iter().rev().copied().collect(),
        windows: turned.filter(|rows| usize::midpoint(*rows.start(), *rows.end()) >= probation(last + 1)).collect(),
        ..series.clone()
    }
}
