//! Shelves, resets, suppression and service, as an engine plays them.

use super::*;
use crate::{
    alarm::{AlarmRefusal, OutOfService, ServiceChange},
    id::RuleId,
};

const HOUR_MS: i64 = 3_600_000;

fn lift() -> DeviceId {
    DeviceId::new("lift-1").unwrap()
}

fn shelve(bench: &mut Bench, alarm: i64, for_ms: i64) -> Result<Vec<String>, ActionError> {
    let until = bench.now.wall.plus_ms(for_ms);
    bench.act(Deed::Shelve { alarm: AlarmId(alarm), until })
}

fn take_out(bench: &mut Bench, rule: Option<&str>, for_ms: i64) -> Result<Vec<String>, ActionError> {
    let until = bench.now.wall.plus_ms(for_ms);
    let rule = rule.map(|rule| RuleId::new(rule).unwrap());
    bench.act(Deed::TakeOutOfService { device: lift(), rule, until })
}

fn state(bench: &Bench) -> AlarmState {
    bench.open()[0].1
}

/// The fridge's alarm 1, raised.
fn warm_fridge() -> Bench {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    assert_eq!(bench.wait_s(30).len(), 1);
    bench
}

#[test]
fn a_shelved_alarm_comes_back_by_itself_when_its_time_is_up() {
    let mut bench = warm_fridge();
    assert_eq!(shelve(&mut bench, 1, HOUR_MS).unwrap(), ["1 fridge-1 HIGH Shelved by officer"]);
    assert_eq!(state(&bench), AlarmState::Shelved);
    for _ in 0..11 {
        bench.read(TEMPERATURE, 9.2);
        bench.read(TEMPERATURE, 9.3);
        assert_eq!(bench.wait_s(300).iter().filter(|told| told.contains("HIGH")).count(), 0);
    }
    let told = bench.wait_s(300);
    assert!(told.contains(&"1 fridge-1 HIGH Unshelved: 9.1 °C > 8 °C for 30 s".to_owned()), "{told:?}");
    assert_eq!(state(&bench), AlarmState::ActiveUnacknowledged);
}

#[test]
fn what_comes_and_goes_on_the_shelf_is_recorded_on_the_same_alarm() {
    let mut bench = warm_fridge();
    shelve(&mut bench, 1, HOUR_MS).unwrap();
    bench.read(TEMPERATURE, 4.0);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Returned: 4.0 °C"]);
    bench.read(TEMPERATURE, 9.5);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 HIGH Reoccurred: 9.5 °C > 8 °C for 30 s"]);
    bench.read(TEMPERATURE, 4.0);
    bench.wait_s(10);
    assert_eq!(state(&bench), AlarmState::Shelved);
    let told = bench.act(Deed::Unshelve(AlarmId(1))).unwrap();
    assert_eq!((told, bench.open()), (vec!["1 fridge-1 HIGH Unshelved by officer".to_owned()], vec![]));
    bench.read(TEMPERATURE, 9.5);
    assert_eq!(bench.wait_s(30), ["2 fridge-1 HIGH Raised: 9.5 °C > 8 °C for 30 s"]);
}

#[test]
fn a_danger_to_life_cannot_be_shelved_and_no_shelf_ends_in_the_past() {
    let mut bench = Bench::online();
    bench.read(TRAPPED, true);
    let refused = ActionError::Refused { alarm: AlarmId(1), refusal: AlarmRefusal::SeverityOne };
    assert_eq!(shelve(&mut bench, 1, HOUR_MS), Err(refused));
    let mut bench = warm_fridge();
    assert_eq!(shelve(&mut bench, 1, 0), Err(ActionError::EndsInThePast));
    let refused = ActionError::Refused { alarm: AlarmId(1), refusal: AlarmRefusal::NotSetAside };
    assert_eq!(bench.act(Deed::Unshelve(AlarmId(1))), Err(refused));
}

#[test]
fn a_shelf_survives_a_restart_by_its_wall_time_and_no_jump_afterwards_shortens_it() {
    let mut before = warm_fridge();
    shelve(&mut before, 1, HOUR_MS).unwrap();
    let mut bench = Bench::continuing(before.engine.open_alarms().cloned().collect());
    // Bench starts at the wall time of the start: an hour and the half minute before the shelving remain.
    bench.now.wall = bench.now.wall.plus_ms(10 * HOUR_MS);
    let unshelved = |told: Vec<String>| told.iter().any(|told| told.contains("Unshelved"));
    assert!(!unshelved(bench.wait_s(3600)));
    assert!(unshelved(bench.wait_s(30)));
}

#[test]
fn a_latched_alarm_stays_until_it_is_reset() {
    let mut bench = Bench::online();
    bench.read(CIRCUIT_OPEN, true);
    assert_eq!(bench.acknowledge(1).unwrap().len(), 1);
    let refused = ActionError::Refused { alarm: AlarmId(1), refusal: AlarmRefusal::StillActive };
    assert_eq!(bench.act(Deed::Reset(AlarmId(1))), Err(refused));
    assert_eq!(bench.read(CIRCUIT_OPEN, false), ["1 lift-1 EL-06 Returned: Safety circuit open: no"]);
    assert_eq!(state(&bench), AlarmState::LatchedAcknowledged);
    assert_eq!(bench.read(CIRCUIT_OPEN, true), ["1 lift-1 EL-06 Reoccurred: Safety circuit open: yes"]);
    bench.read(CIRCUIT_OPEN, false);
    bench.acknowledge(1).unwrap();
    assert_eq!(bench.act(Deed::Reset(AlarmId(1))).unwrap(), ["1 lift-1 EL-06 Reset by officer"]);
    assert_eq!(bench.open(), []);
    assert_eq!(bench.read(CIRCUIT_OPEN, true), ["2 lift-1 EL-06 Raised: Safety circuit open: yes"]);
}

#[test]
fn inspection_suppresses_by_design_and_its_end_asks_for_an_answer() {
    let mut bench = Bench::online();
    bench.read(MODE, 2);
    assert_eq!(bench.read(CIRCUIT_OPEN, true), ["1 lift-1 EL-06 Raised: Safety circuit open: yes"]);
    assert_eq!(state(&bench), AlarmState::Suppressed);
    let set_aside = bench.engine.open_alarms().next().unwrap().set_aside.clone().unwrap();
    assert_eq!((set_aside.by, set_aside.why.as_str()), (None, "服务模式：检修 / Mode: inspection"));
    assert_eq!(bench.read(MODE, 1), ["1 lift-1 EL-06 Unsuppressed: Safety circuit open: yes"]);
    assert_eq!(state(&bench), AlarmState::ActiveUnacknowledged);
    assert_eq!(bench.read(MODE, 2), ["1 lift-1 EL-06 Suppressed: Mode: inspection"]);
}

#[test]
fn nothing_of_a_device_out_of_service_calls_anybody_until_it_is_back() {
    let mut bench = Bench::online();
    bench.read(CIRCUIT_OPEN, true);
    assert_eq!(take_out(&mut bench, None, HOUR_MS).unwrap(), ["1 lift-1 EL-06 TakenOutOfService by officer"]);
    assert_eq!(take_out(&mut bench, None, HOUR_MS), Err(ActionError::AlreadyOutOfService));
    bench.read(TRAPPED, true);
    let states = [(1, AlarmState::OutOfService), (2, AlarmState::OutOfService)];
    assert_eq!(bench.open(), states, "recorded, and calling nobody");
    let told = bench.act(Deed::ReturnToService { device: lift(), rule: None }).unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    let states = [(1, AlarmState::ActiveUnacknowledged), (2, AlarmState::ActiveUnacknowledged)];
    assert_eq!(bench.open(), states);
    assert_eq!(bench.act(Deed::ReturnToService { device: lift(), rule: None }), Err(ActionError::InService));
}

#[test]
fn one_rule_out_of_service_leaves_the_others_and_ends_in_time() {
    let mut bench = Bench::online();
    assert_eq!(take_out(&mut bench, Some("EL-99"), HOUR_MS), Err(ActionError::NoSuchRule));
    take_out(&mut bench, Some("EL-06"), HOUR_MS).unwrap();
    bench.read(CIRCUIT_OPEN, true);
    bench.read(TRAPPED, true);
    let states = [(1, AlarmState::OutOfService), (2, AlarmState::ActiveUnacknowledged)];
    assert_eq!(bench.open(), states);
    let told = bench.wait_at_lift_s(3600);
    assert_eq!(told, ["1 lift-1 EL-06 ReturnedToService: Safety circuit open: yes"]);
    assert_eq!(bench.engine.out_of_service().count(), 0);
}

#[test]
fn service_is_told_to_be_stored_and_survives_a_restart() {
    let bench = Bench::online();
    let until = bench.now.wall.plus_ms(HOUR_MS);
    let by = UserName::new("officer").unwrap();
    let deed = Deed::TakeOutOfService { device: lift(), rule: None, until };
    let actions = [Action { deed, by: by.clone(), note: "大修".to_owned() }];
    let outcome = bench.engine.evaluate(&Input { actions: &actions, ..Input::default() }, bench.now);
    let since = bench.now.wall;
    let entry = OutOfService { device: lift(), rule: None, by, why: "大修".to_owned(), since, until };
    assert_eq!(outcome.service, [ServiceChange::Begun(entry.clone())]);

    let mut engine = Engine::new(Arc::clone(&PARSED), AlarmId(1), Vec::new());
    engine.restore_out_of_service([entry]);
    engine.set_registry(registry(devices()), bench.now);
    assert_eq!(engine.next_due(), Some(bench.now.mono));
    assert_eq!(engine.out_of_service().count(), 1);
    let later = Now { wall: bench.now.wall, mono: bench.now.mono.plus_ms(HOUR_MS.cast_unsigned()) };
    let outcome = engine.evaluate(&Input::default(), later);
    assert!(matches!(outcome.service[..], [ServiceChange::Ended { by: None, .. }]), "{:?}", outcome.service);
}
