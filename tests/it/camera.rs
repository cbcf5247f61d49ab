//! A picture from the camera to whoever may see it.

use domain::{access::Role, reading::Value};
use futures_util::StreamExt as _;
use harness::{
    World,
    camera::{Camera, NAME},
    eventually,
    modbus::{Equipment, gas_detector},
    person::Person,
    skipped::skipped,
    world::modbus_source,
};
use tokio_tungstenite::tungstenite::Message;

use super::{LIMIT, value_of};

pub(super) fn camera_source(camera: &Camera, still_interval_s: u32) -> String {
    format!(
        "[[camera]]\nid = \"{NAME}\"\nmain_url = \"{}\"\nsub_url = \"{}\"\nstill_interval_s = {still_interval_s}\noffline_after_s = 4\n\
         black_after_s = 2\nfrozen_after_s = 4\n",
        camera.url("main"),
        camera.url("sub"),
    )
}

/// Watches until some pictures have come: the first message says what it is, the others carry it.
async fn watch(person: &Person, stream: &str) {
    let mut socket = person.socket(&format!("/cameras/{NAME}/live?stream={stream}")).await.expect("may watch");
    let (mut head, mut pictures) = (None, 0);
    let watching = async {
        while pictures < 20 {
            match socket.next().await.expect("the stream goes on").expect("the socket lives") {
                Message::Text(text) => head = Some(text.to_string()),
                Message::Binary(bytes) => {
                    assert!(head.is_some(), "the first message says what comes");
                    assert!(!bytes.is_empty());
                    pictures += 1;
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(LIMIT, watching).await.expect("pictures come");
    let head = head.unwrap_or_default();
    assert!(head.contains(NAME) && head.contains("avc1"), "{head}");
}

#[tokio::test]
async fn a_camera_is_watched_by_whom_it_concerns_and_its_troubles_are_seen() {
    let Some(camera) = Camera::start().await.expect("a temporary folder") else {
        return skipped("ffmpeg or the RTSP server's packages are not installed");
    };
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    let sources = modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]) + &camera_source(&camera, 2);
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &sources);
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("the camera is online", LIMIT, |now| {
        (value_of(now, NAME, "camera.state") == Some(&Value::Int(1))).then_some(())
    })
    .await;

    // Its picture comes, whole and small, and a still too.
    watch(&operator, "main").await;
    watch(&operator, "sub").await;
    eventually("a still has come", LIMIT, async || {
        (operator.status(&format!("/cameras/{NAME}/snapshot")).await.ok()? == 200).then_some(())
    })
    .await;

    // Nobody else's: the owner in the south does not even learn that it is there.
    let owner = world.sign_in(Role::Owner).await;
    assert_eq!(owner.status(&format!("/cameras/{NAME}/snapshot")).await.expect("an answer"), 404);
    assert!(owner.socket(&format!("/cameras/{NAME}/live?stream=main")).await.is_err());

    // Black, frozen and gone are told apart, and the detector beside it goes on.
    for (mode, state) in [("black", 2), ("ok", 1), ("freeze", 3), ("ok", 1)] {
        camera.switch(mode).await;
        live.until(&format!("the camera is {mode}"), LIMIT, |now| {
            (value_of(now, NAME, "camera.state") == Some(&Value::Int(state))).then_some(())
        })
        .await;
    }
    equipment.set(1, gas_detector(2.0));
    live.until("the detector goes on", LIMIT, |now| {
        (value_of(now, "gas-north", "gas.concentration") == Some(&Value::Float(2.0))).then_some(())
    })
    .await;
}
