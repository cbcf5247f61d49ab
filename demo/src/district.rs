//! All machines of the configuration: stepped together, and asked for their registers line by line.

use std::{collections::BTreeMap, str::FromStr};

use rand::SeedableRng;
use serde::Deserialize;

use crate::{
    equipment::{Equipment, Model, chance::Chance},
    register::Registers,
    trouble::{Kind, Player, Schedule, Troubles},
};

/// `district.toml`: which machine hangs on which line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Start of all chance.
    pub seed: u64,
    /// The lines.
    #[serde(rename = "line")]
    pub lines: Vec<LineConfig>,
}

/// One Modbus TCP server: a gateway in front of a serial line, with its units.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// What it is called in messages.
    pub name: String,
    /// Where it listens on loopback.
    pub port: u16,
    /// What hangs on it.
    #[serde(rename = "device")]
    pub devices: Vec<DeviceConfig>,
}

/// One machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// Its id, as in the registry.
    pub id: String,
    /// Its Modbus unit on this line, 1 to 247.
    pub unit: u8,
    /// What it is.
    pub model: Model,
}

impl FromStr for Config {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Why a district cannot be put to work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistrictError {
    /// Two machines answer to the same unit.
    #[error("line `{line}` has unit {unit} twice")]
    UnitTwice {
        /// Which line.
        line: String,
        /// Which unit.
        unit: u8,
    },
    /// Modbus knows units 1 to 247.
    #[error("`{device}` has unit {unit}; 1 to 247 are possible")]
    UnitImpossible {
        /// Which machine.
        device: String,
        /// Its unit.
        unit: u8,
    },
    /// The schedule names a machine that is not there.
    #[error("the schedule names `{device}`, which no line has")]
    UnknownDevice {
        /// The name.
        device: String,
    },
    /// The schedule asks for what cannot happen to such a machine.
    #[error("`{device}` cannot suffer {kind:?}")]
    CannotSuffer {
        /// Which machine.
        device: String,
        /// What it cannot suffer.
        kind: Kind,
    },
}

/// What a unit says when it is asked.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Its registers.
    Registers(Registers),
    /// There is no such unit, or it does not answer its gateway.
    Unreachable,
    /// It cannot read its own sensors.
    Failure,
    /// Nothing at all.
    Silence,
}

#[derive(Debug)]
struct Unit {
    equipment: Equipment,
    chance: Chance,
    player: Player,
    troubles: Troubles,
}

/// The machines at work.
#[derive(Debug)]
pub struct District {
    lines: Vec<BTreeMap<u8, Unit>>,
    elapsed_s: f64,
}

impl District {
    /// Puts every machine to work, settled in ordinary operation.
    pub fn new(config: &Config, schedule: &Schedule) -> Result<Self, DistrictError> {
        check_schedule(config, schedule)?;
        let mut seed = config.seed;
        let mut lines = Vec::new();
        for line in &config.lines {
            let mut units = BTreeMap::new();
            for device in &line.devices {
                if !(1..=247).contains(&device.unit) {
                    return Err(DistrictError::UnitImpossible { device: device.id.clone(), unit: device.unit });
                }
                seed = seed.wrapping_add(1);
                let mut chance = Chance::seed_from_u64(seed);
                let unit = Unit {
                    equipment: Equipment::new(&device.model, &mut chance),
                    chance,
                    player: schedule.play(&device.id, config.seed),
                    troubles: Troubles::default(),
                };
                if units.insert(device.unit, unit).is_some() {
                    return Err(DistrictError::UnitTwice { line: line.name.clone(), unit: device.unit });
                }
            }
            lines.push(units);
        }
        let mut district = Self { lines, elapsed_s: 0.0 };
        district.step(0.0);
        Ok(district)
    }

    /// Lets time pass for all machines.
    pub fn step(&mut self, elapsed_s: f64) {
        self.elapsed_s += elapsed_s;
        for unit in self.lines.iter_mut().flat_map(BTreeMap::values_mut) {
            unit.troubles = unit.player.at(self.elapsed_s);
            unit.equipment.step(elapsed_s, &unit.troubles, &mut unit.chance);
        }
    }

    /// Asks one unit of one line (by its position in the configuration).
    pub fn ask(&self, line: usize, unit: u8) -> Answer {
        match self.lines.get(line).and_then(|units| units.get(&unit)) {
            None => Answer::Unreachable,
            Some(unit) if unit.troubles.is_active(Kind::Silent) => Answer::Silence,
            Some(unit) if unit.troubles.is_active(Kind::Unreachable) => Answer::Unreachable,
            Some(unit) if unit.troubles.is_active(Kind::ReadException) => Answer::Failure,
            Some(unit) => Answer::Registers(unit.equipment.registers()),
        }
    }
}

fn check_schedule(config: &Config, schedule: &Schedule) -> Result<(), DistrictError> {
    let models: BTreeMap<&str, &Model> =
        config.lines.iter().flat_map(|line| &line.devices).map(|device| (device.id.as_str(), &device.model)).collect();
    for entry in schedule.entries().iter().filter(|entry| !entry.kind.is_of_camera()) {
        let device = entry.device.clone();
        match models.get(entry.device.as_str()) {
            None => return Err(DistrictError::UnknownDevice { device }),
            Some(model) if !model.can_suffer(entry.kind) => {
                return Err(DistrictError::CannotSuffer { device, kind: entry.kind });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISTRICT: &str = r#"
        seed = 1
        [[line]]
        name = "kitchen"
        port = 5020
        device = [
            { id = "cold-1", unit = 1, model = { cold_room = { setpoint_c = 3.5 } } },
            { id = "gas-1", unit = 2, model = { gas_detector = {} } },
        ]
    "#;

    fn district(trouble: &str) -> Result<District, DistrictError> {
        let schedule = format!("[[trouble]]\nfirst_after_s = 10\nlasts_s = 10\n{trouble}");
        District::new(&DISTRICT.parse().expect("a district"), &schedule.parse().expect("a schedule"))
    }

    #[test]
    fn a_unit_answers_as_its_trouble_says_and_recovers() {
        for (kind, expected) in
            [("unreachable", Answer::Unreachable), ("silent", Answer::Silence), ("read_exception", Answer::Failure)]
        {
            let mut district = district(&format!("device = \"cold-1\"\nkind = \"{kind}\"")).expect("a district");
            assert!(matches!(district.ask(0, 1), Answer::Registers(_)));
            district.step(15.0);
            assert_eq!(district.ask(0, 1), expected);
            assert!(matches!(district.ask(0, 2), Answer::Registers(_)), "its neighbour is not disturbed");
            district.step(10.0);
            assert!(matches!(district.ask(0, 1), Answer::Registers(_)));
        }
    }

    #[test]
    fn a_unit_that_is_not_there_is_unreachable() {
        let district = district("device = \"cold-1\"\nkind = \"silent\"").expect("a district");
        assert_eq!(district.ask(0, 3), Answer::Unreachable);
        assert_eq!(district.ask(1, 1), Answer::Unreachable);
    }

    #[test]
    fn a_schedule_for_the_wrong_machine_is_refused() {
        let refused = |trouble| district(trouble).expect_err("refused").to_string();
        assert_eq!(refused("device = \"gas-1\"\nkind = \"door_left_open\""), "`gas-1` cannot suffer DoorLeftOpen");
        assert_eq!(refused("device = \"x\"\nkind = \"silent\""), "the schedule names `x`, which no line has");
    }
}
