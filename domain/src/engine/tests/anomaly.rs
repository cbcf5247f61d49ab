//! A rule that compares a device with its own past.

use std::collections::BTreeMap;

use super::*;
use crate::backtest::{self, Column};

pub(super) const AIR: SeriesId = SeriesId(16);

pub(super) const CELLAR: &str = r#"
id = "cellar"
title = { zh = "地窖", en = "Cellar" }
category = "kitchen"
metrics = [{ name = "air", title = { zh = "气温", en = "Air" }, unit = "°C", decimals = 1, report_interval_s = 60, stale_after_s = 300 }]

[[rules]]
id = "UNLIKE"
title = { zh = "与往常不同", en = "Unlike its past" }
severity = "IV"
condition.anomaly = { metric = "air", learn_days = 3, at_most_s = 7200 }
on_delay_s = 600
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

const MINUTES_A_DAY: u32 = 1440;

/// A day's swing between 4 °C and 8 °C, a little rough; `strange` is added.
fn air(minute: u32, strange: f64) -> f64 {
    let roughness = f64::from(minute.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
    let swing = (f64::from(minute) * std::f64::consts::TAU / f64::from(MINUTES_A_DAY)).sin();
    6.0 + 2.0 * swing + 0.2 * roughness + strange
}

/// Plays minutes of it; what happened, each with the minute.
fn play(bench: &mut Bench, minutes: std::ops::Range<u32>, strange: impl Fn(u32) -> f64) -> Vec<(u32, String)> {
    let mut told = Vec::new();
    for minute in minutes {
        let happened = bench.read(AIR, air(minute, strange(minute)));
        let due = bench.wait_s(60);
        told.extend(happened.into_iter().chain(due).filter(|it| it.contains("UNLIKE")).map(|it| (minute, it)));
    }
    told
}

/// Four degrees too warm from 02:00 on the sixth day, for so many minutes.
fn warm(minutes: u32) -> impl Fn(u32) -> f64 {
    move |minute| {
        let start = 5 * MINUTES_A_DAY + 120;
        if (start..start + minutes).contains(&minute) { 4.0 } else { 0.0 }
    }
}

#[test]
fn an_hour_unlike_all_others_is_one_alarm_that_says_why_and_returns() {
    let mut bench = Bench::new();
    let told = play(&mut bench, 0..6 * MINUTES_A_DAY, warm(60));
    assert_eq!(told.len(), 2, "{told:?}");
    let (raised, returned) = (&told[0], &told[1]);
    let start = 5 * MINUTES_A_DAY + 120;
    assert!(raised.0 >= start + 10 && raised.0 < start + 40, "{told:?}");
    assert!(raised.1.contains("°C on average over 5 min") && raised.1.contains("°C above"), "{told:?}");
    assert!(raised.1.ends_with("for 10 min"), "{told:?}");
    assert!(returned.1.contains("Returned") && returned.0 < start + 60 + 15, "{told:?}");
}

#[test]
fn what_passes_within_the_on_delay_is_no_alarm() {
    let mut bench = Bench::new();
    assert_eq!(play(&mut bench, 0..6 * MINUTES_A_DAY, warm(6)), []);
}

#[test]
fn nothing_is_strange_while_it_learns() {
    let early = |minute| if (1000..1100).contains(&minute) { 9.0 } else { 0.0 };
    assert_eq!(play(&mut Bench::new(), 0..2 * MINUTES_A_DAY, early), []);
}

#[test]
fn what_lasts_is_what_this_device_now_is() {
    let mut bench = Bench::new();
    let told = play(&mut bench, 0..6 * MINUTES_A_DAY, warm(MINUTES_A_DAY));
    let returned = told.iter().find(|(_, told)| told.contains("Returned")).expect("after two hours at most");
    assert!(returned.0 <= told[0].0 + 120, "{told:?}");
}

#[test]
fn a_back_test_says_the_same() {
    let engine = Bench::new().engine;
    let profile = engine.profiles.iter().find(|profile| profile.id.as_str() == "cellar").unwrap();
    let start = UnixMs(WALL_AT_START);
    let at = |minute: u32| start.plus_ms(i64::from(minute) * 60_000);
    let readings = (0..6 * MINUTES_A_DAY).map(|minute| (at(minute), Value::Float(air(minute, warm(60)(minute)))));
    let columns = BTreeMap::from([(MetricName::new("air").unwrap(), Column::new(readings.collect()))]);
    let end = at(6 * MINUTES_A_DAY);
    let firings = backtest::test(profile, &profile.rules[0], &BTreeMap::new(), &columns, end).unwrap();

    let told = play(&mut Bench::new(), 0..6 * MINUTES_A_DAY, warm(60));
    assert_eq!(firings.len(), 1);
    let minute_of = |moment: UnixMs| u32::try_from(moment.since_ms(start) / 60_000).unwrap();
    // A timer raises at the end of the minute before the next reading.
    assert!(minute_of(firings[0].raised_at).abs_diff(told[0].0) <= 1, "{firings:?} {told:?}");
    assert!(minute_of(firings[0].returned_at.unwrap()).abs_diff(told[1].0) <= 1, "{firings:?} {told:?}");
}

#[test]
fn what_it_has_learnt_survives_a_restart() {
    let days = 0..5 * MINUTES_A_DAY;
    let whole = play(&mut Bench::new(), 0..6 * MINUTES_A_DAY, warm(60));
    let mut gateway = recovery::Gateway::start();
    let split = days.end - 30;
    for minute in 0..split {
        gateway.read(AIR, air(minute, 0.0));
        gateway.wait_s(60);
    }
    gateway.checkpoint();
    for minute in split..days.end {
        gateway.read(AIR, air(minute, 0.0));
        gateway.wait_s(60);
    }
    gateway.restart(0);
    let told = play(&mut gateway.bench, days.end..6 * MINUTES_A_DAY, warm(60));
    let bare = |told: &[(u32, String)]| -> Vec<(u32, String)> {
        told.iter().map(|(minute, told)| (*minute, told.split_once(' ').unwrap().1.to_owned())).collect()
    };
    assert_eq!(bare(&told), bare(&whole));
}

#[test]
fn it_may_only_point() {
    let profile = Bench::new().engine.profiles.iter().find(|it| it.id.as_str() == "cellar").unwrap().clone();
    let rule = profile.rules[0].definition.replace("\"IV\"", "\"III\"");
    let refused = profile.parse_rule(&rule).unwrap_err();
    assert!(refused.to_string().contains("a detector may point, a limit decides"), "{refused}");
    let rule = profile.rules[0].definition.replace("learn_days = 3", "every_s = 5");
    assert!(profile.parse_rule(&rule).unwrap_err().to_string().contains("`every_s` is 10 to 3600"));
}
