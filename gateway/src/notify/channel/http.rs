//! Asking a service over HTTP, and what an answer's status means.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use reqwest::{Method, StatusCode, header, redirect};

use super::super::{
    SetUpError,
    attempt::Failure,
    config::{ChannelConfig, Config},
};

/// The longest answer that is read, in bytes. A service says a line.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long to wait when a service says "too many" and not how long.
pub(super) const BUSY_WAIT: Duration = Duration::from_mins(1);

/// What a service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    /// A body of JSON to be posted.
    pub(super) fn json(url: impl Into<String>, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".into(), "application/json; charset=utf-8".into())];
        Self { method: Method::POST, url: url.into(), headers, body: body.to_string() }
    }
}

/// What it answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// What `Retry-After` asks for, when in seconds.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Connections to one service.
#[derive(Debug)]
pub(super) struct Client(reqwest::Client);

impl Client {
    pub(super) fn build(one: &ChannelConfig, config: &Config, ca_file: Option<&Path>) -> Result<Self, SetUpError> {
        let mut builder = reqwest::Client::builder()
            // A redirect would take a secret address, or a signed body, somewhere else.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("brightwatch/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if let Some(proxy) = &config.proxy {
            let wrong = |error: reqwest::Error| SetUpError::Section { key: "proxy", problem: error.to_string() };
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(wrong)?);
        }
        if let Some(path) = ca_file {
            let pem = std::fs::read(path).map_err(|source| SetUpError::File {
                channel: one.name.clone(),
                key: "ca_file",
                path: path.to_owned(),
                source,
            })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem);
            let certificates = certificates.map_err(|error| one.wrong("ca_file", error.to_string()))?;
            if certificates.is_empty() {
                return Err(one.wrong("ca_file", format!("{} holds no PEM certificate", path.display())));
            }
            builder = builder.tls_certs_only(certificates);
        }
        Ok(Self(builder.build().map_err(|error| one.wrong("via", error.to_string()))?))
    }

    /// Asks, and gives the answer whatever its status.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let Request { method, url, headers, body } = request;
        let mut builder = self.0.request(method, url);
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        if !body.is_empty() {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(of_error)?;
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(of_error)? {
            body.extend_from_slice(&part);
            if body.len() > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(Answer { status, retry_after, body: body.into() })
    }
}

/// Without the address, which may be a secret.
fn of_error(error: reqwest::Error) -> Failure {
    let is_connect = error.is_connect();
    let error = anyhow::Error::new(error.without_url());
    let why = format!("{error:#}");
    if is_connect { Failure::channel(why) } else { Failure::unknown(why) }
}

impl Answer {
    /// Whether the status says that it was taken.
    pub(super) fn accepted(&self) -> Result<(), Failure> {
        let status = self.status;
        let why = || format!("the service answered {status}");
        match status.as_u16() {
            200..=299 => Ok(()),
            429 => Err(Failure::busy(why(), self.retry_after.unwrap_or(BUSY_WAIT))),
            503 if self.retry_after.is_some() => Err(Failure::busy(why(), self.retry_after.unwrap_or(BUSY_WAIT))),
            // It does not like what the message says, and never will.
            400 | 413..=415 | 422 => Err(Failure::refused(why())),
            // The service is down, or the channel is set up wrongly: put right, it takes what waits.
            _ => Err(Failure::channel(why())),
        }
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<serde_json::Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| Failure::unknown("the service's answer is no JSON"))
    }
}

/// An address that begins with `https://` or `http://`.
pub(super) fn check_url(one: &ChannelConfig, key: &'static str, url: &str) -> Result<(), SetUpError> {
    let is_right = reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // The address itself may be a secret, and is not repeated.
    if is_right { Ok(()) } else { Err(one.wrong(key, "an address that begins with https:// is needed")) }
}
