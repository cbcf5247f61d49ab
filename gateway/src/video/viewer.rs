//! A person's place at a stream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Message;
use domain::id::DeviceId;
use protocol::video::{Delivery, FrameQueue};
use tokio::sync::Notify;

use super::{hub::Shared, relay::SeatNumber, ticket::StreamKey};
use crate::store::Scope;

/// What waits for one viewer, and whether it may go on watching. Shared with the relay that fills it.
pub(super) struct Seat {
    scope: Scope,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    queue: FrameQueue,
    has_ended: bool,
}

impl Seat {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, inner: Mutex::default(), changed: Notify::new() }
    }

    pub(super) const fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn push(&self, delivery: Delivery) {
        self.lock().queue.push(delivery);
        self.changed.notify_one();
    }

    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_one();
    }

    async fn next(&self) -> Option<Delivery> {
        loop {
            {
                let mut inner = self.lock();
                if inner.has_ended {
                    return None;
                }
                if let Some(delivery) = inner.queue.pop() {
                    return Some(delivery);
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A queue is whole between two calls, whatever happened in between.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches one stream until dropped.
pub struct Viewer {
    pub(super) shared: Arc<Shared>,
    pub(super) key: StreamKey,
    pub(super) number: SeatNumber,
    pub(super) seat: Arc<Seat>,
}

impl Viewer {
    /// The camera that is watched.
    pub const fn device(&self) -> &DeviceId {
        &self.key.device
    }

    /// The next message for the player; may be given up and called again without loss. None: the camera has left the
    /// jurisdiction, and the socket is to be closed.
    pub async fn next(&mut self) -> Option<Message> {
        let delivery = self.seat.next().await?;
        Some(match delivery {
            Delivery::Message(message) => Message::text(message.to_text()),
            Delivery::Frame(frame) => Message::Binary(frame.message().clone()),
        })
    }

    /// How many pictures this viewer was too slow for.
    pub fn dropped(&self) -> u64 {
        self.seat.lock().queue.dropped()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.shared.leave(&self.key, self.number);
    }
}
