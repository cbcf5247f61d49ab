//! The order of a node's messages: a small window in which early ones wait for the missing, after
//! `tck-id-operational-behavior-host-reordering-*`. A broker cluster may swap messages; a single broker does not, there
//! a missing number is a lost message.

use std::collections::VecDeque;

use domain::time::MonoMs;

/// What to do with an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<T> {
    /// Take it now, then whatever [`Order::take_ready`] gives.
    Next(T),
    /// It waits for those before it.
    Held,
    /// It was here before, or comes after it was given up.
    Late,
    /// Too far from the expected number to be a matter of order: messages are lost.
    Beyond(T),
}

/// The window. Numbers run from 0 to 255 and around.
#[derive(Debug)]
pub(super) struct Order<T> {
    /// How many numbers ahead of the expected one may wait.
    window: u8,
    /// The number that comes next; None: whichever comes.
    expected: Option<u8>,
    /// What waits: `held[i]` has the number `expected + i`; `held[0]` is the missing one.
    held: VecDeque<Option<T>>,
    /// Since when something waits.
    waiting_since: Option<MonoMs>,
}

impl<T> Order<T> {
    /// A window of 1 to 100 messages: below half of the number's range, so that early and late are never mixed up.
    pub(super) fn new(window: u8) -> Self {
        Self { window: window.clamp(1, 100), expected: None, held: VecDeque::new(), waiting_since: None }
    }

    /// Starts anew: `seq` has been taken (None: a birth without a number).
    pub(super) fn restart(&mut self, seq: Option<u8>) {
        self.expected = seq.map(|seq| seq.wrapping_add(1));
        self.held.clear();
        self.waiting_since = None;
    }

    /// Judges an item by its number.
    pub(super) fn offer(&mut self, seq: u8, item: T, now: MonoMs) -> Verdict<T> {
        let Some(expected) = self.expected else {
            self.expected = Some(seq.wrapping_add(1));
            return Verdict::Next(item);
        };
        let ahead = seq.wrapping_sub(expected);
        if ahead == 0 {
            self.step();
            return Verdict::Next(item);
        }
        if ahead.wrapping_neg() <= self.window {
            return Verdict::Late;
        }
        if ahead > self.window {
            return Verdict::Beyond(item);
        }
        let place = usize::from(ahead);
        if self.held.len() <= place {
            self.held.resize_with(place + 1, || None);
        }
        if self.held[place].is_some() {
            return Verdict::Late;
        }
        self.held[place] = Some(item);
        self.waiting_since.get_or_insert(now);
        Verdict::Held
    }

    /// The next item that need not wait any more.
    pub(super) fn take_ready(&mut self, now: MonoMs) -> Option<T> {
        let Some(item) = self.held.front_mut().and_then(Option::take) else {
            // What still waits, waits for another missing one, and has its full time for that.
            if self.held.is_empty() {
                self.waiting_since = None;
            }
            return None;
        };
        self.step();
        self.waiting_since = Some(now);
        Some(item)
    }

    /// Since when something waits; None: nothing does.
    pub(super) fn waiting_since(&self) -> Option<MonoMs> {
        self.waiting_since
    }

    /// Gives up the missing numbers before the first that waits, and says how many they were.
    pub(super) fn give_up(&mut self) -> u8 {
        let mut lost = 0;
        while matches!(self.held.front(), Some(None)) {
            self.step();
            lost += 1;
        }
        lost
    }

    /// Jumps to behind `seq`, which has been taken, and says how many numbers were skipped. Nothing may wait.
    pub(super) fn jump(&mut self, seq: u8) -> u8 {
        let lost = self.expected.map_or(0, |expected| seq.wrapping_sub(expected));
        self.restart(Some(seq));
        lost
    }

    fn step(&mut self) {
        self.held.pop_front();
        self.expected = self.expected.map(|expected| expected.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers numbers that are their own items; gives those taken, in order.
    fn take_all(order: &mut Order<u8>, numbers: &[u8]) -> Vec<u8> {
        let mut taken = Vec::new();
        for &number in numbers {
            match order.offer(number, number, MonoMs(u64::from(number))) {
                Verdict::Next(item) => taken.push(item),
                Verdict::Held | Verdict::Late => {}
                Verdict::Beyond(item) => panic!("{item} is beyond the window"),
            }
            while let Some(item) = order.take_ready(MonoMs(u64::from(number))) {
                taken.push(item);
            }
        }
        taken
    }

    #[test]
    fn tck_id_operational_behavior_host_reordering_success() {
        let mut order = Order::new(4);
        order.restart(Some(0));
        assert_eq!(take_all(&mut order, &[1, 2, 4, 6, 3, 5]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(order.waiting_since(), None);
    }

    #[test]
    fn tck_id_operational_behavior_host_reordering_start() {
        let mut order = Order::new(4);
        order.restart(Some(0));
        assert_eq!(order.waiting_since(), None);
        assert_eq!(order.offer(3, 3, MonoMs(70)), Verdict::Held);
        assert_eq!(order.offer(4, 4, MonoMs(80)), Verdict::Held);
        assert_eq!(order.waiting_since(), Some(MonoMs(70)));
        assert_eq!(order.give_up(), 2);
        assert_eq!(order.take_ready(MonoMs(90)), Some(3));
        assert_eq!(order.take_ready(MonoMs(90)), Some(4));
        assert_eq!(order.take_ready(MonoMs(90)), None);
        assert_eq!(order.offer(5, 5, MonoMs(91)), Verdict::Next(5));
        assert_eq!(order.waiting_since(), None);
    }

    #[test]
    fn numbers_run_around() {
        let mut order = Order::new(4);
        order.restart(Some(253));
        assert_eq!(take_all(&mut order, &[255, 254, 1, 0, 2]), [254, 255, 0, 1, 2]);
    }

    #[test]
    fn repeated_numbers_are_late_and_far_ones_beyond() {
        let mut order = Order::new(4);
        order.restart(Some(9));
        assert_eq!(order.offer(9, 9, MonoMs(0)), Verdict::Late);
        assert_eq!(order.offer(6, 6, MonoMs(0)), Verdict::Late);
        assert_eq!(order.offer(5, 5, MonoMs(0)), Verdict::Beyond(5));
        assert_eq!(order.offer(14, 14, MonoMs(0)), Verdict::Held);
        assert_eq!(order.offer(14, 14, MonoMs(0)), Verdict::Late);
        assert_eq!(order.offer(15, 15, MonoMs(0)), Verdict::Beyond(15));
    }
}
