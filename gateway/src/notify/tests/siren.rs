//! Sirens at a real mosquitto: what is published reaches the township's siren, and no other's.

use std::net::SocketAddr;

use domain::{
    alarm::Severity,
    id::NodeId,
    notice::{Audience, Notice},
};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio_util::sync::CancellationToken;

use super::house::{House, LIMIT, TOWNSHIP, notice, township};
use crate::broker::{self, Broker, Credential, ExternalConfig, SIREN_TOPIC};

const OTHER: &str = "500156003";

#[tokio::test]
async fn a_townships_siren_hears_of_its_own_alarms_only() {
    let (house, stop, data_dir) = (House::build().await, CancellationToken::new(), tempfile::tempdir().unwrap());
    let config = broker::Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..broker::Config::default() };
    let broker = Broker::start(&config, &ExternalConfig::default(), data_dir.path(), stop.clone()).await.unwrap();
    let address = broker.access.address();
    let enrol = async |name: &str, township: &str| {
        let (name, township) = (NodeId::new(name).unwrap(), township.parse().unwrap());
        broker.enrolment.as_ref().unwrap().enrol_siren(&name, &township).await.unwrap()
    };
    let mut here = Siren::start(&address, &enrol("here", TOWNSHIP).await, TOWNSHIP).await;
    let mut there = Siren::start(&address, &enrol("there", OTHER).await, OTHER).await;
    // A siren that asks for another township's hears nothing of it.
    let mut curious = Siren::start(&address, &enrol("curious", OTHER).await, TOWNSHIP).await;

    let running = house
        .start_with(
            "[[channel]]\nname = \"sirens\"\nserves.townships = [\"*\"]\nmildest = \"II\"\nvia.siren = {}\n",
            Some(&broker.access),
        )
        .await;
    let elsewhere =
        Notice { audience: Audience::Township(OTHER.parse().unwrap()), ..notice(2, Severity::I, township()) };
    let mild = notice(3, Severity::III, township());
    house.tell([notice(1, Severity::I, township()), mild, elsewhere]).await;
    house.until_sent(2).await;
    assert_eq!(here.heard().await, 1);
    assert_eq!(there.heard().await, 2);
    curious.subscribe(OTHER).await;
    house
        .tell([Notice { audience: Audience::Township(OTHER.parse().unwrap()), ..notice(4, Severity::I, township()) }])
        .await;
    assert_eq!(curious.heard().await, 4, "the first that it hears");

    running.stop().await;
    stop.cancel();
    broker.stopped().await;
}

struct Siren {
    client: AsyncClient,
    events: rumqttc::EventLoop,
}

impl Siren {
    async fn start(address: &str, credential: &Credential, township: &str) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap();
        let mut options = MqttOptions::new(&credential.username, host, port.parse().unwrap());
        options.set_credentials(&credential.username, &credential.password);
        let (client, events) = AsyncClient::new(options, 8);
        let mut siren = Self { client, events };
        siren.subscribe(township).await;
        siren
    }

    async fn subscribe(&mut self, township: &str) {
        self.client.subscribe(format!("{SIREN_TOPIC}/{township}"), QoS::AtLeastOnce).await.unwrap();
        self.wait(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await;
    }

    /// The alarm that it is told of next.
    async fn heard(&mut self) -> i64 {
        self.wait(|packet| match packet {
            Packet::Publish(publish) => {
                let body: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
                body["notices"][0]["subject"]["id"].as_i64()
            }
            _ => None,
        })
        .await
    }

    async fn wait<T>(&mut self, take: impl Fn(Packet) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.unwrap()
                    && let Some(taken) = take(packet)
                {
                    return taken;
                }
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("it is heard")
    }
}
