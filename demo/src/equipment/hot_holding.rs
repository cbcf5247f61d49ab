//! 热藏: a hot-holding cabinet with a heating element and a thermostat.

use rand::RngExt;
use serde::Deserialize;

use super::chance::{self, Chance};
use crate::{
    register::{Registers, tenths},
    trouble::{Kind, Troubles},
};

const AMBIENT_C: f64 = 26.0;
const HYSTERESIS_K: f64 = 1.5;
/// Seconds for the cabinet to come 63 % closer to the ambient without heat.
const COOLING_S: f64 = 1500.0;
/// Where the heating element alone would bring it.
const HEATED_C: f64 = 110.0;
/// A serving takes this long, and the pause between two.
const SERVING_S: f64 = 3.0 * 3600.0;
const PAUSE_S: f64 = 1800.0;

/// Nameplate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the thermostat holds, °C.
    pub setpoint_c: f64,
}

/// One cabinet.
#[derive(Debug)]
pub struct HotHolding {
    setpoint_c: f64,
    food_c: f64,
    shown_c: f64,
    is_heating: bool,
    into_cycle_s: f64,
}

impl HotHolding {
    /// Warm, in the first half of a serving.
    pub fn new(config: &Config, chance: &mut Chance) -> Self {
        let food_c = config.setpoint_c + chance.random_range(-HYSTERESIS_K..HYSTERESIS_K);
        Self {
            setpoint_c: config.setpoint_c,
            food_c,
            shown_c: food_c,
            is_heating: false,
            into_cycle_s: chance.random_range(0.0..SERVING_S / 2.0),
        }
    }

    fn is_in_service(&self) -> bool {
        self.into_cycle_s < SERVING_S
    }

    /// Lets time pass.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        self.into_cycle_s = (self.into_cycle_s + elapsed_s) % (SERVING_S + PAUSE_S);
        if troubles.is_active(Kind::HeaterDead) {
            self.is_heating = false;
        } else if self.food_c < self.setpoint_c - HYSTERESIS_K {
            self.is_heating = true;
        } else if self.food_c > self.setpoint_c + HYSTERESIS_K {
            self.is_heating = false;
        }
        let target_c = if self.is_heating { HEATED_C } else { AMBIENT_C };
        self.food_c = chance::approach(self.food_c, target_c, elapsed_s, COOLING_S);
        self.shown_c = self.food_c + 0.1 * chance::normal(chance);
    }

    /// Input 0: temperature in tenths of °C; coil 0: in service.
    pub fn registers(&self) -> Registers {
        Registers { input: vec![tenths(self.shown_c)], coils: vec![self.is_in_service()], ..Registers::default() }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn food_stays_above_60_degrees_until_the_heater_dies() {
        let mut chance = Chance::seed_from_u64(3);
        let mut cabinet = HotHolding::new(&Config { setpoint_c: 68.0 }, &mut chance);
        for _ in 0..20_000 {
            cabinet.step(1.0, &Troubles::default(), &mut chance);
            assert!((64.0..72.0).contains(&cabinet.food_c), "{} °C", cabinet.food_c);
        }
        for _ in 0..600 {
            cabinet.step(1.0, &Troubles::of(&[(Kind::HeaterDead, 0.0)]), &mut chance);
        }
        assert!(cabinet.food_c < 60.0, "{} °C", cabinet.food_c);
    }
}
