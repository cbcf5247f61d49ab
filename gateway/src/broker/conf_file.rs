//! `mosquitto.conf`, as a text. All other files are named without a folder: the child is started in theirs.

use std::{fmt::Write as _, net::SocketAddr};

use super::{Config, install::Installation};

/// The configuration itself.
pub(super) const NAME: &str = "mosquitto.conf";
/// Users and their rights.
pub(super) const SECURITY: &str = "dynamic-security.json";
/// Copy of the certificate, readable by the child.
pub(super) const CERTIFICATE: &str = "certificate.pem";
/// Copy of the key, readable by the child.
pub(super) const KEY: &str = "key.pem";

pub(super) fn text(config: &Config, listen: SocketAddr, installation: &Installation) -> String {
    let mut text = String::from("# Written by the gateway at every start; changes are lost.\n");
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} {value}");
    };
    let mut listeners = vec![(listen, None)];
    listeners.extend(config.tls.as_ref().map(|tls| (tls.listen, Some((CERTIFICATE, KEY)))));
    for (address, certificate) in listeners {
        // First of all the listener: an option of a listener that comes before any opens port 1883 to everyone.
        line("listener", &format!("{} {}", address.port(), address.ip()));
        // Who holds a credential has its name for client id: nobody can put out another by borrowing an id.
        line("use_username_as_clientid", "true");
        if let Some((certificate, key)) = certificate {
            line("certfile", certificate);
            line("keyfile", key);
        }
    }
    line("allow_anonymous", "false");
    line("plugin", &installation.plugin.display().to_string());
    line("plugin_opt_config_file", SECURITY);
    if let Some(user) = &installation.user {
        line("user", &user.name);
    }
    // Nothing is kept for a restart: edge nodes tell their births again, and readings do not rest on the broker.
    line("persistence", "false");
    line("max_queued_messages", &config.queued_messages_max.to_string());
    line("max_packet_size", &config.message_bytes_max.to_string());
    line("set_tcp_nodelay", "true");
    line("log_dest", "stderr");
    line("log_timestamp", "false");
    for kind in ["error", "warning", "notice"] {
        line("log_type", kind);
    }
    text
}
