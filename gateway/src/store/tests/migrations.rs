//! From every schema that there ever was to the newest, with data in it.
//!
//! What is written here are the statements of the gateways of that time, which are never changed: a new table gets a
//! step of its own in [`fill`].

use domain::{
    access::Role,
    alarm::AlarmState,
    id::{AlarmId, DeviceId, MetricName, NodeId, SeriesId},
    reading::Value,
};
use protocol::sparkplug::outbox::{Incarnation, Numbers, Seq};
use sqlx::{AnyConnection, AssertSqlSafe, Executor as _, migrate::Migrator};

use super::fixture::{Fixture, START, reading, sign_in};
use crate::store::{
    Store, audit, check,
    codec::{
        Sample,
        chunk::{self, Summary},
        journal,
    },
    database::{Database, Engine},
    outbox::OutboxId,
};

/// A text for SQL.
fn text(value: &str) -> String {
    format!("'{value}'")
}

async fn run(connection: &mut AnyConnection, sql: String, frames: &[Vec<u8>]) {
    let mut query = sqlx::query(AssertSqlSafe(sql.clone()));
    for frame in frames {
        query = query.bind(frame.clone());
    }
    if let Err(error) = query.execute(connection).await {
        panic!("{sql}: {error}");
    }
}

/// What a gateway with that schema would have stored.
async fn fill(connection: &mut AnyConnection, version: i64) {
    fill_people(connection).await;
    fill_readings(connection).await;
    if version >= 2 {
        fill_outboxes(connection).await;
    }
    if version >= 4 {
        fill_service(connection).await;
    }
    if version >= 5 {
        fill_notices(connection).await;
    }
    if version >= 6 {
        fill_duty(connection).await;
    }
}

/// Registry, accounts, audit log: schema 1.
async fn fill_people(connection: &mut AnyConnection) {
    let at = START.0;
    for sql in [
        "INSERT INTO owner (id, name, phone) VALUES ('school', '一小', '110')".to_owned(),
        "INSERT INTO site (id, name, township_code, owner_id, address) \
             VALUES ('kitchen', '食堂', '500156001', 'school', '')"
            .to_owned(),
        "INSERT INTO device (id, name, site_id, profile_id, node_id, nameplate) \
             VALUES ('fridge', '冷藏柜', 'kitchen', 'cold_store', 'node-1', '{\"limit_c\":8.5}')"
            .to_owned(),
        format!(
            "INSERT INTO discovered_device (device_id, node_id, first_seen_at_ms, last_seen_at_ms, metrics) \
                 VALUES ('stranger', 'node-9', {at}, {at}, '[]')"
        ),
        format!(
            "INSERT INTO account (username, display_name, role, is_disabled, password_hash, created_at_ms) \
                 VALUES ('wang', '王', 'centre_operator', 0, '$phc', {at})"
        ),
    ] {
        run(connection, sql, &[]).await;
    }
    audit::note(connection, "wang", "session.open", "", "10.0.0.7".into(), START).await.unwrap();
}

/// Readings and an alarm: schema 1.
async fn fill_readings(connection: &mut AnyConnection) {
    let at = START.0;
    let sealed: Vec<Sample> =
        (0..5).map(|second| Sample::from(&reading(1, second * 1000, Value::Int(second)))).collect();
    let summary = Summary::of(&sealed).unwrap();
    let open = [reading(1, 5000, Value::Int(5)), reading(2, 0, Value::Text("E5".into()))];
    for (sql, frames) in [
        (
            "INSERT INTO series (id, device_id, metric) VALUES (1, 'fridge', 'temperature'), (2, 'fridge', 'code')"
                .to_owned(),
            vec![],
        ),
        (
            format!("INSERT INTO journal (id, received_at_ms, reading_count, readings) VALUES (8, {at}, 2, $1)"),
            vec![journal::encode(&open)],
        ),
        (
            format!(
                "INSERT INTO chunk (series_id, through_journal, first_at_ms, last_at_ms, reading_count, \
                 usable_count, min_value, max_value, sum_value, readings) VALUES (1, 7, {}, {}, 5, 5, {}, {}, {}, $1)",
                summary.first_at.0, summary.last_at.0, summary.min, summary.max, summary.sum
            ),
            vec![chunk::encode(&sealed)],
        ),
        (
            "INSERT INTO series_seal (series_id, through_journal, latest) VALUES (1, 7, $1)".to_owned(),
            vec![journal::encode(&[reading(1, 4000, Value::Int(4))])],
        ),
        (
            format!(
                "INSERT INTO alarm (id, device_id, rule_id, severity, title_zh, title_en, cause_zh, cause_en, \
                 state, raised_at_ms, occurrence_count, cause_metric, cause_reading) VALUES (1, 'fridge', 'FR-01', \
                 2, '温度高', 'Too warm', {cause}, {cause}, 'active_unacknowledged', {at}, 1, 'temperature', $1)",
                cause = text("9 °C > 8 °C")
            ),
            vec![journal::encode(&[reading(1, 4000, Value::Int(4))])],
        ),
        (
            format!(
                "INSERT INTO alarm_event (alarm_id, number, at_ms, event_time_at_ms, what, note) \
                 VALUES (1, 1, {at}, {at}, 'raised', '9 °C > 8 °C')"
            ),
            vec![],
        ),
    ] {
        run(connection, sql, &frames).await;
    }
}

/// Committed messages and the loss ledger: schema 2.
async fn fill_outboxes(connection: &mut AnyConnection) {
    let at = START.0;
    let mut numbers = Numbers::default();
    numbers.insert_all(1, 9);
    run(
        connection,
        "INSERT INTO store_epoch (id, epoch) VALUES (1, '7e9f4f39-8d1a-4f2e-9d0a-1f6a0d1c2b3a')".into(),
        &[],
    )
    .await;
    run(
        connection,
        format!(
            "INSERT INTO outbox (id, node_id, incarnation, numbers, reading_count, through_journal, used_at_ms) \
             VALUES (1, 'node-1', {}, $1, 9, 8, {at})",
            text(&Incarnation(7).to_string())
        ),
        &[numbers.encode()],
    )
    .await;
    run(
        connection,
        format!(
            "INSERT INTO ledger_gap (node_id, why, from_ms, first_seq, last_seq, to_ms, messages, readings, \
             noted_at_ms) VALUES ('node-1', 'full', {at}, 3, 4, {at}, 2, 20, {at})"
        ),
        &[],
    )
    .await;
}

/// The alarm's whole life: schema 4.
async fn fill_service(connection: &mut AnyConnection) {
    let at = START.0;
    run(
        connection,
        format!(
            "INSERT INTO out_of_service (device_id, rule_id, by_username, why, since_ms, until_ms) \
             VALUES ('fridge', '', 'wang', '大修', {at}, {})",
            at + 3_600_000
        ),
        &[],
    )
    .await;
    run(connection, "UPDATE alarm SET is_latching = 1".into(), &[]).await;
}

/// Cases, escalation and rosters: schema 6.
async fn fill_duty(connection: &mut AnyConnection) {
    let at = START.0;
    for sql in [
        format!(
            "INSERT INTO alarm_escalation (alarm_id, severity, since_ms, reached, due_at_ms) VALUES (1, 2, {at}, 0, {at})"
        ),
        format!(
            "INSERT INTO duty_case (site_id, plan, severity, state, title_zh, title_en, opened_at_ms, began_at_ms, \
             entered_at_ms, due_at_ms, check_at_ms, overdue_told, is_accident_told, event_count) VALUES ('kitchen', \
             'ordinary', 2, 'opened', '温度高', 'Too warm', {at}, {at}, {at}, {due}, {due}, 0, 0, 1)",
            due = at + 600_000
        ),
        "INSERT INTO case_alarm (case_id, alarm_id, device_id) VALUES (1, 1, 'fridge')".to_owned(),
        format!(
            "INSERT INTO case_event (case_id, number, at_ms, what, note, state) VALUES (1, 1, {at}, 'opened', '', 'opened')"
        ),
        format!(
            "INSERT INTO roster_shift (post, from_ms, to_ms, person, phone) VALUES ('centre', {at}, {}, '王', '110')",
            at + 3_600_000
        ),
    ] {
        run(connection, sql, &[]).await;
    }
}

/// Telling people: schema 5.
async fn fill_notices(connection: &mut AnyConnection) {
    let at = START.0;
    run(
        connection,
        format!(
            "INSERT INTO notice (subject_kind, subject_id, occasion, step, severity, audience_kind, audience_id, \
             device_id, site_id, at_ms, title_zh, title_en, body_zh, body_en, addressed_at_ms) VALUES \
             ('alarm', '1', 'raised', 0, 2, 'centre', '', 'fridge', 'kitchen', {at}, '温度高', 'Too warm', '', '', {at})"
        ),
        &[],
    )
    .await;
    run(
        connection,
        format!(
            "INSERT INTO delivery (notice_id, channel, address, severity, state, is_under_way, is_maybe_repeated, \
             attempts, created_at_ms, due_at_ms) SELECT id, 'chat', '', 2, 'waiting', 0, 0, 0, {at}, {at} FROM notice"
        ),
        &[],
    )
    .await;
    run(connection, "UPDATE account SET phone = '13800000000'".into(), &[]).await;
}

/// What must be found whatever schema it began with.
async fn prove(store: &Store, version: i64) {
    let start = store.load_start().await.unwrap();
    assert_eq!(start.registry.devices[0].nameplate["limit_c"].to_bits(), 8.5_f64.to_bits());
    if version < 15 {
        let then = store.nameplate_at(&start.registry.devices[0].id, START).await.unwrap();
        assert_eq!(then, Some(start.registry.devices[0].nameplate.clone()), "what a device had before they were kept");
    }
    assert_eq!(start.series.len(), 2);
    assert_eq!(start.latest, [reading(1, 5000, Value::Int(5)), reading(2, 0, Value::Text("E5".into()))]);
    assert_eq!(start.damaged_journal_rows, 0);
    assert_eq!(start.next_alarm, AlarmId(2));
    let open = &start.open_alarms[0];
    assert_eq!((open.state, open.is_latching), (AlarmState::ActiveUnacknowledged, version >= 4));
    assert_eq!(start.out_of_service.len(), usize::from(version >= 4));
    if version >= 2 {
        assert_eq!(store.epoch().to_string(), "7e9f4f39-8d1a-4f2e-9d0a-1f6a0d1c2b3a");
        let outbox = OutboxId { node: NodeId::new("node-1").unwrap(), incarnation: Incarnation(7) };
        assert_eq!(start.outboxes[0].outbox, outbox);
        assert!(start.outboxes[0].numbers.contains(Seq::new(9).unwrap()) && start.outboxes[0].reading_count == 9);
    }
    let told = usize::from(version >= 5);
    assert_eq!(store.waiting_deliveries("chat", START, START, 9).await.unwrap().0.len(), told);
    assert_eq!(store.contacts().await.unwrap().len(), told);
    assert_eq!(store.check_audit_log().await.unwrap(), None);
    assert!(store.credential("wang").await.unwrap().is_some());

    let scope = sign_in(store, Role::Admin, "").await;
    let (device, metric) = (DeviceId::new("fridge").unwrap(), MetricName::new("temperature").unwrap());
    let history = store.history(&scope, &device, &metric, START..START.plus_ms(60_000), 100).await.unwrap().unwrap();
    let values: Vec<_> = history.points.into_iter().map(|point| point.value).collect();
    assert_eq!(values, (0..6).map(|second| Some(Value::Int(second))).collect::<Vec<_>>());
    let alarm = store.alarm(&scope, AlarmId(1)).await.unwrap().unwrap();
    assert_eq!((alarm.history.len(), alarm.cause.unwrap().1.series), (1, SeriesId(1)));
    // What nobody had answered climbs from now on, whether escalation was there or not.
    while store.watch_duty(START).await.unwrap() {}
    assert_eq!(store.escalations(AlarmId(1)).await.unwrap().len(), 1);
    assert_eq!(store.case_of_alarm(AlarmId(1), START).await.unwrap().is_some(), version >= 6);
    assert_eq!(store.on_duty(START).await.unwrap().len(), usize::from(version >= 6));
    assert_eq!(store.discovered(&scope).await.unwrap().len(), 1);
    let page = store.ledger(&scope, None, START.plus_ms(-1)..START.plus_ms(1)).await.unwrap();
    assert_eq!(page.gaps.len(), usize::from(version >= 2));
}

pub(super) async fn data_of_every_earlier_schema_is_kept(fixture: Fixture) {
    let all = Database::from_config(&fixture.config, fixture.directory.path()).unwrap().migrations();
    let versions: Vec<i64> = all.iter().map(|migration| migration.version).collect();
    for &version in &versions {
        let fixture = empty(&fixture).await;
        let database = Database::from_config(&fixture.config, fixture.directory.path()).unwrap();
        let until = all.iter().filter(|migration| migration.version <= version).cloned().collect();
        let mut connection = database.connect_writer().await.unwrap();
        Migrator::with_migrations(until).run_direct(None, &mut connection, false).await.unwrap();
        fill(&mut connection, version).await;
        sqlx::Connection::close(connection).await.unwrap();

        let (store, task) = fixture.open_with_task().await;
        prove(&store, version).await;
        // And it works: what is open is sealed.
        store.seal_all().await.unwrap();
        store.readers().close().await;
        drop(store);
        task.finished().await.unwrap();
        let report = check(&fixture.config, fixture.directory.path(), &mut |_| {}).await.unwrap();
        assert!(report.is_sound(), "from schema {version}: {report:?}");
        assert_eq!((report.counts.sealed_readings, report.counts.alarms), (7, 1));
    }
    assert!(versions.len() >= 3);
}

/// The same place without anything in it.
async fn empty(fixture: &Fixture) -> Fixture {
    let database = Database::from_config(&fixture.config, fixture.directory.path()).unwrap();
    match database.engine {
        Engine::Sqlite => Fixture::sqlite(),
        Engine::Postgres => {
            let mut connection = database.connect_writer().await.unwrap();
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
            sqlx::Connection::close(connection).await.unwrap();
            Fixture {
                config: fixture.config.clone(),
                directory: std::sync::Arc::clone(&fixture.directory),
                name: fixture.name.clone(),
            }
        }
    }
}
