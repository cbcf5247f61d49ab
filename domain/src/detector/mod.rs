//! Streaming anomaly detection: is this reading unlike everything this series has shown, and in which way?
//!
//! One detector belongs to one series. It sees readings in order, keeps a bounded state, looks at no future, needs no
//! training and has no knob. It knows no unit: it is the same for °C and for MPa. It decides no alarm: a rule does.
//!
//! A reading goes through five steps, each a module:
//! - [`mod@unit`]: shift and scale to the series' own origin and step.
//! - [`views`]: eleven ways of looking ([`season`], [`forecast`] …), each giving the strength of a departure.
//! - [`rarity`]: the strength's rank among all strengths of that view: evidence in powers of ten.
//! - the mean evidence of all views, ranked once more among its own history, and [`record`]: what lies beyond everything seen.
//! - [`quiet`]: one alert for one episode.

mod finding;
mod forecast;
mod mean;
mod parameters;
mod quiet;
mod rarity;
mod record;
mod season;
mod unit;
mod views;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::finding::{Finding, Reason};
use self::parameters::{HALF_SCORE_EVIDENCE, RECORD_TELLING, TOGETHER_EXCESS, VIEW_EXCESS};
use self::quiet::Quiet;
use self::rarity::Rarity;
use self::record::Record;
use self::season::HourOfWeek;
use self::unit::Unit;
use self::views::{VIEWS, View, Views};
use crate::time::UnixMs;

/// The score from which a finding is an alert: evidence of one in two thousand, the same for every series.
pub const ALERT_SCORE: f64 = 0.5;

/// The state of one series; its size is fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    unit: Unit,
    views: Views,
    rarity: [Rarity; VIEWS as usize],
    together: Rarity,
    record: Record,
    quiet: Quiet,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            unit: Unit::default(),
            views: Views::default(),
            rarity: std::array::from_fn(|_| Rarity::new(VIEW_EXCESS)),
            together: Rarity::new(TOGETHER_EXCESS),
            record: Record::default(),
            quiet: Quiet::default(),
        }
    }
}

impl Detector {
    /// Judges the series' next reading, then learns it. `local` is its time on the site's own clock (UTC shifted by the
    /// site's offset), so that hours and weekends are those people live by. `None` for a value that is not a number or
    /// infinite: nothing can be said of it, and nothing is learnt.
    pub fn judge(&mut self, local: UnixMs, value: f64) -> Option<Finding> {
        if !value.is_finite() {
            return None;
        }
        let reduced = self.unit.reduce(value);
        let views = self.views.look(HourOfWeek::of(local), reduced);
        let mut sum = 0.0;
        let mut strangest: (f64, View) = (f64::NEG_INFINITY, views[0]);
        for (view, rarity) in views.iter().zip(&mut self.rarity) {
            let evidence = rarity.judge(view.strength);
            sum += evidence.max(0.0);
            if evidence > strangest.0 {
                strangest = (evidence, *view);
            }
        }
        let together = self.together.judge(sum / f64::from(VIEWS));
        let broken = self.record.judge(reduced);
        let evidence = self.quiet.pass(together + broken.map_or(0.0, |broken| broken.evidence));
        let (reason, expected, scale) = match broken {
            Some(broken) if broken.evidence >= RECORD_TELLING => (Reason::Record, broken.bound, broken.range),
            _ => (strangest.1.reason, strangest.1.expected, strangest.1.scale),
        };
        Some(Finding {
            score: evidence / (evidence + HALF_SCORE_EVIDENCE),
            value,
            expected: self.unit.restore(expected),
            scale: self.unit.restore_distance(scale),
            reason,
        })
    }
}
