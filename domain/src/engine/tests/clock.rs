//! A gateway whose clock was wrong when it started.

use super::*;

const HOUR_MS: i64 = 3_600_000;

/// Ordinary readings over some minutes, by edges whose clock is right, while the gateway's wall clock was set by so much
/// after the start.
fn put_right(bench: &mut Bench, by_ms: i64) {
    bench.now.wall = bench.now.wall.plus_ms(by_ms);
    for second in 0..20 {
        bench.read(SPEED, f64::from(second % 2));
        bench.wait_s(10);
    }
}

#[test]
fn alarms_are_not_late_after_the_clock_was_an_hour_fast_at_the_start() {
    let late_of = |by_ms: i64| {
        let mut bench = Bench::online();
        put_right(&mut bench, by_ms);
        bench.read(TRAPPED, true);
        bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "EL-01").unwrap().late_ms
    };
    assert_eq!(late_of(0), 0);
    assert_eq!(late_of(-HOUR_MS), 0, "it was an hour fast");
}

#[test]
fn an_old_backlog_is_no_news_after_the_clock_was_an_hour_behind_at_the_start() {
    let mut bench = Bench::online();
    put_right(&mut bench, HOUR_MS);
    let late = Reading { event_time: bench.now.wall.plus_ms(-90_000), ..bench.reading(CIRCUIT_OPEN, true) };
    bench.play_reading(Reading { event_time: bench.now.wall, ..bench.reading(CIRCUIT_OPEN, false) });
    let told = bench.play_reading(late);
    assert!(told[0].contains("EL-06 Raised"), "a minute and a half ago is the past: {told:?}");
    let alarm = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "EL-06").unwrap();
    assert_eq!(alarm.late_ms, 90_000);
}

#[test]
fn certificates_and_hours_are_judged_by_the_right_clock() {
    // A certificate that runs out with today: 2026-10-01 ends in Beijing sixteen hours after the bench's start.
    let mut bench = Bench::online();
    let mut devices = devices();
    devices[2].nameplate.insert("inspection_due".to_owned(), 20_261_001.0);
    bench.engine.set_registry(registry(devices), bench.now);
    bench.wait_s(1);
    let before = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "CERTIFICATE").unwrap().severity;
    assert!(before > Severity::II, "a day is left");
    put_right(&mut bench, 24 * HOUR_MS);
    let after = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "CERTIFICATE").unwrap().severity;
    assert_eq!(after, Severity::II, "it has run out by the right clock");
}

#[test]
fn a_shelf_that_was_taken_up_by_a_wrong_clock_ends_when_it_was_meant_to() {
    let mut before = Bench::online();
    before.read(SPEED, 3.0);
    before.read(TEMPERATURE, 9.1);
    before.wait_s(30);
    let fridge = before.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "HIGH").unwrap().id;
    let until = before.now.wall.plus_ms(2 * HOUR_MS);
    before.act(Deed::Shelve { alarm: fridge, until }).unwrap();
    let mut bench = Bench::continuing(before.engine.open_alarms().cloned().collect());
    // The right time is an hour earlier than the gateway took it for.
    bench.read(TEMPERATURE, 9.1);
    put_right(&mut bench, -HOUR_MS);
    let unshelved = |told: Vec<String>| told.iter().any(|told| told.contains("Unshelved"));
    let left_s = u64::try_from(until.since_ms(bench.now.wall) / 1000).unwrap();
    assert!(!unshelved(bench.wait_s(left_s - 1)));
    assert!(unshelved(bench.wait_s(1)));
}
