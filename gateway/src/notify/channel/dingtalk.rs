//! 钉钉: a robot in a group chat, with the signature that it may ask for.

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

/// The longest text that is sent, in bytes of UTF-8. Its limit is 20 000 for the whole body.
const TEXT_BYTES_MAX: usize = 6000;
/// More than twenty messages in a minute.
const TOO_MANY: i64 = 130_101;

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
        let url = one.secret("via.dingtalk.url_file", &config.url_file)?;
        check_url(one, "via.dingtalk.url_file", &url)?;
        let secret =
            config.secret_file.as_ref().map(|path| one.secret("via.dingtalk.secret_file", path)).transpose()?;
        Ok(Self { url, secret })
    }

    pub(super) fn request(&self, message: &Message, wording: &Wording, now: UnixMs) -> Request {
        let url = match &self.secret {
            Some(secret) => signed(&self.url, secret, now),
            None => self.url.clone(),
        };
        let body = json!({
            "msgtype": "text",
            "text": { "content": message.text(wording, TEXT_BYTES_MAX) },
            "at": { "isAtAll": calls_everybody(message) },
        });
        Request::json(url, &body)
    }
}

/// The address with time and signature: the HMAC-SHA256, under the secret, of the time in milliseconds, a line feed and
/// the secret.
fn signed(url: &str, secret: &str, now: UnixMs) -> String {
    let signature = STANDARD.encode(hmac_sha256(secret.as_bytes(), format!("{}\n{secret}", now.0).as_bytes()));
    let mut url = reqwest::Url::parse(url).expect("checked when the channel was built");
    url.query_pairs_mut().append_pair("timestamp", &now.0.to_string()).append_pair("sign", &signature);
    url.into()
}

/// It answers 200 with a number of its own.
pub(super) fn taken(answer: &Answer) -> Result<Receipt, Failure> {
    answer.accepted()?;
    let body = answer.json()?;
    let why = || format!("钉钉 answered {}: {}", body["errcode"], body["errmsg"].as_str().unwrap_or_default());
    match body["errcode"].as_i64() {
        Some(0) => Ok(body["messageId"].as_str().map(str::to_owned)),
        Some(TOO_MANY) => Err(Failure::busy(why(), BUSY_WAIT)),
        // 310000 is a wrong signature or a missing keyword: the channel is set up wrongly.
        _ => Err(Failure::channel(why())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac` and `urllib.parse.quote_plus`.
    #[test]
    fn an_address_is_signed_as_the_service_asks() {
        let url = signed(
            "https://oapi.dingtalk.com/robot/send?access_token=abc",
            "this is secret",
            UnixMs(1_790_000_000_123),
        );
        assert_eq!(
            url,
            "https://oapi.dingtalk.com/robot/send?access_token=abc&timestamp=1790000000123&sign=mlS%2FeeDPcGtv8SeUenpBTXesUkYt7u2hdKrLBqsEplw%3D"
        );
    }
}
