//! Killed during a delay, before a commit, and between a commit and its acknowledgement: an alarm is raised once, at its
//! time, and a message is stored once.

use protocol::sparkplug::outbox::{Incarnation, Seq};
use sqlx::Row as _;

use super::*;
use crate::store::{OutboxId, OutboxProgress};

/// Portions are written down as often as can be.
fn eager() -> Config {
    Config { checkpoint_s: 1, ..Config::default() }
}

fn outbox() -> OutboxId {
    OutboxId { node: NodeId::new("edge").unwrap(), incarnation: Incarnation(7) }
}

impl Fixture {
    /// A numbered message with one reading, as a node with an outbox sends it.
    fn numbered(&self, number: u64, reading: Reading) -> Ingested {
        let progress = OutboxProgress {
            outbox: outbox(),
            floor: None,
            numbers: vec![Seq::new(number).unwrap()],
            reading_count: 1,
            gaps: vec![],
        };
        let new = Ingested::new(NodeId::new("edge").unwrap(), self.clock.now());
        Ingested { readings: vec![reading], outbox: Some(progress), wire_bytes: 40, ..new }
    }

    fn offer(&self, message: Ingested) {
        assert!(self.messages.reserve(&message));
        self.messages.put(message);
    }

    async fn count(&self, of: &'static str) -> i64 {
        let row = sqlx::query(of).fetch_one(&mut self.intruder().await).await.unwrap();
        row.get(0)
    }

    /// Until a query counts so many, or more.
    async fn until_counted(&self, of: &'static str, expected: i64) {
        let counted = async {
            while self.count(of).await < expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, counted).await.expect(of);
    }
}

const BATCHES: &str = "SELECT COUNT(*) FROM journal";
const PORTIONS: &str = "SELECT COUNT(*) FROM engine_checkpoint";
const RAISINGS: &str = "SELECT COUNT(*) FROM alarm_event WHERE what = 'raised'";

#[tokio::test]
async fn a_delay_goes_on_where_a_killed_gateway_left_it() {
    let fixture = Fixture::start_in(Arc::new(tempfile::tempdir().unwrap()), eager()).await;
    fixture.put(vec![fixture.reading("gas.temperature", 20.0)]);
    fixture.until_counted(BATCHES, 1).await;
    fixture.until_counted(PORTIONS, 1).await;
    let hot = fixture.reading("gas.temperature", 61.0);
    fixture.put(vec![hot.clone()]);
    fixture.until_counted(BATCHES, 2).await;
    // So long the new process would be late if it began to count when it starts.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let dir = fixture.crash().await;

    let fixture = Fixture::start_in(dir, eager()).await;
    let restarted = fixture.clock.now().wall;
    let mut screen = fixture.watch();
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    let raised_at = UnixMs(screen.alarms.values().next().unwrap().raised_at_ms);
    assert!(raised_at.since_ms(hot.event_time) >= 3000, "not early");
    assert!(raised_at < restarted.plus_ms(3000), "it did not begin anew");
    let dir = fixture.crash().await;

    // And once more: it is open, and not raised again.
    let fixture = Fixture::start_in(dir, eager()).await;
    fixture.put(vec![fixture.reading("gas.temperature", 62.0)]);
    fixture.until_counted(BATCHES, 4).await;
    assert_eq!(fixture.count(RAISINGS).await, 1);
    assert_eq!(fixture.stored().await.open_alarms.len(), 1);
}

#[tokio::test]
async fn a_damaged_portion_is_passed_over_and_the_delay_begins_anew() {
    let fixture = Fixture::start_in(Arc::new(tempfile::tempdir().unwrap()), eager()).await;
    fixture.put(vec![fixture.reading("gas.temperature", 61.0)]);
    fixture.until_counted(BATCHES, 1).await;
    fixture.until_counted(PORTIONS, 1).await;
    let mut intruder = fixture.intruder().await;
    let crashed = fixture.clock.now().wall;
    let dir = fixture.crash().await;
    // What was being written at that moment is written to its end.
    tokio::time::sleep(Duration::from_millis(200)).await;
    sqlx::query("UPDATE engine_checkpoint SET state = x'0102030405'").execute(&mut intruder).await.unwrap();

    let fixture = Fixture::start_in(dir, eager()).await;
    let mut screen = fixture.watch();
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    let raised_at = UnixMs(screen.alarms.values().next().unwrap().raised_at_ms);
    assert!(raised_at.since_ms(crashed) >= 3000, "from the latest value, anew");
}

#[tokio::test]
async fn killed_before_the_commit_nothing_has_happened_and_the_message_comes_again() {
    let fixture = Fixture::start().await;
    fixture.send(1.0);
    fixture.until_counted(BATCHES, 1).await;
    let mut intruder = fixture.intruder().await;
    let stop = "CREATE TRIGGER stop BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'no commit'); END";
    sqlx::query(stop).execute(&mut intruder).await.unwrap();
    let message = fixture.numbered(1, fixture.reading("gas.concentration", 61.0));
    fixture.offer(message.clone());
    let refused = async {
        while fixture.health.is_ready() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, refused).await.expect("the commit is refused");
    let dir = fixture.crash().await;
    sqlx::query("DROP TRIGGER stop").execute(&mut intruder).await.unwrap();

    let (store, _writing) = Store::open(&StoreConfig::default(), dir.path()).await.unwrap();
    assert!(store.outboxes().is_empty(), "not acknowledged");
    drop(store);
    let fixture = Fixture::start_in(dir, Config::default()).await;
    assert_eq!((fixture.count(BATCHES).await, fixture.count(RAISINGS).await), (1, 0));
    fixture.offer(message);
    fixture.until_counted(RAISINGS, 1).await;
    assert_eq!(fixture.count(BATCHES).await, 2);
    assert_eq!(fixture.stored().await.open_alarms.len(), 1);
}

#[tokio::test]
async fn killed_between_the_commit_and_the_acknowledgement_it_is_stored_and_said_once() {
    let fixture = Fixture::start().await;
    fixture.send(1.0);
    fixture.until_counted(BATCHES, 1).await;
    // Held up before it may write, the commit goes on after its pipeline is gone.
    let mut intruder = fixture.intruder().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut intruder).await.unwrap();
    fixture.offer(fixture.numbered(1, fixture.reading("gas.concentration", 61.0)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let dir = fixture.crash().await;
    sqlx::query("ROLLBACK").execute(&mut intruder).await.unwrap();
    let committed = async {
        loop {
            let row = sqlx::query(BATCHES).fetch_one(&mut intruder).await.unwrap();
            if row.get::<i64, _>(0) == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, committed).await.expect("what was handed to the store is stored");

    let fixture = Fixture::start_in(Arc::clone(&dir), Config::default()).await;
    fixture.put(vec![fixture.reading("gas.concentration", 62.0)]);
    fixture.until_counted(BATCHES, 3).await;
    assert_eq!(fixture.count(RAISINGS).await, 1);
    let (store, _writing) = Store::open(&StoreConfig::default(), dir.path()).await.unwrap();
    let known = store.outboxes();
    assert_eq!(known.len(), 1);
    assert!(known[0].numbers.contains(Seq::new(1).unwrap()), "the birth's acknowledgement tells of it");
    assert_eq!(known[0].reading_count, 1);
}

#[tokio::test]
async fn what_chattered_before_a_restart_is_still_known_to() {
    const CALLS: &str = "SELECT COUNT(*) FROM alarm_event WHERE what IN ('raised', 'reoccurred')";
    let chatters = |screen: &Screen| screen.alarms.values().any(|alarm| alarm.chattered_at_ms.is_some());
    let fixture = Fixture::start().await;
    for calls in 1..=2 {
        fixture.send(61.0);
        fixture.until_counted(CALLS, calls).await;
        fixture.send(1.0);
        fixture.until_counted("SELECT COUNT(*) FROM alarm_event WHERE what = 'returned'", calls).await;
    }
    let dir = fixture.crash().await;

    // The third within a minute, whichever process it came to.
    let fixture = Fixture::start_in(dir, Config::default()).await;
    let mut screen = fixture.watch();
    fixture.send(61.0);
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged) && chatters(screen)).await;
    let dir = fixture.crash().await;

    let fixture = Fixture::start_in(dir, Config::default()).await;
    fixture.watch().until(chatters).await;
}
