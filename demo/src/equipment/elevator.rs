//! 电梯: a traction lift that answers calls, carries people, opens and shuts its doors, and fails like one.
//!
//! What happens in the car is here; how it shows in registers and fault codes is in [`report`].

mod report;

use std::collections::VecDeque;

use rand::RngExt;
use serde::Deserialize;

use super::chance::{self, Chance};
use crate::{
    register::Registers,
    trouble::{Kind, Troubles},
};

const FLOOR_HEIGHT_M: f64 = 3.3;
const ACCELERATION_M_PER_S2: f64 = 0.8;
/// Within this of a landing the doors may open.
const DOOR_ZONE_M: f64 = 0.2;
const DOOR_TRAVEL_S: f64 = 2.5;
const DOOR_STAYS_OPEN_S: f64 = 5.0;
/// A technician drives at inspection speed; rescuers level the car more slowly still.
const INSPECTION_M_PER_S: f64 = 0.4;
const RESCUE_M_PER_S: f64 = 0.2;
/// An uncontrolled car with open doors creeps this fast, until its brake bites (GB/T 7588.1: within 1.2 m).
const CREEP_M_PER_S: f64 = 0.3;
const CREEP_ENDS_M: f64 = 0.8;
/// How much a car with a failing drive exceeds its rated speed.
const OVERSPEED: f64 = 1.2;
/// One trip of so many ends with the car levelling itself again: ropes give way when many get in or out at once.
const TRIPS_PER_RELEVELLING: u32 = 40;

/// Nameplate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Lowest floor; there is no floor 0 below ground: -1 is followed by 1.
    pub lowest_floor: i32,
    /// Number of landings.
    pub landings: u32,
    /// Rated speed, m/s.
    pub rated_m_per_s: f64,
    /// Whose numbers its fault register speaks.
    pub fault_codes: report::FaultCodes,
    /// Somebody calls it about this often when it stands idle, in seconds.
    #[serde(default = "call_interval")]
    pub call_every_s: f64,
}

fn call_interval() -> f64 {
    40.0
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    Opening,
    Open {
        for_s: f64,
    },
    Closing,
    Travelling {
        to_landing: u32,
    },
    /// Stands between two landings or with a broken circuit and will not move by itself.
    Stuck,
    /// Being levelled to the nearest landing by rescuers.
    Rescued,
}

/// One lift.
#[derive(Debug)]
pub struct Elevator {
    config: Config,
    phase: Phase,
    position_m: f64,
    velocity_m_per_s: f64,
    /// 0 shut, 1 wide open.
    door: f64,
    has_passengers: bool,
    /// Landings still to visit; people board at the first and leave at the last.
    stops: VecDeque<u32>,
    trip_count: u32,
    crept_m: f64,
    shown: report::Shown,
}

impl Elevator {
    /// Idle at some landing, doors shut.
    pub fn new(config: Config, chance: &mut Chance) -> Self {
        let landing = chance.random_range(0..config.landings);
        Self {
            phase: Phase::Idle,
            position_m: f64::from(landing) * FLOOR_HEIGHT_M,
            velocity_m_per_s: 0.0,
            door: 0.0,
            has_passengers: false,
            stops: VecDeque::new(),
            trip_count: chance.random_range(40_000..900_000),
            crept_m: 0.0,
            shown: report::Shown::default(),
            config,
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a car stays within its shaft")]
    fn nearest_landing(&self) -> u32 {
        ((self.position_m / FLOOR_HEIGHT_M).round().max(0.0) as u32).min(self.config.landings - 1)
    }

    fn is_in_door_zone(&self) -> bool {
        (self.position_m - f64::from(self.nearest_landing()) * FLOOR_HEIGHT_M).abs() <= DOOR_ZONE_M
    }

    fn is_door_closed(&self) -> bool {
        self.door <= 0.0
    }

    /// Lets time pass.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        let is_held = troubles.is_active(Kind::SafetyCircuitOpen) || troubles.is_active(Kind::MainsLost);
        if troubles.is_active(Kind::MovesWithDoorOpen) {
            self.creep(elapsed_s);
        } else if is_held {
            self.velocity_m_per_s = 0.0;
        } else {
            self.provoke(elapsed_s, troubles, chance);
            self.advance(elapsed_s, troubles, chance);
        }
        self.shown = report::Shown::of(self, troubles);
    }

    /// Some troubles need a car on its way, with or without people: send it.
    fn provoke(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        let needs_trip = troubles.is_active(Kind::Entrapment)
            || troubles.is_active(Kind::StopOffFloor)
            || troubles.is_active(Kind::Overspeed);
        if needs_trip && matches!(self.phase, Phase::Idle) {
            self.has_passengers = troubles.is_active(Kind::Entrapment);
            let here = self.nearest_landing();
            let far = if here < self.config.landings / 2 { self.config.landings - 1 } else { 0 };
            self.stops = VecDeque::from([far]);
            self.phase = Phase::Travelling { to_landing: far };
        } else if troubles.is_active(Kind::DoorJammed) && matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Opening;
        } else if matches!(self.phase, Phase::Idle) && self.stops.is_empty() {
            self.maybe_called(elapsed_s, chance);
        }
    }

    fn maybe_called(&mut self, elapsed_s: f64, chance: &mut Chance) {
        if !chance::happens(chance, elapsed_s, self.config.call_every_s) {
            return;
        }
        let from = chance.random_range(0..self.config.landings);
        let onwards = chance.random_range(1..self.config.landings);
        let to = (from + onwards) % self.config.landings;
        self.stops = VecDeque::from([from, to]);
        self.phase =
            if from == self.nearest_landing() { Phase::Opening } else { Phase::Travelling { to_landing: from } };
    }

    fn advance(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        match self.phase {
            Phase::Idle => self.velocity_m_per_s = 0.0,
            Phase::Opening => self.open(elapsed_s),
            Phase::Open { for_s } => self.wait_open(for_s - elapsed_s, troubles),
            Phase::Closing => self.close(elapsed_s, troubles),
            Phase::Travelling { to_landing } => self.travel(to_landing, elapsed_s, troubles, chance),
            Phase::Stuck => self.wait_for_rescue(troubles),
            Phase::Rescued => self.level(elapsed_s),
        }
    }

    fn open(&mut self, elapsed_s: f64) {
        self.door = (self.door + elapsed_s / DOOR_TRAVEL_S).min(1.0);
        if self.door < 1.0 {
            return;
        }
        self.phase = Phase::Open { for_s: DOOR_STAYS_OPEN_S };
        if self.stops.front() == Some(&self.nearest_landing()) {
            self.stops.pop_front();
        }
        // People wait where the lift was called and leave where they wanted to go.
        self.has_passengers = !self.stops.is_empty();
    }

    fn wait_open(&mut self, for_s: f64, troubles: &Troubles) {
        if for_s > 0.0 {
            self.phase = Phase::Open { for_s };
        } else if !troubles.is_active(Kind::DoorJammed) {
            self.phase = Phase::Closing;
        }
    }

    fn close(&mut self, elapsed_s: f64, troubles: &Troubles) {
        self.door = (self.door - elapsed_s / DOOR_TRAVEL_S).max(0.0);
        if troubles.is_active(Kind::DoorJammed) && self.door < 0.4 {
            self.phase = Phase::Opening;
        } else if self.is_door_closed() {
            self.phase = match self.stops.front() {
                Some(&to_landing) => Phase::Travelling { to_landing },
                None => Phase::Idle,
            };
        }
    }

    fn travel(&mut self, to_landing: u32, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        let wants_to_stick = troubles.is_active(Kind::Entrapment) && self.has_passengers
            || troubles.is_active(Kind::StopOffFloor) && !self.has_passengers;
        if wants_to_stick && !self.is_in_door_zone() && self.velocity_m_per_s.abs() > 0.5 {
            self.velocity_m_per_s = 0.0;
            self.phase = Phase::Stuck;
            return;
        }
        let top_m_per_s = if troubles.is_active(Kind::Inspection) {
            INSPECTION_M_PER_S
        } else if troubles.is_active(Kind::Overspeed) {
            OVERSPEED * self.config.rated_m_per_s
        } else {
            self.config.rated_m_per_s * (1.0 + 0.004 * chance::normal(chance))
        };
        if self.drive_to(to_landing, top_m_per_s, elapsed_s) {
            self.trip_count = self.trip_count.wrapping_add(1);
            self.phase = Phase::Opening;
        }
    }

    /// Moves towards a landing within what brakes and motor allow; true when it has arrived.
    fn drive_to(&mut self, landing: u32, top_m_per_s: f64, elapsed_s: f64) -> bool {
        let target_m = f64::from(landing) * FLOOR_HEIGHT_M;
        let left_m = target_m - self.position_m;
        let braking_m_per_s = (2.0 * ACCELERATION_M_PER_S2 * left_m.abs()).sqrt();
        let speed = (self.velocity_m_per_s.abs() + ACCELERATION_M_PER_S2 * elapsed_s).min(top_m_per_s);
        let speed = speed.min(braking_m_per_s);
        if left_m.abs() <= (speed * elapsed_s).max(0.005) {
            self.position_m = target_m;
            self.velocity_m_per_s = 0.0;
            return true;
        }
        self.velocity_m_per_s = speed.copysign(left_m);
        self.position_m += self.velocity_m_per_s * elapsed_s;
        false
    }

    fn wait_for_rescue(&mut self, troubles: &Troubles) {
        self.velocity_m_per_s = 0.0;
        if !troubles.is_active(Kind::Entrapment) && !troubles.is_active(Kind::StopOffFloor) {
            self.crept_m = 0.0;
            self.door = 0.0;
            self.phase = Phase::Rescued;
        }
    }

    fn level(&mut self, elapsed_s: f64) {
        if self.drive_to(self.nearest_landing(), RESCUE_M_PER_S, elapsed_s) {
            self.stops.clear();
            self.phase = Phase::Opening;
        }
    }

    /// 开门走车: the doors stand open and the car leaves the landing until its brake bites.
    fn creep(&mut self, elapsed_s: f64) {
        self.door = 1.0;
        self.phase = Phase::Stuck;
        if self.crept_m >= CREEP_ENDS_M {
            self.velocity_m_per_s = 0.0;
            return;
        }
        let is_at_top = self.nearest_landing() + 1 == self.config.landings;
        self.velocity_m_per_s = if is_at_top { -CREEP_M_PER_S } else { CREEP_M_PER_S };
        self.position_m += self.velocity_m_per_s * elapsed_s;
        self.crept_m += CREEP_M_PER_S * elapsed_s;
    }

    /// See [`report::Shown::registers`].
    pub fn registers(&self) -> Registers {
        self.shown.registers()
    }
}

#[cfg(test)]
mod tests;
