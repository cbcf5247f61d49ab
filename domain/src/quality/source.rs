//! Who calls: the sources (a rule on a device) that call most, that chatter, whose conditions are gone at once.

use std::collections::HashMap;

use super::percent;
use crate::{
    alarm::chatter::{Recent, WINDOW_MS},
    id::{DeviceId, RuleId},
};

/// What is gone within so many milliseconds is gone before anybody can act: our choice, as no standard gives a number.
pub(super) const FLEETING_MS: i64 = 10_000;

/// One of the sources that call most.
#[derive(Debug, Clone, PartialEq)]
pub struct BadActor {
    /// Its device.
    pub device: DeviceId,
    /// Its rule.
    pub rule: RuleId,
    /// How often it called.
    pub call_count: u64,
    /// How much of all calls that is, in percent.
    pub share_percent: f64,
    /// How often it began to chatter.
    pub chatter_count: u64,
    /// How often its condition was gone within ten seconds.
    pub fleeting_count: u64,
}

/// One source's calls.
#[derive(Debug, Default)]
pub(super) struct Source {
    call_count: u64,
    chatter_count: u64,
    pub(super) fleeting_count: u64,
    recent: Recent,
    chattered_at_ms: Option<u64>,
}

impl Source {
    /// Notes a call; true: the source chatters for the first time.
    pub(super) fn call(&mut self, at_ms: u64) -> bool {
        self.call_count += 1;
        if !self.recent.note(at_ms + 1) {
            return false;
        }
        let goes_on = self.chattered_at_ms.is_some_and(|last| at_ms.saturating_sub(last) <= WINDOW_MS);
        self.chattered_at_ms = Some(at_ms);
        self.chatter_count += u64::from(!goes_on);
        !goes_on && self.chatter_count == 1
    }
}

/// The `limit` sources that call most, and how often they called together.
pub(super) fn worst(
    sources: HashMap<(DeviceId, RuleId), Source>,
    call_count: u64,
    limit: usize,
) -> (Vec<BadActor>, u64) {
    let mut sources: Vec<_> = sources.into_iter().filter(|(_, source)| source.call_count > 0).collect();
    sources.sort_by(|(a, left), (b, right)| right.call_count.cmp(&left.call_count).then_with(|| a.cmp(b)));
    sources.truncate(limit);
    let together = sources.iter().map(|(_, source)| source.call_count).sum();
    let worst = sources.into_iter().map(|((device, rule), source)| BadActor {
        device,
        rule,
        call_count: source.call_count,
        share_percent: percent(source.call_count, call_count),
        chatter_count: source.chatter_count,
        fleeting_count: source.fleeting_count,
    });
    (worst.collect(), together)
}
