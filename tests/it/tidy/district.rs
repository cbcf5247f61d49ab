//! The demonstration's files agree: machines, registry, edge agents, cameras and troubles name the same devices.

use std::collections::{BTreeMap, BTreeSet};

use demo::{
    district::{Config as District, District as Machines},
    trouble::Schedule,
};
use domain::profile::Profiles;
use harness::process::workspace;
use serde::Deserialize;

use super::{files, read, short};

#[derive(Deserialize)]
struct Registry {
    owner: Vec<domain::registry::Owner>,
    site: Vec<domain::registry::Site>,
    device: Vec<domain::registry::Device>,
}

#[derive(Deserialize)]
struct Agent {
    node: Node,
    modbus: Vec<Line>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

#[derive(Deserialize)]
struct Line {
    address: String,
    device: Vec<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    id: String,
    #[serde(rename = "unit_id")]
    number: u8,
    register_map: String,
}

#[derive(Deserialize)]
struct RegisterMap {
    metric: Vec<MappedMetric>,
}

#[derive(Deserialize)]
struct MappedMetric {
    name: domain::id::MetricName,
    #[serde(default)]
    unit: String,
}

fn demo_file(name: &str) -> String {
    read(&workspace().join("config/demo").join(name))
}

fn district() -> District {
    demo_file("district.toml").parse().expect("district.toml is a district")
}

fn registry() -> Registry {
    toml::from_str(&demo_file("registry.toml")).expect("registry.toml is a registry")
}

fn agents() -> Vec<Agent> {
    ["edge-furong.toml", "edge-xiannushan.toml", "edge-baima.toml"]
        .map(|name| toml::from_str(&demo_file(name)).expect("an agent's configuration"))
        .into()
}

#[test]
fn every_machine_is_read_by_the_agent_that_is_registered_for_it() {
    let mut machines = BTreeMap::new();
    for line in district().lines {
        for device in line.devices {
            machines.insert(device.id, (format!("127.0.0.1:{}", line.port), device.unit));
        }
    }
    let registered: BTreeMap<String, String> =
        registry().device.into_iter().map(|device| (device.id.to_string(), device.node.to_string())).collect();
    let mut read_by_agents = BTreeMap::new();
    for agent in agents() {
        for line in agent.modbus {
            for unit in line.device {
                assert_eq!(registered.get(&unit.id), Some(&agent.node.id), "{} is registered to its agent", unit.id);
                read_by_agents.insert(unit.id, (line.address.clone(), unit.number));
            }
        }
    }
    assert_eq!(machines, read_by_agents);
}

#[test]
fn every_reference_of_the_registry_leads_somewhere_and_every_township_is_of_the_district() {
    let registry = registry();
    let owners: BTreeSet<_> = registry.owner.iter().map(|owner| &owner.id).collect();
    let sites: BTreeSet<_> = registry.site.iter().map(|site| &site.id).collect();
    for site in &registry.site {
        assert!(owners.contains(&site.owner), "{} has an owner", site.id);
        assert!(site.township.as_str().starts_with("500156"), "{} lies in the district", site.id);
        assert!(site.name.contains("示例"), "{} is marked as an example", site.id);
    }
    for device in &registry.device {
        assert!(sites.contains(&device.site), "{} has a site", device.id);
    }
    let townships: BTreeSet<_> = registry.site.iter().map(|site| &site.township).collect();
    assert!(townships.len() >= 6, "{} townships", townships.len());
}

#[test]
fn every_camera_has_footage_and_the_schedule_fits_the_machines() {
    let footage: BTreeSet<String> =
        demo_file("cameras.csv").lines().skip(1).filter_map(|line| line.split(',').next()).map(str::to_owned).collect();
    let cameras: BTreeSet<String> = registry()
        .device
        .into_iter()
        .filter(|device| device.profile.as_str() == "kitchen_camera")
        .map(|device| device.id.to_string())
        .collect();
    assert_eq!(footage, cameras);

    let schedule: Schedule = demo_file("troubles.toml").parse().expect("troubles.toml is a schedule");
    for entry in schedule.entries().iter().filter(|entry| entry.kind.is_of_camera()) {
        assert!(cameras.contains(&entry.device), "{} is a camera", entry.device);
    }
    Machines::new(&district(), &schedule).expect("the schedule fits the machines");
}

fn profiles() -> Profiles {
    let folder = workspace().join("config/profiles");
    let texts = files(&[".toml"]).into_iter().filter(|path| path.starts_with(&folder));
    Profiles::parse(texts.map(|path| (short(&path), read(&path)))).expect("the profiles are right")
}

#[test]
fn every_device_has_the_nameplate_that_its_rules_need_and_no_other() {
    let profiles = profiles();
    let gaps: Vec<String> = registry()
        .device
        .iter()
        .flat_map(|device| profiles.gaps(device, &domain::registry::Registry::default()))
        .map(|gap| gap.to_string())
        .collect();
    assert!(gaps.is_empty(), "{gaps:#?}");
}

#[test]
fn every_register_map_measures_what_the_profile_knows_in_its_unit() {
    let profiles = profiles();
    let profile_of: BTreeMap<String, domain::id::ProfileId> =
        registry().device.into_iter().map(|device| (device.id.to_string(), device.profile)).collect();
    for unit in agents().into_iter().flat_map(|agent| agent.modbus).flat_map(|line| line.device) {
        let map: RegisterMap = toml::from_str(&demo_file(&unit.register_map)).expect("a register map");
        let profile = &profile_of[&unit.id];
        for metric in map.metric {
            let known = profiles.metric(profile, &metric.name);
            assert_eq!(Some(&metric.unit), known.map(|known| &known.unit), "{} of {profile}", metric.name);
        }
    }
}
