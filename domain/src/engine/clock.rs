//! The present as the rules believe it: a wall clock that never jumps, and that is put right when it was wrong.
//!
//! The gateway's clock may be set at any moment, by a person, by NTP, by a machine that slept, and no alarm may change for
//! that. But it may also have been wrong when the gateway started, and then what was taken for the present stays wrong until
//! it is put right. The two look alike to one clock. So a second witness is heard: the times that the edges stamp on what
//! they read just now. When the wall clock has differed from what is believed for [`LASTING_MS`], always by as much, and most
//! of what came meanwhile sides with it, it is believed from then on. A clock that was set wrong finds no edge on its side.

use crate::time::{MonoMs, Now, UnixMs};

/// Differing by less is no difference: what a clock is slewed by, and what lies between reading two of them.
const TOLERANCE_MS: i64 = 1000;
/// How long the wall clock must differ by the same: NTP steps a clock once after its start, not every two minutes.
const LASTING_MS: u64 = 120_000;
/// How many stamps must have been heard: fewer are chance.
const WITNESSES: u32 = 10;
/// A stamp that is further than this from both says nothing about either: its edge has a clock of its own, or it is late.
const NEAR_MS: i64 = 60_000;

/// What the wall clock is believed to show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clock {
    /// Both clocks at a moment when the wall clock was believed.
    anchor: Now,
    differing: Option<Differing>,
}

/// The wall clock shows something else than what is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Differing {
    by_ms: i64,
    since: MonoMs,
    /// Stamps that are nearer to the wall clock.
    siding: u32,
    /// Stamps that are nearer to what is believed.
    opposing: u32,
}

impl Clock {
    /// One that believes the wall clock as it is now: there is nothing else yet.
    pub(super) const fn believing(now: Now) -> Self {
        Self { anchor: now, differing: None }
    }

    /// What the wall clock would show had nobody set it since it was last believed.
    pub(super) fn present(self, now: Now) -> UnixMs {
        let elapsed_ms = i64::try_from(now.mono.since_ms(self.anchor.mono)).unwrap_or(i64::MAX);
        self.anchor.wall.plus_ms(elapsed_ms)
    }

    /// After something was heard: `stamps` are event times of what was read just now, as far as their edges know.
    #[must_use]
    pub(super) fn hearing(self, now: Now, stamps: impl IntoIterator<Item = UnixMs>) -> Self {
        let by_ms = now.wall.since_ms(self.present(now));
        if by_ms.abs() <= TOLERANCE_MS {
            return Self { differing: None, ..self };
        }
        let begun = Differing { by_ms, since: now.mono, siding: 0, opposing: 0 };
        let same = |it: &Differing| by_ms.saturating_sub(it.by_ms).abs() <= TOLERANCE_MS;
        let mut differing = self.differing.filter(same).unwrap_or(begun);
        for stamp in stamps {
            let from_wall_ms = stamp.since_ms(now.wall).abs();
            let from_believed_ms = stamp.since_ms(self.present(now)).abs();
            match from_wall_ms.cmp(&from_believed_ms) {
                std::cmp::Ordering::Less if from_wall_ms <= NEAR_MS => differing.siding += 1,
                std::cmp::Ordering::Greater if from_believed_ms <= NEAR_MS => differing.opposing += 1,
                _ => {}
            }
        }
        let is_heard = differing.siding.saturating_add(differing.opposing) >= WITNESSES;
        if now.mono.since_ms(differing.since) < LASTING_MS || !is_heard {
            return Self { differing: Some(differing), ..self };
        }
        if differing.siding > differing.opposing {
            return Self::believing(now);
        }
        // Heard anew from here on: edges that follow this very clock come after it.
        Self { differing: Some(begun), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Now = Now { wall: UnixMs(1_790_812_800_000), mono: MonoMs(0) };
    const HOUR_MS: i64 = 3_600_000;

    /// So long after the start, by a wall clock that was set by so much since.
    fn at(seconds: u64, set_by_ms: i64) -> Now {
        let elapsed_ms = i64::try_from(seconds * 1000).unwrap();
        Now { wall: START.wall.plus_ms(elapsed_ms + set_by_ms), mono: MonoMs(seconds * 1000) }
    }

    /// A clock that is set right after the start; edges, whose clock differs from the gateway's at its start by so much,
    /// are heard every ten seconds. How far off it is from what the wall clock shows, in the end.
    fn heard(seconds: u64, set_by_ms: i64, edges_ms: i64) -> i64 {
        let mut clock = Clock::believing(START);
        for second in (0..=seconds).step_by(10) {
            let stamp = at(second, edges_ms - 300).wall;
            clock = clock.hearing(at(second, set_by_ms), [stamp]);
        }
        let now = at(seconds, set_by_ms);
        now.wall.since_ms(clock.present(now))
    }

    #[test]
    fn a_correction_that_lasts_and_that_the_edges_confirm_is_believed() {
        assert_eq!(heard(110, -HOUR_MS, -HOUR_MS), -HOUR_MS, "not before two minutes");
        assert_eq!(heard(120, -HOUR_MS, -HOUR_MS), 0, "an hour fast at the start");
        assert_eq!(heard(120, HOUR_MS, HOUR_MS), 0, "an hour behind at the start");
    }

    #[test]
    fn a_clock_that_is_set_wrong_is_never_believed_against_the_edges() {
        assert_eq!(heard(86_400, HOUR_MS, 0), HOUR_MS);
        assert_eq!(heard(86_400, -HOUR_MS, 0), -HOUR_MS);
    }

    #[test]
    fn what_nobody_confirms_or_what_does_not_last_is_not_believed() {
        assert_eq!(heard(86_400, HOUR_MS, 24 * HOUR_MS), HOUR_MS, "edges that agree with neither are no witness");
        let mut clock = Clock::believing(START);
        for second in 0..600 {
            let set_by_ms = if second % 100 < 50 { HOUR_MS } else { 0 };
            clock = clock.hearing(at(second, set_by_ms), [at(second, set_by_ms).wall; 20]);
        }
        assert_eq!(clock.present(at(600, HOUR_MS)), at(600, 0).wall, "it came and went");
    }

    #[test]
    fn edges_that_follow_the_gateway_s_clock_after_a_while_convince_it() {
        let mut clock = Clock::believing(START);
        for second in (0..=900).step_by(10) {
            let stamp = at(second, if second < 500 { 0 } else { HOUR_MS }).wall;
            clock = clock.hearing(at(second, HOUR_MS), [stamp]);
        }
        assert_eq!(clock.present(at(900, HOUR_MS)), at(900, HOUR_MS).wall);
    }
}
