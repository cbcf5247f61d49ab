//! Wordings of rules, and rules over what is stored.

use std::sync::Arc;

use domain::{
    access::Role,
    id::{DeviceId, ProfileId, RuleId},
    profile::Profiles,
    reading::Value,
    registry::{Device, Reach},
};
use protocol::rest::{RuleFiring, RuleTest};

use super::fixture::{Fixture, START, batch, device, reading, sign_in};
use crate::{
    backtest,
    store::{Actor, AmendmentKey, Scope, StoreError},
};

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
    let present = profile.rule(&RuleId::new("FR-01").unwrap()).unwrap();
    let proposed = profile.rules[0].definition.replace("above = 8", "above = 9.2");
    let test = RuleTest { from_ms: START.0, to_ms: START.0 + 240_000, definition: Some(proposed) };
    let device = device("school-fridge", "school-kitchen");
    let report = backtest::run(&store, profile, &device, present, &test).await.unwrap();
    assert_eq!((report.reading_count, report.present.count, report.present.active_ms), (4, 2, 100_000));
    let fired = |raised_s: i64, returned_s: Option<i64>| RuleFiring {
        raised_at_ms: START.0 + raised_s * 1000,
        returned_at_ms: returned_s.map(|second| START.0 + second * 1000),
    };
    assert_eq!(report.present.firings, [fired(70, Some(120)), fired(190, None)]);
    assert_eq!(report.proposed.unwrap().firings, [fired(190, None)]);

    let wrong = RuleTest { definition: Some("id = \"FR-01\"".into()), ..test.clone() };
    let refused = backtest::run(&store, profile, &device, present, &wrong).await.unwrap_err();
    assert!(refused.to_string().starts_with("rule:1: missing field `title`"), "{refused}");
    let backwards = RuleTest { to_ms: START.0, definition: None, ..test };
    assert!(backtest::run(&store, profile, &device, present, &backwards).await.is_err());
}

fn key(reach: Reach) -> AmendmentKey {
    AmendmentKey { profile: ProfileId::new("cold_store").unwrap(), rule: RuleId::new("FR-01").unwrap(), reach }
}

fn on(device: &str) -> Reach {
    Reach::Device(DeviceId::new(device).unwrap())
}

pub(super) async fn an_amended_rule_is_a_version_of_its_own_and_can_be_taken_back(fixture: Fixture) {
    let store = fixture.open_district().await;
    let mut of_file = profiles(8.0);
    store.number_rules(&mut of_file, START).await.unwrap();
    let chief = sign_in(&store, Role::Admin, "").await;
    let was = of_file.iter().next().unwrap().rules[0].definition.clone();
    let present = was.replace("above = 8", "above = 9.2");
    let amend = async |text: &str| {
        let row = store.amend_rule(&chief, key(on("school-fridge")), text.to_owned(), was.clone(), "old".into(), START);
        row.await.unwrap().version
    };
    assert_eq!(amend(&present).await, 2);
    assert_eq!(amend(&present.replace("9.2", "9.4")).await, 3, "each is a decision of its own");
    drop(store);

    let store = fixture.open().await;
    let rows = store.load_amendments().await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].version, rows[0].key.clone(), rows[0].why.as_str()), (3, key(on("school-fridge")), "old"));
    assert!(rows[0].definition.contains("above = 9.4"));
    // The profile's own wording is still the first, also for the next start; a new file is the fourth.
    let mut again = profiles(8.0);
    store.number_rules(&mut again, START).await.unwrap();
    assert_eq!(again.iter().next().unwrap().rules[0].version, Some(1));
    let mut newer = profiles(10.0);
    store.number_rules(&mut newer, START).await.unwrap();
    assert_eq!(newer.iter().next().unwrap().rules[0].version, Some(4));
    let wording = store.rule_wording(&key(Reach::Everywhere).profile, &key(Reach::Everywhere).rule, 2).await.unwrap();
    assert_eq!(wording.as_deref(), Some(present.as_str()));

    let take_back = || store.take_back_amendment(&chief, key(on("school-fridge")), present.clone(), was.clone(), START);
    take_back().await.unwrap();
    assert!(matches!(take_back().await, Err(StoreError::NotFound(_))));
    assert_eq!(store.load_amendments().await.unwrap(), []);
    let log = store.audit_log(&chief, None, 10).await.unwrap();
    let told: Vec<_> = log.iter().map(|entry| (entry.action.as_str(), entry.object.as_str())).collect();
    assert!(told.contains(&("rule.restore", "cold_store/FR-01")) && told.contains(&("rule.amend", "cold_store/FR-01")));
    assert!(log.iter().any(|entry| entry.detail.contains("above = 8") && entry.detail.contains("above = 9.2")));
}

pub(super) async fn who_may_not_amend_does_not(fixture: Fixture) {
    let store = fixture.open_district().await;
    let amend = async |scope: &Scope, reach: Reach| match store
        .amend_rule(scope, key(reach), "x".into(), "y".into(), "why".into(), START)
        .await
    {
        Ok(_) => true,
        Err(StoreError::NotPermitted) => false,
        Err(other) => panic!("{other}"),
    };
    for (role, place) in [(Role::CentreOperator, ""), (Role::TownshipOfficer, "500156001"), (Role::Owner, "hotel")] {
        let scope = sign_in(&store, role, place).await;
        assert!(!amend(&scope, on("hotel-fridge")).await, "{role:?}");
    }
    let officer = sign_in(&store, Role::OfficeOfficer, "baima").await;
    assert!(amend(&officer, on("hotel-fridge")).await);
    assert!(!amend(&officer, Reach::Everywhere).await, "not beyond the office's townships");
    assert!(amend(&sign_in(&store, Role::Admin, "").await, Reach::Everywhere).await);
}

pub(super) async fn a_nameplate_of_then_is_known(fixture: Fixture) {
    let store = fixture.open_district().await;
    let mut fridge = device("school-fridge", "school-kitchen");
    let before = fridge.nameplate.clone();
    let put = async |fridge: &Device, at| store.put_device(Actor::Shell, fridge.clone(), at).await.unwrap();
    put(&fridge, START.plus_ms(10)).await;
    fridge.nameplate.insert("high_limit_c".to_owned(), 6.5);
    put(&fridge, START.plus_ms(20)).await;
    put(&fridge, START.plus_ms(30)).await;
    let at = async |ms| store.nameplate_at(&fridge.id, START.plus_ms(ms)).await.unwrap();
    assert_eq!(at(-1).await, None, "it was not registered then");
    assert_eq!(at(0).await, Some(before.clone()));
    assert_eq!(at(19).await, Some(before));
    assert_eq!(at(20).await, Some(fridge.nameplate.clone()));
    assert_eq!(at(1000).await, Some(fridge.nameplate.clone()));
}
