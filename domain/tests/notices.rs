//! What is told with the rules that are shipped.

#![allow(clippy::unwrap_used, reason = "an assertion, in a test")]

use std::{collections::BTreeMap, fs, path::Path};

use domain::{
    alarm::{AlarmState, Severity, Transition, What},
    id::{AlarmId, DeviceId, NodeId, OwnerId, ProfileId, RuleId, SiteId, TownshipCode},
    notice::{Policy, Telling, notices_of},
    profile::Profiles,
    registry::{Device, Owner, Registry, Site, Township},
    text::Text,
    time::UnixMs,
};

const AT: UnixMs = UnixMs(1_790_000_000_000);

/// A node with a device behind it.
fn registry() -> Registry {
    let code = TownshipCode::new("500156001").unwrap();
    let township = Township {
        code: code.clone(),
        name_zh: "凤山街道".into(),
        name_en: "Fengshan".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let owner = Owner { id: OwnerId::new("school").unwrap(), name: "实验小学".into(), phone: String::new() };
    let site = Site {
        id: SiteId::new("kitchen").unwrap(),
        name: "kitchen".into(),
        township: code.clone(),
        owner: owner.id.clone(),
        address: String::new(),
    };
    let device = |id: &str, profile: &str| Device {
        id: DeviceId::new(id).unwrap(),
        name: id.into(),
        site: SiteId::new("kitchen").unwrap(),
        profile: ProfileId::new(profile).unwrap(),
        node: NodeId::new("edge-1").unwrap(),
        nameplate: BTreeMap::new(),
    };
    let devices = vec![device("edge-1", "edge_node"), device("cold-1", "cold_store")];
    Registry::build(vec![township], vec![], vec![owner.clone()], vec![site], devices).unwrap()
}

fn profiles() -> Profiles {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/profiles").join(name);
        (name.to_owned(), fs::read_to_string(path).unwrap())
    };
    Profiles::parse(["edge_node.toml", "cold_store.toml"].map(read)).unwrap()
}

fn offline(device: &str, what: What, state: AlarmState) -> Transition {
    Transition {
        alarm: AlarmId(7),
        device: DeviceId::new(device).unwrap(),
        rule: RuleId::new("OP-01").unwrap(),
        severity: Severity::II,
        is_latching: false,
        title: Text::new("边缘节点离线", "Edge node offline"),
        cause: Text::new("离线", "offline"),
        what,
        state,
        set_aside: None,
        at: AT,
        event_time: AT,
        late_ms: 0,
        rule_version: None,
        by: None,
        note: String::new(),
        reading: None,
    }
}

#[test]
fn a_node_that_dies_is_one_notice_an_audience() {
    let (registry, profiles) = (registry(), profiles());
    let telling = Telling { registry: &registry, profiles: &profiles, policy: &Policy::default() };
    let tell =
        |device| notices_of(&telling, &[offline(device, What::Raised, AlarmState::ActiveUnacknowledged)], |_| None);
    let notices = tell("edge-1");
    assert_eq!(notices.len(), 3, "owner, township, centre");
    assert!(notices[0].is_about_node());
    assert!(!tell("cold-1")[0].is_about_node());
}
