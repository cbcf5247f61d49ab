//! Who is judged by what: the registry and the profiles turned into tables that are walked by index.
//!
//! A *slot* is a device, or a node that devices name; a *watch* is one rule on one device; a *program* is a rule with
//! the numbers of a nameplate, shared by all devices that agree on them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::anomaly::Vigilance;
use crate::{
    alarm::Severity,
    id::{DeviceId, MetricName, SeriesId},
    profile::{
        Daily, DueStep, Expression, Profile, Profiles, ResolvedAlternative, ResolvedComparison, ResolvedCondition,
        Rule, Test,
    },
    registry::Registry,
    time::UnixMs,
};

/// A place in [`Plan::slots`].
pub(super) type SlotAt = u32;
/// A place in [`Plan::watches`].
pub(super) type WatchAt = u32;
/// A place in [`Plan::series`]: the number of a series.
pub(super) type SeriesAt = u32;

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) slots: Vec<Slot>,
    pub(super) slot_of: HashMap<DeviceId, SlotAt>,
    pub(super) watches: Vec<Watch>,
    /// By the number of the series.
    pub(super) series: Vec<Series>,
}

/// A device, or a node that is not registered as one.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: DeviceId,
    /// Itself for a node.
    pub(super) node: SlotAt,
    /// Its watches are `watches[first..end]`.
    pub(super) watches: std::ops::Range<WatchAt>,
    /// The devices that this node speaks for, without itself.
    pub(super) children: Vec<SlotAt>,
    /// The watch whose alarm says that it is offline; None: none does.
    pub(super) offline: Option<WatchAt>,
    /// The watches of its children that yield to that one: about their links and their missing readings.
    pub(super) covered: Vec<WatchAt>,
}

/// One rule on one device.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) slot: SlotAt,
    /// Where the rule's words are found: index of the profile, index of the rule within it.
    pub(super) rule: (usize, usize),
    pub(super) severity: Severity,
    pub(super) program: Arc<Program>,
    /// For each of the program's metrics the device's series; None: the device never declared it.
    pub(super) series: Box<[Option<SeriesAt>]>,
}

impl Watch {
    /// How bad it is when this alternative of its condition comes about.
    pub(super) fn severity_of(&self, alternative: usize) -> Severity {
        match &self.program.kind {
            ProgramKind::Values { any, .. } => any[alternative].severity,
            ProgramKind::Due { steps } => steps[alternative].1.severity,
            ProgramKind::Stale { levels, .. } => levels[alternative].severity,
            ProgramKind::Offline { .. } => Severity::ALL[alternative],
            _ => self.severity,
        }
    }

    /// How long this alternative must hold.
    pub(super) fn for_ms(&self, alternative: usize) -> u64 {
        match &self.program.kind {
            ProgramKind::Values { any, .. } => any[alternative].for_ms,
            ProgramKind::Stale { levels, .. } => levels[alternative].for_ms,
            // When a later level of silence is reached, [`super::silence`] says.
            _ => self.program.on_delay_ms,
        }
    }

    /// How many alternatives differ in severity, so that an open alarm rises and falls with them; 0: none do.
    pub(super) fn steps(&self) -> usize {
        match &self.program.kind {
            ProgramKind::Values { any, has_steps: true, .. } => any.len(),
            ProgramKind::Due { steps } => steps.len(),
            ProgramKind::Stale { levels, .. } if levels.len() > 1 => levels.len(),
            ProgramKind::Offline { .. } => Severity::ALL.len(),
            _ => 0,
        }
    }

    /// Of a rule about silence: how bad it is after how long; None: it is of another kind.
    pub(super) fn levels(&self) -> Option<&[Level]> {
        match &self.program.kind {
            ProgramKind::Stale { levels, .. } | ProgramKind::Offline { levels } => Some(levels),
            _ => None,
        }
    }
}

/// One series.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// None: a number that was never bound.
    pub(super) binding: Option<(DeviceId, MetricName)>,
    /// The slot of its device; None: it is not registered.
    pub(super) slot: Option<SlotAt>,
    /// The watches that look at its value.
    pub(super) value_watches: Box<[WatchAt]>,
    /// The watches that look at every reading, changed or not.
    pub(super) reading_watches: Box<[WatchAt]>,
}

/// A rule with the numbers of a nameplate.
#[derive(Debug)]
pub(super) struct Program {
    /// The metrics it reads; a metric may occur more than once.
    pub(super) metrics: Box<[MetricName]>,
    /// `minus[i]`: the place whose value is taken off that of `metrics[i]` before the test; empty: none anywhere.
    pub(super) minus: Box<[Option<usize>]>,
    /// `metrics[only_while]` with their tests decide whether it is judged at all.
    pub(super) only_while: std::ops::Range<usize>,
    /// While one of `metrics[suppressed_while]` passes its test, an alarm calls nobody.
    pub(super) suppressed_while: std::ops::Range<usize>,
    /// One test for each metric; for a stale rule those of its own metrics say nothing.
    pub(super) tests: Box<[Test]>,
    pub(super) kind: ProgramKind,
    pub(super) only_between: Option<Daily>,
    pub(super) on_delay_ms: u64,
    pub(super) off_delay_ms: u64,
}

/// What a program judges.
#[derive(Debug)]
pub(super) enum ProgramKind {
    Values {
        any: Box<[Alternative]>,
        held_until: std::ops::Range<usize>,
        /// Whether the alternatives differ in severity, so that an open alarm rises and falls with them.
        has_steps: bool,
    },
    /// `metrics[0]` moves too fast; `tests[0]` says how fast is too fast, in its unit a minute.
    Rate { over_ms: u64 },
    /// `metrics[0]` stands still.
    Stuck {
        /// `u64::MAX`: the nameplate lacks the number.
        after_ms: u64,
        /// Without a reading for so long nothing can be said.
        stale_after_ms: u64,
    },
    /// `metrics[0]` is unlike its own past.
    Anomaly(Vigilance),
    /// A date, without any metric.
    Due {
        /// From when on which step holds; empty: the nameplate names no day.
        steps: Box<[(UnixMs, DueStep)]>,
    },
    /// Over `metrics[all]`.
    Expression { expression: Expression, all: std::ops::Range<usize> },
    Stale {
        /// `metrics[i]` is stale after `after_ms[i]`.
        after_ms: Box<[u64]>,
        /// How bad it is after how long, from the beginning on.
        levels: Box<[Level]>,
    },
    Offline {
        /// How bad it is after how long, from the beginning on.
        levels: Box<[Level]>,
    },
}

/// How bad it is that nobody has been heard for so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) for_ms: u64,
    pub(super) severity: Severity,
}

/// One way in which a condition can come about.
#[derive(Debug)]
pub(super) struct Alternative {
    /// Of `metrics` and `tests`: all of these together.
    pub(super) places: std::ops::Range<usize>,
    /// For so long.
    pub(super) for_ms: u64,
    pub(super) severity: Severity,
}

/// The place of a severity among all, and of its bit.
pub(super) const fn place_of(severity: Severity) -> usize {
    severity as usize - 1
}

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Milliseconds of a number of seconds, rounded up so that no delay is shorter than what was asked for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be finite and not negative")]
pub(crate) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}

/// Index of a profile, and a nameplate's numbers, bit by bit, for the keys the profile looks at.
type ProgramKey = (usize, Vec<Option<u64>>);

impl Program {
    /// Whether it depends on the hour or the day.
    pub(super) const fn looks_at_the_clock(&self) -> bool {
        self.only_between.is_some() || matches!(self.kind, ProgramKind::Due { .. })
    }

    fn new(profile: &Profile, rule: &Rule, nameplate: &BTreeMap<String, f64>) -> Self {
        let resolved = rule.resolve(nameplate);
        let mut metrics = Vec::new();
        let mut tests = Vec::new();
        let mut minuends: Vec<(usize, MetricName)> = Vec::new();
        let mut append = |comparisons: Vec<ResolvedComparison>| {
            let start = metrics.len();
            for ResolvedComparison { metric, minus, test } in comparisons {
                minuends.extend(minus.map(|minus| (metrics.len(), minus)));
                metrics.push(metric);
                tests.push(test);
            }
            start..metrics.len()
        };
        let untested = |metric| ResolvedComparison { metric, minus: None, test: Test::Unknown };
        let first = Level { for_ms: milliseconds(resolved.on_delay_s), severity: rule.severity };
        let later = resolved.worsens.iter().map(|it| Level { for_ms: milliseconds(it.after_s), severity: it.severity });
        let levels: Box<[Level]> = std::iter::once(first).chain(later).collect();
        let kind = match resolved.condition {
            ResolvedCondition::Values { any, held_until } => {
                let alternative = |way: ResolvedAlternative| Alternative {
                    places: append(way.all),
                    for_ms: milliseconds(way.for_s),
                    severity: way.severity,
                };
                let any: Box<[Alternative]> = any.into_iter().map(alternative).collect();
                let has_steps = any.iter().any(|way| way.severity != any[0].severity);
                ProgramKind::Values { any, held_until: append(held_until), has_steps }
            }
            ResolvedCondition::Rate { metric, over_s, test } => {
                append(vec![ResolvedComparison { metric, minus: None, test }]);
                ProgramKind::Rate { over_ms: milliseconds(over_s) }
            }
            ResolvedCondition::Stuck { metric, after_s } => {
                let stale_after_s = profile.metric(&metric).map_or(0, |metric| metric.stale_after_s);
                append(vec![untested(metric)]);
                let after_ms = after_s.filter(|after_s| *after_s > 0.0).map_or(u64::MAX, milliseconds);
                ProgramKind::Stuck { after_ms, stale_after_ms: stale_after_s.saturating_mul(1000) }
            }
            ResolvedCondition::Anomaly { metric, every_s, learn_days, at_most_s } => {
                append(vec![untested(metric)]);
                ProgramKind::Anomaly(Vigilance {
                    every_ms: i64::from(every_s) * 1000,
                    learn_ms: i64::from(learn_days) * DAY_MS,
                    at_most_ms: i64::from(at_most_s) * 1000,
                })
            }
            ResolvedCondition::Due { end, steps } => {
                let from = |end: UnixMs, step: DueStep| end.plus_ms(-i64::from(step.days_before) * DAY_MS);
                let steps = end.map(|end| steps.into_iter().map(|step| (from(end, step), step)).collect());
                ProgramKind::Due { steps: steps.unwrap_or_default() }
            }
            ResolvedCondition::Expression(expression) => {
                let all = append(expression.metrics().iter().cloned().map(untested).collect());
                ProgramKind::Expression { expression, all }
            }
            ResolvedCondition::Stale { metrics } => {
                let stale_after =
                    metrics.iter().map(|name| profile.metric(name).map_or(0, |metric| metric.stale_after_s));
                let after_ms = stale_after.map(|seconds| seconds.saturating_mul(1000)).collect();
                append(metrics.into_iter().map(untested).collect());
                ProgramKind::Stale { after_ms, levels }
            }
            ResolvedCondition::Offline => ProgramKind::Offline { levels },
        };
        let only_while = append(resolved.only_while);
        let suppressed_while = append(resolved.suppressed_while);
        let mut minus = Vec::new();
        if !minuends.is_empty() {
            minus.resize(metrics.len(), None);
            for (place, metric) in minuends {
                minus[place] = Some(metrics.len());
                metrics.push(metric);
                tests.push(Test::Unknown);
            }
        }
        Self {
            minus: minus.into(),
            only_between: resolved.only_between,
            metrics: metrics.into(),
            only_while,
            suppressed_while,
            tests: tests.into(),
            kind,
            on_delay_ms: milliseconds(resolved.on_delay_s),
            off_delay_ms: milliseconds(resolved.off_delay_s),
        }
    }
}

impl Plan {
    /// Tables for these devices and rules, over the series known so far.
    pub(super) fn build(profiles: &Profiles, registry: &Registry, series: Vec<Series>) -> Self {
        let mut plan = Self { series, ..Self::default() };
        for device in registry.devices() {
            plan.slot(&device.id);
        }
        let keys: Vec<_> = profiles.iter().map(Profile::nameplate_keys).collect();
        let mut programs: HashMap<ProgramKey, Vec<Arc<Program>>> = HashMap::new();
        for (at, device) in (0..).zip(registry.devices()) {
            let node = plan.slot(&device.node.as_device());
            plan.slots[at as usize].node = node;
            if node != at {
                plan.slots[node as usize].children.push(at);
            }
            let Some((profile_at, profile)) = profiles.position(&device.profile) else { continue };
            let number = |key: &&str| device.nameplate.get(*key).map(|number| number.to_bits());
            let key = (profile_at, keys[profile_at].iter().map(number).collect());
            let programs = programs.entry(key).or_insert_with(|| {
                let program = |rule| Arc::new(Program::new(profile, rule, &device.nameplate));
                profile.rules.iter().map(program).collect()
            });
            let first = index(plan.watches.len());
            plan.watches.extend(programs.iter().zip(&profile.rules).enumerate().map(|(rule_at, (program, rule))| {
                Watch {
                    slot: at,
                    rule: (profile_at, rule_at),
                    severity: rule.severity,
                    series: vec![None; program.metrics.len()].into(),
                    program: Arc::clone(program),
                }
            }));
            let slot = &mut plan.slots[at as usize];
            slot.watches = first..index(plan.watches.len());
            let offline = programs.iter().position(|program| matches!(program.kind, ProgramKind::Offline { .. }));
            slot.offline = offline.map(|rule_at| first + index(rule_at));
        }
        plan.lay_cover();
        for at in 0..index(plan.series.len()) {
            plan.connect(at);
        }
        plan
    }

    /// Has every node's offline alarm stand for those of its devices that it silences.
    fn lay_cover(&mut self) {
        for at in 0..index(self.watches.len()) {
            let watch = &self.watches[at as usize];
            let node = self.slots[watch.slot as usize].node;
            let yields = watch.levels().is_some() && watch.severity != Severity::I;
            if yields && node != watch.slot && self.slots[node as usize].offline.is_some() {
                self.slots[node as usize].covered.push(at);
            }
        }
    }

    /// The slot of a device or node, made when there is none.
    fn slot(&mut self, id: &DeviceId) -> SlotAt {
        if let Some(&at) = self.slot_of.get(id) {
            return at;
        }
        let at = index(self.slots.len());
        self.slot_of.insert(id.clone(), at);
        let slot =
            Slot { id: id.clone(), node: at, watches: 0..0, children: Vec::new(), offline: None, covered: Vec::new() };
        self.slots.push(slot);
        at
    }

    /// Makes a series known, and the watches of its device read it.
    pub(super) fn bind(&mut self, series: SeriesId, device: DeviceId, metric: MetricName) {
        let at = series.0 as usize;
        if self.series.len() <= at {
            self.series.resize_with(at + 1, Series::default);
        }
        self.series[at].binding = Some((device, metric));
        self.connect(series.0);
    }

    fn connect(&mut self, at: SeriesAt) {
        let series = &mut self.series[at as usize];
        let (mut value_watches, mut reading_watches) = (Vec::new(), Vec::new());
        series.slot = series.binding.as_ref().and_then(|(device, _)| self.slot_of.get(device).copied());
        if let Some((_, metric)) = &series.binding
            && let Some(slot) = series.slot
        {
            for watch_at in self.slots[slot as usize].watches.clone() {
                let watch = &mut self.watches[watch_at as usize];
                let mut is_read = false;
                for (name, place) in watch.program.metrics.iter().zip(watch.series.iter_mut()) {
                    if name == metric {
                        *place = Some(at);
                        is_read = true;
                    }
                }
                match watch.program.kind {
                    _ if !is_read => {}
                    ProgramKind::Values { .. } | ProgramKind::Stuck { .. } | ProgramKind::Expression { .. } => {
                        value_watches.push(watch_at);
                    }
                    // How fast it moves, and what is usual, changes with every reading, also with an equal one.
                    ProgramKind::Rate { .. } | ProgramKind::Stale { .. } | ProgramKind::Anomaly(_) => {
                        reading_watches.push(watch_at);
                    }
                    ProgramKind::Due { .. } | ProgramKind::Offline { .. } => {}
                }
            }
        }
        series.value_watches = value_watches.into();
        series.reading_watches = reading_watches.into();
    }

    /// The slot that a device or node has; None: nothing registered names it.
    pub(super) fn find(&self, id: &DeviceId) -> Option<SlotAt> {
        self.slot_of.get(id).copied()
    }

    /// The id of the node that speaks for a slot.
    pub(super) fn node_id(&self, at: SlotAt) -> &DeviceId {
        &self.slots[self.slots[at as usize].node as usize].id
    }
}

/// A length as an index: devices, watches and series are counted in 32 bits throughout.
pub(super) fn index(length: usize) -> u32 {
    u32::try_from(length).expect("fewer than 2^32 devices, watches and series")
}
