//! Readings of a range, sealed or not: each once, in order, and the same whichever side they are on.

use std::{ops::Range, sync::Arc};

use domain::{
    access::Role,
    id::{DeviceId, MetricName},
    reading::{Quality, Reading, Value},
    time::UnixMs,
};
use protocol::rest;

use super::fixture::{Fixture, START, batch, definition, reading, sign_in};
use crate::store::{Actor, BatchCommit, JournalId, Scope, Store, codec::chunk};

pub(super) async fn readings_are_the_same_before_and_after_sealing(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let odd = Reading { value: Some(Value::Float(f64::NAN)), quality: Quality::Bad, ..reading(1, 3000, None) };
    let stored = [
        reading(1, 2000, Value::Float(4.5)),
        reading(1, 2000, Value::Float(4.6)),
        odd,
        reading(1, 1000, Value::Text("迟到".into())),
        reading(1, 4000, None),
        Reading { quality: Quality::Implausible, ..reading(1, 5000, Value::Int(i64::MAX)) },
        reading(1, 6000, Value::Bool(true)),
    ];
    let all = START..START.plus_ms(10_000);
    for (index, reading) in stored.iter().enumerate() {
        store.commit_batch(Arc::new(batch([reading.clone()]))).await.unwrap();
        if index == 2 {
            store.seal_all().await.unwrap();
        }
    }
    let half_sealed = texts(&raw(&store, &scope, all.clone()).await);
    assert_eq!(
        half_sealed,
        [
            "1000 迟到 Good",
            "2000 4.5 Good",
            "2000 4.6 Good",
            "3000 NaN Bad",
            "4000 - Bad",
            "5000 9223372036854775807 Implausible",
            "6000 true Good"
        ]
    );
    store.seal_all().await.unwrap();
    assert_eq!(texts(&raw(&store, &scope, all.clone()).await), half_sealed);
    drop(store);
    let store = fixture.open().await;
    assert_eq!(texts(&raw(&store, &scope, all).await), half_sealed);
    // From is inside, to is not.
    let part = raw(&store, &scope, START.plus_ms(2000)..START.plus_ms(4000)).await;
    assert_eq!(texts(&part), half_sealed[1..4]);
}

pub(super) async fn buckets_are_the_same_wherever_the_readings_are(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let range = START..START.plus_ms(6_000_000);
    // 6000 readings, one a second, every tenth bad; more than one chunk holds.
    let value = |second: i32| (second % 10 != 0).then(|| Value::Float(f64::from(second % 100) / 10.0));
    let mut seen = Vec::new();
    for part in 0..6 {
        let seconds = part * 1000..(part + 1) * 1000;
        let readings = seconds.map(|second| reading(1, i64::from(second) * 1000, value(second)));
        store.commit_batch(Arc::new(batch(readings))).await.unwrap();
        if part == 4 {
            seen.push(buckets(&store, &scope, range.clone(), 60).await);
            store.seal_all().await.unwrap();
            seen.push(buckets(&store, &scope, range.clone(), 60).await);
        }
    }
    assert_eq!(seen[0], seen[1]);
    for count in [60, 600, 7] {
        let open = buckets(&store, &scope, range.clone(), count).await;
        assert!(open.buckets.len() <= count as usize && open.points.is_empty());
        assert_eq!(open.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 6000);
        store.seal_all().await.unwrap();
        assert_eq!(buckets(&store, &scope, range.clone(), count).await, open);
    }
    let minute = &buckets(&store, &scope, range.clone(), 100).await.buckets[0];
    assert_eq!((minute.min, minute.max, minute.count), (Some(0.1), Some(5.9), 60));
    assert!((minute.mean.unwrap() - 3.0).abs() < 1e-9);
    // As many readings as buckets: they come themselves.
    let raw = buckets(&store, &scope, START..START.plus_ms(60_000), 60).await;
    assert_eq!((raw.points.len(), raw.bucket_ms), (60, None));
}

pub(super) async fn a_long_tail_becomes_several_chunks(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let count = i64::try_from(chunk::READINGS_MAX).unwrap() + 10;
    let readings = (0..count).map(|second| reading(1, second * 1000, Value::Int(second)));
    store.commit_batch(Arc::new(batch(readings))).await.unwrap();
    store.seal_all().await.unwrap();
    // A question is answered with 10 000 readings at most.
    let mut values = Vec::new();
    for from in (0..count).step_by(10_000) {
        let range = START.plus_ms(from * 1000)..START.plus_ms(count.min(from + 10_000) * 1000);
        let history = store.history(&scope, &device(), &metric(), range, 10_000).await.unwrap().unwrap();
        values.extend(history.points.into_iter().map(|point| point.value));
    }
    assert_eq!(values, (0..count).map(|second| Some(Value::Int(second))).collect::<Vec<_>>());
}

pub(super) async fn the_journal_is_trimmed_behind_the_slowest_series(fixture: Fixture) {
    let store = fixture.open_district().await;
    for second in 0..5_i64 {
        let slow = (second == 1).then(|| reading(2, 0, Value::Bool(true)));
        let readings = std::iter::once(reading(1, second * 1000, Value::Int(second))).chain(slow);
        store.commit_batch(Arc::new(batch(readings))).await.unwrap();
    }
    let mut policy = store.seal_policy();
    policy.reading_count = 2;
    // Series 2 has one reading, of journal row 3 (row 1 defined the series): it holds rows 3 to 6.
    let report = store.seal(policy, START).await.unwrap();
    assert_eq!((report.series_count, report.reading_count, report.trimmed_through), (1, 5, JournalId(2)));
    // After its hour it is sealed too, and nothing is held any more.
    let report = store.seal_due(START.plus_ms(3_600_000)).await.unwrap();
    assert_eq!((report.series_count, report.trimmed_through), (1, JournalId(6)));
    drop(store);

    // With the journal empty, its numbers go on rising: a reused one would count as sealed.
    let store = fixture.open().await;
    assert_eq!(store.load_start().await.unwrap().latest.len(), 2);
    assert_eq!(store.commit_batch(Arc::new(batch([reading(1, 9000, Value::Int(9))]))).await.unwrap(), JournalId(7));
    drop(store);
    let store = fixture.open().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    assert_eq!(raw(&store, &scope, START..START.plus_ms(10_000)).await.len(), 6);
}

pub(super) async fn a_crash_between_seal_and_trim_doubles_nothing(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    for second in 0..10_i64 {
        store.commit_batch(Arc::new(batch([reading(1, second * 1000, Value::Int(second))]))).await.unwrap();
    }
    // A second process that opened before the sealing is the first after a crash: its journal was not trimmed.
    let frozen = store.head_mut().freeze(&[domain::id::SeriesId(1)]);
    store.seal_group(frozen.clone()).await.unwrap();
    drop(store);
    let store = fixture.open().await;
    let all = START..START.plus_ms(20_000);
    assert_eq!(raw(&store, &scope, all.clone()).await.len(), 10);
    // Nor does doing the same group again, after its outcome was unknown.
    store.seal_group(frozen).await.unwrap();
    assert_eq!(raw(&store, &scope, all).await.len(), 10);
}

pub(super) async fn a_damaged_journal_row_is_passed_over_and_counted(fixture: Fixture) {
    let store = fixture.open_district().await;
    for second in 0..3_i64 {
        store.commit_batch(Arc::new(batch([reading(1, second * 1000, Value::Int(second))]))).await.unwrap();
    }
    drop(store);
    // A statement that both engines take: the name of a series is not a frame.
    fixture.execute("UPDATE journal SET readings = (SELECT hash FROM audit WHERE id = 1) WHERE id = 3").await.unwrap();
    let store = fixture.open().await;
    let start = store.load_start().await.unwrap();
    assert_eq!((start.damaged_journal_rows, start.latest.len()), (1, 1));
}

pub(super) async fn nobody_sees_beyond_their_jurisdiction(fixture: Fixture) {
    let store = fixture.open_district().await;
    let new_series = vec![definition(4, "stranger", "temperature")];
    let readings = (1..=4).map(|series| reading(series, 0, Value::Int(1)));
    let transitions = ["school-fridge", "hotel-fridge"].iter().zip(1..).map(|(device, alarm)| {
        use domain::alarm::{AlarmState, What};
        super::fixture::transition(alarm, device, What::Raised, AlarmState::ActiveUnacknowledged)
    });
    store
        .commit_batch(Arc::new(BatchCommit { new_series, transitions: transitions.collect(), ..batch(readings) }))
        .await
        .unwrap();

    let cases = [
        (Role::Admin, "", [true, true, true]),
        (Role::CentreOperator, "", [true, true, true]),
        (Role::TownshipOfficer, "500156001", [true, false, false]),
        (Role::TownshipOfficer, "500156026", [false, false, false]),
        (Role::OfficeOfficer, "baima", [false, true, false]),
        (Role::OfficeOfficer, "closed-office", [false, false, false]),
        (Role::Owner, "hotel", [false, true, false]),
        (Role::Owner, "school", [true, false, false]),
    ];
    let mut scopes = Vec::new();
    for (role, place, sees) in cases {
        let scope = sign_in(&store, role, place).await;
        assert_eq!(seen(&store, &scope).await, sees, "history for {role:?} {place}");
        assert_eq!(alarms(&store, &scope).await, sees[..2], "alarms for {role:?} {place}");
        scopes.push(scope);
    }

    // What is removed belongs to nobody but the district.
    let (admin, school) = (sign_in(&store, Role::Admin, "again").await, scopes.pop().expect("the school's owner"));
    store.remove_device(Actor::Shell, device(), START).await.unwrap();
    assert_eq!((seen(&store, &admin).await, alarms(&store, &admin).await), ([true; 3], [true; 2]));
    assert_eq!((seen(&store, &school).await, alarms(&store, &school).await), ([false; 3], [false; 2]));
}

/// Whether the histories of school, hotel and an unregistered device are seen.
async fn seen(store: &Store, scope: &Scope) -> [bool; 3] {
    let mut seen = [false; 3];
    for (seen, device) in seen.iter_mut().zip(["school-fridge", "hotel-fridge", "stranger"]) {
        let device = DeviceId::new(device).unwrap();
        let history = store.history(scope, &device, &metric(), START..START.plus_ms(1), 9).await.unwrap();
        *seen = history.is_some();
        assert_eq!(history.map_or(0, |history| history.points.len()), usize::from(*seen));
    }
    seen
}

/// Whether the alarms of school and hotel are seen, in the list and each by its number.
async fn alarms(store: &Store, scope: &Scope) -> [bool; 2] {
    let filter = crate::store::AlarmFilter { limit: 100, ..Default::default() };
    let listed = store.alarms(scope, &filter).await.unwrap().0;
    let mut seen = [false; 2];
    for (seen, number) in seen.iter_mut().zip(1..) {
        let id = domain::id::AlarmId(number);
        *seen = store.alarm(scope, id).await.unwrap().is_some();
        assert_eq!(listed.iter().any(|alarm| alarm.id == id), *seen);
    }
    seen
}

fn device() -> DeviceId {
    DeviceId::new("school-fridge").unwrap()
}

fn metric() -> MetricName {
    MetricName::new("temperature").unwrap()
}

async fn raw(store: &Store, scope: &Scope, range: Range<UnixMs>) -> Vec<rest::Point> {
    store.history(scope, &device(), &metric(), range, 1000).await.unwrap().expect("in scope").points
}

async fn buckets(store: &Store, scope: &Scope, range: Range<UnixMs>, count: u32) -> rest::History {
    let mut history = store.history(scope, &device(), &metric(), range, count).await.unwrap().expect("in scope");
    // The order of adding up differs by side: a mean is the same to a billionth.
    for mean in history.buckets.iter_mut().filter_map(|bucket| bucket.mean.as_mut()) {
        *mean = (*mean * 1e9).round() / 1e9;
    }
    history
}

/// Time since the start, value and quality, so that NaN equals NaN.
fn texts(points: &[rest::Point]) -> Vec<String> {
    let text = |point: &rest::Point| {
        let value = match &point.value {
            None => "-".to_owned(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(Value::Int(count)) => count.to_string(),
            Some(Value::Float(quantity)) => quantity.to_string(),
            Some(Value::Text(text)) => text.to_string(),
        };
        format!("{} {value} {:?}", point.at_ms - START.0, point.quality)
    };
    points.iter().map(text).collect()
}
