//! Values and alarms as they change, over a WebSocket.

use std::time::Duration;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use futures_util::{SinkExt, StreamExt, stream};
use protocol::live::{LiveMessage, Version};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use utoipa::IntoParams;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, Query, View},
    socket::{self, CloseReason},
};
use crate::{
    identity::attendance::Attendance,
    live::{Subscription, to_frame},
};

/// A client is told this often that the gateway is alive, when there is nothing else to tell.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A client that takes nothing for so long is gone; it comes back with what it has seen.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveQuery {
    /// `<epoch>.<sequence>` of the last message received; absent: start with a snapshot.
    resume: Option<String>,
}

/// Values and alarms as they change, over WebSocket; see docs/ref/live.md.
#[utoipa::path(get, path = "/live", tag = "live", params(LiveQuery), responses(
    (status = 101, description = "WebSocket: each text message is one LiveMessage.", body = LiveMessage),
    Refusal,
))]
pub(super) async fn live(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<LiveQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let resume = query.resume.map(|text| parse_version(&text)).transpose()?;
    let subscription = state.live.subscribe(&may.scope, resume);
    let attendance = Attendance::new(state.store.clone(), state.clock, may.token, may.scope);
    Ok(socket::upgrade(upgrade)?.on_upgrade(move |socket| serve(socket, subscription, attendance, state)))
}

/// A version that is not one is an error; one of another start of the gateway simply leads to a snapshot.
fn parse_version(text: &str) -> Result<Version, ApiError> {
    text.split_once('.')
        .and_then(|(epoch, sequence)| Some(Version { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? }))
        .ok_or_else(|| ApiError::invalid_field("resume", "it has the form `<epoch>.<sequence>`"))
}

async fn serve(socket: WebSocket, mut subscription: Subscription, attendance: Attendance, state: AppState) {
    let _open = socket::count("live");
    let (mut sink, mut source) = socket.split();
    let mut ended = std::pin::pin!(attendance.ended());
    let mut heartbeat_at = Instant::now() + HEARTBEAT_INTERVAL;
    let reason = loop {
        let frames = tokio::select! {
            () = state.stop.cancelled() => break CloseReason::Stopping,
            () = &mut ended => break CloseReason::SessionEnded,
            message = source.next() => match message {
                // Clients have nothing to say; pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Binary(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            frames = subscription.next() => frames,
            () = tokio::time::sleep_until(heartbeat_at) => vec![heartbeat(&state)],
        };
        heartbeat_at = Instant::now() + HEARTBEAT_INTERVAL;
        // All that is pending, then one flush: the system call is the cost, not the message.
        let mut messages = stream::iter(frames.into_iter().map(|frame| Ok(Message::Text(frame))));
        tokio::select! {
            () = state.stop.cancelled() => break CloseReason::Stopping,
            () = &mut ended => break CloseReason::SessionEnded,
            sent = timeout(WRITE_TIMEOUT, sink.send_all(&mut messages)) => if !matches!(sent, Ok(Ok(()))) { return },
        }
    };
    let mut last = vec![];
    if reason == CloseReason::SessionEnded {
        last.push(Ok(Message::Text(to_frame(&LiveMessage::SessionEnded))));
    }
    last.push(Ok(Message::Close(Some(CloseFrame::from(reason)))));
    // A client that does not take its farewell in time is closed without.
    let _ = timeout(socket::FAREWELL_TIMEOUT, sink.send_all(&mut stream::iter(last))).await;
}

fn heartbeat(state: &AppState) -> Utf8Bytes {
    to_frame(&LiveMessage::Heartbeat { at_ms: state.clock.now().wall.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_survives_the_address() {
        assert_eq!(parse_version("17.42").unwrap(), Version { epoch: 17, sequence: 42 });
        for wrong in ["", "17", "17.", ".42", "17.42.1", "a.b", "-1.2"] {
            assert!(parse_version(wrong).is_err(), "{wrong}");
        }
    }
}
