//! How ingest connects, and as which host.

use protocol::sparkplug::topic::HostId;
use serde::{Deserialize, Serialize};

use crate::broker::Access;

/// Section `[ingest]` of gateway.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Sparkplug host id: edge nodes wait for `spBv1.0/STATE/<host_id>`.
    pub host_id: String,
    /// Greatest size of a message in bytes; larger ones are refused. 1 MiB: a birth of ten thousand metrics.
    pub message_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { host_id: "brightwatch".into(), message_bytes_max: 1024 * 1024 }
    }
}

/// What the configuration and the broker came to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the broker is, and as whom the gateway comes.
    pub access: Access,
    /// As which host.
    pub host_id: HostId,
    /// Greatest size of a message in bytes.
    pub message_bytes_max: usize,
}
