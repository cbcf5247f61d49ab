//! The pictures since the last key frame: what one who joins needs in order to see something at once.

use super::{Frame, MAX_GROUP_BYTES};

/// The current group of pictures of one stream, at most [`MAX_GROUP_BYTES`]. A group that grows beyond is let go of:
/// half a group is of no use.
#[derive(Debug, Default)]
pub struct GroupCache {
    frames: Vec<Frame>,
    bytes: usize,
}

impl GroupCache {
    /// Takes in the next picture; a key frame begins a new group.
    pub fn push(&mut self, frame: Frame) {
        if frame.header().is_key {
            self.clear();
        } else if self.frames.is_empty() {
            return;
        }
        self.bytes += frame.message().len();
        if self.bytes > MAX_GROUP_BYTES {
            self.clear();
            return;
        }
        self.frames.push(frame);
    }

    /// Forgets everything, as when the camera was opened anew.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    /// The group so far: empty, or a key frame and what followed it.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::video::FrameHeader;

    proptest! {
        #[test]
        fn a_group_is_whole_bounded_and_begins_with_its_key_frame(
            frames in prop::collection::vec((prop::bool::weighted(0.1), 1..600_000_usize), 0..60),
        ) {
            let mut cache = GroupCache::default();
            for (sequence, (is_key, length)) in (1..).zip(frames) {
                let header = FrameHeader { stream_id: 1, sequence, is_key, captured_ms: 0 };
                cache.push(Frame::new(header, &vec![0; length]).unwrap());
                let group = cache.frames();
                prop_assert!(group.iter().map(|frame| frame.message().len()).sum::<usize>() <= MAX_GROUP_BYTES);
                prop_assert_eq!(group.iter().position(|frame| frame.header().is_key).unwrap_or(0), 0);
                let is_unbroken =
                    group.windows(2).all(|pair| pair[1].header().sequence == pair[0].header().sequence + 1);
                prop_assert!(is_unbroken);
                prop_assert!(group.is_empty() || group[group.len() - 1].header().sequence == sequence);
            }
        }
    }
}
