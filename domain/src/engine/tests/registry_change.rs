//! Devices that come, go and move.

use super::*;
use crate::{
    id::RuleId,
    registry::{Amendment, Amendments, Reach, Registry},
};

#[test]
fn what_is_known_of_a_device_that_stays_is_kept() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(20);
    let mut more = devices();
    more.push(device("fridge-2", "fridge", &[]));
    more[0].name = "another name".to_owned();
    bench.engine.set_registry(registry(more), bench.now);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}

#[test]
fn a_new_nameplate_is_judged_by_at_once() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(30);
    let mut changed = devices();
    changed[0].nameplate.insert("high_limit_c".to_owned(), 10.0);
    bench.engine.set_registry(registry(changed), bench.now);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Returned: 9.1 °C"]);
}

#[test]
fn the_alarms_of_a_device_that_left_are_closed() {
    let mut bench = Bench::online();
    bench.read(SPEED, 3.0);
    let without_lift: Vec<Device> = devices().into_iter().filter(|device| device.id.as_str() != "lift-1").collect();
    bench.engine.set_registry(registry(without_lift), bench.now);
    assert_eq!(bench.wait_s(0), ["1 lift-1 EL-04 Closed: 3.00 m/s ≥ 2.3 m/s"]);
    assert_eq!(bench.open(), []);
    assert_eq!(bench.read(SPEED, 3.0), QUIET);
}

#[test]
fn a_device_that_was_seen_before_it_was_registered_is_known_when_it_is() {
    let mut bench = Bench::online();
    let without_fridge: Vec<Device> = devices().into_iter().filter(|device| device.id.as_str() != "fridge-1").collect();
    bench.engine.set_registry(registry(without_fridge), bench.now);
    bench.links(&[("fridge-1", Link::Offline)]);
    bench.links(&[("fridge-1", Link::Online)]);
    bench.read(TEMPERATURE, 9.1);
    assert_eq!(bench.wait_s(40), QUIET);
    bench.engine.set_registry(registry(devices()), bench.now);
    assert_eq!(bench.wait_s(19), QUIET);
    assert_eq!(bench.wait_s(20)[..1], ["1 fridge-1 OP-03 Raised: Temperature: no usable reading for 60 s"]);
}

#[test]
fn a_device_that_moved_to_another_node_is_offline_until_that_node_speaks_for_it() {
    let mut bench = Bench::online();
    let mut moved = devices();
    moved[0].node = NodeId::new("node-2").unwrap();
    bench.engine.set_registry(registry(moved), bench.now);
    assert_eq!(bench.wait_s(45), ["1 fridge-1 OP-01 Raised: no data connection for 45 s"]);
    let born = LinkChange { node: NodeId::new("node-2").unwrap(), ..bench.link("fridge-1", Link::Online) };
    let told = bench.play(&Input { links: &[born], ..Input::default() });
    assert_eq!(told, ["1 fridge-1 OP-01 Returned: online again"]);
}

/// The registry with rule HIGH of fridges raised above 10 °C as far as `reach`.
fn amended(reach: Reach) -> Arc<Registry> {
    let profiles = Profiles::parse(PROFILES.map(|(file, text)| (file.to_owned(), text.to_owned()))).unwrap();
    let fridge = profiles.get(&ProfileId::new("fridge").unwrap()).unwrap();
    let high = fridge.rule(&RuleId::new("HIGH").unwrap()).unwrap();
    let definition = high.definition.replace("default = 8", "default = 10");
    assert_ne!(definition, high.definition);
    let amendment = Amendment {
        profile: fridge.id.clone(),
        reach,
        rule: Arc::new(fridge.parse_rule(&definition).unwrap()),
        by: "chief".to_owned(),
        at: UnixMs(0),
        why: "an old cold store".to_owned(),
    };
    Arc::new(Registry::clone(&registry(devices())).with_amendments(Arc::new(Amendments::new([amendment]))))
}

#[test]
fn a_rule_amended_for_a_device_is_judged_by_at_once_and_taken_back_at_once() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(30);
    bench.engine.set_registry(amended(Reach::Device(DeviceId::new("fridge-1").unwrap())), bench.now);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Returned: 9.1 °C"]);
    bench.acknowledge(1).unwrap();
    assert_eq!(bench.read(TEMPERATURE, 9.1), QUIET);
    bench.engine.set_registry(registry(devices()), bench.now);
    assert_eq!(bench.wait_s(30), ["2 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}

#[test]
fn an_amendment_for_elsewhere_changes_nothing_here() {
    let mut bench = Bench::online();
    bench.engine.set_registry(amended(Reach::Device(DeviceId::new("fridge-9").unwrap())), bench.now);
    bench.read(TEMPERATURE, 9.1);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}

#[test]
fn an_amendment_for_every_device_says_its_own_limit() {
    let mut bench = Bench::online();
    bench.engine.set_registry(amended(Reach::Everywhere), bench.now);
    bench.read(TEMPERATURE, 10.1);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 HIGH Raised: 10.1 °C > 10 °C for 30 s"]);
}
