//! The store stands still: each queue takes what it may and no more, what is taken is stored when the store goes on, and
//! what is shed is stored when it comes again.

use domain::{engine::Action, id::UserName};
use protocol::sparkplug::outbox::{Incarnation, Seq};
use tokio::sync::oneshot;

use super::*;
use crate::{
    pipeline::{REQUEST_QUEUE, Waiting},
    store::{OutboxId, OutboxProgress},
};

/// Readings that may wait, of nodes with an outbox and of others; and readings a batch.
const REPEATED: usize = 1000;
const UNREPEATED: usize = 400;
const BATCH: usize = 100;
const PER_MESSAGE: usize = 10;

fn config() -> Config {
    Config { queue_readings: REPEATED, foreign_queue_readings: UNREPEATED, batch_readings: BATCH, ..Config::default() }
}

impl Fixture {
    fn message(&self, number: Option<u64>) -> Ingested {
        let readings = vec![self.reading("gas.temperature", 20.0); PER_MESSAGE];
        let outbox = number.map(|number| OutboxProgress {
            outbox: OutboxId { node: NodeId::new("edge").unwrap(), incarnation: Incarnation(7) },
            floor: None,
            numbers: vec![Seq::new(number).unwrap()],
            reading_count: PER_MESSAGE as u64,
            gaps: vec![],
        });
        Ingested { readings, outbox, ..Ingested::new(NodeId::new("edge").unwrap(), self.clock.now()) }
    }

    /// Offers messages until one is refused; how many readings were taken.
    fn fill(&self, mut number: impl FnMut() -> Option<u64>) -> usize {
        let mut taken = 0;
        loop {
            let message = self.message(number());
            if !self.messages.reserve(&message) {
                return taken;
            }
            self.messages.put(message);
            taken += PER_MESSAGE;
            assert!(taken <= 100_000, "there is no bound");
        }
    }

    async fn stored_readings(&self) -> i64 {
        let sum = sqlx::query_scalar("SELECT COALESCE(SUM(reading_count), 0) FROM journal");
        sum.fetch_one(&mut self.intruder().await).await.unwrap()
    }

    /// Has the pipeline take one message out, and stand before the store with it.
    async fn offer_first(&self) {
        let first = self.message(None);
        assert!(self.messages.reserve(&first));
        self.messages.put(first);
        let is_taken = async {
            while self.messages.waiting_readings() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, is_taken).await.expect("the pipeline takes it out");
        // Its batch closes within two milliseconds; from then on nothing more is taken out.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    async fn until_stored(&self, expected: i64) {
        let stored = async {
            while self.stored_readings().await != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, stored).await.expect("everything that was taken is stored");
    }

    /// Fills the queue of what people do; how many were taken.
    fn fill_requests(&self) -> usize {
        let mut taken = 0;
        while let Ok(room) = self.handle.requests.try_reserve() {
            let by = UserName::new("tester").unwrap();
            let action = Action { deed: Deed::Acknowledge(AlarmId(1)), by, note: String::new() };
            let (reply, _) = oneshot::channel();
            room.send(Waiting { action, idempotency_key: String::new(), reply });
            taken += 1;
        }
        taken
    }
}

#[tokio::test]
async fn a_store_that_stands_still_fills_each_queue_to_its_bound_and_loses_nothing_that_was_taken() {
    let fixture = Fixture::start_in(Arc::new(tempfile::tempdir().unwrap()), config()).await;
    let mut intruder = fixture.intruder().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut intruder).await.unwrap();
    // The first batch is out of the queue and waits for the disk.
    fixture.offer_first().await;

    let mut number = 0;
    let mut next = || {
        number += 1;
        Some(number)
    };
    let repeated = fixture.fill(&mut next);
    let unrepeated = fixture.fill(|| None);
    assert_eq!((repeated, unrepeated), (REPEATED, UNREPEATED), "each fills its own budget");
    assert_eq!(fixture.fill_requests(), REQUEST_QUEUE, "people wait for room, and only they");
    assert_eq!(fixture.stored_readings().await, 0);

    sqlx::query("ROLLBACK").execute(&mut intruder).await.unwrap();
    let expected = i64::try_from(PER_MESSAGE + REPEATED + UNREPEATED).unwrap();
    fixture.until_stored(expected).await;
    // What was shed comes again.
    let shed = fixture.message(Some(number));
    assert!(fixture.messages.reserve(&shed), "there is room again");
    fixture.messages.put(shed);
    fixture.until_stored(expected + i64::try_from(PER_MESSAGE).unwrap()).await;
    assert!(fixture.health.is_ready());
}
