//! 冷库、冷柜、留样柜: cold stores, freezers and sample fridges.
//!
//! Two heat stores, the air (measured) and the goods (slow), with leakage through the walls, a door that people open,
//! a compressor with a two-point controller, and a timed defrost. Time constants are chosen so that a compressor
//! cycle takes some minutes, as on small cold rooms.

use rand::RngExt;
use serde::Deserialize;

use super::chance::{self, Chance};
use crate::{
    register::{Registers, bits, tenths},
    trouble::{Kind, Troubles},
};

/// Walls: seconds for the air to come 63 % closer to the ambient.
const LEAK_S: f64 = 3600.0;
/// The same through an open door.
const DOOR_S: f64 = 240.0;
/// Between air and goods, seen from the air; and seen from the goods, whose heat capacity is larger.
const AIR_TO_GOODS_S: f64 = 600.0;
const GOODS_TO_AIR_S: f64 = 7200.0;
/// The controller switches at set point ± this many kelvin.
const HYSTERESIS_K: f64 = 1.2;
const DEFROST_INTERVAL_S: f64 = 6.0 * 3600.0;
const DEFROST_LENGTH_S: f64 = 600.0;
const DEFROST_HEAT_K_PER_S: f64 = 0.004;
/// Accuracy of the sensor: standard deviation of one measurement.
const SENSOR_NOISE_K: f64 = 0.05;
/// What an analogue input shows when the sensor's wire is broken.
const BROKEN_WIRE_C: f64 = -127.0;

/// Nameplate and place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the controller holds, °C.
    pub setpoint_c: f64,
    /// Around it, °C.
    #[serde(default = "ambient")]
    pub ambient_c: f64,
    /// People open the door about this often, in seconds.
    #[serde(default = "door_interval")]
    pub door_every_s: f64,
}

fn ambient() -> f64 {
    26.0
}

fn door_interval() -> f64 {
    900.0
}

/// One cold room.
#[derive(Debug)]
pub struct ColdRoom {
    config: Config,
    air_c: f64,
    goods_c: f64,
    shown_c: f64,
    is_compressor_running: bool,
    is_door_open: bool,
    door_closes_in_s: f64,
    since_defrost_s: f64,
}

impl ColdRoom {
    /// Settled at its set point, somewhere between two defrosts.
    pub fn new(config: Config, chance: &mut Chance) -> Self {
        let air_c = config.setpoint_c + chance.random_range(-HYSTERESIS_K..HYSTERESIS_K);
        Self {
            air_c,
            goods_c: config.setpoint_c,
            shown_c: air_c,
            is_compressor_running: chance.random(),
            is_door_open: false,
            door_closes_in_s: 0.0,
            since_defrost_s: chance.random_range(0.0..DEFROST_INTERVAL_S),
            config,
        }
    }

    fn is_defrosting(&self) -> bool {
        self.since_defrost_s < DEFROST_LENGTH_S
    }

    /// Cooling power as a rate of the air: enough to win against walls, goods and people at any set point.
    fn cooling_k_per_s(&self) -> f64 {
        3.0 * (self.config.ambient_c - self.config.setpoint_c) / LEAK_S
    }

    /// Lets time pass.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        self.since_defrost_s = (self.since_defrost_s + elapsed_s) % DEFROST_INTERVAL_S;
        self.step_door(elapsed_s, troubles, chance);
        self.step_compressor(troubles);

        let Config { ambient_c, .. } = self.config;
        let mut rate = (ambient_c - self.air_c) / LEAK_S + (self.goods_c - self.air_c) / AIR_TO_GOODS_S;
        if self.is_door_open {
            rate += (ambient_c - self.air_c) / DOOR_S;
        }
        if self.is_compressor_running {
            rate -= self.cooling_k_per_s();
        }
        if self.is_defrosting() {
            rate += DEFROST_HEAT_K_PER_S;
        }
        self.goods_c += (self.air_c - self.goods_c) / GOODS_TO_AIR_S * elapsed_s;
        self.air_c += rate * elapsed_s;
        self.shown_c = if troubles.is_active(Kind::SensorBroken) {
            BROKEN_WIRE_C
        } else {
            self.air_c + SENSOR_NOISE_K * chance::normal(chance)
        };
    }

    fn step_door(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        self.door_closes_in_s -= elapsed_s;
        if troubles.is_active(Kind::DoorLeftOpen) {
            self.is_door_open = true;
        } else if self.door_closes_in_s <= 0.0 {
            self.is_door_open = chance::happens(chance, elapsed_s, self.config.door_every_s);
            if self.is_door_open {
                self.door_closes_in_s = chance.random_range(8.0..30.0);
            }
        }
    }

    fn step_compressor(&mut self, troubles: &Troubles) {
        if troubles.is_active(Kind::CompressorDead) || self.is_defrosting() {
            self.is_compressor_running = false;
        } else if self.air_c > self.config.setpoint_c + HYSTERESIS_K {
            self.is_compressor_running = true;
        } else if self.air_c < self.config.setpoint_c - HYSTERESIS_K {
            self.is_compressor_running = false;
        }
    }

    /// Input 0: temperature in tenths of °C; input 1: bit 0 door open, bit 1 compressor, bit 2 defrost.
    pub fn registers(&self) -> Registers {
        let flags = bits(&[self.is_door_open, self.is_compressor_running, self.is_defrosting()]);
        Registers { input: vec![tenths(self.shown_c), flags], ..Registers::default() }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn room(setpoint_c: f64) -> (ColdRoom, Chance) {
        let mut chance = Chance::seed_from_u64(7);
        let config = Config { setpoint_c, ambient_c: 26.0, door_every_s: 900.0 };
        (ColdRoom::new(config, &mut chance), chance)
    }

    #[test]
    fn a_day_of_ordinary_use_stays_within_the_limits_for_all_but_short_moments() {
        for (setpoint_c, limit_c) in [(3.5, 8.0), (-20.0, -12.0)] {
            let (mut room, mut chance) = room(setpoint_c);
            let (mut over_s, mut longest_s, mut cycles) = (0_u32, 0_u32, 0);
            for _ in 0..86_400 {
                let was_running = room.is_compressor_running;
                room.step(1.0, &Troubles::default(), &mut chance);
                over_s = if room.air_c > limit_c { over_s + 1 } else { 0 };
                longest_s = longest_s.max(over_s);
                cycles += u32::from(was_running != room.is_compressor_running);
                assert!(room.air_c > setpoint_c - 3.0, "{setpoint_c} °C room at {} °C", room.air_c);
            }
            assert!(longest_s < 900, "a {setpoint_c} °C room was over {limit_c} °C for {longest_s} s");
            assert!((40..1000).contains(&cycles), "{cycles} compressor switches in a day");
        }
    }

    #[test]
    fn a_door_left_open_warms_the_room_beyond_8_degrees_within_minutes_and_it_recovers() {
        let (mut room, mut chance) = room(3.5);
        let open = Troubles::of(&[(Kind::DoorLeftOpen, 0.0)]);
        for _ in 0..300 {
            room.step(1.0, &open, &mut chance);
        }
        assert!(room.air_c > 9.0, "{} °C", room.air_c);
        for _ in 0..3600 {
            room.step(1.0, &Troubles::default(), &mut chance);
        }
        assert!(room.air_c < 8.0, "{} °C", room.air_c);
    }

    #[test]
    fn a_broken_wire_shows_what_no_room_can_be() {
        let (mut room, mut chance) = room(3.5);
        room.step(1.0, &Troubles::of(&[(Kind::SensorBroken, 0.0)]), &mut chance);
        assert_eq!(room.registers().input[0], tenths(-127.0));
    }
}
