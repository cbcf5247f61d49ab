//! Rules worded anew: who may, how far, and that the running rules follow; and what a registration leaves unjudged.

use std::time::Duration;

use domain::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{district::District, program::Program};

async fn ask(person: &Program, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = person.request(method, path);
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// The rule that the cold store is too cold, below another limit.
fn too_cold(below: &str, reach: &str) -> Value {
    worded(
        &format!("condition.limit = {{ metric = \"cold_store.temperature\", below = {below}, deadband = 0 }}"),
        reach,
    )
}

/// The same rule about something else, which is over at once when it does not hold.
fn worded(condition: &str, reach: &str) -> Value {
    let definition = format!(
        "id = \"FR-01-L\"\ntitle = {{ zh = \"过低\", en = \"Too cold\" }}\nseverity = \"IV\"\n{condition}\n\
         on_delay_s = 0\noff_delay_s = 0\nsource = {{ citation = \"test\", confidence = \"proposal\" }}\n\
         guidance = {{ zh = \"看\", en = \"look\" }}"
    );
    json!({ "definition": definition, "reach": reach, "why": "it is a freezer now" })
}

const RULE: &str = "/devices/cold-inside/rules/FR-01-L";

#[tokio::test(flavor = "multi_thread")]
async fn an_amended_rule_is_judged_at_once_and_can_be_taken_back() {
    let district = District::start().await;
    let officer = Program::of(&district, Role::OfficeOfficer).await;
    let rule_of = async || {
        let (_, device) = ask(&officer, Method::GET, "/devices/cold-inside", None).await;
        let rules = device["rules"].as_array().unwrap().clone();
        rules.into_iter().find(|rule| rule["id"] == "FR-01-L").unwrap()
    };
    let before = rule_of().await;
    assert_eq!((&before["amended"], before["ways"][0]["limits"][0]["value"].as_f64()), (&Value::Null, Some(0.0)));
    let (_, alarm) = ask(&officer, Method::GET, "/alarms/3", None).await;
    assert_eq!(alarm["returned_at_ms"], Value::Null, "-17.5 °C is below 0 °C");

    let (status, refused) = ask(&officer, Method::PUT, RULE, Some(too_cold("\"low\"", "device"))).await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused.to_string().contains("rule:4"), "where it is wrong: {refused}");
    assert_eq!(ask(&officer, Method::PUT, RULE, Some(too_cold("-30", "everywhere"))).await.0, 403);
    let (status, amended) = ask(&officer, Method::PUT, RULE, Some(too_cold("-30", "device"))).await;
    assert_eq!(status, 200, "{amended}");
    assert_eq!(amended["amended"]["was"], before["definition"]);
    assert_eq!(amended["amended"]["by"], "of-office");
    assert_eq!(rule_of().await["ways"][0]["words"]["en"], "Temperature < -30 °C");
    assert_eq!(ask(&officer, Method::PUT, RULE, Some(too_cold("-30", "device"))).await.0, 400, "it says so already");

    // The running rules follow: the alarm that was open returns, since its condition, now a date, does not hold.
    let date = "condition.due = { date = 20990630, steps = [{ days_before = 0, severity = \"IV\" }] }";
    let (_, changed) = ask(&officer, Method::PUT, RULE, Some(worded(date, "device"))).await;
    assert_eq!(
        changed["amended"]["was"], before["definition"],
        "it stands in place of the profile's words, not of the last"
    );
    let mut returned = false;
    for _ in 0..500 {
        let (_, alarm) = ask(&officer, Method::GET, "/alarms/3", None).await;
        returned = alarm["returned_at_ms"] != Value::Null;
        if returned {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(returned);

    let back = format!("{RULE}?reach=device");
    assert_eq!(ask(&officer, Method::DELETE, &back, None).await.0, 204);
    assert_eq!(ask(&officer, Method::DELETE, &back, None).await.0, 404);
    assert_eq!(rule_of().await["definition"], before["definition"]);
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registration_leaves_unjudged_is_said() {
    let district = District::start().await;
    let admin = Program::of(&district, Role::Admin).await;
    let boiler = |nameplate: Value| {
        json!({ "id": "boiler-1", "name": "Boiler", "site": "site-inside", "profile": "steam_boiler", "node": "node-inside",
                "nameplate": nameplate })
    };
    let path = "/registry/devices/boiler-1";
    let (status, registered) = ask(&admin, Method::PUT, path, Some(boiler(json!({ "presure": 1 })))).await;
    assert_eq!(status, 200, "{registered}");
    let gravest = &registered["gaps"][0];
    assert_eq!((gravest["severity"].as_u64(), gravest["key"].as_str()), (Some(1), Some("allowed_pressure_mpa")));
    let keys = |body: &Value| -> Vec<String> {
        body["gaps"].as_array().unwrap().iter().map(|gap| gap["key"].as_str().unwrap().to_owned()).collect()
    };
    let told = keys(&registered);
    assert!(told.contains(&"inspection_due".to_owned()) && told.contains(&"presure".to_owned()), "{told:?}");
    let (_, device) = ask(&admin, Method::GET, "/devices/boiler-1", None).await;
    assert_eq!(keys(&device), told);
    let (_, list) = ask(&admin, Method::GET, "/registry/devices", None).await;
    let listed = list.as_array().unwrap().iter().find(|one| one["id"] == "boiler-1").unwrap().clone();
    assert_eq!(keys(&listed), told);

    let whole = json!({ "allowed_pressure_mpa": 0.7, "inspection_due": 20_280_630, "extreme_low_water_mm": -90,
                        "extreme_high_water_mm": 90, "steam_limit_c": 180 });
    let (_, registered) = ask(&admin, Method::PUT, path, Some(boiler(whole))).await;
    assert_eq!(keys(&registered), Vec::<String>::new());

    let table = "kind,id,name,township,owner,site,profile,node\n\
                 device,boiler-2,Boiler 2,,,site-inside,steam_boiler,node-inside\n";
    let request = admin.request(Method::POST, "/registry/import?dry_run=true").header("Content-Type", "text/csv");
    let report: Value =
        serde_json::from_slice(&request.body(table).send().await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!((report["gap_count"].as_u64().unwrap() >= 3, &report["is_applied"]), (true, &json!(false)), "{report}");
    assert_eq!(report["gaps"][0]["device"], "boiler-2");
    district.stop().await;
}
