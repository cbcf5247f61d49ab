//! What the agent and the camera's worker process say to each other: JSON lines into the worker's standard input,
//! length-prefixed pieces out of its standard output. Bounded and checked, since the worker reads what a stranger's
//! camera sends and may have been led astray.
//!
//! | bytes out of the worker | what |
//! |---|---|
//! | 0–3 | length of what follows, big-endian |
//! | 4 | kind: 1 report, 2 stream message, 3 frame of the main stream, 4 frame of the sub stream, 5 still |
//! | 5… | JSON; JSON; frame; 8 bytes of capture time and a JPEG |

use bytes::{Buf, BufMut, Bytes, BytesMut};
use domain::{id::DeviceId, time::UnixMs};
use protocol::video::{
    Frame, FrameError, HEADER_BYTES, MAX_FRAGMENT_BYTES, MAX_SNAPSHOT_BYTES, MessageError, StreamKind, StreamMessage,
};
use serde::{Deserialize, Serialize};

use super::{config::RtspUrl, luma::Luma};

const PREFIX_BYTES: usize = 4;
/// A kind byte and the largest frame.
const MAX_PIECE_BYTES: usize = 1 + HEADER_BYTES + MAX_FRAGMENT_BYTES;

const KIND_REPORT: u8 = 1;
const KIND_MESSAGE: u8 = 2;
const KIND_MAIN: u8 = 3;
const KIND_SUB: u8 = 4;
const KIND_STILL: u8 = 5;

/// Into the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// The first line: what to watch. Addresses with their passwords travel here, where `ps` does not show them.
    Watch(Job),
    /// Send this stream, from the current group of pictures on.
    Open {
        /// Which.
        stream: StreamKind,
    },
    /// Stop sending this stream.
    Close {
        /// Which.
        stream: StreamKind,
    },
    /// Send a still now.
    TakeStill,
}

/// What a worker watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The camera; the worker can speak of no other.
    pub device: DeviceId,
    /// `rtsp://` address of the main stream.
    pub main_url: RtspUrl,
    /// `rtsp://` address of the sub stream.
    pub sub_url: Option<RtspUrl>,
    /// A stream without a picture for this long is given up and opened anew, in milliseconds.
    pub silence_ms: u64,
    /// How often a still is sent unasked, in milliseconds.
    pub still_interval_ms: u64,
}

/// Out of the worker.
#[derive(Debug, Clone, PartialEq)]
pub enum FromWorker {
    /// Once a second: how the camera is.
    Report(Report),
    /// The state of a stream that is open, or became so.
    Message(StreamMessage),
    /// An initialisation segment or a picture of a stream that is open.
    Frame(StreamKind, Frame),
    /// A still.
    Still {
        /// When the worker had the picture.
        at: UnixMs,
        /// The JPEG.
        jpeg: Bytes,
    },
}

/// How the camera is, as far as the worker can tell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Milliseconds since the last picture of the stream that health is judged by; None: there was none yet.
    pub frame_age_ms: Option<u64>,
    /// Bytes of pictures of the main stream since the worker started.
    pub main_bytes: u64,
    /// What the last decoded key frame looked like, if there is a new one since the report before.
    pub luma: Option<Luma>,
}

/// Why a piece from the worker cannot be used. The worker is then restarted.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Empty or longer than the largest frame.
    #[error("a piece of {0} bytes")]
    Length(usize),
    /// A kind that does not exist.
    #[error("a piece of unknown kind {0}")]
    Kind(u8),
    /// A report that is not JSON.
    #[error("a report that cannot be read")]
    Report(#[from] serde_json::Error),
    /// A stream message that was refused.
    #[error("a stream message that was refused")]
    Message(#[from] MessageError),
    /// A frame that was refused.
    #[error("a frame that was refused")]
    Frame(#[from] FrameError),
    /// A still without time, not a JPEG, or too large.
    #[error("a still that is not a JPEG of at most {MAX_SNAPSHOT_BYTES} bytes")]
    Still,
    /// The pipe broke.
    #[error("the pipe to the worker broke")]
    Pipe(#[from] std::io::Error),
}

impl FromWorker {
    /// The piece with its length before it.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::from(&[0; PREFIX_BYTES][..]);
        match self {
            Self::Report(report) => {
                out.put_u8(KIND_REPORT);
                out.put_slice(serde_json::to_string(report).unwrap_or_default().as_bytes());
            }
            Self::Message(message) => {
                out.put_u8(KIND_MESSAGE);
                out.put_slice(message.to_text().as_bytes());
            }
            Self::Frame(stream, frame) => {
                out.put_u8(match stream {
                    StreamKind::Main => KIND_MAIN,
                    StreamKind::Sub => KIND_SUB,
                });
                out.put_slice(frame.message());
            }
            Self::Still { at, jpeg } => {
                out.put_u8(KIND_STILL);
                out.put_i64(at.0);
                out.put_slice(jpeg);
            }
        }
        let length = u32::try_from(out.len() - PREFIX_BYTES).unwrap_or(u32::MAX);
        out[..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        out.freeze()
    }

    /// Takes one whole piece off the front of what arrived; None: more bytes are needed.
    pub fn decode(buffer: &mut BytesMut) -> Result<Option<Self>, LinkError> {
        let Some(prefix) = buffer.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_PIECE_BYTES {
            return Err(LinkError::Length(length));
        }
        if buffer.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        buffer.advance(PREFIX_BYTES);
        let mut piece = buffer.split_to(length).freeze();
        match piece.get_u8() {
            KIND_REPORT => Ok(Some(Self::Report(serde_json::from_slice(&piece)?))),
            KIND_MESSAGE => {
                let text = String::from_utf8_lossy(&piece);
                Ok(Some(Self::Message(StreamMessage::parse(&text)?)))
            }
            KIND_MAIN => Ok(Some(Self::Frame(StreamKind::Main, Frame::parse(piece)?))),
            KIND_SUB => Ok(Some(Self::Frame(StreamKind::Sub, Frame::parse(piece)?))),
            KIND_STILL => {
                let at = piece.try_get_i64().map_err(|_| LinkError::Still)?;
                if piece.len() > MAX_SNAPSHOT_BYTES || !piece.starts_with(&[0xff, 0xd8, 0xff]) {
                    return Err(LinkError::Still);
                }
                Ok(Some(Self::Still { at: UnixMs(at), jpeg: piece }))
            }
            kind => Err(LinkError::Kind(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::video::FrameHeader;

    use super::*;

    fn pieces() -> Vec<FromWorker> {
        let header = FrameHeader { stream_id: 9, sequence: 1, is_key: true, captured_ms: 5 };
        let luma = Some(Luma { mean: 1.0, deviation: 2.0, change: Some(0.5) });
        vec![
            FromWorker::Report(Report { frame_age_ms: Some(3), main_bytes: 7, luma }),
            FromWorker::Frame(StreamKind::Sub, Frame::new(header, b"moof").unwrap()),
            FromWorker::Still { at: UnixMs(1), jpeg: Bytes::from_static(&[0xff, 0xd8, 0xff, 0xe0]) },
        ]
    }

    #[test]
    fn pieces_survive_the_pipe_however_it_cuts_them() {
        let wire: Vec<u8> = pieces().iter().flat_map(|piece| piece.encode().to_vec()).collect();
        let mut buffer = BytesMut::new();
        let mut got = Vec::new();
        for byte in wire {
            buffer.put_u8(byte);
            got.extend(FromWorker::decode(&mut buffer).unwrap());
        }
        assert_eq!(got, pieces());
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_piece_that_cannot_be_is_refused_before_it_is_waited_for() {
        let check = |bytes: &[u8]| FromWorker::decode(&mut BytesMut::from(bytes)).unwrap_err().to_string();
        assert_eq!(check(&[0, 0, 0, 0]), "a piece of 0 bytes");
        assert_eq!(check(&[0xff; 4]), "a piece of 4294967295 bytes");
        assert_eq!(check(&[0, 0, 0, 1, 77]), "a piece of unknown kind 77");
        assert_eq!(check(&[0, 0, 0, 3, 5, 1, 2]), LinkError::Still.to_string());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = FromWorker::decode(&mut buffer) {}
        }
    }
}
