//! Sirens in a township: a `QoS` 1 message to the broker, on `brightwatch/siren/{township}`. Not retained: a siren that
//! comes back after an hour must not howl for what is over.

use std::sync::Arc;

use rumqttc::{AsyncClient, Event, EventLoop, Packet, QoS};
use serde_json::json;
use tokio::sync::Mutex;

use super::{Receipt, webhook};
use crate::{
    broker::{Access, SIREN_TOPIC, access::Connection},
    notify::{attempt::Failure, message::Message},
};

/// What a test goes to when the channel serves every township: nobody is to be woken in all of them.
pub(super) const TEST_TOWNSHIP: &str = "test";
/// The greatest size of a message in bytes.
const BYTES_MAX: usize = 64 << 10;

/// The way to the broker; None: the configuration is only checked.
#[derive(Debug)]
pub(super) struct Siren {
    broker: Option<Access>,
    /// One at a time: the broker ends a connection when its user connects a second time.
    turn: Arc<Mutex<()>>,
}

impl Siren {
    pub(super) fn new(broker: Option<Access>) -> Self {
        Self { broker, turn: Arc::default() }
    }

    pub(super) async fn send(&self, message: &Message, township: &str) -> Result<Receipt, Failure> {
        let Some(access) = &self.broker else { return Err(Failure::channel("there is no broker")) };
        let _turn = self.turn.lock().await;
        let mut options = access.options(Connection::Siren, "brightwatch-siren");
        options.set_max_packet_size(BYTES_MAX, BYTES_MAX);
        let (client, mut events) = AsyncClient::new(options, 4);
        wait_for(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await.map_err(Failure::channel)?;
        let body = body(message).to_string();
        let topic = format!("{SIREN_TOPIC}/{township}");
        client
            .try_publish(topic, QoS::AtLeastOnce, false, body)
            .map_err(|error| Failure::channel(error.to_string()))?;
        wait_for(&mut events, |packet| matches!(packet, Packet::PubAck(_))).await.map_err(Failure::unknown)?;
        // The broker has it; whether this goodbye arrives does not matter.
        if client.try_disconnect().is_ok() {
            let _ = events.poll().await;
        }
        Ok(None)
    }
}

fn body(message: &Message) -> serde_json::Value {
    json!({
        "message": message.id,
        "is_maybe_repeated": message.is_maybe_repeated,
        "severity": message.severity() as u8,
        "notices": message.notices.iter().map(webhook::notice).collect::<Vec<_>>(),
    })
}

async fn wait_for(events: &mut EventLoop, is_it: impl Fn(&Packet) -> bool) -> Result<(), String> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(packet)) if is_it(&packet) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(format!("the broker: {error}")),
        }
    }
}
