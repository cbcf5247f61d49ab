//! What the engine knows, and how an evaluation lays its changes over that without touching it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{
    deadline::Deadline,
    io::{Link, LinkChange},
    plan::{SeriesAt, SlotAt, WatchAt},
};
use crate::{
    alarm::{OpenAlarm, OutOfService},
    id::{AlarmId, DeviceId, RuleId, SeriesId},
    profile::Condition,
    reading::{Quality, Reading, Value},
    time::{MonoMs, UnixMs},
};

/// The present of one series.
#[derive(Debug, Clone)]
pub(super) struct SeriesState {
    /// Where the present stands in event time; a reading from before it is history, not news.
    pub(super) order: UnixMs,
    /// When the latest usable reading was received, or the series bound.
    pub(super) fresh_at: MonoMs,
    /// The latest usable reading; None: none yet.
    pub(super) latest: Option<Latest>,
}

/// A usable reading.
#[derive(Debug, Clone)]
pub(super) struct Latest {
    pub(super) value: Value,
    pub(super) event_time: UnixMs,
    pub(super) quality: Quality,
}

impl SeriesState {
    pub(super) const fn unread(now: MonoMs) -> Self {
        Self { order: UnixMs(i64::MIN), fresh_at: now, latest: None }
    }
}

impl Latest {
    pub(super) fn reading(&self, series: SeriesAt) -> Reading {
        Reading {
            series: SeriesId(series),
            event_time: self.event_time,
            value: Some(self.value.clone()),
            quality: self.quality,
        }
    }
}

/// The present of one rule on one device.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WatchState {
    pub(super) phase: Phase,
    /// Bit i: alternative i holds.
    pub(super) held: u8,
    /// Since when alternative i holds, where its bit is set.
    pub(super) since: [MonoMs; Condition::MAX_ALTERNATIVES],
    /// When to look again without a reading.
    pub(super) wake: Option<MonoMs>,
    /// The open alarm; a returned one that nobody has answered is still open.
    pub(super) alarm: Option<AlarmId>,
    /// Whether the alarm is from before the start and its condition has not been seen since: then a value not read yet
    /// may be what holds it.
    pub(super) is_inherited: bool,
}

/// Where a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Gone.
    Clear,
    /// There, but not yet for the on-delay.
    Pending,
    /// There.
    Holds,
    /// Gone, but not yet for the off-delay.
    Leaving {
        /// When it will count as gone.
        until: MonoMs,
    },
}

impl WatchState {
    /// How a watch begins: with an alarm left open, as that alarm says.
    pub(super) fn beginning(alarm: Option<&OpenAlarm>, now: MonoMs) -> Self {
        let is_active = alarm.is_some_and(OpenAlarm::is_active);
        Self {
            phase: if is_active { Phase::Holds } else { Phase::Clear },
            held: 0,
            since: [MonoMs(0); Condition::MAX_ALTERNATIVES],
            wake: Some(now),
            alarm: alarm.map(|alarm| alarm.id),
            is_inherited: is_active,
        }
    }
}

/// Whether somebody speaks for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkState {
    /// None: not known since the start.
    pub(super) link: Option<Link>,
    /// Since when.
    pub(super) since: MonoMs,
}

/// What an evaluation changes in the engine; opaque. Everything that is not in it stays as it is.
#[derive(Debug, Default)]
pub struct Delta {
    pub(super) series: FxHashMap<SeriesAt, SeriesState>,
    pub(super) watches: FxHashMap<WatchAt, WatchState>,
    pub(super) links: FxHashMap<SlotAt, LinkState>,
    /// Link changes of what is not registered, in order.
    pub(super) strangers: Vec<(LinkChange, MonoMs)>,
    /// None: closed.
    pub(super) alarms: BTreeMap<AlarmId, Option<OpenAlarm>>,
    /// By device, and rule or all of them; None: in service again.
    pub(super) service: BTreeMap<(DeviceId, Option<RuleId>), Option<OutOfService>>,
    /// None: off.
    pub(super) deadlines: BTreeMap<Deadline, Option<MonoMs>>,
    /// The next alarm's number; None: none was raised.
    pub(super) next_alarm: Option<AlarmId>,
    /// Whether the alarms left behind by a registry change were closed.
    pub(super) are_orphans_closed: bool,
    pub(super) now: MonoMs,
}
