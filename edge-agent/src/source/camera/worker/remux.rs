//! Packets of H.264 into fragments of MP4, one a picture, without decoding anything.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use ffmpeg_next::{
    Dictionary, Packet, Rational,
    codec::{Id, Parameters},
    encoder,
    format::{self, context},
};
use protocol::video::MAX_FRAGMENT_BYTES;

use super::{
    mp4::{self, Description},
    timing::{TICKS_PER_SECOND, Times},
};

/// One fragment a picture is what keeps the delay low; an empty `moov` and offsets relative to each `moof` are what
/// Media Source Extensions require.
const MOVFLAGS: &str = "frag_every_frame+empty_moov+default_base_moof";
/// libav hands over what it has whenever this much is full; a fragment may come in several pieces.
const IO_BUFFER_BYTES: usize = 32 << 10;

/// Why packets cannot be repacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemuxError {
    /// libav refused.
    #[error("libav cannot write MP4")]
    Libav(#[from] ffmpeg_next::Error),
    /// The segment that libav wrote does not say what it must.
    #[error("the initialisation segment has no H.264 description; the camera sent no parameter sets")]
    NoDescription,
}

/// A picture that a fragment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) is_key: bool,
    pub(super) captured_ms: i64,
}

/// A writer of one continuous MP4 stream.
pub(super) struct Remuxer {
    output: context::Output,
    written: Written,
    time_base: Rational,
    /// libav writes a picture's fragment when the next comes, for only then does it know how long the picture lasts.
    waiting: Option<Picture>,
}

impl Remuxer {
    /// Begins a stream; returns the initialisation segment and what it says.
    pub(super) fn begin(parameters: &Parameters) -> Result<(Self, Vec<u8>, Description), RemuxError> {
        let written = Written::default();
        let io = context::StreamIo::from_write_with_capacity(written.clone(), IO_BUFFER_BYTES)?;
        let mut output = format::output_to_stream(io, None, Some("mp4"))?;
        let ticks = Rational(1, i32::try_from(TICKS_PER_SECOND).unwrap_or(i32::MAX));
        {
            let mut stream = output.add_stream(encoder::find(Id::None))?;
            stream.set_parameters(parameters.clone());
            stream.set_time_base(ticks);
        }
        let mut options = Dictionary::new();
        options.set("movflags", MOVFLAGS);
        output.write_header_with(options)?;
        let time_base = output.stream(0).map_or(ticks, |stream| stream.time_base());
        let init = written.take();
        let description = mp4::describe(&init).ok_or(RemuxError::NoDescription)?;
        Ok((Self { output, written, time_base, waiting: None }, init, description))
    }

    /// Takes in the next picture; returns the one before it as a fragment. A fragment beyond the protocol's bound is
    /// left out, as a picture that was never sent.
    pub(super) fn push(
        &mut self,
        packet: &mut Packet,
        times: Times,
        picture: Picture,
    ) -> Result<Option<(Picture, Vec<u8>)>, RemuxError> {
        packet.set_pts(Some(times.show));
        packet.set_dts(Some(times.decode));
        packet.set_duration(0);
        packet.rescale_ts(Rational(1, i32::try_from(TICKS_PER_SECOND).unwrap_or(i32::MAX)), self.time_base);
        packet.set_position(-1);
        packet.set_stream(0);
        packet.write(&mut self.output)?;
        let fragment = self.written.take();
        let before = self.waiting.replace(picture);
        Ok(before.filter(|_| !fragment.is_empty() && fragment.len() <= MAX_FRAGMENT_BYTES).map(|it| (it, fragment)))
    }
}

/// Where libav writes to and we read from, on one thread.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
