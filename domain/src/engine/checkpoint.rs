//! What the engine remembers, as bytes: one shard at a time, so that neither making nor writing one takes long.
//!
//! A checkpoint holds what no later reading would tell anew: since when a condition holds or has gone, which levels are in
//! force, how fast a value moved, how far a backlog was followed, what a detector has learnt. It holds no alarm: those are
//! in the store as they are. Moments are written as ages, so that they mean the same to the process that reads them.
//!
//! A rule's memory counts only for the same wording of that rule. A shard of another version, or one that cannot be read,
//! is passed over by [`super::recovery`]: its devices start from their latest values.

use serde::{Deserialize, Serialize};

use super::{
    Engine,
    anomaly::Anomaly,
    history::{self, GoingOn, Past, PastWatch},
    io::Link,
    plan::{SlotAt, WatchAt},
    shard::ShardAt,
    state::{Latest, LinkState, Phase, SeriesState, Trail, WatchState},
};
use crate::{
    id::{DeviceId, RuleId},
    profile::Condition,
    reading::{Quality, Value},
    time::{MonoMs, Now, UnixMs},
};

/// The layout of the bytes; the first of them. Raise it with every change of what is below.
const VERSION: u8 = 3;

/// Why the bytes of a shard are not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Nothing stands there.
    #[error("the checkpoint is empty")]
    Empty,
    /// Another version of the gateway wrote it.
    #[error("the checkpoint has version {0}; this gateway reads version {VERSION}")]
    Version(u8),
    /// It is not what this version writes.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(postcard::Error),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedShard {
    /// When, by the gateway's wall clock.
    pub(super) at: UnixMs,
    pub(super) series: Vec<SavedSeries>,
    pub(super) slots: Vec<SavedSlot>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSeries {
    pub(super) number: u32,
    /// Age of the present in event time; None: no reading has set it.
    order: Option<i64>,
    fresh: u64,
    changed: u64,
    /// Age of the value's first measurement; None: there is no value.
    since: Option<i64>,
    latest: Option<SavedLatest>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedLatest {
    value: SavedValue,
    /// Age in event time.
    age: i64,
    quality: u8,
}

/// [`Value`] with its kind written out: as people write it, `1` and `1.0` are told apart by their look.
#[derive(Debug, Serialize, Deserialize)]
enum SavedValue {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSlot {
    pub(super) id: DeviceId,
    /// Whether it is online, and for how long; None: it is not known.
    link: Option<(bool, u64)>,
    pub(super) watches: Vec<SavedWatch>,
    /// How far a backlog was followed; None: none is.
    pub(super) past: Option<SavedPast>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedPast {
    at: UnixMs,
    heard: u64,
    /// Ages are those at `at`.
    series: Vec<SavedSeries>,
    /// With how bad what is going on was, and where its alarm stood.
    watches: Vec<(SavedWatch, Option<GoingOn>)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedWatch {
    pub(super) rule: RuleId,
    pub(super) version: Option<u32>,
    phase: SavedPhase,
    held: u8,
    in_force: u8,
    since: [u64; Condition::MAX_ALTERNATIVES],
    is_inherited: bool,
    trail: Option<Box<Trail>>,
    pub(super) anomaly: Option<Anomaly>,
}

#[derive(Debug, Serialize, Deserialize)]
enum SavedPhase {
    Clear,
    Pending,
    Holds,
    /// For so much longer.
    Leaving(u64),
}

impl Engine {
    /// What this engine remembers of one shard, with everything that was applied so far; None: no device stands there.
    ///
    /// # Panics
    /// Never: what is remembered can always be written to memory.
    pub fn checkpoint(&self, shard: ShardAt, now: Now) -> Option<Vec<u8>> {
        let index = &self.shards[usize::from(shard)];
        if index.series.is_empty() && index.slots.is_empty() {
            return None;
        }
        let series: Vec<SavedSeries> = index
            .series
            .iter()
            .map(|&at| (at, &self.series[at as usize]))
            .filter(|(_, state)| state.latest.is_some() || state.order.0 != i64::MIN)
            .map(|(at, state)| SavedSeries::of(at, state, now))
            .collect();
        let slots: Vec<SavedSlot> = index.slots.iter().filter_map(|&at| self.saved_slot(at, now)).collect();
        let saved = SavedShard { at: now.wall, series, slots };
        Some(postcard::to_extend(&saved, vec![VERSION]).expect("memory takes any state"))
    }

    fn saved_slot(&self, at: SlotAt, now: Now) -> Option<SavedSlot> {
        let slot = &self.plan.slots[at as usize];
        let link = self.links[at as usize];
        let link = link.link.map(|it| (it == Link::Online, now.mono.since_ms(link.since)));
        let watches: Vec<SavedWatch> = slot.watches.clone().filter_map(|at| self.saved_watch(at, now)).collect();
        let past = self.pasts.get(at).map(|past| self.saved_past(slot.watches.clone(), past, now));
        (link.is_some() || !watches.is_empty() || past.is_some()).then(|| SavedSlot {
            id: slot.id.clone(),
            link,
            watches,
            past,
        })
    }

    fn saved_watch(&self, at: WatchAt, now: Now) -> Option<SavedWatch> {
        let (state, anomaly) = (&self.watches[at as usize], self.anomalies.get(&at));
        let is_idle = state.phase == Phase::Clear
            && state.held == 0
            && state.in_force == 0
            && state.trail.is_none()
            && anomaly.is_none();
        if is_idle {
            return None;
        }
        Some(self.written(at, state, anomaly.cloned(), now))
    }

    fn saved_past(&self, watches: std::ops::Range<WatchAt>, past: &Past, now: Now) -> SavedPast {
        let then = history::moment(past.at);
        let watch = |(at, watch): (WatchAt, &PastWatch)| {
            // What is not told yet comes about again.
            let phase = if watch.untold.is_some() { Phase::Pending } else { watch.state.phase };
            let state = WatchState { phase, ..watch.state.clone() };
            (self.written(at, &state, None, then), watch.alarm.filter(|_| watch.untold.is_none()))
        };
        SavedPast {
            at: past.at,
            heard: now.mono.since_ms(past.heard),
            series: past.series.iter().map(|(at, state)| SavedSeries::of(*at, state, then)).collect(),
            watches: watches.zip(&past.watches).map(watch).collect(),
        }
    }

    fn written(&self, at: WatchAt, state: &WatchState, anomaly: Option<Anomaly>, now: Now) -> SavedWatch {
        let (_, rule) = self.rule_of(&self.plan.watches[at as usize]);
        SavedWatch {
            rule: rule.id.clone(),
            version: rule.version,
            phase: match state.phase {
                Phase::Clear => SavedPhase::Clear,
                Phase::Pending => SavedPhase::Pending,
                Phase::Holds => SavedPhase::Holds,
                Phase::Leaving { until } => SavedPhase::Leaving(until.since_ms(now.mono)),
            },
            held: state.held,
            in_force: state.in_force,
            since: state.since.map(|since| now.mono.since_ms(since)),
            is_inherited: state.is_inherited,
            trail: state.trail.clone(),
            anomaly,
        }
    }

    /// The past of a device as it was written down at `then`; None: other rules judge it now.
    pub(super) fn taken_up(&self, slot: SlotAt, saved: &SavedPast, then: Now) -> Option<Past> {
        let watches = self.plan.slots[slot as usize].watches.clone();
        if watches.len() != saved.watches.len() {
            return None;
        }
        let moment = history::moment(saved.at);
        let watch = |(at, (watch, alarm)): (WatchAt, &(SavedWatch, Option<GoingOn>))| {
            let (_, rule) = self.rule_of(&self.plan.watches[at as usize]);
            let wake = history::is_followed(&self.plan, at).then_some(moment.mono);
            let is_same = rule.id == watch.rule && rule.version == watch.version;
            let state = WatchState { wake, ..watch.state(moment) };
            is_same.then_some(PastWatch { state, alarm: *alarm, untold: None })
        };
        Some(Past {
            at: saved.at,
            heard: before(then.mono, saved.heard),
            series: saved.series.iter().map(|series| (series.number, series.state(moment))).collect(),
            watches: watches.zip(&saved.watches).map(watch).collect::<Option<_>>()?,
        })
    }
}

impl SavedShard {
    /// What [`Engine::checkpoint`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (&version, body) = bytes.split_first().ok_or(CheckpointError::Empty)?;
        if version != VERSION {
            return Err(CheckpointError::Version(version));
        }
        postcard::from_bytes(body).map_err(CheckpointError::Damaged)
    }
}

impl SavedSeries {
    fn of(number: u32, state: &SeriesState, now: Now) -> Self {
        let latest = state.latest.as_ref().map(|latest| SavedLatest {
            value: SavedValue::from(&latest.value),
            age: now.wall.since_ms(latest.event_time),
            quality: latest.quality as u8,
        });
        Self {
            number,
            order: (state.order.0 != i64::MIN).then(|| now.wall.since_ms(state.order)),
            fresh: now.mono.since_ms(state.fresh_at),
            changed: now.mono.since_ms(state.changed_at),
            since: state.latest.as_ref().map(|_| now.wall.since_ms(state.value_since)),
            latest,
        }
    }

    /// The state as it was at `then`, the moment of the checkpoint.
    pub(super) fn state(&self, then: Now) -> SeriesState {
        let moment = |age: i64| UnixMs(then.wall.0.saturating_sub(age));
        SeriesState {
            order: self.order.map_or(UnixMs(i64::MIN), moment),
            fresh_at: before(then.mono, self.fresh),
            changed_at: before(then.mono, self.changed),
            value_since: self.since.map_or(UnixMs(i64::MAX), moment),
            latest: self.latest.as_ref().and_then(|latest| {
                let quality = Quality::from_u8(latest.quality)?;
                Some(Latest { value: Value::from(&latest.value), event_time: moment(latest.age), quality })
            }),
        }
    }
}

impl SavedSlot {
    pub(super) fn link(&self, then: Now) -> LinkState {
        match self.link {
            None => LinkState { link: None, since: then.mono },
            Some((is_online, age)) => {
                let link = if is_online { Link::Online } else { Link::Offline };
                LinkState { link: Some(link), since: before(then.mono, age) }
            }
        }
    }
}

impl SavedWatch {
    /// The state as it was at `then`, the moment of the checkpoint, without its alarm; to be looked at once.
    pub(super) fn state(&self, then: Now) -> WatchState {
        WatchState {
            phase: match self.phase {
                SavedPhase::Clear => Phase::Clear,
                SavedPhase::Pending => Phase::Pending,
                SavedPhase::Holds => Phase::Holds,
                SavedPhase::Leaving(remaining) => Phase::Leaving { until: then.mono.plus_ms(remaining) },
            },
            held: self.held,
            in_force: self.in_force,
            since: self.since.map(|age| before(then.mono, age)),
            wake: Some(then.mono),
            alarm: None,
            raised_at: None,
            is_inherited: self.is_inherited,
            trail: self.trail.clone(),
        }
    }
}

impl From<&Value> for SavedValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(count) => Self::Int(*count),
            Value::Float(quantity) => Self::Float(*quantity),
            Value::Text(text) => Self::Text(text.to_string()),
        }
    }
}

impl From<&SavedValue> for Value {
    fn from(value: &SavedValue) -> Self {
        match value {
            SavedValue::Bool(flag) => Self::Bool(*flag),
            SavedValue::Int(count) => Self::Int(*count),
            SavedValue::Float(quantity) => Self::Float(*quantity),
            SavedValue::Text(text) => Self::Text(text.as_str().into()),
        }
    }
}

/// So long before a moment; the clock's beginning, when that is later.
const fn before(moment: MonoMs, age_ms: u64) -> MonoMs {
    MonoMs(moment.0.saturating_sub(age_ms))
}
