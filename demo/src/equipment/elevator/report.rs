//! What the lift's monitoring terminal shows: status registers and one fault code.
//!
//! Terminals of different makers number the same events differently; two of the tables in use are spoken here. Only
//! one code fits the register: the gravest wins, as on the real terminals.

use serde::Deserialize;

use super::{Elevator, Phase, TRIPS_PER_RELEVELLING};
use crate::{
    register::{Registers, bits, thousandths, whole, words},
    trouble::{Kind, Troubles},
};

/// Whose numbers a terminal speaks for over-travel and entrapment, by the names of `config/code_systems`; the lower
/// codes are common to both.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultCodes {
    /// 11 is entrapment.
    SpecialEquipmentSchema,
    /// 93 is entrapment.
    ChongqingPlatform,
}

impl FaultCodes {
    fn entrapment(self) -> u16 {
        match self {
            Self::SpecialEquipmentSchema => 11,
            Self::ChongqingPlatform => 93,
        }
    }
}

const SAFETY_CIRCUIT_OPEN: u16 = 1;
const DOOR_OPEN_FAULT: u16 = 2;
const STOPPED_OFF_FLOOR: u16 = 4;
const UNINTENDED_MOVEMENT: u16 = 5;
const MAINS_LOST: u16 = 41;
const INSPECTION: u16 = 43;
const ALARM_BUTTON: u16 = 90;

const MODE_STOPPED: u16 = 0;
const MODE_NORMAL: u16 = 1;
const MODE_INSPECTION: u16 = 2;

/// A car slower than this stands still for the terminal.
const STANDS_STILL_M_PER_S: f64 = 0.02;
/// The governor's contact opens here, as a share of the rated speed (GB/T 7588.1-2020: at 115 % or more).
const GOVERNOR: f64 = 1.15;

/// What the terminal saw at the last step.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four contacts of the terminal, independent of one another")]
pub(super) struct Shown {
    service_mode: u16,
    is_running: bool,
    direction: u16,
    floor: i32,
    is_in_door_zone: bool,
    is_door_closed: bool,
    has_passengers: bool,
    is_governor_open: bool,
    speed_m_per_s: f64,
    trip_count: u32,
    relevelling_count: u32,
    fault_code: u16,
}

impl Shown {
    pub(super) fn of(lift: &Elevator, troubles: &Troubles) -> Self {
        let speed_m_per_s = lift.velocity_m_per_s.abs();
        let is_running = speed_m_per_s > STANDS_STILL_M_PER_S;
        Self {
            service_mode: if troubles.is_active(Kind::MainsLost) {
                MODE_STOPPED
            } else if troubles.is_active(Kind::Inspection) {
                MODE_INSPECTION
            } else {
                MODE_NORMAL
            },
            is_running,
            direction: match (is_running, lift.velocity_m_per_s > 0.0) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => 2,
            },
            floor: floor_label(lift.config.lowest_floor, lift.nearest_landing()),
            is_in_door_zone: lift.is_in_door_zone(),
            is_door_closed: lift.is_door_closed(),
            has_passengers: lift.has_passengers,
            is_governor_open: speed_m_per_s > GOVERNOR * lift.config.rated_m_per_s,
            speed_m_per_s,
            trip_count: lift.trip_count,
            relevelling_count: lift.trip_count / TRIPS_PER_RELEVELLING,
            fault_code: fault_code(lift, troubles),
        }
    }

    /// Input 0 service mode; 1 car runs; 2 direction; 3 floor; 4: bit 0 in door zone, bit 1 door closed, bit 2
    /// passengers, bit 3 governor open; 5 speed in mm/s; 6–7 trips; 8 fault code; 9–10 re-levellings.
    pub(super) fn registers(&self) -> Registers {
        let flags = bits(&[self.is_in_door_zone, self.is_door_closed, self.has_passengers, self.is_governor_open]);
        let [trips_high, trips_low] = words(self.trip_count);
        let [relevellings_high, relevellings_low] = words(self.relevelling_count);
        let input = vec![
            self.service_mode,
            u16::from(self.is_running),
            self.direction,
            whole(f64::from(self.floor)),
            flags,
            thousandths(self.speed_m_per_s),
            trips_high,
            trips_low,
            self.fault_code,
            relevellings_high,
            relevellings_low,
        ];
        Registers { input, ..Registers::default() }
    }
}

/// The number beside the button: below ground counts down from -1, above ground up from 1.
fn floor_label(lowest: i32, landing: u32) -> i32 {
    let label = lowest + i32::try_from(landing).unwrap_or(0);
    if lowest < 0 && label >= 0 { label + 1 } else { label }
}

fn fault_code(lift: &Elevator, troubles: &Troubles) -> u16 {
    let is_stuck = matches!(lift.phase, Phase::Stuck);
    let codes = [
        (is_stuck && troubles.is_active(Kind::Entrapment), lift.config.fault_codes.entrapment()),
        (troubles.is_active(Kind::MovesWithDoorOpen), UNINTENDED_MOVEMENT),
        (troubles.is_active(Kind::AlarmButton), ALARM_BUTTON),
        (troubles.is_active(Kind::SafetyCircuitOpen), SAFETY_CIRCUIT_OPEN),
        (is_stuck && troubles.is_active(Kind::StopOffFloor), STOPPED_OFF_FLOOR),
        (troubles.is_active(Kind::DoorJammed) && !lift.is_door_closed(), DOOR_OPEN_FAULT),
        (troubles.is_active(Kind::MainsLost), MAINS_LOST),
        (troubles.is_active(Kind::Inspection), INSPECTION),
    ];
    codes.into_iter().find(|(holds, _)| *holds).map_or(0, |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_floor_zero_below_ground() {
        assert_eq!([0, 1, 2, 3].map(|landing| floor_label(-2, landing)), [-2, -1, 1, 2]);
        assert_eq!([0, 1].map(|landing| floor_label(1, landing)), [1, 2]);
    }
}
