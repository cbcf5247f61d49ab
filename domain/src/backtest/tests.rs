//! Both ways give the same answer, and the answer is right.

use proptest::prelude::*;

use super::*;
use crate::profile::Profiles;

const PROFILE: &str = r#"
id = "fridge"
title = { zh = "冰箱", en = "Fridge" }
category = "kitchen"
metrics = [
    { name = "temperature", title = { zh = "温度", en = "Temperature" }, report_interval_s = 10, stale_after_s = 60 },
    { name = "door", title = { zh = "门", en = "Door" }, report_interval_s = 10, stale_after_s = 60 },
]
rules = [
    { id = "LIMIT", severity = "III", condition.limit = { metric = "temperature", above = 8, below = 0, deadband = 0.5 }, on_delay_s = 60, off_delay_s = 30, title = { zh = "a", en = "a" }, source = { citation = "test", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "AT_LEAST", severity = "III", condition.limit = { metric = "temperature", at_least = 8, deadband = 1 }, on_delay_s = 0, off_delay_s = 0, title = { zh = "a", en = "a" }, source = { citation = "test", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "RATE", severity = "III", condition.rate = { metric = "temperature", over_s = 60, rise = 4, fall = 6 }, on_delay_s = 20, off_delay_s = 10, title = { zh = "a", en = "a" }, source = { citation = "test", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "STUCK", severity = "IV", condition.stuck = { metric = "temperature", after_s = 90 }, on_delay_s = 10, off_delay_s = 20, title = { zh = "a", en = "a" }, source = { citation = "test", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "DOOR", severity = "IV", condition.combination = { any = [{ all = [{ metric = "door", is = [1] }, { metric = "temperature", above = 6 }], for_s = 30 }] }, on_delay_s = 0, off_delay_s = 0, title = { zh = "a", en = "a" }, source = { citation = "test", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "OFFLINE", severity = "IV", condition = "offline", on_delay_s = 0, off_delay_s = 0, title = { zh = "a", en = "a" }, source = { citation = "test", confidence = "proposal" }, guidance = { zh = "", en = "" } },
]
"#;

const START: UnixMs = UnixMs(1_790_000_000_000);

fn profile() -> Profile {
    let profiles = Profiles::parse([("fridge.toml".to_owned(), PROFILE.to_owned())]).unwrap();
    profiles.iter().next().unwrap().clone()
}

fn at(second: i64) -> UnixMs {
    START.plus_ms(second * 1000)
}

fn columns(temperatures: &[(i64, f64)]) -> BTreeMap<MetricName, Column> {
    let readings = temperatures.iter().map(|&(second, value)| (at(second), Value::Float(value))).collect();
    BTreeMap::from([(MetricName::new("temperature").unwrap(), Column::new(readings))])
}

fn fired(rule: &str, columns: &BTreeMap<MetricName, Column>, end: i64) -> Vec<(i64, Option<i64>)> {
    let profile = profile();
    let rule = profile.rules.iter().find(|known| known.id.as_str() == rule).unwrap();
    let firings = test(&profile, rule, &BTreeMap::new(), columns, at(end)).unwrap();
    let second = |moment: UnixMs| moment.since_ms(START) / 1000;
    firings.iter().map(|firing| (second(firing.raised_at), firing.returned_at.map(second))).collect()
}

#[test]
fn a_limit_fires_after_its_delay_although_no_reading_comes_then() {
    let history = columns(&[(0, 5.0), (100, 9.0), (300, 7.9), (400, 7.0), (900, -1.0)]);
    assert_eq!(fired("LIMIT", &history, 1000), [(160, Some(430)), (960, None)]);
    assert_eq!(fired("LIMIT", &history, 950), [(160, Some(430))]);
}

#[test]
fn several_metrics_are_played_together() {
    let mut history = columns(&[(0, 5.0), (50, 7.0), (200, 5.0)]);
    let door = vec![(at(20), Value::Int(1)), (at(400), Value::Int(0))];
    history.insert(MetricName::new("door").unwrap(), Column::new(door));
    assert_eq!(fired("DOOR", &history, 1000), [(80, Some(200))]);
}

#[test]
fn a_rule_about_the_link_is_not_about_history() {
    let profile = profile();
    let rule = profile.rules.last().unwrap();
    let refused = test(&profile, rule, &BTreeMap::new(), &columns(&[(0, 5.0)]), at(9));
    assert_eq!(refused, Err(Untestable::NotOverReadings));
}

proptest! {
    #[test]
    fn both_ways_give_the_same_answer(
        steps in prop::collection::vec((1..120i64, -20..120i32, any::<bool>()), 1..120),
        tail in 0..400i64,
    ) {
        let (mut second, mut last) = (0, 0.0);
        let temperatures: Vec<(i64, f64)> = steps.iter().map(|&(gap, tenths, is_same)| {
            second += gap;
            if !is_same {
                last = f64::from(tenths) / 10.0;
            }
            (second, last)
        }).collect();
        let (profile, history, end) = (profile(), columns(&temperatures), at(second + tail));
        for rule in profile.rules.iter().filter(|rule| ["LIMIT", "AT_LEAST", "RATE", "STUCK"].contains(&rule.id.as_str())) {
            let fast = columnar::test(&profile, rule, &BTreeMap::new(), &history, end);
            let slow = replayed::test(&profile, rule, &BTreeMap::new(), &history, end);
            prop_assert_eq!(fast.as_ref(), Some(&slow), "{}", rule.id);
        }
    }
}
