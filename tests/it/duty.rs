//! People trapped in a lift: from a register to a closed case, with nobody answering at first, and the gateway killed on
//! the way.

use domain::{
    access::Role,
    case::{CaseState, CaseWhat, CauseCode, Plan},
    escalation::Rung,
};
use harness::{
    World, eventually,
    modbus::{Equipment, elevator},
    person::Person,
    world::{Options, modbus_source},
};
use protocol::rest::{AlarmDetail, CaseDetail, CasePage, CaseStep, CaseStepKind};

use super::{LIMIT, alarm_of, value_of};

/// The code of the platform's table that says that people are trapped.
const TRAPPED: u16 = 93;
/// Nobody answers for seconds, not for minutes.
const SHORT: &str = "
[duty.escalation]
I = { office_s = 1, centre_s = 6 }
II = { office_s = 600 }
III = { office_s = 600 }
IV = { office_s = 600 }

[duty.entrapment]
contact_s = 1
accept_s = 5
on_site_s = 1800
accident_s = 7200
";

#[tokio::test]
async fn trapped_people_are_somebodys_work_until_they_are_out_and_no_step_is_lost_or_repeated() {
    // Given a lift in service, and limits of seconds.
    let mut world = World::start_with(Options { config: SHORT.into(), ..Options::default() }).await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, elevator(0));
    let broker = world.mqtt_address();
    let source = modbus_source(equipment.address(), &[("lift-north", 1, "elevator-chongqing-platform")]);
    world.start_agent("edge-north", broker, &source);
    let (centre, office) = (world.sign_in(Role::CentreOperator).await, world.sign_in(Role::OfficeOfficer).await);
    let mut live = centre.live().await.expect("a live stream");
    live.until("the lift is in service", LIMIT, |now| value_of(now, "lift-north", "elevator.floor").map(drop)).await;

    // When people are trapped, there is an alarm, and a case with it.
    equipment.set(1, elevator(TRAPPED));
    let alarm = live.until("they are an alarm", LIMIT, |now| alarm_of(now, "lift-north", "EL-01")).await;
    let detail: AlarmDetail = office.get(&format!("/alarms/{}", alarm.id)).await.expect("a detail");
    let case = detail.case.expect("a case comes with the alarm").id;
    let path = format!("/cases/{case}");
    let opened: CaseDetail = office.get(&path).await.expect("the office's own case");
    assert_eq!((opened.case.plan, opened.case.state), (Plan::Entrapment, CaseState::Opened));
    let elsewhere = world.sign_in(Role::TownshipOfficer).await;
    assert_eq!(elsewhere.status(&path).await.expect("an answer"), 404);

    // Nobody answers: the office is told. The gateway is killed, and the centre is told after it is back.
    told(&office, alarm.id.0, &[Rung::Ground, Rung::Office]).await;
    world.restart_gateway().await;
    told(&office, alarm.id.0, &[Rung::Ground, Rung::Office, Rung::Centre]).await;
    eventually("the case is overdue up to the centre", LIMIT, async || {
        let page: CasePage = centre.get("/cases?state=overdue").await.ok()?;
        page.cases.iter().any(|it| it.id == case && it.overdue_told == Some(Rung::Centre)).then_some(())
    })
    .await;

    // When the office takes it, is killed off mid-way, and presses again for want of an answer.
    let accept = step(CaseStepKind::Accept);
    let taken: CaseDetail = office.post(&format!("{path}/steps"), &accept).await.expect("accepted");
    assert_eq!((taken.case.state, taken.case.handler.as_deref()), (CaseState::Accepted, Some("office")));
    world.restart_gateway().await;
    let again: CaseDetail = office.post(&format!("{path}/steps"), &accept).await.expect("answered, not repeated");
    assert_eq!(again.history.len(), taken.history.len());
    for kind in [CaseStepKind::Contact, CaseStepKind::Arrive, CaseStepKind::Free] {
        take(&office, &path, step(kind)).await;
    }
    let mut doors_open = elevator(0);
    // In the door zone, with the door open.
    doors_open.input[4] = 0b01;
    equipment.set(1, doors_open);
    let mut live = centre.live().await.expect("a live stream");
    live.until("the alarm's condition has gone", LIMIT, |now| {
        alarm_of(now, "lift-north", "EL-01").filter(|it| it.returned_at_ms.is_some()).map(drop)
    })
    .await;
    let handle = CaseStep { cause: Some(CauseCode::Equipment), ..step(CaseStepKind::Handle) };
    take(&office, &path, handle).await;
    take(&centre, &path, step(CaseStepKind::Verify)).await;
    take(&centre, &path, step(CaseStepKind::Close)).await;

    told(&office, alarm.id.0, &Rung::ALL).await;
    // Then everything stands in its time line, once and in order.
    let closed: CaseDetail = office.get(&path).await.expect("still the office's own");
    assert_eq!(closed.case.state, CaseState::Closed);
    let entrapment = closed.case.entrapment.expect("people were trapped");
    assert!(entrapment.freed_at_ms.is_some() && entrapment.contacted_at_ms.is_some() && !entrapment.is_accident);
    let events: Vec<(CaseWhat, Option<Rung>)> = closed.history.iter().map(|event| (event.what, event.told)).collect();
    assert_eq!(
        events,
        [
            (CaseWhat::Opened, None),
            (CaseWhat::Milestone, None),
            (CaseWhat::Overdue, Some(Rung::Ground)),
            (CaseWhat::Overdue, Some(Rung::Office)),
            (CaseWhat::Overdue, Some(Rung::Centre)),
            (CaseWhat::Accepted, None),
            (CaseWhat::Contacted, None),
            (CaseWhat::ArrivedOnSite, None),
            (CaseWhat::Freed, None),
            (CaseWhat::Handled, None),
            (CaseWhat::Verified, None),
            (CaseWhat::Closed, None),
        ]
    );
}

/// Waits until these were told of the alarm, in this order and nobody twice.
async fn told(person: &Person, alarm: i64, rungs: &[Rung]) {
    let path = format!("/alarms/{alarm}");
    eventually(&format!("{rungs:?} are told"), LIMIT, async || {
        let detail: AlarmDetail = person.get(&path).await.ok()?;
        let told: Vec<Rung> = detail.escalations.iter().map(|escalation| escalation.told).collect();
        (told.len() >= rungs.len()).then(|| assert!(Rung::ALL.starts_with(&told), "{told:?}"))
    })
    .await;
}

fn step(kind: CaseStepKind) -> CaseStep {
    let idempotency_key = format!("pressed-{kind:?}");
    CaseStep { step: kind, assignee: None, cause: None, note: "到场处置".into(), idempotency_key }
}

async fn take(person: &Person, path: &str, step: CaseStep) {
    let kind = step.step;
    let answer: anyhow::Result<CaseDetail> = person.post(&format!("{path}/steps"), &step).await;
    answer.unwrap_or_else(|error| panic!("{kind:?}: {error:#}"));
}
