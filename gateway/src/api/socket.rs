//! What all WebSockets have in common.

use std::time::Duration;

use axum::extract::{
    WebSocketUpgrade,
    ws::{CloseFrame, rejection::WebSocketUpgradeRejection},
};

use super::error::ApiError;

/// How long a socket that ends is given to take its last message: it must be closed within a second.
pub(super) const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);
/// The largest message that people's programs may send, in bytes; they have nothing to say.
const INCOMING_BYTES_MAX: usize = 4096;

/// Why the gateway closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The session has ended, or its jurisdiction changed.
    SessionEnded,
    /// The device left the jurisdiction.
    NoLongerCovered,
    /// The gateway stops; come back in a moment.
    Stopping,
}

impl From<CloseReason> for CloseFrame {
    fn from(reason: CloseReason) -> Self {
        let (code, reason) = match reason {
            CloseReason::SessionEnded => (4401, "session ended"),
            CloseReason::NoLongerCovered => (4404, "no longer in your jurisdiction"),
            CloseReason::Stopping => (1001, "the gateway is stopping"),
        };
        Self { code, reason: reason.into() }
    }
}

/// The upgrade of somebody who may have it. It is taken apart from the other arguments so that who may not is told so
/// before being told how to open a WebSocket.
pub(super) fn upgrade(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, ApiError> {
    let upgrade =
        upgrade.map_err(|_| ApiError::bad_request("this is a WebSocket; open it as one", "此地址为 WebSocket"))?;
    Ok(upgrade.max_message_size(INCOMING_BYTES_MAX))
}

/// Counts an open socket until it is dropped.
pub(super) fn count(kind: &'static str) -> impl Drop {
    struct Open(metrics::Gauge);
    impl Drop for Open {
        fn drop(&mut self) {
            self.0.decrement(1);
        }
    }
    let gauge = metrics::gauge!("gateway_open_sockets", "kind" => kind);
    gauge.increment(1);
    Open(gauge)
}
