//! What waits to be sent: bounded, in memory. It holds series by name and values, never encoded payloads: alias and
//! sequence number belong to a session, and what waits outlives sessions.
//!
//! Fresh messages go first; what could not be sent when it was fresh is the backlog and follows behind. When it is
//! full, the oldest is dropped and counted as a gap.

use std::collections::VecDeque;

use domain::id::DeviceId;

use crate::source::Sample;

/// Samples of one device that travel together.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Whose.
    pub device: DeviceId,
    /// In the order they were taken; not empty.
    pub samples: Vec<Sample>,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Outbox {
    capacity: usize,
    fresh: VecDeque<Message>,
    /// The part of the backlog that may be sent now, oldest first.
    released: VecDeque<Message>,
    backlog: VecDeque<Message>,
    gap_count: u64,
}

impl Outbox {
    /// Holds at most `capacity` messages.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), ..Self::default() }
    }

    /// Takes a message that was measured just now.
    pub fn push(&mut self, message: Message) {
        if self.depth() == self.capacity {
            let queues = [&mut self.released, &mut self.backlog, &mut self.fresh];
            queues.into_iter().find_map(VecDeque::pop_front);
            self.gap_count += 1;
        }
        self.fresh.push_back(message);
    }

    /// The next fresh message.
    pub fn pop_fresh(&mut self) -> Option<Message> {
        self.fresh.pop_front()
    }

    /// Nothing can be sent now: what was released goes back to its place, and what is fresh joins the backlog.
    pub fn hold(&mut self) {
        while let Some(message) = self.released.pop_back() {
            self.backlog.push_front(message);
        }
        self.backlog.append(&mut self.fresh);
    }

    /// One message could not be sent although others can: it joins the backlog.
    pub fn put_back(&mut self, message: Message) {
        self.backlog.push_back(message);
    }

    /// Lets at most `most` messages of the backlog go, the oldest of those that can be sent; the others stay. Does
    /// nothing while there is something released.
    pub fn release(&mut self, most: usize, can_send: impl Fn(&DeviceId) -> bool) {
        if !self.released.is_empty() {
            return;
        }
        let mut kept = VecDeque::new();
        while self.released.len() < most
            && let Some(message) = self.backlog.pop_front()
        {
            let queue = if can_send(&message.device) { &mut self.released } else { &mut kept };
            queue.push_back(message);
        }
        kept.append(&mut self.backlog);
        self.backlog = kept;
    }

    /// The next released message of the backlog.
    pub fn pop_released(&mut self) -> Option<Message> {
        self.released.pop_front()
    }

    /// Whether a backlog waits.
    pub fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || !self.released.is_empty()
    }

    /// Messages waiting.
    pub fn depth(&self) -> usize {
        self.fresh.len() + self.released.len() + self.backlog.len()
    }

    /// Messages that were given up, since the start of the process.
    pub const fn gap_count(&self) -> u64 {
        self.gap_count
    }

    /// A message was given up for another reason than room.
    pub fn count_gap(&mut self) {
        self.gap_count += 1;
    }
}

#[cfg(test)]
mod tests {
    use domain::{id::MetricName, reading::Value, time::UnixMs};
    use proptest::prelude::*;

    use super::*;

    fn message(device: &str, at: i64) -> Message {
        let metric = MetricName::new("m").unwrap();
        let device = DeviceId::new(device).unwrap();
        Message { device, samples: vec![Sample::good(metric, UnixMs(at), Value::Int(at))] }
    }

    fn times(messages: impl IntoIterator<Item = Message>) -> Vec<i64> {
        messages.into_iter().map(|message| message.samples[0].at.0).collect()
    }

    fn released(outbox: &mut Outbox, most: usize, device: &str) -> Vec<i64> {
        outbox.release(most, |id| id.as_str().starts_with(device));
        times(std::iter::from_fn(|| outbox.pop_released()))
    }

    #[test]
    fn fresh_goes_first_and_the_backlog_keeps_its_order() {
        let mut outbox = Outbox::new(10);
        for at in 0..3 {
            outbox.push(message("a", at));
        }
        outbox.hold();
        outbox.push(message("b", 3));
        assert_eq!(times(outbox.pop_fresh()), [3]);
        assert_eq!(outbox.pop_fresh(), None);
        outbox.push(message("b", 4));
        outbox.release(2, |_| true);
        outbox.hold();
        assert_eq!(released(&mut outbox, 10, "b"), [4]);
        assert_eq!(released(&mut outbox, 2, ""), [0, 1]);
        assert_eq!(released(&mut outbox, 2, ""), [2]);
        assert!(!outbox.has_backlog());
    }

    #[test]
    fn a_full_outbox_gives_up_the_oldest_and_counts_it() {
        let mut outbox = Outbox::new(2);
        outbox.push(message("a", 0));
        outbox.hold();
        for at in 1..4 {
            outbox.push(message("a", at));
        }
        assert_eq!((outbox.depth(), outbox.gap_count()), (2, 2));
        assert_eq!(times(outbox.pop_fresh()), [2]);
        assert_eq!(times(outbox.pop_fresh()), [3]);
    }

    proptest! {
        /// Everything pushed is taken, waits, or is counted as a gap.
        #[test]
        fn nothing_vanishes_uncounted(actions in prop::collection::vec(0_u8..5, 0..200), capacity in 1_usize..20) {
            let mut outbox = Outbox::new(capacity);
            let (mut pushed, mut taken) = (0_u64, 0_u64);
            for action in actions {
                match action {
                    0 | 1 => {
                        outbox.push(message(if action == 0 { "a" } else { "b" }, 0));
                        pushed += 1;
                    }
                    2 => taken += u64::from(outbox.pop_fresh().is_some()),
                    3 => outbox.hold(),
                    _ => {
                        outbox.release(3, |device| device.as_str() == "a");
                        taken += u64::from(outbox.pop_released().is_some());
                    }
                }
                prop_assert!(outbox.depth() <= capacity);
                prop_assert_eq!(pushed, taken + outbox.depth() as u64 + outbox.gap_count());
            }
        }
    }
}
