//! A host application: hears everything, remembers aliases, and can say something.

use std::{collections::HashMap, time::Duration};

use domain::{
    id::{DeviceId, NodeId},
    reading::{Quality, Value},
    time::UnixMs,
};
use protocol::sparkplug::{
    Outgoing, Qos, command,
    host_state::HostState,
    metric::{self, Content, DataType},
    payload::{Limits, Metric, Payload, RawValue},
    topic::{GroupId, HostId, NodeAddress, NodeVerb, Topic},
};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use super::LIMIT;

/// One heard message, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) verb: NodeVerb,
    pub(crate) device: Option<String>,
    pub(crate) seq: Option<u64>,
    pub(crate) metrics: Vec<HeardMetric>,
}

/// One metric of it, with the name that its alias stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeardMetric {
    pub(crate) name: String,
    pub(crate) at: i64,
    pub(crate) value: Option<Value>,
    pub(crate) quality: Quality,
    pub(crate) is_historical: bool,
}

impl Heard {
    pub(crate) fn is(&self, verb: NodeVerb, device: Option<&str>) -> bool {
        self.verb == verb && self.device.as_deref() == device
    }

    pub(crate) fn metric(&self, name: &str) -> Option<&HeardMetric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        self.metric(name).and_then(|metric| metric.value.clone())
    }
}

/// The host.
pub(crate) struct Host {
    client: AsyncClient,
    messages: mpsc::UnboundedReceiver<(Topic, Payload)>,
    names: HashMap<(Option<String>, u64), (String, DataType)>,
    /// How often it has subscribed.
    subscriptions: watch::Receiver<u32>,
    poller: JoinHandle<()>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

impl Host {
    /// Listens to everything before it returns.
    pub(crate) async fn connect(options: MqttOptions) -> Self {
        let (client, mut event_loop) = AsyncClient::new(options, 16);
        client.subscribe("spBv1.0/#", QoS::AtLeastOnce).await.unwrap();
        let (sender, messages) = mpsc::unbounded_channel();
        let (count, mut subscriptions) = watch::channel(0);
        let again = client.clone();
        let poller = tokio::spawn(async move {
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) if *count.borrow() > 0 => {
                        again.try_subscribe("spBv1.0/#", QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        count.send_modify(|count| *count += 1);
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let topic = Topic::parse(&publish.topic).unwrap();
                        if matches!(topic, Topic::State(_)) {
                            continue;
                        }
                        let Ok(payload) = Payload::decode_within(publish.payload, &Limits::default()) else { continue };
                        if sender.send((topic, payload)).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        timeout(LIMIT, subscriptions.wait_for(|count| *count == 1)).await.expect("the host connects in time").unwrap();
        Self { client, messages, subscriptions, names: HashMap::new(), poller }
    }

    /// Hears everything again, after its broker was away for the first time.
    pub(crate) async fn is_back(&mut self) {
        let back = timeout(LIMIT, self.subscriptions.wait_for(|count| *count > 1)).await;
        drop(back.expect("the host comes back in time").unwrap());
    }

    /// As anybody, to a broker that asks for nothing.
    pub(crate) async fn on(port: u16) -> Self {
        Self::connect(MqttOptions::new("host", "127.0.0.1", port)).await
    }

    /// The next message of the node.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            let (topic, payload) =
                timeout(LIMIT, self.messages.recv()).await.expect("a message comes in time").expect("the host polls");
            let Topic::Node { verb, device, .. } = topic else { continue };
            if matches!(verb, NodeVerb::NCmd | NodeVerb::DCmd) {
                continue;
            }
            let device = device.map(|id| id.to_string());
            let seq = payload.seq;
            let metrics = payload.metrics.iter().map(|metric| self.read(device.as_ref(), metric)).collect();
            return Heard { verb, device, seq, metrics };
        }
    }

    /// Waits for a message that fits; what comes before is dropped.
    pub(crate) async fn until(&mut self, mut fits: impl FnMut(&Heard) -> bool) -> Heard {
        let mut others = Vec::new();
        let deadline = tokio::time::Instant::now() + LIMIT;
        while tokio::time::Instant::now() < deadline {
            let heard = self.next().await;
            if fits(&heard) {
                return heard;
            }
            others.push(heard);
        }
        panic!("it is not heard within {LIMIT:?}; heard is {others:#?}");
    }

    fn read(&mut self, device: Option<&String>, metric: &Metric) -> HeardMetric {
        if let (Some(name), Some(alias), Some(code)) = (&metric.name, metric.alias, metric.datatype) {
            let datatype = DataType::from_code(code).unwrap();
            self.names.insert((device.cloned(), alias), (name.clone(), datatype));
        }
        let known = metric.alias.and_then(|alias| self.names.get(&(device.cloned(), alias)).cloned());
        let (name, datatype) = known.unwrap_or_else(|| {
            let datatype = metric.datatype.and_then(DataType::from_code).expect("a datatype, or an alias of a birth");
            (metric.name.clone().expect("a name, or an alias of a birth"), datatype)
        });
        let content = metric.value.as_ref().map(|raw: &RawValue| metric::read(datatype, raw).unwrap());
        let value = match content {
            Some(Content::Value(value)) => Some(value),
            Some(Content::Bytes(_)) | None => None,
        };
        HeardMetric {
            name,
            at: metric.timestamp.expect("every metric has a time").cast_signed(),
            value,
            quality: metric::quality_of(metric),
            is_historical: metric.is_historical == Some(true),
        }
    }

    pub(crate) async fn ask_for_rebirth(&self, group: &str, node: &str) {
        let address = NodeAddress { group: GroupId::new(group).unwrap(), node: NodeId::new(node).unwrap() };
        self.say(command::rebirth(&address, UnixMs(1))).await;
    }

    pub(crate) async fn command(&self, group: &str, node: &str, device: &str, metric: &str) {
        let address = NodeAddress { group: GroupId::new(group).unwrap(), node: NodeId::new(node).unwrap() };
        let name = command::MetricRef::Name(domain::id::MetricName::new(metric).unwrap());
        let content = Content::Value(Value::Bool(true));
        let device = DeviceId::new(device).unwrap();
        let message = command::write(&address, Some(&device), &name, DataType::Boolean, &content, UnixMs(1)).unwrap();
        self.say(message).await;
    }

    pub(crate) async fn say_state(&self, host: &str, is_online: bool, at: i64) {
        self.say(HostState { is_online, at: UnixMs(at) }.message(&HostId::new(host).unwrap())).await;
    }

    pub(crate) async fn say(&self, message: Outgoing) {
        let qos = if message.qos == Qos::AtLeastOnce { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        self.client.publish_bytes(message.topic, qos, message.is_retained, message.payload).await.unwrap();
    }

    pub(crate) async fn say_raw(&self, topic: &str, payload: &[u8]) {
        self.client.publish(topic, QoS::AtMostOnce, false, payload).await.unwrap();
    }
}
