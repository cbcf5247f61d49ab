//! Random work against a plain list: whatever was committed is there, once, through any number of crashes and sealings.

use std::sync::Arc;

use domain::{
    access::Role,
    id::{DeviceId, MetricName},
    reading::{Quality, Value},
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use super::fixture::{Fixture, START, batch, sign_in};
use crate::store::codec::{Sample, strategies};

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(bool, Sample)>),
    Seal,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let readings = proptest::collection::vec((any::<bool>(), 0_i64..200), 1..20);
    let commit = (readings, strategies::samples(20)).prop_map(|(places, samples)| {
        let placed = samples.into_iter().zip(places).map(|(sample, (series, second))| {
            // Within the range that is asked for; equal and late times are common.
            (series, Sample { at: START.plus_ms(second * 1000), ..sample })
        });
        Step::Commit(placed.collect())
    });
    proptest::collection::vec(prop_oneof![6 => commit, 2 => Just(Step::Seal), 1 => Just(Step::Crash)], 60)
}

pub(super) async fn nothing_committed_is_lost_or_doubled(fixture: Fixture) {
    let mut store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    // Always the same sequence: a failure here is the same failure on the next run.
    let mut runner = TestRunner::deterministic();
    let steps = steps().new_tree(&mut runner).expect("nothing is filtered").current();
    let mut model: [Vec<Sample>; 2] = [Vec::new(), Vec::new()];
    for step in steps {
        match step {
            Step::Commit(placed) => {
                let series = |is_second: bool| domain::id::SeriesId(if is_second { 2 } else { 1 });
                let readings = placed.iter().map(|(at, sample)| sample.clone().of_series(series(*at)));
                store.commit_batch(Arc::new(batch(readings))).await.unwrap();
                for (is_second, sample) in placed {
                    model[usize::from(is_second)].push(sample);
                }
            }
            Step::Seal => drop(store.seal_all().await.unwrap()),
            Step::Crash => {
                drop(store);
                store = fixture.open().await;
            }
        }
        for (metric, expected) in ["temperature", "door"].into_iter().zip(&model) {
            let device = DeviceId::new("school-fridge").unwrap();
            let metric = MetricName::new(metric).unwrap();
            let range = START..START.plus_ms(1_000_000);
            let history = store.history(&scope, &device, &metric, range, 10_000).await.unwrap().unwrap();
            let stored: Vec<Sample> = history
                .points
                .into_iter()
                .map(|point| Sample {
                    at: domain::time::UnixMs(point.at_ms),
                    value: point.value,
                    quality: point.quality,
                })
                .collect();
            let mut expected = expected.clone();
            expected.sort_by_key(|sample| sample.at);
            assert!(strategies::same(&stored, &expected), "{stored:?}\nis not\n{expected:?}");
        }
    }
    assert!(model[0].iter().any(|sample| sample.quality == Quality::Bad && sample.value.is_some()));
    assert!(model[0].iter().any(|sample| matches!(sample.value, Some(Value::Float(value)) if value.is_nan())));
}
