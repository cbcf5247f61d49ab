//! Values with a form of their own: addresses and numbers within bounds.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Address of an MQTT broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all: for loopback and closed networks.
    Plain,
    /// TLS, the peer's certificate is checked.
    Tls,
}

impl<'de> Deserialize<'de> for BrokerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("`{text}` is not `mqtt://host:port` or `mqtts://host:port`"));
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let security = match scheme {
            "mqtt" => Security::Plain,
            "mqtts" => Security::Tls,
            _ => return Err(wrong()),
        };
        let HostPort { host, port } = HostPort::parse(rest).ok_or_else(wrong)?;
        Ok(Self { host, port, security })
    }
}

/// A TCP address by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl HostPort {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = !host.is_empty() && !host.contains(|letter: char| letter.is_whitespace() || letter == '/');
        let port = port.parse().ok().filter(|&port| port != 0 && is_host)?;
        Some(Self { host: host.to_owned(), port })
    }
}

impl<'de> Deserialize<'de> for HostPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not `host:port`, such as `192.168.1.20:502`")))
    }
}

pub(crate) fn websocket_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let host = text.strip_prefix("ws://").or_else(|| text.strip_prefix("wss://"));
    match host {
        Some(host) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(D::Error::custom(format!("`{text}` is not `ws://host:port` or `wss://host:port`"))),
    }
}

/// A whole number from `LOW` to `HIGH`, both included.
pub(crate) fn within<'de, D: Deserializer<'de>, const LOW: u64, const HIGH: u64>(
    deserializer: D,
) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if (LOW..=HIGH).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::custom(format!("{number} is not within {LOW} to {HIGH}")))
}

/// A finite number.
pub(crate) fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.is_finite() { Ok(number) } else { Err(D::Error::custom(format!("{number} is not a finite number"))) }
}

/// [`within`] for a key that may be absent.
pub(crate) fn within_or_absent<'de, D: Deserializer<'de>, const LOW: u64, const HIGH: u64>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    within::<D, LOW, HIGH>(deserializer).map(Some)
}

/// [`finite`] for a key that may be absent.
pub(crate) fn finite_or_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    finite(deserializer).map(Some)
}
