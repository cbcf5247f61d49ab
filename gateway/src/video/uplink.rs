//! The edge's socket: everything that comes is checked against what the ticket was for.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use protocol::video::{Frame, HEADER_BYTES, MAX_FRAGMENT_BYTES, StreamMessage};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{hub::Shared, relay::Misfit, ticket::StreamKey};

/// The largest message that an uplink may send, in bytes: to be set on the WebSocket's upgrade.
pub const UPLINK_MESSAGE_BYTES_MAX: usize = HEADER_BYTES + MAX_FRAGMENT_BYTES;

/// How often the edge is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// An edge that answers nothing for so long is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);
/// How long a goodbye or a ping may take to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The right to push one stream, from a ticket that was good.
pub struct Uplink {
    pub(super) shared: Arc<Shared>,
    pub(super) key: StreamKey,
    pub(super) number: u64,
    pub(super) hang_up: CancellationToken,
}

impl Uplink {
    /// Takes pictures from the edge until nobody watches any more, until `stop`, or until it sends what it may not.
    pub async fn serve(self, socket: WebSocket, stop: CancellationToken) {
        let StreamKey { device, stream } = &self.key;
        info!(device.id = %device, %stream, "live pictures begin");
        match self.relay(socket, stop).await {
            Ok(()) => info!(device.id = %device, %stream, "live pictures end"),
            Err(misfit) => {
                metrics::counter!("gateway_video_uplinks_refused_total").increment(1);
                let error = format!("{:#}", anyhow::Error::from(misfit));
                warn!(device.id = %device, %stream, error, "the uplink sends what it may not; it is cut off");
            }
        }
    }

    async fn relay(&self, socket: WebSocket, stop: CancellationToken) -> Result<(), Misfit> {
        let (mut sink, mut source) = socket.split();
        let mut ping = interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_at = Instant::now() + SILENCE_LIMIT;
        let outcome = loop {
            let heard = tokio::select! {
                () = stop.cancelled() => break Ok(()),
                () = self.hang_up.cancelled() => break Ok(()),
                () = sleep_until(silent_at) => break Ok(()),
                _ = ping.tick() => {
                    let sent = timeout(SEND_TIMEOUT, sink.send(Message::Ping(axum::body::Bytes::new()))).await;
                    if !matches!(sent, Ok(Ok(()))) { break Ok(()) }
                    continue;
                }
                heard = source.next() => heard,
            };
            silent_at = Instant::now() + SILENCE_LIMIT;
            let taken = match heard {
                Some(Ok(Message::Text(text))) => self.take_text(text.as_str()),
                Some(Ok(Message::Binary(bytes))) => self.take_binary(bytes),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break Ok(()),
            };
            if taken.is_err() {
                break taken;
            }
        };
        // An edge that does not take its goodbye is closed without.
        let _ = timeout(SEND_TIMEOUT, sink.send(Message::Close(None))).await;
        outcome
    }

    fn take_text(&self, text: &str) -> Result<(), Misfit> {
        let message = StreamMessage::parse(text)?;
        self.shared.with_relay(self, |relay| relay.take_message(message))
    }

    fn take_binary(&self, bytes: axum::body::Bytes) -> Result<(), Misfit> {
        metrics::counter!("gateway_video_relayed_bytes_total").increment(bytes.len() as u64);
        let frame = Frame::parse(bytes)?;
        self.shared.with_relay(self, |relay| relay.take_frame(frame))
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        self.shared.detach(&self.key, self.number);
    }
}
