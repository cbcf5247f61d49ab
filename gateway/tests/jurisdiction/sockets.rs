//! What WebSockets show, and when they end.

use std::time::Duration;

use domain::{access::Role, reading::Value, registry::Site};
use futures_util::{SinkExt as _, StreamExt as _};
use gateway::{registry::import::Entry, store::Actor};
use protocol::rest::UserDraft;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::{
    district::{District, MARKS_OF_OUTSIDE, draft},
    program::{Program, Socket},
};

/// Nobody waits longer for something to happen.
const LIMIT: Duration = Duration::from_secs(20);

async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(LIMIT, socket.next()).await.expect("nothing comes").expect("it ended").unwrap()
}

/// The text that comes next, but for heartbeats.
async fn next_text(socket: &mut Socket) -> String {
    loop {
        match next(socket).await {
            Message::Text(text) if !text.contains("heartbeat") => return text.to_string(),
            Message::Close(frame) => panic!("it closed: {frame:?}"),
            _ => {}
        }
    }
}

/// The code with which the gateway closes; all before it is passed over.
async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(Some(CloseFrame { code, .. })) = next(socket).await {
            return code.into();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_stream_shows_each_role_its_own() {
    let district = District::start().await;
    for role in Role::ALL {
        let person = Program::of(&district, role).await;
        let snapshot = next_text(&mut person.socket("/live").await.unwrap()).await;
        assert!(snapshot.contains("cold-inside") && snapshot.contains("-17.5"), "{role:?}: {snapshot}");
        for mark in MARKS_OF_OUTSIDE {
            let sees_all = matches!(role, Role::Admin | Role::CentreOperator);
            assert_eq!(snapshot.contains(mark), sees_all, "{role:?} {mark}: {snapshot}");
        }
    }
    district.stop().await;
}

/// Opens both kinds of sockets as the township officer, lets something happen, and expects this code from both.
async fn both_end(what_happens: impl AsyncFnOnce(&District, &Program), expected: u16) {
    let district = District::start().await;
    let person = Program::of(&district, Role::TownshipOfficer).await;
    let bystander = Program::of(&district, Role::OfficeOfficer).await;
    let mut live = person.socket("/live").await.unwrap();
    let mut video = person.socket("/cameras/camera-inside/live").await.unwrap();
    let mut of_bystander = bystander.socket("/live").await.unwrap();
    next_text(&mut live).await;
    next_text(&mut of_bystander).await;
    what_happens(&district, &person).await;
    assert_eq!(close_code(&mut live).await, expected);
    assert_eq!(close_code(&mut video).await, expected);
    assert!(matches!(next(&mut of_bystander).await, Message::Text(_)), "others go on");
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_when_the_person_signs_out() {
    both_end(
        async |_, person| {
            let answer = person.request(reqwest::Method::DELETE, "/session").send().await.unwrap();
            assert_eq!(answer.status(), 204);
        },
        4401,
    )
    .await;
}

async fn change_officer(district: &District, change: impl FnOnce(&mut UserDraft)) {
    let id = district.user(Role::TownshipOfficer);
    let mut draft = draft(Role::TownshipOfficer);
    change(&mut draft);
    let registry = district.registrar.current();
    district.identity.change_user(Actor::Shell, id, draft, &registry).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_when_the_account_is_disabled() {
    both_end(async |district, _| change_officer(district, |draft| draft.is_disabled = true).await, 4401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_when_the_password_is_changed() {
    let change = |draft: &mut UserDraft| draft.password = Some("correct horse battery".into());
    both_end(async |district, _| change_officer(district, change).await, 4401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_when_the_jurisdiction_changes() {
    let change = |draft: &mut UserDraft| draft.township = Some("500156003".parse().unwrap());
    both_end(async |district, _| change_officer(district, change).await, 4401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_end_when_the_gateway_stops() {
    let district = District::start().await;
    let person = Program::of(&district, Role::TownshipOfficer).await;
    let mut live = person.socket("/live").await.unwrap();
    next_text(&mut live).await;
    let (code, ()) = tokio::join!(close_code(&mut live), district.stop());
    assert_eq!(code, 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_jurisdiction_leaves_the_screen() {
    let district = District::start().await;
    let person = Program::of(&district, Role::TownshipOfficer).await;
    let mut live = person.socket("/live").await.unwrap();
    let mut video = person.socket("/cameras/camera-inside/live").await.unwrap();
    next_text(&mut live).await;
    let moved = Site {
        id: "site-inside".parse().unwrap(),
        name: "Site moved".into(),
        township: "500156003".parse().unwrap(),
        owner: "owner-inside".parse().unwrap(),
        address: String::new(),
    };
    district.registrar.put(Actor::Shell, Entry::Site(moved)).await.unwrap();
    assert_eq!(close_code(&mut video).await, 4404);
    let after = next_text(&mut live).await;
    assert!(after.contains("snapshot") && !after.contains("inside"), "{after}");
    let again = person.socket("/cameras/camera-inside/live").await.unwrap_err().to_string();
    assert!(again.contains("404"), "{again}");
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_reaches_those_who_asked_for_it() {
    let district = District::start().await;
    let person = Program::of(&district, Role::Owner).await;
    let mut player = person.socket("/cameras/camera-inside/live").await.unwrap();
    let command = district.commands.lock().await.recv().await.unwrap();
    assert_eq!((command.device.as_str(), command.metric.as_str()), ("camera-inside", "Video/Open"));
    let Value::Text(open) = command.value else { panic!("{:?}", command.value) };
    let open: serde_json::Value = serde_json::from_str(&open).unwrap();
    let path = format!("/uplink/{}", open["ticket"].as_str().unwrap());

    let mut edge = Program::nobody(&district).socket(&path).await.unwrap();
    let opened = r#"{"type":"opened","device":"camera-inside","stream":"main","stream_id":5,"epoch":9,
        "mime":"video/mp4; codecs=\"avc1.64001f\"","size":{"width":640,"height":360}}"#;
    edge.send(Message::text(opened)).await.unwrap();
    assert!(next_text(&mut player).await.contains("\"stream_id\":5"));
    let again = Program::nobody(&district).socket(&path).await.unwrap_err().to_string();
    assert!(again.contains("404"), "a ticket is good once: {again}");
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_gets_deltas_or_a_snapshot() {
    let district = District::start().await;
    let person = Program::of(&district, Role::Admin).await;
    let snapshot: serde_json::Value =
        serde_json::from_str(&next_text(&mut person.socket("/live").await.unwrap()).await).unwrap();
    let version = &snapshot["version"];
    let resume = format!("/live?resume={}.{}", version["epoch"], version["sequence"]);
    let mut socket = person.socket(&resume).await.unwrap();
    let Message::Text(first) = next(&mut socket).await else { panic!("not a text") };
    assert!(first.contains("heartbeat"), "nothing was missed: {first}");
    let mut of_another_start = person.socket("/live?resume=1.1").await.unwrap();
    assert!(next_text(&mut of_another_start).await.contains("snapshot"));
    assert!(person.socket("/live?resume=nonsense").await.unwrap_err().to_string().contains("400"));
    district.stop().await;
}
