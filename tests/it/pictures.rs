//! An alarm keeps what the cameras of its site showed around it.

use domain::access::Role;
use harness::{
    World,
    camera::{Camera, NAME},
    eventually,
    modbus::{Equipment, elevator, gas_detector},
    person::{Live, Person},
    skipped::skipped,
    world::{Options, modbus_source},
};
use protocol::rest::{Alarm, AlarmCamera, LinkState};

use super::{LIMIT, alarm_of, camera::camera_source};

/// What is kept of an alarm of the one camera, when it is so.
async fn pictures_of(person: &Person, alarm: &Alarm, is_so: impl Fn(&AlarmCamera) -> bool) -> AlarmCamera {
    let path = format!("/alarms/{}/pictures", alarm.id);
    eventually("the alarm has its pictures", LIMIT, async || {
        let mut cameras: Vec<AlarmCamera> = person.get(&path).await.ok()?;
        let camera = cameras.pop().filter(|_| cameras.is_empty())?;
        is_so(&camera).then_some(camera)
    })
    .await
}

async fn until_linked(live: &mut Live, link: LinkState) {
    live.until(&format!("the camera is {link:?}"), LIMIT, |now| {
        now.devices.iter().any(|device| device.id.as_str() == NAME && device.link == link).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_alarm_keeps_its_pictures_whatever_the_camera_shows_later() {
    let Some(mut camera) = Camera::start().await.expect("a temporary folder") else {
        return skipped("ffmpeg or the RTSP server's packages are not installed");
    };
    // However full the disk of who runs this.
    let config = "[video]\nalarm_picture_free_mib = 0\n".to_owned();
    let mut world = World::start_with(Options { config, ..Options::default() }).await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    equipment.set(2, elevator(0));
    let devices = [("gas-north", 1, "gas-detector"), ("lift-north", 2, "elevator-chongqing-platform")];
    // Stills come unasked too seldom to be anything but an answer.
    let sources = modbus_source(equipment.address(), &devices) + &camera_source(&camera, 86_400);
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &sources);
    let operator = world.sign_in(Role::CentreOperator).await;
    let newest = format!("/cameras/{NAME}/snapshot");
    eventually("a still has come", LIMIT, async || (operator.status(&newest).await.ok()? == 200).then_some(())).await;
    let before = operator.bytes(&newest).await.expect("a still");

    // When gas is measured, under a gateway that knows the still only from its disk.
    world.restart_gateway().await;
    let mut live = operator.live().await.expect("a live stream");
    until_linked(&mut live, LinkState::Online).await;
    equipment.set(1, gas_detector(60.0));
    let raised = live.until("the alarm is raised", LIMIT, |now| alarm_of(now, "gas-north", "GA-03")).await;

    // Then the alarm has the picture from before, and one of its moment.
    let kept = pictures_of(&operator, &raised, |kept| !kept.is_awaited && kept.taken_at_ms.len() == 2).await;
    assert_eq!((kept.camera.as_str(), kept.offline_since_ms, kept.unanswered_since_ms), (NAME, None, None));
    let address = |taken: i64| format!("/alarms/{}/pictures/{NAME}/{taken}", raised.id);
    let (first, moment) = (address(kept.taken_at_ms[0]), address(kept.taken_at_ms[1]));
    assert_eq!(operator.bytes(&first).await.expect("the picture from before"), before);
    let shown = operator.bytes(&moment).await.expect("the picture of the moment");
    assert!(shown.starts_with(&[0xff, 0xd8, 0xff]) && shown != before);

    // Nobody else's.
    let owner = world.sign_in(Role::Owner).await;
    for path in [&format!("/alarms/{}/pictures", raised.id), &first, &moment] {
        assert_eq!(owner.status(path).await.expect("an answer"), 404, "{path}");
    }
    assert_eq!(operator.status(&address(1)).await.expect("an answer"), 404);

    // What the camera shows later changes nothing, nor does another start.
    eventually("the camera shows something else", LIMIT, async || {
        operator.ask(&newest).await.ok()?;
        (operator.bytes(&newest).await.ok()? != shown).then_some(())
    })
    .await;
    world.restart_gateway().await;
    assert_eq!(operator.bytes(&moment).await.expect("the same picture"), shown);

    // A camera that is not there is no picture, and says since when.
    camera.kill();
    let mut live = operator.live().await.expect("a live stream");
    until_linked(&mut live, LinkState::Offline).await;
    equipment.set(2, elevator(93));
    let trapped = live.until("somebody is trapped", LIMIT, |now| alarm_of(now, "lift-north", "EL-01")).await;
    let kept = pictures_of(&operator, &trapped, |kept| kept.offline_since_ms.is_some()).await;
    assert!(!kept.is_awaited);
    assert!(kept.offline_since_ms.is_some_and(|since| since <= trapped.raised_at_ms), "{kept:?} {trapped:?}");
}
