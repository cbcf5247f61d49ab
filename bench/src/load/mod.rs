//! Edge nodes that cost next to nothing: all their messages are encoded before the clock starts, and one thread writes
//! them to a thousand sockets.
//!
//! - `lift`: what the nodes' devices say;
//! - `stamp`: a message that is encoded once and sent many times;
//! - `fleet`: the nodes with their connections, and how fast they speak.

mod fleet;
mod lift;
mod stamp;

use bytes::BytesMut;
use domain::{
    id::{DeviceId, NodeId},
    time::UnixMs,
};
use protocol::sparkplug::{
    Outgoing,
    edge_session::EdgeSession,
    topic::{GroupId, NodeAddress},
};
use rumqttc::{QoS, mqttbytes::v4::Publish};

use self::stamp::{PLACEHOLDER_MS, Stamped};
pub(crate) use self::{
    fleet::{Fleet, Progress, now_ms},
    lift::METRICS,
};

/// After so many messages of a node its numbers begin anew, so its messages can too.
const CYCLE: usize = 256;

/// How many there are of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) nodes: usize,
    pub(crate) devices_per_node: usize,
    /// Metrics that a device's birth declares, at most [`METRICS`].
    pub(crate) declared: usize,
    /// Metrics of one message after that.
    pub(crate) sent: usize,
}

impl Shape {
    /// All devices, without the nodes themselves.
    pub(crate) fn device_count(&self) -> usize {
        self.nodes * self.devices_per_node
    }
}

/// The id of a node by its number.
pub(crate) fn node_id(node: usize) -> NodeId {
    NodeId::new(format!("bench-{node:04}")).expect("a valid id")
}

/// The id of a device by its number and its node's.
pub(crate) fn device_id(node: usize, device: usize) -> DeviceId {
    DeviceId::new(format!("bench-{node:04}-lift-{device}")).expect("a valid id")
}

/// A node whose messages are all encoded.
pub(crate) struct Script {
    pub(super) node: NodeId,
    will: Outgoing,
    births: Vec<Stamped>,
    cycle: Vec<Stamped>,
}

/// Encodes all messages of all nodes.
pub(crate) fn encode(shape: Shape, group: &str) -> anyhow::Result<Vec<Script>> {
    (0..shape.nodes).map(|node| script(shape, group, node)).collect()
}

fn script(shape: Shape, group: &str, node: usize) -> anyhow::Result<Script> {
    let now = UnixMs(PLACEHOLDER_MS);
    let id = node_id(node);
    let mut session = EdgeSession::new(NodeAddress { group: GroupId::new(group)?, node: id.clone() }, None);
    let will = session.connect(now);
    let mut births = vec![packet(session.node_birth(now, &[])?)?];
    let devices: Vec<_> = (0..shape.devices_per_node).map(|device| device_id(node, device)).collect();
    for device in &devices {
        births.push(packet(session.device_birth(now, device, &lift::birth(now, shape.declared))?)?);
    }
    let mut cycle = Vec::with_capacity(CYCLE);
    for (turn, device) in devices.iter().cycle().take(CYCLE).enumerate() {
        cycle.push(packet(session.device_data(now, device, &lift::samples(now, shape.sent, node + turn))?)?);
    }
    Ok(Script { node: id, will, births, cycle })
}

/// The MQTT packet that publishes a message.
fn packet(message: Outgoing) -> anyhow::Result<Stamped> {
    let mut bytes = BytesMut::new();
    let publish = Publish::from_bytes(message.topic, QoS::AtMostOnce, message.payload);
    publish.write(&mut bytes).map_err(|error| anyhow::anyhow!("a packet cannot be encoded: {error:?}"))?;
    Ok(Stamped::new(bytes.to_vec().into()))
}
