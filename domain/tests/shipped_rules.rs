//! The rules as they are shipped, where they are more than one limit: a lift and a wheel in their worst moments.

#![allow(clippy::unwrap_used, reason = "an assertion, in a test")]

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use domain::{
    engine::{Engine, Input, Link, LinkChange},
    id::{AlarmId, DeviceId, MetricName, NodeId, OwnerId, ProfileId, SeriesId, SiteId, TownshipCode},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, Now, UnixMs},
};

/// One device of a shipped profile, with all its metrics bound.
struct Watched {
    engine: Engine,
    series: BTreeMap<String, SeriesId>,
    now: Now,
}

impl Watched {
    fn new(profile: &str, nameplate: &[(&str, f64)]) -> Self {
        let file = format!("{profile}.toml");
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config/profiles").join(&file);
        let profiles = Profiles::parse([(file, fs::read_to_string(path).unwrap())]).unwrap();
        let profile = ProfileId::new(profile).unwrap();
        let now = Now { wall: UnixMs(1_790_812_800_000), mono: MonoMs(0) };
        let device = DeviceId::new("device-1").unwrap();
        let metrics: Vec<MetricName> =
            profiles.get(&profile).unwrap().metrics.iter().map(|metric| metric.name.clone()).collect();
        let registry = registry(Device {
            id: device.clone(),
            name: String::new(),
            site: SiteId::new("site").unwrap(),
            profile,
            node: NodeId::new("node-1").unwrap(),
            nameplate: nameplate.iter().map(|&(key, number)| (key.to_owned(), number)).collect(),
        });
        let mut engine = Engine::new(Arc::new(profiles), AlarmId(1), Vec::new());
        let mut series = BTreeMap::new();
        for (number, metric) in (1..).zip(metrics) {
            series.insert(metric.to_string(), SeriesId(number));
            engine.bind_series(SeriesId(number), device.clone(), metric);
        }
        engine.set_registry(Arc::new(registry), now);
        let online = LinkChange {
            device: device.clone(),
            node: NodeId::new("node-1").unwrap(),
            link: Link::Online,
            at: now.wall,
        };
        let outcome = engine.evaluate(&Input { links: &[online], ..Input::default() }, now);
        engine.apply(outcome.delta);
        Self { engine, series, now }
    }

    /// What these values lead to, as far as it calls somebody.
    fn read(&mut self, values: &[(&str, Value)]) -> Vec<String> {
        let reading = |(metric, value): &(&str, Value)| Reading {
            series: self.series[*metric],
            event_time: self.now.wall,
            value: Some(value.clone()),
            quality: Quality::Good,
        };
        let readings: Vec<Reading> = values.iter().map(reading).collect();
        self.evaluate(&readings)
    }

    /// Rules about values that are raised while time passes; that nothing more is read is not the point here.
    fn wait_s(&mut self, seconds: u64) -> Vec<String> {
        let end = self.now.mono.plus_ms(seconds * 1000);
        let mut raised = Vec::new();
        while let Some(due) = self.engine.next_due().filter(|&due| due <= end) {
            self.move_to(due);
            raised.extend(self.evaluate(&[]));
        }
        self.move_to(end);
        raised.retain(|rule| !rule.starts_with("OP-01") && !rule.starts_with("OP-03"));
        raised
    }

    fn move_to(&mut self, at: MonoMs) {
        let elapsed_ms = at.since_ms(self.now.mono).cast_signed();
        self.now = Now { wall: self.now.wall.plus_ms(elapsed_ms), mono: at.max(self.now.mono) };
    }

    fn evaluate(&mut self, readings: &[Reading]) -> Vec<String> {
        let outcome = self.engine.evaluate(&Input { readings, ..Input::default() }, self.now);
        self.engine.apply(outcome.delta);
        let calling = outcome.transitions.iter().filter(|transition| !transition.state.is_set_aside());
        calling.map(|transition| format!("{} {:?}", transition.rule, transition.what)).collect()
    }
}

fn registry(device: Device) -> Registry {
    let township = TownshipCode::new("500156003").unwrap();
    let owner = OwnerId::new("owner").unwrap();
    let townships = vec![Township {
        code: township.clone(),
        name_zh: String::new(),
        name_en: String::new(),
        latitude_deg: 29.4,
        longitude_deg: 107.8,
    }];
    let owners = vec![Owner { id: owner.clone(), name: String::new(), phone: String::new() }];
    let sites = vec![Site { id: device.site.clone(), name: String::new(), township, owner, address: String::new() }];
    Registry::build(townships, Vec::new(), owners, sites, vec![device]).unwrap()
}

/// A lift in ordinary service that stands at a floor with its door closed and nobody inside.
fn lift() -> Watched {
    let mut lift = Watched::new("elevator", &[("rated_speed_m_per_s", 2.0)]);
    let quiet = lift.read(&[
        ("elevator.service_mode", Value::Int(1)),
        ("elevator.car_running", false.into()),
        ("elevator.in_door_zone", true.into()),
        ("elevator.door_closed", true.into()),
        ("elevator.passenger_present", false.into()),
        ("elevator.speed", 0.0.into()),
    ]);
    assert!(quiet.is_empty(), "{quiet:?}");
    lift
}

const NOTHING: [&str; 0] = [];

#[test]
fn people_behind_a_closed_door_at_a_floor_are_trapped_after_90_s_until_the_door_opens() {
    let mut lift = lift();
    lift.read(&[("elevator.passenger_present", true.into())]);
    assert_eq!(lift.wait_s(89), NOTHING);
    assert_eq!(lift.wait_s(1), ["EL-01 Raised"]);
    lift.read(&[("elevator.passenger_present", false.into())]);
    assert_eq!(lift.wait_s(300), NOTHING, "a sensor that loses a motionless person frees nobody");
    lift.read(&[("elevator.door_closed", false.into())]);
    assert_eq!(lift.wait_s(2), ["EL-01 Returned"]);
}

#[test]
fn people_between_floors_are_trapped_after_30_s_and_an_empty_car_is_a_lesser_matter() {
    let mut lift = lift();
    lift.read(&[("elevator.passenger_present", true.into()), ("elevator.in_door_zone", false.into())]);
    assert_eq!(lift.wait_s(30), ["EL-01 Raised"]);
    let mut lift = self::lift();
    lift.read(&[("elevator.in_door_zone", false.into())]);
    assert_eq!(lift.wait_s(300), ["EL-05 Raised"]);
}

#[test]
fn inspection_silences_everything_but_the_alarm_button() {
    let mut lift = lift();
    lift.read(&[("elevator.service_mode", Value::Int(2))]);
    let events =
        ["entrapment", "moves_with_door_open", "overspeed", "safety_circuit_open", "over_travel", "door_fault"];
    for event in events {
        assert_eq!(lift.read(&[(&format!("elevator.{event}"), true.into())]), NOTHING, "{event}");
    }
    assert_eq!(lift.read(&[("elevator.alarm_button", true.into())]), ["EL-02 Raised"]);
    assert_eq!(lift.wait_s(300), NOTHING);
}

#[test]
fn a_lift_in_fire_mode_still_tells_of_trapped_people() {
    let mut lift = lift();
    lift.read(&[("elevator.service_mode", Value::Int(4))]);
    assert_eq!(lift.read(&[("elevator.safety_circuit_open", true.into())]), NOTHING);
    assert_eq!(lift.read(&[("elevator.entrapment", true.into())]), ["EL-01 Raised"]);
}

#[test]
fn a_lift_that_runs_away_is_told_by_speed_or_by_its_controller() {
    let mut lift = lift();
    lift.read(&[("elevator.speed", 2.31.into())]);
    assert_eq!(lift.wait_s(1), ["EL-04 Raised"]);
    let mut lift = self::lift();
    assert_eq!(lift.read(&[("elevator.overspeed", true.into())]), ["EL-04 Raised"]);
}

#[test]
fn a_lift_that_falls_by_a_source_that_counts_downwards_as_negative_is_told_alike() {
    let mut lift = lift();
    lift.read(&[("elevator.speed", (-2.31).into())]);
    assert_eq!(lift.wait_s(1), ["EL-04 Raised"]);
    let mut lift = self::lift();
    lift.read(&[("elevator.speed", (-0.2).into()), ("elevator.door_closed", false.into())]);
    assert_eq!(lift.wait_s(1), ["EL-03 Raised"]);
    let mut lift = self::lift();
    lift.read(&[("elevator.speed", (-2.0).into())]);
    assert_eq!(lift.wait_s(60), NOTHING, "downwards at its rated speed");
}

#[test]
fn a_hot_water_boiler_is_watched_by_pressure_too() {
    let plate = [("allowed_pressure_mpa", 0.7), ("low_pressure_mpa", 0.2)];
    let mut boiler = Watched::new("hot_water_boiler", &plate);
    boiler.read(&[("boiler.outlet_pressure", 0.67.into()), ("boiler.burner_running", true.into())]);
    assert_eq!(boiler.wait_s(15), ["BO-01-H Raised"]);
    boiler.read(&[("boiler.outlet_pressure", 0.7.into())]);
    assert_eq!(boiler.wait_s(5), ["BO-01-HH Raised"]);
    let mut boiler = Watched::new("hot_water_boiler", &plate);
    boiler.read(&[("boiler.outlet_pressure", 0.15.into()), ("boiler.burner_running", false.into())]);
    assert_eq!(boiler.wait_s(60), NOTHING, "nothing boils without a fire");
    boiler.read(&[("boiler.burner_running", true.into())]);
    assert_eq!(boiler.wait_s(15), ["BO-01-L Raised"]);
}

#[test]
fn water_far_too_high_steam_too_hot_and_a_ride_too_fast_are_told_by_their_nameplates() {
    let mut boiler = Watched::new("steam_boiler", &[("extreme_high_water_mm", 90.0), ("steam_limit_c", 194.0)]);
    boiler.read(&[("boiler.water_level", 95.0.into()), ("boiler.steam_temperature", 200.0.into())]);
    assert_eq!(boiler.wait_s(60), ["BO-02-HH Raised", "BO-02-H Raised", "BO-06 Raised"]);
    let mut ride = Watched::new("ride_wind", &[("rated_speed_m_per_s", 10.0)]);
    ride.read(&[("ride.speed", (-11.5).into())]);
    assert_eq!(ride.wait_s(1), ["RD-02 Raised"]);
}

#[test]
fn a_lift_tells_of_its_controller_its_mains_its_door_and_of_codes_that_nobody_knows() {
    for (event, rule) in [("controller_fault", "EL-09"), ("mains_lost", "EL-10"), ("unknown_code", "EL-11")] {
        let told = lift().read(&[(&format!("elevator.{event}"), true.into())]);
        assert_eq!(told, [format!("{rule} Raised")]);
    }
    let mut lift = lift();
    lift.read(&[("elevator.door_closed", false.into())]);
    assert_eq!(lift.wait_s(60), ["EL-07-O Raised"]);
}

#[test]
fn a_lift_that_levels_itself_again_and_again_is_told_and_one_that_does_now_and_then_is_not() {
    let levels = |every_min: i64| {
        let mut lift = lift();
        let mut told = Vec::new();
        for minute in 0..30 {
            told.extend(lift.read(&[("elevator.relevelling_count", (7_000 + minute / every_min).into())]));
            told.extend(lift.wait_s(60));
        }
        told.retain(|told| told.starts_with("EL-12"));
        told
    };
    assert_eq!(levels(1), ["EL-12 Raised"]);
    assert_eq!(levels(3), NOTHING);
}

#[test]
fn a_gust_stops_a_wheel_that_runs_and_not_one_that_stands() {
    let mut wheel = Watched::new("ride_wind", &[]);
    wheel.read(&[("ride.running", false.into()), ("ride.wind_gust", 17.0.into())]);
    assert_eq!(wheel.wait_s(60), NOTHING);
    wheel.read(&[("ride.running", true.into())]);
    assert_eq!(wheel.wait_s(3), ["RD-01-HH Raised"]);
}

#[test]
fn a_boiler_is_judged_by_its_own_allowed_pressure() {
    let mut boiler = Watched::new("steam_boiler", &[("allowed_pressure_mpa", 0.8)]);
    boiler.read(&[("boiler.steam_pressure", 0.77.into())]);
    assert_eq!(boiler.wait_s(15), ["BO-01-H Raised"]);
    boiler.read(&[("boiler.steam_pressure", 0.8.into())]);
    assert_eq!(boiler.wait_s(5), ["BO-01-HH Raised"]);
    let mut unknown = Watched::new("steam_boiler", &[]);
    unknown.read(&[("boiler.steam_pressure", 5.0.into())]);
    assert_eq!(unknown.wait_s(60), NOTHING);
}

/// What a boiler whose pressure is read as the same number for so many minutes is told for.
fn stand_still(boiler: &mut Watched, is_burning: bool, minutes: u64) -> Vec<String> {
    let mut told = Vec::new();
    for half_minute in 0..2 * minutes {
        // The level moves, and its rule has nothing to say.
        let level = f64::from(u32::try_from(half_minute % 20).unwrap());
        told.extend(boiler.read(&[
            ("boiler.burner_running", is_burning.into()),
            ("boiler.steam_pressure", 0.652.into()),
            ("boiler.water_level", level.into()),
        ]));
        told.extend(boiler.wait_s(30));
    }
    told.retain(|told| told.starts_with("OP-02"));
    told
}

#[test]
fn a_pressure_that_stands_still_is_told_while_the_burner_fires_and_not_after_a_quiet_night() {
    let mut boiler = Watched::new("steam_boiler", &[("allowed_pressure_mpa", 1.0)]);
    assert_eq!(stand_still(&mut boiler, false, 300), NOTHING);
    assert_eq!(stand_still(&mut boiler, true, 12), NOTHING, "it has not burned for a quarter of an hour");
    assert_eq!(stand_still(&mut boiler, true, 8), ["OP-02 Raised"]);
    let moved = boiler.read(&[("boiler.steam_pressure", 0.653.into())]);
    assert!(moved.contains(&"OP-02 Returned".to_owned()), "{moved:?}");
}

#[test]
fn a_kitchens_papers_are_watched_though_nobody_speaks_for_them() {
    let due =
        [("licence_due", 20_261_215.0), ("health_certificate_due", 20_261_105.0), ("duct_cleaning_due", 20_270_301.0)];
    let mut papers = Watched::new("food_business", &due);
    assert!(papers.series.is_empty(), "it measures nothing");
    assert_eq!(papers.wait_s(20 * 86_400), ["CT-04 Raised", "CT-03 Raised"]);
    assert_eq!(papers.wait_s(60 * 86_400), ["CT-04 SeverityChanged", "CT-03 SeverityChanged", "CT-03 SeverityChanged"]);
}
