//! 瓶装液化气间: a store of LPG cylinders with a detector, a thermometer and a fan.

use super::{
    chance::{self, Chance, Wander},
    gas::GasRoom,
};
use crate::{
    register::{Registers, tenths},
    trouble::{Kind, Troubles},
};

/// Air through grilles alone, as a share of what the fan moves.
const AIRING_WITHOUT_FAN: f64 = 0.2;
const MEAN_TEMPERATURE_C: f64 = 24.0;
/// The fan runs for five minutes out of fifteen, and always when the detector shows a tenth of the LEL.
const FAN_CYCLE_S: f64 = 900.0;
const FAN_ON_S: f64 = 300.0;
const FAN_ON_LEL: f64 = 10.0;

/// One store.
#[derive(Debug, Default)]
pub struct LpgStore {
    room: GasRoom,
    weather: Wander,
    temperature_c: f64,
    into_fan_cycle_s: f64,
    is_fan_running: bool,
}

impl LpgStore {
    /// Lets time pass.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        self.into_fan_cycle_s = (self.into_fan_cycle_s + elapsed_s) % FAN_CYCLE_S;
        let is_asked_for = self.into_fan_cycle_s < FAN_ON_S || self.room.shown_lel() >= FAN_ON_LEL;
        self.is_fan_running = is_asked_for && !troubles.is_active(Kind::VentilationDead);
        let airing = if self.is_fan_running { 1.0 } else { AIRING_WITHOUT_FAN };
        self.room.step(elapsed_s, airing, troubles, chance);
        self.temperature_c =
            MEAN_TEMPERATURE_C + self.weather.step(elapsed_s, 7200.0, 2.5, chance) + 0.05 * chance::normal(chance);
    }

    /// Input 0: concentration in tenths of %LEL; input 1: temperature in tenths of °C; input 2: bit 0 fan runs.
    pub fn registers(&self) -> Registers {
        Registers {
            input: vec![tenths(self.room.shown_lel()), tenths(self.temperature_c), u16::from(self.is_fan_running)],
            ..Registers::default()
        }
    }
}
