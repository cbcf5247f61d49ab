//! The ways of looking at a series. Each says how strongly the newest reading departs from what it expects; none says
//! whether that is rare.

use serde::{Deserialize, Serialize};

use super::finding::Reason;
use super::forecast::Forecast;
use super::mean::FadingMean;
use super::parameters::{
    CHANGE_LONG, CHANGE_SHORT, HOUR_SPREAD_SHARE, JUMP_LONG, LONG, SEASON_SHORT, SHORT, SPREAD_SHORT,
};
use super::season::{HourOfWeek, Season};

/// How many ways there are.
pub(super) const VIEWS: u8 = 12;
/// Readings before a deviation of the whole series can be believed.
const ENOUGH: f64 = 3.0;
/// Forecasts and hourly values before their errors can be.
const ENOUGH_ERRORS: f64 = 10.0;
/// A spread a thousandth of the usual is as good as none.
const SPREAD_FLOOR: f64 = 1e-3;
/// No departure is stronger than this.
const STRONGEST: f64 = 1e9;

/// One way's answer for one reading, in the detector's own unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) reason: Reason,
    /// At least 0; its unit differs from view to view.
    pub(super) strength: f64,
    pub(super) expected: f64,
    pub(super) scale: f64,
}

/// What all the views remember.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Views {
    previous: Option<f64>,
    level: FadingMean,
    short: FadingMean,
    jump: Against,
    change: Against,
    season: Season,
    any_day: Residual,
    kind_of_day: Residual,
    kind_of_day_short: Residual,
    day_of_week: Residual,
    spread: FadingMean,
    usual_spread: FadingMean,
    roughness: FadingMean,
    usual_roughness: FadingMean,
    forecast: Forecast,
    forecast_error: FadingMean,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            previous: None,
            level: FadingMean::over(LONG),
            short: FadingMean::over(SHORT),
            jump: Against::new(1.0, JUMP_LONG),
            change: Against::new(CHANGE_SHORT, CHANGE_LONG),
            season: Season::default(),
            any_day: Residual::over(1.0),
            kind_of_day: Residual::over(1.0),
            kind_of_day_short: Residual::over(SEASON_SHORT),
            day_of_week: Residual::over(1.0),
            spread: FadingMean::over(SPREAD_SHORT),
            usual_spread: FadingMean::over(LONG),
            roughness: FadingMean::over(SPREAD_SHORT),
            usual_roughness: FadingMean::over(LONG),
            forecast: Forecast::over(LONG),
            forecast_error: FadingMean::over(LONG),
        }
    }
}

impl Views {
    /// Looks at the reading in every way, then learns it.
    pub(super) fn look(&mut self, at: HourOfWeek, value: f64) -> [View; VIEWS as usize] {
        let [level, short_level] = self.levels(value);
        let [hours_own, any_day, kind_of_day, kind_of_day_short, day_of_week] = self.seasons(at, value);
        let [jump, change] = [self.jump.judge(Reason::Jump, value), self.change.judge(Reason::LevelChange, value)];
        let [spread, roughness] = self.spreads(value);
        let forecast = self.forecasts(value);
        self.previous = Some(value);
        [
            level,
            short_level,
            hours_own,
            any_day,
            kind_of_day,
            kind_of_day_short,
            day_of_week,
            jump,
            change,
            spread,
            roughness,
            forecast,
        ]
    }

    fn levels(&mut self, value: f64) -> [View; 2] {
        self.short.add(value);
        let (expected, scale) = (self.level.mean(), self.level.deviation());
        let believed = self.level.count() >= ENOUGH;
        let view = |value: f64| View {
            reason: Reason::Level,
            strength: if believed { ratio((value - expected).abs(), scale) } else { 0.0 },
            expected,
            scale,
        };
        let views = [view(value), view(self.short.mean())];
        self.level.add(value);
        views
    }

    fn seasons(&mut self, at: HourOfWeek, value: f64) -> [View; 5] {
        let usual = self.season.usual(at);
        let level = self.level.mean();
        let any_day = usual.any_day.unwrap_or(level);
        let kind_of_day = usual.kind_of_day.unwrap_or(level);
        let day_of_week = usual.day_of_week.unwrap_or(level);
        let departure = value - kind_of_day;
        let hours_own = View {
            reason: Reason::HourOfKindOfDay,
            strength: usual.spread.map_or(0.0, |spread| {
                ratio(departure.abs(), spread + HOUR_SPREAD_SHARE * self.kind_of_day.usual.deviation())
            }),
            expected: kind_of_day,
            scale: usual.spread.unwrap_or_default(),
        };
        let views = [
            hours_own,
            self.any_day.judge(Reason::HourOfDay, value, any_day),
            self.kind_of_day.judge(Reason::HourOfKindOfDay, value, kind_of_day),
            self.kind_of_day_short.judge(Reason::HourOfKindOfDay, value, kind_of_day),
            self.day_of_week.judge(Reason::HourOfWeek, value, day_of_week),
        ];
        self.season.learn(at, value, departure);
        views
    }

    fn spreads(&mut self, value: f64) -> [View; 2] {
        let step = self.previous.map_or(0.0, |previous| (value - previous).abs());
        self.spread.add(value);
        self.usual_spread.add(self.spread.deviation());
        self.roughness.add(step);
        self.usual_roughness.add(step);
        let expected = self.level.mean();
        let view = |reason: Reason, now: f64, usual: &FadingMean| View {
            reason,
            strength: if usual.count() < ENOUGH { 0.0 } else { growth(now, usual.mean()) },
            expected,
            scale: usual.mean(),
        };
        [
            view(Reason::Spread, self.spread.deviation(), &self.usual_spread),
            view(Reason::Roughness, self.roughness.mean(), &self.usual_roughness),
        ]
    }

    fn forecasts(&mut self, value: f64) -> View {
        let scale = self.level.deviation();
        let Some(surprise) = self.forecast.judge(value) else {
            return View { reason: Reason::Forecast, strength: 0.0, expected: value, scale };
        };
        let error = surprise.error.abs();
        let usual = self.forecast_error.mean();
        let believed = self.forecast_error.count() >= ENOUGH_ERRORS;
        self.forecast_error.add(error);
        View {
            reason: Reason::Forecast,
            strength: if believed { ratio(error, usual) } else { 0.0 },
            expected: surprise.expected,
            scale: usual * scale,
        }
    }
}

/// A short mean against the longer one before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Against {
    short: FadingMean,
    long: FadingMean,
    usual: FadingMean,
}

impl Against {
    fn new(short: f64, long: f64) -> Self {
        Self { short: FadingMean::over(short), long: FadingMean::over(long), usual: FadingMean::over(LONG) }
    }

    fn judge(&mut self, reason: Reason, value: f64) -> View {
        self.short.add(value);
        let expected = self.long.mean();
        let difference = self.short.mean() - expected;
        let scale = self.usual.deviation();
        let strength = if self.usual.count() < ENOUGH { 0.0 } else { ratio(difference.abs(), scale) };
        self.usual.add(difference);
        self.long.add(value);
        View { reason, strength, expected, scale }
    }
}

/// The departure from an hour's usual value, averaged over a few readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Residual {
    short: FadingMean,
    usual: FadingMean,
}

impl Residual {
    fn over(readings: f64) -> Self {
        Self { short: FadingMean::over(readings), usual: FadingMean::over(LONG) }
    }

    fn judge(&mut self, reason: Reason, value: f64, expected: f64) -> View {
        self.short.add(value - expected);
        let scale = self.usual.deviation();
        let departure = self.short.mean();
        let strength = if self.usual.count() < ENOUGH_ERRORS { 0.0 } else { ratio(departure.abs(), scale) };
        self.usual.add(departure);
        View { reason, strength, expected, scale }
    }
}

/// `part / whole`, where something beside nothing is the strongest there is.
fn ratio(part: f64, whole: f64) -> f64 {
    // Readings come in units of the series' own first step: this is rounding, not a measurement.
    (part / (whole + 1e-12)).min(STRONGEST)
}

/// How much larger than usual, as a logarithm; smaller than usual is 0.
fn growth(now: f64, usual: f64) -> f64 {
    ((now + SPREAD_FLOOR * usual + 1e-12) / (usual + 1e-12)).ln().clamp(0.0, STRONGEST)
}
