//! How many stored readings a second a back-test walks, on one core: `cargo run --release -p domain --example
//! backtest_speed`. Limit, rate and stuck go over plain columns; CEL goes through the engine.

#![allow(clippy::unwrap_used, reason = "a measurement of what is known to be right")]

use std::{collections::BTreeMap, time::Instant};

use domain::{
    backtest::{self, Column},
    id::MetricName,
    profile::Profiles,
    reading::Value,
    time::UnixMs,
};

const READINGS: u32 = 10_000_000;
/// The engine is slower by far; it is given fewer.
const PLAYED: u32 = 500_000;

const PROFILE: &str = r#"
id = "fridge"
title = { zh = "冰箱", en = "Fridge" }
category = "kitchen"
metrics = [{ name = "temperature", title = { zh = "温度", en = "Temperature" }, report_interval_s = 10, stale_after_s = 60 }]
rules = [
    { id = "limit", severity = "III", condition.limit = { metric = "temperature", above = 8, deadband = 0.5 }, on_delay_s = 60, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "rate", severity = "III", condition.rate = { metric = "temperature", over_s = 60, rise = 2 }, on_delay_s = 0, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "stuck", severity = "III", condition.stuck = { metric = "temperature", after_s = 600 }, on_delay_s = 0, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "cel", severity = "III", condition.expression = "temperature > 8.0", on_delay_s = 60, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
]
"#;

fn main() {
    let profiles = Profiles::parse([("fridge.toml".to_owned(), PROFILE.to_owned())]).unwrap();
    let profile = profiles.iter().next().unwrap();
    for rule in &profile.rules {
        let count = if rule.id.as_str() == "cel" { PLAYED } else { READINGS };
        let reading = |number: u32| {
            // A slow swing between 2 °C and 10 °C with a step every ten seconds.
            let value = (f64::from(number) / 400.0).sin().mul_add(4.0, 6.0);
            (UnixMs(1_790_000_000_000 + i64::from(number) * 10_000), Value::Float((value * 10.0).round() / 10.0))
        };
        let column = Column::new((0..count).map(reading).collect());
        let end = *column.at.last().unwrap();
        let columns = BTreeMap::from([(MetricName::new("temperature").unwrap(), column)]);
        let started = Instant::now();
        let firings = backtest::test(profile, rule, &BTreeMap::new(), &columns, end).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{:6} {:8.1} M readings/s   {} firings in {} readings",
            rule.id,
            f64::from(count) / seconds / 1e6,
            firings.len(),
            count
        );
    }
}
