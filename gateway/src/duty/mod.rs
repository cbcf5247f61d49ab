//! 值守: sees to it that what nobody does in time is told further up, although no message comes.
//!
//! The deadlines stand in the database, as wall time; this task looks once a second for what has become due (an indexed
//! question that costs nothing while nothing is due). A wall clock that somebody sets neither hastens nor delays anything:
//! it is noticed against the monotonic clock before each look, and all deadlines move with it. What was due while the
//! gateway was away is told at its start.
//!
//! - `photo`: what a picture says of itself.

pub(crate) mod photo;

use std::time::Duration;

use domain::time::Now;
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, ops::health::Health, store::Store};

/// How often it looks: how late anything is told at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The wall clock was set, rather than slewed, when it moved by more than this between two looks, in milliseconds.
const SET_BY_MS: i64 = 500;
/// What is told of in `/readyz`.
const HEALTH_PART: &str = "duty";

/// Looks until `stop`.
pub async fn run(store: Store, clock: Clock, health: Health, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watch = ClockWatch::new(clock.now());
    let mut has_begun = false;
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        let outcome = async {
            if !has_begun {
                store.begin_duty().await?;
                has_begun = true;
            }
            watch.look(&store, clock.now()).await
        };
        match outcome.await {
            Ok(()) => health.works(HEALTH_PART),
            Err(error) => {
                health.fails(HEALTH_PART, "what is overdue cannot be told");
                tracing::error!(error = &error as &dyn std::error::Error, "duty is not watched; trying again");
            }
        }
    }
}

/// Looks at the clock, and remembers it.
pub(crate) struct ClockWatch {
    /// When deadlines were last right.
    last: Now,
}

impl ClockWatch {
    pub(crate) const fn new(now: Now) -> Self {
        Self { last: now }
    }

    /// Moves the deadlines if the clock was set, then tells everything that is due.
    pub(crate) async fn look(&mut self, store: &Store, now: Now) -> Result<(), crate::store::StoreError> {
        let set_by_ms = now.set_by_ms(self.last);
        if set_by_ms.abs() > SET_BY_MS {
            tracing::warn!(set_by_ms, "the clock was set; deadlines move with it");
            store.shift_duty_clock(set_by_ms).await?;
        }
        self.last = now;
        while store.watch_duty(now.wall).await? {}
        Ok(())
    }
}
