//! Who is judged by what: the registry and the profiles turned into tables that are walked by index.
//!
//! A *slot* is a device, or a node that devices name; a *watch* is one rule on one device; a *program* is a rule with
//! the numbers of a nameplate, shared by all devices that agree on them.

use std::{collections::HashMap, sync::Arc};

use super::program::{Level, Program, ProgramKind};
use crate::{
    alarm::Severity,
    id::{DeviceId, MetricName, SeriesId},
    profile::{Profile, Profiles, Rule},
    registry::{Device, Registry},
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
    /// The rule in the wording that counts on this device; None: as it stands in the profile.
    pub(super) amended: Option<Arc<Rule>>,
    pub(super) severity: Severity,
    pub(super) program: Arc<Program>,
    /// For each of the program's metrics the device's series; None: the device never declared it.
    pub(super) series: Box<[Option<SeriesAt>]>,
}

impl Watch {
    /// Whether it is the same rule in the same wording, so that what was known under the one counts under the other.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let wording = |watch: &Self| watch.amended.as_ref().map(|rule| (rule.version, rule.definition.clone()));
        self.rule == other.rule && wording(self) == wording(other)
    }

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

/// Index of a profile, and a nameplate's numbers, bit by bit, for the keys the profile looks at.
type ProgramKey = (usize, Vec<Option<u64>>);

/// The numbers that a nameplate has for these keys, bit by bit.
fn numbers<'k>(device: &Device, keys: impl IntoIterator<Item = &'k str>) -> Vec<Option<u64>> {
    keys.into_iter().map(|key| device.nameplate.get(key).map(|number| number.to_bits())).collect()
}

/// Programs of amended rules: one for all devices whose nameplates agree on what the rule looks at.
#[derive(Default)]
struct AmendedPrograms {
    /// By the address of the rule, which lives as long as the registry, and the numbers it looks at.
    known: HashMap<(*const Rule, Vec<Option<u64>>), Arc<Program>>,
}

impl AmendedPrograms {
    fn program(&mut self, profile: &Profile, rule: &Arc<Rule>, device: &Device) -> Arc<Program> {
        let numbers = numbers(device, Profile::keys_of([&**rule]));
        let program = || Arc::new(Program::new(profile, rule, &device.nameplate));
        Arc::clone(self.known.entry((Arc::as_ptr(rule), numbers)).or_insert_with(program))
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
        let mut own = AmendedPrograms::default();
        for (at, device) in (0..).zip(registry.devices()) {
            let node = plan.slot(&device.node.as_device());
            plan.slots[at as usize].node = node;
            let known = profiles.position(&device.profile);
            if node != at && !known.is_some_and(|(_, profile)| profile.is_on_file()) {
                plan.slots[node as usize].children.push(at);
            }
            let Some((profile_at, profile)) = known else { continue };
            let key = (profile_at, numbers(device, keys[profile_at].iter().copied()));
            let programs = programs.entry(key).or_insert_with(|| {
                let program = |rule| Arc::new(Program::new(profile, rule, &device.nameplate));
                profile.rules.iter().map(program).collect()
            });
            let first = index(plan.watches.len());
            for (rule_at, (program, rule)) in programs.iter().zip(&profile.rules).enumerate() {
                let amended = registry.amendments_on(device, &rule.id).next().map(|amended| Arc::clone(&amended.rule));
                let program =
                    amended.as_ref().map_or_else(|| Arc::clone(program), |rule| own.program(profile, rule, device));
                plan.watches.push(Watch {
                    slot: at,
                    rule: (profile_at, rule_at),
                    severity: amended.as_deref().unwrap_or(rule).severity,
                    series: vec![None; program.metrics.len()].into(),
                    amended,
                    program,
                });
            }
            let watches = first..index(plan.watches.len());
            let is_offline_rule = |watch: &Watch| matches!(watch.program.kind, ProgramKind::Offline { .. });
            let slot = &mut plan.slots[at as usize];
            let mut at_watch = watches.clone();
            slot.offline = at_watch.find(|&at| is_offline_rule(&plan.watches[at as usize]));
            slot.watches = watches;
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
