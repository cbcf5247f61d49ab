//! What a rule leaves out, from the kind of signal that it looks at.

use super::{
    Reader,
    tables::{ConditionTable, RuleTable},
};
use crate::profile::{Range, Setting, Signal};

/// What is known of a metric when rules over it are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    signal: Option<Signal>,
    /// The whole of what an instrument measures over, in the metric's unit.
    span: Option<f64>,
}

impl Usual {
    pub(super) fn of(signal: Option<Signal>, range: Option<Range>) -> Self {
        Self { signal, span: range.map(|range| range.max - range.min) }
    }

    fn deadband(self) -> Option<f64> {
        Some(self.signal?.deadband_percent() / 100.0 * self.span?)
    }
}

impl Reader<'_> {
    /// Fills in what the rule does not say, as far as its metric has a `signal`.
    pub(super) fn fill_in(&self, table: &mut RuleTable) {
        let (metric, deadband) = match &mut table.condition {
            ConditionTable::Limit(limit) => (&limit.metric, Some(&mut limit.deadband)),
            ConditionTable::Levels(levels) => (&levels.metric, Some(&mut levels.deadband)),
            ConditionTable::Deviation(deviation) => (&deviation.metric, Some(&mut deviation.deadband)),
            ConditionTable::Rate(rate) => (&rate.metric, None),
            ConditionTable::State(state) => (&state.metric, None),
            ConditionTable::Stuck(_)
            | ConditionTable::Anomaly(_)
            | ConditionTable::Due(_)
            | ConditionTable::Expression(_)
            | ConditionTable::Combination(_)
            | ConditionTable::Stale(_)
            | ConditionTable::Offline => return,
        };
        let Some(&usual) = self.metrics.get(metric.get_ref()) else { return };
        if let Some(deadband) = deadband {
            *deadband = deadband.or_else(|| usual.deadband());
        }
        let Some(signal) = usual.signal else { return };
        // Each level has a delay of its own.
        let has_own_delays = matches!(table.condition, ConditionTable::Levels(_));
        let on_delay_s = if has_own_delays { 0.0 } else { signal.on_delay_s() };
        table.on_delay_s.get_or_insert(Setting { default: Some(on_delay_s), nameplate: None, factor: 1.0 });
        table.off_delay_s.get_or_insert(signal.off_delay_s());
    }
}
