//! Questions that read many chunks: in order, page by page, the same whichever side a reading is on.

use std::sync::Arc;

use domain::{
    access::Role,
    id::{DeviceId, MetricName, OwnerId},
    reading::{Quality, Reading, Value},
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use protocol::rest::Point;

use super::fixture::{Fixture, START, batch, reading, sign_in};
use crate::store::{Scope, Selection, Store};

fn fridge() -> (DeviceId, MetricName) {
    (DeviceId::new("school-fridge").unwrap(), MetricName::new("temperature").unwrap())
}

async fn taken(store: &Store, scope: &Scope, seconds: std::ops::Range<i64>) -> Vec<Point> {
    let (device, metric) = fridge();
    let labels = store.series_to_export(scope, &Selection::Device(device)).await.unwrap();
    let label = labels.into_iter().find(|label| label.metric == metric).unwrap();
    let range = START.plus_ms(seconds.start * 1000)..START.plus_ms(seconds.end * 1000);
    let mut readings = store.readings_of(&label, range);
    let mut points = Vec::new();
    while let Some(page) = readings.next_page().await.unwrap() {
        points.extend(page);
    }
    points
}

pub(super) async fn readings_come_in_order_of_time_page_by_page(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    // Many small chunks, most in order, some that begin long before, some readings at the same time.
    let mut runner = TestRunner::deterministic();
    let late = prop_oneof![4 => 0_i64..4, 1 => 0_i64..600];
    let groups = proptest::collection::vec(proptest::collection::vec(late, 1..12), 60);
    let groups = groups.new_tree(&mut runner).unwrap().current();
    let (mut model, mut number) = (Vec::new(), 0_i64);
    for (step, group) in (0_i64..).zip(groups) {
        let readings: Vec<Reading> = group
            .into_iter()
            .map(|late| {
                number += 1;
                reading(1, (step * 10 - late).max(0) * 1000, Value::Int(number))
            })
            .collect();
        model.extend(readings.iter().map(Point::from));
        store.commit_batch(Arc::new(batch(readings))).await.unwrap();
        if step % 10 != 9 && step < 55 {
            store.seal_all().await.unwrap();
        }
    }
    model.sort_by_key(|point| point.at_ms);
    for seconds in [0..10_000, 100..400, 595..600, 0..1] {
        let expected: Vec<Point> = model
            .iter()
            .filter(|point| (seconds.start * 1000..seconds.end * 1000).contains(&(point.at_ms - START.0)))
            .cloned()
            .collect();
        assert_eq!(taken(&store, &scope, seconds.clone()).await, expected, "{seconds:?}");
    }
    // A restart and a sealing change nothing.
    drop(store);
    let store = fixture.open().await;
    store.seal_all().await.unwrap();
    assert_eq!(taken(&store, &scope, 0..10_000).await, model);
}

pub(super) async fn what_is_sealed_between_two_pages_is_neither_lost_nor_doubled(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    for second in 0..40_i64 {
        store.commit_batch(Arc::new(batch([reading(1, second * 1000, Value::Int(second))]))).await.unwrap();
        if second < 30 {
            store.seal_all().await.unwrap();
        }
    }
    let (device, metric) = fridge();
    let labels = store.series_to_export(&scope, &Selection::Device(device)).await.unwrap();
    let label = labels.into_iter().find(|label| label.metric == metric).unwrap();
    let mut readings = store.readings_of(&label, START..START.plus_ms(1_000_000));
    let mut values = Vec::new();
    while let Some(page) = readings.next_page().await.unwrap() {
        values.extend(page.into_iter().map(|point| point.value));
        store.seal_all().await.unwrap();
        let more = reading(1, (40 + i64::try_from(values.len()).unwrap()) * 1000, Value::Int(-1));
        store.commit_batch(Arc::new(batch([more]))).await.unwrap();
    }
    let first: Vec<_> = (0..40).map(|second| Some(Value::Int(second))).collect();
    assert_eq!(values[..40], first);
}

pub(super) async fn a_thinned_history_keeps_what_stands_out(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let temperature = |second: i64| match second {
        1234 => Value::Float(9.5),
        2222 => Value::Float(-3.0),
        _ => Value::Float(4.0),
    };
    let mut readings: Vec<Reading> = (0..3000).map(|second| reading(1, second * 1000, temperature(second))).collect();
    readings[500] = Reading { value: None, quality: Quality::Bad, ..readings[500].clone() };
    readings[501] = Reading { value: None, quality: Quality::Bad, ..readings[501].clone() };
    readings[600].quality = Quality::Implausible;
    store.commit_batch(Arc::new(batch(readings))).await.unwrap();
    let (device, metric) = fridge();
    let range = START..START.plus_ms(3_000_000);
    let thinned = async || store.thinned_history(&scope, &device, &metric, range.clone(), 50).await.unwrap().unwrap();
    let before = thinned().await;
    assert_eq!((before.thinned_from, before.bucket_ms), (Some(2997), None));
    let has = |second: i64| before.points.iter().any(|point| point.at_ms == START.0 + second * 1000);
    assert!([0, 1234, 2222, 2999].into_iter().all(has), "{:?}", before.points);
    let breaks: Vec<_> =
        before.points.iter().filter(|point| point.value.is_none()).map(|point| point.at_ms - START.0).collect();
    assert_eq!(breaks, [500_000, 600_000]);
    assert_eq!(before.points.len(), 52);
    store.seal_all().await.unwrap();
    assert_eq!(thinned().await, before);
    let foreign = sign_in(&store, Role::Owner, "hotel").await;
    assert_eq!(store.thinned_history(&foreign, &device, &metric, range.clone(), 50).await.unwrap(), None);
}

pub(super) async fn states_are_told_from_readings_on_either_side(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let (device, door) = (DeviceId::new("school-fridge").unwrap(), MetricName::new("door").unwrap());
    let readings = [(-5, true), (10, true), (20, false), (25, true)];
    let readings = readings.map(|(second, flag)| reading(2, second * 1000, Value::Bool(flag)));
    store.commit_batch(Arc::new(batch(readings))).await.unwrap();
    store.seal_all().await.unwrap();
    store
        .commit_batch(Arc::new(batch([reading(2, 28_000, None), reading(2, 30_000, Value::Bool(false))])))
        .await
        .unwrap();
    let range = START..START.plus_ms(100_000);
    let now = START.plus_ms(60_000);
    let asked = (&device, &door);
    let told = store.state_history(&scope, asked, range.clone(), 15_000, 100, now).await.unwrap().unwrap();
    let total = |flag| told.totals.iter().find(|total| total.value == Value::Bool(flag)).unwrap();
    assert_eq!((total(true).ms, total(true).count), (23_000, 2), "{told:?}");
    assert_eq!((total(false).ms, total(false).count), (20_000, 2), "{told:?}");
    assert_eq!(told.unknown_ms, 57_000);
    store.seal_all().await.unwrap();
    let again = store.state_history(&scope, asked, range.clone(), 15_000, 100, now).await.unwrap().unwrap();
    assert_eq!(again, told);
    let foreign = sign_in(&store, Role::Owner, "hotel").await;
    assert_eq!(store.state_history(&foreign, asked, range, 15_000, 100, now).await.unwrap(), None);
}

pub(super) async fn everybody_takes_away_their_own(fixture: Fixture) {
    let store = fixture.open_district().await;
    let names = async |scope: &Scope, selection: Selection| -> Vec<String> {
        let labels = store.series_to_export(scope, &selection).await.unwrap();
        labels.iter().map(|label| format!("{} {}", label.device, label.metric)).collect()
    };
    let hotel = sign_in(&store, Role::Owner, "hotel").await;
    assert_eq!(names(&hotel, Selection::Everything).await, ["hotel-fridge temperature"]);
    assert_eq!(names(&hotel, Selection::Device(fridge().0)).await, [""; 0]);
    assert_eq!(names(&hotel, Selection::Owner(OwnerId::new("school").unwrap())).await, [""; 0]);
    let office = sign_in(&store, Role::OfficeOfficer, "baima").await;
    assert_eq!(names(&office, Selection::Everything).await, ["hotel-fridge temperature"]);
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    assert_eq!(
        names(&centre, Selection::Everything).await,
        ["hotel-fridge temperature", "school-fridge door", "school-fridge temperature"]
    );
    assert_eq!(
        names(&centre, Selection::Owner(OwnerId::new("school").unwrap())).await,
        ["school-fridge door", "school-fridge temperature"]
    );
}
