//! Knows when a thread inside libav has waited too long. libav's own time-out notices a server that froze at twice its
//! time, and some calls (name resolution) it cannot interrupt at all: hence two limits, one to interrupt, one to give
//! the process up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How much longer than its limit a call may take until the process is given up.
const GRACE: Duration = Duration::from_secs(10);

/// The deadline of what one thread is doing now; cloned into libav's interrupt callback and into the main loop.
#[derive(Debug, Clone)]
pub(super) struct Watchdog {
    started: Instant,
    /// Milliseconds since `started`.
    deadline_ms: Arc<AtomicU64>,
}

impl Watchdog {
    /// A watchdog whose deadline lies `limit` ahead.
    pub(super) fn new(limit: Duration) -> Self {
        let watchdog = Self { started: Instant::now(), deadline_ms: Arc::default() };
        watchdog.allow(limit);
        watchdog
    }

    /// There was progress: from now on, `limit` is allowed until the next.
    pub(super) fn allow(&self, limit: Duration) {
        let deadline = self.started.elapsed() + limit;
        self.deadline_ms.store(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the call in progress is to be interrupted.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue() > Duration::ZERO
    }

    /// Whether the interruption had no effect.
    pub(super) fn is_hopeless(&self) -> bool {
        self.overdue() > GRACE
    }

    fn overdue(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.deadline_ms.load(Ordering::Relaxed)))
    }
}
