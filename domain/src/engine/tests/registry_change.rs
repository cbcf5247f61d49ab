//! Devices that come, go and move.

use super::*;

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
