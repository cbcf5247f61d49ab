//! How a starting engine comes to remember: from a checkpoint, and from the readings that were stored after it.
//!
//! The stored readings are played again in their order, with the clock that they were received by, and timers fire in
//! between; what that would raise or return is dropped, because what really happened to alarms is in the store. At the end
//! the two are laid together: the store says which alarms are open, the replay says since when conditions hold. What has
//! come due while the gateway was down, and is not in the store, the first evaluation then raises, once.
//!
//! - A value stays in force while the gateway is down, and its delay runs on: what was last known to be dangerous and is
//!   now out of sight is dangerous.
//! - Nobody can be heard while the gateway is down: links are unknown again, and the delays of rules about links stand
//!   still so long.
//! - Time spent down is measured by the wall clock; one that was put back meanwhile lets no time pass. A clock that was
//!   set between the checkpoint and the end can bring an alarm forward by as much, never suppress it.

use std::{collections::HashMap, sync::Arc};

use super::{
    Engine,
    checkpoint::{CheckpointError, SavedShard},
    clock::Clock,
    deadline::Deadlines,
    io::Input,
    plan::WatchAt,
    program::ProgramKind,
    shard::{SHARDS, ShardAt, shard_of},
    state::{LinkState, Phase, SeriesState, WatchState},
};
use crate::{
    alarm::OpenAlarm,
    id::{AlarmId, DeviceId, RuleId},
    reading::Reading,
    registry::Registry,
    time::{MonoMs, Now, UnixMs},
};

/// Stands for "some alarm" during a replay; real ones are numbered from 1.
const SOME_ALARM: AlarmId = AlarmId(0);

/// A shard as it was kept.
#[derive(Debug, Clone, Copy)]
pub struct KeptShard<'a> {
    /// Which.
    pub shard: ShardAt,
    /// The last stored batch that is in it, by a number that rises in the order of commits.
    pub through: i64,
    /// What [`Engine::checkpoint`] wrote.
    pub state: &'a [u8],
}

/// An engine that is being given back its memory: feed it what was stored since, then [`Self::finish`].
#[derive(Debug)]
pub struct Recovery {
    engine: Engine,
    now: Now,
    /// By shard: the last batch it holds; None: no checkpoint of it, so that its devices start from their latest values.
    through: [Option<i64>; SHARDS],
    /// The moment of the newest batch that was played.
    then: Now,
    /// The present of each series by what is stored.
    stored: Vec<SeriesState>,
    open: std::collections::BTreeMap<AlarmId, OpenAlarm>,
    next_alarm: AlarmId,
    orphans: Vec<AlarmId>,
    deadlines: Deadlines,
}

impl Engine {
    /// Begins to remember. To be called instead of the first [`Self::set_registry`], after the series were bound and the
    /// latest stored readings restored. Shards that cannot be read are named; their devices start from their latest values.
    pub fn recover<'a>(
        mut self,
        registry: Arc<Registry>,
        kept: impl IntoIterator<Item = KeptShard<'a>>,
        now: Now,
    ) -> (Recovery, Vec<(ShardAt, CheckpointError)>) {
        self.set_registry(registry, now);
        let stored = self.series.clone();
        let (open, orphans) = (std::mem::take(&mut self.open), std::mem::take(&mut self.orphans));
        let (deadlines, next_alarm) = (std::mem::take(&mut self.deadlines), self.next_alarm);
        let mut recovery = Recovery {
            engine: self,
            now,
            through: [None; SHARDS],
            then: now,
            stored,
            open,
            next_alarm,
            orphans,
            deadlines,
        };
        let (mut saved, mut refused) = (Vec::new(), Vec::new());
        for KeptShard { shard, through, state } in kept {
            match SavedShard::read(state) {
                Ok(state) => saved.push((shard, through, state)),
                Err(error) => refused.push((shard, error)),
            }
        }
        recovery.then = recovery.moment(saved.iter().map(|(_, _, state)| state.at).min().unwrap_or(now.wall));
        recovery.engine.clock = Some(Clock::believing(recovery.then));
        for (shard, through, state) in saved {
            recovery.through[usize::from(shard)] = Some(through);
            recovery.take_up(shard, &state);
        }
        recovery.engine.reschedule_all();
        (recovery, refused)
    }
}

impl Recovery {
    /// The batch after which the replay begins; None: there is nothing to be played.
    pub fn replay_after(&self) -> Option<i64> {
        self.through.iter().flatten().min().copied()
    }

    /// Plays a stored batch. In the order of their positions.
    pub fn replay(&mut self, position: i64, received: UnixMs, readings: &[Reading]) {
        let now = self.moment(received);
        self.pass_time(now);
        let engine = &self.engine;
        let is_news = |reading: &&Reading| {
            let binding = engine.plan.series.get(reading.series.0 as usize).and_then(|series| series.binding.as_ref());
            let through = binding.and_then(|(device, _)| self.through[usize::from(shard_of(device))]);
            through.is_some_and(|through| position > through)
        };
        let readings: Vec<Reading> = readings.iter().filter(is_news).cloned().collect();
        self.play(&readings, now);
    }

    /// The engine as it goes on. What is due is done by its next evaluation, which is due at once.
    pub fn finish(self) -> Engine {
        let Self { mut engine, now, through, then, stored, open, next_alarm, orphans, deadlines } = self;
        (engine.open, engine.orphans, engine.deadlines) = (open, orphans, deadlines);
        engine.next_alarm = next_alarm;
        engine.clock = Some(Clock::believing(now));
        engine.latest = now.mono;
        engine.links.fill(LinkState { link: None, since: now.mono });
        for (state, stored) in engine.series.iter_mut().zip(stored) {
            // Batches that were no longer there, or could not be read, may have held newer ones.
            if stored.order > state.order {
                *state = stored;
            }
            state.fresh_at = now.mono;
        }
        let deaf_ms = now.mono.since_ms(then.mono);
        let open: HashMap<(&DeviceId, &RuleId), &OpenAlarm> =
            engine.open.values().map(|alarm| ((&alarm.device, &alarm.rule), alarm)).collect();
        for slot in &engine.plan.slots {
            if through[usize::from(shard_of(&slot.id))].is_none() {
                continue;
            }
            for at in slot.watches.clone() {
                let watch = &engine.plan.watches[at as usize];
                let alarm = open.get(&(&slot.id, &engine.rule_of(watch).1.id)).copied();
                let state = &mut engine.watches[at as usize];
                if matches!(watch.program.kind, ProgramKind::Offline { .. } | ProgramKind::Stale { .. }) {
                    state.stand_still(deaf_ms);
                }
                state.lay_beside(alarm);
                state.wake = Some(now.mono);
            }
        }
        engine.reschedule_all();
        engine
    }

    /// A moment of the past by both clocks. No moment goes back behind one before it, and none reaches the present.
    fn moment(&self, wall: UnixMs) -> Now {
        let ago_ms = u64::try_from(self.now.wall.since_ms(wall)).unwrap_or(0).max(1);
        let mono = MonoMs(self.now.mono.0.saturating_sub(ago_ms));
        let is_begun = self.then.mono < self.now.mono;
        Now { wall, mono: if is_begun { mono.max(self.then.mono) } else { mono } }
    }

    /// Lays the state of one shard over the engine's.
    fn take_up(&mut self, shard: ShardAt, saved: &SavedShard) {
        let then = self.moment(saved.at);
        let engine = &mut self.engine;
        for at in &engine.shards[usize::from(shard)].series {
            engine.series[*at as usize] = SeriesState::unread(then.mono);
        }
        for series in &saved.series {
            if let Some(state) = engine.series.get_mut(series.number as usize) {
                *state = series.state(then);
            }
        }
        for &slot in &engine.shards[usize::from(shard)].slots {
            engine.pasts.forget(slot);
            for at in engine.plan.slots[slot as usize].watches.clone() {
                engine.anomalies.remove(&at);
                engine.watches[at as usize] =
                    WatchState { wake: Some(then.mono), ..WatchState::beginning(None, then.mono) };
            }
        }
        for slot in &saved.slots {
            let Some(at) = engine.plan.find(&slot.id) else { continue };
            engine.links[at as usize] = slot.link(then);
            let past = slot.past.as_ref().and_then(|past| engine.taken_up(at, past, then));
            engine.pasts.update(past.map(|past| (at, past)), then.mono);
            for watch in &slot.watches {
                let is_meant = |&at: &WatchAt| {
                    let (_, rule) = engine.rule_of(&engine.plan.watches[at as usize]);
                    rule.id == watch.rule && rule.version == watch.version
                };
                let Some(at) = engine.plan.slots[at as usize].watches.clone().find(is_meant) else { continue };
                let mut state = watch.state(then);
                // What an alarm waits for is looked at only while there is one.
                state.alarm = matches!(state.phase, Phase::Holds | Phase::Leaving { .. }).then_some(SOME_ALARM);
                engine.watches[at as usize] = state;
                engine.anomalies.extend(watch.anomaly.clone().map(|anomaly| (at, anomaly)));
            }
        }
    }

    /// Fires the timers that were due by a moment.
    fn pass_time(&mut self, until: Now) {
        while let Some(due) = self.engine.next_due().filter(|&due| due <= until.mono) {
            let mono = due.max(self.then.mono);
            let ahead_ms = i64::try_from(until.mono.since_ms(mono)).unwrap_or(i64::MAX);
            self.play(&[], Now { wall: until.wall.plus_ms(-ahead_ms), mono });
        }
    }

    fn play(&mut self, readings: &[Reading], now: Now) {
        let outcome = self.engine.evaluate(&Input { readings, ..Input::default() }, now);
        self.engine.apply(outcome.delta);
        self.then = now;
    }
}

impl WatchState {
    /// Takes time out in which nobody could be heard.
    fn stand_still(&mut self, milliseconds: u64) {
        self.since = self.since.map(|since| since.plus_ms(milliseconds));
        if let Phase::Leaving { until } = self.phase {
            self.phase = Phase::Leaving { until: until.plus_ms(milliseconds) };
        }
    }

    /// Agrees with what the store says of its alarm.
    fn lay_beside(&mut self, alarm: Option<&OpenAlarm>) {
        self.alarm = alarm.map(|alarm| alarm.id);
        self.raised_at = alarm.map(|alarm| alarm.raised_at);
        let is_active = alarm.is_some_and(OpenAlarm::is_active);
        match self.phase {
            Phase::Clear | Phase::Pending if is_active => {
                self.phase = Phase::Holds;
                self.is_inherited = true;
            }
            // It came about after the last commit: the next evaluation raises it.
            Phase::Holds if !is_active && self.held != 0 => self.phase = Phase::Pending,
            Phase::Holds | Phase::Leaving { .. } if !is_active => self.phase = Phase::Clear,
            Phase::Clear | Phase::Pending | Phase::Holds | Phase::Leaving { .. } => {}
        }
    }
}
