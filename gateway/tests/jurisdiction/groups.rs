//! Answering many alarms at once: all within the jurisdiction or none, each by itself, and the same request only once.

use domain::access::Role;
use protocol::rest::AcknowledgedMany;

use crate::{district::District, program::Program};

async fn acknowledge(person: &Program, alarms: &str, key: &str) -> (u16, Option<AcknowledgedMany>) {
    let body = format!(r#"{{"alarms": {alarms}, "note": "power cut", "idempotency_key": "{key}"}}"#);
    let request = person.request(reqwest::Method::POST, "/alarms/acknowledge");
    let answer = request.header("Content-Type", "application/json").body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).ok())
}

fn told(answer: Option<AcknowledgedMany>) -> (Vec<i64>, Vec<i64>) {
    let answer = answer.unwrap();
    let done = answer.acknowledged.iter().map(|alarm| alarm.id.0).collect();
    (done, answer.refused.iter().map(|refused| refused.alarm.0).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_answered_within_the_jurisdiction_and_once() {
    let district = District::start().await;
    let officer = Program::of(&district, Role::TownshipOfficer).await;
    // Number 2 lies elsewhere: nothing is done, and nobody learns that it exists.
    assert_eq!(acknowledge(&officer, "[1, 2]", "pressed-once").await.0, 404);
    assert_eq!(acknowledge(&officer, "[1, 77]", "pressed-once").await.0, 404);
    let (status, answer) = acknowledge(&officer, "[1, 1]", "pressed-once").await;
    assert_eq!((status, told(answer)), (200, (vec![1], vec![])), "a number that stands there twice is one alarm");
    let (_, again) = acknowledge(&officer, "[1]", "pressed-once").await;
    assert_eq!(told(again), (vec![1], vec![]), "the same request is answered, not repeated");

    let centre = Program::of(&district, Role::CentreOperator).await;
    let (_, answer) = acknowledge(&centre, "[1, 2]", "pressed-again").await;
    assert_eq!(told(answer), (vec![2], vec![1]), "the one that was answered before is said");
    let too_many = format!("[{}]", (1..=201).map(|id| id.to_string()).collect::<Vec<_>>().join(", "));
    for wrong in ["[]", too_many.as_str()] {
        assert_eq!(acknowledge(&centre, wrong, "pressed-again").await.0, 400, "{wrong}");
    }
    district.stop().await;
}
