//! Text messages by an HTTP gateway: the site's own template of what it is asked, with named places to be filled.

use domain::alarm::Severity;
use reqwest::Method;

use super::{
    Receipt,
    http::{Answer, Request, check_url},
};
use crate::notify::{
    SetUpError,
    attempt::Failure,
    config::{BodyKind, ChannelConfig, Language, SmsConfig, SmsMethod},
    message::{Message, Wording},
};

/// What may stand between double braces.
const PLACES: [&str; 5] = ["phone", "text", "severity", "message", "secret"];

/// A gateway for text messages. Nothing of it is ever shown: addresses and headers may hold tokens.
pub(super) struct Sms {
    method: Method,
    url: Template,
    headers: Vec<(String, Template)>,
    body: Template,
    body_kind: BodyKind,
    secret: String,
    taken_when: String,
    to: Vec<String>,
    characters_max: usize,
}

impl std::fmt::Debug for Sms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sms")
    }
}

impl Sms {
    pub(super) fn build(one: &ChannelConfig, config: &SmsConfig) -> Result<Self, SetUpError> {
        let parse = |key: &'static str, text: &str| Template::parse(text).map_err(|why| one.wrong(key, why));
        let secret = config.secret_file.as_ref().map(|path| one.secret("via.sms.secret_file", path)).transpose()?;
        let headers = config.headers.iter();
        let sms = Self {
            method: match config.method {
                SmsMethod::Get => Method::GET,
                SmsMethod::Post => Method::POST,
            },
            url: parse("via.sms.url", &config.url)?,
            headers: headers
                .map(|(name, value)| Ok((name.clone(), parse("via.sms.headers", value)?)))
                .collect::<Result<_, _>>()?,
            body: parse("via.sms.body", &config.body)?,
            body_kind: config.body_kind,
            taken_when: config.taken_when_body_contains.clone(),
            to: config.to.clone(),
            characters_max: config.characters_max,
            secret: secret.clone().unwrap_or_default(),
        };
        let templates = || sms.headers.iter().map(|(_, value)| value).chain([&sms.url, &sms.body]);
        let asks = |place: &str| templates().any(|template| template.asks(place));
        if !asks("phone") || !asks("text") {
            return Err(one.wrong("via.sms", "{{phone}} and {{text}} must stand somewhere"));
        }
        if asks("secret") && secret.is_none() {
            return Err(one.wrong("via.sms.secret_file", "{{secret}} is asked for, so a file with it is needed"));
        }
        if !(20..=1000).contains(&sms.characters_max) {
            return Err(one.wrong("via.sms.characters_max", "20 to 1000 are possible"));
        }
        // What a message would become, to find now what would fail then.
        let sample = Filling { phone: "13800000000", text: "\"告警\"\n", severity: "1", message: "1", secret: "s" };
        check_url(one, "via.sms.url", &sms.url.fill(&sample, in_url))?;
        let body = sms.body.fill(&sample, sms.quote());
        if sms.body_kind == BodyKind::Json && !body.is_empty() {
            let parsed = serde_json::from_str::<serde_json::Value>(&body);
            parsed.map_err(|error| one.wrong("via.sms.body", format!("filled in, it is no JSON: {error}")))?;
        }
        if let Some(wrong) = sms.to.iter().find(|number| !is_phone(number)) {
            return Err(
                one.wrong("via.sms.to", format!("`{wrong}` is no telephone number: digits, perhaps a + before"))
            );
        }
        Ok(sms)
    }

    /// Numbers that get everything.
    pub(super) fn to(&self) -> &[String] {
        &self.to
    }

    pub(super) fn request(&self, message: &Message, wording: &Wording, phone: &str) -> Request {
        let text = short(message, wording, self.characters_max);
        let severity = (message.severity() as u8).to_string();
        let number = message.id.to_string();
        let filling = Filling { phone, text: &text, severity: &severity, message: &number, secret: &self.secret };
        let mut headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.fill(&filling, in_header))).collect();
        let body = self.body.fill(&filling, self.quote());
        let is_named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !body.is_empty() && !is_named {
            let kind = match self.body_kind {
                BodyKind::Json => "application/json; charset=utf-8",
                BodyKind::Form => "application/x-www-form-urlencoded",
            };
            headers.push(("content-type".into(), kind.into()));
        }
        Request { method: self.method.clone(), url: self.url.fill(&filling, in_url), headers, body }
    }

    /// By the status, and by what the body is to hold.
    pub(super) fn taken(&self, answer: &Answer) -> Result<Receipt, Failure> {
        answer.accepted()?;
        let body = String::from_utf8_lossy(&answer.body);
        if body.contains(&self.taken_when) {
            return Ok(None);
        }
        let said: String = body.chars().take(120).collect();
        // The number, the text or the account: the gateway does not say which in a way that all have in common.
        Err(Failure::target(format!("the SMS gateway did not take it: {said}")))
    }

    fn quote(&self) -> fn(&str) -> String {
        match self.body_kind {
            BodyKind::Json => in_json,
            BodyKind::Form => in_url,
        }
    }
}

/// The title, and of a single matter its cause, without line feeds: every character costs.
fn short(message: &Message, wording: &Wording, characters_max: usize) -> String {
    let mut text = message.title(wording);
    if message.notices.len() == 1 {
        let body = message.body(wording);
        for line in body.lines().take(1) {
            text.push('。');
            text.push_str(line);
        }
    }
    if message.severity() == Severity::I {
        // Not in 【】: there operators look for the sender's registered name.
        text.insert_str(0, if wording.language == Language::Zh { "紧急：" } else { "URGENT: " });
    }
    if text.chars().count() > characters_max {
        text = text.chars().take(characters_max - 1).chain(['…']).collect();
    }
    text.replace(['\r', '\n'], " ")
}

/// Digits, perhaps a `+` before.
pub(in crate::notify) fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (5..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text message can reach it: a mobile number of the mainland, 1 and ten digits more. A roster may as well name
/// the telephone on the desk.
pub(in crate::notify) fn is_mobile(text: &str) -> bool {
    let digits = text.strip_prefix("+86").unwrap_or(text);
    digits.len() == 11 && is_phone(digits) && digits.starts_with('1')
}

struct Filling<'a> {
    phone: &'a str,
    text: &'a str,
    severity: &'a str,
    message: &'a str,
    secret: &'a str,
}

impl Filling<'_> {
    fn of(&self, place: &str) -> &str {
        match place {
            "phone" => self.phone,
            "text" => self.text,
            "severity" => self.severity,
            "message" => self.message,
            "secret" => self.secret,
            _ => unreachable!("a template with another place is refused"),
        }
    }
}

/// Text with named places to be filled.
#[derive(Debug)]
struct Template {
    /// Text, then a place, in turn.
    parts: Vec<(String, Option<String>)>,
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (place, after) = after.split_once("}}").ok_or("`{{` without `}}` after it")?;
            let place = place.trim();
            if !PLACES.contains(&place) {
                return Err(format!("`{{{{{place}}}}}` is unknown; {} are possible", PLACES.join(", ")));
            }
            parts.push((before.to_owned(), Some(place.to_owned())));
            rest = after;
        }
        parts.push((rest.to_owned(), None));
        Ok(Self { parts })
    }

    fn asks(&self, place: &str) -> bool {
        self.parts.iter().any(|(_, asked)| asked.as_deref() == Some(place))
    }

    fn fill(&self, filling: &Filling<'_>, quote: fn(&str) -> String) -> String {
        let mut filled = String::new();
        for (text, place) in &self.parts {
            filled.push_str(text);
            if let Some(place) = place {
                filled.push_str(&quote(filling.of(place)));
            }
        }
        filled
    }
}

/// Percent-encoded, everything but letters, digits and `-._~`.
fn in_url(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len() * 3), |mut quoted, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            write!(quoted, "%{byte:02X}").expect("writing to a string never fails");
        }
        quoted
    })
}

/// As it stands within the quotes of a JSON string.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Without what would end the line.
fn in_header(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_quoted_as_its_place_asks() {
        let template = Template::parse("a={{ text }}&b={{phone}}").unwrap();
        let filling = Filling { phone: "+86138", text: "告\"警\n&", severity: "1", message: "9", secret: "s" };
        assert_eq!(template.fill(&filling, in_url), "a=%E5%91%8A%22%E8%AD%A6%0A%26&b=%2B86138");
        let json = Template::parse(r#"{"t":"{{text}}","n":{{message}}}"#).unwrap().fill(&filling, in_json);
        assert_eq!(json, r#"{"t":"告\"警\n&","n":9}"#);
        assert_eq!(Template::parse("x: {{text}}").unwrap().fill(&filling, in_header), "x: 告\"警&");
    }

    #[test]
    fn a_wrong_template_says_what_would_be_right() {
        assert_eq!(
            Template::parse("{{mobile}}").unwrap_err(),
            "`{{mobile}}` is unknown; phone, text, severity, message, secret are possible"
        );
        assert_eq!(Template::parse("{{phone").unwrap_err(), "`{{` without `}}` after it");
    }

    #[test]
    fn a_telephone_number_is_digits() {
        for right in ["13800000000", "+8613800000000", "12345"] {
            assert!(is_phone(right), "{right}");
        }
        for wrong in ["", "+", "1234", "138 0000 0000", "138-0000", "１３８００００００００"] {
            assert!(!is_phone(wrong), "{wrong}");
        }
    }
}
