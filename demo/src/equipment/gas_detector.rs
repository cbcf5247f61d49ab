//! 可燃气体探测器: the detector of a kitchen, with its shut-off valve.

use super::{chance::Chance, gas::GasRoom};
use crate::{
    register::{Registers, tenths},
    trouble::{Kind, Troubles},
};

/// One detector.
#[derive(Debug, Default)]
pub struct GasDetector {
    room: GasRoom,
    is_faulty: bool,
}

impl GasDetector {
    /// Lets time pass.
    pub fn step(&mut self, elapsed_s: f64, troubles: &Troubles, chance: &mut Chance) {
        self.room.step(elapsed_s, 1.0, troubles, chance);
        self.is_faulty = troubles.is_active(Kind::DetectorFault);
    }

    /// Input 0: concentration in tenths of %LEL; discrete inputs: 0 valve closed, 1 detector fault.
    pub fn registers(&self) -> Registers {
        Registers {
            input: vec![tenths(self.room.shown_lel())],
            discrete_inputs: vec![self.room.is_valve_closed(), self.is_faulty],
            ..Registers::default()
        }
    }
}
