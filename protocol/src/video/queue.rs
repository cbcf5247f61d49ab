//! What waits for one reader of a stream, and what a reader that is too slow loses.

use std::collections::VecDeque;

use super::{Frame, MAX_GROUP_BYTES, StreamMessage};

/// Media that waits for a reader, in bytes: a whole group for one who joins, and as much again of new pictures.
const MAX_WAITING_BYTES: usize = 2 * MAX_GROUP_BYTES;
/// How far the oldest waiting picture may lie behind a new key frame before the reader is moved to that key frame, in
/// milliseconds: a reader on a good line is never that far behind, and one second is still live.
const MAX_LAG_MS: i64 = 1000;

/// What a reader gets, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// What follows, or why nothing does.
    Message(StreamMessage),
    /// An initialisation segment or a picture.
    Frame(Frame),
}

/// A queue for one reader that never grows beyond its bound and never waits for the reader.
///
/// Between two deliveries of pictures none is missing, or the later one is a key frame. A reader that falls behind
/// loses the oldest pictures, not the newest. A new message makes everything before it void.
#[derive(Debug, Default)]
pub struct FrameQueue {
    message: Option<StreamMessage>,
    init: Option<Frame>,
    media: VecDeque<Frame>,
    media_bytes: usize,
    has_predecessor: bool,
    dropped: u64,
}

impl FrameQueue {
    /// Puts something at the end, or drops what the reader has no time for.
    pub fn push(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Message(message) => {
                self.drop_media();
                self.init = None;
                self.message = Some(message);
            }
            Delivery::Frame(frame) if frame.header().is_init() => {
                self.drop_media();
                self.init = Some(frame);
            }
            Delivery::Frame(frame) => self.push_media(frame),
        }
    }

    /// Takes what is to be sent next.
    pub fn pop(&mut self) -> Option<Delivery> {
        if let Some(message) = self.message.take() {
            return Some(Delivery::Message(message));
        }
        if let Some(init) = self.init.take() {
            return Some(Delivery::Frame(init));
        }
        let frame = self.media.pop_front()?;
        self.media_bytes -= frame.message().len();
        Some(Delivery::Frame(frame))
    }

    /// How many pictures the reader did not get.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push_media(&mut self, frame: Frame) {
        let header = frame.header();
        let length = frame.message().len();
        let lag_ms = self.media.front().map_or(0, |oldest| header.captured_ms - oldest.header().captured_ms);
        let is_full = self.media_bytes + length > MAX_WAITING_BYTES;
        if header.is_key && (lag_ms > MAX_LAG_MS || is_full) {
            self.drop_media();
        }
        if !header.is_key && (is_full || !self.has_predecessor) {
            self.has_predecessor = false;
            self.dropped += 1;
            return;
        }
        self.has_predecessor = true;
        self.media_bytes += length;
        self.media.push_back(frame);
    }

    fn drop_media(&mut self) {
        self.dropped += self.media.len() as u64;
        self.media.clear();
        self.media_bytes = 0;
        self.has_predecessor = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::video::{FrameHeader, StreamKind, Unavailable, UnavailableReason};

    fn frame(sequence: u64, is_key: bool, captured_ms: i64, length: usize) -> Delivery {
        let header = FrameHeader { stream_id: 1, sequence, is_key, captured_ms };
        Delivery::Frame(Frame::new(header, &vec![0; length]).unwrap())
    }

    fn message() -> Delivery {
        let device = domain::id::DeviceId::new("camera-1").unwrap();
        let reason = UnavailableReason::CameraOffline;
        Delivery::Message(StreamMessage::Unavailable(Unavailable {
            device,
            stream: StreamKind::Main,
            reason,
            codec: None,
        }))
    }

    fn sequences(queue: &mut FrameQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop())
            .map(|delivery| match delivery {
                Delivery::Message(_) => 1000,
                Delivery::Frame(frame) => frame.header().sequence,
            })
            .collect()
    }

    #[test]
    fn a_reader_that_keeps_up_gets_everything_from_the_first_key_frame_on() {
        let mut queue = FrameQueue::default();
        for delivery in [message(), frame(0, false, 0, 9), frame(6, false, 0, 9), frame(7, true, 10, 9)] {
            queue.push(delivery);
        }
        queue.push(frame(8, false, 20, 9));
        assert_eq!(sequences(&mut queue), [1000, 0, 7, 8]);
        queue.push(frame(9, false, 30, 9));
        assert_eq!(sequences(&mut queue), [9]);
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_reader_that_falls_behind_goes_on_at_the_newest_key_frame() {
        let mut queue = FrameQueue::default();
        for (sequence, is_key, at_ms) in [(1, true, 0), (2, false, 900), (3, true, 1000), (4, true, 1001)] {
            queue.push(frame(sequence, is_key, at_ms, 9));
        }
        assert_eq!(sequences(&mut queue), [4]);
    }

    #[test]
    fn a_group_beyond_the_bound_ends_where_it_is() {
        let mut queue = FrameQueue::default();
        for sequence in 1..=5 {
            queue.push(frame(sequence, sequence == 1, 0, 2 << 20));
        }
        assert_eq!(sequences(&mut queue), [1, 2, 3]);
        queue.push(frame(6, false, 0, 9));
        queue.push(frame(7, true, 0, 9));
        assert_eq!(sequences(&mut queue), [7]);
    }

    #[test]
    fn a_new_message_voids_what_was_before() {
        let mut queue = FrameQueue::default();
        for delivery in [message(), frame(0, false, 0, 9), frame(1, true, 0, 9), message(), frame(2, false, 0, 9)] {
            queue.push(delivery);
        }
        assert_eq!(sequences(&mut queue), [1000]);
    }

    proptest! {
        #[test]
        fn pictures_follow_each_other_or_start_anew(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0..600_i64, 1..400_000_usize), 0..60),
        ) {
            let mut queue = FrameQueue::default();
            let (mut at_ms, mut last) = (0, None);
            for (sequence, (is_key, reads, pause_ms, length)) in (1..).zip(steps) {
                at_ms += pause_ms;
                queue.push(frame(sequence, is_key, at_ms, length));
                prop_assert!(queue.media_bytes <= MAX_WAITING_BYTES);
                prop_assert_eq!(queue.media_bytes, queue.media.iter().map(|f| f.message().len()).sum::<usize>());
                if reads && let Some(Delivery::Frame(got)) = queue.pop() {
                    let header = got.header();
                    prop_assert!(header.is_key || last == Some(header.sequence - 1));
                    last = Some(header.sequence);
                }
            }
        }
    }
}
