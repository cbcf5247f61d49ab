use rand::SeedableRng;

use super::*;

const STEP_S: f64 = 0.1;

fn lift() -> (Elevator, Chance) {
    let mut chance = Chance::seed_from_u64(9);
    let config = Config {
        lowest_floor: -1,
        landings: 12,
        rated_m_per_s: 1.75,
        fault_codes: report::FaultCodes::ChongqingPlatform,
        call_every_s: 20.0,
    };
    (Elevator::new(config, &mut chance), chance)
}

fn run(lift: &mut Elevator, chance: &mut Chance, seconds: u32, troubles: &Troubles, mut check: impl FnMut(&Elevator)) {
    for _ in 0..seconds * 10 {
        lift.step(STEP_S, troubles, chance);
        check(lift);
    }
}

#[test]
fn an_hour_of_service_keeps_doors_shut_between_floors_and_the_car_within_its_shaft() {
    let (mut lift, mut chance) = lift();
    let before = lift.trip_count;
    run(&mut lift, &mut chance, 3600, &Troubles::default(), |lift| {
        assert!((-0.01..=36.31).contains(&lift.position_m), "at {} m", lift.position_m);
        assert!(lift.velocity_m_per_s.abs() < 1.75 * 1.05);
        assert!(lift.is_door_closed() || lift.velocity_m_per_s == 0.0);
        assert!(lift.is_door_closed() || lift.is_in_door_zone());
    });
    assert!((30..300).contains(&(lift.trip_count - before)), "{} trips", lift.trip_count - before);
}

#[test]
fn entrapment_holds_people_between_two_floors_until_rescue_opens_the_doors() {
    let (mut lift, mut chance) = lift();
    run(&mut lift, &mut chance, 60, &Troubles::of(&[(Kind::Entrapment, 0.0)]), |_| {});
    assert!(lift.has_passengers && lift.is_door_closed() && !lift.is_in_door_zone());
    assert_eq!(lift.registers().input[8], 93);
    run(&mut lift, &mut chance, 60, &Troubles::default(), |_| {});
    assert!(lift.is_in_door_zone());
    assert_eq!(lift.registers().input[8], 0);
}

#[test]
fn each_trouble_shows_its_code() {
    for (kind, code) in [
        (Kind::AlarmButton, 90),
        (Kind::SafetyCircuitOpen, 1),
        (Kind::StopOffFloor, 4),
        (Kind::MovesWithDoorOpen, 5),
        (Kind::DoorJammed, 2),
        (Kind::MainsLost, 41),
        (Kind::Inspection, 43),
    ] {
        let (mut lift, mut chance) = lift();
        run(&mut lift, &mut chance, 60, &Troubles::of(&[(kind, 0.0)]), |_| {});
        assert_eq!(lift.registers().input[8], code, "{kind:?}");
    }
}

#[test]
fn a_failing_drive_exceeds_the_governor_speed() {
    let (mut lift, mut chance) = lift();
    let mut highest: f64 = 0.0;
    run(&mut lift, &mut chance, 120, &Troubles::of(&[(Kind::Overspeed, 0.0)]), |lift| {
        highest = highest.max(lift.velocity_m_per_s.abs());
    });
    assert!(highest > 1.15 * 1.75, "{highest} m/s");
}

#[test]
fn an_uncontrolled_car_leaves_its_landing_with_open_doors_and_is_caught() {
    let (mut lift, mut chance) = lift();
    let started_at_m = lift.position_m;
    run(&mut lift, &mut chance, 20, &Troubles::of(&[(Kind::MovesWithDoorOpen, 0.0)]), |_| {});
    let left_m = (lift.position_m - started_at_m).abs();
    assert!((0.5..1.2).contains(&left_m) && lift.velocity_m_per_s == 0.0, "{left_m} m");
}
