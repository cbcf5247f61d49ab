//! The machines of the district. Each lives in its own module as a pure model: `step` lets time pass under the
//! troubles of the moment, `registers` shows what its controller offers on Modbus.

pub mod chance;
mod cold_room;
mod elevator;
mod gas;
mod gas_detector;
mod hot_holding;
mod hot_water_boiler;
mod lpg_store;
mod ride_wind;
mod steam_boiler;

use serde::Deserialize;

use self::chance::Chance;
use crate::{
    register::Registers,
    trouble::{Kind, Troubles},
};

/// What a machine is, with its nameplate, as the district's configuration says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// 冷库 or 留样柜: any room that is kept cool.
    ColdRoom(cold_room::Config),
    /// 热藏柜.
    HotHolding(hot_holding::Config),
    /// 可燃气体探测器.
    GasDetector {},
    /// 瓶装液化气间.
    LpgStore {},
    /// 电梯.
    Elevator(elevator::Config),
    /// 蒸汽锅炉.
    SteamBoiler(steam_boiler::Config),
    /// 热水锅炉.
    HotWaterBoiler(hot_water_boiler::Config),
    /// 游乐设施风速.
    RideWind(ride_wind::Config),
}

/// One machine at work.
#[derive(Debug)]
pub enum Equipment {
    /// 冷库, 冷柜, 留样柜.
    ColdRoom(cold_room::ColdRoom),
    /// 热藏柜.
    HotHolding(hot_holding::HotHolding),
    /// 可燃气体探测器.
    GasDetector(gas_detector::GasDetector),
    /// 瓶装液化气间.
    LpgStore(lpg_store::LpgStore),
    /// 电梯.
    Elevator(elevator::Elevator),
    /// 蒸汽锅炉.
    SteamBoiler(steam_boiler::SteamBoiler),
    /// 热水锅炉.
    HotWaterBoiler(hot_water_boiler::HotWaterBoiler),
    /// 游乐设施风速.
    RideWind(ride_wind::RideWind),
}

impl Equipment {
    /// Puts a machine to work, settled in ordinary operation.
    pub fn new(model: &Model, chance: &mut Chance) -> Self {
        match model {
            Model::ColdRoom(config) => Self::ColdRoom(cold_room::ColdRoom::new(config.clone(), chance)),
            Model::HotHolding(config) => Self::HotHolding(hot_holding::HotHolding::new(config, chance)),
            Model::GasDetector {} => Self::GasDetector(gas_detector::GasDetector::default()),
            Model::LpgStore {} => Self::LpgStore(lpg_store::LpgStore::default()),
            Model::Elevator(config) => Self::Elevator(elevator::Elevator::new(config.clone(), chance)),
            Model::SteamBoiler(config) => Self::SteamBoiler(steam_boiler::SteamBoiler::new(config.clone())),
            Model::HotWaterBoiler(config) => Self::HotWaterBoiler(hot_water_boiler::HotWaterBoiler::new(config)),
            Model::RideWind(config) => Self::RideWind(ride_wind::RideWind::new(config)),
        }
    }

    /// Lets time pass.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        match self {
            Self::ColdRoom(it) => it.step(elapsed_s, troubles, chance),
            Self::HotHolding(it) => it.step(elapsed_s, troubles, chance),
            Self::GasDetector(it) => it.step(elapsed_s, troubles, chance),
            Self::LpgStore(it) => it.step(elapsed_s, troubles, chance),
            Self::Elevator(it) => it.step(elapsed_s, troubles, chance),
            Self::SteamBoiler(it) => it.step(elapsed_s, troubles, chance),
            Self::HotWaterBoiler(it) => it.step(elapsed_s, troubles, chance),
            Self::RideWind(it) => it.step(elapsed_s, troubles, chance),
        }
    }

    /// What its controller shows now.
    pub fn registers(&self) -> Registers {
        match self {
            Self::ColdRoom(it) => it.registers(),
            Self::HotHolding(it) => it.registers(),
            Self::GasDetector(it) => it.registers(),
            Self::LpgStore(it) => it.registers(),
            Self::Elevator(it) => it.registers(),
            Self::SteamBoiler(it) => it.registers(),
            Self::HotWaterBoiler(it) => it.registers(),
            Self::RideWind(it) => it.registers(),
        }
    }
}

impl Model {
    /// Whether this trouble can befall such a machine: a schedule that says otherwise is a mistake.
    pub fn can_suffer(&self, kind: Kind) -> bool {
        use Kind as K;
        if matches!(kind, K::Unreachable | K::Silent | K::ReadException) {
            return true;
        }
        match self {
            Model::ColdRoom(_) => matches!(kind, K::DoorLeftOpen | K::CompressorDead | K::SensorBroken),
            Model::HotHolding(_) => matches!(kind, K::HeaterDead),
            Model::GasDetector {} => matches!(kind, K::GasLeak | K::GasMainLeak | K::DetectorFault),
            Model::LpgStore {} => matches!(kind, K::GasMainLeak | K::VentilationDead),
            Model::Elevator(_) => matches!(
                kind,
                K::Entrapment
                    | K::AlarmButton
                    | K::DoorJammed
                    | K::StopOffFloor
                    | K::SafetyCircuitOpen
                    | K::MovesWithDoorOpen
                    | K::Overspeed
                    | K::Inspection
                    | K::MainsLost
            ),
            Model::SteamBoiler(_) => matches!(kind, K::PressureSetTooHigh | K::FeedPumpDead | K::FlameFailure),
            Model::HotWaterBoiler(_) => {
                matches!(kind, K::TemperatureSetTooHigh | K::CirculationStopped | K::FlameFailure)
            }
            Model::RideWind(_) => matches!(kind, K::Storm),
        }
    }
}
