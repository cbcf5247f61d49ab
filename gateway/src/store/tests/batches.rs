//! The journal, the alarms, and what a restart finds.

use std::sync::Arc;

use domain::{
    access::Role,
    alarm::{AlarmState, OutOfService, ServiceChange, SetAside, Severity, Transition, What},
    id::{AlarmId, DeviceId, MetricName, RuleId, SeriesId, UserName},
    reading::{Quality, Reading, Value},
    text::Text,
};

use protocol::rest::AlarmEventKind;

use super::fixture::{Fixture, START, batch, definition, device, reading, sign_in, transition};
use crate::store::{AlarmFilter, AlarmRecord, BatchCommit, JournalId, Store, StoreError};

pub(super) async fn a_committed_batch_is_there_after_a_crash(fixture: Fixture) {
    let store = fixture.open_district().await;
    let bad = Reading { value: Some(Value::Float(f64::NAN)), quality: Quality::Bad, ..reading(1, 2000, None) };
    let readings = [reading(1, 1000, Value::Float(4.5)), bad.clone(), reading(3, 500, Value::Text("E5".into()))];
    let journal = store.commit_batch(Arc::new(batch(readings))).await.unwrap();
    assert_eq!(journal, JournalId(2));
    drop(store);

    let store = fixture.open().await;
    let start = store.load_start().await.unwrap();
    assert_eq!(start.series[2], definition(3, "hotel-fridge", "temperature"));
    assert_eq!(start.latest.len(), 2);
    assert!(matches!(start.latest[0].value, Some(Value::Float(value)) if value.is_nan()));
    assert_eq!((start.latest[0].quality, start.latest[0].event_time), (Quality::Bad, bad.event_time));
    assert_eq!(start.latest[1], reading(3, 500, Value::Text("E5".into())));
    assert_eq!(start.damaged_journal_rows, 0);
    assert_eq!(store.commit_batch(Arc::new(batch([reading(2, 0, Value::Bool(true))]))).await.unwrap(), JournalId(3));
}

pub(super) async fn an_equal_time_makes_the_later_arrival_the_latest(fixture: Fixture) {
    let store = fixture.open_district().await;
    let readings = [reading(1, 1000, Value::Int(1)), reading(1, 1000, Value::Int(2)), reading(1, 900, Value::Int(3))];
    store.commit_batch(Arc::new(batch(readings))).await.unwrap();
    assert_eq!(store.load_start().await.unwrap().latest, [reading(1, 1000, Value::Int(2))]);
}

pub(super) async fn a_refused_batch_changes_nothing(fixture: Fixture) {
    let store = fixture.open_district().await;
    let unknown = store.commit_batch(Arc::new(batch([reading(9, 0, Value::Int(1))]))).await;
    assert!(matches!(unknown, Err(StoreError::UnknownSeries(SeriesId(9)))));

    let twice = vec![definition(4, "school-fridge", "humidity"), definition(4, "school-fridge", "pressure")];
    let refused = BatchCommit { new_series: twice, ..batch([reading(1, 0, Value::Int(1))]) };
    assert!(matches!(store.commit_batch(Arc::new(refused)).await, Err(StoreError::Failed { .. })));
    let start = store.load_start().await.unwrap();
    assert_eq!((start.series.len(), start.latest.len()), (3, 0));
}

/// Two that store what the same edge nodes send would store it twice.
pub(super) async fn one_gateway_writes_and_the_command_line_beside_it(fixture: Fixture) {
    let store = fixture.open_district().await;
    let (shell, _writing) = Store::open_for_shell(&fixture.config, fixture.directory.path()).await.unwrap();
    sign_in(&shell, Role::Admin, "").await;
    drop(shell);
    if fixture.name.is_some() {
        let second = Store::open(&fixture.config, fixture.directory.path()).await.map(drop);
        assert!(matches!(second, Err(StoreError::Open(sqlx::Error::Configuration(_)))), "{second:?}");
    }
    store.commit_batch(Arc::new(batch([reading(1, 0, Value::Int(1))]))).await.unwrap();
    drop(store);
    let store = fixture.open().await;
    store.commit_batch(Arc::new(batch([reading(1, 1, Value::Int(1))]))).await.unwrap();
}

pub(super) async fn a_settled_batch_is_stored_once(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let offered = Arc::new(batch([reading(1, 0, Value::Int(1))]));
    let journal = store.commit_batch(Arc::clone(&offered)).await.unwrap();
    // As if the answer had been lost: it was committed, and is not committed again.
    *store.unsettled() = Some(journal);
    assert!(matches!(store.commit_batch(Arc::clone(&offered)).await, Err(StoreError::Unsettled(id)) if id == journal));
    assert_eq!(store.settle_batch(journal, Arc::clone(&offered)).await.unwrap(), journal);
    // As if the connection had broken before the commit: it is committed now.
    let lost = store.next_journal();
    *store.unsettled() = Some(lost);
    assert_eq!(store.settle_batch(lost, offered).await.unwrap(), lost);
    drop(store);

    let store = fixture.open().await;
    let (device, metric) = (DeviceId::new("school-fridge").unwrap(), MetricName::new("temperature").unwrap());
    let history = store.history(&scope, &device, &metric, START..START.plus_ms(1), 9).await.unwrap().unwrap();
    assert_eq!(history.points.len(), 2, "the first stored once, the second too");
}

pub(super) async fn an_alarm_goes_on_after_a_restart(fixture: Fixture) {
    let store = fixture.open_district().await;
    let mut raised = transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged);
    raised.reading = Some((MetricName::new("temperature").unwrap(), reading(1, 0, Value::Float(9.1))));
    let mut acknowledged = transition(1, "school-fridge", What::Acknowledged, AlarmState::ActiveAcknowledged);
    acknowledged.by = Some(UserName::new("wang").unwrap());
    acknowledged.note = "门没关".into();
    let transitions = vec![raised, acknowledged];
    store.commit_batch(Arc::new(BatchCommit { transitions, ..batch([]) })).await.unwrap();
    drop(store);

    let store = fixture.open().await;
    let start = store.load_start().await.unwrap();
    assert_eq!(start.next_alarm, AlarmId(2));
    let open = &start.open_alarms[0];
    assert_eq!((open.state, open.acknowledged_at), (AlarmState::ActiveAcknowledged, Some(START.plus_ms(1))));
    assert_eq!(open.acknowledged_by.as_ref().unwrap().as_str(), "wang");

    let returned = transition(1, "school-fridge", What::Returned, AlarmState::Closed);
    store.commit_batch(Arc::new(BatchCommit { transitions: vec![returned], ..batch([]) })).await.unwrap();
    let scope = sign_in(&store, Role::Admin, "").await;
    let record = store.alarm(&scope, AlarmId(1)).await.unwrap().unwrap();
    assert_eq!(record.alarm.closed_at_ms, Some(START.0 + 1));
    assert_eq!(record.alarm.device_name, device("school-fridge", "school-kitchen").name);
    let history: Vec<_> = record.history.iter().map(|event| (event.what, event.note.as_str())).collect();
    assert_eq!(
        history,
        [
            (AlarmEventKind::Raised, "1.1 °C > 8 °C"),
            (AlarmEventKind::Acknowledged, "门没关"),
            (AlarmEventKind::Returned, "1.1 °C > 8 °C")
        ]
    );
    let (metric, cause) = record.cause.unwrap();
    assert_eq!((metric.as_str(), cause.value), ("temperature", Some(Value::Float(9.1))));
}

pub(super) async fn a_rule_has_one_open_alarm_on_a_device(fixture: Fixture) {
    let store = fixture.open_district().await;
    let raise = |alarm, device| {
        let transitions = vec![transition(alarm, device, What::Raised, AlarmState::ActiveUnacknowledged)];
        Arc::new(BatchCommit { transitions, ..batch([reading(1, alarm, Value::Int(alarm))]) })
    };
    store.commit_batch(raise(1, "school-fridge")).await.unwrap();
    store.commit_batch(raise(2, "hotel-fridge")).await.unwrap();
    let second = store.commit_batch(raise(3, "school-fridge")).await;
    assert!(matches!(second, Err(StoreError::Exists(_))), "{second:?}");
    // The readings of the refused batch are gone with it.
    assert_eq!(store.load_start().await.unwrap().latest, [reading(1, 2, Value::Int(2))]);

    let closed = transition(1, "school-fridge", What::Closed, AlarmState::Closed);
    store.commit_batch(Arc::new(BatchCommit { transitions: vec![closed], ..batch([]) })).await.unwrap();
    store.commit_batch(raise(3, "school-fridge")).await.unwrap();

    let scope = sign_in(&store, Role::Admin, "").await;
    let listed = async |filter: AlarmFilter| {
        let (page, has_more) = store.alarms(&scope, &filter).await.unwrap();
        (page.iter().map(|alarm| alarm.id.0).collect::<Vec<_>>(), has_more)
    };
    assert_eq!(listed(AlarmFilter { limit: 2, ..AlarmFilter::default() }).await, (vec![3, 2], true));
    let older = AlarmFilter { before: Some(AlarmId(2)), limit: 2, ..AlarmFilter::default() };
    assert_eq!(listed(older).await, (vec![1], false));
    let open = AlarmFilter { is_open: Some(true), limit: 9, ..AlarmFilter::default() };
    assert_eq!(listed(open).await, (vec![3, 2], false));
}

/// Whatever many rows of one statement do, they say what they would have said in one statement each.
pub(super) async fn a_flood_in_one_batch_is_what_the_same_steps_are_one_by_one(fixture: Fixture) {
    let of = |alarm: i64, number: i64, what, state| {
        let rule = RuleId::new(format!("R-{number}")).unwrap();
        let at = START.plus_ms(alarm);
        Transition { rule, at, ..transition(alarm, "school-fridge", what, state) }
    };
    let raised = |alarm, number| of(alarm, number, What::Raised, AlarmState::ActiveUnacknowledged);
    let by = UserName::new("wang").unwrap();
    let answered = |alarm, number| Transition {
        by: Some(by.clone()),
        note: "看到了".into(),
        ..of(alarm, number, What::Acknowledged, AlarmState::ActiveAcknowledged)
    };
    let mut steps: Vec<Transition> = (1..=60).map(|alarm| raised(alarm, alarm)).collect();
    for alarm in 1..=20 {
        // Answered, gone, and raised anew under another number.
        steps.push(answered(alarm, alarm));
        steps.push(of(alarm, alarm, What::Returned, AlarmState::Closed));
        steps.push(raised(100 + alarm, alarm));
    }
    for alarm in 21..=40 {
        // Back before anybody answered, and worse.
        steps.push(of(alarm, alarm, What::Returned, AlarmState::ReturnedUnacknowledged));
        let cause = Text::new("又来", "again");
        steps.push(Transition { cause, ..of(alarm, alarm, What::Reoccurred, AlarmState::ActiveUnacknowledged) });
        let worse = of(alarm, alarm, What::SeverityChanged, AlarmState::ActiveUnacknowledged);
        steps.push(Transition { severity: Severity::I, ..worse });
        steps.push(answered(alarm, alarm));
    }
    let told = async |store: &Store| {
        let scope = sign_in(store, Role::Admin, "").await;
        let mut told = Vec::new();
        for alarm in (1..=60).chain(101..=120) {
            let AlarmRecord { alarm, history, cause, .. } = store.alarm(&scope, AlarmId(alarm)).await.unwrap().unwrap();
            told.push(format!("{alarm:?} {history:?} {cause:?} {:?}", store.escalations(alarm.id).await.unwrap()));
        }
        told
    };
    let store = fixture.open_district().await;
    let commit = BatchCommit { transitions: steps.clone(), ..batch([]) };
    store.commit_batch(Arc::new(commit)).await.unwrap();
    while store.watch_duty(START.plus_ms(10_000)).await.unwrap() {}
    let at_once = told(&store).await;

    let single = Fixture::sqlite();
    let store = single.open_district().await;
    for step in steps {
        store.commit_batch(Arc::new(BatchCommit { transitions: vec![step], ..batch([]) })).await.unwrap();
    }
    while store.watch_duty(START.plus_ms(10_000)).await.unwrap() {}
    assert_eq!(at_once, told(&store).await);
    assert_eq!(store.check_audit_log().await.unwrap(), None);
}

pub(super) async fn shelves_and_service_go_on_after_a_restart(fixture: Fixture) {
    let store = fixture.open_district().await;
    let wang = UserName::new("wang").unwrap();
    let until = START.plus_ms(3_600_000);
    let set_aside = SetAside { by: Some(wang.clone()), why: "除霜".into(), until: Some(until) };
    let raised = transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged);
    let shelved = Transition {
        set_aside: Some(set_aside.clone()),
        severity: Severity::III,
        is_latching: true,
        by: Some(wang.clone()),
        ..transition(1, "school-fridge", What::Shelved, AlarmState::Shelved)
    };
    let entry = OutOfService {
        device: DeviceId::new("school-fridge").unwrap(),
        rule: None,
        by: wang.clone(),
        why: "大修".into(),
        since: START,
        until,
    };
    let service = vec![ServiceChange::Begun(entry.clone())];
    let commit = BatchCommit { transitions: vec![raised, shelved], service: service.clone(), ..batch([]) };
    store.commit_batch(Arc::new(commit)).await.unwrap();
    let twice = store.commit_batch(Arc::new(BatchCommit { service, ..batch([]) })).await;
    assert!(matches!(twice, Err(StoreError::Failed { .. })), "{twice:?}");
    drop(store);

    let store = fixture.open().await;
    let start = store.load_start().await.unwrap();
    assert_eq!(start.open_alarms[0].set_aside, Some(set_aside));
    assert_eq!(start.open_alarms[0].severity, Severity::III);
    assert_eq!(start.out_of_service, std::slice::from_ref(&entry));
    let scope = sign_in(&store, Role::Admin, "").await;
    assert_eq!(store.out_of_service(&scope, &entry.device).await.unwrap(), [entry.clone().into()]);
    let foreign = sign_in(&store, Role::Owner, "hotel").await;
    assert_eq!(store.out_of_service(&foreign, &entry.device).await.unwrap(), []);
    let shelved = store.alarm(&scope, AlarmId(1)).await.unwrap().unwrap().history.pop().unwrap();
    assert_eq!((shelved.state, shelved.until_ms), (Some(AlarmState::Shelved), Some(until.0)));
    let log = store.audit_log(&scope, None, 9).await.unwrap();
    let noted = |action: &str| log.iter().any(|record| record.action == action && record.actor == "wang");
    assert!(noted("alarm.shelve") && noted("device.out_of_service"), "{log:?}");

    let unshelved = transition(1, "school-fridge", What::Unshelved, AlarmState::ActiveUnacknowledged);
    let (device, at, note) = (entry.device.clone(), until, String::new());
    let ended = ServiceChange::Ended { device, rule: None, at, by: None, note };
    let commit = BatchCommit { transitions: vec![unshelved], service: vec![ended], ..batch([]) };
    store.commit_batch(Arc::new(commit)).await.unwrap();
    let start = store.load_start().await.unwrap();
    assert_eq!((start.open_alarms[0].set_aside.as_ref(), start.out_of_service.len()), (None, 0));
    let again = BatchCommit { service: vec![ServiceChange::Begun(entry)], ..batch([]) };
    store.commit_batch(Arc::new(again)).await.unwrap();
}

pub(super) async fn racing_writers_cannot_open_an_alarm_twice(fixture: Fixture) {
    let first = fixture.open_district().await;
    let (second, _writing) = Store::open_beside(&fixture.config, fixture.directory.path()).await.unwrap();
    // So that they clash over the alarm, not over the number of the journal row.
    second.next_journal();
    let raise = |alarm| {
        let transitions = vec![transition(alarm, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged)];
        Arc::new(BatchCommit { transitions, ..batch([]) })
    };
    let (one, other) = tokio::join!(first.commit_batch(raise(1)), second.commit_batch(raise(2)));
    let outcomes = [one, other];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "exactly one may win: {outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(StoreError::Exists(_)))), "{outcomes:?}");
    assert_eq!(first.load_start().await.unwrap().open_alarms.len(), 1);
}

/// Only a server can throw a client out.
pub(super) async fn a_broken_connection_is_replaced_and_nothing_is_lost(fixture: Fixture) {
    let store = fixture.open_district().await;
    let scope = sign_in(&store, Role::Admin, "").await;
    for second in 0..3_i64 {
        let throw_out = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        fixture.execute(throw_out).await.unwrap();
        let offered = Arc::new(batch([reading(1, second * 1000, Value::Int(second))]));
        let broken = store.commit_batch(Arc::clone(&offered)).await;
        assert!(matches!(broken, Err(StoreError::Failed { .. })), "{broken:?}");
        store.commit_batch(offered).await.unwrap();
    }
    let (device, metric) = (DeviceId::new("school-fridge").unwrap(), MetricName::new("temperature").unwrap());
    let history = store.history(&scope, &device, &metric, START..START.plus_ms(9000), 9).await.unwrap().unwrap();
    assert_eq!(history.points.len(), 3);
}

/// Only files can be copied from under a running program: the copy is what a power cut would have left.
pub(super) async fn what_is_on_disk_at_any_moment_is_enough(fixture: Fixture) {
    let store = fixture.open_district().await;
    for second in 0..20_i64 {
        store.commit_batch(Arc::new(batch([reading(1, second * 1000, Value::Int(second))]))).await.unwrap();
        if second % 7 == 3 {
            store.seal_all().await.unwrap();
        }
        let copy = Fixture::sqlite();
        for file in std::fs::read_dir(fixture.directory.path()).unwrap().map(Result::unwrap) {
            // The shared-memory index is rebuilt from the log after a power cut.
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), copy.directory.path().join(file.file_name())).unwrap();
            }
        }
        let survivor = copy.open().await;
        assert_eq!(survivor.load_start().await.unwrap().latest, [reading(1, second * 1000, Value::Int(second))]);
    }
}
