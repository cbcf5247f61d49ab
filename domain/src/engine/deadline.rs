//! What ends by itself at a stated moment: time on the shelf, time out of service.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    id::{AlarmId, DeviceId, RuleId},
    time::MonoMs,
};

/// What ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// An alarm leaves the shelf.
    Shelf(AlarmId),
    /// A device, or one of its rules, is in service again.
    Service(DeviceId, Option<RuleId>),
}

/// All of them, by their moment.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    at: BTreeMap<Deadline, MonoMs>,
    order: BTreeSet<(MonoMs, Deadline)>,
    /// Those that were known by their wall time alone when the engine started.
    taken_up: BTreeSet<Deadline>,
}

impl Deadlines {
    /// Moves a deadline; None: it is off.
    pub(super) fn set(&mut self, deadline: Deadline, at: Option<MonoMs>) {
        self.taken_up.remove(&deadline);
        self.move_to(deadline, at);
    }

    /// Takes up a deadline at the start, when the wall clock is all there is to tell how far off it is.
    pub(super) fn take_up(&mut self, deadline: Deadline, at: MonoMs) {
        self.taken_up.insert(deadline.clone());
        self.move_to(deadline, Some(at));
    }

    /// The wall clock was wrong at the start, and is put forward by `milliseconds` (negative: back): what was taken up by it
    /// ends that much earlier.
    pub(super) fn put_right(&mut self, milliseconds: i64) {
        let moved = |at: MonoMs| MonoMs(at.0.saturating_add_signed(milliseconds.saturating_neg()));
        let taken_up: Vec<Deadline> = self.taken_up.iter().cloned().collect();
        for deadline in taken_up {
            let at = self.at.get(&deadline).copied().map(moved);
            self.move_to(deadline, at);
        }
    }

    fn move_to(&mut self, deadline: Deadline, at: Option<MonoMs>) {
        if let Some(old) = self.at.remove(&deadline) {
            self.order.remove(&(old, deadline.clone()));
        }
        if let Some(at) = at {
            self.order.insert((at, deadline.clone()));
            self.at.insert(deadline, at);
        }
    }

    /// The next moment; None: nothing is pending.
    pub(super) fn next(&self) -> Option<MonoMs> {
        self.order.first().map(|(at, _)| *at)
    }

    /// What has come by `now`, earliest first.
    pub(super) fn due(&self, now: MonoMs) -> impl Iterator<Item = &Deadline> {
        self.order.iter().take_while(move |(at, _)| *at <= now).map(|(_, deadline)| deadline)
    }
}
