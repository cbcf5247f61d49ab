//! Alarms in ten minutes. A flood begins with ten in ten minutes and ends with fewer than five (EEMUA 191, ISA-18.2).

use super::percent;

/// Ten minutes, in milliseconds: the span that both standards count in.
pub const SLOT_MS: u64 = 600_000;
/// So many calls in a slot begin a flood.
const FLOOD_BEGINS: u32 = 10;
/// Fewer calls in a slot end it.
const FLOOD_ENDS_BELOW: u32 = 5;

/// The calls of one position, slot by slot, in constant memory.
#[derive(Debug, Default)]
pub(super) struct Pace {
    slot: u64,
    in_slot: u32,
    total: u64,
    peak: u32,
    is_flood: bool,
    flood_slots: u64,
}

impl Pace {
    /// Notes a call in a slot; slots never fall.
    pub(super) fn note(&mut self, slot: u64) {
        self.advance(slot);
        self.in_slot += 1;
        self.total += 1;
    }

    /// Closes all slots of a time of `slots`.
    pub(super) fn end(&mut self, slots: u64) {
        self.advance(slots);
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) const fn peak(&self) -> u32 {
        self.peak
    }

    /// Calls in ten minutes, over a time of so many milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "counts and milliseconds are far below 2^53")]
    pub(super) fn mean(&self, length_ms: u64) -> f64 {
        if length_ms == 0 { 0.0 } else { self.total as f64 * SLOT_MS as f64 / length_ms as f64 }
    }

    /// How much of the time up to the last slot was a flood.
    pub(super) fn flood_percent(&self) -> f64 {
        percent(self.flood_slots, self.slot)
    }

    fn advance(&mut self, slot: u64) {
        if slot <= self.slot {
            return;
        }
        self.peak = self.peak.max(self.in_slot);
        self.is_flood = match self.in_slot {
            count if count >= FLOOD_BEGINS => true,
            count if count < FLOOD_ENDS_BELOW => false,
            _ => self.is_flood,
        };
        self.flood_slots += u64::from(self.is_flood);
        // Between lies silence, which ends every flood.
        self.is_flood &= slot == self.slot + 1;
        self.in_slot = 0;
        self.slot = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(counts: &[u32]) -> Pace {
        let mut pace = Pace::default();
        for (slot, count) in (0..).zip(counts) {
            for _ in 0..*count {
                pace.note(slot);
            }
        }
        pace.end(counts.len() as u64);
        pace
    }

    #[test]
    fn a_flood_begins_with_ten_and_ends_below_five() {
        assert!(pace(&[9; 10]).flood_percent() < 0.1, "nine do not begin one");
        // The slots with 10, 7 and 5 are one flood; the 9 after the 4 are none.
        let of = pace(&[0, 10, 7, 5, 4, 9, 0, 0, 0, 0]);
        assert!((of.flood_percent() - 30.0).abs() < 1e-9, "{}", of.flood_percent());
        assert_eq!((of.peak(), of.total()), (10, 35));
        // Silence between ends it: the 6 is no flood.
        assert!((pace(&[10, 0, 6, 0]).flood_percent() - 25.0).abs() < 1e-9);
    }

    #[test]
    fn the_mean_is_over_the_whole_time() {
        assert!((pace(&[3, 0, 0, 0, 0, 0]).mean(6 * SLOT_MS) - 0.5).abs() < 1e-9);
    }
}
