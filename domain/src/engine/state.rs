//! What the engine knows, and how an evaluation lays its changes over that without touching it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{
    anomaly::Anomaly,
    clock::Clock,
    deadline::Deadline,
    history::Past,
    io::{Link, LinkChange},
    plan::{SeriesAt, SlotAt, WatchAt},
};
use crate::{
    alarm::{OpenAlarm, OutOfService},
    id::{AlarmId, DeviceId, RuleId, SeriesId},
    profile::Condition,
    reading::{Quality, Reading, Value},
    time::{MonoMs, Now, UnixMs},
};

/// The present of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SeriesState {
    /// Where the present stands in event time; a reading from before it is history, not news.
    pub(super) order: UnixMs,
    /// When the latest usable reading was received, or the series bound.
    pub(super) fresh_at: MonoMs,
    /// When the latest usable value was first received.
    pub(super) changed_at: MonoMs,
    /// When the latest usable value was first measured.
    pub(super) value_since: UnixMs,
    /// The latest usable reading; None: none yet.
    pub(super) latest: Option<Latest>,
}

/// A usable reading.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Latest {
    pub(super) value: Value,
    pub(super) event_time: UnixMs,
    pub(super) quality: Quality,
}

impl SeriesState {
    pub(super) const fn unread(now: MonoMs) -> Self {
        Self { order: UnixMs(i64::MIN), fresh_at: now, changed_at: now, value_since: UnixMs(i64::MAX), latest: None }
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
    /// Bit i: alternative i has held for long enough, and has not been gone for long enough since. Kept only where
    /// alternatives differ in severity.
    pub(super) in_force: u8,
    /// Since when the bit of alternative i in `held` is as it is.
    pub(super) since: [MonoMs; Condition::MAX_ALTERNATIVES],
    /// When to look again without a reading.
    pub(super) wake: Option<MonoMs>,
    /// The open alarm; a returned one that nobody has answered is still open.
    pub(super) alarm: Option<AlarmId>,
    /// When an alarm was raised last, in event time; None: none was since the start.
    pub(super) raised_at: Option<UnixMs>,
    /// Whether the alarm is from before the start and its condition has not been seen since: then a value not read yet
    /// may be what holds it.
    pub(super) is_inherited: bool,
    /// Of a rule that looks at how fast a value moves; few do, and there are many watches.
    pub(super) trail: Option<Box<Trail>>,
}

/// Two earlier points of a series: the older between half a window and a window old.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(super) older: (UnixMs, f64),
    pub(super) newer: (UnixMs, f64),
}

impl Trail {
    /// Takes up a point, and says how far the value has come since the older one, a minute. None: too little is known.
    #[expect(clippy::cast_precision_loss, reason = "windows are hours at most")]
    pub(crate) fn follow(trail: Option<Self>, at: UnixMs, value: f64, over_ms: u64) -> (Self, Option<f64>) {
        let start = Self { older: (at, value), newer: (at, value) };
        let Some(mut trail) = trail else { return (start, None) };
        let half_ms = i64::try_from(over_ms / 2).unwrap_or(i64::MAX);
        // A clock that was put back, or a hole in the readings: what was before says nothing about how fast it moves.
        let since_newer_ms = at.since_ms(trail.newer.0);
        if !(0..=2 * half_ms.max(1)).contains(&since_newer_ms) {
            return (start, None);
        }
        if since_newer_ms >= half_ms {
            trail = Self { older: trail.newer, newer: (at, value) };
        }
        let elapsed_ms = at.since_ms(trail.older.0);
        let rate = (elapsed_ms >= half_ms.max(1)).then(|| (value - trail.older.1) * 60_000.0 / elapsed_ms as f64);
        (trail, rate)
    }
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
            in_force: 0,
            trail: None,
            since: [MonoMs(0); Condition::MAX_ALTERNATIVES],
            wake: Some(now),
            alarm: alarm.map(|alarm| alarm.id),
            raised_at: alarm.map(|alarm| alarm.raised_at),
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
    pub(super) anomalies: FxHashMap<WatchAt, Anomaly>,
    pub(super) links: FxHashMap<SlotAt, LinkState>,
    pub(super) pasts: FxHashMap<SlotAt, Past>,
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
    /// What is believed of the wall clock afterwards, and when that is.
    pub(super) clock: Option<(Clock, Now)>,
    pub(super) now: MonoMs,
}

impl Delta {
    /// Whether nothing changes that a later evaluation would look at.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.watches.is_empty() && self.links.is_empty() && self.pasts.is_empty()
    }
}
