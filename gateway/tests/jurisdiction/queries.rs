//! What a body or a query names lies inside the jurisdiction too, and what is taken away leaves a trace.

use domain::access::Role;
use reqwest::{Method, header};

use crate::{
    district::{District, MARKS_OF_OUTSIDE},
    program::Program,
};

const RANGE: &str = "from_ms=1790000000000&to_ms=1800000000000";

async fn post(person: &Program, path: &str, body: String) -> (u16, String) {
    let request = person.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    let answer = request.body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn get(person: &Program, path: &str) -> (u16, Vec<u8>) {
    let answer = person.request(Method::GET, path).send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

fn history(devices: &[&str], buckets: u32) -> String {
    let series = devices.iter().map(|id| format!(r#"{{"device": "{id}", "metric": "cold_store.temperature"}}"#));
    let series = series.collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"series": [{series}], "from_ms": 1790000000000, "to_ms": 1800000000000, "buckets": {buckets},
            "shape": "lttb"}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_name_nothing_outside() {
    let district = District::start().await;
    for role in [Role::OfficeOfficer, Role::TownshipOfficer, Role::Owner] {
        let person = Program::of(&district, role).await;
        for (path, body) in [
            ("/history", history(&["cold-inside", "cold-outside"], 10)),
            ("/latest", r#"{"devices": ["cold-inside", "cold-outside"]}"#.to_owned()),
        ] {
            let (status, text) = post(&person, path, body).await;
            assert_eq!(status, 404, "{role:?} {path}: {text}");
        }
        for path in ["township=500156003", "owner=owner-outside", "device=cold-outside&metric=cold_store.temperature"] {
            let (status, _) = get(&person, &format!("/export?format=csv&{RANGE}&{path}")).await;
            assert_eq!(status, 404, "{role:?} {path}");
        }
        let (status, everything) = get(&person, &format!("/export?format=csv&{RANGE}")).await;
        let everything = String::from_utf8(everything).unwrap();
        assert_eq!(status, 200);
        assert!(everything.contains("cold-inside"), "{everything}");
        assert!(MARKS_OF_OUTSIDE.iter().all(|mark| !everything.contains(mark)), "{role:?}: {everything}");
    }
    let admin = Program::of(&district, Role::Admin).await;
    let (status, text) = post(&admin, "/history", history(&["cold-inside", "cold-outside"], 10)).await;
    assert!(status == 200 && text.contains("cold-outside") && text.contains("thinned_from"), "{status} {text}");
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_have_bounds() {
    let district = District::start().await;
    let person = Program::of(&district, Role::Owner).await;
    let too_many = vec!["cold-inside"; 17];
    for (path, body) in [
        ("/history", history(&too_many, 10)),
        ("/history", history(&[], 10)),
        ("/history", history(&["cold-inside"; 5], 5000)),
        ("/latest", r#"{"devices": []}"#.to_owned()),
        ("/latest", format!(r#"{{"devices": [{}]}}"#, vec![r#""cold-inside""#; 201].join(","))),
    ] {
        assert_eq!(post(&person, path, body.clone()).await.0, 400, "{path} {body}");
    }
    for path in [
        "/export?format=csv&from_ms=0&to_ms=40000000000",
        "/export?format=csv&from_ms=1&to_ms=1",
        "/export?format=xml&from_ms=1&to_ms=2",
        "/export?format=csv&from_ms=1&to_ms=2&metric=cold_store.temperature",
        "/export?format=csv&from_ms=1&to_ms=2&device=cold-inside&owner=owner-inside",
        "/devices/cold-inside/states?metric=cold_store.temperature&from_ms=0&to_ms=40000000000",
    ] {
        assert_eq!(get(&person, path).await.0, 400, "{path}");
    }
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_readings_away_is_in_the_audit_log() {
    let district = District::start().await;
    let owner = Program::of(&district, Role::Owner).await;
    let path = |format: &str| format!("/export?format={format}&{RANGE}&device=cold-inside");
    let (status, excel) = get(&owner, &path("excel")).await;
    assert_eq!(status, 200);
    assert!(excel.starts_with("\u{feff}device,".as_bytes()), "{}", String::from_utf8_lossy(&excel));
    let (status, parquet) = get(&owner, &path("parquet")).await;
    assert_eq!(status, 200);
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));

    let admin = Program::of(&district, Role::Admin).await;
    let (_, log) = get(&admin, "/audit?limit=20").await;
    let log: protocol::rest::AuditPage = serde_json::from_slice(&log).unwrap();
    let of_exports: Vec<_> = log.entries.iter().filter(|entry| entry.action.starts_with("readings.export")).collect();
    assert_eq!(of_exports.len(), 4, "{of_exports:?}");
    let rows = String::from_utf8(excel).unwrap().lines().count() - 1;
    assert!(rows > 0);
    assert_eq!((of_exports[0].action.as_str(), of_exports[0].actor.as_str()), ("readings.export_done", "of-owner"));
    assert_eq!(of_exports[0].object, "device cold-inside");
    let range = "[1790000000000, 1800000000000) ms";
    assert_eq!(of_exports[0].detail, format!("parquet device cold-inside {range}: {rows} rows"));
    assert_eq!(of_exports[3].detail, format!("csv device cold-inside {range}"));
    district.stop().await;
}
