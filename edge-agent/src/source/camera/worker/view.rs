//! What of one stream is shown to the agent: its state, its current group of pictures, and, while somebody watches,
//! each new picture. Shared between the thread that reads the camera and the one that takes the agent's orders.

use domain::id::DeviceId;
use protocol::video::{
    Frame, FrameError, FrameHeader, GroupCache, Opened, StreamKind, StreamMessage, Unavailable, UnavailableReason,
};

use super::{
    mp4::Description,
    outlet::{AgentGone, Outlet},
    remux::Picture,
};
use crate::source::camera::link::FromWorker;

/// One stream as the agent may see it.
pub(super) struct View {
    device: DeviceId,
    stream: StreamKind,
    outlet: Outlet,
    message: StreamMessage,
    init: Option<Frame>,
    group: GroupCache,
    stream_id: u32,
    sequence: u64,
    is_open: bool,
}

impl View {
    /// A stream that has not been reached yet, and that nobody watches.
    pub(super) fn new(device: DeviceId, stream: StreamKind, outlet: Outlet) -> Self {
        let message = unavailable(&device, stream, UnavailableReason::CameraOffline, None);
        let group = GroupCache::default();
        Self { device, stream, outlet, message, init: None, group, stream_id: 0, sequence: 0, is_open: false }
    }

    /// Somebody watches: says how it is and gives what there is.
    pub(super) fn open(&mut self) -> Result<(), AgentGone> {
        self.is_open = true;
        self.tell(&FromWorker::Message(self.message.clone()))?;
        for frame in self.init.iter().chain(self.group.frames()) {
            self.tell(&FromWorker::Frame(self.stream, frame.clone()))?;
        }
        Ok(())
    }

    /// Nobody watches any more.
    pub(super) fn close(&mut self) {
        self.is_open = false;
    }

    /// The camera was opened: pictures follow. `epoch` and `stream_id` are new each time.
    pub(super) fn begin(
        &mut self,
        description: Description,
        init: &[u8],
        epoch: u64,
        stream_id: u32,
    ) -> Result<(), ViewError> {
        let header = FrameHeader {
            stream_id,
            sequence: 0,
            is_key: false,
            captured_ms: i64::try_from(epoch).unwrap_or(i64::MAX),
        };
        let init = Frame::new(header, init)?;
        self.group.clear();
        (self.stream_id, self.sequence) = (stream_id, 0);
        self.message = StreamMessage::Opened(Opened {
            device: self.device.clone(),
            stream: self.stream,
            stream_id,
            epoch,
            mime: description.mime,
            size: description.size,
        });
        self.init = Some(init.clone());
        self.tell(&FromWorker::Message(self.message.clone()))?;
        self.tell(&FromWorker::Frame(self.stream, init))?;
        Ok(())
    }

    /// One more picture.
    pub(super) fn push(&mut self, picture: Picture, fragment: &[u8]) -> Result<(), ViewError> {
        self.sequence += 1;
        let Picture { is_key, captured_ms } = picture;
        let header = FrameHeader { stream_id: self.stream_id, sequence: self.sequence, is_key, captured_ms };
        let frame = Frame::new(header, fragment)?;
        self.group.push(frame.clone());
        self.tell(&FromWorker::Frame(self.stream, frame))?;
        Ok(())
    }

    /// There are no pictures.
    pub(super) fn end(&mut self, reason: UnavailableReason, codec: Option<String>) -> Result<(), AgentGone> {
        let message = unavailable(&self.device, self.stream, reason, codec);
        (self.init, self.group) = (None, GroupCache::default());
        if self.message == message {
            return Ok(());
        }
        self.message = message;
        self.tell(&FromWorker::Message(self.message.clone()))
    }

    fn tell(&self, piece: &FromWorker) -> Result<(), AgentGone> {
        if self.is_open { self.outlet.send(piece) } else { Ok(()) }
    }
}

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ViewError {
    /// The agent is gone.
    #[error(transparent)]
    AgentGone(#[from] AgentGone),
    /// libav made a fragment that the protocol does not carry.
    #[error("a fragment cannot be sent")]
    Frame(#[from] FrameError),
}

fn unavailable(
    device: &DeviceId,
    stream: StreamKind,
    reason: UnavailableReason,
    codec: Option<String>,
) -> StreamMessage {
    StreamMessage::Unavailable(Unavailable { device: device.clone(), stream, reason, codec })
}
