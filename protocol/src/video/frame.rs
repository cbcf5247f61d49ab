//! The binary message: a header of 24 bytes, big-endian, and one piece of fragmented MP4.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version, 1 |
//! | 1 | flags: 1 initialisation segment, 2 key frame |
//! | 2–3 | 0 |
//! | 4–7 | stream id: the one that the text message before named |
//! | 8–15 | sequence: media frames of this epoch from 1 on; 0 for the initialisation segment |
//! | 16–23 | capture time: milliseconds since 1970 by the edge's clock, when it had the picture |

use bytes::{BufMut, Bytes, BytesMut};

/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 24;
/// The largest piece of MP4 in one message, in bytes: a key frame of a 4K camera has 1 to 2 MiB.
pub const MAX_FRAGMENT_BYTES: usize = 4 << 20;

const VERSION: u8 = 1;
const FLAG_INIT: u8 = 1;
const FLAG_KEY: u8 = 2;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than header and one byte, or longer than the bound.
    #[error("a frame of {0} bytes; {min} to {max} are allowed", min = HEADER_BYTES + 1, max = HEADER_BYTES + MAX_FRAGMENT_BYTES)]
    Length(usize),
    /// Another version, or bits that this version does not know.
    #[error("version {version}, flags {flags:#x} and reserved {reserved} are not of this version")]
    Unknown {
        /// First byte.
        version: u8,
        /// Second byte.
        flags: u8,
        /// Third and fourth byte.
        reserved: u16,
    },
    /// An initialisation segment with a number, or a media frame without one.
    #[error("sequence {0} contradicts the kind of frame")]
    Sequence(u64),
}

/// What the piece of MP4 behind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The id that the text message of this epoch named.
    pub stream_id: u32,
    /// Media frames of this epoch from 1 on; 0: the initialisation segment.
    pub sequence: u64,
    /// Decoding can start here.
    pub is_key: bool,
    /// When the edge had the picture, by its clock.
    pub captured_ms: i64,
}

impl FrameHeader {
    /// Whether the piece is the initialisation segment (`ftyp` and `moov`).
    pub const fn is_init(&self) -> bool {
        self.sequence == 0
    }

    fn put(&self, out: &mut BytesMut) {
        let kind = if self.is_init() { FLAG_INIT } else { 0 };
        let key = if self.is_key { FLAG_KEY } else { 0 };
        out.put_u8(VERSION);
        out.put_u8(kind | key);
        out.put_u16(0);
        out.put_u32(self.stream_id);
        out.put_u64(self.sequence);
        out.put_i64(self.captured_ms);
    }
}

/// A header and its piece of MP4, held as the one message that it is on every wire, so that passing it on copies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    message: Bytes,
}

impl Frame {
    /// Puts the header before the fragment.
    ///
    /// # Errors
    /// [`FrameError::Length`] for an empty or too large fragment; [`FrameError::Sequence`] for an initialisation
    /// segment that claims to be a key frame.
    pub fn new(header: FrameHeader, fragment: &[u8]) -> Result<Self, FrameError> {
        let length = HEADER_BYTES + fragment.len();
        check_length(length)?;
        if header.is_init() && header.is_key {
            return Err(FrameError::Sequence(header.sequence));
        }
        let mut message = BytesMut::with_capacity(length);
        header.put(&mut message);
        message.put_slice(fragment);
        Ok(Self { header, message: message.freeze() })
    }

    /// Reads the header of a message; the fragment is not looked at.
    pub fn parse(message: Bytes) -> Result<Self, FrameError> {
        check_length(message.len())?;
        let (version, flags) = (message[0], message[1]);
        let reserved = u16::from_be_bytes([message[2], message[3]]);
        if version != VERSION || flags & !(FLAG_INIT | FLAG_KEY) != 0 || reserved != 0 {
            return Err(FrameError::Unknown { version, flags, reserved });
        }
        let mut eight = [0; 8];
        eight.copy_from_slice(&message[8..16]);
        let sequence = u64::from_be_bytes(eight);
        eight.copy_from_slice(&message[16..24]);
        let header = FrameHeader {
            stream_id: u32::from_be_bytes([message[4], message[5], message[6], message[7]]),
            sequence,
            is_key: flags & FLAG_KEY != 0,
            captured_ms: i64::from_be_bytes(eight),
        };
        let says_init = flags & FLAG_INIT != 0;
        if says_init != header.is_init() || (header.is_init() && header.is_key) {
            return Err(FrameError::Sequence(sequence));
        }
        Ok(Self { header, message })
    }

    /// What the fragment is.
    pub const fn header(&self) -> FrameHeader {
        self.header
    }

    /// The whole message as it goes over the wire.
    pub const fn message(&self) -> &Bytes {
        &self.message
    }

    /// The piece of MP4.
    pub fn fragment(&self) -> Bytes {
        self.message.slice(HEADER_BYTES..)
    }
}

fn check_length(length: usize) -> Result<(), FrameError> {
    let is_allowed = length > HEADER_BYTES && length <= HEADER_BYTES + MAX_FRAGMENT_BYTES;
    if is_allowed { Ok(()) } else { Err(FrameError::Length(length)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let header = FrameHeader { stream_id: 0x0102_0304, sequence: 5, is_key: true, captured_ms: 6 };
        let frame = Frame::new(header, b"moof").unwrap();
        let expected = [1, 2, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6];
        assert_eq!(frame.message()[..HEADER_BYTES], expected);
        assert_eq!(frame.fragment(), "moof");
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let header = FrameHeader { stream_id: 1, sequence: 1, is_key: false, captured_ms: 0 };
        let good = Frame::new(header, b"x").unwrap().message().to_vec();
        let check = |change: fn(&mut Vec<u8>), expected: FrameError| {
            let mut bytes = good.clone();
            change(&mut bytes);
            assert_eq!(Frame::parse(bytes.into()), Err(expected));
        };
        check(|bytes| bytes.truncate(24), FrameError::Length(24));
        check(|bytes| bytes.resize(24 + (4 << 20) + 1, 0), FrameError::Length(24 + (4 << 20) + 1));
        check(|bytes| bytes[0] = 2, FrameError::Unknown { version: 2, flags: 0, reserved: 0 });
        check(|bytes| bytes[1] = 4, FrameError::Unknown { version: 1, flags: 4, reserved: 0 });
        check(|bytes| bytes[3] = 9, FrameError::Unknown { version: 1, flags: 0, reserved: 9 });
        check(|bytes| bytes[1] = 1, FrameError::Sequence(1));
        check(|bytes| bytes[15] = 0, FrameError::Sequence(0));
    }

    proptest! {
        #[test]
        fn a_frame_survives_the_wire(
            stream_id: u32, sequence: u64, is_key: bool, captured_ms: i64,
            fragment in prop::collection::vec(any::<u8>(), 1..2000),
        ) {
            let header = FrameHeader { stream_id, sequence, is_key: is_key && sequence != 0, captured_ms };
            let frame = Frame::new(header, &fragment).unwrap();
            let read = Frame::parse(frame.message().clone()).unwrap();
            prop_assert_eq!(read.header(), header);
            prop_assert_eq!(read.fragment(), fragment);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(frame) = Frame::parse(bytes.clone().into()) {
                let again = Frame::new(frame.header(), &frame.fragment()).unwrap();
                prop_assert_eq!(again.message().as_ref(), bytes.as_slice());
            }
        }
    }
}
