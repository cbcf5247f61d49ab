//! From a register to an alarm on screen, and what people do with it.

use domain::{
    access::Role,
    alarm::{AlarmState, Severity},
    reading::Value,
};
use harness::{
    World,
    modbus::{Equipment, cold_store, elevator, gas_detector},
    postgres::Postgres,
    skipped::skipped,
    world::{Options, modbus_source},
};
use protocol::rest::{AlarmDetail, AlarmPage, DeviceDetail, SeverityNumber};

use super::{LIMIT, alarm_of, value_of};

#[tokio::test]
async fn a_register_is_seen_live_and_its_alarm_lives_until_answered_and_over() {
    tell(World::start().await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let Some(postgres) = Postgres::start().await.expect("a temporary cluster") else {
        return skipped("PostgreSQL is not installed");
    };
    let options = Options { store_url: Some(postgres.url().to_owned()), ..Options::default() };
    tell(World::start_with(options).await).await;
}

async fn tell(mut world: World) {
    // Given a gas detector and a cold store behind one agent, and an operator who watches.
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    equipment.set(2, cold_store(3.5));
    let devices = [("gas-north", 1, "gas-detector"), ("cold-north", 2, "cold-store")];
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &modbus_source(equipment.address(), &devices));
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("the cold store shows its temperature", LIMIT, |now| {
        (value_of(now, "cold-north", "cold_store.temperature") == Some(&Value::Float(3.5))).then_some(())
    })
    .await;

    // When gas reaches the third level.
    equipment.set(1, gas_detector(60.0));
    let alarm = live.until("the third gas level is an alarm", LIMIT, |now| alarm_of(now, "gas-north", "GA-03")).await;

    // Then it is of severity I, says why, and is in the list too.
    assert_eq!(alarm.severity, SeverityNumber(Severity::I));
    assert_eq!(alarm.state, AlarmState::ActiveUnacknowledged);
    assert!(alarm.cause_en.contains("60"), "{}", alarm.cause_en);
    let page: AlarmPage = operator.get("/alarms?state=open").await.expect("a list");
    assert!(page.alarms.iter().any(|it| it.id == alarm.id));

    // When the operator answers, everybody sees who it was; it stays open while the gas is there.
    operator.acknowledge(&alarm, "已通知疏散").await.expect("acknowledged");
    let answered = live
        .until("the answer is seen", LIMIT, |now| {
            alarm_of(now, "gas-north", "GA-03").filter(|it| it.state == AlarmState::ActiveAcknowledged)
        })
        .await;
    assert_eq!(answered.acknowledged_by.as_deref(), Some("centre"));
    let detail: AlarmDetail = operator.get(&format!("/alarms/{}", alarm.id)).await.expect("a detail");
    assert!(detail.history.iter().any(|event| event.note == "已通知疏散"), "{:?}", detail.history);
    assert!(
        detail.source.is_some_and(|source| !source.citation_zh.is_empty()),
        "a rule says where its number comes from"
    );

    // And what was measured is stored.
    let stored: DeviceDetail = operator.get("/devices/gas-north").await.expect("a detail");
    let concentration = stored.metrics.iter().find(|it| it.name.as_str() == "gas.concentration");
    let latest = concentration.and_then(|it| it.latest.as_ref()).and_then(|it| it.value.clone());
    assert_eq!(latest, Some(Value::Float(60.0)));
}

#[tokio::test]
async fn an_alarm_that_went_before_anybody_answered_stays_until_somebody_does() {
    // Given a lift in which somebody presses the alarm button and lets go.
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, elevator(0));
    let broker = world.mqtt_address();
    let source = modbus_source(equipment.address(), &[("lift-north", 1, "elevator-chongqing-platform")]);
    world.start_agent("edge-north", broker, &source);
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("the lift is in service", LIMIT, |now| value_of(now, "lift-north", "elevator.floor").map(drop)).await;
    equipment.set(1, elevator(90));
    let raised = live.until("the button is an alarm", LIMIT, |now| alarm_of(now, "lift-north", "EL-02")).await;
    equipment.set(1, elevator(0));
    let returned = live
        .until("the button is released", LIMIT, |now| {
            alarm_of(now, "lift-north", "EL-02").filter(|it| it.state == AlarmState::ReturnedUnacknowledged)
        })
        .await;
    assert_eq!(returned.id, raised.id);

    // When the operator answers, then it is over, and leaves the screens.
    let closed = operator.acknowledge(&returned, "").await.expect("acknowledged");
    assert_eq!(closed.state, AlarmState::Closed);
    live.until("it has left the screen", LIMIT, |now| alarm_of(now, "lift-north", "EL-02").is_none().then_some(()))
        .await;
    let page: AlarmPage = operator.get("/alarms?state=closed").await.expect("a list");
    assert!(page.alarms.iter().any(|it| it.id == raised.id));
}
