//! The `STATE` message: by it a host says that it is there, and the broker says by its will that it is not.

use bytes::Bytes;
use domain::time::UnixMs;
use serde::{Deserialize, Serialize};

use super::{
    Outgoing, Qos,
    topic::{HostId, Topic},
};

/// Longest body that is read, in bytes: the specification's two fields and room for a vendor's own.
const BYTES_MAX: usize = 1024;

/// Whether a host is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// It is connected and subscribed.
    #[serde(rename = "online")]
    pub is_online: bool,
    /// When it connected, by its clock; a death carries the time of the connection that died.
    #[serde(rename = "timestamp")]
    pub at: UnixMs,
}

/// Why a body is no host state.
#[derive(Debug, thiserror::Error)]
pub enum HostStateError {
    /// Longer than allowed.
    #[error("host state of {0} bytes; at most {BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not the JSON of Sparkplug 3.0; earlier versions sent the bare words ONLINE and OFFLINE.
    #[error("host state is not the JSON of Sparkplug 3.0")]
    Malformed(#[source] serde_json::Error),
}

impl HostState {
    /// Reads a body.
    ///
    /// # Errors
    /// [`HostStateError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, HostStateError> {
        if bytes.len() > BYTES_MAX {
            return Err(HostStateError::TooLarge(bytes.len()));
        }
        serde_json::from_slice(bytes).map_err(HostStateError::Malformed)
    }

    /// The message that says so for `host`.
    pub fn message(self, host: &HostId) -> Outgoing {
        let body = format!(r#"{{"online":{},"timestamp":{}}}"#, self.is_online, self.at.0);
        Outgoing {
            topic: Topic::State(host.clone()).to_string(),
            payload: Bytes::from(body),
            qos: Qos::AtLeastOnce,
            is_retained: true,
        }
    }
}

/// An edge node's view of the host that it waits for.
#[derive(Debug, Clone)]
pub struct PrimaryHost {
    host: HostId,
    latest: Option<HostState>,
}

impl PrimaryHost {
    /// Nothing heard yet.
    pub fn new(host: HostId) -> Self {
        Self { host, latest: None }
    }

    /// What to subscribe to.
    pub fn topic(&self) -> String {
        Topic::State(self.host.clone()).to_string()
    }

    /// Takes a state of `host`, unless it is another host's or older than the one known: a late will of the host's
    /// former connection must not put out the new one. True when it was taken.
    pub fn receive(&mut self, host: &HostId, state: HostState) -> bool {
        let is_newer = self.latest.is_none_or(|latest| state.at >= latest.at);
        let is_taken = *host == self.host && is_newer;
        if is_taken {
            self.latest = Some(state);
        }
        is_taken
    }

    /// Whether the host is there, as far as known.
    pub fn is_online(&self) -> bool {
        self.latest.is_some_and(|state| state.is_online)
    }

    /// Forgets what was heard, for a new connection to the broker.
    pub fn forget(&mut self) {
        self.latest = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostId {
        HostId::new("brightwatch").unwrap()
    }

    #[test]
    fn tck_id_operational_behavior_host_application_connect_will() {
        let message = HostState { is_online: false, at: UnixMs(1_668_114_759_262) }.message(&host());
        assert_eq!(message.topic, "spBv1.0/STATE/brightwatch"); // …-connect-will-topic
        assert_eq!(message.payload, r#"{"online":false,"timestamp":1668114759262}"#.as_bytes()); // …-will-payload
        assert_eq!(message.qos, Qos::AtLeastOnce); // …-connect-will-qos
        assert!(message.is_retained); // …-connect-will-retained
    }

    #[test]
    fn tck_id_operational_behavior_host_application_connect_birth_payload() {
        let state = HostState { is_online: true, at: UnixMs(1) };
        assert_eq!(HostState::parse(&state.message(&host()).payload).unwrap(), state);
        assert_eq!(HostState::parse(br#"{"online":true,"timestamp":1,"vendor":"x"}"#).unwrap(), state);
        assert!(HostState::parse(b"ONLINE").is_err());
        assert!(HostState::parse(b"").is_err());
        assert!(HostState::parse(&[b' '; BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn tck_id_message_flow_edge_node_birth_publish_phid_wait_timestamp() {
        let mut primary = PrimaryHost::new(host());
        assert!(!primary.is_online());
        assert!(!primary.receive(&HostId::new("other").unwrap(), HostState { is_online: true, at: UnixMs(5) }));
        assert!(primary.receive(&host(), HostState { is_online: true, at: UnixMs(5) }));
        assert!(!primary.receive(&host(), HostState { is_online: false, at: UnixMs(4) }), "a will of an older session");
        assert!(primary.is_online());
        assert!(primary.receive(&host(), HostState { is_online: false, at: UnixMs(5) }));
        assert!(!primary.is_online());
    }
}
