//! Whether a node's clock is behind ours. Of one message of any node nobody can say: a line that was held up brings old ones,
//! too, and some send what they kept as if it were new. But what was held up comes within moments, and a clock that is behind
//! stays so. A node with an outbox says of what it kept that it is of the past.

use domain::time::{FUTURE_TOLERANCE_MS, MonoMs};

/// For so long every message must have been sent long ago by its own clock, in milliseconds: a minute.
const CERTAIN_MS: u64 = 60_000;

/// What the messages of one node say of its clock.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Since when every message was; None: the last one was not.
    since: Option<MonoMs>,
    /// For long enough, or one of them cannot have waited anywhere.
    is_certain: bool,
}

impl Behind {
    /// A message came whose sender's clock is so far before ours (negative: behind). It is fresh when the sender does not
    /// keep messages without saying so.
    pub(super) fn hear(&mut self, skew_ms: i64, is_fresh: bool, now: MonoMs) {
        if skew_ms >= -FUTURE_TOLERANCE_MS {
            *self = Self::default();
            return;
        }
        let since = *self.since.get_or_insert(now);
        self.is_certain |= is_fresh || now.since_ms(since) >= CERTAIN_MS;
    }

    /// Whether what is measured now bears a time of the past.
    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_behind_when_it_stays_so_or_what_says_so_is_fresh() {
        let mut clock = Behind::default();
        let mut heard = |skew_ms, is_fresh, now| {
            clock.hear(skew_ms, is_fresh, MonoMs(now));
            clock.is_certain()
        };
        assert!(!heard(-3_600_000, false, 1_000), "it may have waited somewhere");
        assert!(!heard(-3_600_000, false, 60_999));
        assert!(heard(-3_600_000, false, 61_000));
        assert!(!heard(-FUTURE_TOLERANCE_MS, false, 62_000), "put right");
        assert!(!heard(-3_600_000, false, 63_000));
        assert!(heard(-3_600_000, true, 64_000));
    }
}
