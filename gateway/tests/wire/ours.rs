//! Our own edge session over MQTT, behaving and misbehaving.

use std::time::Duration;

use domain::{
    engine::Link,
    reading::{Quality, Value},
    time::UnixMs,
};
use gateway::clock::Clock;
use protocol::sparkplug::{
    Outgoing, Qos,
    edge_session::{BirthMetric, EdgeSession, Sample},
    metric::{Content, DataType},
};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, Publish, QoS};
use tokio::time::timeout;

use crate::support::{Credential, Gateway, LIMIT, address, device, metric, node};

fn now() -> UnixMs {
    Clock::start().now().wall
}

fn temperature(value: f64) -> BirthMetric {
    BirthMetric {
        name: metric("temperature"),
        datatype: DataType::Double,
        unit: "°C".into(),
        at: now(),
        content: Some(Content::Value(Value::Float(value))),
        quality: Quality::Good,
    }
}

fn good(value: f64) -> (Value, Quality) {
    (Value::Float(value), Quality::Good)
}

/// An edge node on a connection of its own.
struct Edge {
    session: EdgeSession,
    client: AsyncClient,
    events: EventLoop,
}

impl Edge {
    /// Connected, with its will registered, and not born yet.
    async fn connect(credential: &Credential, last_bd_seq: Option<u8>) -> Self {
        let mut session = EdgeSession::new(address(), last_bd_seq);
        let will = session.connect(now());
        let mut options = MqttOptions::new("x", &credential.host, credential.port.parse::<u16>().unwrap());
        options.set_credentials(&credential.username, &credential.password);
        options.set_max_packet_size(2_000_000, 2_000_000);
        options.set_last_will(LastWill::new(&will.topic, will.payload, QoS::AtLeastOnce, will.is_retained));
        let (client, events) = AsyncClient::new(options, 64);
        let mut edge = Self { session, client, events };
        edge.wait(|packet| matches!(packet, Packet::ConnAck(_))).await.unwrap();
        edge.client.try_subscribe(address().node_commands(), QoS::AtMostOnce).unwrap();
        edge.wait(|packet| matches!(packet, Packet::SubAck(_))).await.unwrap();
        edge
    }

    async fn wait(&mut self, is_it: impl Fn(&Packet) -> bool) -> Result<Packet, String> {
        let wait = async {
            loop {
                match self.events.poll().await {
                    Ok(Event::Incoming(packet)) if is_it(&packet) => return Ok(packet),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        timeout(LIMIT, wait).await.expect("the broker answers")
    }

    /// Publishes and waits until the broker has it.
    async fn publish(&mut self, message: &Outgoing) {
        self.publish_as(&message.topic, message.payload.to_vec(), message.is_retained).await;
        assert!(message.qos == Qos::AtMostOnce || message.topic.contains("NDEATH"));
    }

    async fn publish_as(&mut self, topic: &str, payload: Vec<u8>, is_retained: bool) {
        self.client.try_publish(topic, QoS::AtLeastOnce, is_retained, payload).unwrap();
        self.wait(|packet| matches!(packet, Packet::PubAck(_))).await.unwrap();
    }

    async fn be_born(&mut self, value: f64) {
        let birth = self.session.node_birth(now(), &[]).unwrap();
        self.publish(&birth).await;
        let birth = self.session.device_birth(now(), &device(), &[temperature(value)]).unwrap();
        self.publish(&birth).await;
    }

    async fn measure(&mut self, value: f64) {
        let message = self.measurement(value);
        self.publish(&message).await;
    }

    fn measurement(&mut self, value: f64) -> Outgoing {
        let BirthMetric { name, at, content, quality, .. } = temperature(value);
        let sample = Sample { metric: name, at, content, quality, is_historical: false };
        self.session.device_data(now(), &device(), &[sample]).unwrap()
    }

    async fn command(&mut self) -> Publish {
        let packet = self.wait(|packet| matches!(packet, Packet::Publish(_))).await.unwrap();
        let Packet::Publish(publish) = packet else { unreachable!() };
        publish
    }
}

#[tokio::test]
async fn a_message_that_the_broker_kept_says_nothing_about_now() {
    let mut gateway = Gateway::start().await;
    let credential = gateway.enrol().await;
    let mut edge = Edge::connect(&credential, None).await;
    edge.be_born(1.0).await;
    // Certainly newer than the birth before, which may be of the same millisecond.
    let newer = BirthMetric { at: now().plus_ms(2), ..temperature(2.0) };
    let kept = edge.session.device_birth(now(), &device(), &[newer]).unwrap();
    edge.publish_as(&kept.topic, kept.payload.to_vec(), true).await;
    gateway.hear_until("it is heard when it comes", |gateway| gateway.reading("temperature") == Some(good(2.0))).await;
    let mut gateway = gateway.restart_ingest().await;
    let asked = edge.command().await;
    assert_eq!(asked.topic, address().node_commands());
    edge.be_born(3.0).await;
    gateway.hear_until("the birth is heard", |gateway| gateway.reading("temperature") == Some(good(3.0))).await;
    assert_eq!(gateway.values("temperature"), [Value::Float(3.0)], "and not the kept one before");
    gateway.stop().await;
}

#[tokio::test]
async fn rubbish_and_too_much_disturb_nobody() {
    let mut gateway = Gateway::start().await;
    let credential = gateway.enrol().await;
    let mut edge = Edge::connect(&credential, None).await;
    edge.be_born(1.0).await;
    let topic = edge.measurement(2.0).topic;
    for payload in [Vec::new(), vec![0xFF; 100], vec![0; 1_040_000], [0x12, 0x00].repeat(20_000)] {
        edge.publish_as(&topic, payload, false).await;
    }
    // The broker itself refuses what is larger than it may be, and ends the connection.
    edge.client.try_publish(&topic, QoS::AtLeastOnce, false, vec![0; 1_500_000]).unwrap();
    assert!(edge.wait(|packet| matches!(packet, Packet::PubAck(_))).await.is_err());
    let itself = node().as_device();
    gateway.hear_until("its will", |gateway| gateway.link(&itself) == Some(Link::Offline)).await;
    let mut again = Edge::connect(&credential, Some(0)).await;
    again.be_born(4.0).await;
    gateway.hear_until("it is back", |gateway| gateway.reading("temperature") == Some(good(4.0))).await;
    let status = gateway.ingest.nodes().remove(0);
    assert_eq!(status.last_refusal.as_deref(), Some("DDATA: payload with more than 10000 metrics"));
    gateway.stop().await;
}

#[tokio::test]
async fn two_programs_under_one_id_are_noticed() {
    let mut gateway = Gateway::start().await;
    let credential = gateway.enrol().await;
    let duplicate = |gateway: &Gateway| {
        let (value, _) = gateway.reading_of(&node().as_device(), "edge.duplicate_id")?;
        Some(value == Value::Bool(true))
    };
    let mut alone = Edge::connect(&credential, None).await;
    alone.be_born(1.0).await;
    gateway.hear_until("it is heard", |gateway| duplicate(gateway).is_some()).await;
    assert_eq!(duplicate(&gateway), Some(false));
    drop(alone);
    // Each puts the other out and is put out by it.
    let mut edges = Vec::new();
    for turn in 0..6 {
        let mut edge = Edge::connect(&credential, Some(turn * 10)).await;
        edge.be_born(f64::from(turn)).await;
        edges.push(edge);
    }
    gateway.hear_until("it is noticed", |gateway| duplicate(gateway) == Some(true)).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_node_that_ignores_requests_for_its_births_is_made_to_connect_anew() {
    let mut gateway = Gateway::start().await;
    let credential = gateway.enrol().await;
    let mut edge = Edge::connect(&credential, None).await;
    // It speaks on without ever having been heard born.
    edge.session.node_birth(now(), &[]).unwrap();
    edge.session.device_birth(now(), &device(), &[temperature(1.0)]).unwrap();
    let speak_on = async {
        loop {
            let message = edge.measurement(2.0);
            edge.client.try_publish(&message.topic, QoS::AtLeastOnce, false, message.payload.to_vec()).unwrap();
            let pause = tokio::time::sleep(Duration::from_millis(500));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    event = edge.events.poll() => if event.is_err() { return },
                }
            }
        }
    };
    timeout(LIMIT, speak_on).await.expect("it is put out");
    let mut again = Edge::connect(&credential, Some(0)).await;
    again.be_born(3.0).await;
    gateway.hear_until("it is back", |gateway| gateway.reading("temperature") == Some(good(3.0))).await;
    again.measure(4.0).await;
    gateway.hear_until("and is understood", |gateway| gateway.reading("temperature") == Some(good(4.0))).await;
    gateway.stop().await;
}
