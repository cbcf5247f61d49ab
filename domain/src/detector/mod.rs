//! Streaming anomaly detection: is this reading unlike everything this series has shown, and in which way?
//!
//! One detector belongs to one series. It sees readings in order, keeps a bounded state, looks at no future, needs no
//! training and has no knob. It knows no unit: it is the same for °C and for MPa. It decides no alarm: a rule does.
//!
//! A reading goes through six steps, each a module:
//! - [`mod@unit`]: shift and scale to the series' own origin and step.
//! - [`views`]: twelve ways of looking ([`season`], [`forecast`] …), each giving the strength of a departure.
//! - [`rarity`]: the strength's rank among all strengths of that view: evidence in powers of ten.
//! - [`together`]: the means of all views' evidence, ranked once more, and [`record`]: what lies beyond everything seen.
//! - [`habit`]: less what the same hour brings every day.
//! - [`quiet`]: one alert for one episode.

mod finding;
mod forecast;
mod habit;
mod mean;
mod parameters;
mod quiet;
mod rarity;
mod record;
mod season;
mod together;
mod unit;
mod views;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::finding::{Finding, Reason};
use self::habit::Habit;
use self::parameters::{HALF_SCORE_EVIDENCE, RECORD_TELLING, VIEW_EXCESS};
use self::quiet::Quiet;
use self::rarity::Rarity;
use self::record::Record;
use self::season::HourOfWeek;
use self::together::Together;
use self::unit::Unit;
use self::views::{VIEWS, Views};
use crate::time::UnixMs;

/// The score from which a finding is an alert: evidence of one in two thousand, the same for every series.
pub const ALERT_SCORE: f64 = 0.5;

/// The state of one series; its size is fixed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    unit: Unit,
    views: Views,
    rarity: [Rarity; VIEWS as usize],
    together: Together,
    record: Record,
    habit: Habit,
    quiet: Quiet,
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
        let at = HourOfWeek::of(local);
        let views = self.views.look(at, reduced);
        let mut evidence = [0.0; VIEWS as usize];
        let mut strangest = 0;
        for (index, (view, rarity)) in views.iter().zip(&mut self.rarity).enumerate() {
            evidence[index] = rarity.judge(view.strength, VIEW_EXCESS);
            if evidence[index] > evidence[strangest] {
                strangest = index;
            }
        }
        let broken = self.record.judge(reduced);
        let all = self.together.judge(evidence) + broken.map_or(0.0, |broken| broken.evidence);
        let evidence = self.quiet.pass(self.habit.judge(at, all));
        let strangest = views[strangest];
        let (reason, expected, scale) = match broken {
            Some(broken) if broken.evidence >= RECORD_TELLING => (Reason::Record, broken.bound, broken.range),
            _ => (strangest.reason, strangest.expected, strangest.scale),
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
