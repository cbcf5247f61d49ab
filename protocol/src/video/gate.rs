//! What a reader that is too slow loses: everything up to the next key frame, and nothing else.

use super::FrameHeader;

/// Stands before a bounded queue of media frames. A decoder cannot use a frame whose predecessor is missing, so one
/// frame that found no room takes the rest of its group with it. Text messages and initialisation segments do not go
/// through here: nothing after them is of use without them, so a reader with no room for those is cut off.
#[derive(Debug, Clone)]
pub struct KeyFrameGate {
    waits_for_key: bool,
    dropped: u64,
}

impl Default for KeyFrameGate {
    fn default() -> Self {
        Self::waiting()
    }
}

impl KeyFrameGate {
    /// A gate whose reader has nothing yet: the first media frame it lets through is a key frame.
    pub const fn waiting() -> Self {
        Self { waits_for_key: true, dropped: 0 }
    }

    /// A gate whose reader was just given everything since the last key frame.
    pub const fn open() -> Self {
        Self { waits_for_key: false, dropped: 0 }
    }

    /// Offers a media frame. `push` tries to queue it and answers whether there was room.
    pub fn offer(&mut self, header: &FrameHeader, push: impl FnOnce() -> bool) {
        let may_pass = header.is_key || !self.waits_for_key;
        if may_pass && push() {
            self.waits_for_key = false;
            return;
        }
        self.waits_for_key = true;
        self.dropped += 1;
    }

    /// How many frames the reader did not get.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(sequence: u64, is_key: bool) -> FrameHeader {
        FrameHeader { stream_id: 1, sequence, is_key, captured_ms: 0 }
    }

    #[test]
    fn a_reader_without_room_goes_on_at_the_next_key_frame() {
        let mut gate = KeyFrameGate::waiting();
        let mut got = Vec::new();
        // (key, room)
        let frames = [(false, true), (true, true), (false, true), (false, false), (false, true), (true, true)];
        for (index, (is_key, has_room)) in (1..).zip(frames) {
            gate.offer(&header(index, is_key), || {
                if has_room {
                    got.push(index);
                }
                has_room
            });
        }
        assert_eq!(got, [2, 3, 6]);
        assert_eq!(gate.dropped(), 3);
    }

    proptest! {
        #[test]
        fn every_frame_let_through_follows_its_predecessor_or_is_a_key(
            frames in prop::collection::vec((any::<bool>(), any::<bool>()), 0..200),
        ) {
            let mut gate = KeyFrameGate::waiting();
            let mut last = None;
            for (sequence, (is_key, has_room)) in (1..).zip(frames) {
                let mut passed = false;
                gate.offer(&header(sequence, is_key), || { passed = has_room; has_room });
                if passed {
                    prop_assert!(is_key || last == Some(sequence - 1));
                    last = Some(sequence);
                }
            }
        }
    }
}
