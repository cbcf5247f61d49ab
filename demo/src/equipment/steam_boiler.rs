//! 蒸汽锅炉: a steam boiler with pressure, level and burner control and a load that people and machines draw.

use serde::Deserialize;

use super::chance::{self, Chance, Wander};
use crate::{
    register::{Registers, bits, float_high_first, float_low_first},
    trouble::{Kind, Troubles},
};

/// Rise of pressure at full fire and no load; a small package boiler reacts within minutes.
const FULL_FIRE_MPA_PER_S: f64 = 0.003;
/// The burner starts below and stops above the set pressure by this much.
const START_BELOW_MPA: f64 = 0.04;
const STOP_ABOVE_MPA: f64 = 0.03;
/// Lowest fire of a modulating gas burner, and how much fire one MPa of lacking pressure adds.
const LOWEST_FIRE: f64 = 0.3;
const FIRE_PER_MPA: f64 = 12.0;
/// The spring-loaded valve lifts here, as a share of the allowed pressure (TSG 11: 1.04 times above 0.8 MPa).
const SAFETY_VALVE_LIFTS: f64 = 1.04;
/// Level moved by the feed pump, and by steam at full load, millimetres per second.
const FEED_MM_PER_S: f64 = 1.2;
const STEAM_MM_PER_S: f64 = 0.6;
const FEED_STARTS_MM: f64 = -12.0;
const FEED_STOPS_MM: f64 = 12.0;
/// The low-water interlock shuts the burner, and lets go once the level has recovered.
const TRIP_MM: f64 = -80.0;
const TRIP_CLEARS_MM: f64 = -20.0;

/// Order of the two registers of a number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordOrder {
    /// High word first.
    HighFirst,
    /// Low word first.
    LowFirst,
}

/// Nameplate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the burner holds, MPa gauge.
    pub set_pressure_mpa: f64,
    /// The registered pressure, MPa gauge.
    pub allowed_pressure_mpa: f64,
    /// How this maker's controller orders its words.
    pub word_order: WordOrder,
}

/// One boiler.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "burner, pump and two interlocks, independent of one another")]
pub struct SteamBoiler {
    config: Config,
    pressure_mpa: f64,
    level_mm: f64,
    flue_gas_c: f64,
    load: f64,
    demand: Wander,
    swell: Wander,
    swell_mm: f64,
    is_burner_running: bool,
    is_feeding: bool,
    is_tripped: bool,
    has_flame_failed: bool,
}

impl SteamBoiler {
    /// Under steam, at its set pressure.
    pub fn new(config: Config) -> Self {
        Self {
            pressure_mpa: config.set_pressure_mpa,
            level_mm: 0.0,
            flue_gas_c: 130.0,
            load: 0.5,
            demand: Wander::default(),
            swell: Wander::default(),
            swell_mm: 0.0,
            is_burner_running: true,
            is_feeding: false,
            is_tripped: false,
            has_flame_failed: false,
            config,
        }
    }

    /// Lets time pass. `pressure_set_too_high` has the set point as a share of the allowed pressure, with the
    /// consumers shut.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        let too_high = troubles.magnitude(Kind::PressureSetTooHigh);
        let set_mpa = too_high.map_or(self.config.set_pressure_mpa, |share| share * self.config.allowed_pressure_mpa);
        let demand = (0.5 + self.demand.step(elapsed_s, 240.0, 0.12, chance)).clamp(0.1, 0.9);
        self.load = if too_high.is_some() { 0.1 } else { demand };

        self.step_interlocks(troubles);
        let fire = self.fire(set_mpa);
        let mut rate = FULL_FIRE_MPA_PER_S * (fire - self.load * self.pressure_mpa / self.config.set_pressure_mpa);
        if self.pressure_mpa > SAFETY_VALVE_LIFTS * self.config.allowed_pressure_mpa {
            rate -= 2.0 * FULL_FIRE_MPA_PER_S;
        }
        self.pressure_mpa = (self.pressure_mpa + rate * elapsed_s).max(0.0);
        let flue_target_c = if fire > 0.0 { 90.0 + 90.0 * fire } else { 70.0 };
        self.flue_gas_c = chance::approach(self.flue_gas_c, flue_target_c, elapsed_s, 60.0);
        self.step_level(elapsed_s, troubles, chance);
    }

    fn step_interlocks(&mut self, troubles: &Troubles) {
        self.has_flame_failed = troubles.is_active(Kind::FlameFailure);
        if self.level_mm <= TRIP_MM {
            self.is_tripped = true;
        } else if self.level_mm > TRIP_CLEARS_MM {
            self.is_tripped = false;
        }
    }

    fn fire(&mut self, set_mpa: f64) -> f64 {
        if self.is_tripped || self.has_flame_failed || self.pressure_mpa > set_mpa + STOP_ABOVE_MPA {
            self.is_burner_running = false;
        } else if self.pressure_mpa < set_mpa - START_BELOW_MPA {
            self.is_burner_running = true;
        }
        if !self.is_burner_running {
            return 0.0;
        }
        (LOWEST_FIRE + FIRE_PER_MPA * (set_mpa - self.pressure_mpa)).clamp(LOWEST_FIRE, 1.0)
    }

    fn step_level(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        if troubles.is_active(Kind::FeedPumpDead) {
            self.is_feeding = false;
        } else if self.level_mm < FEED_STARTS_MM {
            self.is_feeding = true;
        } else if self.level_mm > FEED_STOPS_MM {
            self.is_feeding = false;
        }
        let steam_mm_per_s = if self.pressure_mpa > 0.02 { STEAM_MM_PER_S * self.load } else { 0.0 };
        let feed_mm_per_s = if self.is_feeding { FEED_MM_PER_S } else { 0.0 };
        self.level_mm = (self.level_mm + (feed_mm_per_s - steam_mm_per_s) * elapsed_s).max(-140.0);
        self.swell_mm = self.swell.step(elapsed_s, 4.0, 1.5, chance);
    }

    /// Saturated steam at the present pressure, °C (t ≈ 100 · (p/p₀)^¼, good to 2 K up to 1.6 MPa).
    fn steam_c(&self) -> f64 {
        100.0 * ((self.pressure_mpa + 0.101_325) / 0.101_325).powf(0.25)
    }

    /// Holding, two registers each: 0 pressure in MPa, 2 level in mm, 4 steam and 6 flue gas in °C; holding 8: bit 0
    /// burner, bit 1 flame failure, bit 2 low-water trip.
    pub fn registers(&self) -> Registers {
        let order = match self.config.word_order {
            WordOrder::HighFirst => float_high_first,
            WordOrder::LowFirst => float_low_first,
        };
        let numbers = [self.pressure_mpa, self.level_mm + self.swell_mm, self.steam_c(), self.flue_gas_c];
        let mut holding: Vec<u16> = numbers.into_iter().flat_map(order).collect();
        holding.push(bits(&[self.is_burner_running, self.has_flame_failed, self.is_tripped]));
        Registers { holding, ..Registers::default() }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn boiler() -> (SteamBoiler, Chance) {
        let config = Config { set_pressure_mpa: 0.75, allowed_pressure_mpa: 1.0, word_order: WordOrder::HighFirst };
        (SteamBoiler::new(config), Chance::seed_from_u64(2))
    }

    #[test]
    fn an_ordinary_day_stays_near_the_set_pressure_and_the_middle_of_the_glass() {
        let (mut boiler, mut chance) = boiler();
        for _ in 0..86_400 {
            boiler.step(1.0, &Troubles::default(), &mut chance);
            assert!((0.60..0.85).contains(&boiler.pressure_mpa), "{} MPa", boiler.pressure_mpa);
            assert!((-30.0..30.0).contains(&boiler.level_mm), "{} mm", boiler.level_mm);
            assert!(boiler.flue_gas_c < 185.0 && !boiler.is_tripped);
        }
    }

    #[test]
    fn a_set_point_turned_up_brings_the_pressure_there_within_minutes() {
        for share in [0.97, 1.02] {
            let (mut boiler, mut chance) = boiler();
            let mut highest: f64 = 0.0;
            for _ in 0..300 {
                boiler.step(1.0, &Troubles::of(&[(Kind::PressureSetTooHigh, share)]), &mut chance);
                highest = highest.max(boiler.pressure_mpa);
            }
            assert!(boiler.pressure_mpa > share - 0.03 && highest < 1.06, "{} MPa", boiler.pressure_mpa);
        }
    }

    #[test]
    fn without_feed_the_low_water_interlock_stops_the_burner() {
        let (mut boiler, mut chance) = boiler();
        for _ in 0..600 {
            boiler.step(1.0, &Troubles::of(&[(Kind::FeedPumpDead, 0.0)]), &mut chance);
        }
        assert!(boiler.level_mm < TRIP_MM && boiler.is_tripped && !boiler.is_burner_running);
        for _ in 0..300 {
            boiler.step(1.0, &Troubles::default(), &mut chance);
        }
        assert!(!boiler.is_tripped && boiler.is_burner_running);
    }

    #[test]
    fn a_lost_flame_lets_the_pressure_fall() {
        let (mut boiler, mut chance) = boiler();
        for _ in 0..120 {
            boiler.step(1.0, &Troubles::of(&[(Kind::FlameFailure, 0.0)]), &mut chance);
        }
        assert!(boiler.pressure_mpa < 0.7 && !boiler.is_burner_running);
        assert_eq!(boiler.registers().holding[8], 0b010);
    }
}
