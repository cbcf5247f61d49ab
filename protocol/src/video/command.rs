//! What the gateway tells a camera through its Sparkplug device commands, and the ticket it hands out for the answer.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Device command (String, JSON [`OpenVideo`]): dial the gateway with this ticket and send this stream.
pub const OPEN_METRIC: &str = "Video/Open";
/// Device command (Boolean, true): take a still now.
pub const SNAPSHOT_REQUEST_METRIC: &str = "Video/Snapshot";
/// Device data (Bytes): a still picture, JPEG, at most [`super::MAX_SNAPSHOT_BYTES`].
pub const SNAPSHOT_METRIC: &str = "camera.snapshot";

/// Which of a camera's two streams: the wall shows the small one, a single view the large one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// Full resolution.
    #[default]
    Main,
    /// Reduced resolution; a camera without one answers with its main stream.
    Sub,
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Sub => "sub",
        })
    }
}

/// Why a text is not a ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a ticket has 32 to 64 letters and digits")]
pub struct TicketError;

/// The right to send one stream of one camera once. Whoever holds it may use it, so it is neither logged nor printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ticket(Arc<str>);

impl Ticket {
    /// Checks the form: 32 to 64 ASCII letters and digits, safe in an address as they are.
    pub fn new(text: &str) -> Result<Self, TicketError> {
        let is_ticket = (32..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_ticket { Ok(Self(text.into())) } else { Err(TicketError) }
    }

    /// The text as it stands in the address that the edge dials.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

impl Serialize for Ticket {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The value of [`OPEN_METRIC`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenVideo {
    /// To be shown at `/api/v1/uplink/{ticket}`.
    pub ticket: Ticket,
    /// Which stream to send.
    pub stream: StreamKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_letters_and_digits_and_never_printed() {
        let text = "0123456789abcdefghijklmnopqrstuv";
        assert_eq!(Ticket::new(text).unwrap().reveal(), text);
        assert!(!format!("{:?}", Ticket::new(text).unwrap()).contains("0123"));
        for wrong in ["", "short", "0123456789abcdefghijklmnopqrst/.", &"a".repeat(65)] {
            assert_eq!(Ticket::new(wrong), Err(TicketError), "{wrong}");
        }
    }

    #[test]
    fn the_open_command_is_plain_json() {
        let json = r#"{"ticket":"0123456789abcdefghijklmnopqrstuv","stream":"sub"}"#;
        let open: OpenVideo = serde_json::from_str(json).unwrap();
        assert_eq!(open.stream, StreamKind::Sub);
        assert_eq!(serde_json::to_string(&open).unwrap(), json);
        assert!(serde_json::from_str::<OpenVideo>(r#"{"ticket":"../../etc","stream":"sub"}"#).is_err());
    }
}
