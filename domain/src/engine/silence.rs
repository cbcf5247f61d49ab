//! Nobody is heard: a link that is down, readings that are missing. Who speaks up then, how bad it is, and what to call it.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    evaluation::Evaluation,
    io::Link,
    judge::{Standing, earliest},
    plan::{SlotAt, Watch, WatchAt},
    program::{Level, place_of},
    state::{Phase, WatchState},
};
use crate::{alarm::Severity, text::Text};

/// How many kinds of devices a cause names; the others it counts.
const KINDS_NAMED: usize = 3;

impl Evaluation<'_> {
    /// Judges a rule about the link.
    pub(super) fn judge_link(&mut self, at: WatchAt) {
        let plan = &self.engine.plan;
        let watch = &plan.watches[at as usize];
        let is_offline = !self.is_online(watch.slot);
        if self.is_covered_by_node(watch) {
            self.freeze(at);
        } else if is_offline && !self.is_judged(watch) {
            self.rest(at);
        } else {
            let nothing = Standing { held: 0, keeps: false, changes_at: None };
            let finding = if is_offline { self.silence(at) } else { nothing };
            self.advance(at, finding, None);
        }
        // What it stands for speaks for itself outside its hours.
        if watch.program.only_between.is_some() {
            for &covered in &plan.slots[watch.slot as usize].covered {
                self.judge(covered, None);
            }
        }
    }

    /// How bad it is that a device, or a node with what its alarm stands for, is not heard: bit by bit of
    /// [`Severity::ALL`], each to be held for the rule's on-delay.
    fn silence(&self, at: WatchAt) -> Standing {
        let watch = &self.engine.plan.watches[at as usize];
        let silent_ms = self.silent_ms(at);
        let mut finding = Standing { held: 0, keeps: false, changes_at: None };
        for (level, begins_ms) in self.levels_of_silence(watch) {
            if begins_ms <= silent_ms {
                finding.held |= 1 << place_of(level.severity);
            } else {
                let changes_at = self.now.mono.plus_ms(begins_ms - silent_ms);
                finding.changes_at = earliest(finding.changes_at, Some(changes_at));
            }
        }
        for hours in self.covered(watch).filter_map(|covered| covered.program.only_between) {
            let changes_at = self.now.mono.plus_ms(hours.until_change_ms(self.present));
            finding.changes_at = earliest(finding.changes_at, Some(changes_at));
        }
        finding
    }

    /// How long it has been silent while its rule was judged, or since its alarm was raised.
    fn silent_ms(&self, at: WatchAt) -> u64 {
        let (watch, state) = (&self.engine.plan.watches[at as usize], self.watch(at));
        let own = place_of(watch.severity);
        if state.held & (1 << own) == 0 { 0 } else { self.now.mono.since_ms(state.since[own]) }
    }

    /// The levels of an offline rule and of those that it stands for at this moment, each with the time of silence after
    /// which it begins, the on-delay apart. The first of a device behind a node begins with the node's: its own delay lets a
    /// single link settle, and the node's has settled by then.
    fn levels_of_silence<'b>(&'b self, watch: &'b Watch) -> impl Iterator<Item = (Level, u64)> + 'b {
        let covered = self.covered(watch).filter(|covered| self.is_judged(covered));
        std::iter::once(watch).chain(covered).flat_map(move |of| {
            let levels = of.levels().unwrap_or_default().iter().enumerate();
            let on_delay_ms = watch.program.on_delay_ms;
            let begins_ms = move |number, for_ms: u64| if number == 0 { 0 } else { for_ms.saturating_sub(on_delay_ms) };
            levels.map(move |(number, level)| (*level, begins_ms(number, level.for_ms)))
        })
    }

    /// How long the silence is that makes it this bad.
    pub(super) fn silence_stated_ms(&self, watch: &Watch, severity: Severity) -> u64 {
        let silent_ms = self.engine.plan.slots[watch.slot as usize].offline.map_or(0, |at| self.silent_ms(at));
        let is_reached = |(level, begins_ms): &(Level, u64)| level.severity == severity && *begins_ms <= silent_ms;
        let begun = self.levels_of_silence(watch).filter(is_reached).map(|(_, begins_ms)| begins_ms).max();
        begun.unwrap_or(0).saturating_add(watch.program.on_delay_ms)
    }

    /// The rules of a node's devices that its offline alarm stands for, and that are in service.
    fn covered(&self, watch: &Watch) -> impl Iterator<Item = &Watch> {
        let plan = &self.engine.plan;
        plan.slots[watch.slot as usize].covered.iter().map(|&at| &plan.watches[at as usize]).filter(|covered| {
            let (_, rule) = self.engine.rule_of(covered);
            self.out_of_service(&plan.slots[covered.slot as usize].id, &rule.id).is_none()
        })
    }

    /// Looks again at the alarm of a device's node, after one of its rules went out of service or came back.
    pub(super) fn judge_node_of(&mut self, slot: SlotAt) {
        let plan = &self.engine.plan;
        let node = plan.slots[slot as usize].node;
        if let Some(offline) = plan.slots[node as usize].offline.filter(|_| node != slot) {
            self.judge_link(offline);
        }
    }

    /// Which metrics have not been heard for too long.
    pub(super) fn staleness(&self, watch: &Watch, after_ms: &[u64]) -> Standing {
        let online_since = self.link(watch.slot).since;
        let mut finding = Standing { held: 0, keeps: false, changes_at: None };
        for (place, &after_ms) in after_ms.iter().enumerate() {
            let Some(series) = watch.series[place] else { continue };
            let fresh_at = self.series(series).fresh_at;
            // Coming online gives a device time to report, but only a reading ends an alarm.
            finding.keeps |= fresh_at.plus_ms(after_ms) <= self.now.mono;
            let stale_at = fresh_at.max(online_since).plus_ms(after_ms);
            if stale_at <= self.now.mono {
                finding.held = 1;
            } else {
                finding.changes_at = earliest(finding.changes_at, Some(stale_at));
            }
        }
        finding
    }

    /// Whether the device is known to be online.
    pub(super) fn is_online(&self, slot: SlotAt) -> bool {
        self.link(slot).link == Some(Link::Online)
    }

    /// Whether the node's own alarm says already that nobody speaks for this device. A severity I rule never yields, and
    /// outside the hours of that alarm nothing does.
    fn is_covered_by_node(&self, watch: &Watch) -> bool {
        let plan = &self.engine.plan;
        let node = plan.slots[watch.slot as usize].node;
        let speaks = |offline: WatchAt| self.is_judged(&plan.watches[offline as usize]);
        node != watch.slot
            && watch.severity != Severity::I
            && plan.slots[node as usize].offline.is_some_and(speaks)
            && !self.is_online(node)
    }

    /// Nothing can be said: what was raised stays, what was only pending is dropped.
    pub(super) fn freeze(&mut self, at: WatchAt) {
        let old = self.watch(at);
        let phase = match old.phase {
            Phase::Clear | Phase::Pending => Phase::Clear,
            Phase::Holds | Phase::Leaving { .. } => Phase::Holds,
        };
        let after = WatchState { phase, held: 0, wake: None, ..old.clone() };
        self.put(at, after);
    }

    /// Outside its hours nobody is called for what is silent: what was raised stays and grows no worse, although its time
    /// runs on; what was only pending begins again with the hours.
    pub(super) fn rest(&mut self, at: WatchAt) {
        let watch = &self.engine.plan.watches[at as usize];
        let hours = watch.program.only_between;
        let wake = hours.map(|hours| self.now.mono.plus_ms(hours.until_change_ms(self.present)));
        let old = self.watch(at);
        let (phase, held) = match old.phase {
            Phase::Clear | Phase::Pending => (Phase::Clear, 0),
            Phase::Holds | Phase::Leaving { .. } => (Phase::Holds, old.held),
        };
        let after = WatchState { phase, held, wake, ..old.clone() };
        self.put(at, after);
    }

    /// `14 devices unwatched: 2 × Gas detector, 8 × Kitchen camera, 4 others`, the gravest kinds first; None: the slot is
    /// no node with devices.
    pub(super) fn unwatched(&self, slot: SlotAt) -> Option<Text> {
        let engine = self.engine;
        let (registry, slots) = (&engine.registry, &engine.plan.slots);
        let mut gravity: BTreeMap<SlotAt, Severity> = BTreeMap::new();
        for &at in &slots[slot as usize].covered {
            let covered = &engine.plan.watches[at as usize];
            let worst = gravity.entry(covered.slot).or_insert(covered.severity);
            *worst = covered.severity.min(*worst);
        }
        // What no rule would have told of comes last.
        let mut kinds: BTreeMap<&str, (bool, Severity, usize, &Text)> = BTreeMap::new();
        let children = &slots[slot as usize].children;
        for &child in children {
            let device = registry.device(&slots[child as usize].id);
            let Some(profile) = device.and_then(|device| engine.profiles.get(&device.profile)) else { continue };
            let severity = gravity.get(&child).copied();
            let (is_untold, worst) = (severity.is_none(), severity.unwrap_or(Severity::IV));
            let kind = kinds.entry(profile.id.as_str()).or_insert((is_untold, worst, 0, &profile.title));
            *kind = (kind.0 && is_untold, kind.1.min(worst), kind.2 + 1, kind.3);
        }
        if children.is_empty() {
            return None;
        }
        let mut kinds: Vec<_> = kinds.into_values().collect();
        kinds.sort_by_key(|&(is_untold, severity, count, _)| (is_untold, severity, Reverse(count)));
        let named = kinds.iter().take(KINDS_NAMED);
        let (mut zh, mut en): (Vec<String>, Vec<String>) = named
            .clone()
            .map(|(_, _, count, title)| (format!("{} {count} 台", title.zh), format!("{count} × {}", title.en)))
            .unzip();
        let others = children.len() - named.map(|(_, _, count, _)| count).sum::<usize>();
        if others > 0 {
            zh.push(format!("其他 {others} 台"));
            en.push(format!("{others} {}", if others == 1 { "other" } else { "others" }));
        }
        let devices = if children.len() == 1 { "device" } else { "devices" };
        Some(Text::new(
            format!("{} 台设备失去监测：{}", children.len(), zh.join("、")),
            format!("{} {devices} unwatched: {}", children.len(), en.join(", ")),
        ))
    }
}
