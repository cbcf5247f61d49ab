//! 可燃气体: a room with a combustible-gas detector, and its shut-off valve where there is one.

use super::chance::{self, Chance};
use crate::trouble::{Kind, Troubles};

/// Seconds for a leak to fill the room to 63 % of where it will end, and for the room to air.
const FILLING_S: f64 = 15.0;
const AIRING_S: f64 = 45.0;
/// The detector closes the valve at its second level, GB/T 50493-2019 allows up to 50 %LEL.
const VALVE_CLOSES_LEL: f64 = 25.0;
/// It is opened again by hand when the room is aired.
const VALVE_OPENS_LEL: f64 = 3.0;

/// The air of a room, and the valve on its gas pipe.
#[derive(Debug, Default)]
pub(super) struct GasRoom {
    concentration_lel: f64,
    shown_lel: f64,
    is_valve_closed: bool,
}

impl GasRoom {
    /// Lets time pass. A leak's magnitude is where the concentration would end, in %LEL. `airing` is 1 with the
    /// ventilation running and less without.
    pub(super) fn step(&mut self, elapsed_s: f64, airing: f64, troubles: &Troubles, chance: &mut Chance) {
        let leak = match (troubles.magnitude(Kind::GasMainLeak), troubles.magnitude(Kind::GasLeak)) {
            (Some(main), _) => Some(main),
            (None, Some(after_valve)) if !self.is_valve_closed => Some(after_valve),
            (None, _) => None,
        };
        self.concentration_lel = match leak {
            Some(end_lel) => chance::approach(self.concentration_lel, end_lel, elapsed_s, FILLING_S),
            None => chance::approach(self.concentration_lel, 0.0, elapsed_s * airing, AIRING_S),
        };
        if self.concentration_lel >= VALVE_CLOSES_LEL {
            self.is_valve_closed = true;
        } else if self.concentration_lel < VALVE_OPENS_LEL && troubles.magnitude(Kind::GasLeak).is_none() {
            self.is_valve_closed = false;
        }
        self.shown_lel = (self.concentration_lel + 0.4 + 0.2 * chance::normal(chance)).clamp(0.0, 100.0);
    }

    /// What the detector shows, %LEL.
    pub(super) fn shown_lel(&self) -> f64 {
        self.shown_lel
    }

    /// Whether the shut-off valve has closed.
    pub(super) fn is_valve_closed(&self) -> bool {
        self.is_valve_closed
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn highest_and_last(kind: Kind, end_lel: f64) -> (f64, f64) {
        let (mut room, mut chance) = (GasRoom::default(), Chance::seed_from_u64(5));
        let troubles = Troubles::of(&[(kind, end_lel)]);
        let mut highest: f64 = 0.0;
        for _ in 0..240 {
            room.step(1.0, 1.0, &troubles, &mut chance);
            highest = highest.max(room.shown_lel());
        }
        (highest, room.shown_lel())
    }

    #[test]
    fn the_valve_stops_a_leak_behind_it_but_not_one_before_it() {
        let (highest, last) = highest_and_last(Kind::GasLeak, 60.0);
        assert!((25.0..32.0).contains(&highest) && last < 3.0, "highest {highest}, last {last}");
        let (highest, last) = highest_and_last(Kind::GasMainLeak, 60.0);
        assert!(highest > 55.0 && last > 55.0, "highest {highest}, last {last}");
    }

    #[test]
    fn a_small_leak_stays_below_the_valve_level() {
        let (highest, last) = highest_and_last(Kind::GasLeak, 15.0);
        assert!(highest < 18.0 && last > 12.0, "highest {highest}, last {last}");
    }
}
