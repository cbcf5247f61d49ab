//! How a camera is described in the configuration, and what is checked before anything is opened.

use std::{fmt, path::PathBuf, time::Duration};

use domain::id::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Camera, health::Patience, link::Job, uplink::Gateway};
use crate::config::{Fault, Folder, value};

/// One `[[camera]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its id, unique in the district.
    pub id: DeviceId,
    /// `rtsp://` address of the full picture, without name and password.
    pub main_url: RtspUrl,
    /// `rtsp://` address of the small picture: for video walls, and for judging the camera's health at less cost.
    pub sub_url: Option<RtspUrl>,
    /// The name that the camera asks for.
    pub username: Option<String>,
    /// A file that holds the camera's password and nothing else.
    pub password_file: Option<PathBuf>,
    /// How often a still is sent unasked, in seconds.
    #[serde(default = "default_still_interval_s", deserialize_with = "value::within::<_, 1, 86_400>")]
    pub still_interval_s: u64,
    /// Without a picture for this many seconds the camera is offline; after half of it the stream is opened anew.
    #[serde(default = "default_offline_after_s", deserialize_with = "value::within::<_, 2, 600>")]
    pub offline_after_s: u64,
    /// Nothing but black for this many seconds: the lens is covered, or the light is out.
    #[serde(default = "default_black_after_s", deserialize_with = "value::within::<_, 1, 3_600>")]
    pub black_after_s: u64,
    /// The very same picture for this many seconds: the camera hangs.
    #[serde(default = "default_frozen_after_s", deserialize_with = "value::within::<_, 1, 3_600>")]
    pub frozen_after_s: u64,
}

/// Enough to see what goes on, and two MiB an hour.
fn default_still_interval_s() -> u64 {
    60
}

/// Long enough for a camera that changes its night filter, short enough for a duty officer.
fn default_offline_after_s() -> u64 {
    10
}

/// A hand before the lens is no fault.
fn default_black_after_s() -> u64 {
    15
}

/// An empty kitchen has noise in its picture; one that really stands still for a minute does not exist.
fn default_frozen_after_s() -> u64 {
    60
}

impl Config {
    /// Checks what must agree and reads the password. Opens no connection.
    pub fn prepare(self, folder: &Folder, gateway: Option<&Gateway>) -> Result<Camera, Fault> {
        for (key, url) in [("main_url", Some(&self.main_url)), ("sub_url", self.sub_url.as_ref())] {
            if url.is_some_and(RtspUrl::has_credentials) {
                let reason = "a password does not belong here; set `username` and `password_file`";
                return Err(Fault::here(reason).under(key));
            }
        }
        let password = self.password_file.as_deref().map(|file| folder.read_text(file)).transpose();
        let password = password.map_err(|fault| fault.under("password_file"))?.map(|text| text.trim().to_owned());
        if self.username.is_none() && password.is_some() {
            return Err(Fault::here("a password without a name; set `username` too").under("password_file"));
        }
        let sign_in = |url: RtspUrl| match &self.username {
            Some(username) => url.with_credentials(username, password.as_deref().unwrap_or_default()),
            None => url,
        };
        let offline_after = Duration::from_secs(self.offline_after_s);
        let job = Job {
            device: self.id,
            main_url: sign_in(self.main_url),
            sub_url: self.sub_url.map(sign_in),
            silence_ms: self.offline_after_s * 500,
            still_interval_ms: self.still_interval_s * 1000,
        };
        let patience = Patience {
            offline_after,
            black_after: Duration::from_secs(self.black_after_s),
            frozen_after: Duration::from_secs(self.frozen_after_s),
        };
        Ok(Camera { job, patience, gateway: gateway.cloned(), worker_program: None })
    }
}

/// Address of a stream. May hold a password once it is prepared, so its debug form shows none.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RtspUrl(String);

const SCHEME: &str = "rtsp://";

impl RtspUrl {
    /// Checks an address of the form `rtsp://host[:port]/path`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(SCHEME).ok_or("an address begins with `rtsp://`")?;
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || text.contains(char::is_whitespace) || text.contains(char::is_control) {
            return Err("an address looks like `rtsp://192.168.1.64:554/stream1`");
        }
        Ok(Self(text.to_owned()))
    }

    /// The whole address, password included.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn with_credentials(self, username: &str, password: &str) -> Self {
        let rest = self.0.strip_prefix(SCHEME).unwrap_or(&self.0);
        Self(format!("{SCHEME}{}:{}@{rest}", percent_encode(username), percent_encode(password)))
    }

    fn has_credentials(&self) -> bool {
        self.0[SCHEME.len()..].split('/').next().is_some_and(|host| host.contains('@'))
    }
}

impl fmt::Debug for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.rsplit('@').next().unwrap_or_default();
        write!(f, "RtspUrl(…{host})")
    }
}

impl<'de> Deserialize<'de> for RtspUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_rtsp_and_shows_no_password() {
        let check = |text: &str, is_right: bool| assert_eq!(RtspUrl::parse(text).is_ok(), is_right, "{text}");
        check("rtsp://192.168.1.64/stream1", true);
        check("rtsp://camera.local:8554/Streaming/Channels/101?transport=tcp", true);
        check("http://192.168.1.64/", false);
        check("rtsp:///stream", false);
        check("rtsp://a b/", false);
        check("file:///etc/passwd", false);
        let url = RtspUrl::parse("rtsp://10.0.0.1/live").unwrap().with_credentials("admin", "a:b@c/1");
        assert_eq!(url.reveal(), "rtsp://admin:a%3Ab%40c%2F1@10.0.0.1/live");
        assert_eq!(format!("{url:?}"), "RtspUrl(…10.0.0.1/live)");
        assert!(url.has_credentials());
    }
}
