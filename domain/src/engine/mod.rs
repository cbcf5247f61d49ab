//! Readings, links, actions and timers in; alarm transitions out.
//!
//! [`Engine::evaluate`] changes nothing: it answers with the transitions and with a [`Delta`] of only what changes.
//! The caller commits the transitions and then hands the delta to [`Engine::apply`]; when the commit fails, it drops
//! the outcome and nothing has happened.
//!
//! How things are judged:
//! - Every delay and time-out runs on the monotonic clock; the wall clock only stamps what happened.
//! - A reading from before its series' present is history: it changes nothing of the present, and at most tells of a
//!   past alarm. A reading whose clock is suspect is taken in the order of arrival.
//! - A bad or implausible reading judges nothing; without usable ones the metric becomes stale.
//! - A value stays in force until a newer one: when the link dies while a condition is pending, the delay runs on and
//!   the alarm is raised, because what was last known to be dangerous and is now out of sight is dangerous.
//! - Stale is judged only while the device is online, and offline yields to the node's own offline alarm: one cause,
//!   one alarm. What had been raised before stays until something is known again.
//! - There is at most one open alarm for a device and rule.
//! - What is shelved, suppressed by its rule's design or out of service is judged and recorded all the same; it calls
//!   nobody.

mod act;
mod anomaly;
mod cause;
mod checkpoint;
mod clock;
mod deadline;
mod evaluation;
mod history;
mod io;
mod judge;
mod plan;
mod program;
mod recovery;
mod shard;
mod silence;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

pub(crate) use self::{program::milliseconds, state::Trail};
pub use checkpoint::CheckpointError;
pub use io::{Action, ActionError, Deed, Input, Link, LinkChange, Outcome};
pub use recovery::{KeptShard, Recovery};
pub use shard::{SHARDS, ShardAt};
pub use state::Delta;

use self::{
    anomaly::Anomaly,
    clock::Clock,
    deadline::{Deadline, Deadlines},
    evaluation::{Evaluation, PORTION},
    history::Pasts,
    plan::{Plan, Watch, WatchAt},
    shard::{Shard, shard_of},
    state::{Latest, LinkState, SeriesState, WatchState},
};
use rustc_hash::FxHashMap;

use crate::{
    alarm::{AlarmState, OpenAlarm, OutOfService},
    id::{AlarmId, DeviceId, MetricName, NodeId, RuleId, SeriesId},
    profile::{Profile, Profiles, Rule},
    reading::{Quality, Reading},
    registry::Registry,
    time::{MonoMs, Now, UnixMs},
};

/// How many devices that nobody registered have their link remembered; the link of one more is learnt from its next
/// birth after it was registered.
const MAX_STRANGERS: usize = 10_000;

/// Judges every device by the rules of its profile.
#[derive(Debug)]
pub struct Engine {
    profiles: Arc<Profiles>,
    registry: Arc<Registry>,
    plan: Plan,
    /// By series number.
    series: Vec<SeriesState>,
    /// In the order of the plan's watches.
    watches: Vec<WatchState>,
    /// Of rules that compare a device with its past.
    anomalies: FxHashMap<WatchAt, Anomaly>,
    /// In the order of the plan's slots.
    links: Vec<LinkState>,
    strangers: HashMap<DeviceId, Stranger>,
    pasts: Pasts,
    /// By shard.
    shards: Vec<Shard>,
    open: BTreeMap<AlarmId, OpenAlarm>,
    next_alarm: AlarmId,
    /// Open alarms whose device or rule has gone.
    orphans: Vec<AlarmId>,
    /// When to look at which watch without a reading; agrees with each watch's `wake`.
    due: BTreeSet<(MonoMs, WatchAt)>,
    /// By device, and rule or all of them.
    service: BTreeMap<(DeviceId, Option<RuleId>), OutOfService>,
    deadlines: Deadlines,
    /// None: no registry yet.
    clock: Option<Clock>,
    latest: MonoMs,
}

/// The link of a device that nobody registered.
#[derive(Debug)]
struct Stranger {
    node: NodeId,
    link: LinkState,
}

impl Engine {
    /// An engine that goes on with the alarms that were open; `next_alarm` is the number of the next to be raised.
    pub fn new(profiles: Arc<Profiles>, next_alarm: AlarmId, open: Vec<OpenAlarm>) -> Self {
        Self {
            profiles,
            registry: Arc::default(),
            plan: Plan::default(),
            series: Vec::new(),
            watches: Vec::new(),
            anomalies: FxHashMap::default(),
            links: Vec::new(),
            strangers: HashMap::new(),
            pasts: Pasts::default(),
            shards: vec![Shard::default(); SHARDS],
            open: open.into_iter().filter(|alarm| alarm.state.is_open()).map(|alarm| (alarm.id, alarm)).collect(),
            next_alarm,
            orphans: Vec::new(),
            due: BTreeSet::new(),
            service: BTreeMap::new(),
            deadlines: Deadlines::default(),
            clock: None,
            latest: MonoMs::default(),
        }
    }

    /// Takes up what was out of service, before the first registry is set.
    pub fn restore_out_of_service(&mut self, entries: impl IntoIterator<Item = OutOfService>) {
        self.service.extend(entries.into_iter().map(|entry| ((entry.device.clone(), entry.rule.clone()), entry)));
    }

    /// Arms what is to end by itself: the stored moments are wall time, from here on the monotonic clock counts.
    fn arm_deadlines(&mut self, now: Now) {
        for alarm in self.open.values().filter(|alarm| alarm.state == AlarmState::Shelved) {
            let until = alarm.set_aside.as_ref().and_then(|set_aside| set_aside.until);
            self.deadlines.take_up(Deadline::Shelf(alarm.id), now.mono_at(until.unwrap_or(now.wall)));
        }
        for ((device, rule), entry) in &self.service {
            let deadline = Deadline::Service(device.clone(), rule.clone());
            self.deadlines.take_up(deadline, now.mono_at(entry.until));
        }
    }

    /// Judges by this registry from now on. What is known of devices that stay is kept; a device that moved to another
    /// node is offline until that node speaks for it. Alarms of devices and rules that have gone are closed by the next
    /// evaluation, which is due at once. An outcome from before is to be applied, or dropped, first.
    pub fn set_registry(&mut self, registry: Arc<Registry>, now: Now) {
        if self.clock.is_none() {
            self.clock = Some(Clock::believing(now));
            self.arm_deadlines(now);
            for series in &mut self.series {
                (series.fresh_at, series.changed_at) = (now.mono, now.mono);
            }
        }
        self.latest = self.latest.max(now.mono);
        self.registry = registry;
        let mut plan = Plan::build(&self.profiles, &self.registry, std::mem::take(&mut self.plan.series));
        std::mem::swap(&mut self.plan, &mut plan);
        let before = plan;

        self.links = self.carry_links(&before, now.mono);
        self.anomalies = self.carry_anomalies(&before);
        self.watches = self.carry_watches(&before, now.mono);
        self.pasts.carry(&before, &self.plan);
        self.reschedule_all();
        self.shards.iter_mut().for_each(|shard| shard.slots.clear());
        for (at, slot) in (0..).zip(&self.plan.slots) {
            self.shards[usize::from(shard_of(&slot.id))].slots.push(at);
        }
        let is_orphan = |alarm: &&OpenAlarm| {
            let profile = self.registry.device(&alarm.device).map(|device| self.profiles.get(&device.profile));
            match profile {
                None => true,
                // A profile that is not there at all is a fault of the configuration, not the end of an alarm.
                Some(None) => false,
                Some(Some(profile)) => profile.rule(&alarm.rule).is_none(),
            }
        };
        self.orphans = self.open.values().filter(is_orphan).map(|alarm| alarm.id).collect();
    }

    /// The profiles it judges by.
    pub fn profiles(&self) -> &Arc<Profiles> {
        &self.profiles
    }

    /// The registry it judges by.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The kind of device that a watch is on, and its rule as it is judged there.
    fn rule_of<'a>(&'a self, watch: &'a Watch) -> (&'a Profile, &'a Rule) {
        let (profile, rule) = self.profiles.rule_at(watch.rule);
        (profile, watch.amended.as_deref().unwrap_or(rule))
    }

    fn carry_links(&mut self, before: &Plan, now: MonoMs) -> Vec<LinkState> {
        let unknown = LinkState { link: None, since: now };
        let links = self.plan.slots.iter().enumerate().map(|(at, slot)| {
            let node = self.plan.node_id(plan::index(at));
            if let Some(old) = before.find(&slot.id) {
                return if before.node_id(old) == node { self.links[old as usize] } else { unknown };
            }
            match self.strangers.get(&slot.id) {
                Some(stranger) if stranger.node.as_str() == node.as_str() => stranger.link,
                _ => unknown,
            }
        });
        let links = links.collect();
        for (old, slot) in before.slots.iter().enumerate() {
            if self.plan.find(&slot.id).is_none()
                && self.strangers.len() < MAX_STRANGERS
                && let Ok(node) = NodeId::new(before.node_id(plan::index(old)).as_str())
            {
                self.strangers.insert(slot.id.clone(), Stranger { node, link: self.links[old] });
            }
        }
        self.strangers.retain(|id, _| self.plan.find(id).is_none());
        links
    }

    fn carry_watches(&self, before: &Plan, now: MonoMs) -> Vec<WatchState> {
        let open: HashMap<(&DeviceId, &RuleId), &OpenAlarm> =
            self.open.values().map(|alarm| ((&alarm.device, &alarm.rule), alarm)).collect();
        let mut watches = Vec::with_capacity(self.plan.watches.len());
        for slot in &self.plan.slots {
            let old = before.find(&slot.id).map_or(0..0, |old| before.slots[old as usize].watches.clone());
            for at in slot.watches.clone() {
                let watch = &self.plan.watches[at as usize];
                let known = old.clone().find(|&old| before.watches[old as usize].is_same_as(watch));
                let (_, rule) = self.rule_of(watch);
                watches.push(known.map_or_else(
                    || WatchState::beginning(open.get(&(&slot.id, &rule.id)).copied(), now),
                    |old| WatchState { wake: Some(now), ..self.watches[old as usize].clone() },
                ));
            }
        }
        watches
    }

    fn carry_anomalies(&mut self, before: &Plan) -> FxHashMap<WatchAt, Anomaly> {
        let mut known = std::mem::take(&mut self.anomalies);
        let mut anomalies = FxHashMap::default();
        for (old, anomaly) in known.drain() {
            let watch = &before.watches[old as usize];
            let slot = self.plan.find(&before.slots[watch.slot as usize].id);
            let watches = slot.map_or(0..0, |slot| self.plan.slots[slot as usize].watches.clone());
            if let Some(at) = watches.into_iter().find(|&at| self.plan.watches[at as usize].is_same_as(watch)) {
                anomalies.insert(at, anomaly);
            }
        }
        anomalies
    }

    /// Tells which device and metric a series stands for, before its first reading.
    pub fn bind_series(&mut self, series: SeriesId, device: DeviceId, metric: MetricName) {
        let at = series.0 as usize;
        if self.series.len() <= at {
            self.series.resize_with(at + 1, || SeriesState::unread(self.latest));
        }
        if self.plan.series.get(at).is_none_or(|known| known.binding.is_none()) {
            self.shards[usize::from(shard_of(&device))].series.push(series.0);
        }
        self.plan.bind(series, device, metric);
        self.recheck_watches_of(at);
    }

    /// Has the next evaluation, which is due at once, look again at what reads this series.
    fn recheck_watches_of(&mut self, series: usize) {
        let series = &self.plan.series[series];
        for &watch in series.value_watches.iter().chain(&series.reading_watches) {
            let state = &mut self.watches[watch as usize];
            reschedule(&mut self.due, watch, state.wake, Some(self.latest));
            state.wake = Some(self.latest);
        }
    }

    /// Takes up the latest stored reading of each series at a start, so that what was last known goes on being judged
    /// and older readings count as history. To be called after the series were bound.
    pub fn restore_latest(&mut self, readings: impl IntoIterator<Item = Reading>) {
        for reading in readings {
            let at = reading.series.0 as usize;
            let Some(state) = self.series.get_mut(at) else { continue };
            if reading.quality != Quality::ClockSuspect {
                state.order = reading.event_time;
            }
            if let Some(value) = reading.value
                && reading.quality.is_usable()
            {
                state.value_since = reading.event_time;
                state.latest = Some(Latest { value, event_time: reading.event_time, quality: reading.quality });
                self.recheck_watches_of(at);
            }
        }
    }

    /// What follows from `input` and from what is due by `now`. Nothing changes in the engine.
    pub fn evaluate(&self, input: &Input<'_>, now: Now) -> Outcome {
        Evaluation::run(self, input, now)
    }

    /// Makes an outcome's changes, after its transitions were committed.
    pub fn apply(&mut self, delta: Delta) {
        self.latest = self.latest.max(delta.now);
        for (at, state) in delta.series {
            self.series[at as usize] = state;
        }
        for (at, state) in delta.watches {
            let old = &mut self.watches[at as usize];
            reschedule(&mut self.due, at, old.wake, state.wake);
            *old = state;
        }
        self.anomalies.extend(delta.anomalies);
        for (at, link) in delta.links {
            self.links[at as usize] = link;
        }
        for (change, at) in delta.strangers {
            self.remember_stranger(change, at);
        }
        self.pasts.update(delta.pasts, delta.now);
        for (id, alarm) in delta.alarms {
            match alarm {
                Some(alarm) => self.open.insert(id, alarm),
                None => self.open.remove(&id),
            };
        }
        for (key, entry) in delta.service {
            match entry {
                Some(entry) => self.service.insert(key, entry),
                None => self.service.remove(&key),
            };
        }
        for (deadline, at) in delta.deadlines {
            self.deadlines.set(deadline, at);
        }
        if let Some(next_alarm) = delta.next_alarm {
            self.next_alarm = next_alarm;
        }
        if delta.are_orphans_closed {
            self.orphans.clear();
        }
        if let Some((clock, now)) = delta.clock {
            self.keep_time(clock, now);
        }
    }

    /// Takes over what is believed of the wall clock. When that was put right, what looks at hours and dates is looked at
    /// again, and what was taken up at the start by a wrong clock ends when it was meant to.
    fn keep_time(&mut self, clock: Clock, now: Now) {
        let by_ms = clock.present(now).since_ms(self.present(now));
        self.clock = Some(clock);
        if by_ms == 0 {
            return;
        }
        self.deadlines.put_right(by_ms);
        let soon = now.mono.plus_ms(1);
        for (at, watch) in (0..).zip(&self.plan.watches) {
            if watch.program.looks_at_the_clock() {
                let state = &mut self.watches[at as usize];
                reschedule(&mut self.due, at, state.wake, Some(soon));
                state.wake = Some(soon);
            }
        }
    }

    fn remember_stranger(&mut self, change: LinkChange, at: MonoMs) {
        let link = LinkState { link: Some(change.link), since: at };
        if change.link == Link::Offline && change.device.as_str() == change.node.as_str() {
            for stranger in self.strangers.values_mut().filter(|stranger| stranger.node == change.node) {
                stranger.link = link;
            }
        }
        let is_registered = self.plan.find(&change.device).is_some();
        let is_known = self.strangers.contains_key(&change.device);
        if !is_registered && (is_known || self.strangers.len() < MAX_STRANGERS) {
            self.strangers.insert(change.device, Stranger { node: change.node, link });
        }
    }

    /// When to evaluate next even if nothing arrives; None: nothing is pending. It may lie in the past.
    pub fn next_due(&self) -> Option<MonoMs> {
        if !self.orphans.is_empty() {
            return Some(self.latest);
        }
        let first = self.due.first().map(|&(due, _)| due);
        [first, self.deadlines.next()].into_iter().flatten().min()
    }

    /// Whether so much is due that it is to be evaluated by itself, in portions, before what came is judged: a mains failure
    /// that takes thousands of lifts must not keep anybody's answer waiting.
    pub fn is_crowded(&self, now: MonoMs) -> bool {
        self.due.range(..=(now, WatchAt::MAX)).nth(PORTION).is_some()
    }

    /// All open alarms, oldest first.
    pub fn open_alarms(&self) -> impl Iterator<Item = &OpenAlarm> {
        self.open.values()
    }

    /// The open alarm of this number.
    pub fn open_alarm(&self, id: AlarmId) -> Option<&OpenAlarm> {
        self.open.get(&id)
    }

    /// What is out of service, by device and rule.
    pub fn out_of_service(&self) -> impl Iterator<Item = &OutOfService> {
        self.service.values()
    }

    /// Brings the list of due watches in line with what each of them says.
    fn reschedule_all(&mut self) {
        self.due = (0..).zip(&self.watches).filter_map(|(at, watch)| Some((watch.wake?, at))).collect();
    }

    /// The present by a wall clock that never jumps.
    fn present(&self, now: Now) -> UnixMs {
        self.clock.unwrap_or(Clock::believing(now)).present(now)
    }

    /// The watch that raised an open alarm; None: its device or rule has gone.
    fn watch_of(&self, alarm: &OpenAlarm) -> Option<WatchAt> {
        self.watch_by(&alarm.device, &alarm.rule)
    }

    /// The watch of a rule on a device; None: there is no such device, or no such rule on it.
    fn watch_by(&self, device: &DeviceId, rule: &RuleId) -> Option<WatchAt> {
        let slot = self.plan.find(device)?;
        self.plan.slots[slot as usize].watches.clone().find(|&at| {
            let (_, of_watch) = self.rule_of(&self.plan.watches[at as usize]);
            of_watch.id == *rule
        })
    }
}

fn reschedule(due: &mut BTreeSet<(MonoMs, WatchAt)>, at: WatchAt, old: Option<MonoMs>, new: Option<MonoMs>) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        due.remove(&(old, at));
    }
    if let Some(new) = new {
        due.insert((new, at));
    }
}
