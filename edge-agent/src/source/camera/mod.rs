//! IP cameras over RTSP.
//!
//! One camera, one task in the agent, one worker process:
//!
//! ```text
//! camera ──RTSP──▶ worker process (libav) ──pipe──▶ task ──samples, stills──▶ agent
//!                                                    └──fragments──WebSocket──▶ gateway, while somebody watches
//! ```
//!
//! - [`config`]: how a camera is described.
//! - [`health`], [`luma`]: offline, online, black or frozen; pure.
//! - [`link`]: what agent and worker say to each other; pure.
//! - [`child`]: the agent's end of the worker process.
//! - [`uplink`]: the way of live pictures to the gateway.
//! - [`watch`]: the task.
//! - [`worker`]: the process; all of libav is in there.

mod child;
mod config;
pub mod health;
pub mod link;
pub mod luma;
mod uplink;
mod watch;
pub mod worker;

use std::path::PathBuf;

use domain::id::DeviceId;
use protocol::video::StreamKind;

use self::{health::Patience, link::Job};

pub use self::{
    config::{Config, RtspUrl},
    uplink::{Gateway, TrustError},
    watch::run,
};

/// One camera, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// What its worker is told.
    pub job: Job,
    /// How long something must last until it is believed.
    pub patience: Patience,
    /// Where live pictures go; None: nowhere, the configuration has no gateway.
    pub gateway: Option<Gateway>,
    /// The program that is started as worker; None: the one beside this.
    pub worker_program: Option<PathBuf>,
}

impl Camera {
    /// Its id.
    pub const fn device(&self) -> &DeviceId {
        &self.job.device
    }

    /// The stream that is sent when `asked` is asked for.
    const fn source_of(&self, asked: StreamKind) -> StreamKind {
        match (asked, &self.job.sub_url) {
            (StreamKind::Sub, None) => StreamKind::Main,
            (asked, _) => asked,
        }
    }
}
