//! Section `[http]` of gateway.toml.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

/// Where people and edge agents' cameras connect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port.
    pub listen: SocketAddr,
    /// Certificate and key; None: plain HTTP, for loopback or behind a proxy that does TLS.
    pub tls: Option<Tls>,
    /// A proxy in front does TLS: the session cookie is then marked `Secure` although this listener is plain.
    pub is_behind_tls: bool,
    /// Addresses of proxies whose `X-Forwarded-For` is believed when sign-ins are throttled.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins besides the gateway's own whose pages may use the API, such as `https://portal.example`.
    pub allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            is_behind_tls: false,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those between it and the root.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Config {
    /// Whether browsers reach the gateway over TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some() || self.is_behind_tls
    }

    /// Whether passwords and pictures would cross a network in the clear.
    pub fn is_exposed(&self) -> bool {
        !self.is_secure() && !self.listen.ip().is_loopback()
    }
}
