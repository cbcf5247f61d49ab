//! How long to wait before trying again: doubling up to a cap, with jitter, so that a street of agents that lost
//! power together does not come back in one instant.

use std::time::Duration;

/// Counts failures and tells the next delay.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// `first` is the delay after one failure, before jitter; no delay is ever longer than `cap`.
    pub const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, failures: 0 }
    }

    /// One more failure: how long to wait now. `random` is uniform in 0..1; the delay lies between half and all of
    /// what the number of failures asks for.
    pub fn after_failure(&mut self, random: f64) -> Duration {
        let full = self.first.saturating_mul(1 << self.failures.min(20)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }

    /// It worked: the next failure starts anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since it last worked.
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_up_to_the_cap_and_starts_anew_after_success() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(1));
        let delays: Vec<u128> = (0..4).map(|_| backoff.after_failure(1.0).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 1000]);
        assert_eq!(backoff.failures(), 4);
        backoff.reset();
        assert_eq!(backoff.after_failure(0.0).as_millis(), 125);
    }

    proptest! {
        #[test]
        fn never_exceeds_the_cap_and_never_vanishes(failures in 0_usize..200, random in any::<f64>()) {
            let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
            for _ in 0..failures {
                backoff.after_failure(0.5);
            }
            let delay = backoff.after_failure(if random.is_nan() { 0.0 } else { random });
            prop_assert!(delay >= Duration::from_millis(125) && delay <= Duration::from_secs(10));
        }
    }
}
