//! Time: wall-clock milliseconds for the record, monotonic milliseconds for every delay, and which times to believe.

use serde::{Deserialize, Serialize};

/// A moment by the wall clock: milliseconds since 1970-01-01T00:00:00Z. What the edge stamps is event time, what the
/// gateway stamps is receive time; the field that holds it says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub const fn since_ms(self, earlier: UnixMs) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved by `milliseconds`.
    #[must_use]
    pub const fn plus_ms(self, milliseconds: i64) -> UnixMs {
        UnixMs(self.0.saturating_add(milliseconds))
    }
}

/// A moment by a clock that never jumps: milliseconds since some moment before the process started. Delays and time-outs use only this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoMs(pub u64);

impl MonoMs {
    /// Milliseconds from `earlier` to `self`, 0 when `self` is the earlier one.
    pub const fn since_ms(self, earlier: MonoMs) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved forward by `milliseconds`.
    #[must_use]
    pub const fn plus_ms(self, milliseconds: u64) -> MonoMs {
        MonoMs(self.0.saturating_add(milliseconds))
    }
}

/// Both clocks, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For the record.
    pub wall: UnixMs,
    /// For every delay.
    pub mono: MonoMs,
}

impl Now {
    /// The monotonic moment at which the wall clock would show `wall` if nobody set it; now, when that has passed.
    pub const fn mono_at(self, wall: UnixMs) -> MonoMs {
        let ahead_ms = wall.since_ms(self.wall);
        self.mono.plus_ms(if ahead_ms > 0 { ahead_ms.cast_unsigned() } else { 0 })
    }

    /// By how many milliseconds somebody set the wall clock forward (negative: back) between `earlier` and this moment.
    pub const fn set_by_ms(self, earlier: Now) -> i64 {
        self.wall.since_ms(earlier.wall).saturating_sub(self.mono.since_ms(earlier.mono).cast_signed())
    }
}

/// The earliest event time that is stored: 2020-01-01T00:00:00Z. An embedded clock that lost its battery starts at
/// 1970, 2000 or its firmware's date; nothing here is older than the product.
pub const EARLIEST_EVENT_TIME: UnixMs = UnixMs(1_577_836_800_000);
/// The oldest event time that is stored, relative to the receive time: 400 days in milliseconds, a year's outbox and a month.
pub const OLDEST_EVENT_AGE_MS: i64 = 400 * 24 * 3600 * 1000;
/// How far ahead of the receive time an event time may be before the edge's clock is suspect: 5 minutes in milliseconds.
pub const FUTURE_TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// What to make of an event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credibility {
    /// Take it as it is.
    Credible,
    /// Store it with quality `clock_suspect` and judge the reading by its receive time.
    ClockSuspect,
    /// Impossible: quarantine the reading and count it.
    Impossible,
}

/// Judges an event time against the time it was received.
pub fn credibility(event_time: UnixMs, received: UnixMs) -> Credibility {
    let age_ms = received.since_ms(event_time);
    if event_time < EARLIEST_EVENT_TIME || age_ms > OLDEST_EVENT_AGE_MS {
        return Credibility::Impossible;
    }
    if -age_ms > FUTURE_TOLERANCE_MS {
        return Credibility::ClockSuspect;
    }
    Credibility::Credible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        let at = |wall, mono| Now { wall: UnixMs(wall), mono: MonoMs(mono) };
        assert_eq!(at(2000, 1500).set_by_ms(at(1000, 500)), 0);
        assert_eq!(at(3_602_000, 1500).set_by_ms(at(1000, 500)), 3_600_000);
        assert_eq!(at(1000, 1500).set_by_ms(at(1000, 500)), -1000);
    }

    #[test]
    fn an_event_time_is_judged_against_its_receive_time() {
        let received = UnixMs(1_790_000_000_000);
        let check =
            |event_ms: i64, expected| assert_eq!(credibility(UnixMs(event_ms), received), expected, "{event_ms}");
        check(received.0, Credibility::Credible);
        check(received.0 + FUTURE_TOLERANCE_MS, Credibility::Credible);
        check(received.0 + FUTURE_TOLERANCE_MS + 1, Credibility::ClockSuspect);
        check(received.0 - OLDEST_EVENT_AGE_MS, Credibility::Credible);
        check(received.0 - OLDEST_EVENT_AGE_MS - 1, Credibility::Impossible);
        check(0, Credibility::Impossible);
        check(i64::MIN, Credibility::Impossible);
        check(i64::MAX, Credibility::ClockSuspect);
    }
}
