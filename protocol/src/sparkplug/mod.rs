//! Eclipse Sparkplug B 3.0: edge ↔ gateway over MQTT. Everything here is pure: bytes, texts and the time of day come
//! in, bytes, texts and decisions go out; the programs on both ends do the talking.
//!
//! - [`topic`]: `spBv1.0/{group}/{type}/{node}/{device}` to a typed address and back.
//! - [`payload`]: the protobuf bodies, decoded within bounds.
//! - [`metric`]: a body's datatype and number to a domain value and back.
//! - [`host_state`]: the `STATE` message by which a host says that it is there.
//! - [`edge_session`]: what an edge node may say and when; gives out `bdSeq`, `seq` and aliases.
//! - [`host_session`]: what a host makes of it: order, gaps, births, deaths, aliases to names.
//! - [`command`]: what a host tells a node or a device to do.
//! - [`outbox`]: numbers and acknowledgements, by which each message is stored exactly once.
//!
//! The assertion ids in the tests' names are those of the specification (Eclipse Sparkplug 3.0.0).

pub mod command;
pub mod edge_session;
pub mod host_session;
pub mod host_state;
pub mod metric;
pub mod outbox;
pub mod payload;
pub mod topic;

use bytes::Bytes;

/// How surely MQTT is to deliver a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// 0: births, data, deaths of devices, commands.
    AtMostOnce,
    /// 1: deaths of nodes and the host's state.
    AtLeastOnce,
}

/// A message ready to be published or registered as a will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker keeps it for later subscribers.
    pub is_retained: bool,
}
