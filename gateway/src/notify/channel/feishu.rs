//! 飞书: a robot in a group chat, with the signature that it may ask for.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::time::UnixMs;
use serde_json::json;

use super::{
    Receipt, calls_everybody,
    http::{Answer, BUSY_WAIT, Request, check_url},
};
use crate::notify::{
    SetUpError,
    attempt::Failure,
    channel::webhook::hmac_sha256,
    config::{ChannelConfig, RobotConfig},
    message::{Message, Wording},
};

/// The longest text that is sent, in bytes of UTF-8. Its limit is 20 KB for the whole body.
const TEXT_BYTES_MAX: usize = 6000;
/// Calls everybody in the chat.
const EVERYBODY: &str = "<at user_id=\"all\">所有人</at>";
/// Too many messages in a minute.
const TOO_MANY: i64 = 11232;
/// The body is not right.
const BAD_REQUEST: i64 = 9499;

/// A robot. Its address and secret are never shown.
pub(super) struct Robot {
    pub(super) url: String,
    secret: Option<String>,
}

impl std::fmt::Debug for Robot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Robot")
    }
}

impl Robot {
    pub(super) fn build(one: &ChannelConfig, config: &RobotConfig) -> Result<Self, SetUpError> {
        let url = one.secret("via.feishu.url_file", &config.url_file)?;
        check_url(one, "via.feishu.url_file", &url)?;
        let secret = config.secret_file.as_ref().map(|path| one.secret("via.feishu.secret_file", path)).transpose()?;
        Ok(Self { url, secret })
    }

    pub(super) fn request(&self, message: &Message, wording: &Wording, now: UnixMs) -> Request {
        let mut text = message.text(wording, TEXT_BYTES_MAX);
        if calls_everybody(message) {
            text = format!("{EVERYBODY} {text}");
        }
        let mut body = json!({ "msg_type": "text", "content": { "text": text } });
        if let Some(secret) = &self.secret {
            let seconds = now.0.div_euclid(1000);
            body["timestamp"] = seconds.to_string().into();
            body["sign"] = signature(secret, seconds).into();
        }
        Request::json(&self.url, &body)
    }
}

/// The HMAC-SHA256 of nothing; its key is the time in seconds, a line feed and the secret.
fn signature(secret: &str, seconds: i64) -> String {
    STANDARD.encode(hmac_sha256(format!("{seconds}\n{secret}").as_bytes(), b""))
}

/// It answers 200 with a number of its own.
pub(super) fn taken(answer: &Answer) -> Result<Receipt, Failure> {
    answer.accepted()?;
    let body = answer.json()?;
    let why = || format!("飞书 answered {}: {}", body["code"], body["msg"].as_str().unwrap_or_default());
    match body["code"].as_i64() {
        Some(0) => Ok(None),
        Some(TOO_MANY) => Err(Failure::busy(why(), BUSY_WAIT)),
        Some(BAD_REQUEST) => Err(Failure::refused(why())),
        // 19021 is a wrong signature: the channel is set up wrongly.
        _ => Err(Failure::channel(why())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac`.
    #[test]
    fn a_body_is_signed_as_the_service_asks() {
        assert_eq!(signature("this is secret", 1_790_000_000), "P4vc3681XZxrbng4aUGqNn2abhnsmVmAu3TxKrrgYpI=");
    }
}
