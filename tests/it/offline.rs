//! What cannot be seen is said to be so: dead agents, dead devices, cut links.

use domain::access::Role;
use harness::{
    World,
    modbus::{Equipment, cold_store, gas_detector},
    proxy::{Link, Proxy},
    world::modbus_source,
};
use protocol::{live::Snapshot, rest::LinkState};

use super::{LIMIT, alarm_of};

fn link_of(snapshot: &Snapshot, device: &str) -> Option<LinkState> {
    snapshot.devices.iter().find(|it| it.id.as_str() == device).map(|it| it.link)
}

fn is(snapshot: &Snapshot, device: &str, link: LinkState) -> Option<()> {
    (link_of(snapshot, device) == Some(link)).then_some(())
}

#[tokio::test]
async fn a_killed_agent_takes_its_devices_offline_with_one_alarm_and_comes_back() {
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    let broker = world.mqtt_address();
    let source = modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]);
    world.start_agent("edge-north", broker, &source);
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("the detector is online", LIMIT, |now| is(now, "gas-north", LinkState::Online)).await;

    world.agent("edge-north").kill();
    live.until("the node is offline", LIMIT, |now| is(now, "edge-north", LinkState::Offline)).await;
    live.until("its device too", LIMIT, |now| is(now, "gas-north", LinkState::Offline)).await;
    live.until("the node has an alarm", LIMIT, |now| alarm_of(now, "edge-north", "OP-01")).await;
    assert!(alarm_of(&live.snapshot, "gas-north", "OP-01").is_none(), "one cause, one alarm");

    world.restart_agent("edge-north");
    live.until("the detector is back", LIMIT, |now| is(now, "gas-north", LinkState::Online)).await;
    live.until("the alarm's condition has gone", LIMIT, |now| {
        alarm_of(now, "edge-north", "OP-01").filter(|it| it.returned_at_ms.is_some()).map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_dead_device_is_offline_and_its_neighbour_is_not_disturbed() {
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    equipment.set(2, cold_store(3.5));
    let devices = [("gas-north", 1, "gas-detector"), ("cold-north", 2, "cold-store")];
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &modbus_source(equipment.address(), &devices));
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    for device in ["gas-north", "cold-north"] {
        live.until("both are online", LIMIT, |now| is(now, device, LinkState::Online)).await;
    }

    equipment.remove(1);
    live.until("the detector has an offline alarm", LIMIT, |now| alarm_of(now, "gas-north", "OP-01")).await;
    assert_eq!(link_of(&live.snapshot, "cold-north"), Some(LinkState::Online));
    assert_eq!(link_of(&live.snapshot, "edge-north"), Some(LinkState::Online));
}

#[tokio::test]
async fn a_cut_link_is_noticed_and_heals_by_itself() {
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    let proxy = Proxy::start(world.mqtt_address()).await.expect("a free port");
    let source = modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]);
    world.start_agent("edge-north", proxy.address(), &source);
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("the detector is online", LIMIT, |now| is(now, "gas-north", LinkState::Online)).await;

    // Silence, not a closed socket: found by the keep-alive alone.
    proxy.set(Link::Stalled);
    live.until("silence is noticed", LIMIT, |now| is(now, "gas-north", LinkState::Offline)).await;
    proxy.set(Link::Cut);
    proxy.set(Link::Open);
    live.until("the link heals", LIMIT, |now| is(now, "gas-north", LinkState::Online)).await;
}
