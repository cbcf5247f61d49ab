//! What goes over the wire, and nothing else: bytes and texts to domain values and back, with every check at this
//! border, so that what lies behind it can trust what it gets. No socket is opened here.
//!
//! - [`sparkplug`]: edge ↔ gateway, Eclipse Sparkplug B 3.0 over MQTT.
//! - [`rest`]: gateway ↔ people's programs, JSON over HTTP under `/api/v1`.
//! - [`live`]: gateway → dashboard, JSON over WebSocket: one snapshot, then deltas.
//! - [`video`]: camera → gateway → player, fragments of MP4 in binary WebSocket messages.

pub mod live;
pub mod rest;
pub mod sparkplug;
pub mod video;
