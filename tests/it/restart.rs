//! What is on screen is on disk: it survives the end of the gateway.

use domain::{access::Role, reading::Value};
use harness::{
    World,
    modbus::{Equipment, gas_detector},
    world::modbus_source,
};
use protocol::rest::{AlarmDetail, AlarmEventKind};

use super::{LIMIT, alarm_of, value_of};

#[tokio::test]
async fn a_killed_gateway_goes_on_with_the_alarms_and_values_that_were_on_screen() {
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(60.0));
    let broker = world.mqtt_address();
    let source = modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]);
    world.start_agent("edge-north", broker, &source);
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    let raised = live.until("the alarm is raised", LIMIT, |now| alarm_of(now, "gas-north", "GA-03")).await;
    operator.acknowledge(&raised, "收到").await.expect("acknowledged");

    // When the gateway is killed, with its broker still running, and started again.
    world.restart_gateway().await;

    // Then the same alarm is open, and who answered is known; the session too outlives the process.
    let mut live = operator.live().await.expect("the session outlives the gateway");
    let known = live.until("the alarm is still open", LIMIT, |now| alarm_of(now, "gas-north", "GA-03")).await;
    assert_eq!((known.id, known.acknowledged_by.as_deref()), (raised.id, Some("centre")));
    let detail: AlarmDetail = operator.get(&format!("/alarms/{}", raised.id)).await.expect("a detail");
    let raisings = detail.history.iter().filter(|event| event.what == AlarmEventKind::Raised).count();
    assert_eq!(raisings, 1, "{:?}", detail.history);

    // And new readings arrive without anybody's help.
    equipment.set(1, gas_detector(61.0));
    live.until("the agent finds the gateway again", LIMIT, |now| {
        (value_of(now, "gas-north", "gas.concentration") == Some(&Value::Float(61.0))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_is_told_to_stop_ends_by_itself() {
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(1.0));
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]));
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("a value is there", LIMIT, |now| value_of(now, "gas-north", "gas.concentration").cloned()).await;

    // Somebody watches and an agent speaks: neither keeps it from ending.
    let status = world.gateway().stop().await;

    assert!(status.success(), "{status}");
    assert!(world.gateway().log().contains(" stopped"), "it got to the end of its own stopping");
}
