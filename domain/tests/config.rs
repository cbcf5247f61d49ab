//! The configuration that is shipped: it is read, it is complete, and it says where it comes from.

#![allow(clippy::unwrap_used, reason = "an assertion, in a test")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use domain::{
    code_system::CodeSystem,
    id::ProfileId,
    profile::{Confidence, Profiles},
    registry::{Offices, Registry, Townships},
};

fn config(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config").join(path)
}

fn documents(folder: &str) -> Vec<(String, String)> {
    let mut documents: Vec<(String, String)> = fs::read_dir(config(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    documents.sort();
    documents
}

fn profiles() -> Profiles {
    Profiles::parse(documents("profiles")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_profile_has_its_rules() {
    let profiles = profiles();
    let expected: [(&str, &[&str]); 21] = [
        ("kitchen_camera", &["KIT-CAM-BLACK", "KIT-CAM-FREEZE"]),
        ("cold_store", &["FR-01"]),
        ("freezer", &["FR-02"]),
        ("hot_holding", &["FR-04"]),
        ("sample_fridge", &["FR-05"]),
        ("gas_detector", &["GA-01", "GA-02", "GA-03", "GA-04", "CT-01"]),
        (
            "elevator",
            &["EL-01", "EL-02", "EL-03", "EL-04", "EL-05", "EL-06", "EL-07", "EL-09", "EL-10", "EL-11", "EL-12"],
        ),
        ("steam_boiler", &["BO-01-H", "BO-01-HH", "BO-02-L", "BO-02-LL", "BO-02-HH", "BO-03", "BO-05", "BO-06"]),
        ("hot_water_boiler", &["BO-01-H", "BO-01-HH", "BO-01-L", "BO-03", "BO-04", "CT-01"]),
        ("lpg_store", &["GA-01", "GA-02", "GA-03", "GA-04", "CT-01"]),
        ("cold_dish_room", &["FR-03"]),
        ("disinfection_cabinet", &["FR-06"]),
        ("grease_duct", &["GD-01", "GD-02"]),
        ("after_hours_motion", &["KIT-AFTER-HOURS", "KIT-RODENT"]),
        ("pressure_vessel", &["PV-01", "PV-02", "PV-03", "PV-04", "CT-01"]),
        ("crane", &["CR-01", "CR-02", "CR-03", "CR-04", "CT-01"]),
        ("passenger_ropeway", &["RP-01", "RP-02", "RP-03", "CT-01", "CT-02"]),
        ("ride_wind", &["RD-01-H", "RD-01-HH", "RD-02", "CT-01"]),
        ("edge_node", &["ED-01", "ED-02", "ED-03"]),
        ("gateway", &["GW-01"]),
        ("food_business", &["CT-03", "CT-04", "CT-05"]),
    ];
    assert_eq!(profiles.iter().count(), expected.len());
    for (id, rules) in expected {
        let profile = profiles.get(&ProfileId::new(id).unwrap()).unwrap_or_else(|| panic!("no profile {id}"));
        let present: BTreeSet<&str> = profile.rules.iter().map(|rule| rule.id.as_str()).collect();
        let usual: &[&str] = match id {
            // Nothing tells that the gateway itself is away, and nobody speaks for what is on paper.
            "gateway" => &["OP-03"],
            "food_business" => &[],
            _ => &["OP-01", "OP-03"],
        };
        for rule in rules.iter().chain(usual) {
            assert!(present.contains(rule), "{id} lacks {rule}");
        }
    }
}

#[test]
fn every_rule_has_words_in_both_languages_and_a_proposal_is_not_called_regulation() {
    for profile in profiles().iter() {
        for rule in &profile.rules {
            let name = format!("{} {}", profile.id, rule.id);
            for text in [&rule.title, &rule.guidance, &rule.source.citation] {
                assert!(!text.zh.is_empty() && !text.en.is_empty(), "{name} lacks words");
            }
            let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
            assert!(!rule.source.citation.en.contains(is_chinese), "the English source of {name} is Chinese");
            // A verified source is a document with a number, a year or an article that can be looked up.
            if rule.source.confidence == Confidence::Verified {
                assert!(rule.source.edition.is_some(), "{name} is verified in no edition");
                assert!(!rule.source.citation.zh.contains("建议值："), "{name} is a proposal");
            }
        }
        for metric in &profile.metrics {
            assert!(!metric.title.zh.is_empty() && !metric.title.en.is_empty(), "{}", metric.name);
        }
    }
}

#[test]
fn every_event_of_a_code_system_is_a_metric_of_the_elevator() {
    let profiles = profiles();
    let elevator = profiles.get(&ProfileId::new("elevator").unwrap()).unwrap();
    let documents = documents("code_systems");
    assert_eq!(documents.len(), 3);
    for (file, text) in documents {
        let system = CodeSystem::parse(&file, &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(format!("{}.toml", system.id), file);
        for event in system.events() {
            assert!(elevator.metric(event).is_some(), "{file}: the elevator has no {event}");
        }
    }
}

#[test]
fn entrapment_has_another_code_in_each_system() {
    let entrapment = |name: &str| {
        let file = format!("code_systems/{name}.toml");
        let system = CodeSystem::parse(&file, &fs::read_to_string(config(&file)).unwrap()).unwrap();
        let is_entrapment =
            |code: &i64| system.event(*code).is_some_and(|event| event.as_str() == "elevator.entrapment");
        system.codes.keys().copied().filter(is_entrapment).collect::<Vec<_>>()
    };
    assert_eq!(entrapment("gbt24476-2017"), []);
    assert_eq!(entrapment("chongqing-platform"), [93]);
    assert_eq!(entrapment("special-equipment-schema"), [11]);
}

#[test]
fn seven_offices_answer_for_all_26_townships() {
    let read = |path: &str| fs::read_to_string(config(path)).unwrap();
    let townships = Townships::parse("townships.toml", &read("townships.toml")).unwrap().township;
    let offices = Offices::parse("offices.toml", &read("offices.toml")).unwrap();
    assert!(offices.is_sample);
    assert_eq!((townships.len(), offices.office.len()), (26, 7));
    let registry = Registry::build(townships, offices.office, Vec::new(), Vec::new(), Vec::new()).unwrap();
    for township in registry.townships() {
        assert!(registry.office_of(&township.code).is_some(), "nobody answers for {}", township.name_zh);
        assert!((29.0..29.7).contains(&township.latitude_deg) && (107.2..108.1).contains(&township.longitude_deg));
    }
}
