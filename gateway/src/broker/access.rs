//! How the gateway's own clients connect to the broker.

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use rumqttc::{MqttOptions, TlsConfiguration, Transport};
use serde::{Deserialize, Serialize};

use super::{BrokerError, secrets::Secrets};

/// A user and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Who.
    pub username: String,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.username)
    }
}

/// Where the broker is, and as whom the gateway comes.
#[derive(Debug, Clone)]
pub struct Access {
    host: String,
    port: u16,
    encryption: Encryption,
    ingest: Option<Credential>,
    publish: Option<Credential>,
    siren: Option<Credential>,
}

/// Whether the connection is encrypted, and whom it trusts then.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Encryption {
    None,
    TrustSystem,
    /// PEM certificates.
    Trust(Vec<u8>),
}

/// Which of the gateway's connections. They are apart because a slow one must not hold up the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Hears the nodes, and says that this host is there.
    Ingest,
    /// Sends commands.
    Publish,
    /// Sounds sirens; only while it does.
    Siren,
}

/// How often an idle connection shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

impl Access {
    /// To our own broker.
    pub(super) fn own(listen: SocketAddr, secrets: &Secrets) -> Self {
        Self {
            host: listen.ip().to_string(),
            port: listen.port(),
            encryption: Encryption::None,
            ingest: Some(secrets.ingest.clone()),
            publish: Some(secrets.publish.clone()),
            siren: Some(secrets.siren.clone()),
        }
    }

    /// To the site's broker.
    pub(super) fn external(
        url: &str,
        ca_file: Option<&Path>,
        ingest: Option<Credential>,
        publish: Option<Credential>,
    ) -> Result<Self, BrokerError> {
        let wrong = |problem: &str| BrokerError::External { key: "url", problem: format!("`{url}` {problem}") };
        let (is_encrypted, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err(wrong("does not begin with mqtt:// or mqtts://")),
        };
        let rest = rest.trim_end_matches('/');
        if rest.contains(['/', '@', '?']) {
            return Err(wrong("holds more than a host and a port; users have keys of their own"));
        }
        let default_port = if is_encrypted { 8883 } else { 1883 };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !rest.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong("has no port number after the colon"))?)
            }
            _ => (rest, default_port),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let encryption = match (is_encrypted, ca_file) {
            (false, _) => Encryption::None,
            (true, None) => Encryption::TrustSystem,
            (true, Some(path)) => {
                let ca = std::fs::read(path).map_err(|error| BrokerError::External {
                    key: "ca_file",
                    problem: format!("{}: {error}", path.display()),
                })?;
                Encryption::Trust(ca)
            }
        };
        // A site's own broker tells clients apart by their ids.
        let siren = publish.clone();
        Ok(Self { host: host.to_owned(), port, encryption, ingest, publish, siren })
    }

    /// Options for one of the gateway's connections; `client_id` matters only at a broker that does not take the
    /// user's name for it.
    pub fn options(&self, connection: Connection, client_id: &str) -> MqttOptions {
        let credential = match connection {
            Connection::Ingest => &self.ingest,
            Connection::Publish => &self.publish,
            Connection::Siren => &self.siren,
        };
        let mut options = MqttOptions::new(client_id, &self.host, self.port);
        let transport = match &self.encryption {
            Encryption::None => Transport::Tcp,
            Encryption::TrustSystem => Transport::tls_with_default_config(),
            Encryption::Trust(ca) => {
                Transport::Tls(TlsConfiguration::Simple { ca: ca.clone(), alpn: None, client_auth: None })
            }
        };
        options.set_transport(transport).set_keep_alive(KEEP_ALIVE).set_clean_session(true);
        if let Some(credential) = credential {
            options.set_credentials(&credential.username, &credential.password);
        }
        options
    }

    /// `host:port`, for logs.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_and_port() {
        let address = |url| Access::external(url, None, None, None).map(|access| access.address());
        assert_eq!(address("mqtt://broker.example").unwrap(), "broker.example:1883");
        assert_eq!(address("mqtts://broker.example").unwrap(), "broker.example:8883");
        assert_eq!(address("mqtt://10.0.0.1:2883/").unwrap(), "10.0.0.1:2883");
        assert_eq!(address("mqtt://[::1]:2883").unwrap(), "::1:2883");
        assert_eq!(address("mqtt://[::1]").unwrap(), "::1:1883");
        for wrong in ["broker:1883", "http://broker", "mqtt://", "mqtt://broker:x", "mqtt://user@broker"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_credential_is_not_logged() {
        let credential = Credential { username: "edge-1".into(), password: "secret".into() };
        assert_eq!(format!("{credential:?}"), "Credential(edge-1)");
    }
}
