//! One stream of one camera at the gateway: what comes up, what a new viewer is given, who watches. Pure: sockets and
//! clocks are elsewhere, and queues do not wait.

use std::{collections::HashMap, sync::Arc};

use domain::{id::DeviceId, time::MonoMs};
use protocol::video::{
    Delivery, Frame, FrameError, GroupCache, MessageError, StreamKind, StreamMessage, Unavailable, UnavailableReason,
};
use tokio_util::sync::CancellationToken;

use super::{ticket::StreamKey, viewer::Seat};

/// After the edge was asked, viewers are told that it does not answer when so many milliseconds have passed.
const UNREACHABLE_AFTER_MS: u64 = 4_000;
/// Delay before the edge is asked again, the first time and at most, in milliseconds.
const FIRST_RETRY_MS: u64 = 1_000;
const LONGEST_RETRY_MS: u64 = 15_000;

/// Why an uplink is cut off: it is not, or not any more, what its ticket was for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    /// A text message that was refused.
    #[error("a message that was refused")]
    Message(#[from] MessageError),
    /// A binary message that is no frame.
    #[error("a frame that was refused")]
    Frame(#[from] FrameError),
    /// The message speaks of another camera or stream.
    #[error("it speaks of {device} {stream}")]
    OtherStream {
        /// Of which camera.
        device: DeviceId,
        /// Of which stream.
        stream: StreamKind,
    },
    /// A frame before the message that says what it is, or of another stream.
    #[error("a frame with stream id {0}, which no message named")]
    StreamId(u32),
    /// A frame out of its order.
    #[error("frame {got} after {before}")]
    Order {
        /// The last one's sequence.
        before: u64,
        /// This one's.
        got: u64,
    },
}

/// A viewer's place in a relay.
pub(super) type SeatNumber = u64;

/// One stream.
pub(super) struct Relay {
    key: StreamKey,
    /// The uplink that pushes now; its token hangs it up. None: nobody pushes.
    uplink: Option<(u64, CancellationToken)>,
    message: Option<StreamMessage>,
    init: Option<Frame>,
    group: GroupCache,
    last_sequence: u64,
    seats: HashMap<SeatNumber, Arc<Seat>>,
    /// When the last viewer left; None: somebody watches.
    empty_since: Option<MonoMs>,
    asking: Asking,
}

/// How asking the edge goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// The edge is to be asked at this time.
    Due { at: MonoMs, retry_ms: u64 },
    /// It was asked.
    Asked { at: MonoMs, retry_ms: u64 },
    /// It pushes.
    Answered,
}

impl Relay {
    /// A stream that somebody wants to see at `now`.
    pub(super) fn new(key: StreamKey, now: MonoMs) -> Self {
        Self {
            key,
            uplink: None,
            message: None,
            init: None,
            group: GroupCache::default(),
            last_sequence: 0,
            seats: HashMap::new(),
            empty_since: Some(now),
            asking: Asking::Due { at: now, retry_ms: FIRST_RETRY_MS },
        }
    }

    pub(super) const fn key(&self) -> &StreamKey {
        &self.key
    }

    /// Gives a viewer a place, and everything since the last key frame.
    pub(super) fn take_seat(&mut self, number: SeatNumber, seat: Arc<Seat>) {
        let head = self.message.iter().cloned().map(Delivery::Message);
        let frames = self.init.iter().chain(self.group.frames()).cloned().map(Delivery::Frame);
        for delivery in head.chain(frames) {
            seat.push(delivery);
        }
        self.seats.insert(number, seat);
        self.empty_since = None;
    }

    /// A viewer left at `now`.
    pub(super) fn leave_seat(&mut self, number: SeatNumber, now: MonoMs) {
        self.seats.remove(&number);
        if self.seats.is_empty() && self.empty_since.is_none() {
            self.empty_since = Some(now);
        }
    }

    /// Ends the watching of everyone for whom `stays` is false.
    pub(super) fn dismiss(&mut self, mut stays: impl FnMut(&Seat) -> bool) {
        for seat in self.seats.values().filter(|seat| !stays(seat)) {
            seat.end();
        }
    }

    /// Whether nobody has watched for `linger_ms`: nothing is lost when the relay is dropped.
    pub(super) fn is_idle(&self, linger_ms: u64, now: MonoMs) -> bool {
        self.empty_since.is_some_and(|since| now.since_ms(since) >= linger_ms)
    }

    /// Whether the edge is to be asked now; then it counts as asked.
    pub(super) fn ask(&mut self, now: MonoMs) -> bool {
        match self.asking {
            Asking::Due { at, retry_ms } if now >= at && !self.seats.is_empty() => {
                self.asking = Asking::Asked { at: now, retry_ms };
                true
            }
            Asking::Asked { at, retry_ms } if now.since_ms(at) >= UNREACHABLE_AFTER_MS => {
                self.tell_unreachable();
                let next_ms = (retry_ms * 2).min(LONGEST_RETRY_MS);
                self.asking = Asking::Due { at: now.plus_ms(retry_ms), retry_ms: next_ms };
                false
            }
            Asking::Due { .. } | Asking::Asked { .. } | Asking::Answered => false,
        }
    }

    fn tell_unreachable(&mut self) {
        let StreamKey { device, stream } = self.key.clone();
        let reason = UnavailableReason::EdgeUnreachable;
        self.announce(StreamMessage::Unavailable(Unavailable { device, stream, reason, codec: None }));
    }

    /// An uplink with this number pushes from now on; one before it is hung up.
    pub(super) fn attach(&mut self, uplink: u64, hang_up: CancellationToken) {
        if let Some((_, before)) = self.uplink.replace((uplink, hang_up)) {
            before.cancel();
        }
        self.asking = Asking::Answered;
        (self.message, self.init, self.last_sequence) = (None, None, 0);
        self.group.clear();
    }

    /// The uplink with this number is gone at `now`; unless another pushes already, the edge is asked again. Viewers
    /// keep what they have: they see its age.
    pub(super) fn detach(&mut self, uplink: u64, now: MonoMs) {
        if self.uplink.as_ref().is_some_and(|(number, _)| *number == uplink) {
            self.uplink = None;
            self.asking = Asking::Due { at: now.plus_ms(FIRST_RETRY_MS), retry_ms: FIRST_RETRY_MS };
        }
    }

    /// Takes in a text message of the uplink.
    pub(super) fn take_message(&mut self, message: StreamMessage) -> Result<(), Misfit> {
        if *message.device() != self.key.device || message.stream() != self.key.stream {
            return Err(Misfit::OtherStream { device: message.device().clone(), stream: message.stream() });
        }
        self.announce(message);
        Ok(())
    }

    fn announce(&mut self, message: StreamMessage) {
        (self.init, self.last_sequence) = (None, 0);
        self.group.clear();
        self.message = Some(message.clone());
        self.push(&Delivery::Message(message));
    }

    /// Takes in a frame of the uplink.
    pub(super) fn take_frame(&mut self, frame: Frame) -> Result<(), Misfit> {
        let header = frame.header();
        let is_named =
            matches!(&self.message, Some(StreamMessage::Opened(opened)) if opened.stream_id == header.stream_id);
        if !is_named {
            return Err(Misfit::StreamId(header.stream_id));
        }
        let is_in_order = if header.is_init() { self.init.is_none() } else { header.sequence > self.last_sequence };
        if !is_in_order || (self.init.is_none() && !header.is_init()) {
            return Err(Misfit::Order { before: self.last_sequence, got: header.sequence });
        }
        if header.is_init() {
            self.init = Some(frame.clone());
        } else {
            // A hole is what the edge dropped on a slow line; what follows it begins with a key frame.
            self.last_sequence = header.sequence;
            self.group.push(frame.clone());
        }
        self.push(&Delivery::Frame(frame));
        Ok(())
    }

    fn push(&self, delivery: &Delivery) {
        for seat in self.seats.values() {
            seat.push(delivery.clone());
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some((_, uplink)) = &self.uplink {
            uplink.cancel();
        }
        for seat in self.seats.values() {
            seat.end();
        }
    }
}
