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
    /// What the wall clock showed then.
    started_wall: UnixMs,
    /// By how many milliseconds a test has set the wall clock.
    #[cfg(test)]
    set_by_ms: &'static std::sync::atomic::AtomicI64,
}

impl Clock {
    /// A clock that begins now. One per process, made in `app`.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            started_wall: wall(),
            #[cfg(test)]
            set_by_ms: Box::leak(Box::default()),
        }
    }

    /// Both clocks at this moment.
    pub fn now(self) -> Now {
        let mono = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wall = wall();
        #[cfg(test)]
        let wall = wall.plus_ms(self.set_by_ms.load(std::sync::atomic::Ordering::Relaxed));
        Now { wall, mono: AT_START.plus_ms(mono) }
    }

    /// The present by a wall clock that nobody sets: what it showed when the process started, moved on by the monotonic
    /// clock. For delays whose beginning is on disk.
    pub fn steady(self) -> UnixMs {
        self.started_wall.plus_ms(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// A clock of a process that starts when the wall clock shows this.
    #[cfg(test)]
    pub(crate) fn start_at(wall: UnixMs) -> Self {
        let clock = Self::start();
        clock.set_by_ms(wall.since_ms(clock.started_wall));
        Self { started_wall: wall, ..clock }
    }

    /// Sets the wall clock, as an administrator would.
    #[cfg(test)]
    pub(crate) fn set_by_ms(self, milliseconds: i64) {
        self.set_by_ms.store(milliseconds, std::sync::atomic::Ordering::Relaxed);
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
