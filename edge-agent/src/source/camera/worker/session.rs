//! One RTSP session: from opening the camera to losing it. All that libav does happens here, on this thread.

use std::{
    convert::Infallible,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::time::UnixMs;
use ffmpeg_next::{
    Dictionary, Error as Libav, Packet,
    codec::{self, Parameters},
    format::{self, context::Input},
    media,
};
use protocol::video::{PictureSize, UnavailableReason};

use super::{
    h264,
    outlet::{AgentGone, Outlet},
    picture::KeyFrameEye,
    remux::{Picture, RemuxError, Remuxer},
    timing::{TICKS_PER_SECOND, Timing},
    view::{View, ViewError},
    watchdog::Watchdog,
};
use crate::{
    clock,
    source::camera::{RtspUrl, link::FromWorker, luma::Luma},
};

/// How long opening a camera may take: DESCRIBE, SETUP, PLAY and the first key frame.
const OPENING: Duration = Duration::from_secs(15);
/// How much libav reads to find out what a stream is, in bytes and microseconds; RTSP says most of it beforehand.
const PROBE_BYTES: &str = "500000";
const PROBE_US: &str = "1000000";
/// Packets in a row that cannot be read until the camera is taken for one that sends nonsense.
const MAX_UNREADABLE_PACKETS: u32 = 50;
/// Key frames are decoded at most this often: a camera may make every picture one.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What the worker's threads know of one stream.
pub(super) struct Stream {
    pub(super) url: RtspUrl,
    /// A stream without a picture for this long is given up.
    pub(super) silence: Duration,
    pub(super) view: Mutex<View>,
    pub(super) watchdog: Watchdog,
    /// Bytes of pictures since the worker started.
    pub(super) bytes: AtomicU64,
    /// When the last picture came.
    pub(super) last_picture: Mutex<Option<Instant>>,
    /// What the camera's health is judged by; None for the other stream.
    pub(super) eye: Option<Eye>,
}

/// What is found out by looking at the pictures of the stream that health is judged by.
pub(super) struct Eye {
    pub(super) outlet: Outlet,
    /// The newest judgement that was not reported yet.
    pub(super) luma: Mutex<Option<Luma>>,
    /// A still was asked for and not sent yet.
    pub(super) wants_still: AtomicBool,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The camera was not reached, or what answered is no camera.
    #[error("cannot open the stream")]
    Open(#[source] Libav),
    /// It has sound only, or nothing.
    #[error("the stream has no video")]
    NoVideo,
    /// Nothing came for too long.
    #[error("no picture for {} s", .0.as_secs())]
    Silent(Duration),
    /// The connection broke, or the camera ended the stream.
    #[error("the stream broke off")]
    Broken(#[source] Libav),
    /// Packet after packet is nonsense.
    #[error("{MAX_UNREADABLE_PACKETS} packets in a row cannot be read")]
    Nonsense,
    /// The camera was set to another resolution or profile: opened anew at once.
    #[error("the camera changed its format")]
    FormatChanged,
    /// The pictures cannot be repacked.
    #[error("cannot repack the stream")]
    Remux(#[from] RemuxError),
    /// The agent is gone, or a fragment did not fit.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The agent is gone.
    #[error(transparent)]
    AgentGone(#[from] AgentGone),
}

/// Opens the camera and reads it until it is lost.
pub(super) fn run(stream: &Stream) -> Result<Infallible, SessionError> {
    stream.watchdog.allow(OPENING);
    let mut input = open(stream)?;
    let video = input.streams().best(media::Type::Video).ok_or(SessionError::NoVideo)?;
    let (index, parameters, time_base) = (video.index(), video.parameters(), video.time_base());
    let mut session = Session::begin(stream, &parameters)?;
    let mut unreadable = 0;
    loop {
        let mut packet = Packet::empty();
        let outcome = packet.read(&mut input);
        // Also after a packet: when libav is interrupted, its parser first hands out the picture it still had.
        if stream.watchdog.is_overdue() {
            return Err(SessionError::Silent(stream.silence));
        }
        match outcome {
            Ok(()) => unreadable = 0,
            Err(Libav::InvalidData) if unreadable < MAX_UNREADABLE_PACKETS => {
                unreadable += 1;
                continue;
            }
            Err(Libav::InvalidData) => return Err(SessionError::Nonsense),
            Err(wrong) => return Err(SessionError::Broken(wrong)),
        }
        if packet.stream() == index && packet.size() > 0 {
            packet.rescale_ts(time_base, (1, i32::try_from(TICKS_PER_SECOND).unwrap_or(i32::MAX)));
            session.take(packet)?;
        }
    }
}

fn open(stream: &Stream) -> Result<Input, SessionError> {
    let mut options = Dictionary::new();
    options.set("rtsp_transport", "tcp");
    options.set("allowed_media_types", "video");
    options.set("timeout", &OPENING.as_micros().to_string());
    options.set("probesize", PROBE_BYTES);
    options.set("analyzeduration", PROBE_US);
    options.set("fpsprobesize", "0");
    let watchdog = stream.watchdog.clone();
    format::input_with_interrupt_and_dictionary(stream.url.reveal(), move || watchdog.is_overdue(), options)
        .map_err(SessionError::Open)
}

/// What one open camera needs from packet to packet.
struct Session<'a> {
    stream: &'a Stream,
    started: Instant,
    timing: Timing,
    /// None: the codec is not one that browsers play.
    remuxer: Option<Remuxer>,
    parameter_set: Option<Vec<u8>>,
    eye: Option<(&'a Eye, KeyFrameEye)>,
    last_look: Option<Instant>,
}

impl<'a> Session<'a> {
    fn begin(stream: &'a Stream, parameters: &Parameters) -> Result<Self, SessionError> {
        let eye = match &stream.eye {
            Some(eye) => Some((eye, KeyFrameEye::open(parameters).map_err(SessionError::Open)?)),
            None => None,
        };
        let mut view = stream.view.lock().unwrap_or_else(PoisonError::into_inner);
        let remuxer = if parameters.id() == codec::Id::H264 {
            let (remuxer, init, description) = Remuxer::begin(parameters)?;
            let epoch = u64::try_from(clock::wall().0).unwrap_or_default();
            view.begin(description, &init, epoch, rand::random())?;
            Some(remuxer)
        } else {
            view.end(UnavailableReason::CodecNotPlayable, Some(codec_name(parameters)))?;
            None
        };
        let (started, timing) = (Instant::now(), Timing::default());
        Ok(Self { stream, started, timing, remuxer, parameter_set: None, eye, last_look: None })
    }

    fn take(&mut self, mut packet: Packet) -> Result<(), SessionError> {
        let now = Instant::now();
        let at = clock::wall();
        self.stream.watchdog.allow(self.stream.silence);
        self.stream.bytes.fetch_add(packet.size() as u64, Ordering::Relaxed);
        *self.stream.last_picture.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        if packet.is_key() {
            self.look(&packet, now, at);
        }
        self.send_wanted_still()?;

        let Some(remuxer) = &mut self.remuxer else { return Ok(()) };
        if packet.is_key() && has_changed(&mut self.parameter_set, packet.data().unwrap_or_default()) {
            return Err(SessionError::FormatChanged);
        }
        let arrived = i64::try_from(now.duration_since(self.started).as_micros()).unwrap_or(i64::MAX);
        let arrived_ticks = arrived.saturating_mul(TICKS_PER_SECOND / 1000) / 1000;
        let times = self.timing.next(packet.pts(), packet.dts(), arrived_ticks);
        let picture = Picture { is_key: packet.is_key(), captured_ms: at.0 };
        if let Some((picture, fragment)) = remuxer.push(&mut packet, times, picture)? {
            self.stream.view.lock().unwrap_or_else(PoisonError::into_inner).push(picture, &fragment)?;
        }
        Ok(())
    }

    fn look(&mut self, packet: &Packet, now: Instant, at: UnixMs) {
        let Some((eye, decoder)) = &mut self.eye else { return };
        if self.last_look.is_some_and(|last| now.duration_since(last) < LOOK_INTERVAL) {
            return;
        }
        self.last_look = Some(now);
        // A key frame that cannot be decoded is no news: the player would not show it either, and the next one comes.
        if let Ok(Some(luma)) = decoder.look(packet, at) {
            *eye.luma.lock().unwrap_or_else(PoisonError::into_inner) = Some(luma);
        }
    }

    fn send_wanted_still(&mut self) -> Result<(), SessionError> {
        let Some((eye, decoder)) = &self.eye else { return Ok(()) };
        if !eye.wants_still.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Ok(Some((at, jpeg))) = decoder.still() {
            eye.wants_still.store(false, Ordering::Relaxed);
            eye.outlet.send(&FromWorker::Still { at, jpeg: jpeg.into() })?;
        }
        Ok(())
    }
}

/// Whether a key frame carries another parameter set than the first one did.
fn has_changed(known: &mut Option<Vec<u8>>, key_frame: &[u8]) -> bool {
    let Some(set) = h264::sequence_parameter_set(key_frame) else { return false };
    known.get_or_insert_with(|| set.to_vec()) != set
}

/// `hevc 2560×1440`: what an operator can hand on to whoever set the camera up.
fn codec_name(parameters: &Parameters) -> String {
    let name = parameters.id().name();
    let size = codec::Context::from_parameters(parameters.clone())
        .and_then(|context| context.decoder().video())
        .map(|video| PictureSize { width: video.width(), height: video.height() });
    match size {
        Ok(PictureSize { width, height }) if width > 0 => format!("{name} {width}×{height}"),
        _ => name.to_owned(),
    }
}
