//! Live pictures: from the edge's uplink to everyone who watches; each camera's newest still; and the stills that are kept
//! under alarms.
//!
//! A person opens a camera ([`Hub::watch`]); unless its pictures come already, the camera's edge node is given a ticket
//! through its device command, dials ([`Hub::redeem`]) and pushes. Frames are passed on as they came. When nobody
//! watches any more, the uplink is closed.
//!
//! - `ticket`: one-time rights to push (pure); `relay`: one stream, its group of pictures and its viewers (pure).
//! - `hub`: all streams; `uplink`: the edge's socket; `viewer`: a person's place at a stream.
//! - `snapshot`: the stills, on disk.
//! - `evidence`: those that are kept under alarms.

mod evidence;
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
    registry::Device,
};
use serde::{Deserialize, Serialize};

pub use self::{
    evidence::{Alarms as EvidenceAlarms, Evidence, Parts as EvidenceParts, Picture},
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
    /// The pictures of alarms are kept for so many days. 200: a decision can be taken to court for six months
    /// (Administrative Litigation Law, art. 46), and people's pictures are not kept longer than needed.
    pub alarm_picture_days: u32,
    /// Mebibytes of them all, of which the oldest go first. 4096: some ten thousand alarms.
    pub alarm_picture_mib_max: u32,
    /// Mebibytes that the disk has to have free: with less, alarms get no pictures and the oldest are dropped, so that
    /// readings go on. Never more than an eighth of the disk. 1024: days of a district's readings.
    pub alarm_picture_free_mib: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ticket_s: 30,
            linger_s: 5,
            viewers_max: 500,
            alarm_picture_days: 200,
            alarm_picture_mib_max: 4096,
            alarm_picture_free_mib: 1024,
        }
    }
}

/// The profile of cameras.
const CAMERA_PROFILE: &str = "kitchen_camera";

/// Whether a device has pictures.
pub(crate) fn is_camera(device: &Device) -> bool {
    device.profile.as_str() == CAMERA_PROFILE
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
