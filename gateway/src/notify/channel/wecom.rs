//! 企业微信: a robot in a group chat. Plain text, so that severity I can call everybody by name, which its markdown
//! cannot.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::alarm::Severity;
use md5::{Digest as _, Md5};
use serde_json::json;

use super::{
    Receipt, calls_everybody,
    http::{Answer, BUSY_WAIT, Request, check_url},
    webhook::hexadecimal,
};
use crate::notify::{
    SetUpError,
    attempt::Failure,
    config::{ChannelConfig, RobotConfig},
    message::{Message, Wording},
};

/// The longest text it takes, in bytes of UTF-8.
const TEXT_BYTES_MAX: usize = 2048;
/// More than twenty messages in a minute.
const TOO_MANY: i64 = 45009;
/// What the message holds is not right.
const WRONG_CONTENT: [i64; 3] = [40058, 44004, 40008];

/// A robot. Its address is a secret, so that it is never shown.
pub(super) struct Robot {
    pub(super) url: String,
}

impl std::fmt::Debug for Robot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Robot")
    }
}

impl Robot {
    pub(super) fn build(one: &ChannelConfig, config: &RobotConfig) -> Result<Self, SetUpError> {
        if config.secret_file.is_some() {
            return Err(one.wrong("via.wecom.secret_file", "企业微信 robots do not sign; the address is the secret"));
        }
        let url = one.secret("via.wecom.url_file", &config.url_file)?;
        check_url(one, "via.wecom.url_file", &url)?;
        Ok(Self { url })
    }

    pub(super) fn request(&self, message: &Message, wording: &Wording) -> Request {
        let mark = if message.severity() == Severity::I { "🔴 " } else { "" };
        let text = message.text(wording, TEXT_BYTES_MAX - mark.len());
        let called: &[&str] = if calls_everybody(message) { &["@all"] } else { &[] };
        let body = json!({
            "msgtype": "text",
            "text": { "content": format!("{mark}{text}"), "mentioned_list": called },
        });
        Request::json(&self.url, &body)
    }

    /// A picture, which goes without words; its service takes JPEG and PNG of at most 2 MiB.
    pub(super) fn picture(&self, picture: &[u8]) -> Request {
        let digest = hexadecimal(&Md5::digest(picture));
        let body = json!({ "msgtype": "image", "image": { "base64": STANDARD.encode(picture), "md5": digest } });
        Request::json(&self.url, &body)
    }
}

/// It answers 200 with a number of its own.
pub(super) fn taken(answer: &Answer) -> Result<Receipt, Failure> {
    answer.accepted()?;
    let body = answer.json()?;
    let code = body["errcode"].as_i64();
    let why = || format!("企业微信 answered {}: {}", body["errcode"], body["errmsg"].as_str().unwrap_or_default());
    match code {
        Some(0) => Ok(None),
        Some(TOO_MANY) => Err(Failure::busy(why(), BUSY_WAIT)),
        Some(code) if WRONG_CONTENT.contains(&code) => Err(Failure::refused(why())),
        _ => Err(Failure::channel(why())),
    }
}
