//! Reading profiles, resolving rules, judging values.

use std::collections::BTreeMap;

use super::*;
use crate::{
    id::{DeviceId, NodeId, SiteId},
    reading::{Quality, Value},
    registry::{Device, Registry},
};

const PROFILE: &str = r#"id = "fridge"
title = { zh = "冰箱", en = "Fridge" }
category = "kitchen"

[[metrics]]
name = "temperature"
title = { zh = "温度", en = "Temperature" }
unit = "°C"
decimals = 1
plausible = { min = -40, max = 60 }
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "HIGH"
title = { zh = "高", en = "High" }
severity = "III"
condition.limit = { metric = "temperature", above = { default = 8, nameplate = "high_limit_c", factor = 0.5 }, deadband = 0.5 }
on_delay_s = { default = 30, nameplate = "high_delay_s" }
off_delay_s = 10
source = { citation = "GB 31654-2021", edition = "2021", confidence = "unverified" }
guidance = { zh = "看", en = "look" }

[[rules]]
id = "LOW"
title = { zh = "低", en = "Low" }
severity = "I"
condition.limit = { metric = "temperature", below = { nameplate = "low_limit_c" }, deadband = 0 }
on_delay_s = 0
off_delay_s = 0
source = { citation = "us", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

fn parse(text: &str) -> Result<Profiles, ProfileError> {
    Profiles::parse([("fridge.toml".to_owned(), text.to_owned())])
}

fn fridge() -> Profile {
    parse(PROFILE).unwrap().iter().next().unwrap().clone()
}

#[test]
fn a_profile_is_read() {
    let fridge = fridge();
    let rule = fridge.rule(&RuleId::new("HIGH").unwrap()).unwrap();
    assert_eq!(rule.severity, crate::alarm::Severity::III);
    assert_eq!((rule.condition.kind(), rule.condition.metric().unwrap().as_str()), ("limit", "temperature"));
    assert_eq!(rule.source.confidence, Confidence::Unverified);
}

#[test]
fn what_a_rule_leaves_out_comes_from_the_kind_of_its_signal() {
    let numbers = |signal: &str, given: &str| {
        let text = PROFILE.replacen("unit = ", &format!("{signal}unit = "), 1);
        let full =
            ", deadband = 0.5 }\non_delay_s = { default = 30, nameplate = \"high_delay_s\" }\noff_delay_s = 10\n";
        assert!(text.contains(full));
        let profiles = parse(&text.replacen(full, given, 1)).map_err(|wrong| wrong.to_string())?;
        let rule = profiles.iter().next().unwrap().rules[0].clone();
        let Condition::Limit { deadband, .. } = rule.condition else { panic!("{rule:?}") };
        Ok((deadband, rule.on_delay_s.default.unwrap(), rule.off_delay_s))
    };
    let temperature = "signal = \"temperature\"\nrange = { min = -50, max = 50 }\n";
    assert_eq!(numbers(temperature, " }\n"), Ok((1.0, 60.0, 60.0)));
    assert_eq!(numbers(temperature, ", deadband = 0.2 }\noff_delay_s = 7\n"), Ok((0.2, 60.0, 7.0)));
    assert_eq!(numbers("signal = \"pressure\"\nrange = { min = 0, max = 2 }\n", " }\n"), Ok((0.04, 15.0, 15.0)));
    let wrong: String = numbers("signal = \"temperature\"\n", " }\n").unwrap_err();
    assert!(wrong.contains("it may be left out where the metric has `signal` and `range`"), "{wrong}");
    let wrong = numbers("", ", deadband = 0.5 }\n").unwrap_err();
    assert!(wrong.contains("`on_delay_s` or `off_delay_s` is missing"), "{wrong}");
}

#[test]
fn an_error_names_file_line_key_and_the_right_keys() {
    let check = |wrong: &str, right: &str, expected: &str| {
        assert!(PROFILE.contains(right), "{right}");
        let error = parse(&PROFILE.replacen(right, wrong, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        "categry =",
        "category =",
        "fridge.toml:3: unknown field `categry`, expected one of `id`, `title`, `category`",
    );
    check(r#""pantry""#, r#""kitchen""#, "fridge.toml:3: category `pantry` does not exist; there are `kitchen`, ");
    check("unti = ", "unit = ", "fridge.toml:8: unknown field `unti`, expected one of `name`, `title`, `unit`");
    check("min = 90", "min = -40", "fridge.toml:5: `plausible` of `temperature` must have `min` at most `max`");
    check("stale_after_s = 5", "stale_after_s = 60", "fridge.toml:5: `temperature` needs `report_interval_s`");
    check(r#"severity = "5""#, r#"severity = "III""#, "fridge.toml:17: unknown variant `5`, expected one of `I`, `II`");
    check("condition.limits", "condition.limit", "fridge.toml:18: unknown variant `limits`, expected one of `limit`, ");
    let wrong = r#"metric = "temprature", above"#;
    let expected = "fridge.toml:18: metric `temprature` is not of this profile; there are `temperature`";
    check(wrong, r#"metric = "temperature", above"#, expected);
    check(
        "defualt = 8",
        "default = 8",
        "fridge.toml:18: unknown field `defualt`, expected one of `default`, `nameplate`",
    );
    check("deadband = -1", "deadband = 0.5", "fridge.toml:18: `deadband` is a number in the metric's unit");
    check(
        "on_delay_s = inf",
        "on_delay_s = { default = 30, nameplate = \"high_delay_s\" }",
        "fridge.toml:19: invalid value",
    );
    check("off_delay_s = -10", "off_delay_s = 10", "fridge.toml:14: rule `HIGH`: delays are numbers of seconds");
    check(r#""LOW""#, r#""HIGH""#, "fridge.toml:24: rule `LOW` stands above already");
    let gated = "condition = \"offline\"\nonly_while = [{ metric = \"temperature\", is = [1] }]\non_delay_s = 0";
    let low = "condition.limit = { metric = \"temperature\", below = { nameplate = \"low_limit_c\" }, deadband = 0 }\non_delay_s = 0";
    check(gated, low, "fridge.toml:24: rule `LOW`: `only_while` and `suppressed_while` go with");
    check("id = \"fridge\" x", "id = \"fridge\"", "fridge.toml:1: ");
}

#[test]
fn a_rule_without_a_source_is_refused() {
    let line = r#"source = { citation = "us", confidence = "proposal" }"#;
    let error = parse(&PROFILE.replacen(line, "", 1)).unwrap_err().to_string();
    assert_eq!(error, "fridge.toml:24: missing field `source`");
    let error = parse(&PROFILE.replacen("\"us\"", "\" \"", 1)).unwrap_err().to_string();
    assert_eq!(error, "fridge.toml:24: rule `LOW`: `source.citation` must name the document the rule comes from");
}

#[test]
fn two_files_cannot_hold_the_same_profile() {
    let files = ["a.toml", "b.toml"].map(|file| (file.to_owned(), PROFILE.to_owned()));
    let error = Profiles::parse(files).unwrap_err().to_string();
    assert_eq!(error, "b.toml:1: profile `fridge` stands in another file already");
}

#[test]
fn a_nameplate_overrides_the_default() {
    let fridge = fridge();
    let nameplate = |entries: &[(&str, f64)]| -> BTreeMap<String, f64> {
        entries.iter().map(|&(key, number)| (key.to_owned(), number)).collect()
    };
    let [high, low] = &fridge.rules[..] else { panic!("two rules") };
    let limit = |rule: &Rule, entries| {
        let words = rule.words(&fridge, &nameplate(entries));
        let limits: Vec<f64> = words.ways[0].limits.iter().map(|limit| limit.value).collect();
        (limits, words.ways[0].for_s, words.missing)
    };
    assert_eq!(limit(high, &[]), (vec![8.0], 30.0, vec![]));
    assert_eq!(limit(high, &[("high_limit_c", 10.0), ("high_delay_s", 5.0)]), (vec![5.0], 5.0, vec![]));
    assert_eq!(limit(low, &[]), (vec![], 0.0, vec!["low_limit_c".to_owned()]));
    assert_eq!(limit(low, &[("low_limit_c", 2.0)]), (vec![2.0], 0.0, vec![]));
}

#[test]
fn what_has_a_direction_is_judged_by_its_magnitude() {
    let limit = "below = { nameplate = \"low_limit_c\" }, deadband = 0";
    let text = PROFILE.replacen(limit, "beyond = { default = 2, nameplate = \"low_limit_c\" }, deadband = 0.5", 1);
    let profiles = parse(&text).unwrap();
    let rule = profiles.iter().next().unwrap().rule(&RuleId::new("LOW").unwrap()).unwrap();
    let words = rule.words(profiles.iter().next().unwrap(), &BTreeMap::new());
    let ends: Vec<f64> = words.ways[0].limits.iter().map(|limit| limit.value).collect();
    assert_eq!(ends, [-2.0, 2.0]);
    let ResolvedCondition::Values { any, .. } = rule.resolve(&BTreeMap::new()).condition else { panic!("a limit") };
    let holds = |number: f64, was_held| any[0].all[0].test.holds(&Value::Float(number), was_held).unwrap();
    assert!(holds(-2.1, false) && holds(2.1, false) && holds(-1.6, true), "either way, and by the deadband");
    assert!(!holds(-2.0, false) && !holds(-1.5, true));
    let both = text.replacen("beyond =", "above = 1, beyond =", 1);
    let refused = parse(&both).unwrap_err().to_string();
    assert!(refused.contains("`above`, `at_least`, `below` or `beyond`"), "{refused}");
}

#[test]
fn what_keeps_a_device_from_being_judged_is_said() {
    let profiles = parse(PROFILE).unwrap();
    let mut device = Device {
        id: DeviceId::new("fridge-1").unwrap(),
        name: String::new(),
        site: SiteId::new("site").unwrap(),
        profile: ProfileId::new("fridge").unwrap(),
        node: NodeId::new("node").unwrap(),
        nameplate: [("hihg_limit_c".to_owned(), 9.0)].into(),
    };
    let gaps: Vec<String> = profiles.gaps(&device, &Registry::default()).iter().map(ToString::to_string).collect();
    assert_eq!(
        gaps,
        [
            "device `fridge-1`: without nameplate `low_limit_c` rule LOW is not judged, or not in full",
            "device `fridge-1`: no rule looks at nameplate `hihg_limit_c`; they look at `high_delay_s`, `high_limit_c`, `low_limit_c`",
        ]
    );
    device.profile = ProfileId::new("frigde").unwrap();
    let gaps: Vec<String> = profiles.gaps(&device, &Registry::default()).iter().map(ToString::to_string).collect();
    assert_eq!(gaps, ["device `fridge-1`: profile `frigde` does not exist; there are `fridge`"]);
}

#[test]
fn a_value_outside_what_the_equipment_can_do_is_implausible() {
    let profiles = parse(PROFILE).unwrap();
    let check = |metric: &str, value: Value, expected| {
        let quality =
            profiles.quality_of(&ProfileId::new("fridge").unwrap(), &MetricName::new(metric).unwrap(), &value);
        assert_eq!(quality, expected, "{metric} {value:?}");
    };
    check("temperature", Value::Float(60.0), Quality::Good);
    check("temperature", Value::Float(60.1), Quality::Implausible);
    check("temperature", Value::Int(-41), Quality::Implausible);
    check("temperature", Value::Text("warm".into()), Quality::Implausible);
    check("temperature", Value::Float(f64::NAN), Quality::Bad);
    check("something", Value::Float(f64::INFINITY), Quality::Bad);
    check("something", Value::Text("anything".into()), Quality::Good);
}

#[test]
fn a_profile_says_how_long_its_readings_are_kept_or_leaves_it() {
    assert_eq!(parse(PROFILE).unwrap().iter().next().unwrap().retention_days, None);
    let with = |days: &str| PROFILE.replacen("category", &format!("retention_days = {days}\ncategory"), 1);
    assert_eq!(parse(&with("90")).unwrap().iter().next().unwrap().retention_days, Some(90));
    let refused = parse(&with("0")).unwrap_err().to_string();
    assert!(refused.contains("`retention_days` is a number of days, at least 1"), "{refused}");
}

#[test]
fn silence_has_hours_only_where_it_may_and_grows_only_later_and_worse() {
    let rule = |category: &str, more: &str| {
        let text = format!(
            r#"id = "x"
title = {{ zh = "", en = "" }}
category = "{category}"
[[rules]]
id = "OP-01"
title = {{ zh = "", en = "" }}
severity = "III"
condition = "offline"
{more}
on_delay_s = 60
off_delay_s = 0
source = {{ citation = "us", confidence = "proposal" }}
guidance = {{ zh = "", en = "" }}
"#
        );
        parse(&text).map(|_| ()).map_err(|error| error.to_string())
    };
    let hours = "only_between = { from_h = 6, to_h = 21 }";
    assert_eq!(rule("kitchen", hours), Ok(()));
    for category in ["gas", "boiler", "elevator"] {
        let refused = rule(category, hours).unwrap_err();
        assert!(refused.contains("is watched at all hours"), "{refused}");
    }
    let step =
        |after_s: u32, severity: &str| format!("worsens = [{{ after_s = {after_s}, severity = \"{severity}\" }}]");
    assert_eq!(rule("gas", &step(600, "II")), Ok(()));
    for wrong in [step(60, "II"), step(600, "III"), step(600, "IV")] {
        let refused = rule("gas", &wrong).unwrap_err();
        assert!(refused.contains("each step is later and worse than the one before"), "{refused}");
    }
    let limit =
        PROFILE.replacen("off_delay_s = 10", "off_delay_s = 10\nworsens = [{ after_s = 60, severity = \"I\" }]", 1);
    assert!(parse(&limit).unwrap_err().to_string().contains("`worsens` goes with `offline` and `stale`"));
}

/// The shipped profile of this name.
fn shipped(name: &str) -> Profile {
    let path = format!("{}/../config/profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    Profiles::parse([(format!("{name}.toml"), text)]).unwrap().iter().next().unwrap().clone()
}

fn told(profile: &Profile, rule: &str, nameplate: &[(&str, f64)]) -> Vec<(String, f64, u8)> {
    let nameplate = nameplate.iter().map(|&(key, number)| (key.to_owned(), number)).collect();
    let words = profile.rule(&RuleId::new(rule).unwrap()).unwrap().words(profile, &nameplate);
    words.ways.into_iter().map(|way| (way.words.en, way.for_s, way.severity as u8)).collect()
}

#[test]
fn every_way_of_a_rule_is_told_in_words() {
    let lift = shipped("elevator");
    assert_eq!(
        told(&lift, "EL-04", &[("rated_speed_m_per_s", 2.0)]),
        [("Overspeed: yes".to_owned(), 0.0, 1), ("|Speed| > 2.3 m/s".to_owned(), 0.5, 1)]
    );
    assert_eq!(told(&lift, "EL-04", &[])[1].0, "Speed: number missing on the nameplate");
    let overspeed = lift.rule(&RuleId::new("EL-04").unwrap()).unwrap();
    let words = overspeed.words(&lift, &[("rated_speed_m_per_s".to_owned(), 2.0)].into());
    let limit = words.ways[1].limits.last().unwrap();
    assert_eq!((limit.metric.as_str(), limit.side, limit.value), ("elevator.speed", Side::Above, 2.3));
    assert_eq!(words.besides.last().unwrap().zh, "须人工复位");

    let boiler = shipped("steam_boiler");
    assert_eq!(
        told(&boiler, "CT-01", &[("inspection_due", 20_270_630.0)]).first().unwrap().0,
        "from 60 days before 2027-06-30"
    );
    assert!(!told(&shipped("cold_store"), "FR-01", &[]).is_empty());
}

#[test]
fn every_shipped_rule_has_words_in_both_languages() {
    let folder = format!("{}/../config/profiles", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let profile = shipped(path.file_stem().unwrap().to_str().unwrap());
        for rule in &profile.rules {
            let words = rule.words(&profile, &BTreeMap::new());
            assert!(!words.ways.is_empty(), "{}", rule.id);
            assert!(words.ways.iter().all(|way| !way.words.zh.is_empty() && !way.words.en.is_empty()), "{}", rule.id);
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn a_number_that_is_no_day_is_a_gap() {
    let profiles = Profiles::new(vec![shipped("steam_boiler")]);
    let mut device = Device {
        id: DeviceId::new("boiler-1").unwrap(),
        name: String::new(),
        site: SiteId::new("site").unwrap(),
        profile: ProfileId::new("steam_boiler").unwrap(),
        node: NodeId::new("node").unwrap(),
        nameplate: BTreeMap::new(),
    };
    let gaps_of = |device: &Device| {
        let gaps = profiles.gaps(device, &Registry::default());
        gaps.into_iter().map(|gap| (gap.rule().unwrap().to_string(), gap.key().unwrap().to_owned())).collect::<Vec<_>>()
    };
    let missing = gaps_of(&device);
    for (rule, key) in [("BO-01-HH", "allowed_pressure_mpa"), ("CT-01", "inspection_due")] {
        assert!(missing.contains(&(rule.to_owned(), key.to_owned())), "{missing:?}");
    }
    for key in missing.iter().map(|(_, key)| key.clone()) {
        device.nameplate.insert(key, 1.0);
    }
    device.nameplate.insert("inspection_due".to_owned(), 20_271_332.0);
    let gaps = gaps_of(&device);
    assert_eq!(gaps, [("CT-01".to_owned(), "inspection_due".to_owned())]);
}

#[test]
fn a_citation_may_differ_between_the_languages() {
    let text = PROFILE.replacen("\"GB 31654-2021\"", "{ zh = \"国标\", en = \"a standard\" }", 1);
    let profiles = parse(&text).unwrap();
    let rules = &profiles.iter().next().unwrap().rules;
    assert_eq!(rules[0].source.citation, Text::new("国标", "a standard"));
    assert_eq!(rules[1].source.citation, Text::same("us"));
    let halved = PROFILE.replacen("\"GB 31654-2021\"", "{ zh = \"国标\" }", 1);
    assert!(parse(&halved).unwrap_err().to_string().contains("missing field `en`"));
}
