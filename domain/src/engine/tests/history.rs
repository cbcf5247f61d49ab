//! A backlog after a broken link: what it tells of is over, and the grave part of it still asks for an answer.

use super::*;

/// A bench whose boiler speaks again: the newest values came first.
fn reconnected() -> Bench {
    let mut bench = Bench::online();
    bench.wait_s(20_000);
    bench.links(&[("boiler-1", Link::Online)]);
    bench.read(kinds::OUTLET, 60.0);
    bench.read(TRAPPED, false);
    bench.read(CIRCUIT_OPEN, false);
    bench
}

fn late(bench: &mut Bench, series: SeriesId, age_s: i64, value: impl Into<Value>) -> Vec<String> {
    let event_time = UnixMs(bench.now.wall.0 - age_s * 1000);
    let reading = Reading { event_time, ..bench.reading(series, value) };
    bench.play_reading(reading)
}

#[test]
fn a_grave_past_alarm_waits_for_an_answer() {
    let mut bench = reconnected();
    let open = bench.open().len();
    let told = late(&mut bench, CIRCUIT_OPEN, 7_200, true);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].ends_with("lift-1 EL-06 Raised: Safety circuit open: yes"), "{told:?}");
    assert!(told[1].ends_with("lift-1 EL-06 Returned: Safety circuit open: no"), "{told:?}");
    assert_eq!(bench.open().len(), open + 1);
    let alarm = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "EL-06").unwrap();
    assert_eq!((alarm.state, alarm.late_ms), (AlarmState::LatchedUnacknowledged, 7_200_000));
    assert_eq!(late(&mut bench, CIRCUIT_OPEN, 7_100, true), QUIET, "told once");
}

#[test]
fn a_lesser_one_is_recorded_and_closed_after_it_lasted_by_its_own_times() {
    let mut bench = reconnected();
    let open = bench.open().len();
    assert_eq!(late(&mut bench, kinds::OUTLET, 9_000, 97.0), QUIET);
    assert_eq!(late(&mut bench, kinds::OUTLET, 8_970, 97.0), QUIET, "not a minute yet");
    let told = late(&mut bench, kinds::OUTLET, 8_930, 98.0);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].ends_with("TIMED Raised: 98.0 °C > 95 °C for 60 s"), "{told:?}");
    assert!(told[1].contains("TIMED Returned: 60.0 °C") && told[2].contains("TIMED Closed"), "{told:?}");
    assert_eq!(bench.open().len(), open);
    // It went on for ten minutes: that is severity II, and asks for an answer.
    late(&mut bench, kinds::OUTLET, 8_600, 98.0);
    let told = late(&mut bench, kinds::OUTLET, 8_390, 98.0);
    assert_eq!((told.len(), bench.open().len()), (2, open + 1), "{told:?}");
}

#[test]
fn what_holds_at_present_is_not_told_again_from_the_past() {
    let mut bench = reconnected();
    bench.read(CIRCUIT_OPEN, true);
    assert_eq!(late(&mut bench, CIRCUIT_OPEN, 7_200, true), QUIET);
}
