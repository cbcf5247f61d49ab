//! 热水锅炉: a hot-water boiler that feeds taps or heating through a circulation pump.

use serde::Deserialize;

use super::chance::{self, Chance, Wander};
use crate::{
    register::{Registers, bits, tenths, thousandths},
    trouble::{Kind, Troubles},
};

/// Rise of the outlet with the burner on, without circulation.
const BURNER_K_PER_S: f64 = 0.12;
/// Circulation carries the difference between outlet and return away with this time constant.
const CARRYING_S: f64 = 200.0;
/// The return follows the consumers, or cools down when nothing flows.
const RETURN_S: f64 = 60.0;
const STANDING_S: f64 = 1200.0;
const HYSTERESIS_K: f64 = 3.0;
const FULL_LOAD_DROP_K: f64 = 18.0;
const BOILER_ROOM_C: f64 = 28.0;

/// Nameplate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the thermostat holds at the outlet, °C.
    pub setpoint_c: f64,
}

/// One boiler.
#[derive(Debug)]
pub struct HotWaterBoiler {
    setpoint_c: f64,
    outlet_c: f64,
    return_c: f64,
    demand: Wander,
    is_burner_running: bool,
    is_circulating: bool,
    has_flame_failed: bool,
}

impl HotWaterBoiler {
    /// Warm, at its set point.
    pub fn new(config: &Config) -> Self {
        Self {
            setpoint_c: config.setpoint_c,
            outlet_c: config.setpoint_c,
            return_c: config.setpoint_c - 10.0,
            demand: Wander::default(),
            is_burner_running: true,
            is_circulating: true,
            has_flame_failed: false,
        }
    }

    /// Lets time pass. `temperature_set_too_high` has the new set point in °C.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        let set_c = troubles.magnitude(Kind::TemperatureSetTooHigh).unwrap_or(self.setpoint_c);
        self.has_flame_failed = troubles.is_active(Kind::FlameFailure);
        self.is_circulating = !troubles.is_active(Kind::CirculationStopped);
        if self.has_flame_failed || self.outlet_c > set_c + HYSTERESIS_K {
            self.is_burner_running = false;
        } else if self.outlet_c < set_c - HYSTERESIS_K {
            self.is_burner_running = true;
        }

        let load = (0.55 + self.demand.step(elapsed_s, 400.0, 0.12, chance)).clamp(0.15, 1.0);
        let heating = if self.is_burner_running { BURNER_K_PER_S } else { 0.0 };
        let carried = if self.is_circulating { (self.outlet_c - self.return_c) / CARRYING_S } else { 0.0 };
        let lost = (self.outlet_c - BOILER_ROOM_C) / 20_000.0;
        self.outlet_c += (heating - carried - lost) * elapsed_s;
        self.return_c = if self.is_circulating {
            chance::approach(self.return_c, self.outlet_c - load * FULL_LOAD_DROP_K, elapsed_s, RETURN_S)
        } else {
            chance::approach(self.return_c, BOILER_ROOM_C, elapsed_s, STANDING_S)
        };
    }

    /// Water expands into the vessel: pressure rises with temperature.
    fn pressure_mpa(&self) -> f64 {
        0.28 + 0.002 * (self.outlet_c - 60.0)
    }

    /// Input 0 outlet and 1 return in tenths of °C, 2 pressure in thousandths of MPa; input 3: bit 0 circulation,
    /// bit 1 burner, bit 2 flame failure.
    pub fn registers(&self) -> Registers {
        let flags = bits(&[self.is_circulating, self.is_burner_running, self.has_flame_failed]);
        Registers {
            input: vec![tenths(self.outlet_c), tenths(self.return_c), thousandths(self.pressure_mpa()), flags],
            ..Registers::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_outlet_cycles_around_its_set_point_until_the_thermostat_is_turned_up() {
        let (mut boiler, mut chance) = (HotWaterBoiler::new(&Config { setpoint_c: 80.0 }), Chance::seed_from_u64(4));
        for _ in 0..36_000 {
            boiler.step(1.0, &Troubles::default(), &mut chance);
            assert!((74.0..86.0).contains(&boiler.outlet_c), "{} °C", boiler.outlet_c);
            assert!(boiler.return_c < boiler.outlet_c);
        }
        for _ in 0..600 {
            boiler.step(1.0, &Troubles::of(&[(Kind::TemperatureSetTooHigh, 99.0)]), &mut chance);
        }
        assert!(boiler.outlet_c > 95.0, "{} °C", boiler.outlet_c);
    }

    #[test]
    fn without_circulation_the_return_cools_and_the_outlet_stays_below_boiling() {
        let (mut boiler, mut chance) = (HotWaterBoiler::new(&Config { setpoint_c: 80.0 }), Chance::seed_from_u64(4));
        for _ in 0..1200 {
            boiler.step(1.0, &Troubles::of(&[(Kind::CirculationStopped, 0.0)]), &mut chance);
            assert!(boiler.outlet_c < 90.0);
        }
        assert!(boiler.return_c < 55.0, "{} °C", boiler.return_c);
    }
}
