//! What one reading costs the engine, on one core: `cargo run --release -p domain --example engine_speed`. A thousand
//! cold stores and a thousand gas detectors of the shipped profiles, batches of 20 000 readings that all change.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement of what is known to be right")]

use std::{fs, sync::Arc, time::Instant};

use domain::{
    engine::{Engine, Input},
    id::{AlarmId, DeviceId, MetricName, NodeId, OwnerId, ProfileId, SeriesId, SiteId, TownshipCode},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, Now, UnixMs},
};

const DEVICES: u32 = 1000;
const BATCH: u32 = 20_000;
const BATCHES: u32 = 200;
const START: i64 = 1_790_000_000_000;

fn main() {
    let files = ["cold_store", "gas_detector"].map(|name| {
        let path = format!("{}/../config/profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        (name.to_owned(), fs::read_to_string(path).unwrap())
    });
    let profiles = Arc::new(Profiles::parse(files).unwrap());
    let kinds = [("cold_store", "cold_store.temperature"), ("gas_detector", "gas.concentration")];
    let mut devices = Vec::new();
    for (kind, _) in kinds {
        devices.extend((0..DEVICES).map(|number| device(kind, number)));
    }
    let mut engine = Engine::new(profiles, AlarmId(1), Vec::new());
    for (number, (kind, metric)) in (0..).zip(kinds) {
        for device in 0..DEVICES {
            let id = DeviceId::new(format!("{kind}-{device}")).unwrap();
            engine.bind_series(SeriesId(number * DEVICES + device), id, MetricName::new(metric).unwrap());
        }
    }
    engine.set_registry(Arc::new(registry(devices)), now(0));
    let (mut seconds, mut transitions) = (0.0, 0);
    for batch in 0..BATCHES {
        let reading = |number: u32| Reading {
            series: SeriesId(number % (2 * DEVICES)),
            event_time: now(batch).wall,
            value: Some(Value::Float(2.0 + f64::from((batch * BATCH + number) % 59) / 10.0)),
            quality: Quality::Good,
        };
        let readings: Vec<Reading> = (0..BATCH).map(reading).collect();
        let started = Instant::now();
        let outcome = engine.evaluate(&Input { readings: &readings, ..Input::default() }, now(batch));
        transitions += outcome.transitions.len();
        engine.apply(outcome.delta);
        seconds += started.elapsed().as_secs_f64();
    }
    let readings = f64::from(BATCH) * f64::from(BATCHES);
    println!("{:.0} ns a reading, {transitions} transitions in {readings} readings", seconds / readings * 1e9);
}

fn now(second: u32) -> Now {
    Now { wall: UnixMs(START + i64::from(second) * 1000), mono: MonoMs(u64::from(second) * 1000) }
}

fn device(kind: &str, number: u32) -> Device {
    Device {
        id: DeviceId::new(format!("{kind}-{number}")).unwrap(),
        name: String::new(),
        site: SiteId::new("site").unwrap(),
        profile: ProfileId::new(kind).unwrap(),
        node: NodeId::new("node").unwrap(),
        nameplate: std::collections::BTreeMap::new(),
    }
}

fn registry(devices: Vec<Device>) -> Registry {
    let (township, owner) = (TownshipCode::new("500156003").unwrap(), OwnerId::new("owner").unwrap());
    let townships = vec![Township {
        code: township.clone(),
        name_zh: String::new(),
        name_en: String::new(),
        latitude_deg: 29.4,
        longitude_deg: 107.8,
    }];
    let owners = vec![Owner { id: owner.clone(), name: String::new(), phone: String::new() }];
    let site = SiteId::new("site").unwrap();
    let sites = vec![Site { id: site, name: String::new(), township, owner, address: String::new() }];
    Registry::build(townships, Vec::new(), owners, sites, devices).unwrap()
}
