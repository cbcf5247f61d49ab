//! Live pictures: from the edge's uplink to everyone who watches, and each camera's newest still.
//!
//! A person opens a camera ([`Hub::watch`]); unless its pictures come already, the camera's edge node is given a ticket
//! through its device command, dials ([`Hub::redeem`]) and pushes. Frames are passed on as they came. When nobody
//! watches any more, the uplink is closed.
//!
//! - `ticket`: one-time rights to push (pure); `relay`: one stream, its group of pictures and its viewers (pure).
//! - `hub`: all streams; `uplink`: the edge's socket; `viewer`: a person's place at a stream.
//! - `snapshot`: the stills, on disk.

mod hub;
mod relay;
mod snapshot;
mod ticket;
mod uplink;
mod viewer;

#[cfg(test)]
mod tests;

use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
};
use serde::{Deserialize, Serialize};

pub use self::{
    hub::{Hub, WatchRefused},
    snapshot::{SnapshotError, Snapshots},
    uplink::{UPLINK_MESSAGE_BYTES_MAX, Uplink},
    viewer::Viewer,
};

/// Section `[video]` of gateway.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// An edge node may use a ticket for so many seconds. 30: a slow mobile line dials in ten.
    pub ticket_s: u64,
    /// An uplink that nobody watches any more is closed after so many seconds. 5: turning a page of the wall and back
    /// does not dial anew.
    pub linger_s: u64,
    /// Most people's players at a time, over all cameras; one more is refused. 500: thirty walls of sixteen.
    pub viewers_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { ticket_s: 30, linger_s: 5, viewers_max: 500 }
    }
}

/// What a camera is to do; whoever runs the gateway hands it to the camera's edge node as a device command.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraCommand {
    /// Which camera.
    pub device: DeviceId,
    /// Which of its controls.
    pub metric: MetricName,
    /// With what value.
    pub value: Value,
}
