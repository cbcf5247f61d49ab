//! How well people are served by their alarms: the figures of EEMUA 191 and ISA-18.2 from what happened to alarms. Pure,
//! one pass in the order of time; memory follows the number of sources and of answers, not the length of the time.
//!
//! - `pace`: alarms in ten minutes, and floods of them.
//! - `source`: who calls most, who chatters, what is gone before anybody can act.
//! - `delay`: how long people took.
//! - `target`: what good is, and what is still tolerable.
//!
//! What counts as a call: a condition that came, or came back, and was not set aside. Times are the gateway's, since
//! that is when the person was called.

mod delay;
mod pace;
mod source;
mod target;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

pub use delay::Delay;
use delay::Delays;
use pace::Pace;
pub use pace::SLOT_MS;
pub use source::BadActor;
use source::{FLEETING_MS, Source};
pub use target::{Measure, TARGETS, Target, Verdict};

use crate::{
    alarm::{AlarmState, Attention, Severity, What},
    id::{AlarmId, DeviceId, OfficeId, RuleId, TownshipCode},
    time::UnixMs,
};

/// Active for longer than this, in milliseconds, an alarm is stale: a day, the usual default.
pub const STALE_MS: i64 = 24 * 3_600_000;
/// Bad actors that are named: EEMUA 191 looks at the ten most frequent.
const BAD_ACTORS: usize = 10;
/// Devices that are named.
const DEVICES: usize = 20;
/// People that are named: more than a district has on duty in a month.
const OPERATORS: usize = 100;

/// One thing that happened to an alarm, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which alarm.
    pub alarm: AlarmId,
    /// Its device.
    pub device: DeviceId,
    /// Its rule.
    pub rule: RuleId,
    /// Where its device stands.
    pub township: TownshipCode,
    /// How bad it was afterwards.
    pub severity: Severity,
    /// What happened.
    pub what: What,
    /// Where it stood afterwards; None: it happened before this was recorded.
    pub state: Option<AlarmState>,
    /// When, by the gateway's clock.
    pub at: UnixMs,
    /// When it was raised.
    pub raised_at: UnixMs,
    /// Who did it; None: nobody, it came by itself.
    pub by: Option<String>,
}

/// An alarm that was open at the end of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its device.
    pub device: DeviceId,
    /// Where its device stands.
    pub township: TownshipCode,
    /// Where it stood.
    pub state: AlarmState,
    /// When its condition last came.
    pub active_since: UnixMs,
}

/// The figures of one operator position (the whole, an office, a township's sub-centre), or of a device.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// How often somebody was called.
    pub call_count: u64,
    /// Calls in ten minutes, on average.
    pub per_10_min_mean: f64,
    /// Most calls in ten minutes.
    pub per_10_min_peak: u32,
    /// How much of the time was a flood, in percent.
    pub flood_percent: f64,
    /// Calls by severity, I to IV.
    pub by_severity: [u64; 4],
    /// Conditions that were gone again within ten seconds.
    pub fleeting_count: u64,
    /// Sources that chattered.
    pub chattering_count: u64,
    /// Alarms open at the end that were not set aside.
    pub standing_count: u64,
    /// Alarms open at the end that were on the shelf.
    pub shelved_count: u64,
    /// Those whose condition had held for more than a day at the end.
    pub stale_count: u64,
    /// From the call to the answer.
    pub acknowledge: Delay,
    /// From the raising to the end.
    pub close: Delay,
}

impl Figures {
    /// What a measure came to; None: it is one of the whole alone.
    #[expect(clippy::cast_precision_loss, reason = "counts of alarms are far below 2^53")]
    pub fn measured(&self, measure: Measure) -> Option<f64> {
        Some(match measure {
            Measure::Per10MinMean => self.per_10_min_mean,
            Measure::Per10MinPeak => f64::from(self.per_10_min_peak),
            Measure::FloodPercent => self.flood_percent,
            Measure::Top10Percent => return None,
            Measure::Chattering => self.chattering_count as f64,
            Measure::Fleeting => self.fleeting_count as f64,
            Measure::Stale => self.stale_count as f64,
            Measure::Standing => self.standing_count as f64,
            Measure::Shelved => self.shelved_count as f64,
            Measure::GravePercent => percent(self.by_severity[0] + self.by_severity[1], self.call_count),
        })
    }
}

/// What one person did. Alarms call a post, never a person, so calls are no figure of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// The user name.
    pub name: String,
    /// From the call to this person's answer.
    pub acknowledge: Delay,
    /// From the raising to the end that this person brought about: by the answer or the reset that was the last thing needed.
    pub close: Delay,
}

/// Everything about a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Of everything that was looked at.
    pub whole: Figures,
    /// How much of all calls the ten most frequent sources made, in percent.
    pub top_10_percent: f64,
    /// Calls in each ten minutes, from the beginning of the time.
    pub slots: Vec<u32>,
    /// By office, those with a call or an open alarm, by id.
    pub offices: Vec<(OfficeId, Figures)>,
    /// By person, those who did most first, a hundred at most.
    pub operators: Vec<Operator>,
    /// By township, those with a call or an open alarm, by code.
    pub townships: Vec<(TownshipCode, Figures)>,
    /// By device, those with most calls first, twenty at most.
    pub devices: Vec<(DeviceId, Figures)>,
    /// The sources with most calls first, ten at most.
    pub bad_actors: Vec<BadActor>,
}

impl Quality {
    /// What a measure of the whole came to.
    pub fn measured(&self, measure: Measure) -> f64 {
        self.whole.measured(measure).unwrap_or(self.top_10_percent)
    }
}

/// The figures under way.
#[derive(Debug)]
pub struct Assessment {
    range: Range<UnixMs>,
    whole: Tally,
    slots: Vec<u32>,
    /// Which office answers for a township.
    office_of: HashMap<TownshipCode, OfficeId>,
    offices: BTreeMap<OfficeId, Tally>,
    operators: HashMap<String, (Delays, Delays)>,
    townships: BTreeMap<TownshipCode, Tally>,
    devices: HashMap<DeviceId, Tally>,
    sources: HashMap<(DeviceId, RuleId), Source>,
    /// When each open alarm last called.
    called: HashMap<AlarmId, UnixMs>,
}

#[derive(Debug, Default)]
struct Tally {
    pace: Pace,
    by_severity: [u64; 4],
    fleeting_count: u64,
    chattering_count: u64,
    standing_count: u64,
    shelved_count: u64,
    stale_count: u64,
    acknowledge: Delays,
    close: Delays,
}

impl Assessment {
    /// Of the time from `range.start`, inclusive, to `range.end`, exclusive. `office_of` says which office answers for a
    /// township.
    pub fn over(range: Range<UnixMs>, office_of: HashMap<TownshipCode, OfficeId>) -> Self {
        let length_ms = u64::try_from(range.end.since_ms(range.start)).unwrap_or(0);
        let slots = usize::try_from(length_ms.div_ceil(SLOT_MS)).unwrap_or(0);
        Self {
            range,
            whole: Tally::default(),
            slots: vec![0; slots],
            office_of,
            offices: BTreeMap::new(),
            operators: HashMap::new(),
            townships: BTreeMap::new(),
            devices: HashMap::new(),
            sources: HashMap::new(),
            called: HashMap::new(),
        }
    }

    /// Takes up what happened; oldest first. What lies outside the time is passed over.
    pub fn take(&mut self, step: &Step) {
        if !self.range.contains(&step.at) {
            return;
        }
        if is_call(step) {
            self.call(step);
        }
        match step.what {
            What::Acknowledged => {
                if let Some(called) = self.called_at(step) {
                    let delay_ms = step.at.since_ms(called);
                    self.each(step, |tally| tally.acknowledge.add(delay_ms));
                    if let Some((answers, _)) = self.operator(step) {
                        answers.add(delay_ms);
                    }
                }
            }
            What::Returned => {
                let called = self.called.get(&step.alarm);
                if called.is_some_and(|called| step.at.since_ms(*called) < FLEETING_MS) {
                    self.source(step).fleeting_count += 1;
                    self.each(step, |tally| tally.fleeting_count += 1);
                }
            }
            _ => {}
        }
        let is_over = step.what == What::Closed || step.state == Some(AlarmState::Closed);
        if is_over {
            self.called.remove(&step.alarm);
            let lasted_ms = step.at.since_ms(step.raised_at);
            self.each(step, |tally| tally.close.add(lasted_ms));
            if let Some((_, ends)) = self.operator(step) {
                ends.add(lasted_ms);
            }
        }
    }

    /// The figures, with what was open at the end.
    pub fn finish(mut self, standing: impl IntoIterator<Item = Standing>) -> Quality {
        for one in standing {
            let is_stale = one.state.is_active() && self.range.end.since_ms(one.active_since) > STALE_MS;
            let count = |tally: &mut Tally| match Attention::of(one.state) {
                Attention::Waiting | Attention::Answered => {
                    tally.standing_count += 1;
                    tally.stale_count += u64::from(is_stale);
                }
                Attention::SetAside => tally.shelved_count += u64::from(one.state == AlarmState::Shelved),
                Attention::Over => {}
            };
            count(&mut self.whole);
            if let Some(office) = self.office_of.get(&one.township) {
                count(self.offices.entry(office.clone()).or_default());
            }
            count(self.townships.entry(one.township.clone()).or_default());
            count(self.devices.entry(one.device.clone()).or_default());
        }
        let length_ms = u64::try_from(self.range.end.since_ms(self.range.start)).unwrap_or(0);
        let call_count = self.whole.pace.total();
        let (bad_actors, top) = source::worst(self.sources, call_count, BAD_ACTORS);
        let mut devices: Vec<_> = self.devices.into_iter().collect();
        devices.sort_by(|(a, left), (b, right)| right.pace.total().cmp(&left.pace.total()).then_with(|| a.cmp(b)));
        devices.truncate(DEVICES);
        let operators = self.operators.into_iter().map(|(name, (answers, ends))| Operator {
            name,
            acknowledge: answers.figures(),
            close: ends.figures(),
        });
        let mut operators: Vec<_> = operators.collect();
        operators.sort_by(|a, b| b.deed_count().cmp(&a.deed_count()).then_with(|| a.name.cmp(&b.name)));
        operators.truncate(OPERATORS);
        Quality {
            offices: self.offices.into_iter().map(|(id, tally)| (id, tally.figures(length_ms))).collect(),
            operators,
            whole: self.whole.figures(length_ms),
            top_10_percent: percent(top, call_count),
            slots: self.slots,
            townships: self.townships.into_iter().map(|(code, tally)| (code, tally.figures(length_ms))).collect(),
            devices: devices.into_iter().map(|(id, tally)| (id, tally.figures(length_ms))).collect(),
            bad_actors,
        }
    }

    fn call(&mut self, step: &Step) {
        let since_start = u64::try_from(step.at.since_ms(self.range.start)).unwrap_or(0);
        let slot = since_start / SLOT_MS;
        if let Some(count) = usize::try_from(slot).ok().and_then(|slot| self.slots.get_mut(slot)) {
            *count += 1;
        }
        self.called.insert(step.alarm, step.at);
        let is_new_chatter = self.source(step).call(since_start);
        let severity = step.severity as usize - Severity::I as usize;
        self.each(step, |tally| {
            tally.pace.note(slot);
            tally.by_severity[severity] += 1;
            tally.chattering_count += u64::from(is_new_chatter);
        });
    }

    /// When the alarm called last: an alarm from before the time is known by its raising alone.
    fn called_at(&self, step: &Step) -> Option<UnixMs> {
        self.called.get(&step.alarm).copied().or(Some(step.raised_at))
    }

    /// Answers and ends of whoever took the step; None: it came by itself.
    fn operator(&mut self, step: &Step) -> Option<&mut (Delays, Delays)> {
        let name = step.by.as_ref()?;
        Some(self.operators.entry(name.clone()).or_default())
    }

    fn source(&mut self, step: &Step) -> &mut Source {
        self.sources.entry((step.device.clone(), step.rule.clone())).or_default()
    }

    fn each(&mut self, step: &Step, change: impl Fn(&mut Tally)) {
        change(&mut self.whole);
        if let Some(office) = self.office_of.get(&step.township) {
            change(self.offices.entry(office.clone()).or_default());
        }
        change(self.townships.entry(step.township.clone()).or_default());
        change(self.devices.entry(step.device.clone()).or_default());
    }
}

impl Operator {
    const fn deed_count(&self) -> u64 {
        self.acknowledge.count + self.close.count
    }
}

impl Tally {
    fn figures(mut self, length_ms: u64) -> Figures {
        self.pace.end(length_ms.div_ceil(SLOT_MS));
        Figures {
            call_count: self.pace.total(),
            per_10_min_mean: self.pace.mean(length_ms),
            per_10_min_peak: self.pace.peak(),
            flood_percent: self.pace.flood_percent(),
            by_severity: self.by_severity,
            fleeting_count: self.fleeting_count,
            chattering_count: self.chattering_count,
            standing_count: self.standing_count,
            shelved_count: self.shelved_count,
            stale_count: self.stale_count,
            acknowledge: self.acknowledge.figures(),
            close: self.close.figures(),
        }
    }
}

/// Whether somebody was called: the condition came, and nothing set the alarm aside.
fn is_call(step: &Step) -> bool {
    matches!(step.what, What::Raised | What::Reoccurred) && !step.state.is_some_and(AlarmState::is_set_aside)
}

#[expect(clippy::cast_precision_loss, reason = "counts of alarms are far below 2^53")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
