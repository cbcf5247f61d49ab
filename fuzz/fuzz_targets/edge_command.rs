//! The body of a command to a device and to its node.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use domain::{
    id::{DeviceId, MetricName, NodeId},
    reading::Quality,
    time::UnixMs,
};
use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::{
    command::Command,
    edge_session::{BirthMetric, EdgeSession},
    metric::DataType,
    payload::{Limits, Payload},
    topic::{GroupId, NodeAddress},
};

const NOW: UnixMs = UnixMs(1_790_000_000_000);
const DATATYPES: [DataType; 6] = [
    DataType::Boolean,
    DataType::Int8,
    DataType::UInt64,
    DataType::Float,
    DataType::String,
    DataType::Bytes,
];

fn device() -> DeviceId {
    DeviceId::new("d").expect("a valid id")
}

/// A born node whose device has one metric of each kind, called by its place, with aliases from 1.
static EDGE: LazyLock<EdgeSession> = LazyLock::new(|| {
    let group = GroupId::new("g").expect("a valid group");
    let mut edge = EdgeSession::new(NodeAddress { group, node: NodeId::new("n").expect("a valid id") }, None);
    edge.connect(NOW);
    edge.node_birth(NOW, &[]).expect("connected");
    let metrics: Vec<_> = DATATYPES
        .iter()
        .enumerate()
        .map(|(place, datatype)| BirthMetric {
            name: MetricName::new(place.to_string()).expect("a valid name"),
            datatype: *datatype,
            unit: String::new(),
            at: NOW,
            content: None,
            quality: Quality::Good,
        })
        .collect();
    edge.device_birth(NOW, &device(), &metrics).expect("the node is born");
    edge
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(payload) = Payload::decode_within(Bytes::copy_from_slice(bytes), &Limits::default()) else { return };
    for command in EDGE.read_command(Some(&device()), &payload).into_iter().flatten() {
        let Command::Write { metric, content, .. } = command else { panic!("a device has no rebirth") };
        let datatype = DATATYPES[metric.as_str().parse::<usize>().expect("a declared name")];
        assert!(content.is_none_or(|content| content.kind() == datatype.kind()));
    }
    for command in EDGE.read_command(None, &payload).into_iter().flatten() {
        assert_eq!(command, Command::Rebirth, "the node declared nothing else");
    }
});
