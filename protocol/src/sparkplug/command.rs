//! Commands: what a host tells a node or one of its devices to do.

use domain::{
    id::{DeviceId, MetricName},
    time::UnixMs,
};

use super::{
    Outgoing, Qos,
    metric::{self, Content, ContentError, DataType},
    payload::{Metric, Payload, RawValue},
    topic::{NodeAddress, NodeVerb},
};

/// The one command that every node obeys: send all births again.
pub const REBIRTH: &str = "Node Control/Rebirth";

/// What a node is told to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Send all births again.
    Rebirth,
    /// Set a metric.
    Write {
        /// Of which device; None: of the node.
        device: Option<DeviceId>,
        /// Which.
        metric: MetricName,
        /// To what; None: to nothing (null).
        content: Option<Content>,
    },
}

/// How a metric is named in a command: by the alias of its birth when it has one, else by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricRef {
    /// By the alias that its birth gave.
    Alias(u64),
    /// By name.
    Name(MetricName),
}

pub(super) fn command_message(topic: String, metrics: Vec<Metric>, now: UnixMs) -> Outgoing {
    let timestamp = Some(now.0.cast_unsigned());
    let metrics = metrics.into_iter().map(|metric| Metric { timestamp, ..metric }).collect();
    let payload = Payload { timestamp, metrics, ..Payload::default() };
    Outgoing { topic, payload: payload.to_bytes(), qos: Qos::AtMostOnce, is_retained: false }
}

/// Asks a node for all its births.
pub fn rebirth(node: &NodeAddress, now: UnixMs) -> Outgoing {
    let metric = Metric {
        name: Some(REBIRTH.to_owned()),
        datatype: Some(DataType::Boolean.code()),
        value: Some(RawValue::Boolean(true)),
        ..Metric::default()
    };
    command_message(node.topic(NodeVerb::NCmd), vec![metric], now)
}

/// Sets a metric of a node (`device` None) or of one of its devices.
///
/// # Errors
/// [`ContentError`] when the metric's datatype cannot hold the content.
pub fn write(
    node: &NodeAddress,
    device: Option<&DeviceId>,
    metric: &MetricRef,
    datatype: DataType,
    content: &Content,
    now: UnixMs,
) -> Result<Outgoing, ContentError> {
    let (name, alias) = match metric {
        MetricRef::Alias(alias) => (None, Some(*alias)),
        MetricRef::Name(name) => (Some(name.as_str().to_owned()), None),
    };
    let value = Some(metric::write(datatype, content)?);
    let metric = Metric { name, alias, datatype: Some(datatype.code()), value, ..Metric::default() };
    let topic = match device {
        None => node.topic(NodeVerb::NCmd),
        Some(device) => node.device_topic(NodeVerb::DCmd, device),
    };
    Ok(command_message(topic, vec![metric], now))
}

#[cfg(test)]
mod tests {
    use domain::id::NodeId;

    use super::*;
    use crate::sparkplug::{payload::Limits, topic::GroupId};

    fn node() -> NodeAddress {
        NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new("edge-1").unwrap() }
    }

    fn body(message: &Outgoing) -> Payload {
        Payload::decode_within(message.payload.clone(), &Limits::default()).unwrap()
    }

    #[test]
    fn tck_id_operational_behavior_data_commands_ncmd_rebirth() {
        let message = rebirth(&node(), UnixMs(7));
        assert_eq!(message.topic, "spBv1.0/500156001/NCMD/edge-1"); // …-ncmd-rebirth-verb
        let payload = body(&message);
        assert_eq!(payload.metrics[0].name.as_deref(), Some("Node Control/Rebirth")); // …-ncmd-rebirth-name
        assert_eq!(payload.metrics[0].value, Some(RawValue::Boolean(true))); // …-ncmd-rebirth-value
        assert_eq!(payload.seq, None);
        assert_eq!((message.qos, message.is_retained), (Qos::AtMostOnce, false));
    }

    #[test]
    fn tck_id_payloads_alias_data_cmd_requirement() {
        let device = DeviceId::new("cam-1").unwrap();
        let content = Content::Value(domain::reading::Value::Bool(true));
        let message =
            write(&node(), Some(&device), &MetricRef::Alias(9), DataType::Boolean, &content, UnixMs(7)).unwrap();
        assert_eq!(message.topic, "spBv1.0/500156001/DCMD/edge-1/cam-1");
        let payload = body(&message);
        assert_eq!((payload.metrics[0].name.as_deref(), payload.metrics[0].alias), (None, Some(9)));
    }

    #[test]
    fn tck_id_operational_behavior_data_commands_dcmd_metric_value() {
        let content = Content::Value(domain::reading::Value::Bool(true));
        let name = MetricRef::Name(MetricName::new("speed").unwrap());
        assert!(write(&node(), None, &name, DataType::Double, &content, UnixMs(7)).is_err());
    }
}
