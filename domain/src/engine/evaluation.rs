//! One pass over an input: what people did, what is due, which links changed, what was read, in this order.

use rustc_hash::FxHashMap;

use super::{
    Engine,
    clock::Clock,
    deadline::Deadline,
    io::{Input, Link, LinkChange, Outcome},
    plan::{SeriesAt, SlotAt, WatchAt},
    state::{Delta, Latest, LinkState, SeriesState, WatchState},
};
use crate::{
    alarm::{AlarmInput, AlarmRefusal, AlarmState, OpenAlarm, SetAside, Severity, Standing, Transition, What},
    id::{AlarmId, UserName},
    reading::{Quality, Reading},
    text::Text,
    time::{Now, UnixMs},
};

/// A reading this much older than the moment it is judged makes a late alarm: links and outboxes need seconds, not a
/// minute.
const LATE_MS: u64 = 60_000;

/// An input without readings and links is done when it has brought about so many transitions: as many as a store takes
/// in the time that somebody who answers an alarm does not notice.
pub(super) const PORTION: usize = 50;

/// An evaluation under way: the engine as it was, and what has changed since.
pub(super) struct Evaluation<'a> {
    pub(super) engine: &'a Engine,
    pub(super) now: Now,
    /// The present by a wall clock that never jumps.
    pub(super) present: UnixMs,
    pub(super) outcome: Outcome,
    /// Of devices that send a backlog.
    pub(super) backlogs: FxHashMap<SlotAt, Box<Evaluation<'a>>>,
    /// Whether this is the evaluation of a backlog.
    pub(super) is_past: bool,
    /// What a backlog has told so far of what may be known already.
    pub(super) untold: FxHashMap<WatchAt, Box<Transition>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn run(engine: &'a Engine, input: &Input<'_>, now: Now) -> Outcome {
        let mut delta = Delta { now: now.mono, ..Delta::default() };
        delta.series.reserve(input.readings.len().min(engine.series.len()));
        let outcome = Outcome { delta, ..Outcome::default() };
        let mut evaluation = Self {
            engine,
            now,
            present: engine.present(now),
            outcome,
            backlogs: FxHashMap::default(),
            is_past: false,
            untold: FxHashMap::default(),
        };
        evaluation.withdraw_orphans();
        for (at, action) in input.actions.iter().enumerate() {
            if let Err(error) = evaluation.act(action) {
                evaluation.outcome.rejected.push((at, error));
            }
        }
        evaluation.end_what_is_due();
        // What was read or heard is judged after all that was due before; alone, timers may come in portions.
        let is_alone = input.readings.is_empty() && input.links.is_empty();
        for &(_, watch) in engine.due.range(..=(now.mono, WatchAt::MAX)) {
            if is_alone && evaluation.outcome.transitions.len() >= PORTION {
                break;
            }
            evaluation.judge(watch, None);
        }
        for change in input.links {
            evaluation.link_changed(change);
        }
        for reading in input.readings {
            evaluation.read(reading);
        }
        evaluation.put_backlogs();
        evaluation.keep_time();
        evaluation.outcome
    }

    /// Compares the wall clock with what is believed of it, and both with what was read just now.
    fn keep_time(&mut self) {
        let clock = self.engine.clock.unwrap_or(Clock::believing(self.now));
        let fresh = |state: &SeriesState| {
            state.latest.as_ref().filter(|_| state.fresh_at == self.now.mono).map(|latest| latest.event_time)
        };
        let after = clock.hearing(self.now, self.outcome.delta.series.values().filter_map(fresh));
        if self.engine.clock != Some(after) {
            let by_ms = after.present(self.now).since_ms(self.present);
            self.outcome.clock_put_right_ms = Some(by_ms).filter(|&by_ms| by_ms != 0);
            self.outcome.delta.clock = Some((after, self.now));
        }
    }

    /// Alarms whose device or rule is gone: nothing can clear them any more.
    fn withdraw_orphans(&mut self) {
        for id in &self.engine.orphans {
            if let Some(alarm) = self.alarm(*id) {
                let cause = alarm.cause.clone();
                // An open alarm can always be withdrawn.
                let _ = self.change_alarm(*id, AlarmInput::Withdraw, Change { cause, ..Change::at(self.now.wall) });
            }
        }
        self.outcome.delta.are_orphans_closed = !self.engine.orphans.is_empty();
    }

    fn link_changed(&mut self, change: &LinkChange) {
        let is_node = change.device.as_str() == change.node.as_str();
        let slot = self.engine.plan.find(&change.device);
        if slot.is_none() || is_node {
            // Devices of this node that nobody registered go down with it, too.
            self.outcome.delta.strangers.push((change.clone(), self.now.mono));
        }
        let Some(slot) = slot else { return };
        if self.engine.plan.node_id(slot).as_str() != change.node.as_str() {
            return;
        }
        self.set_link(slot, change.link);
        self.judge_presence(slot);
        if !is_node {
            return;
        }
        for &child in &self.engine.plan.slots[slot as usize].children {
            if change.link == Link::Offline {
                self.set_link(child, Link::Offline);
            }
            self.judge_presence(child);
        }
    }

    fn set_link(&mut self, slot: SlotAt, link: Link) {
        if self.link(slot).link != Some(link) {
            self.outcome.delta.links.insert(slot, LinkState { link: Some(link), since: self.now.mono });
        }
    }

    pub(super) fn read(&mut self, reading: &Reading) {
        let at = reading.series.0;
        let Some(series) = self.engine.plan.series.get(at as usize) else { return };
        let before = self.series(at);
        // A stamp from the near future counts as now: when that clock is put right, its readings go on counting.
        let order = match reading.quality {
            Quality::ClockSuspect => before.order,
            Quality::Good | Quality::Implausible | Quality::Bad => reading.event_time.min(self.present),
        };
        if order < before.order {
            return self.read_history(at, reading);
        }
        let Some(value) = reading.value.as_ref().filter(|_| reading.quality.is_usable()) else {
            let after = SeriesState { order, ..before.clone() };
            self.outcome.delta.series.insert(at, after);
            return;
        };
        // What depends on values alone is where it was, if the value is; only time moves it on, by the due timers.
        let is_changed = before.latest.as_ref().is_none_or(|latest| latest.value != *value);
        let latest = Latest { value: value.clone(), event_time: reading.event_time, quality: reading.quality };
        let (changed_at, value_since) = if is_changed {
            let is_suspect = reading.quality == Quality::ClockSuspect;
            (self.now.mono, if is_suspect { self.present } else { order })
        } else {
            (before.changed_at, before.value_since)
        };
        let after = SeriesState { order, fresh_at: self.now.mono, changed_at, value_since, latest: Some(latest) };
        self.outcome.delta.series.insert(at, after);
        if is_changed {
            for &watch in &series.value_watches {
                self.judge(watch, Some(reading));
            }
        }
        for &watch in &series.reading_watches {
            self.judge(watch, Some(reading));
        }
    }

    /// The state of a watch, changes included.
    pub(super) fn watch(&self, at: WatchAt) -> &WatchState {
        self.outcome.delta.watches.get(&at).unwrap_or_else(|| &self.engine.watches[at as usize])
    }

    /// The state of a series, changes included.
    pub(super) fn series(&self, at: SeriesAt) -> &SeriesState {
        self.outcome.delta.series.get(&at).unwrap_or_else(|| &self.engine.series[at as usize])
    }

    /// The link of a slot, changes included.
    pub(super) fn link(&self, at: SlotAt) -> LinkState {
        self.outcome.delta.links.get(&at).copied().unwrap_or_else(|| self.engine.links[at as usize])
    }

    /// An open alarm, changes included.
    pub(super) fn alarm(&self, id: AlarmId) -> Option<&OpenAlarm> {
        match self.outcome.delta.alarms.get(&id) {
            Some(changed) => changed.as_ref(),
            None => self.engine.open.get(&id),
        }
    }

    /// A new alarm of this watch. It calls nobody when its device or rule is out of service or suppressed.
    pub(super) fn raise(&mut self, at: WatchAt, severity: Severity, change: Change) -> AlarmId {
        let watch = &self.engine.plan.watches[at as usize];
        let (_, rule) = self.engine.rule_of(watch);
        let device = &self.engine.plan.slots[watch.slot as usize].id;
        let standing = if let Some(entry) = self.out_of_service(device, &rule.id) {
            (AlarmState::OutOfService, Some(entry.set_aside()))
        } else if let Some(case) = self.suppression(watch) {
            (AlarmState::Suppressed, Some(SetAside { by: None, why: case.in_both(), until: None }))
        } else {
            (AlarmState::ActiveUnacknowledged, None)
        };
        self.begin(at, severity, change, standing)
    }

    /// A new alarm of this watch in this state.
    pub(super) fn begin(
        &mut self,
        at: WatchAt,
        severity: Severity,
        change: Change,
        (state, set_aside): (AlarmState, Option<SetAside>),
    ) -> AlarmId {
        let watch = &self.engine.plan.watches[at as usize];
        let (_, rule) = self.engine.rule_of(watch);
        let device = &self.engine.plan.slots[watch.slot as usize].id;
        let id = self.outcome.delta.next_alarm.unwrap_or(self.engine.next_alarm);
        self.outcome.delta.next_alarm = Some(AlarmId(id.0 + 1));
        let late_ms = self.lateness_ms(&change);
        let transition = Transition {
            alarm: id,
            device: device.clone(),
            rule: rule.id.clone(),
            severity,
            is_latching: rule.is_latching,
            title: rule.title.clone(),
            cause: change.cause,
            what: What::Raised,
            state,
            set_aside,
            at: self.now.wall,
            event_time: change.event_time,
            late_ms,
            rule_version: rule.version,
            by: None,
            note: String::new(),
            reading: change.reading,
        };
        self.outcome.delta.alarms.insert(id, Some(OpenAlarm::raised_by(&transition)));
        self.outcome.transitions.push(transition);
        id
    }

    /// How long after its event a reading brought this about; 0: no reading did, or in time. By the wall clock that
    /// never jumps, so that nobody's alarms become late because the gateway's clock was set.
    fn lateness_ms(&self, change: &Change) -> u64 {
        if !change.is_by_reading {
            return 0;
        }
        let late_ms = u64::try_from(self.present.since_ms(change.event_time)).unwrap_or(0);
        if late_ms < LATE_MS { 0 } else { late_ms }
    }

    /// A step in the life of an open alarm. Whether it is open afterwards.
    ///
    /// # Errors
    /// [`AlarmRefusal`]: nothing has changed.
    pub(super) fn change_alarm(
        &mut self,
        id: AlarmId,
        input: AlarmInput,
        change: Change,
    ) -> Result<bool, AlarmRefusal> {
        let alarm = self.alarm(id).ok_or(AlarmRefusal::Closed)?;
        let (Standing { state, .. }, what) = alarm.standing().after(input, alarm.nature())?;
        let set_aside = change.set_aside.or_else(|| alarm.set_aside.clone()).filter(|_| state.is_set_aside());
        let was_shelved = alarm.state == AlarmState::Shelved;
        let until = set_aside.as_ref().and_then(|set_aside| set_aside.until);
        let transition = Transition {
            alarm: id,
            device: alarm.device.clone(),
            rule: alarm.rule.clone(),
            severity: if let AlarmInput::Step(severity) = input { severity } else { alarm.severity },
            is_latching: alarm.is_latching,
            title: alarm.title.clone(),
            cause: change.cause,
            what,
            state,
            set_aside,
            at: self.now.wall,
            event_time: change.event_time,
            late_ms: 0,
            rule_version: None,
            by: change.by,
            note: change.note,
            reading: change.reading,
        };
        let after = alarm.after(&transition);
        self.outcome.delta.alarms.insert(id, after);
        self.outcome.transitions.push(transition);
        if was_shelved != (state == AlarmState::Shelved) {
            let off_the_shelf = if was_shelved { None } else { until.map(|until| self.now.mono_at(until)) };
            self.outcome.delta.deadlines.insert(Deadline::Shelf(id), off_the_shelf);
        }
        Ok(state.is_open())
    }
}

/// What brought a transition about.
pub(super) struct Change {
    pub(super) cause: Text,
    pub(super) event_time: UnixMs,
    pub(super) reading: Option<(crate::id::MetricName, Reading)>,
    pub(super) by: Option<UserName>,
    pub(super) note: String,
    /// Whether `event_time` is that of the reading that brings this about.
    pub(super) is_by_reading: bool,
    /// Of an input that sets the alarm aside.
    pub(super) set_aside: Option<SetAside>,
}

impl Change {
    /// By no reading and no person, without words.
    pub(super) fn at(event_time: UnixMs) -> Self {
        Self {
            cause: Text::default(),
            event_time,
            reading: None,
            by: None,
            note: String::new(),
            is_by_reading: false,
            set_aside: None,
        }
    }
}
