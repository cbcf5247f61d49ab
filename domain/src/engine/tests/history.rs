//! A backlog after a broken link: what it tells of is over, and the grave part of it still asks for an answer.

use std::collections::BTreeMap;

use proptest::prelude::*;

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
    assert!(told[0].ends_with("TIMED Raised: 97.0 °C > 95 °C for 60 s"), "{told:?}");
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

#[test]
fn what_was_told_and_answered_meanwhile_is_not_told_again_from_its_beginning() {
    let mut bench = reconnected();
    // It is hot when the boiler speaks again, somebody answers, and it is well.
    bench.read(kinds::OUTLET, 97.0);
    assert!(bench.wait_s(61).iter().any(|told| told.contains("TIMED Raised")));
    let alarm = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "TIMED").unwrap().id;
    bench.acknowledge(alarm.0).unwrap();
    bench.read(kinds::OUTLET, 60.0);
    assert!(bench.wait_s(30).iter().any(|told| told.contains("TIMED Returned")));
    let about = |told: &[String]| told.iter().filter(|told| told.contains("TIMED")).count();
    // The backlog: hot for two minutes an hour ago, and again from half an hour ago until it was told.
    let mut told = Vec::new();
    for age_s in (3_480..3_600).rev().step_by(10) {
        told.extend(late(&mut bench, kinds::OUTLET, age_s, 98.0));
    }
    assert_eq!(about(&told), 0, "it may be the same");
    let was_over = late(&mut bench, kinds::OUTLET, 3_470, 60.0);
    let over = [was_over, late(&mut bench, kinds::OUTLET, 3_400, 60.0)].concat();
    assert_eq!(about(&over), 3, "raised, returned and closed, as it was another: {over:?}");
    told.clear();
    for age_s in (70..1_800).rev().step_by(10) {
        told.extend(late(&mut bench, kinds::OUTLET, age_s, 98.0));
    }
    assert_eq!(about(&told), 0, "{told:?}");
}

#[test]
fn an_entrapment_that_began_and_ended_during_an_outage_is_told() {
    let mut bench = reconnected();
    bench.read(PEOPLE, false);
    bench.read(DOOR_CLOSED, false);
    bench.read(SPEED, 0.0);
    // Two hours ago: people behind a closed door in a car that stood still, for five minutes.
    let mut told = Vec::new();
    for age_s in (6_900..7_200).rev().step_by(10) {
        for (series, value) in [(PEOPLE, Value::from(true)), (DOOR_CLOSED, true.into()), (SPEED, 0.0.into())] {
            told.extend(late(&mut bench, series, age_s, value));
        }
    }
    told.extend(late(&mut bench, DOOR_CLOSED, 6_890, false));
    assert_eq!(told.len(), 2, "{told:?}");
    let words = "lift-1 EL-01 Raised: People in the car: yes; Door: closed; Speed: 0.00 m/s < 0.05 m/s for 90 s";
    assert!(told[0].ends_with(words) && told[1].contains("EL-01 Returned"), "{told:?}");
    let alarm = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "EL-01").unwrap();
    assert_eq!((alarm.severity, alarm.state), (Severity::I, AlarmState::ReturnedUnacknowledged));
    assert_eq!(bench.now.wall.since_ms(alarm.raised_at), 7_199_000 - 90_000, "when it had lasted");
}

#[test]
fn what_is_told_of_an_outage_survives_a_restart_in_its_middle() {
    let mut gateway = recovery::Gateway::start();
    for (series, value) in [(PEOPLE, Value::from(false)), (DOOR_CLOSED, false.into()), (SPEED, 0.0.into())] {
        gateway.read(series, value);
    }
    gateway.wait_s(20_000);
    for (series, value) in [(PEOPLE, Value::from(false)), (DOOR_CLOSED, true.into()), (SPEED, 0.1.into())] {
        gateway.read(series, value);
    }
    let backlog = |gateway: &mut recovery::Gateway, age_s: i64| {
        [(PEOPLE, Value::from(true)), (DOOR_CLOSED, true.into()), (SPEED, 0.0.into())]
            .map(|(series, value)| gateway.read_late(series, age_s, value))
            .concat()
    };
    assert_eq!(backlog(&mut gateway, 7_200), QUIET);
    gateway.checkpoint();
    assert_eq!(backlog(&mut gateway, 7_150), QUIET);
    gateway.restart(10_000);
    assert_eq!(backlog(&mut gateway, 7_110 + 10).len(), 2, "the ninety seconds run across the restart");
}

#[test]
fn a_past_alarm_is_judged_by_the_service_mode_of_its_time() {
    let circuit = |bench: &Bench| bench.engine.open_alarms().any(|alarm| alarm.rule.as_str() == "EL-06");
    // It is under inspection now, and was not then, by the backlog itself.
    let mut bench = reconnected();
    bench.read(MODE, 2_i64);
    late(&mut bench, MODE, 7_300, 1_i64);
    let told = late(&mut bench, CIRCUIT_OPEN, 7_200, true);
    assert!(told[0].contains("EL-06 Raised"), "{told:?}");
    let alarm = bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "EL-06").unwrap();
    assert_eq!(alarm.state, AlarmState::LatchedUnacknowledged);
    bench.wait_s(60);
    bench.read(MODE, 3_i64);
    bench.read(MODE, 2_i64);
    assert!(circuit(&bench), "an inspection that began later does not take the question back");

    // It was under inspection then, and is not now: recorded, and nobody is called.
    let mut bench = reconnected();
    bench.read(MODE, 1_i64);
    late(&mut bench, MODE, 7_300, 2_i64);
    let told = late(&mut bench, CIRCUIT_OPEN, 7_200, true);
    assert!(told[0].contains("EL-06 Raised") && told[2].contains("EL-06 Closed"), "{told:?}");
    assert!(!circuit(&bench));
    // The inspection ended while the circuit was still open: from then on it means what it says.
    let told = late(&mut bench, MODE, 7_100, 1_i64);
    assert!(told[0].contains("EL-06 Raised") && circuit(&bench), "{told:?}");
}

#[test]
fn a_mode_that_has_not_changed_since_is_known_and_one_that_has_holds_nobody_back() {
    let circuit = |bench: &Bench| bench.engine.open_alarms().any(|alarm| alarm.rule.as_str() == "EL-06");
    let mut bench = Bench::online();
    bench.read(MODE, 2_i64);
    bench.wait_s(20_000);
    bench.read(MODE, 2_i64);
    bench.read(CIRCUIT_OPEN, false);
    late(&mut bench, CIRCUIT_OPEN, 7_200, true);
    assert!(!circuit(&bench), "it has been under inspection all the time");

    let mut bench = Bench::online();
    bench.wait_s(20_000);
    bench.read(MODE, 2_i64);
    bench.read(CIRCUIT_OPEN, false);
    late(&mut bench, CIRCUIT_OPEN, 7_200, true);
    assert!(circuit(&bench), "since when it has been, nobody knows");
}

#[test]
fn what_went_out_of_service_later_was_in_service_then() {
    let circuit = |bench: &Bench| bench.engine.open_alarms().any(|alarm| alarm.rule.as_str() == "EL-06");
    let check = |age_s: i64, expected: bool| {
        let mut bench = reconnected();
        let until = bench.now.wall.plus_ms(86_400_000);
        bench.act(Deed::TakeOutOfService { device: DeviceId::new("lift-1").unwrap(), rule: None, until }).unwrap();
        bench.wait_s(3_600);
        bench.read(CIRCUIT_OPEN, false);
        late(&mut bench, CIRCUIT_OPEN, age_s, true);
        assert_eq!(circuit(&bench), expected, "{age_s}");
    };
    check(7_200, true);
    check(600, false);
}

#[test]
fn a_past_danger_worse_than_what_waits_for_an_answer_is_told() {
    let mut bench = reconnected();
    bench.read(kinds::PRESSURE, 0.5);
    for age_s in [7_200, 7_180] {
        late(&mut bench, kinds::PRESSURE, age_s, 0.96);
    }
    let severity = |bench: &Bench| {
        bench.engine.open_alarms().find(|alarm| alarm.rule.as_str() == "LEVELS").map(|alarm| alarm.severity)
    };
    assert_eq!(severity(&bench), Some(Severity::II));
    late(&mut bench, kinds::PRESSURE, 7_170, 1.1);
    let told = late(&mut bench, kinds::PRESSURE, 7_160, 1.1);
    assert_eq!(severity(&bench), Some(Severity::I), "{told:?}");
    assert!(bench.engine.open_alarms().all(|alarm| alarm.rule.as_str() != "LEVELS" || !alarm.is_active()));
}

#[test]
fn backlogs_of_many_devices_are_followed_within_bounds() {
    let past = |heard: u64| crate::engine::history::Past {
        at: UnixMs(0),
        heard: MonoMs(heard),
        series: Vec::new(),
        watches: Vec::new(),
    };
    let mut pasts = crate::engine::history::Pasts::default();
    pasts.update((0..20_000).map(|slot| (slot, past(u64::from(slot)))), MonoMs(20_000));
    assert_eq!((0..20_000).filter(|&slot| pasts.get(slot).is_some()).count(), 10_000);
    assert!(pasts.get(19_999).is_some(), "the ones heard last");
    pasts.update([], MonoMs(3_600_000 + 20_000));
    assert!((0..20_000).all(|slot| pasts.get(slot).is_none()), "an hour without anything is the end of it");
}

/// One reading of a story, so many seconds after the one before.
type Told = (SeriesId, f64, i64);

const LIFT_SERIES: [SeriesId; 5] = [TRAPPED, PEOPLE, DOOR_CLOSED, SPEED, CIRCUIT_OPEN];
const BOILER_SERIES: [SeriesId; 4] = [kinds::PRESSURE, kinds::OUTLET, kinds::INLET, kinds::BURNER];

fn value_of(series: SeriesId, tenths: f64) -> Value {
    match series {
        TRAPPED | PEOPLE | DOOR_CLOSED | CIRCUIT_OPEN | kinds::BURNER => Value::Bool(tenths > 5.0),
        kinds::PRESSURE => Value::Float(tenths / 9.0),
        kinds::OUTLET | kinds::INLET => Value::Float(tenths * 10.0),
        _ => Value::Float(tenths / 3.0),
    }
}

/// The rules over values that called somebody, each with how bad it came to be.
fn called(transitions: &[Transition]) -> BTreeMap<(String, String), Severity> {
    let mut called = BTreeMap::new();
    for it in transitions.iter().filter(|it| !it.state.is_set_aside() && !it.rule.as_str().starts_with("OP-")) {
        let worst = called.entry((it.device.to_string(), it.rule.to_string())).or_insert(it.severity);
        *worst = it.severity.min(*worst);
    }
    called
}

proptest! {
    #[test]
    fn a_backlog_tells_of_what_would_have_been_told_in_time(
        is_lift in any::<bool>(),
        story in proptest::collection::vec((0..20_usize, 0..100u8, 1..40i64), 1..60),
    ) {
        let series = if is_lift { &LIFT_SERIES[..] } else { &BOILER_SERIES[..] };
        let told = |(at, value, after_s): (usize, u8, i64)| (series[at % series.len()], f64::from(value) / 10.0, after_s);
        let story: Vec<Told> = story.into_iter().map(told).collect();
        let boiler = |bench: &mut Bench| bench.links(&[("boiler-1", Link::Online)]);
        let mut in_time = Bench::online();
        boiler(&mut in_time);
        let mut transitions = Vec::new();
        for &(series, value, after_s) in &story {
            let end = in_time.now.mono.plus_ms(after_s.cast_unsigned() * 1000);
            while let Some(due) = in_time.engine.next_due().filter(|&due| due <= end) {
                in_time.move_to(due);
                transitions.extend(in_time.evaluate(&Input::default()).0);
            }
            in_time.move_to(end);
            let reading = in_time.reading(series, value_of(series, value));
            transitions.extend(in_time.evaluate(&Input { readings: &[reading], ..Input::default() }).0);
        }

        // The same, when nobody heard it until a day later, and everything has long been well.
        let mut later = Bench::online();
        boiler(&mut later);
        later.wait_s(86_400);
        for (series, value) in [(TRAPPED, 0.0), (PEOPLE, 0.0), (DOOR_CLOSED, 0.0), (SPEED, 0.0), (CIRCUIT_OPEN, 0.0)] {
            later.read(series, value_of(series, value));
        }
        for (series, value) in [(kinds::PRESSURE, 1.0), (kinds::OUTLET, 2.0), (kinds::INLET, 2.0), (kinds::BURNER, 9.0)] {
            later.read(series, value_of(series, value));
        }
        let (mut event_time, mut told) = (UnixMs(WALL_AT_START), Vec::new());
        let mut readings = Vec::new();
        for &(series, value, after_s) in &story {
            event_time = event_time.plus_ms(after_s * 1000);
            readings.push(Reading { event_time, ..later.reading(series, value_of(series, value)) });
        }
        for batch in readings.chunks(7) {
            told.extend(later.evaluate(&Input { readings: batch, ..Input::default() }).0);
        }
        prop_assert_eq!(called(&told), called(&transitions));
        prop_assert!(later.engine.open_alarms().all(|alarm| !alarm.is_active() || alarm.rule.as_str().starts_with("OP-")));
    }
}
