//! A program of the site's own: one JSON body a message, signed. `docs/ref/notify.md` is the contract.

use domain::{
    notice::{Audience, Notice, Subject},
    time::UnixMs,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    Receipt,
    http::{Answer, Request, check_url},
};
use crate::notify::{
    SetUpError,
    attempt::Failure,
    config::{ChannelConfig, WebhookConfig},
    message::{Message, Wording},
};

/// A shorter key could be guessed.
const KEY_CHARACTERS_MIN: usize = 16;

/// Where it listens, and the key. Neither is ever shown: an address may hold a token.
pub(super) struct Webhook {
    url: String,
    key: String,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook")
    }
}

impl Webhook {
    pub(super) fn build(one: &ChannelConfig, config: &WebhookConfig) -> Result<Self, SetUpError> {
        check_url(one, "via.webhook.url", &config.url)?;
        let key = one.secret("via.webhook.secret_file", &config.secret_file)?;
        if key.chars().count() < KEY_CHARACTERS_MIN {
            let problem = format!("the key needs {KEY_CHARACTERS_MIN} characters at least");
            return Err(one.wrong("via.webhook.secret_file", problem));
        }
        Ok(Self { url: config.url.clone(), key })
    }

    pub(super) fn request(&self, message: &Message, wording: &Wording, now: UnixMs) -> Request {
        let mut request = Request::json(&self.url, &body(message, wording));
        let seconds = now.0.div_euclid(1000);
        let signature = signature(&self.key, seconds, &request.body);
        request.headers.extend([
            ("x-brightwatch-message".into(), message.id.to_string()),
            ("x-brightwatch-timestamp".into(), seconds.to_string()),
            ("x-brightwatch-signature".into(), format!("sha256={signature}")),
        ]);
        request
    }
}

fn body(message: &Message, wording: &Wording) -> Value {
    json!({
        "message": message.id,
        "is_maybe_repeated": message.is_maybe_repeated,
        "severity": message.severity() as u8,
        "title": message.title(wording),
        "body": message.body(wording),
        "notices": message.notices.iter().map(notice).collect::<Vec<_>>(),
    })
}

/// One notice, as a program reads it.
pub(super) fn notice(notice: &Notice) -> Value {
    let (subject, id) = match &notice.subject {
        Subject::Alarm(id) => ("alarm", json!(id.0)),
        Subject::Case(id) => ("case", json!(id.0)),
        Subject::Channel(name) => ("channel", json!(name)),
    };
    let (audience, of) = match &notice.audience {
        Audience::Owner(id) => ("owner", Some(id.to_string())),
        Audience::Township(code) => ("township", Some(code.to_string())),
        Audience::Office(id) => ("office", Some(id.to_string())),
        Audience::Centre => ("centre", None),
    };
    json!({
        "subject": { "kind": subject, "id": id },
        "occasion": notice.occasion.word(),
        "step": notice.occasion.step(),
        "severity": notice.severity as u8,
        "audience": { "kind": audience, "id": of },
        "device": notice.device,
        "site": notice.site,
        "at_ms": notice.at.0,
        "title": { "zh": notice.title.zh, "en": notice.title.en },
        "body": { "zh": notice.body.zh, "en": notice.body.en },
    })
}

/// The HMAC-SHA256, in hexadecimal, of the time in seconds, a full stop and the body.
pub(in crate::notify) fn signature(key: &str, seconds: i64, body: &str) -> String {
    hexadecimal(&hmac_sha256(key.as_bytes(), format!("{seconds}.{body}").as_bytes()))
}

/// Two digits a byte.
pub(super) fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string never fails");
        hex
    })
}

/// HMAC-SHA256, RFC 2104.
pub(super) fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// The status says it all.
pub(super) fn taken(answer: &Answer) -> Result<Receipt, Failure> {
    answer.accepted().map(|()| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac`.
    #[test]
    fn a_body_is_signed_as_the_contract_says() {
        let body = "{\"message\":1}";
        assert_eq!(
            signature("0123456789abcdef", 1_790_000_000, body),
            "d10da8ad0459d1c8fe0b24f656451811e7bdaeaac4e066d293803d35cd242822"
        );
    }
}
