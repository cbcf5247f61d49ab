//! One rule of each kind that is more than a limit.

use super::*;

pub(super) const PRESSURE: SeriesId = SeriesId(11);
pub(super) const OUTLET: SeriesId = SeriesId(12);
pub(super) const INLET: SeriesId = SeriesId(13);
pub(super) const BURNER: SeriesId = SeriesId(14);
pub(super) const MOTION: SeriesId = SeriesId(15);

pub(super) const BOILER: &str = r#"
id = "boiler"
title = { zh = "锅炉", en = "Boiler" }
category = "boiler"
metrics = [
    { name = "pressure", title = { zh = "压力", en = "Pressure" }, unit = "MPa", decimals = 2, report_interval_s = 10, stale_after_s = 60 },
    { name = "outlet", title = { zh = "出水", en = "Outlet" }, unit = "°C", decimals = 1, report_interval_s = 10, stale_after_s = 60 },
    { name = "inlet", title = { zh = "回水", en = "Return" }, unit = "°C", decimals = 1, report_interval_s = 10, stale_after_s = 60 },
    { name = "burner", title = { zh = "燃烧器", en = "Burner" }, report_interval_s = 10, stale_after_s = 60 },
    { name = "motion", title = { zh = "人员活动", en = "Motion" }, report_interval_s = 10, stale_after_s = 60 },
]

[[rules]]
id = "LEVELS"
title = { zh = "压力高", en = "Pressure high" }
severity = "II"
condition.levels = { metric = "pressure", levels = [
    { at_least = 0.95, severity = "II", for_s = 15 },
    { at_least = { default = 1.0, nameplate = "allowed_mpa" }, severity = "I", for_s = 5 },
], deadband = 0.02 }
on_delay_s = 0
off_delay_s = 15
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "TIMED"
title = { zh = "出水过热", en = "Outlet hot" }
severity = "III"
condition.levels = { metric = "outlet", levels = [
    { above = 95, severity = "III", for_s = 60 },
    { above = 95, severity = "II", for_s = 600 },
], deadband = 1 }
on_delay_s = 0
off_delay_s = 30
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "DEVIATION"
title = { zh = "温差大", en = "Spread wide" }
severity = "III"
condition.deviation = { metric = "outlet", from = "inlet", by = 30, deadband = 2 }
on_delay_s = 30
off_delay_s = 30
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "RATE"
title = { zh = "压力骤变", en = "Pressure moves fast" }
severity = "III"
condition.rate = { metric = "pressure", over_s = 60, rise = 0.1, fall = 0.1 }
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "STUCK"
title = { zh = "回水不变", en = "Return stuck" }
severity = "IV"
condition.stuck = { metric = "inlet", after_s = 600 }
only_while = [{ metric = "burner", is = [true] }]
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "NIGHT"
title = { zh = "夜间有人", en = "Somebody at night" }
severity = "III"
condition.state = { metric = "motion", is = [true] }
only_between = { from_h = 22, to_h = { default = 6, nameplate = "opens_h" } }
on_delay_s = 5
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "EXPRESSION"
title = { zh = "无火有压", en = "Pressure without fire" }
severity = "III"
condition.expression = "pressure > 0.9 && !burner"
on_delay_s = 20
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

pub(super) const CERTIFICATE: &str = r#"
[[rules]]
id = "CERTIFICATE"
title = { zh = "定期检验", en = "Inspection" }
severity = "II"
condition.due = { date = { nameplate = "inspection_due" }, steps = [
    { days_before = 30, severity = "IV" },
    { days_before = 7, severity = "III" },
    { days_before = 0, severity = "II" },
] }
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

/// What happened to the boiler while a value was read every ten seconds.
fn read_for_s(bench: &mut Bench, series: SeriesId, seconds: u64, value: impl Fn(u64) -> Value) -> Vec<String> {
    let mut told = Vec::new();
    for second in (0..seconds).step_by(10) {
        told.extend(bench.read(series, value(second)));
        told.extend(bench.wait_s(10));
    }
    told.retain(|told| told.contains("boiler-1"));
    told
}

fn steady(value: f64) -> impl Fn(u64) -> Value {
    move |_| Value::Float(value)
}

/// A district of the boiler alone, online.
fn boiler() -> Bench {
    alone(Bench::new())
}

fn alone(mut bench: Bench) -> Bench {
    let kept = devices().into_iter().filter(|device| ["boiler-1", "node-1"].contains(&device.id.as_str()));
    bench.engine.set_registry(registry(kept.collect()), bench.now);
    assert_eq!(bench.links(&[("node-1", Link::Online), ("boiler-1", Link::Online)]), QUIET);
    bench
}

fn severity(bench: &Bench) -> Severity {
    bench.engine.open_alarms().find(|alarm| alarm.device.as_str() == "boiler-1").unwrap().severity
}

#[test]
fn one_alarm_rises_and_falls_with_the_levels() {
    let mut bench = boiler();
    let at = |bench: &mut Bench, value: f64| {
        let told = read_for_s(bench, PRESSURE, 60, steady(value));
        told.into_iter().filter(|told| told.contains("LEVELS")).collect::<Vec<_>>()
    };
    assert_eq!(at(&mut bench, 0.96), ["1 boiler-1 LEVELS Raised: 0.96 MPa ≥ 0.95 MPa for 15 s"]);
    assert_eq!(severity(&bench), Severity::II);
    bench.acknowledge(1).unwrap();
    assert_eq!(at(&mut bench, 1.01), ["1 boiler-1 LEVELS SeverityChanged: 1.01 MPa ≥ 1 MPa for 5 s"]);
    assert_eq!((severity(&bench), bench.open()[0]), (Severity::I, (1, AlarmState::ActiveUnacknowledged)));
    assert_eq!(at(&mut bench, 0.99), QUIET, "inside the deadband of the upper level");
    assert_eq!(at(&mut bench, 0.97), ["1 boiler-1 LEVELS SeverityChanged: 0.97 MPa ≥ 0.95 MPa for 15 s"]);
    assert_eq!(at(&mut bench, 0.5), ["1 boiler-1 LEVELS Returned: 0.50 MPa"]);
}

#[test]
fn what_jumps_to_the_upper_level_is_raised_there() {
    let mut bench = boiler();
    bench.read(PRESSURE, 1.2);
    assert_eq!(bench.wait_s(5), ["1 boiler-1 LEVELS Raised: 1.20 MPa ≥ 1 MPa for 5 s"]);
    assert_eq!(severity(&bench), Severity::I);
}

#[test]
fn what_lasts_becomes_worse_although_nothing_is_read() {
    let mut bench = boiler();
    bench.read(OUTLET, 96.0);
    let told: Vec<String> = bench.wait_s(600).into_iter().filter(|told| told.contains("TIMED")).collect();
    assert_eq!(
        told,
        [
            "1 boiler-1 TIMED Raised: 96.0 °C > 95 °C for 60 s",
            "1 boiler-1 TIMED SeverityChanged: 96.0 °C > 95 °C for 10 min",
        ]
    );
    assert_eq!(severity(&bench), Severity::II);
}

#[test]
fn a_restart_does_not_make_what_lasts_less_bad() {
    let mut before = boiler();
    before.read(OUTLET, 96.0);
    before.wait_s(600);
    let mut bench = alone(Bench::continuing(before.engine.open_alarms().cloned().collect()));
    let told = read_for_s(&mut bench, OUTLET, 120, steady(96.0));
    assert_eq!((told, severity(&bench)), (vec![], Severity::II));
}

#[test]
fn two_that_should_agree_are_compared_either_way() {
    let mut bench = boiler();
    assert_eq!(bench.read(OUTLET, 90.0), QUIET);
    assert_eq!(bench.wait_s(40), QUIET, "the other is not known yet");
    bench.read(INLET, 50.0);
    assert_eq!(bench.wait_s(30), ["1 boiler-1 DEVIATION Raised: Outlet − Return: 40.0 °C > 30 °C for 30 s"]);
    bench.read(INLET, 61.0);
    assert_eq!(bench.wait_s(60), QUIET, "29 °C is inside the deadband of 2 °C");
    bench.read(INLET, 63.0);
    assert_eq!(bench.wait_s(30).len(), 1);
    bench.acknowledge(1).unwrap();
    bench.read(INLET, 93.0);
    bench.read(OUTLET, 62.0);
    assert_eq!(bench.wait_s(30)[..1], ["2 boiler-1 DEVIATION Raised: Outlet − Return: -31.0 °C < -30 °C for 30 s"]);
}

#[test]
fn what_moves_too_fast_is_told_and_a_slow_way_there_is_not() {
    let mut bench = boiler();
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let ramp = |start: f64, a_minute: f64| move |second: u64| Value::Float(start + a_minute * second as f64 / 60.0);
    assert_eq!(read_for_s(&mut bench, PRESSURE, 300, ramp(0.1, 0.05)), QUIET);
    let told = read_for_s(&mut bench, PRESSURE, 120, ramp(0.35, 0.15));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("moving by 0.1 MPa a minute, or more, over 60 s"), "{told:?}");
    let told = read_for_s(&mut bench, PRESSURE, 60, steady(0.65));
    assert_eq!(told, ["1 boiler-1 RATE Returned: Pressure: 0.65 MPa"]);
}

#[test]
fn a_value_that_stands_still_is_told_while_readings_come_and_the_burner_runs() {
    let mut bench = boiler();
    bench.read(BURNER, false);
    assert_eq!(read_for_s(&mut bench, INLET, 900, steady(50.0)), QUIET, "cold water stands still");
    bench.read(BURNER, true);
    let told = read_for_s(&mut bench, INLET, 120, steady(50.0));
    assert_eq!(told, ["1 boiler-1 STUCK Raised: Return: 50.0 °C for 10 min"]);
    assert_eq!(bench.read(INLET, 50.1), ["1 boiler-1 STUCK Returned: Return: 50.1 °C"]);
    let told: Vec<String> = bench.wait_s(1200).into_iter().filter(|told| told.contains("boiler-1")).collect();
    assert_eq!(told, QUIET, "without readings it is not stuck but stale");
}

#[test]
fn somebody_at_night_is_told_and_in_the_day_is_not() {
    // The bench begins at 08:00 in Beijing.
    let mut bench = boiler();
    let at_boiler = |told: Vec<String>| told.into_iter().filter(|told| told.contains("NIGHT")).collect::<Vec<_>>();
    bench.read(MOTION, true);
    assert_eq!(at_boiler(bench.wait_s(14 * 3600)), QUIET);
    assert_eq!(at_boiler(bench.wait_s(5)), ["1 boiler-1 NIGHT Raised: Motion: yes for 5 s"], "22:00 comes by itself");
    assert_eq!(at_boiler(bench.wait_s(8 * 3600)), ["1 boiler-1 NIGHT Returned: Motion: yes"], "and so does 06:00");
}

#[test]
fn a_certificate_that_runs_out_grows_worse_by_itself_and_a_new_one_ends_it() {
    let mut bench = Bench::new();
    let with = |due: Option<f64>| {
        let nameplate: Vec<(&str, f64)> = due.map(|due| ("inspection_due", due)).into_iter().collect();
        registry(vec![device("boiler-1", "boiler", &nameplate), device("node-1", "edge_node", &[])])
    };
    // The bench begins on the first of October.
    bench.engine.set_registry(with(Some(20_261_115.0)), bench.now);
    bench.links(&[("node-1", Link::Online), ("boiler-1", Link::Online)]);
    assert_eq!(bench.wait_s(15 * 86_400), QUIET);
    assert_eq!(bench.wait_s(86_400), ["1 boiler-1 CERTIFICATE Raised: runs out within 30 days"]);
    assert_eq!(bench.wait_s(23 * 86_400), ["1 boiler-1 CERTIFICATE SeverityChanged: runs out within 7 days"]);
    assert_eq!(bench.wait_s(7 * 86_400), ["1 boiler-1 CERTIFICATE SeverityChanged: run out"]);
    assert_eq!(severity(&bench), Severity::II);
    bench.engine.set_registry(with(Some(20_271_115.0)), bench.now);
    assert_eq!(bench.wait_s(0), ["1 boiler-1 CERTIFICATE Returned: renewed"]);
}

#[test]
fn an_expression_holds_across_metrics() {
    let mut bench = boiler();
    bench.read(PRESSURE, 0.92);
    assert_eq!(bench.wait_s(30), QUIET, "the burner is not known yet");
    bench.read(BURNER, false);
    assert_eq!(bench.wait_s(20), ["1 boiler-1 EXPRESSION Raised: Pressure: 0.92 MPa; Burner: no for 20 s"]);
    assert_eq!(bench.read(BURNER, true), ["1 boiler-1 EXPRESSION Returned: Pressure: 0.92 MPa; Burner: yes"]);
}
