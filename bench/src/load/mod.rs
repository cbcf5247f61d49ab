//! Edge nodes with an outbox that cost next to nothing: all their messages are encoded before the clock starts, and one
//! thread writes them to a thousand sockets. They hear what is acknowledged, as nodes do, and never have to send again:
//! what they send stays within what the gateway has room for.
//!
//! - `lift`: what the nodes' devices say;
//! - `stamp`: a message that is encoded once and sent many times;
//! - `fleet`: the nodes with their connections, and how fast they speak;
//! - `ear`: what is said to them.

mod ear;
mod fleet;
mod lift;
mod stamp;

use bytes::{Bytes, BytesMut};
use domain::{
    id::{DeviceId, NodeId},
    time::UnixMs,
};
use protocol::sparkplug::{
    Outgoing,
    edge_session::EdgeSession,
    outbox::{Hello, Incarnation, Seq, seq_declaration},
    payload::{Limits, Metric, Payload},
    topic::{GroupId, NodeAddress, NodeVerb, Topic},
};
use rumqttc::{QoS, mqttbytes::v4::Publish};

pub(crate) use self::fleet::{Fleet, Progress, now_ms};
use self::stamp::{FIRST_NUMBER, PLACEHOLDER_MS, PLACEHOLDER_NUMBER, Stamped};

/// After so many messages of a node its numbers begin anew, so its messages can too.
const CYCLE: usize = 256;

/// How many there are of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) nodes: usize,
    pub(crate) devices_per_node: usize,
    /// Metrics that a device's birth declares, at most [`lift::METRICS`].
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
    /// Where it is told what is acknowledged.
    commands: String,
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
    let address = NodeAddress { group: GroupId::new(group)?, node: id.clone() };
    let commands = Topic::Node { address: address.clone(), verb: NodeVerb::NCmd, device: None }.to_string();
    let mut session = EdgeSession::new(address, None);
    let will = session.connect(now);
    let number = |number| Seq::new(number).expect("a number in range");
    let hello = Hello { incarnation: Incarnation(rand::random()), floor: number(FIRST_NUMBER) };
    let mut births = vec![packet(with(session.node_birth(now, &[])?, hello.metrics())?)?];
    let devices: Vec<_> = (0..shape.devices_per_node).map(|device| device_id(node, device)).collect();
    for device in &devices {
        let birth = session.device_birth(now, device, &lift::birth(now, shape.declared))?;
        births.push(packet(with(birth, [seq_declaration()])?)?);
    }
    let mut cycle = Vec::with_capacity(CYCLE);
    for (turn, device) in devices.iter().cycle().take(CYCLE).enumerate() {
        let data = session.device_data(now, device, &lift::samples(now, shape.sent, node + turn))?;
        cycle.push(packet(with(data, [number(PLACEHOLDER_NUMBER).metric()])?)?);
    }
    Ok(Script { node: id, commands, will, births, cycle })
}

/// The message with what an outbox adds to it.
fn with(message: Outgoing, metrics: impl IntoIterator<Item = Metric>) -> anyhow::Result<Outgoing> {
    let mut payload = Payload::decode_within(message.payload, &Limits::default())?;
    payload.metrics.extend(metrics);
    let payload: Bytes = payload.to_bytes();
    Ok(Outgoing { payload, ..message })
}

/// The MQTT packet that publishes a message.
fn packet(message: Outgoing) -> anyhow::Result<Stamped> {
    let mut bytes = BytesMut::new();
    let publish = Publish::from_bytes(message.topic, QoS::AtMostOnce, message.payload);
    publish.write(&mut bytes).map_err(|error| anyhow::anyhow!("a packet cannot be encoded: {error:?}"))?;
    Ok(Stamped::new(bytes.to_vec().into()))
}
