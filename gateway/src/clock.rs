//! The one place that reads the clocks. Pure code gets a [`Now`] handed in.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use domain::time::{MonoMs, Now, UnixMs};

/// What the monotonic clock shows when the process starts: 400 days in milliseconds, so that what the engine remembers of
/// the process before, and how long ago it was, has a place on it.
const AT_START: MonoMs = MonoMs(400 * 24 * 3600 * 1000);

/// Both clocks of this process; copy it freely.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that begins now. One per process, made in `app`.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Both clocks at this moment.
    pub fn now(self) -> Now {
        let mono = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall: wall(), mono: AT_START.plus_ms(mono) }
    }

    /// The tokio moment at which the monotonic clock shows `at`.
    pub fn instant_of(self, at: MonoMs) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + std::time::Duration::from_millis(at.since_ms(AT_START)))
    }
}

/// The wall clock. A clock before 1970 reads as 1970.
fn wall() -> UnixMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
