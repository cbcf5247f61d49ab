//! `[broker]` and `[mqtt]` of the gateway's configuration.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    BrokerError,
    access::{Access, Credential},
};

/// `[broker]`: the mosquitto that the gateway starts itself. Unused when `mqtt.url` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it listens without encryption; port 0 takes any free one. The gateway itself connects here.
    pub listen: SocketAddr,
    /// Allows `listen` to be another address than loopback. Passwords and readings then cross the network readable:
    /// only for a closed network.
    pub is_plain_network_allowed: bool,
    /// A second, encrypted listener for the edge nodes.
    pub tls: Option<TlsConfig>,
    /// The program; by default `mosquitto` from the usual places.
    pub program: Option<PathBuf>,
    /// The plugin `mosquitto_dynamic_security.so`; by default from the usual places.
    pub plugin: Option<PathBuf>,
    /// The user it runs as when the gateway is started by root; by default `mosquitto`, else `nobody`.
    pub user: Option<String>,
    /// Messages that may wait for one slow subscriber before further ones are dropped. 100 000 of 200 bytes are 20 MB,
    /// and ten seconds of the load this gateway is built for.
    pub queued_messages_max: u32,
    /// Greatest size of a message in bytes.
    pub message_bytes_max: u32,
}

/// `[broker.tls]`: the encrypted listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Where it listens, such as `0.0.0.0:8883`.
    pub listen: SocketAddr,
    /// PEM file with the server's certificate and those that signed it.
    pub certificate_file: PathBuf,
    /// PEM file with the server's private key.
    pub key_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            is_plain_network_allowed: false,
            tls: None,
            program: None,
            plugin: None,
            user: None,
            queued_messages_max: 100_000,
            message_bytes_max: 1024 * 1024,
        }
    }
}

impl Config {
    /// What the types alone cannot say.
    pub fn check(&self) -> Result<(), BrokerError> {
        if self.listen.ip().is_loopback() || self.is_plain_network_allowed {
            Ok(())
        } else {
            Err(BrokerError::PlainNetwork(self.listen))
        }
    }
}

/// `[mqtt]`: the site's own broker instead of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExternalConfig {
    /// `mqtt://host:1883` or `mqtts://host:8883`; absent: the gateway starts a broker itself.
    pub url: Option<String>,
    /// User that subscribes to `spBv1.0/#` and publishes the gateway's own state.
    pub ingest_username: Option<String>,
    /// File whose first line is that user's password.
    pub ingest_password_file: Option<PathBuf>,
    /// User that publishes commands (`spBv1.0/+/NCMD/#`, `spBv1.0/+/DCMD/#`); absent: the same as for ingest.
    pub publish_username: Option<String>,
    /// File whose first line is that user's password.
    pub publish_password_file: Option<PathBuf>,
    /// PEM file with the certificates to trust; absent: those of the operating system.
    pub ca_file: Option<PathBuf>,
}

impl ExternalConfig {
    /// How to connect to the site's broker; None when there is none.
    pub(super) fn access(&self) -> Result<Option<Access>, BrokerError> {
        let Some(url) = &self.url else { return Ok(None) };
        let ingest =
            credential(self.ingest_username.as_ref(), ("ingest_password_file", self.ingest_password_file.as_ref()))?;
        let publish =
            credential(self.publish_username.as_ref(), ("publish_password_file", self.publish_password_file.as_ref()))?
                .or_else(|| ingest.clone());
        Access::external(url, self.ca_file.as_deref(), ingest, publish).map(Some)
    }
}

fn credential(
    username: Option<&String>,
    (key, password_file): (&'static str, Option<&PathBuf>),
) -> Result<Option<Credential>, BrokerError> {
    let Some(username) = username else { return Ok(None) };
    let path = password_file
        .ok_or_else(|| BrokerError::External { key, problem: format!("is missing for the user {username}") })?;
    let content = std::fs::read_to_string(path)
        .map_err(|error| BrokerError::External { key, problem: format!("{}: {error}", path.display()) })?;
    let password = content.lines().next().unwrap_or_default().to_owned();
    Ok(Some(Credential { username: username.clone(), password }))
}
