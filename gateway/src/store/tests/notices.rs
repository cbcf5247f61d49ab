//! What people have to be told, and what became of it.

use std::sync::Arc;

use domain::{
    access::Role,
    alarm::{AlarmState, Severity, Transition, What},
    id::{AlarmId, DeviceId, NodeId, OwnerId, RuleId, SiteId, TownshipCode},
    notice::{Audience, Notice, Occasion, Subject},
    profile::{Daily, Profiles},
    text::Text,
};

use protocol::rest::{ContactDraft, DeliveryState, NoticeAudience, QuietHours, ShiftDraft};

use super::fixture::{Fixture, START, batch, definition, draft, sign_in, transition};
use crate::store::{
    Actor, Attempt, AttemptOutcome, BatchCommit, ChannelFigures, DeliveryId, NewDelivery, NoticeId, Retention, Store,
    StoreConfig, StoreError,
};

/// What is told of an alarm at the school.
fn notice(alarm: i64, audience: Audience) -> Notice {
    Notice {
        subject: Subject::Alarm(AlarmId(alarm)),
        occasion: Occasion::Raised,
        severity: Severity::II,
        audience,
        device: Some(DeviceId::new("school-fridge").unwrap()),
        site: Some(SiteId::new("school-kitchen").unwrap()),
        node: Some(NodeId::new("edge-north").unwrap()),
        matter: Text::new("温度高", "too warm"),
        at: START,
        title: Text::new("告警", "alarm"),
        body: Text::new("原因", "cause"),
    }
}

pub(super) async fn what_people_have_to_be_told_is_committed_with_what_made_it_true(fixture: Fixture) {
    let store = fixture.open_district().await;
    let mut changes = store.notice_changes();
    let audiences = [
        Audience::Owner(OwnerId::new("school").unwrap()),
        Audience::Township(TownshipCode::new("500156001").unwrap()),
        Audience::Centre,
    ];
    let notices: Vec<Notice> = audiences.map(|audience| notice(1, audience)).into();
    let raised = || vec![transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged)];

    // A batch that fails tells nobody.
    let twice = vec![definition(4, "school-fridge", "humidity"), definition(4, "school-fridge", "pressure")];
    let refused = BatchCommit { new_series: twice, transitions: raised(), notices: notices.clone(), ..batch([]) };
    store.commit_batch(Arc::new(refused)).await.unwrap_err();
    assert_eq!(store.notices_to_address(9).await.unwrap(), []);
    assert!(!changes.has_changed().unwrap());

    let commit = BatchCommit { transitions: raised(), notices: notices.clone(), ..batch([]) };
    store.commit_batch(Arc::new(commit)).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let escalated = Notice {
        subject: Subject::Channel("centre-wecom".into()),
        occasion: Occasion::Escalated { step: 2 },
        device: None,
        site: None,
        ..notice(1, Audience::Centre)
    };
    store.write_notices(vec![escalated.clone()]).await.unwrap();
    assert!(changes.has_changed().unwrap());
    drop(store);

    let found = fixture.open().await.notices_to_address(9).await.unwrap();
    let found: Vec<Notice> = found.into_iter().map(|(_, notice)| notice).collect();
    assert_eq!(found, [notices, vec![escalated]].concat());
}

/// Deliveries of everything that is not addressed yet, to one place of a channel each.
async fn address(store: &Store, channel: &str) -> Vec<NoticeId> {
    let found = store.notices_to_address(99).await.unwrap();
    let to = |(id, notice): &(NoticeId, Notice)| NewDelivery {
        notice: *id,
        channel: channel.into(),
        address: String::new(),
        account: None,
        severity: notice.severity,
    };
    let deliveries = found.iter().map(to).collect();
    let notices: Vec<NoticeId> = found.iter().map(|(id, _)| *id).collect();
    store.address_notices(notices.iter().map(|id| (*id, 0)).collect(), deliveries, START, START).await.unwrap();
    notices
}

pub(super) async fn a_delivery_waits_until_its_outcome_is_noted(fixture: Fixture) {
    let store = fixture.open_district().await;
    let told = [Severity::III, Severity::I, Severity::II];
    let notices = told.map(|severity| Notice { severity, ..notice(1, Audience::Centre) });
    store.write_notices(notices.into()).await.unwrap();
    let next = store.notices_to_address(1).await.unwrap().remove(0).1;
    assert_eq!(next.severity, Severity::I, "it does not queue behind the others");
    assert_eq!(address(&store, "chat").await.len(), 3);
    assert_eq!(store.notices_to_address(9).await.unwrap(), []);

    let waiting = async |store: &Store, after_ms: i64| {
        store.waiting_deliveries("chat", START.plus_ms(after_ms), START, 9).await.unwrap()
    };
    let (all, next) = waiting(&store, 0).await;
    let severities: Vec<Severity> = all.iter().map(|one| one.notice.severity).collect();
    assert_eq!((severities, next), (vec![Severity::I, Severity::II, Severity::III], None));
    assert_eq!(store.waiting_deliveries("other", START, START, 9).await.unwrap().0, []);

    // Two go as one message and fail; the third is under way when the process ends.
    let pair: Vec<DeliveryId> = all[..2].iter().map(|one| one.id).collect();
    let attempt = |message, deliveries: &[DeliveryId]| Attempt { message, deliveries: deliveries.into() };
    store.begin_attempts(vec![attempt(7, &pair), attempt(8, &[all[2].id])], START).await.unwrap();
    assert_eq!(waiting(&store, 0).await, (vec![], None));
    let due = START.plus_ms(5000);
    let again = AttemptOutcome::Again { due, error: "503".into(), is_maybe_repeated: false };
    store.end_attempt(pair.clone(), again, START).await.unwrap();
    assert_eq!(waiting(&store, 0).await, (vec![], Some(due)));
    drop(store);

    let store = fixture.open().await;
    store.settle_attempts(vec!["chat".into()], START.plus_ms(1000)).await.unwrap();
    let (all, next) = waiting(&store, 1000).await;
    assert_eq!((all.len(), next), (1, Some(due)));
    assert!(all[0].is_maybe_repeated && all[0].message == Some(8));
    let (all, _) = waiting(&store, 5000).await;
    assert_eq!(
        all.iter().map(|one| (one.message, one.is_maybe_repeated)).collect::<Vec<_>>(),
        [(Some(7), false), (Some(7), false), (Some(8), true)]
    );

    let sent = AttemptOutcome::Sent { receipt: Some("r-1".into()) };
    store.end_attempt(pair, sent, START.plus_ms(6000)).await.unwrap();
    store.settle_attempts(vec![], START.plus_ms(7000)).await.unwrap();
    assert_eq!(waiting(&store, 9000).await, (vec![], None));
    let admin = sign_in(&store, Role::Admin, "").await;
    let figures = store.channel_figures(Actor::Person(&admin)).await.unwrap();
    let expected =
        ChannelFigures { channel: "chat".into(), waiting: 0, given_up: 1, last_sent_at: Some(START.plus_ms(6000)) };
    assert_eq!(figures, [expected]);
}

pub(super) async fn who_refused_it_does_not_count_as_told(fixture: Fixture) {
    let store = fixture.open_district().await;
    store.write_notices(vec![notice(1, Audience::Centre), notice(2, Audience::Centre)]).await.unwrap();
    let ids = address(&store, "sms").await;
    let (waiting, _) = store.waiting_deliveries("sms", START, START, 9).await.unwrap();
    let mut bell = store.notice_changes();
    bell.mark_unchanged();
    let refused = || AttemptOutcome::Failed { error: "no such number".into() };
    store.end_attempt(vec![waiting[0].id], refused(), START).await.unwrap();
    assert!(bell.has_changed().unwrap(), "whoever addresses is woken");
    drop(store);

    // A kill at this moment forgets nothing.
    let store = fixture.open().await;
    let again = async || store.notices_to_address(9).await.unwrap().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(again().await, ids[..1]);
    let known = store.targets_of(&ids).await.unwrap();
    assert_eq!((known[&ids[0]][0].is_lost, known[&ids[1]][0].is_lost), (true, false));
    // One more refuses while somebody thinks about the first: it is thought about once more.
    let delivery = NewDelivery {
        notice: ids[0],
        channel: "sms".into(),
        address: "2".into(),
        account: None,
        severity: Severity::II,
    };
    store.address_notices(vec![(ids[0], 1)], vec![delivery], START, START).await.unwrap();
    assert_eq!(again().await, []);
    let second = store.waiting_deliveries("sms", START, START, 9).await.unwrap().0.pop().unwrap();
    store.end_attempt(vec![second.id], refused(), START).await.unwrap();
    store.address_notices(vec![(ids[0], 1)], vec![], START, START).await.unwrap();
    assert_eq!(again().await, ids[..1]);
    store.address_notices(vec![(ids[0], 2)], vec![], START, START).await.unwrap();
    assert_eq!(again().await, []);
}

pub(super) async fn what_is_set_aside_before_it_was_told_calls_nobody_until_it_calls_again(fixture: Fixture) {
    let store = fixture.open_district().await;
    let commit = async |transitions: Vec<Transition>, notices: Vec<Notice>| {
        let commit = BatchCommit { transitions, notices, ..batch([]) };
        store.commit_batch(Arc::new(commit)).await.unwrap();
    };
    let mild = |alarm, occasion| Notice { severity: Severity::III, occasion, ..notice(alarm, Audience::Centre) };
    let all: Vec<i64> = (1..=3).collect();
    let raised = all.iter().map(|alarm| step(*alarm, What::Raised, AlarmState::ActiveUnacknowledged)).collect();
    commit(raised, all.iter().map(|alarm| mild(*alarm, Occasion::Raised)).collect()).await;
    address(&store, "chat").await;
    let over = async || {
        let waiting = store.waiting_deliveries("chat", START.plus_ms(9000), START, 9).await.unwrap().0;
        waiting.into_iter().filter(|one| one.is_over).map(|one| one.id).collect::<Vec<_>>()
    };
    let aside = [
        step(1, What::Shelved, AlarmState::Shelved),
        step(2, What::Suppressed, AlarmState::Suppressed),
        step(3, What::TakenOutOfService, AlarmState::OutOfService),
    ];
    commit(aside.into(), vec![]).await;
    assert_eq!(over().await.len(), 3);
    store.pass_over(over().await).await.unwrap();

    // When the shelf ends, a notice of its own tells of it; from then on that one stands for the alarm.
    let unshelved = step(1, What::Unshelved, AlarmState::ActiveUnacknowledged);
    commit(vec![unshelved], vec![mild(1, Occasion::Resumed)]).await;
    address(&store, "chat").await;
    let returned = step(1, What::Returned, AlarmState::ReturnedUnacknowledged);
    commit(vec![returned, step(1, What::Reoccurred, AlarmState::ActiveUnacknowledged)], vec![]).await;
    let waiting = store.waiting_deliveries("chat", START.plus_ms(9000), START, 9).await.unwrap().0;
    assert_eq!(waiting.iter().map(|one| one.notice.occasion).collect::<Vec<_>>(), [Occasion::Resumed]);
}

pub(super) async fn who_was_told_is_seen_by_whom_it_concerns(fixture: Fixture) {
    let store = fixture.open_district().await;
    let raised = vec![transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged)];
    let school = Audience::Owner(OwnerId::new("school").unwrap());
    let notices = vec![notice(1, school), notice(1, Audience::Centre), notice(11, Audience::Centre)];
    store.commit_batch(Arc::new(BatchCommit { transitions: raised, notices, ..batch([]) })).await.unwrap();
    address(&store, "chat").await;

    let told = async |role, place| {
        let scope = sign_in(&store, role, place).await;
        let told = store.alarm_notices(&scope, AlarmId(1)).await.unwrap()?;
        Some(told.into_iter().map(|notice| (notice.audience, notice.deliveries.len())).collect::<Vec<_>>())
    };
    let of_school = (NoticeAudience::Owner { id: OwnerId::new("school").unwrap() }, 1);
    let all = Some(vec![of_school.clone(), (NoticeAudience::Centre, 1)]);
    assert_eq!(told(Role::CentreOperator, "").await, all);
    assert_eq!(told(Role::TownshipOfficer, "500156001").await, all);
    assert_eq!(told(Role::Owner, "school").await, Some(vec![of_school]));
    assert_eq!(told(Role::Owner, "hotel").await, None);
    assert_eq!(told(Role::TownshipOfficer, "500156003").await, None);
    let township = sign_in(&store, Role::OfficeOfficer, "baima").await;
    assert!(matches!(store.channel_figures(Actor::Person(&township)).await, Err(StoreError::NotPermitted)));
}

/// A step of a mild alarm at the school.
fn step(alarm: i64, what: What, state: AlarmState) -> Transition {
    let rule = RuleId::new(format!("R-{alarm}")).unwrap();
    Transition { severity: Severity::III, rule, ..transition(alarm, "school-fridge", what, state) }
}

pub(super) async fn what_is_over_before_it_was_told_calls_nobody_unless_it_comes_back(fixture: Fixture) {
    let store = fixture.open_district().await;
    let commit = async |transitions: Vec<Transition>, notices: Vec<Notice>| {
        let commit = BatchCommit { transitions, notices, ..batch([]) };
        store.commit_batch(Arc::new(commit)).await.unwrap();
    };
    let mild = |alarm, occasion| Notice { severity: Severity::III, occasion, ..notice(alarm, Audience::Centre) };
    let raised = |alarm| step(alarm, What::Raised, AlarmState::ActiveUnacknowledged);
    let returned = |alarm| step(alarm, What::Returned, AlarmState::ReturnedUnacknowledged);
    let escalated = Occasion::Escalated { step: 1 };
    let notices =
        vec![mild(1, Occasion::Raised), mild(1, escalated), notice(2, Audience::Centre), mild(3, Occasion::Raised)];
    commit(vec![raised(1), raised(2), raised(3)], notices).await;
    address(&store, "chat").await;
    let waiting = async || store.waiting_deliveries("chat", START.plus_ms(9000), START, 9).await.unwrap().0;
    assert!(waiting().await.iter().all(|one| !one.is_over), "they burn");

    // One may have arrived: it is told again rather than left open.
    let third = waiting().await.iter().find(|one| one.notice.subject == Subject::Alarm(AlarmId(3))).unwrap().id;
    store.begin_attempts(vec![Attempt { message: 1, deliveries: vec![third] }], START).await.unwrap();
    let again = AttemptOutcome::Again { due: START, error: "no answer".into(), is_maybe_repeated: true };
    store.end_attempt(vec![third], again, START).await.unwrap();
    commit(vec![returned(1), returned(2), returned(3)], vec![]).await;
    let all = waiting().await;
    let over: Vec<_> =
        all.iter().filter(|one| one.is_over).map(|one| (&one.notice.subject, one.notice.occasion)).collect();
    assert_eq!(over, [(&Subject::Alarm(AlarmId(1)), Occasion::Raised)], "{all:#?}");
    // Whatever else is named is not let go.
    store.pass_over(all.iter().map(|one| one.id).collect()).await.unwrap();
    assert_eq!(waiting().await.len(), 3);
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    let states = async |alarm| {
        let told = store.alarm_notices(&centre, AlarmId(alarm)).await.unwrap().unwrap();
        told.iter().flat_map(|notice| &notice.deliveries).map(|delivery| delivery.state).collect::<Vec<_>>()
    };
    assert_eq!(states(1).await, [DeliveryState::Over, DeliveryState::Waiting]);

    // It comes back before anybody answered: there is no second notice, so the first goes after all.
    let mut bell = store.notice_changes();
    bell.mark_unchanged();
    commit(vec![step(1, What::Reoccurred, AlarmState::ActiveUnacknowledged)], vec![]).await;
    assert!(bell.has_changed().unwrap());
    assert_eq!(states(1).await, [DeliveryState::Waiting; 2]);
    assert_eq!(waiting().await.iter().filter(|one| one.is_over).count(), 0);

    // Answered: that nobody answers is no news any more. And gone: nothing is.
    let over =
        async || waiting().await.iter().filter(|one| one.is_over).map(|one| one.notice.occasion).collect::<Vec<_>>();
    commit(vec![step(1, What::Acknowledged, AlarmState::ActiveAcknowledged)], vec![]).await;
    assert_eq!(over().await, [escalated]);
    commit(vec![step(1, What::Returned, AlarmState::Closed)], vec![]).await;
    assert_eq!(over().await, [Occasion::Raised, escalated]);
}

pub(super) async fn receipts_are_kept_for_their_time_and_what_waits_stays(fixture: Fixture) {
    const DAY_MS: i64 = 24 * 3_600_000;
    let store = fixture.open_district().await;
    let told_on = |day: i64| Notice { at: START.plus_ms(day * DAY_MS), ..notice(day + 1, Audience::Centre) };
    // More than one transaction's worth on the first day.
    let mut notices = vec![told_on(0); 700];
    notices.extend([told_on(0), told_on(5), told_on(9)]);
    store.write_notices(notices).await.unwrap();
    while !address(&store, "chat").await.is_empty() {}
    let (waiting, _) = store.waiting_deliveries("chat", START.plus_ms(1000), START, 1000).await.unwrap();
    // The last of the first day never got through.
    let sent = waiting.iter().enumerate().filter(|(index, _)| *index != 700).map(|(_, one)| one.id).collect();
    store.end_attempt(sent, AttemptOutcome::Sent { receipt: None }, START).await.unwrap();

    let config = StoreConfig { notice_days: 5, ..StoreConfig::default() };
    let retention = Retention::new(&config, &Profiles::default());
    let drop_at =
        async |day: i64| store.drop_expired(&retention, START.plus_ms(day * DAY_MS)).await.unwrap().notice_count;
    let left = async || store.all_deliveries().await.unwrap().len();
    assert_eq!((drop_at(5).await, left().await), (0, 703));
    assert_eq!((drop_at(6).await, left().await), (700, 3));
    assert_eq!((drop_at(11).await, left().await), (1, 2));
    assert_eq!((drop_at(11).await, left().await), (0, 2));
}

fn reached(phone: &str, email: &str) -> ContactDraft {
    ContactDraft { phone: phone.into(), email: email.into(), quiet_hours: None }
}

pub(super) async fn a_persons_quiet_hours_go_with_what_waits_for_them_but_while_they_are_on_duty(fixture: Fixture) {
    let store = fixture.open_district().await;
    let officer = sign_in(&store, Role::TownshipOfficer, "500156001").await;
    let quiet_hours = Some(QuietHours { from_min: 22 * 60, to_min: 7 * 60 + 30 });
    let contact = ContactDraft { quiet_hours, ..reached("13800000000", "") };
    store.put_contact(&officer, None, contact, START).await.unwrap();
    assert_eq!(store.contact(&officer, None).await.unwrap().quiet_hours, quiet_hours);
    store.write_notices(vec![notice(1, Audience::Centre)]).await.unwrap();
    let (id, _) = store.notices_to_address(9).await.unwrap().remove(0);
    let account = Some(officer.user_id());
    let delivery = NewDelivery {
        notice: id,
        channel: "sms".into(),
        address: "13800000000".into(),
        account,
        severity: Severity::II,
    };
    store.address_notices(vec![(id, 0)], vec![delivery], START, START).await.unwrap();
    let quiet = async || store.waiting_deliveries("sms", START, START, 9).await.unwrap().0[0].quiet;
    assert_eq!(quiet().await, Some(Daily::new(22.0, 7.5)));
    let hour = 3_600_000;
    let shift = ShiftDraft {
        post: "township:500156001".parse().unwrap(),
        from_ms: START.0 - hour,
        to_ms: START.0 + hour,
        person: "Wang".into(),
        phone: String::new(),
        username: Some(officer.username().clone()),
    };
    store.add_shift(&officer, shift, START).await.unwrap();
    assert_eq!(quiet().await, None);
}

pub(super) async fn people_say_where_they_are_reached(fixture: Fixture) {
    let store = fixture.open_district().await;
    let admin = sign_in(&store, Role::Admin, "").await;
    let officer = sign_in(&store, Role::TownshipOfficer, "500156001").await;
    assert_eq!(store.contacts().await.unwrap().len(), 0);
    store.put_contact(&officer, None, reached("13800000000", ""), START).await.unwrap();
    let mine = store.contact(&officer, None).await.unwrap();
    assert_eq!((mine.phone.as_str(), mine.email.as_str()), ("13800000000", ""));
    let others = store.put_contact(&officer, Some(admin.user_id()), reached("1", ""), START).await;
    assert!(matches!(others, Err(StoreError::NotPermitted)));
    store.put_contact(&admin, Some(officer.user_id()), reached("", "wang@example.cn"), START).await.unwrap();
    let reached = store.contacts().await.unwrap();
    assert_eq!(reached.iter().map(|one| one.email.as_str()).collect::<Vec<_>>(), ["wang@example.cn"]);

    // Who has left is told nothing.
    let closed = protocol::rest::UserDraft {
        is_disabled: true,
        ..draft(officer.username().as_str(), Role::TownshipOfficer, "500156001")
    };
    store.change_user(Actor::Shell, officer.user_id(), closed, None, START).await.unwrap();
    assert_eq!(store.contacts().await.unwrap().len(), 0);
}
