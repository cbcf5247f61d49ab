//! What is under way: sent, and not acknowledged yet. Pure.
//!
//! The window bounds how much a host that lost its place has to hear twice, and paces the backlog: what is acknowledged
//! makes room for more, so that a host that is slow, or shared by many nodes that come back together, is never flooded.

use std::{cmp::Reverse, collections::BTreeMap};

use domain::time::MonoMs;
use protocol::sparkplug::outbox::{Acknowledgement, Seq};

use crate::outbox::Entry;

/// Messages under way at most.
const MESSAGES: usize = 256;
/// Their size at most, as they stand on the disk.
const BYTES: usize = 1024 * 1024;
/// The part of both that is left for what is fresh: a quarter.
const FRESH_PART: usize = 4;
/// A message is sent again after this time at the earliest.
const AGAIN_MS: u64 = 5_000;
/// … or after so many round trips, if they take longer.
const ROUND_TRIPS: f64 = 4.0;
/// Each time it takes twice as long, up to this.
const AGAIN_MS_MAX: u64 = 60_000;
/// Weight of a new round trip against all before.
const ROUND_TRIP_WEIGHT: f64 = 0.125;

/// A message on its way, for the first time or again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parcel {
    pub(super) entry: Entry,
    /// How often it was sent before.
    pub(super) sent: u32,
}

/// What asks for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Fresh,
    Backlog,
}

/// The window.
#[derive(Debug, Default)]
pub(super) struct Window {
    flights: BTreeMap<Seq, Flight>,
    bytes: usize,
    round_trip_ms: Option<f64>,
}

#[derive(Debug)]
struct Flight {
    parcel: Parcel,
    sent_at: MonoMs,
    due: MonoMs,
}

impl Window {
    /// Whether one more message may be sent.
    pub(super) fn has_room(&self, share: Share) -> bool {
        let (messages, bytes) = match share {
            Share::Fresh => (MESSAGES, BYTES),
            Share::Backlog => (MESSAGES - MESSAGES / FRESH_PART, BYTES - BYTES / FRESH_PART),
        };
        self.flights.len() < messages && self.bytes < bytes
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Whether the message is under way.
    pub(super) fn contains(&self, seq: Seq) -> bool {
        self.flights.contains_key(&seq)
    }

    /// A message was sent, now.
    pub(super) fn send(&mut self, seq: Seq, entry: Entry, sent: u32, now: MonoMs) {
        self.bytes += entry.bytes;
        let due = now.plus_ms(self.wait_ms(sent));
        let parcel = Parcel { entry, sent: sent + 1 };
        self.flights.insert(seq, Flight { parcel, sent_at: now, due });
    }

    fn wait_ms(&self, sent: u32) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of some seconds")]
        let trips_ms = self.round_trip_ms.map_or(0, |round_trip_ms| (round_trip_ms * ROUND_TRIPS) as u64);
        (trips_ms.max(AGAIN_MS) << sent.min(10)).min(AGAIN_MS_MAX.max(trips_ms))
    }

    /// What the host has is not under way any more.
    #[expect(clippy::cast_precision_loss, reason = "a time of some seconds")]
    pub(super) fn acknowledge(&mut self, told: &Acknowledgement, now: MonoMs) {
        for (_, flight) in self.flights.extract_if(.., |seq, _| told.contains(*seq)) {
            self.bytes -= flight.parcel.entry.bytes;
            // Of a message that was sent twice nobody knows which one was heard.
            if flight.parcel.sent == 1 {
                let latest_ms = now.since_ms(flight.sent_at) as f64;
                let former_ms = self.round_trip_ms.unwrap_or(latest_ms);
                self.round_trip_ms = Some(former_ms + ROUND_TRIP_WEIGHT * (latest_ms - former_ms));
            }
        }
    }

    /// Takes out the message that has waited longest beyond its time.
    pub(super) fn take_due(&mut self, now: MonoMs) -> Option<Parcel> {
        let due = self.flights.iter().filter(|(_, flight)| flight.due <= now);
        let (&seq, _) = due.max_by_key(|(seq, flight)| (Reverse(flight.due), Reverse(**seq)))?;
        let Flight { parcel, .. } = self.flights.remove(&seq)?;
        self.bytes -= parcel.entry.bytes;
        Some(parcel)
    }

    /// The connection is gone, and with it whatever was under way.
    pub(super) fn clear(&mut self) {
        self.flights.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use protocol::sparkplug::outbox::{Incarnation, StoreEpoch};

    use super::*;
    use crate::outbox::Content;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    fn entry(number: u64, bytes: usize) -> Entry {
        let content = Content::Samples { device: None, samples: Vec::new() };
        Entry { seq: Seq::new(number), content, bytes }
    }

    fn told(through: u64, ranges: &[(u64, u64)]) -> Acknowledgement {
        let (store_epoch, incarnation) = (StoreEpoch(1), Incarnation(1));
        Acknowledgement { store_epoch, incarnation, through, ranges: ranges.to_vec() }
    }

    fn sent(window: &mut Window, numbers: impl IntoIterator<Item = u64>, at_ms: u64) {
        for number in numbers {
            window.send(seq(number), entry(number, 100), 0, MonoMs(at_ms));
        }
    }

    #[test]
    fn a_quarter_is_left_for_what_is_fresh() {
        let mut window = Window::default();
        sent(&mut window, 1..=191, 0);
        assert!(window.has_room(Share::Backlog));
        sent(&mut window, [192], 0);
        assert!(!window.has_room(Share::Backlog) && window.has_room(Share::Fresh));
        sent(&mut window, 193..=256, 0);
        assert!(!window.has_room(Share::Fresh));
        window.acknowledge(&told(100, &[(200, 256)]), MonoMs(1));
        assert!(window.has_room(Share::Backlog) && !window.contains(seq(200)) && window.contains(seq(199)));
        window.send(seq(300), entry(300, BYTES), 0, MonoMs(1));
        assert!(!window.has_room(Share::Fresh));
        window.clear();
        assert!(window.has_room(Share::Backlog) && window.is_empty());
    }

    #[test]
    fn what_is_not_acknowledged_is_due_again_ever_more_slowly() {
        let mut window = Window::default();
        sent(&mut window, [1, 2, 3], 0);
        window.acknowledge(&told(0, &[(3, 3)]), MonoMs(0));
        let (mut now, mut waited) = (0, Vec::new());
        for _ in 0..6 {
            let before = now;
            let parcel = loop {
                now += 1_000;
                if let Some(parcel) = window.take_due(MonoMs(now)) {
                    break parcel;
                }
            };
            assert_eq!(parcel.entry.seq, Some(seq(1)), "the oldest first");
            window.take_due(MonoMs(now));
            waited.push(now - before);
            window.send(seq(1), parcel.entry, parcel.sent, MonoMs(now));
        }
        assert_eq!(waited, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    }

    #[test]
    fn a_slow_road_is_given_four_round_trips() {
        let mut window = Window::default();
        sent(&mut window, [1], 0);
        window.acknowledge(&told(1, &[]), MonoMs(3_000));
        sent(&mut window, [2], 3_000);
        assert_eq!(window.take_due(MonoMs(3_000 + 11_999)), None);
        assert!(window.take_due(MonoMs(3_000 + 12_000)).is_some());
    }
}
