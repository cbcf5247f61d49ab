//! The text message: which camera this is and how to decode it, or why there is no picture.

use domain::id::DeviceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StreamKind;

/// The longest text message that is read, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 4 << 10;
/// The longest codec or MIME text, in bytes.
const MAX_CODEC_BYTES: usize = 200;
/// The longest side of a picture that is believed, in pixels.
const MAX_SIDE_PX: u32 = 16_384;

/// Why a text is not a message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`MAX_MESSAGE_BYTES`].
    #[error("a text message of {0} bytes; {MAX_MESSAGE_BYTES} are allowed")]
    Length(usize),
    /// Not the JSON that was agreed.
    #[error("the text message cannot be read")]
    Json(#[from] serde_json::Error),
    /// A field holds what it cannot hold.
    #[error("`{0}` holds what no camera sends")]
    Field(&'static str),
}

/// Text from edge to gateway and from gateway to player.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StreamMessage {
    /// Pictures follow, decoded as said here.
    Opened(Opened),
    /// No pictures follow until an `opened` comes. The socket stays open.
    Unavailable(Unavailable),
}

/// How to decode what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Opened {
    /// Whose pictures these are. Gateway and player refuse any other than the one they asked for.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// Which stream was asked for.
    pub stream: StreamKind,
    /// Stands in the header of each frame that belongs to this message.
    pub stream_id: u32,
    /// Names the initialisation segment: the same number means that timestamps go on, another that the camera was
    /// opened anew. Milliseconds since 1970.
    pub epoch: u64,
    /// For Media Source Extensions, such as `video/mp4; codecs="avc1.64001f"`.
    pub mime: String,
    /// Size of the picture.
    pub size: PictureSize,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PictureSize {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unavailable {
    /// Whose picture is missing.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// Which stream was asked for.
    pub stream: StreamKind,
    /// Why.
    pub reason: UnavailableReason,
    /// The codec that browsers do not play, such as `hevc 2560×1440`; only with `codec_not_playable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
}

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnavailableReason {
    /// The camera sends nothing; the edge keeps trying.
    CameraOffline,
    /// The camera sends a codec that is not relayed (H.265); stills are there all the same.
    CodecNotPlayable,
    /// The edge node did not answer the gateway; the gateway keeps asking.
    EdgeUnreachable,
}

impl StreamMessage {
    /// Reads and checks a text message.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(MessageError::Length(text.len()));
        }
        let message: Self = serde_json::from_str(text)?;
        match &message {
            Self::Opened(opened) => opened.check()?,
            Self::Unavailable(unavailable) => unavailable.check()?,
        }
        Ok(message)
    }

    /// The text as it goes over the wire.
    ///
    /// # Panics
    /// Never: plain fields always are JSON.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain fields always are JSON")
    }

    /// The camera that the message speaks of.
    pub const fn device(&self) -> &DeviceId {
        match self {
            Self::Opened(opened) => &opened.device,
            Self::Unavailable(unavailable) => &unavailable.device,
        }
    }

    /// The stream that the message speaks of.
    pub const fn stream(&self) -> StreamKind {
        match self {
            Self::Opened(opened) => opened.stream,
            Self::Unavailable(unavailable) => unavailable.stream,
        }
    }
}

impl Opened {
    fn check(&self) -> Result<(), MessageError> {
        if !self.mime.starts_with("video/mp4; codecs=\"") || !is_short_plain_text(&self.mime) {
            return Err(MessageError::Field("mime"));
        }
        let sides = 1..=MAX_SIDE_PX;
        if !sides.contains(&self.size.width) || !sides.contains(&self.size.height) {
            return Err(MessageError::Field("size"));
        }
        Ok(())
    }
}

impl Unavailable {
    fn check(&self) -> Result<(), MessageError> {
        match &self.codec {
            Some(codec) if !is_short_plain_text(codec) => Err(MessageError::Field("codec")),
            _ => Ok(()),
        }
    }
}

fn is_short_plain_text(text: &str) -> bool {
    text.len() <= MAX_CODEC_BYTES && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPENED: &str = r#"{"type":"opened","device":"camera-1","stream":"main","stream_id":7,"epoch":1790000000000,
        "mime":"video/mp4; codecs=\"avc1.64001f\"","size":{"width":1280,"height":720}}"#;

    #[test]
    fn a_message_names_its_camera_and_survives_the_wire() {
        let message = StreamMessage::parse(OPENED).unwrap();
        assert_eq!(message.device().as_str(), "camera-1");
        assert_eq!(message.stream(), StreamKind::Main);
        assert_eq!(StreamMessage::parse(&message.to_text()).unwrap(), message);
    }

    #[test]
    fn nonsense_is_refused() {
        for (from, to) in [
            ("camera-1", "../camera"),
            ("video/mp4", "text/html"),
            ("1280", "0"),
            ("720", "99999"),
            ("main", "third"),
            ("opened", "closed"),
            ("avc1.64001f", "a\\u0000b"),
        ] {
            assert!(StreamMessage::parse(&OPENED.replace(from, to)).is_err(), "{to}");
        }
        assert!(StreamMessage::parse(&" ".repeat(MAX_MESSAGE_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,300}") {
            let _ = StreamMessage::parse(&text);
        }
    }
}
