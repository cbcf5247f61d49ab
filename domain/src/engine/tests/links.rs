//! Offline and stale.

use super::*;
use crate::id::RuleId;

#[test]
fn at_the_start_every_link_is_unknown_and_the_node_speaks_for_its_devices() {
    let mut bench = Bench::new();
    assert_eq!(bench.wait_s(19), QUIET);
    assert_eq!(
        bench.wait_s(600),
        [
            "1 node-1 OP-01 Raised: no data connection for 20 s; 4 devices unwatched: 1 × Fridge, 1 × Boiler, 1 × Cellar, 1 other"
        ]
    );
}

#[test]
fn a_device_that_goes_offline_alone_has_its_own_alarm() {
    let mut bench = Bench::online();
    bench.links(&[("fridge-1", Link::Offline)]);
    assert_eq!(bench.wait_s(600), ["1 fridge-1 OP-01 Raised: no data connection for 45 s"]);
    assert_eq!(bench.links(&[("fridge-1", Link::Online)]), ["1 fridge-1 OP-01 Returned: online again"]);
}

#[test]
fn a_node_that_goes_offline_takes_its_devices_along_under_its_own_alarm() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 5.0);
    bench.links(&[("node-1", Link::Offline)]);
    assert_eq!(
        bench.wait_s(600),
        [
            "1 node-1 OP-01 Raised: no data connection for 20 s; 4 devices unwatched: 1 × Fridge, 1 × Boiler, 1 × Cellar, 1 other"
        ]
    );
    assert_eq!(bench.links(&[("node-1", Link::Online)]), ["1 node-1 OP-01 Returned: online again"]);
    let words = "2 fridge-1 OP-01 Raised: no data connection for 45 s";
    assert_eq!(bench.wait_s(600), [words], "the node is back, the fridge was not born again");
}

#[test]
fn an_offline_alarm_raised_before_its_node_died_stays_until_something_is_known() {
    let mut bench = Bench::online();
    bench.links(&[("fridge-1", Link::Offline)]);
    bench.wait_s(45);
    bench.links(&[("node-1", Link::Offline)]);
    bench.wait_s(60);
    assert_eq!(bench.open().len(), 2);
    bench.links(&[("node-1", Link::Online)]);
    assert_eq!(bench.links(&[("fridge-1", Link::Online)]), ["1 fridge-1 OP-01 Returned: online again"]);
}

#[test]
fn a_metric_without_usable_readings_is_stale_while_its_device_is_online() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 5.0);
    bench.wait_s(30);
    let bad = Reading { value: None, quality: Quality::Bad, ..bench.reading(TEMPERATURE, 0.0) };
    assert_eq!(bench.play_reading(bad), QUIET);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 OP-03 Raised: Temperature: no usable reading for 60 s"]);
    bench.read(TEMPERATURE, 5.0);
    assert_eq!(bench.wait_s(5), ["1 fridge-1 OP-03 Returned: readings are back"]);
}

#[test]
fn readings_keep_a_metric_fresh_and_old_ones_do_not() {
    let mut bench = Bench::online();
    for _ in 0..10 {
        bench.read(TEMPERATURE, 5.0);
        assert_eq!(bench.wait_s(50), QUIET);
    }
    let past = Reading { event_time: bench.now.wall.plus_ms(-90_000), ..bench.reading(TEMPERATURE, 5.0) };
    bench.play_reading(past);
    assert_eq!(bench.wait_s(10).len(), 1, "a backlog says nothing about the sensor's present");
}

#[test]
fn coming_online_gives_time_to_report_but_only_a_reading_ends_a_stale_alarm() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 5.0);
    bench.wait_s(60);
    bench.links(&[("fridge-1", Link::Offline)]);
    bench.links(&[("fridge-1", Link::Online)]);
    assert_eq!(bench.wait_s(120), QUIET);
    assert_eq!(bench.open(), [(1, AlarmState::ActiveUnacknowledged)]);
    bench.read(TEMPERATURE, 5.0);
    assert_eq!(bench.wait_s(5), ["1 fridge-1 OP-03 Returned: readings are back"]);
}

#[test]
fn a_process_alarm_survives_the_loss_of_the_link_and_a_pending_one_is_raised() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(10);
    bench.links(&[("node-1", Link::Offline)]);
    let told = bench.wait_s(3600);
    assert_eq!(
        told,
        [
            "1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s",
            "2 node-1 OP-01 Raised: no data connection for 20 s; 4 devices unwatched: 1 × Fridge, 1 × Boiler, 1 × Cellar, 1 other"
        ]
    );
}

#[test]
fn a_change_for_another_node_than_the_registered_one_is_not_believed() {
    let mut bench = Bench::online();
    let foreign = LinkChange { node: NodeId::new("node-2").unwrap(), ..bench.link("fridge-1", Link::Offline) };
    bench.play(&Input { links: &[foreign], ..Input::default() });
    assert_eq!(bench.wait_s(50), QUIET);
}

#[test]
fn an_open_alarm_goes_on_after_a_restart() {
    let mut bench = Bench::online();
    bench.read(TEMPERATURE, 9.1);
    bench.wait_s(30);
    bench.links(&[("node-1", Link::Offline)]);
    bench.wait_s(20);
    let open: Vec<OpenAlarm> = bench.engine.open_alarms().cloned().collect();
    assert_eq!(open.len(), 2);

    let mut bench = Bench::continuing(open);
    assert_eq!(bench.wait_s(600), QUIET, "nothing is known to have gone, and nothing is raised twice");
    let told = bench.links(&[("node-1", Link::Online), ("fridge-1", Link::Online)]);
    assert_eq!(told, ["2 node-1 OP-01 Returned: online again"]);
    bench.read(TEMPERATURE, 5.0);
    assert_eq!(bench.wait_s(10), ["1 fridge-1 HIGH Returned: 5.0 °C"]);
    bench.read(TEMPERATURE, 9.5);
    bench.wait_s(30);
    let open = bench.engine.open_alarms().find(|alarm| alarm.rule == RuleId::new("HIGH").unwrap()).unwrap();
    assert_eq!((open.id, open.occurrence_count), (AlarmId(1), 2));
}

#[test]
fn the_last_stored_values_go_on_being_judged_after_a_restart() {
    let mut bench = Bench::new();
    bench.links(&[("node-1", Link::Online), ("fridge-1", Link::Online), ("lift-1", Link::Online)]);
    let stored = bench.reading(TEMPERATURE, 9.1);
    bench.wait_s(1);
    bench.engine.restore_latest([stored.clone()]);
    let past = Reading { event_time: stored.event_time.plus_ms(-1), ..bench.reading(TEMPERATURE, 5.0) };
    bench.play_reading(past);
    assert_eq!(bench.wait_s(30), ["1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}
