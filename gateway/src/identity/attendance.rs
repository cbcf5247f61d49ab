//! Serving a session for longer than one request: noticing that it has ended.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use crate::{
    clock::Clock,
    store::{Scope, SessionToken, Store},
};

/// An open socket is use: the session is looked up, and its use noted, this often, so that it does not idle away and an
/// expiry is noticed.
const LOOK_UP_INTERVAL: Duration = Duration::from_mins(1);
/// After a failed look-up the session is taken for valid this long before the next try: a busy database must not close
/// every screen of the centre.
const RETRY: Duration = Duration::from_secs(1);

/// Somebody with an open socket.
pub struct Attendance {
    store: Store,
    clock: Clock,
    token: SessionToken,
    /// What the socket was opened for.
    scope: Scope,
    changes: watch::Receiver<u64>,
}

impl Attendance {
    /// Watches the session of this token, which was found valid with this scope.
    pub fn new(store: Store, clock: Clock, token: SessionToken, scope: Scope) -> Self {
        let mut changes = store.session_changes();
        // What changed between that look-up and now counts as new.
        changes.mark_changed();
        Self { store, clock, token, scope, changes }
    }

    /// Returns when the session has ended, or when its person may see something else than when it began.
    pub async fn ended(mut self) {
        let mut look_up_at = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(look_up_at) => {}
                changed = self.changes.changed() => if changed.is_err() { return },
            }
            let now = self.clock.now().wall;
            match self.store.session(&self.token, now).await {
                Ok(Some(session)) if session.scope == self.scope => {
                    let left = Duration::from_millis(session.expires.since_ms(now).unsigned_abs());
                    look_up_at = Instant::now() + left.min(LOOK_UP_INTERVAL);
                }
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a session could not be looked up");
                    look_up_at = Instant::now() + RETRY;
                }
            }
        }
    }
}
