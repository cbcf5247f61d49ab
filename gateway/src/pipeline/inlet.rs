//! The way from ingest into the pipeline: bounded by readings and bytes, with one budget for messages that come again
//! and another for those that do not, so that neither takes the other's room. What waited in outboxes gets half of its
//! budget at most: many that catch up at once leave room for what is measured now.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use super::Config;
use crate::ingest::Ingested;

/// A new way: where messages go in, and where they come out.
pub fn inlet(config: &Config) -> (Inlet, Outlet) {
    let lane = |readings, bytes| Lane { readings_max: readings, bytes_max: bytes, ..Lane::default() };
    let lanes = Arc::new(Lanes {
        repeated: lane(config.queue_readings, config.queue_bytes),
        unrepeated: lane(config.foreign_queue_readings, config.foreign_queue_bytes),
    });
    // Each message counts as one reading at least, so the lanes are full before this is.
    let (sender, receiver) = mpsc::channel(config.queue_readings + config.foreign_queue_readings + 2);
    (Inlet { sender, lanes: Arc::clone(&lanes) }, Outlet { receiver, lanes })
}

/// Where ingest puts messages. Cheap to clone.
#[derive(Clone)]
pub struct Inlet {
    sender: mpsc::Sender<Ingested>,
    lanes: Arc<Lanes>,
}

/// Where the pipeline takes them out, in order.
pub struct Outlet {
    receiver: mpsc::Receiver<Ingested>,
    lanes: Arc<Lanes>,
}

struct Lanes {
    /// Numbered messages of nodes with an outbox: what is shed comes again.
    repeated: Lane,
    /// Everything else: what is shed is lost.
    unrepeated: Lane,
}

#[derive(Default)]
struct Lane {
    readings_max: usize,
    bytes_max: usize,
    readings: AtomicUsize,
    bytes: AtomicUsize,
}

impl Inlet {
    /// Takes room for a message that is put in right after; false: there is none.
    pub fn reserve(&self, message: &Ingested) -> bool {
        let lane = self.lanes.of(message);
        let (readings, bytes) = weight(message);
        let parts = if message.is_historical && message.comes_again() { 2 } else { 1 };
        // One reserves at a time, under ingest's lock; the other end only gives back.
        let has_room = lane.readings.load(Ordering::Relaxed) + readings <= lane.readings_max / parts
            && lane.bytes.load(Ordering::Relaxed) + bytes <= lane.bytes_max / parts;
        if has_room {
            lane.readings.fetch_add(readings, Ordering::Relaxed);
            lane.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        has_room
    }

    /// Puts in a message for which room was taken.
    pub fn put(&self, message: Ingested) {
        if self.sender.try_send(message).is_err() {
            tracing::debug!("the pipeline has ended");
        }
    }

    /// Whether at least half of every budget is free: births that are asked for now would find room.
    pub fn has_room(&self) -> bool {
        [&self.lanes.repeated, &self.lanes.unrepeated].into_iter().all(|lane| {
            lane.readings.load(Ordering::Relaxed) <= lane.readings_max / 2
                && lane.bytes.load(Ordering::Relaxed) <= lane.bytes_max / 2
        })
    }

    /// Readings of either kind that wait.
    #[cfg(test)]
    pub(super) fn waiting_readings(&self) -> usize {
        [&self.lanes.repeated, &self.lanes.unrepeated].map(|lane| lane.readings.load(Ordering::Relaxed)).iter().sum()
    }
}

impl Outlet {
    /// The next message; None: there will be none.
    pub async fn recv(&mut self) -> Option<Ingested> {
        let message = self.receiver.recv().await?;
        let (readings, bytes) = weight(&message);
        self.lanes.of(&message).release(readings, bytes);
        Some(message)
    }
}

impl Lanes {
    fn of(&self, message: &Ingested) -> &Lane {
        if message.comes_again() { &self.repeated } else { &self.unrepeated }
    }
}

impl Lane {
    fn release(&self, readings: usize, bytes: usize) {
        self.readings.fetch_sub(readings, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A message without a reading takes room too.
fn weight(message: &Ingested) -> (usize, usize) {
    (message.readings.len().max(1), message.wire_bytes)
}

#[cfg(test)]
mod tests {
    use domain::{
        id::{NodeId, SeriesId},
        reading::{Quality, Reading, Value},
        time::{MonoMs, Now, UnixMs},
    };
    use protocol::sparkplug::outbox::{Incarnation, Seq};

    use super::*;
    use crate::store::{OutboxId, OutboxProgress};

    fn message(readings: usize, wire_bytes: usize, number: Option<u64>) -> Ingested {
        let node = NodeId::new("edge").unwrap();
        let outbox = OutboxId { node: node.clone(), incarnation: Incarnation(1) };
        let now = Now { wall: UnixMs(0), mono: MonoMs(0) };
        let reading =
            Reading { series: SeriesId(1), event_time: UnixMs(0), value: Some(Value::Int(1)), quality: Quality::Good };
        let mut message = Ingested::new(node, now);
        message.readings = vec![reading; readings];
        message.wire_bytes = wire_bytes;
        message.outbox = number.map(|number| OutboxProgress {
            outbox,
            floor: None,
            numbers: vec![Seq::new(number).unwrap()],
            reading_count: readings as u64,
            gaps: vec![],
        });
        message
    }

    fn config() -> Config {
        let (queue_readings, queue_bytes) = (100, 1000);
        let (foreign_queue_readings, foreign_queue_bytes) = (50, 500);
        Config { queue_readings, queue_bytes, foreign_queue_readings, foreign_queue_bytes, ..Config::default() }
    }

    fn accepted(inlet: &Inlet, offered: impl IntoIterator<Item = Ingested>) -> usize {
        let mut count = 0;
        for message in offered {
            if inlet.reserve(&message) {
                inlet.put(message);
                count += 1;
            }
        }
        count
    }

    #[tokio::test]
    async fn each_kind_fills_its_own_budget_and_no_more() {
        let (inlet, mut outlet) = inlet(&config());
        assert!(inlet.has_room());
        assert_eq!(accepted(&inlet, (1..=20).map(|number| message(10, 1, Some(number)))), 10, "100 readings");
        assert!(!inlet.has_room());
        assert_eq!(accepted(&inlet, (0..20).map(|_| message(10, 1, None))), 5, "50 readings");
        for taken in 1..=4 {
            outlet.recv().await.unwrap();
            let again = (0..4).map(|number| message(10, 1, Some(100 * taken + number)));
            assert_eq!(accepted(&inlet, again), 1, "one taken out makes room for one");
        }
    }

    #[tokio::test]
    async fn those_who_catch_up_leave_room_for_the_present() {
        let (inlet, _outlet) = inlet(&config());
        let past = |number| Ingested { is_historical: true, ..message(10, 1, Some(number)) };
        assert_eq!(accepted(&inlet, (1..=20).map(past)), 5, "50 of 100 readings");
        assert!(inlet.has_room(), "and births are not kept off by them");
        assert_eq!(
            accepted(&inlet, (21..=40).map(|number| message(10, 1, Some(number)))),
            5,
            "the rest is for the present"
        );
        let foreign = (0..20).map(|_| Ingested { is_historical: true, ..message(10, 1, None) });
        assert_eq!(accepted(&inlet, foreign), 5, "what will not come again is not held up");
    }

    #[tokio::test]
    async fn bytes_and_empty_messages_are_bounded_too() {
        let (inlet, _outlet) = inlet(&config());
        assert_eq!(accepted(&inlet, (1..=20).map(|number| message(1, 300, Some(number)))), 3, "1000 bytes");
        assert_eq!(accepted(&inlet, (0..100).map(|_| message(0, 0, None))), 50, "an empty one counts as a reading");
    }
}
