//! What became of an attempt to send, and when the next one is. Pure.

use std::time::Duration;

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// In words for whoever looks after the channel; never with a secret.
    pub(super) why: String,
    /// What it means for what comes next.
    pub(super) verdict: Verdict,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This message will never be taken: there is no sense in trying again.
    Refused,
    /// The channel does not work at present. What became of the attempt is known, or is not.
    Channel {
        /// The service asks to wait so long.
        wait: Option<Duration>,
        /// It may have arrived all the same.
        is_outcome_unknown: bool,
    },
    /// Only this target cannot be reached at present.
    Target,
}

impl Failure {
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self { why: short(why), verdict: Verdict::Refused }
    }

    /// It surely has not arrived.
    pub(super) fn channel(why: impl Into<String>) -> Self {
        Self { why: short(why), verdict: Verdict::Channel { wait: None, is_outcome_unknown: false } }
    }

    /// It surely has not arrived, and the service says how long to wait.
    pub(super) fn busy(why: impl Into<String>, wait: Duration) -> Self {
        Self { why: short(why), verdict: Verdict::Channel { wait: Some(wait), is_outcome_unknown: false } }
    }

    /// It may have arrived.
    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self { why: short(why), verdict: Verdict::Channel { wait: None, is_outcome_unknown: true } }
    }

    pub(super) fn target(why: impl Into<String>) -> Self {
        Self { why: short(why), verdict: Verdict::Target }
    }
}

/// The longest reason that is kept, in characters: a service may answer with a whole page.
const WHY_CHARACTERS_MAX: usize = 300;

fn short(why: impl Into<String>) -> String {
    let why: String = why.into();
    match why.char_indices().nth(WHY_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &why[..end]),
        None => why,
    }
}

/// The first pause after a failure.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause: a channel that works again is noticed within so long.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// What a service may ask for at most: an hour.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// The pause after `failures` failures in a row, 1 or more: doubling from a second to a minute, spread by a fifth so
/// that channels do not try in step; `spread` is a random number from 0 to 1. What the service asks for goes before it.
pub(super) fn pause(failures: u32, wait: Option<Duration>, spread: f64) -> Duration {
    if let Some(wait) = wait {
        return wait.clamp(PAUSE_MIN, WAIT_MAX);
    }
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(PAUSE_MAX).mul_f64(0.8 + 0.4 * spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut() {
        assert_eq!(Failure::refused("灶".repeat(1000)).why.chars().count(), WHY_CHARACTERS_MAX + 1);
        assert_eq!(Failure::refused("503").why, "503");
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_follow_what_the_service_asks_for() {
        let seconds = |failures, wait: Option<u64>| pause(failures, wait.map(Duration::from_secs), 0.5).as_secs();
        assert_eq!([1, 2, 3, 6, 7, 4_000_000_000].map(|failures| seconds(failures, None)), [1, 2, 4, 32, 60, 60]);
        assert_eq!([0, 7, 86_400].map(|wait| seconds(3, Some(wait))), [1, 7, 3600]);
        assert_eq!((pause(1, None, 0.0).as_millis(), pause(1, None, 1.0).as_millis()), (800, 1200));
    }
}
