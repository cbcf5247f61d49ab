//! 大型游乐设施风速: the anemometer of an amusement ride, and the ride it may stop.

use std::collections::VecDeque;

use serde::Deserialize;

use super::chance::{Chance, Wander};
use crate::{
    register::{Registers, tenths},
    trouble::{Kind, Troubles},
};

/// The mean and the gust are taken over this window (WMO: gust = highest 3 s mean; mean here over one minute).
const WINDOW_S: f64 = 60.0;
const GUST_MEAN_S: f64 = 3.0;
/// Turbulence intensity: spread of the wind around its mean, as a share of the mean, in hilly country.
const TURBULENCE: f64 = 0.16;
/// GB 8408-2018: rides stop above 15 m/s. The operator needs some time to bring the gondola down.
const STOP_AT_GUST: f64 = 15.0;
const STOPPING_S: f64 = 45.0;
/// A ride and the boarding after it.
const RIDE_S: f64 = 180.0;
const BOARDING_S: f64 = 120.0;

/// The place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Mean wind of an ordinary day, m/s.
    pub mean_m_per_s: f64,
}

/// One anemometer and its ride.
#[derive(Debug)]
pub struct RideWind {
    ordinary_m_per_s: f64,
    slow_m_per_s: f64,
    weather: Wander,
    turbulence: Wander,
    window: VecDeque<(f64, f64)>,
    last_3s_m_per_s: f64,
    into_cycle_s: f64,
    too_windy_s: f64,
}

impl RideWind {
    /// An ordinary day.
    pub fn new(config: &Config) -> Self {
        Self {
            ordinary_m_per_s: config.mean_m_per_s,
            slow_m_per_s: config.mean_m_per_s,
            weather: Wander::default(),
            turbulence: Wander::default(),
            window: VecDeque::new(),
            last_3s_m_per_s: config.mean_m_per_s,
            into_cycle_s: 0.0,
            too_windy_s: 0.0,
        }
    }

    fn gust(&self) -> f64 {
        self.window.iter().map(|&(_, wind)| wind).fold(0.0, f64::max)
    }

    fn mean(&self) -> f64 {
        let duration_s: f64 = self.window.iter().map(|&(elapsed_s, _)| elapsed_s).sum();
        let sum: f64 = self.window.iter().map(|&(elapsed_s, wind)| elapsed_s * wind).sum();
        if duration_s > 0.0 { sum / duration_s } else { self.slow_m_per_s }
    }

    fn is_running(&self) -> bool {
        self.into_cycle_s < RIDE_S && self.too_windy_s < STOPPING_S
    }

    /// Lets time pass. The magnitude of a storm is its mean wind in m/s.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        let target = troubles.magnitude(Kind::Storm).unwrap_or(self.ordinary_m_per_s);
        self.slow_m_per_s = super::chance::approach(self.slow_m_per_s, target, elapsed_s, 30.0);
        let mean = (self.slow_m_per_s + self.weather.step(elapsed_s, 300.0, 0.5, chance)).max(0.2);
        let wind = (mean * (1.0 + self.turbulence.step(elapsed_s, 5.0, TURBULENCE, chance))).max(0.0);
        self.last_3s_m_per_s = super::chance::approach(self.last_3s_m_per_s, wind, elapsed_s, GUST_MEAN_S);

        self.window.push_back((elapsed_s, self.last_3s_m_per_s));
        let mut duration_s: f64 = self.window.iter().map(|&(elapsed_s, _)| elapsed_s).sum();
        while duration_s > WINDOW_S
            && let Some((oldest_s, _)) = self.window.pop_front()
        {
            duration_s -= oldest_s;
        }

        self.too_windy_s = if self.gust() > STOP_AT_GUST { self.too_windy_s + elapsed_s } else { 0.0 };
        self.into_cycle_s = (self.into_cycle_s + elapsed_s) % (RIDE_S + BOARDING_S);
    }

    /// Holding 0: mean of one minute, holding 1: gust, both in tenths of m/s; coil 0: the ride runs.
    pub fn registers(&self) -> Registers {
        Registers {
            holding: vec![tenths(self.mean()), tenths(self.gust())],
            coils: vec![self.is_running()],
            ..Registers::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn an_ordinary_day_stays_below_the_limits_and_a_storm_stops_the_ride() {
        let mut chance = Chance::seed_from_u64(11);
        let mut ride = RideWind::new(&Config { mean_m_per_s: 5.0 });
        for _ in 0..6000 {
            ride.step(0.1, &Troubles::default(), &mut chance);
            assert!(ride.mean() < 9.0 && ride.gust() < 12.0, "mean {}, gust {}", ride.mean(), ride.gust());
        }
        let storm = Troubles::of(&[(Kind::Storm, 15.0)]);
        for _ in 0..1800 {
            ride.step(0.1, &storm, &mut chance);
        }
        assert!(ride.mean() > 12.0 && ride.gust() > 15.0, "mean {}, gust {}", ride.mean(), ride.gust());
        assert!(!ride.is_running());
    }
}
