//! Live video between edge, gateway and player: what one end says, the other checks. Nothing here does I/O.
//!
//! The gateway asks the camera's edge node for a picture ([`command`]); the edge dials back and sends, over one
//! WebSocket per stream, what the gateway hands on to every player unchanged:
//!
//! 1. text: a [`StreamMessage`] that names the device, the codec and the epoch, or why there is no picture;
//! 2. binary: a [`Frame`] with the initialisation segment of the MP4;
//! 3. binary: one [`Frame`] per picture, the first of them a key frame;
//! 4. 1 to 3 again when the camera was opened anew (another epoch).
//!
//! Whoever cannot take frames in time goes on at a later key frame ([`FrameQueue`]); a player that finds a hole in the
//! sequence waits for a key frame too. One who joins gets the group of pictures so far first ([`GroupCache`]).

mod command;
mod frame;
mod group;
mod message;
mod queue;

pub use command::{OPEN_METRIC, OpenVideo, SNAPSHOT_METRIC, SNAPSHOT_REQUEST_METRIC, StreamKind, Ticket, TicketError};
pub use frame::{Frame, FrameError, FrameHeader, HEADER_BYTES, MAX_FRAGMENT_BYTES};
pub use group::GroupCache;
pub use message::{
    MAX_MESSAGE_BYTES, MessageError, Opened, PictureSize, StreamMessage, Unavailable, UnavailableReason,
};
pub use queue::{Delivery, FrameQueue};

/// The largest group of pictures kept for a viewer that joins, in bytes, at the edge as at the gateway: two seconds
/// of 16 Mbit/s. A larger group is not kept; the viewer then waits for the next key frame.
pub const MAX_GROUP_BYTES: usize = 4 << 20;

/// The largest still picture (JPEG) that a camera may send, in bytes.
pub const MAX_SNAPSHOT_BYTES: usize = 200 << 10;
