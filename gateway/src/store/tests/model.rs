//! Random work against a plain list: whatever was committed is there, once, with its value and in its place, through any
//! number of sealings, merges, ends of retention, crashes between any two statements, and new starts.

use std::{ops::Range, sync::Arc};

use domain::{
    access::Role,
    id::{DeviceId, MetricName, SeriesId},
    profile::Profiles,
    reading::{Quality, Value},
    time::UnixMs,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use protocol::rest;

use super::fixture::{Fixture, batch, sign_in};
use crate::store::{
    Retention, Scope, Store, StoreConfig,
    codec::{Sample, strategies},
};

const DAY_MS: i64 = 24 * 3_600_000;
/// Midnight in Beijing.
const FIRST_DAY: UnixMs = UnixMs(1_789_920_000_000);
const DAYS: i64 = 20;
const METRICS: [&str; 2] = ["temperature", "door"];
const STEPS: usize = 220;
/// Runs beyond the one that both engines do.
const MORE_RUNS: u8 = 5;

#[derive(Debug, Clone)]
enum Step {
    /// Readings, each of the first or the second series.
    Commit(Vec<(bool, Sample)>),
    Seal,
    Merge,
    /// The readings of the days before this one are to become summaries.
    Drop(i64),
    /// What was replaced goes at once.
    Sweep,
    Crash,
}

/// A step, and after how many transactions the power fails in it.
fn steps() -> impl Strategy<Value = Vec<(Step, Option<u64>)>> {
    // Few places, so that equal times are common; any order, so that late ones are.
    let place = (any::<bool>(), 0..DAYS, 0_i64..40);
    let readings = proptest::collection::vec(place, 1..12);
    let commit = (readings, strategies::samples(12)).prop_map(|(places, samples)| {
        let placed = samples.into_iter().zip(places).map(|(sample, (series, day, slot))| {
            (series, Sample { at: FIRST_DAY.plus_ms(day * DAY_MS + slot * 37_000), ..sample })
        });
        Step::Commit(placed.collect())
    });
    let step = prop_oneof![
        8 => commit,
        7 => Just(Step::Seal),
        3 => Just(Step::Merge),
        1 => (0..DAYS * 3 / 5).prop_map(Step::Drop),
        1 => Just(Step::Sweep),
        1 => Just(Step::Crash),
    ];
    let fuse = prop_oneof![5 => Just(None), 1 => (0_u64..4).prop_map(Some)];
    proptest::collection::vec((step, fuse), STEPS)
}

pub(super) async fn the_store_answers_as_a_list_would(fixture: Fixture) {
    run(fixture, 0).await;
}

/// The same with other sequences.
pub(super) async fn more_runs() {
    for seed in 1..=MORE_RUNS {
        println!("run {seed}");
        run(Fixture::sqlite(), seed).await;
    }
}

async fn run(fixture: Fixture, seed: u8) {
    // Always the same sequence: a failure here is the same failure on the next run.
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    let steps = steps().new_tree(&mut runner).expect("nothing is filtered").current();
    let mut store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let mut model = Model::default();
    for (number, (step, fuse)) in steps.into_iter().enumerate() {
        let is_crash = matches!(step, Step::Crash);
        store.set_fuse(fuse);
        let is_done = act(&store, &step).await;
        store.set_fuse(None);
        match step {
            Step::Commit(placed) if is_done => model.commit(placed),
            // What was cut short may have dropped a part.
            Step::Drop(day) => model.kept_from = model.kept_from.max(day),
            _ => {}
        }
        if is_crash || !is_done {
            drop(store);
            store = fixture.open().await;
        }
        for series in 0..METRICS.len() {
            check(&store, &scope, &model, series)
                .await
                .unwrap_or_else(|problem| panic!("run {seed}, after step {number}, series {series}: {problem}"));
        }
    }
    model.is_worth_it(&store).await;
}

/// Whether all of it was done.
async fn act(store: &Store, step: &Step) -> bool {
    match step {
        Step::Commit(placed) => {
            let readings =
                placed.iter().map(|(second, sample)| sample.clone().of_series(SeriesId(if *second { 2 } else { 1 })));
            store.commit_batch(Arc::new(batch(readings))).await.is_ok()
        }
        Step::Seal => store.seal_all().await.is_ok(),
        Step::Merge => store.merge_chunks(FIRST_DAY).await.is_ok(),
        Step::Drop(day) => {
            let config = StoreConfig {
                retention_days: 5,
                rollup_minute_days: 8,
                rollup_hour_days: 11,
                ..StoreConfig::default()
            };
            let now = FIRST_DAY.plus_ms((day + 5) * DAY_MS);
            store.drop_expired(&Retention::new(&config, &Profiles::default()), now).await.is_ok()
        }
        Step::Sweep => store.sweep_replaced(UnixMs(i64::MAX)).await.is_ok(),
        Step::Crash => true,
    }
}

#[derive(Default)]
struct Model {
    series: [Vec<Sample>; 2],
    /// The first day whose readings must all be there themselves.
    kept_from: i64,
}

impl Model {
    fn commit(&mut self, placed: Vec<(bool, Sample)>) {
        for (second, sample) in placed {
            self.series[usize::from(second)].push(sample);
        }
    }

    fn within(&self, series: usize, range: &Range<UnixMs>) -> Vec<Sample> {
        let mut samples: Vec<_> =
            self.series[series].iter().filter(|sample| range.contains(&sample.at)).cloned().collect();
        samples.sort_by_key(|sample| sample.at);
        samples
    }

    /// That the sequence did what it is there for.
    async fn is_worth_it(&self, store: &Store) {
        let all = || self.series.iter().flatten();
        assert!(all().any(|sample| sample.quality == Quality::Bad && sample.value.is_some()));
        assert!(all().any(|sample| matches!(sample.value, Some(Value::Float(value)) if value.is_nan())));
        assert!(all().any(|sample| matches!(sample.value, Some(Value::Text(_)))));
        assert!(self.kept_from > 0);
        store.seal_all().await.unwrap();
        store.merge_chunks(FIRST_DAY).await.unwrap();
        for table in ["SELECT id FROM chunk WHERE reading_count > 30 LIMIT 1", "SELECT id FROM rollup LIMIT 1"] {
            let row = sqlx::query(table).fetch_optional(store.readers()).await.unwrap();
            assert!(row.is_some(), "nothing was merged, or nothing became too old: {table}");
        }
    }
}

async fn check(store: &Store, scope: &Scope, model: &Model, series: usize) -> Result<(), String> {
    // What is kept comes itself, in order of time and then arrival.
    let kept = FIRST_DAY.plus_ms(model.kept_from * DAY_MS)..FIRST_DAY.plus_ms(DAYS * DAY_MS);
    let stored: Vec<Sample> = history(store, scope, series, kept.clone(), 10_000)
        .await
        .points
        .into_iter()
        .map(|point| Sample { at: UnixMs(point.at_ms), value: point.value, quality: point.quality })
        .collect();
    let expected = model.within(series, &kept);
    if !strategies::same(&stored, &expected) {
        return Err(format!("{stored:?}\nis not\n{expected:?}"));
    }
    // And every day has its figures, whatever is left of its readings.
    let all = FIRST_DAY..FIRST_DAY.plus_ms(DAYS * DAY_MS);
    let days = history(store, scope, series, all.clone(), u32::try_from(DAYS).expect("small")).await;
    if days.bucket_ms.is_none() {
        // So few that they come themselves.
        let count = model.within(series, &all).len();
        return if days.points.len() == count { Ok(()) } else { Err(format!("{} of {count}", days.points.len())) };
    }
    for day in 0..DAYS {
        let start = FIRST_DAY.plus_ms(day * DAY_MS);
        let expected = summary(start, &model.within(series, &(start..start.plus_ms(DAY_MS))));
        let stored = days.buckets.iter().find(|bucket| bucket.at_ms == start.0);
        if !is_same_bucket(stored, expected.as_ref()) {
            return Err(format!("day {day}: {stored:?}\nis not\n{expected:?}"));
        }
    }
    Ok(())
}

/// What a bucket of these readings says.
fn summary(start: UnixMs, samples: &[Sample]) -> Option<rest::Bucket> {
    let numbers: Vec<f64> = samples.iter().filter_map(Sample::usable).collect();
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    (!samples.is_empty()).then(|| rest::Bucket {
        at_ms: start.0,
        min: numbers.iter().copied().reduce(f64::min),
        max: numbers.iter().copied().reduce(f64::max),
        mean: (!numbers.is_empty()).then_some(mean),
        // In order of time and then arrival.
        last: numbers.last().copied(),
        count: samples.len() as u64,
    })
}

fn is_same_bucket(stored: Option<&rest::Bucket>, expected: Option<&rest::Bucket>) -> bool {
    let (Some(stored), Some(expected)) = (stored, expected) else { return stored.is_none() && expected.is_none() };
    // The order of adding up differs: of moderate numbers the mean is the same to a millionth.
    let is_moderate = expected.min.is_some_and(|min| min > -1e7) && expected.max.is_some_and(|max| max < 1e7);
    let is_near = match (stored.mean, expected.mean) {
        (Some(one), Some(other)) => !is_moderate || (one - other).abs() < 1e-6,
        (one, other) => one.is_none() && other.is_none(),
    };
    is_near
        && (stored.min, stored.max, stored.last, stored.count)
            == (expected.min, expected.max, expected.last, expected.count)
}

async fn history(store: &Store, scope: &Scope, series: usize, range: Range<UnixMs>, buckets: u32) -> rest::History {
    let device = DeviceId::new("school-fridge").unwrap();
    let metric = MetricName::new(METRICS[series]).unwrap();
    store.history(scope, &device, &metric, range, buckets).await.unwrap().expect("in scope")
}
