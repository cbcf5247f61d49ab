//! Limits, states and combinations.

use super::*;

#[test]
fn an_alarm_by_a_reading_that_came_late_says_how_late_and_a_set_clock_makes_none_late() {
    let late_of = |age_ms: i64, jump_ms: i64| {
        let mut bench = Bench::online();
        bench.now.wall = bench.now.wall.plus_ms(jump_ms);
        let event_time = UnixMs(WALL_AT_START - age_ms);
        let reading = Reading { event_time, ..bench.reading(TRAPPED, true) };
        bench.play_reading(reading);
        bench.engine.open_alarms().next().unwrap().late_ms
    };
    assert_eq!(late_of(5_000, 0), 0);
    assert_eq!(late_of(600_000, 0), 600_000);
    assert_eq!(late_of(5_000, 86_400_000), 0);
    assert_eq!(late_of(600_000, -86_400_000), 600_000);
}
use crate::alarm::AlarmRefusal;

#[test]
fn a_limit_is_raised_after_its_on_delay_without_another_message() {
    let mut bench = Bench::online();
    assert_eq!(bench.read(TEMPERATURE, 9.1), QUIET);
    assert_eq!(bench.wait_s(29), QUIET);
    assert_eq!(bench.wait_s(1), ["1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
    assert_eq!(bench.read(TEMPERATURE, 9.2), QUIET, "an alarm is raised once");
}

#[test]
fn a_limit_that_is_not_exceeded_for_long_enough_raises_nothing() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(20);
    bench.read(TEMPERATURE, 5.0);
    bench.wait_s(20);
    bench.read(TEMPERATURE, 9.1);
    assert_eq!(bench.wait_s(20), QUIET);
}

#[test]
fn an_alarm_returns_only_below_the_deadband_and_after_the_off_delay() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(30);
    bench.read(TEMPERATURE, 7.8);
    assert_eq!(bench.wait_s(20), QUIET, "7.8 is within the deadband of 0.5");
    bench.read(TEMPERATURE, 7.4);
    assert_eq!(bench.wait_s(9), QUIET);
    assert_eq!(bench.wait_s(1), ["1 fridge-1 HIGH Returned: 7.4 °C"]);
    assert_eq!(bench.open(), [(1, AlarmState::ReturnedUnacknowledged)]);
    assert_eq!(bench.acknowledge(1).unwrap(), ["1 fridge-1 HIGH Acknowledged by officer"]);
    assert_eq!(bench.open(), []);
}

#[test]
fn an_acknowledged_alarm_closes_when_it_returns_and_the_next_one_is_new() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(30);
    bench.acknowledge(1).unwrap();
    assert_eq!(bench.open(), [(1, AlarmState::ActiveAcknowledged)]);
    assert_eq!(
        bench.acknowledge(1),
        Err(ActionError::Refused { alarm: AlarmId(1), refusal: AlarmRefusal::AlreadyAcknowledged })
    );
    bench.read(TEMPERATURE, 5.0);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Returned: 5.0 °C"]);
    assert_eq!(bench.open(), []);
    assert_eq!(bench.acknowledge(1), Err(ActionError::NoOpenAlarm(AlarmId(1))));
    bench.read(TEMPERATURE, 9.0);
    assert_eq!(bench.wait_s(30), ["2 fridge-1 HIGH Raised: 9.0 °C > 8 °C for 30 s"]);
}

#[test]
fn a_condition_that_comes_back_unanswered_continues_the_same_alarm() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(30);
    bench.read(TEMPERATURE, 5.0);
    bench.wait_s(10);
    bench.read(TEMPERATURE, 8.01);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 HIGH Reoccurred: 8.01 °C > 8 °C for 30 s"]);
    let open = bench.engine.open_alarms().next().unwrap();
    assert_eq!((open.occurrence_count, open.returned_at), (2, None));
}

#[test]
fn a_rule_rests_while_its_gate_is_closed_and_an_unknown_gate_is_open() {
    let mut bench = Bench::online();
    bench.read(IN_USE, false);
    bench.read(TEMPERATURE, 9.1);
    assert_eq!(bench.wait_s(59), QUIET);
    bench.read(TEMPERATURE, 9.1);
    bench.read(IN_USE, true);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
    bench.read(IN_USE, false);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Returned: 9.1 °C"]);
}

#[test]
fn a_rule_over_several_metrics_needs_all_of_them_for_its_time() {
    let mut bench = Bench::online();
    bench.read(PEOPLE, true);
    bench.read(DOOR_CLOSED, true);
    assert_eq!(bench.wait_at_lift_s(100), QUIET, "speed was never read");
    bench.read(SPEED, 0.0);
    let words = "2 lift-1 EL-01 Raised: People in the car: yes; Door: closed; Speed: 0.00 m/s < 0.05 m/s for 90 s";
    assert_eq!(bench.wait_at_lift_s(90), [words]);
    bench.read(PEOPLE, false);
    assert_eq!(bench.wait_at_lift_s(60), QUIET, "nobody leaves through a closed door");
    bench.read(DOOR_CLOSED, false);
    assert_eq!(
        bench.wait_at_lift_s(10),
        ["2 lift-1 EL-01 Returned: People in the car: no; Door: open; Speed: 0.00 m/s"]
    );
}

#[test]
fn the_event_raises_the_same_alarm_at_once() {
    let mut bench = Bench::online();
    assert_eq!(bench.read(TRAPPED, true), ["1 lift-1 EL-01 Raised: Entrapment: yes"]);
    bench.read(PEOPLE, true);
    bench.read(DOOR_CLOSED, true);
    assert_eq!(bench.read(SPEED, 0.0), QUIET);
    assert_eq!(bench.wait_at_lift_s(200), QUIET, "one alarm for both ways");
}

#[test]
fn a_nameplate_sets_the_limit_and_without_one_nothing_is_judged() {
    let mut bench = Bench::online();
    assert_eq!(bench.read(SPEED, 2.29), QUIET);
    assert_eq!(bench.read(SPEED, 2.3), ["1 lift-1 EL-04 Raised: 2.30 m/s ≥ 2.3 m/s"]);
    let mut unrated = devices();
    unrated[1].nameplate.clear();
    let mut bench = Bench::online();
    bench.engine.set_registry(registry(unrated), bench.now);
    assert_eq!(bench.read(SPEED, 20.0), QUIET);
}

#[test]
fn unusable_readings_judge_nothing() {
    let mut bench = Bench::online();
    for quality in [Quality::Implausible, Quality::Bad] {
        let reading = Reading { quality, ..bench.reading(SPEED, 99.0) };
        assert_eq!(bench.play_reading(reading), QUIET);
    }
    let nothing = Reading { value: None, quality: Quality::Bad, ..bench.reading(SPEED, 0.0) };
    assert_eq!(bench.play_reading(nothing), QUIET);
    let not_a_number = Reading { quality: Quality::Good, ..bench.reading(SPEED, f64::NAN) };
    assert_eq!(bench.play_reading(not_a_number), QUIET);
}

#[test]
fn a_reading_from_the_past_does_not_flip_the_present() {
    let mut bench = Bench::online();
    bench.wait_s(20);
    bench.read(SPEED, 1.0);
    let past = Reading { event_time: bench.now.wall.plus_ms(-5_000), ..bench.reading(SPEED, 9.0) };
    assert_eq!(bench.play_reading(past), QUIET);
    assert_eq!(bench.read(SPEED, 3.0), ["1 lift-1 EL-04 Raised: 3.00 m/s ≥ 2.3 m/s"]);
    let past = Reading { event_time: bench.now.wall.plus_ms(-5_000), ..bench.reading(SPEED, 0.0) };
    assert_eq!(bench.play_reading(past), QUIET);
    assert_eq!(bench.open(), [(1, AlarmState::ActiveUnacknowledged)]);
}

#[test]
fn an_edge_whose_clock_was_ahead_is_heard_after_it_is_put_right() {
    let mut bench = Bench::online();
    let ahead = Reading { event_time: bench.now.wall.plus_ms(240_000), ..bench.reading(SPEED, 1.0) };
    bench.play_reading(ahead);
    let suspect = Reading {
        event_time: bench.now.wall.plus_ms(86_400_000),
        quality: Quality::ClockSuspect,
        ..bench.reading(SPEED, 1.0)
    };
    bench.play_reading(suspect);
    bench.wait_s(1);
    assert_eq!(bench.read(SPEED, 3.0), ["1 lift-1 EL-04 Raised: 3.00 m/s ≥ 2.3 m/s"]);
}

#[test]
fn a_suspect_clock_is_judged_by_the_time_of_receipt() {
    let mut bench = Bench::online();
    let reading = Reading {
        event_time: bench.now.wall.plus_ms(86_400_000),
        quality: Quality::ClockSuspect,
        ..bench.reading(SPEED, 3.0)
    };
    let (transitions, _) = bench.evaluate(&Input { readings: std::slice::from_ref(&reading), ..Input::default() });
    assert_eq!(transitions[0].event_time, bench.now.wall);
    assert_eq!(transitions[0].reading, Some((MetricName::new("speed").unwrap(), reading)));
}

#[test]
fn nothing_changes_before_the_outcome_is_applied() {
    let bench = Bench::online();
    let readings = [bench.reading(SPEED, 3.0)];
    let input = Input { readings: &readings, ..Input::default() };
    let first = bench.engine.evaluate(&input, bench.now).transitions;
    let again = bench.engine.evaluate(&input, bench.now).transitions;
    assert_eq!(first, again);
    assert_eq!(first[0].alarm, AlarmId(1));
    assert_eq!(bench.open(), []);
}
