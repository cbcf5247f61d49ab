//! Readings against their own past: a rule that asks a detector of its own, one for each device.
//!
//! The detector hears means of a few minutes, not readings: sources report at their own pace, and a door that opens for a
//! moment is not an episode. It speaks up once for one episode. What it finds strange then goes on until a mean has come
//! back half-way to what was expected, and at most for the rule's time: what lasts longer is what this series now is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    evaluation::Evaluation,
    judge::Standing,
    plan::{Watch, WatchAt},
};
use crate::{
    detector::{ALERT_SCORE, Detector, Finding},
    profile::Daily,
    reading::{Quality, Reading},
    time::UnixMs,
};

/// The rule's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a length of time says its unit")]
pub(super) struct Vigilance {
    /// The length of a mean, in milliseconds.
    pub(super) every_ms: i64,
    /// So long after the first mean nothing is called strange, in milliseconds.
    pub(super) learn_ms: i64,
    /// What is strange is so at most for this long, in milliseconds of event time.
    pub(super) at_most_ms: i64,
}

/// What such a rule remembers of one device: together with its detector less than 4 KiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Anomaly {
    /// Shared until it learns the next mean.
    detector: Arc<Detector>,
    /// When the first mean began.
    begun: UnixMs,
    /// When the present mean began, and what is in it.
    window: UnixMs,
    sum: f64,
    count: u32,
    strange: Option<Strange>,
}

/// What was found, while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Strange {
    pub(super) finding: Finding,
    /// The mean that it was found in began then.
    since: UnixMs,
}

impl Anomaly {
    fn new(at: UnixMs) -> Self {
        Self { detector: Arc::default(), begun: at, window: at, sum: 0.0, count: 0, strange: None }
    }

    pub(super) const fn strange(&self) -> Option<&Strange> {
        self.strange.as_ref()
    }

    /// Takes up a reading. Whether a mean was completed by it.
    fn take(&mut self, at: UnixMs, value: f64, vigilance: Vigilance) -> bool {
        let window = UnixMs(at.0 - at.0.rem_euclid(vigilance.every_ms));
        if window < self.window {
            return false;
        }
        let is_complete = window > self.window && self.count > 0;
        if is_complete {
            self.close(vigilance);
        }
        if window > self.window {
            (self.window, self.sum, self.count) = (window, 0.0, 0);
        }
        self.sum += value;
        self.count = self.count.saturating_add(1);
        is_complete
    }

    fn close(&mut self, vigilance: Vigilance) {
        let mean = self.sum / f64::from(self.count);
        let Some(finding) = Arc::make_mut(&mut self.detector).judge(Daily::local(self.window), mean) else { return };
        let is_known = self.window.since_ms(self.begun) >= vigilance.learn_ms;
        if is_known && finding.score >= ALERT_SCORE {
            self.strange = Some(Strange { finding, since: self.window });
            return;
        }
        self.strange = self.strange.filter(|strange| {
            let Finding { value, expected, .. } = strange.finding;
            let is_back = (mean - expected).abs() < (value - expected).abs() / 2.0;
            !is_back && self.window.since_ms(strange.since) < vigilance.at_most_ms
        });
    }
}

impl Evaluation<'_> {
    /// Judges a rule of this kind; only a reading changes anything but its delays.
    pub(super) fn judge_anomaly(&mut self, at: WatchAt, vigilance: Vigilance, trigger: Option<&Reading>) {
        let watch = &self.engine.plan.watches[at as usize];
        let number = trigger
            .filter(|it| it.quality == Quality::Good && watch.series[0] == Some(it.series.0))
            .and_then(|it| Some((it.event_time, it.value.as_ref()?.as_f64().filter(|number| number.is_finite())?)));
        if let Some((event_time, number)) = number {
            let known = self.engine.anomalies.get(&at);
            let begin = || known.cloned().unwrap_or_else(|| Anomaly::new(event_time));
            let anomaly = self.outcome.delta.anomalies.entry(at).or_insert_with(begin);
            if !anomaly.take(event_time, number, vigilance) {
                return;
            }
        }
        let is_strange = self.anomaly(at).is_some_and(|anomaly| anomaly.strange.is_some());
        let held = u8::from(is_strange && self.is_judged(watch));
        self.advance(at, Standing { held, keeps: false, changes_at: None }, trigger);
    }

    /// What is strange about a device by one of its rules; None: nothing.
    pub(super) fn strangeness(&self, watch: &Watch) -> Option<&Strange> {
        let plan = &self.engine.plan;
        let at =
            plan.slots[watch.slot as usize].watches.clone().find(|&at| plan.watches[at as usize].rule == watch.rule)?;
        self.anomaly(at)?.strange()
    }

    fn anomaly(&self, at: WatchAt) -> Option<&Anomaly> {
        self.outcome.delta.anomalies.get(&at).or_else(|| self.engine.anomalies.get(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_remembers_of_a_device_fits_in_four_kibibytes() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Anomaly>() + size_of::<Detector>() + counts <= 4096);
    }
}
