//! Wordings of rules, and rules over what is stored.

use std::sync::Arc;

use domain::{
    id::{ProfileId, RuleId},
    profile::Profiles,
    reading::Value,
};
use protocol::rest::{RuleFiring, RuleTest};

use super::fixture::{Fixture, START, batch, device, reading};
use crate::backtest;

/// A cold store that is too warm above a limit.
fn profiles(limit: f64) -> Profiles {
    let text = format!(
        r#"
id = "cold_store"
title = {{ zh = "冷藏", en = "Cold store" }}
category = "kitchen"

[[metrics]]
name = "temperature"
title = {{ zh = "温度", en = "Temperature" }}
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "FR-01"
title = {{ zh = "温度高", en = "Too warm" }}
severity = "III"
condition.limit = {{ metric = "temperature", above = {limit}, deadband = 0 }}
on_delay_s = 10
off_delay_s = 0
source = {{ citation = "test", confidence = "proposal" }}
guidance = {{ zh = "", en = "" }}
"#
    );
    Profiles::parse([("cold_store.toml".to_owned(), text)]).unwrap()
}

pub(super) async fn another_wording_is_another_version(fixture: Fixture) {
    let version = async |limit: f64| {
        let store = fixture.open().await;
        let mut profiles = profiles(limit);
        store.number_rules(&mut profiles, START).await.unwrap();
        profiles.iter().next().unwrap().rules[0].version
    };
    assert_eq!(version(8.0).await, Some(1));
    assert_eq!(version(8.0).await, Some(1));
    assert_eq!(version(9.0).await, Some(2));
    assert_eq!(version(8.0).await, Some(3), "what is taken back is a decision of its own");
}

pub(super) async fn a_rule_is_tried_on_what_is_stored(fixture: Fixture) {
    let store = fixture.open_district().await;
    let warm = |second: i64, value: f64| reading(1, second * 1000, Value::Float(value));
    store.commit_batch(Arc::new(batch([warm(0, 5.0), warm(60, 9.0), warm(120, 5.0)]))).await.unwrap();
    store.seal_all().await.unwrap();
    store.commit_batch(Arc::new(batch([warm(180, 9.5)]))).await.unwrap();

    let profiles = profiles(8.0);
    let profile = profiles.get(&ProfileId::new("cold_store").unwrap()).unwrap();
    let rule = RuleId::new("FR-01").unwrap();
    let proposed = profile.rules[0].definition.replace("above = 8", "above = 9.2");
    let test = RuleTest { from_ms: START.0, to_ms: START.0 + 240_000, definition: Some(proposed) };
    let device = device("school-fridge", "school-kitchen");
    let report = backtest::run(&store, profile, &device, &rule, &test).await.unwrap();
    assert_eq!((report.reading_count, report.present.count, report.present.active_ms), (4, 2, 100_000));
    let fired = |raised_s: i64, returned_s: Option<i64>| RuleFiring {
        raised_at_ms: START.0 + raised_s * 1000,
        returned_at_ms: returned_s.map(|second| START.0 + second * 1000),
    };
    assert_eq!(report.present.firings, [fired(70, Some(120)), fired(190, None)]);
    assert_eq!(report.proposed.unwrap().firings, [fired(190, None)]);

    let wrong = RuleTest { definition: Some("id = \"FR-01\"".into()), ..test.clone() };
    let refused = backtest::run(&store, profile, &device, &rule, &wrong).await.unwrap_err();
    assert!(refused.to_string().starts_with("rule:1: missing field `title`"), "{refused}");
    let backwards = RuleTest { to_ms: START.0, definition: None, ..test };
    assert!(backtest::run(&store, profile, &device, &rule, &backwards).await.is_err());
}
