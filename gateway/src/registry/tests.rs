use domain::{id::TownshipCode, registry::Township};

use super::{
    import::{Format, parse},
    *,
};

const PROFILES: &str = r#"
id = "cold_store"
title = { zh = "冷库", en = "Cold store" }
category = "kitchen"

[[metrics]]
name = "cold_store.temperature"
title = { zh = "温度", en = "Temperature" }
unit = "°C"
decimals = 1
report_interval_s = 10
stale_after_s = 60
"#;

fn district() -> Registry {
    let township = Township {
        code: TownshipCode::new("500156001").unwrap(),
        name_zh: "芙蓉街道".into(),
        name_en: "Furong".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    Registry::build(vec![township], vec![], vec![], vec![], vec![]).unwrap()
}

fn plan(before: &Registry, table: &str) -> Result<Plan, Vec<FieldError>> {
    let profiles = Profiles::parse([("cold_store.toml".to_owned(), PROFILES.to_owned())]).unwrap();
    let lines = parse(Format::Csv, table.as_bytes()).unwrap();
    Plan::make(before, &profiles, lines)
}

const GOOD: &str = "\
kind,id,name,township,owner,site,profile,node
owner,school,School,,,,,
site,kitchen,Kitchen,500156001,school,,,
device,cold-1,Cold 1,,,kitchen,cold_store,edge-1
";

#[test]
fn the_second_import_of_the_same_rows_changes_nothing() {
    let first = plan(&district(), GOOD).unwrap();
    let one = |kind: &str| (kind.to_owned(), 1);
    assert_eq!(first.report.added, [one("device"), one("owner"), one("site")].into());
    assert_eq!(first.changed.unwrap().devices.len(), 1);

    let second = plan(&first.after, GOOD).unwrap();
    assert_eq!(second.report.unchanged, [one("device"), one("owner"), one("site")].into());
    assert_eq!(second.changed, None);

    let renamed = plan(&first.after, &GOOD.replace("Cold 1", "Cold one")).unwrap();
    assert_eq!(renamed.report.changed, [one("device")].into());
    assert_eq!(renamed.changed.unwrap().owners, []);
}

#[test]
fn every_line_that_does_not_fit_is_named() {
    let wrong = "\
kind,id,name,township,owner,site,profile,node
owner,school,School,,,,,
site,kitchen,Kitchen,500156999,school,,,
site,canteen,Canteen,500156001,nobody,,,
device,cold-1,Cold 1,,,nowhere,ice_cave,edge-1
";
    let errors = plan(&district(), wrong).err().unwrap();
    let errors: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.at, error.message)).collect();
    assert_eq!(
        errors,
        [
            "line 3: site `kitchen` names township `500156999`, which does not exist",
            "line 4: site `canteen` names owner `nobody`, which does not exist",
            "line 5: profile `ice_cave` is not known; there are cold_store",
            "line 5: device `cold-1` names site `nowhere`, which does not exist",
        ]
    );
}
