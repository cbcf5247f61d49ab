//! In which order people are needed: who waits for an answer first, the gravest of these first, the newest of those
//! first. One number, so that lists, indexes and cursors cannot disagree.

use super::{AlarmState, Severity};
use crate::id::AlarmId;

/// What an alarm asks of people, in the order in which they are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Attention {
    /// Somebody has to answer.
    Waiting = 0,
    /// Somebody has answered; it goes on, or waits for its reset.
    Answered = 1,
    /// It calls nobody for now: shelved, suppressed or out of service.
    SetAside = 2,
    /// It is over.
    Over = 3,
}

impl Attention {
    /// Every one that an open alarm can have, in order.
    pub const OPEN: [Self; 3] = [Self::Waiting, Self::Answered, Self::SetAside];

    /// What an alarm in this state asks.
    pub const fn of(state: AlarmState) -> Self {
        match state {
            AlarmState::ActiveUnacknowledged
            | AlarmState::ReturnedUnacknowledged
            | AlarmState::LatchedUnacknowledged => Self::Waiting,
            AlarmState::ActiveAcknowledged | AlarmState::LatchedAcknowledged => Self::Answered,
            AlarmState::Shelved | AlarmState::Suppressed | AlarmState::OutOfService => Self::SetAside,
            AlarmState::Closed => Self::Over,
        }
    }
}

/// An alarm's place in a list: smaller comes first. Below 2^53, so that every JSON reader holds it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Precedence(i64);

impl Precedence {
    /// Room for alarm numbers: 2^40 are a thousand billion, and four times eight of that stay below 2^53.
    const NUMBERS: i64 = 1 << 40;
    /// Before every alarm.
    pub const FIRST: Self = Self(-1);

    /// Of an alarm in this state.
    pub const fn of(state: AlarmState, severity: Severity, alarm: AlarmId) -> Self {
        // The newest first: numbers rise in the order of raising.
        Self(Self::start(Attention::of(state), severity) + (Self::NUMBERS - 1 - alarm.0 % Self::NUMBERS))
    }

    /// From the first place to the last of these: every alarm of this severity that asks this of people.
    pub const fn range(attention: Attention, severity: Severity) -> std::ops::RangeInclusive<Self> {
        let start = Self::start(attention, severity);
        Self(start)..=Self(start + Self::NUMBERS - 1)
    }

    /// Which alarm stands there.
    pub const fn alarm(self) -> AlarmId {
        AlarmId(Self::NUMBERS - 1 - self.0.rem_euclid(Self::NUMBERS))
    }

    /// As a cursor.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// From a cursor; any number is a place.
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    const fn start(attention: Attention, severity: Severity) -> i64 {
        (attention as i64 * 8 + severity as i64) * Self::NUMBERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unanswered_come_first_then_the_gravest_then_the_newest() {
        use AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, LatchedUnacknowledged, Shelved};
        let listed = [
            (ActiveUnacknowledged, Severity::I, 7),
            (LatchedUnacknowledged, Severity::II, 9),
            (ActiveUnacknowledged, Severity::II, 8),
            (ActiveUnacknowledged, Severity::IV, 99),
            (ActiveAcknowledged, Severity::I, 5),
            (Shelved, Severity::II, 100),
        ];
        let places = listed.map(|(state, severity, number)| Precedence::of(state, severity, AlarmId(number)));
        assert!(places.is_sorted(), "{places:?}");
        assert!(Precedence::FIRST < places[0]);
    }

    #[test]
    fn a_place_knows_its_alarm_lies_in_its_range_and_survives_json() {
        for state in AlarmState::ALL {
            for severity in [Severity::I, Severity::II, Severity::III, Severity::IV] {
                for number in [0, 1, 4_711, Precedence::NUMBERS - 1] {
                    let place = Precedence::of(state, severity, AlarmId(number));
                    assert_eq!(place.alarm(), AlarmId(number));
                    assert!(Precedence::range(Attention::of(state), severity).contains(&place));
                    assert!(place.number() < 1 << 53);
                }
            }
        }
    }
}
