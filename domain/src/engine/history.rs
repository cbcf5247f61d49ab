//! Readings from before their series' present: a backlog that an edge sends after a broken link. A later reading is known
//! already, so what they tell is over; a danger that came and went meanwhile is still told, as a past alarm.
//!
//! A device's backlog is judged by the very evaluation that judges its present, over a memory of its own ([`Past`]): what its
//! values were then, since when its conditions held, whether it was under inspection. The clock of that evaluation is made of
//! the readings' times, and its timers fire in between. What it raises is what a gateway that had heard them in time would
//! have raised, and is told now: severity I and II wait for an answer, a lesser one is recorded and closed, and so is what
//! was suppressed or out of service at its time.
//!
//! What began in the past may be what an alarm was raised for when the device spoke again, and what people have answered since.
//! So when one was raised later, it is told only once it turns out to have been over before.
//!
//! A value that has not changed since before the backlog began was so then, too. What else was at that time nobody knows: a
//! suppression that is not known to have held holds nobody back.

use rustc_hash::FxHashMap;

use super::{
    Engine,
    evaluation::{Change, Evaluation},
    plan::{Plan, SeriesAt, Slot, SlotAt, WatchAt},
    program::ProgramKind,
    state::{Delta, LinkState, SeriesState, WatchState},
};
use crate::{
    alarm::{AlarmInput, AlarmState, OpenAlarm, Severity, Transition, What},
    engine::{Link, Outcome},
    id::AlarmId,
    reading::{Quality, Reading},
    text::Text,
    time::{MonoMs, Now, UnixMs},
};

/// A reading of the past younger than this, in milliseconds, was merely overtaken: a minute.
const BACKLOG_MS: i64 = 60_000;
/// So many timers of a device fire between two readings at most; further ones are looked at with the next reading, so that
/// a hole of months in a backlog costs no more than one of minutes.
const TIMERS_AT_ONCE: usize = 64;
/// A backlog of which nothing came for an hour is over.
const KEPT_MS: u64 = 3_600_000;
/// How often is looked for those.
const SWEEP_MS: u64 = 60_000;
/// How many devices' backlogs are followed at the same time: some 40 MiB at most. One more takes the place of the one that
/// was heard least recently, which begins anew.
const MAX_PASTS: usize = 10_000;

/// How far a device's backlog was followed, and what was so then.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Past {
    /// The moment it has come to.
    pub(super) at: UnixMs,
    /// When something of it came last.
    pub(super) heard: MonoMs,
    /// The series that its rules look at.
    pub(super) series: Vec<(SeriesAt, SeriesState)>,
    /// In the order of its rules.
    pub(super) watches: Vec<PastWatch>,
}

/// How bad it is, and where its alarm stands.
pub(super) type GoingOn = (Severity, AlarmState);

/// One rule in the past of a device.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PastWatch {
    /// Moments are those of [`moment`]; it names no alarm.
    pub(super) state: WatchState,
    /// How bad what is going on was, and where its alarm stood; None: nothing is going on.
    pub(super) alarm: Option<GoingOn>,
    /// How it began, when that may be known already.
    pub(super) untold: Option<Box<Transition>>,
}

/// The backlogs that are being followed.
#[derive(Debug, Default)]
pub(super) struct Pasts {
    by_slot: FxHashMap<SlotAt, Past>,
    sweep_at: MonoMs,
}

impl Pasts {
    pub(super) fn get(&self, slot: SlotAt) -> Option<&Past> {
        self.by_slot.get(&slot)
    }

    pub(super) fn forget(&mut self, slot: SlotAt) {
        self.by_slot.remove(&slot);
    }

    /// Takes over how far each was followed, and forgets what is over.
    pub(super) fn update(&mut self, followed: impl IntoIterator<Item = (SlotAt, Past)>, now: MonoMs) {
        for (slot, past) in followed {
            if self.by_slot.len() >= MAX_PASTS && !self.by_slot.contains_key(&slot) {
                let oldest = self.by_slot.iter().min_by_key(|(slot, past)| (past.heard, **slot)).map(|(slot, _)| *slot);
                if let Some(oldest) = oldest {
                    self.forget(oldest);
                }
            }
            self.by_slot.insert(slot, past);
        }
        if now >= self.sweep_at && !self.by_slot.is_empty() {
            self.by_slot.retain(|_, past| now.since_ms(past.heard) < KEPT_MS);
            self.sweep_at = now.plus_ms(SWEEP_MS);
        }
    }

    /// Those of devices that are judged by the same rules as before.
    pub(super) fn carry(&mut self, before: &Plan, plan: &Plan) {
        let rules = |plan: &Plan, slot: &Slot| -> Vec<(usize, usize)> {
            slot.watches.clone().map(|at| plan.watches[at as usize].rule).collect()
        };
        let known = std::mem::take(&mut self.by_slot);
        let still = known.into_iter().filter_map(|(old, past)| {
            let old = &before.slots[old as usize];
            let at = plan.find(&old.id)?;
            (rules(before, old) == rules(plan, &plan.slots[at as usize])).then_some((at, past))
        });
        self.by_slot = still.collect();
    }
}

/// A moment of the past, on a clock that is made of event times.
pub(super) fn moment(at: UnixMs) -> Now {
    Now { wall: at, mono: MonoMs(u64::try_from(at.0).unwrap_or(0)) }
}

impl Past {
    /// What is known of a moment before anything of it was heard.
    fn beginning(present: &Evaluation<'_>, slot: SlotAt, at: UnixMs) -> Self {
        let plan = &present.engine.plan;
        let mono = moment(at).mono;
        let watches = plan.slots[slot as usize].watches.clone();
        let mut read: Vec<SeriesAt> =
            watches.clone().flat_map(|at| plan.watches[at as usize].series.iter().copied().flatten()).collect();
        read.sort_unstable();
        read.dedup();
        let series = read.into_iter().map(|series| {
            let now = present.series(series);
            let latest = now.latest.clone().filter(|_| now.value_since <= at);
            (series, SeriesState { latest, value_since: now.value_since, ..SeriesState::unread(mono) })
        });
        let watches = watches.map(|at| PastWatch {
            state: WatchState { wake: is_followed(plan, at).then_some(mono), ..WatchState::beginning(None, mono) },
            alarm: None,
            untold: None,
        });
        Self { at, heard: present.now.mono, series: series.collect(), watches: watches.collect() }
    }
}

/// Whether a rule is judged in the past: who spoke for the device then, what was due, and what was usual, no backlog says.
pub(super) fn is_followed(plan: &Plan, at: WatchAt) -> bool {
    match plan.watches[at as usize].program.kind {
        ProgramKind::Values { .. }
        | ProgramKind::Rate { .. }
        | ProgramKind::Stuck { .. }
        | ProgramKind::Expression { .. } => true,
        ProgramKind::Anomaly(_) | ProgramKind::Due { .. } | ProgramKind::Stale { .. } | ProgramKind::Offline { .. } => {
            false
        }
    }
}

impl<'a> Evaluation<'a> {
    /// Looks at a reading of the past by every rule of its device.
    pub(super) fn read_history(&mut self, series: SeriesAt, reading: &Reading) {
        // Two messages that overtook each other are no backlog.
        let is_telling = reading.quality == Quality::Good && reading.value.is_some();
        if self.is_past || !is_telling || self.present.since_ms(reading.event_time) < BACKLOG_MS {
            return;
        }
        let of_series = &self.engine.plan.series[series as usize];
        let Some(slot) = of_series.slot else { return };
        if of_series.value_watches.is_empty() && of_series.reading_watches.is_empty() {
            return;
        }
        let followed = self.backlogs.remove(&slot).filter(|backlog| backlog.reaches(reading.event_time));
        let mut backlog = followed.unwrap_or_else(|| Box::new(self.take_up_backlog(slot, reading.event_time)));
        for news in backlog.follow(slot, reading) {
            if let Some(news) = self.sift(news, &mut backlog.untold) {
                self.tell_past(news);
            }
        }
        self.backlogs.insert(slot, backlog);
    }

    /// How far each backlog was followed.
    pub(super) fn put_backlogs(&mut self) {
        for (slot, backlog) in std::mem::take(&mut self.backlogs) {
            let past = backlog.into_past(slot, self.now.mono);
            self.outcome.delta.pasts.insert(slot, past);
        }
    }

    /// Whether a reading goes on with what was read before; one from well before begins anew.
    fn reaches(&self, at: UnixMs) -> bool {
        at.since_ms(self.present) >= -BACKLOG_MS
    }

    /// An evaluation of a device's past, where it was left, or from here on.
    fn take_up_backlog(&self, slot: SlotAt, at: UnixMs) -> Evaluation<'a> {
        let engine = self.engine;
        let left = engine.pasts.get(slot).filter(|past| at.since_ms(past.at) >= -BACKLOG_MS).cloned();
        let past = left.unwrap_or_else(|| Past::beginning(self, slot, at));
        let now = moment(past.at);
        let mut delta = Delta { now: now.mono, next_alarm: Some(AlarmId(i64::MIN)), ..Delta::default() };
        delta.series.extend(past.series);
        delta.links.insert(slot, LinkState { link: Some(Link::Online), since: now.mono });
        let mut untold = FxHashMap::default();
        for (number, (at, watch)) in (1..).zip(engine.plan.slots[slot as usize].watches.clone().zip(past.watches)) {
            let id = AlarmId(-number);
            let alarm = watch.alarm.map(|(severity, state)| going_on(engine, at, id, (severity, state), past.at));
            delta.watches.insert(at, WatchState { alarm: alarm.as_ref().map(|alarm| alarm.id), ..watch.state });
            delta.alarms.extend(alarm.map(|alarm| (id, Some(alarm))));
            untold.extend(watch.untold.map(|news| (at, news)));
        }
        let outcome = Outcome { delta, ..Outcome::default() };
        Self { engine, now, present: past.at, outcome, backlogs: FxHashMap::default(), is_past: true, untold }
    }

    /// Takes up the next reading of a backlog. What would have been said then.
    fn follow(&mut self, slot: SlotAt, reading: &Reading) -> Vec<Transition> {
        let until = reading.event_time.max(self.present);
        let watches = &self.engine.plan.slots[slot as usize].watches;
        for _ in 0..TIMERS_AT_ONCE {
            let first = watches.clone().filter_map(|at| Some((self.watch(at).wake?, at))).min();
            let Some((due, at)) = first.filter(|(due, _)| *due <= moment(until).mono) else { break };
            let due = UnixMs(i64::try_from(due.0).unwrap_or(i64::MAX));
            self.move_to(due.max(self.present));
            self.judge(at, None);
        }
        self.move_to(until);
        self.read(reading);
        std::mem::take(&mut self.outcome.transitions)
    }

    fn move_to(&mut self, at: UnixMs) {
        (self.now, self.present) = (moment(at), at);
    }

    fn into_past(mut self, slot: SlotAt, heard: MonoMs) -> Past {
        let mut untold = std::mem::take(&mut self.untold);
        let watches = self.engine.plan.slots[slot as usize].watches.clone().map(|at| {
            let state = self.watch(at);
            let alarm = state.alarm.and_then(|id| self.alarm(id)).filter(|alarm| alarm.is_active());
            PastWatch {
                state: WatchState { alarm: None, ..state.clone() },
                alarm: alarm.map(|alarm| (alarm.severity, alarm.state)),
                untold: untold.remove(&at),
            }
        });
        let watches = watches.collect();
        let mut series: Vec<(SeriesAt, SeriesState)> = self.outcome.delta.series.into_iter().collect();
        series.sort_unstable_by_key(|(at, _)| *at);
        Past { at: self.present, heard, series, watches }
    }

    /// Keeps back what an alarm of the present may have been raised for, until it is over: before that alarm, and it was
    /// another matter; later, and it was this one. What is to be told.
    fn sift(&self, news: Transition, untold: &mut FxHashMap<WatchAt, Box<Transition>>) -> Option<Transition> {
        let at = self.engine.watch_by(&news.device, &news.rule)?;
        let is_before_raised = self.watch(at).raised_at.map(|raised_at| news.event_time < raised_at);
        match news.what {
            What::Returned => untold.remove(&at).filter(|_| is_before_raised != Some(false)).map(|news| *news),
            What::Raised | What::Reoccurred | What::SeverityChanged | What::Unsuppressed
                if is_before_raised == Some(true) =>
            {
                let known = untold.remove(&at).filter(|known| known.severity <= news.severity);
                untold.insert(at, known.unwrap_or_else(|| Box::new(news)));
                None
            }
            _ => Some(news),
        }
    }

    /// Tells now what would have been told then.
    fn tell_past(&mut self, news: Transition) {
        let is_set_aside = news.state.is_set_aside();
        let is_news = match news.what {
            What::Raised => true,
            What::Reoccurred | What::SeverityChanged | What::Unsuppressed => news.state.is_active(),
            _ => false,
        };
        let watch = self.engine.watch_by(&news.device, &news.rule);
        // While the condition holds at present, somebody is told already, or soon will be.
        let Some(at) = watch.filter(|&at| is_news && self.watch(at).held == 0) else { return };
        let watch = &self.engine.plan.watches[at as usize];
        let returned = || Change { cause: self.returned_cause(watch), ..Change::at(news.event_time) };
        let (gone, closed) = (returned(), returned());
        let begun =
            Change { cause: news.cause, reading: news.reading, is_by_reading: true, ..Change::at(news.event_time) };
        let id = match self.watch(at).alarm.and_then(|id| self.alarm(id)) {
            // Somebody is told already; but not yet of anything this bad.
            Some(open) if is_set_aside || open.is_active() || open.severity <= news.severity => return,
            Some(open) => {
                let id = open.id;
                let risen = Change { cause: begun.cause.clone(), ..Change::at(news.event_time) };
                // Refused, it was closed meanwhile, and cannot have been: it is open.
                let _ = self.change_alarm(id, AlarmInput::Recur, begun);
                let _ = self.change_alarm(id, AlarmInput::Step(news.severity), risen);
                id
            }
            None if is_set_aside => self.begin(at, news.severity, begun, (news.state, news.set_aside)),
            None => self.begin(at, news.severity, begun, (AlarmState::ActiveUnacknowledged, None)),
        };
        let mut is_open = self.change_alarm(id, AlarmInput::Return, gone).unwrap_or(true);
        if is_open && (news.severity > Severity::II || is_set_aside) {
            is_open = self.change_alarm(id, AlarmInput::Withdraw, closed).unwrap_or(true);
        }
        let after = WatchState { alarm: is_open.then_some(id), ..self.watch(at).clone() };
        self.put(at, after);
    }
}

/// What is going on in the past by one of the rules, as an alarm of that time.
fn going_on(engine: &Engine, at: WatchAt, id: AlarmId, (severity, state): GoingOn, raised_at: UnixMs) -> OpenAlarm {
    let watch = &engine.plan.watches[at as usize];
    let (_, rule) = engine.rule_of(watch);
    OpenAlarm {
        id,
        device: engine.plan.slots[watch.slot as usize].id.clone(),
        rule: rule.id.clone(),
        severity,
        is_latching: rule.is_latching,
        title: Text::default(),
        cause: Text::default(),
        state,
        set_aside: None,
        raised_at,
        returned_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        occurrence_count: 1,
        late_ms: 0,
    }
}
