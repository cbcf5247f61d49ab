//! Everybody sees their own.

use std::collections::BTreeSet;

use domain::access::Role;
use harness::{
    World,
    modbus::{Equipment, gas_detector},
    person::Person,
    world::modbus_source,
};
use protocol::rest::{AlarmPage, DeviceSummary};

use super::{LIMIT, alarm_of};

async fn devices_of(person: &Person) -> BTreeSet<String> {
    let devices: Vec<DeviceSummary> = person.get("/devices").await.expect("a list");
    devices.into_iter().map(|device| device.id.to_string()).collect()
}

#[tokio::test]
async fn everybody_sees_the_devices_and_alarms_of_their_own_jurisdiction_only() {
    // Given a gas alarm in the north and one in the south.
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    let broker = world.mqtt_address();
    for (node, device, unit) in [("edge-north", "gas-north", 1), ("edge-south", "gas-south", 2)] {
        equipment.set(unit, gas_detector(60.0));
        let source = modbus_source(equipment.address(), &[(device, unit, "gas-detector")]);
        world.start_agent(node, broker, &source);
    }
    let centre = world.sign_in(Role::CentreOperator).await;
    let mut live = centre.live().await.expect("a live stream");
    for device in ["gas-north", "gas-south"] {
        live.until("both alarms are there", LIMIT, |now| alarm_of(now, device, "GA-03")).await;
    }
    let north_alarm = alarm_of(&live.snapshot, "gas-north", "GA-03").expect("just seen").id;

    // The office answers for the north; the township officer and the owner belong to the south.
    let north = ["camera-1", "cold-north", "edge-north", "gas-north", "lift-north"];
    let south = ["edge-south", "gas-south"];
    for (role, own, foreign) in [
        (Role::OfficeOfficer, &north[..], &south[..]),
        (Role::TownshipOfficer, &south, &north),
        (Role::Owner, &south, &north),
    ] {
        let person = world.sign_in(role).await;
        let own: BTreeSet<String> = own.iter().map(|&id| id.to_owned()).collect();
        assert_eq!(devices_of(&person).await, own, "{role:?}");
        for device in foreign {
            let status = person.status(&format!("/devices/{device}")).await.expect("an answer");
            assert_eq!(status, 404, "{role:?} asks for {device}");
        }

        let snapshot = person.live().await.expect("a live stream").snapshot;
        let live: BTreeSet<String> = snapshot.devices.iter().map(|it| it.id.to_string()).collect();
        assert_eq!(live, own, "{role:?} live");
        assert!(snapshot.alarms.iter().all(|it| own.contains(it.device.as_str())), "{role:?}: {:?}", snapshot.alarms);
        let page: AlarmPage = person.get("/alarms?state=all").await.expect("a list");
        assert!(!page.alarms.is_empty() && page.alarms.iter().all(|it| own.contains(it.device.as_str())), "{role:?}");
    }
    let owner = world.sign_in(Role::Owner).await;
    assert_eq!(owner.status(&format!("/alarms/{north_alarm}")).await.expect("an answer"), 404);
}

#[tokio::test]
async fn signing_out_ends_the_live_stream() {
    let world = World::start().await;
    let person = world.sign_in(Role::Owner).await;
    let live = person.live().await.expect("a live stream");
    person.delete("/session").await.expect("signed out");
    assert!(live.end(LIMIT).await.expect("an end"), "the stream says why it ends");
    assert_eq!(person.status("/devices").await.expect("an answer"), 401);
}
