//! A backup beside a writing gateway, its way back, and what a check finds.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{
    access::Role,
    alarm::{AlarmState, What},
    id::{DeviceId, MetricName, NodeId},
    reading::Value,
};
use protocol::sparkplug::outbox::{Incarnation, Seq};
use tempfile::TempDir;

use super::fixture::{Fixture, START, batch, reading, sign_in, transition};
use crate::{
    backup::{self, BackupError, Mode},
    config::Config,
    store::{
        BatchCommit, CheckReport, CopyError, JournalId, OutboxId, OutboxProgress, Store, StoreTask, check, check_file,
    },
};

/// A server's folder is its own: what belongs to the gateway lies beside it.
fn config_of(fixture: &Fixture) -> Config {
    let data_dir = match &fixture.name {
        None => fixture.directory.path().to_owned(),
        Some(name) => fixture.directory.path().join(format!("{name}-gateway")),
    };
    let config = Config { data_dir, store: fixture.config.clone(), ..Config::default() };
    config.make_data_dir().unwrap();
    config
}

async fn checked(fixture: &Fixture) -> CheckReport {
    check(&fixture.config, fixture.directory.path(), &mut |_| {}).await.unwrap()
}

/// A database of PostgreSQL is restored when nobody is connected any more.
async fn close(store: Store, task: StoreTask) {
    store.readers().close().await;
    drop(store);
    task.finished().await.unwrap();
}

fn outbox() -> OutboxId {
    OutboxId { node: NodeId::new("node-1").unwrap(), incarnation: Incarnation(7) }
}

/// One reading under one number.
fn numbered(number: i64) -> Arc<BatchCommit> {
    let progress = OutboxProgress {
        outbox: outbox(),
        floor: None,
        numbers: vec![Seq::new(number.cast_unsigned()).unwrap()],
        reading_count: 1,
        gaps: Vec::new(),
    };
    Arc::new(BatchCommit { outboxes: vec![progress], ..batch([reading(1, number * 1000, Value::Int(number))]) })
}

async fn values(store: &Store) -> Vec<i64> {
    let scope = sign_in(store, Role::Admin, "").await;
    let (device, metric) = (DeviceId::new("school-fridge").unwrap(), MetricName::new("temperature").unwrap());
    let range = START..START.plus_ms(10_000_000);
    let history = store.history(&scope, &device, &metric, range, 10_000).await.unwrap().unwrap();
    let value = |point: protocol::rest::Point| match point.value {
        Some(Value::Int(number)) => number,
        other => panic!("nobody stored {other:?}"),
    };
    history.points.into_iter().map(value).collect()
}

pub(super) async fn a_backup_beside_a_writer_is_whole_and_comes_back(fixture: Fixture) {
    let (store, task) = fixture.open_with_task().await;
    fixture.fill_district(&store).await;
    sign_in(&store, Role::CentreOperator, "").await;
    let raised = transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged);
    store.commit_batch(Arc::new(BatchCommit { transitions: vec![raised], ..batch([]) })).await.unwrap();
    for number in 1..=50 {
        store.commit_batch(numbered(number)).await.unwrap();
        if number % 20 == 0 {
            store.seal_all().await.unwrap();
            store.fold_outboxes().await.unwrap();
        }
    }
    let config = config_of(&fixture);
    std::fs::write(config.data_dir.join("broker.secrets.json"), "{}").unwrap();

    // When a backup is taken while batches are committed and sealed.
    let committed = Arc::new(AtomicI64::new(50));
    let (writing, count) = (store.clone(), Arc::clone(&committed));
    let writer = tokio::spawn(async move {
        for number in 51.. {
            writing.commit_batch(numbered(number)).await.unwrap();
            count.store(number, Ordering::Relaxed);
            if number % 30 == 0 {
                writing.seal_all().await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    });
    let places = TempDir::new().unwrap();
    let folder = places.path().join("backup");
    let before = committed.load(Ordering::Relaxed);
    let (manifest, _) = backup::take(&config, &folder, START, &mut |_, _| {}).await.unwrap();
    let after = committed.load(Ordering::Relaxed) + 1;
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
    assert!(matches!(backup::take(&config, &folder, START, &mut |_, _| {}).await, Err(BackupError::Exists(_))));
    let (verified, report) = backup::check(&folder, &mut |_| {}).await.unwrap();
    assert_eq!(verified, manifest);
    assert!(report.as_ref().is_none_or(CheckReport::is_sound), "{report:?}");
    let epoch = store.epoch();
    close(store, task).await;

    // Then it is refused where there is something, and otherwise holds exactly what was committed at one moment.
    let mode = Mode::IntoEmpty;
    let refused = backup::restore(&config, &folder, mode, START).await;
    assert!(matches!(refused, Err(BackupError::NotEmpty(_))), "{refused:?}");
    let restored = backup::restore(&config, &folder, Mode::Replace, START.plus_ms(1)).await.unwrap();
    assert!(!restored.moved_aside.is_empty());
    backup::refuse_unfinished(&config.data_dir).unwrap();
    assert!(config.data_dir.join("broker.secrets.json").is_file());

    let (store, task) = fixture.open_with_task().await;
    assert_eq!(store.epoch(), restored.epoch);
    assert_ne!(store.epoch(), epoch);
    let stored = values(&store).await;
    let count = i64::try_from(stored.len()).unwrap();
    assert!((before..=after).contains(&count), "{count} readings, committed {before} before and {after} after");
    assert_eq!(stored, (1..=count).collect::<Vec<_>>());
    let outboxes = store.outboxes();
    assert_eq!(outboxes[0].numbers.through(), count.cast_unsigned(), "numbers and readings are of one moment");
    assert_eq!(outboxes[0].reading_count, count.cast_unsigned());
    assert_eq!(store.load_start().await.unwrap().open_alarms.len(), 1);
    // What the node sends again under higher numbers is taken, and nothing twice.
    store.commit_batch(numbered(count + 1)).await.unwrap();

    let scope = sign_in(&store, Role::Admin, "second").await;
    let log = store.audit_log(&scope, None, 100).await.unwrap();
    let restore = log.iter().find(|entry| entry.action == "store.restore").unwrap();
    assert_eq!((restore.actor.as_str(), restore.object.as_str()), ("server shell", &*restored.epoch.to_string()));
    let report = checked(&fixture).await;
    assert!(report.is_sound(), "{report:?}");
    assert!(report.counts.chunks > 0 && report.counts.journal_rows > 0 && report.counts.outboxes == 1);
    close(store, task).await;
}

pub(super) async fn a_check_names_what_is_damaged(fixture: Fixture) {
    let (store, task) = fixture.open_with_task().await;
    fixture.fill_district(&store).await;
    let raised = transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged);
    let acknowledged = transition(1, "school-fridge", What::Acknowledged, AlarmState::ActiveAcknowledged);
    let transitions = vec![raised, acknowledged];
    store.commit_batch(Arc::new(BatchCommit { transitions, ..batch([]) })).await.unwrap();
    store.commit_batch(numbered(1)).await.unwrap();
    store.fold_outboxes().await.unwrap();
    store.seal_all().await.unwrap();
    store.commit_batch(numbered(2)).await.unwrap();
    store.write_checkpoint(JournalId(1), vec![(3, Some(vec![1, 2, 3]))]).await.unwrap();
    sign_in(&store, Role::Admin, "").await;
    close(store, task).await;
    let report = checked(&fixture).await;
    assert!(report.is_sound(), "{report:?}");

    // Bytes of the wrong kind are as good as damaged ones, and every engine has them.
    for (statement, place) in [
        ("UPDATE chunk SET max_value = max_value + 1", "chunk 1 of series 1 (school-fridge temperature)"),
        ("UPDATE journal SET reading_count = reading_count + 1", "journal row"),
        ("UPDATE journal SET readings = (SELECT readings FROM chunk)", "journal row"),
        ("UPDATE series_seal SET through_journal = 0", "chunk 1 of series 1 (school-fridge temperature)"),
        ("UPDATE series_seal SET latest = (SELECT readings FROM chunk)", "seal of series 1"),
        ("UPDATE engine_checkpoint SET state = (SELECT numbers FROM outbox)", "portion 3 of what the rules remember"),
        ("UPDATE outbox SET numbers = (SELECT readings FROM chunk)", "outbox 1 of node node-1"),
        ("UPDATE outbox_step SET steps = (SELECT readings FROM chunk)", "committed messages of batch"),
        ("UPDATE alarm SET closed_at_ms = 1", "alarm 1"),
        ("DELETE FROM alarm_event WHERE number = 1", "alarm 1"),
    ] {
        fixture.execute(statement).await.unwrap();
        let report = checked(&fixture).await;
        let is_named = report.findings.iter().any(|finding| finding.place.starts_with(place));
        assert!(is_named, "{statement}: {report:?}");
    }
    fixture.without_audit_protection("UPDATE audit SET detail = 'nothing' WHERE id = 1").await;
    let report = checked(&fixture).await;
    assert!(report.findings.iter().any(|finding| finding.place == "audit entry 1"), "{report:?}");
}

/// Only a file can have its bytes flipped behind the database's back.
pub(super) async fn a_flipped_byte_is_found_and_named(fixture: Fixture) {
    let (store, task) = fixture.open_with_task().await;
    fixture.fill_district(&store).await;
    for number in 1..=300 {
        store.commit_batch(numbered(number * number)).await.unwrap();
    }
    store.seal_all().await.unwrap();
    let row = sqlx::query("SELECT readings FROM chunk").fetch_one(store.readers()).await.unwrap();
    let frame: Vec<u8> = sqlx::Row::get(&row, "readings");
    close(store, task).await;
    let places = TempDir::new().unwrap();
    let folder = places.path().join("backup");
    backup::take(&config_of(&fixture), &folder, START, &mut |_, _| {}).await.unwrap();
    let file = folder.join("brightwatch.db");
    let whole = std::fs::read(&file).unwrap();
    assert!(check_file(&file, &mut |_| {}).await.unwrap().is_sound());

    // In a chunk, which SQLite itself does not look into.
    let part = &frame[4..36];
    let at = whole.windows(part.len()).position(|bytes| bytes == part).unwrap();
    flip(&file, &whole, at);
    let report = check_file(&file, &mut |_| {}).await.unwrap();
    assert_eq!(report.findings[0].place, "chunk 1 of series 1 (school-fridge temperature)", "{report:?}");
    assert_eq!(report.findings[0].problem, "the checksum does not match");
    // The digest finds any byte, wherever it is.
    let damaged = backup::check(&folder, &mut |_| {}).await;
    assert!(
        matches!(&damaged, Err(BackupError::Damaged(why)) if why.contains("brightwatch.db: its SHA-256 is another")),
        "{damaged:?}"
    );
    let refused = backup::restore(&config_of(&fixture), &folder, Mode::Replace, START).await;
    assert!(matches!(refused, Err(BackupError::Damaged(_))), "{refused:?}");

    // In the tree of a table: the first page's pointer to where its cells begin.
    flip(&file, &whole, 4096 + 5);
    let report = check_file(&file, &mut |_| {}).await.unwrap();
    assert!(!report.is_sound());
    // Not a database at all.
    std::fs::write(&file, "nothing").unwrap();
    assert!(!check_file(&file, &mut |_| {}).await.unwrap().is_sound());
}

fn flip(file: &Path, whole: &[u8], at: usize) {
    let mut bytes = whole.to_vec();
    bytes[at] ^= 0x40;
    std::fs::write(file, bytes).unwrap();
}

/// Only a server knows who else is connected.
pub(super) async fn a_database_in_use_is_not_covered_up(fixture: Fixture) {
    let (store, task) = fixture.open_with_task().await;
    fixture.fill_district(&store).await;
    let places = TempDir::new().unwrap();
    let folder = places.path().join("backup");
    let config = Config { data_dir: places.path().join("data"), store: fixture.config.clone(), ..Config::default() };
    std::fs::create_dir(&config.data_dir).unwrap();
    backup::take(&config, &folder, START, &mut |_, _| {}).await.unwrap();
    let refused = backup::restore(&config, &folder, Mode::Replace, START).await;
    assert!(matches!(refused, Err(BackupError::Copy(CopyError::InUse(_)))), "{refused:?}");
    close(store, task).await;
    let refused = backup::restore(&config, &folder, Mode::IntoEmpty, START).await;
    assert!(matches!(refused, Err(BackupError::Copy(CopyError::NotEmpty(_)))), "{refused:?}");
    backup::refuse_unfinished(&config.data_dir).unwrap();
    // Sessions that have just been closed may be listed for a moment longer.
    let restored = async {
        loop {
            match backup::restore(&config, &folder, Mode::Replace, START).await {
                Err(BackupError::Copy(CopyError::InUse(_))) => tokio::time::sleep(Duration::from_millis(20)).await,
                other => break other.unwrap(),
            }
        }
    };
    let restored = tokio::time::timeout(Duration::from_secs(20), restored).await.unwrap();
    assert_eq!(restored.moved_aside, ["schema before_restore_20260921t141320z of the database"]);
}
