//! What an offline node leaves unwatched, hours in which silence is no news, and silence that grows worse.

use super::*;

pub(super) const CAMERA: &str = r#"
id = "camera"
title = { zh = "摄像头", en = "Camera" }
category = "kitchen"
metrics = [{ name = "state", title = { zh = "画面", en = "Picture" }, report_interval_s = 30, stale_after_s = 120 }]

[[rules]]
id = "OP-01"
title = { zh = "离线", en = "Camera offline" }
severity = "IV"
condition = "offline"
worsens = [{ after_s = 1800, severity = "III" }, { after_s = 86400, severity = "II" }]
only_between = { from_h = { default = 6, nameplate = "opens_h" }, to_h = { default = 21, nameplate = "closes_h" } }
on_delay_s = 300
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "OP-03"
title = { zh = "无读数", en = "No state" }
severity = "IV"
condition.stale = { metrics = ["state"] }
worsens = [{ after_s = 3600, severity = "III" }]
only_between = { from_h = { default = 6, nameplate = "opens_h" }, to_h = { default = 21, nameplate = "closes_h" } }
on_delay_s = 0
off_delay_s = 5
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

pub(super) const DETECTOR: &str = r#"
id = "detector"
title = { zh = "燃气探测器", en = "Gas detector" }
category = "gas"

[[rules]]
id = "OP-01"
title = { zh = "离线", en = "Gas detector offline" }
severity = "II"
condition = "offline"
on_delay_s = 60
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

pub(super) const LICENCE: &str = r#"
id = "licence"
title = { zh = "许可证", en = "Licence" }
category = "kitchen"

[[rules]]
id = "DUE"
title = { zh = "到期", en = "Due" }
severity = "II"
condition.due = { date = { nameplate = "licence_due" }, steps = [{ days_before = 0, severity = "II" }] }
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

/// The bench begins at eight in the morning, Beijing time.
const HOUR_S: u64 = 3600;

fn district(devices: Vec<Device>) -> Bench {
    let mut bench = Bench::new();
    let links: Vec<(String, Link)> = devices.iter().map(|device| (device.id.to_string(), Link::Online)).collect();
    bench.engine.set_registry(registry(devices), bench.now);
    let links: Vec<(&str, Link)> = links.iter().map(|(id, link)| (id.as_str(), *link)).collect();
    assert_eq!(bench.links(&links), QUIET);
    bench
}

fn kitchen(node: &[(&str, f64)]) -> Bench {
    district(vec![
        device("node-1", "edge_node", node),
        device("camera-1", "camera", &[]),
        device("camera-2", "camera", &[]),
        device("detector-1", "detector", &[]),
        // On paper: it is never unwatched.
        device("licence-1", "licence", &[("licence_due", 20_271_231.0)]),
    ])
}

fn alarm<'a>(bench: &'a Bench, device: &str) -> Option<&'a OpenAlarm> {
    bench.engine.open_alarms().find(|alarm| alarm.device.as_str() == device)
}

#[test]
fn a_dark_node_is_as_bad_as_the_worst_that_it_leaves_unwatched_and_names_it() {
    let mut bench = kitchen(&[]);
    bench.links(&[("node-1", Link::Offline)]);
    let words = "no data connection for 20 s; 3 devices unwatched: 1 × Gas detector, 2 × Camera";
    assert_eq!(bench.wait_s(600), [format!("1 node-1 OP-01 Raised: {words}")]);
    let node = alarm(&bench, "node-1").unwrap();
    assert_eq!(node.severity, Severity::II);
    assert_eq!(node.cause.zh, "无数据连接，持续 20 秒；3 台设备失去监测：燃气探测器 1 台、摄像头 2 台");

    let mut cameras = district(vec![device("node-1", "edge_node", &[]), device("camera-1", "camera", &[])]);
    cameras.links(&[("node-1", Link::Offline)]);
    cameras.wait_s(600);
    assert_eq!(alarm(&cameras, "node-1").unwrap().severity, Severity::III, "its own, which is worse than theirs");
    cameras.wait_s(24 * HOUR_S - 600);
    assert_eq!(alarm(&cameras, "node-1").unwrap().severity, Severity::II, "dark for a day");
}

#[test]
fn what_is_out_of_service_makes_a_dark_node_no_worse_until_it_is_back() {
    let mut bench = kitchen(&[]);
    let detector = DeviceId::new("detector-1").unwrap();
    let until = bench.now.wall.plus_ms(86_400_000);
    bench.act(Deed::TakeOutOfService { device: detector.clone(), rule: None, until }).unwrap();
    bench.links(&[("node-1", Link::Offline)]);
    bench.wait_s(600);
    assert_eq!(alarm(&bench, "node-1").unwrap().severity, Severity::III);
    bench.act(Deed::ReturnToService { device: detector, rule: None }).unwrap();
    bench.wait_s(20);
    assert_eq!(alarm(&bench, "node-1").unwrap().severity, Severity::II);
}

#[test]
fn a_kitchen_that_cuts_its_power_at_night_calls_nobody_and_its_gas_detector_does() {
    let mut bench = kitchen(&[("opens_h", 6.0), ("closes_h", 21.0)]);
    bench.wait_s(14 * HOUR_S);
    bench.links(&[("node-1", Link::Offline)]);
    let told = bench.wait_s(7 * HOUR_S);
    assert_eq!(told, ["1 detector-1 OP-01 Raised: no data connection for 60 s"], "ten at night to five");
    bench.links(&[("node-1", Link::Online), ("camera-1", Link::Online), ("camera-2", Link::Online)]);
    bench.links(&[("detector-1", Link::Online)]);
    assert_eq!(bench.wait_s(2 * HOUR_S), QUIET);

    // It stays dark past its opening: from then on it is counted, and its node speaks for all of it.
    bench.wait_s(14 * HOUR_S);
    bench.links(&[("node-1", Link::Offline)]);
    assert_eq!(bench.wait_s(7 * HOUR_S), ["1 detector-1 OP-01 Reoccurred: no data connection for 60 s"]);
    assert_eq!(bench.wait_s(2 * HOUR_S + 20).len(), 1, "the node's, at its opening");
    assert_eq!(alarm(&bench, "node-1").unwrap().severity, Severity::II);
}

#[test]
fn a_dark_camera_grows_worse_and_its_time_runs_on_over_night() {
    let mut bench = kitchen(&[]);
    bench.links(&[("camera-1", Link::Offline)]);
    assert_eq!(bench.wait_s(299), QUIET);
    assert_eq!(bench.wait_s(1), ["1 camera-1 OP-01 Raised: no data connection for 300 s".replace("300 s", "5 min")]);
    assert_eq!(bench.wait_s(1500), ["1 camera-1 OP-01 SeverityChanged: no data connection for 30 min"]);
    assert_eq!(alarm(&bench, "camera-1").unwrap().severity, Severity::III);
    assert_eq!(bench.wait_s(24 * HOUR_S - 1801), QUIET, "over night nobody is called, and nothing is taken back");
    assert_eq!(bench.wait_s(1), ["1 camera-1 OP-01 SeverityChanged: no data connection for 24 h"]);
    assert_eq!(bench.links(&[("camera-1", Link::Online)]), ["1 camera-1 OP-01 Returned: online again"]);
}

#[test]
fn a_step_that_falls_into_the_night_waits_for_the_morning() {
    let mut bench = kitchen(&[]);
    bench.wait_s(12 * HOUR_S + 2700);
    bench.links(&[("camera-1", Link::Offline)]);
    assert_eq!(bench.wait_s(600).len(), 1, "a quarter to nine and five minutes");
    assert_eq!(bench.wait_s(9 * HOUR_S + 600), ["1 camera-1 OP-01 SeverityChanged: no data connection for 30 min"]);
}

#[test]
fn missing_readings_have_hours_and_grow_worse_too() {
    let mut bench = kitchen(&[]);
    let state = SeriesId(40);
    bench.engine.bind_series(state, DeviceId::new("camera-1").unwrap(), MetricName::new("state").unwrap());
    bench.read(state, 1_i64);
    assert_eq!(
        bench.wait_s(120),
        ["1 camera-1 OP-03 Raised: Picture: no usable reading for 120 s".replace("120 s", "2 min")]
    );
    assert_eq!(bench.wait_s(3600).len(), 1);
    assert_eq!(alarm(&bench, "camera-1").unwrap().severity, Severity::III);
    bench.read(state, 1_i64);
    bench.wait_s(12 * HOUR_S - 4000);
    bench.acknowledge(1).unwrap();
    bench.read(state, 1_i64);
    bench.wait_s(HOUR_S + 3000);
    let silent = bench.wait_s(5 * HOUR_S);
    assert_eq!(silent, QUIET, "at night");
}
