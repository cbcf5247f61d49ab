//! Talking to mosquitto's dynamic-security plugin: commands and answers are JSON on `$CONTROL` topics. Each errand has
//! a connection of its own, because they are rare.

use std::{net::SocketAddr, time::Duration};

use rumqttc::{AsyncClient, ClientError, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

use super::access::Credential;

const COMMANDS: &str = "$CONTROL/dynamic-security/v1";
const ANSWERS: &str = "$CONTROL/dynamic-security/v1/response";
/// Limit for a whole errand. The broker is on the same machine.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Answers that list clients are long: 100 bytes a node, 10 000 nodes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why the broker did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Not reachable, or the password is wrong.
    #[error("the broker at {address} cannot be reached; is the gateway running?")]
    Connect {
        /// Where it should be.
        address: SocketAddr,
        /// Why.
        #[source]
        source: Box<ConnectionError>,
    },
    /// No answer in time.
    #[error("the broker at {address} did not answer within 5 s")]
    Silent {
        /// Where it is.
        address: SocketAddr,
    },
    /// The connection's own task is gone.
    #[error("the connection to the broker ended")]
    Request(#[source] Box<ClientError>),
    /// The broker says no.
    #[error("the broker refused `{command}`: {reason}")]
    Refused {
        /// What it was told.
        command: String,
        /// In its words.
        reason: String,
    },
}

/// A command and its answer, as far as there is one.
pub(super) struct Answer {
    pub(super) command: String,
    pub(super) error: Option<String>,
    pub(super) data: Value,
}

impl Answer {
    /// The answer's data, or the broker's refusal as an error.
    pub(super) fn accepted(self) -> Result<Value, ControlError> {
        match self.error {
            None => Ok(self.data),
            Some(reason) => Err(ControlError::Refused { command: self.command, reason }),
        }
    }
}

/// Connects and lets go, to see that the broker is there.
pub(super) async fn ping(address: SocketAddr, admin: &Credential) -> Result<(), ControlError> {
    let (_client, mut events) = connection(address, admin);
    within_limit(address, async {
        wait_for(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await.map(drop)
    })
    .await
}

/// Runs commands, in order, and gives their answers.
pub(super) async fn run(
    address: SocketAddr,
    admin: &Credential,
    commands: Vec<Value>,
) -> Result<Vec<Answer>, ControlError> {
    within_limit(address, async {
        let (client, mut events) = connection(address, admin);
        let request = |error| Connection::Request(Box::new(error));
        client.try_subscribe(ANSWERS, QoS::AtLeastOnce).map_err(request)?;
        wait_for(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await?;
        // Answers go to everyone who runs an errand: ours carry this mark.
        let mark = format!("{:032x}", rand::random::<u128>());
        let marked: Vec<Value> = commands
            .into_iter()
            .map(|mut command| {
                command["correlationData"] = Value::from(mark.as_str());
                command
            })
            .collect();
        let body = json!({ "commands": marked }).to_string();
        client.try_publish(COMMANDS, QoS::AtLeastOnce, false, body).map_err(request)?;
        loop {
            let packet = wait_for(&mut events, |packet| matches!(packet, Packet::Publish(_))).await?;
            let Packet::Publish(publish) = packet else { continue };
            let answers = answers_with(&mark, &publish.payload);
            if !answers.is_empty() {
                return Ok(answers);
            }
        }
    })
    .await
}

/// What can go wrong on the way.
enum Connection {
    Lost(Box<ConnectionError>),
    Request(Box<ClientError>),
}

async fn within_limit<T>(
    address: SocketAddr,
    errand: impl Future<Output = Result<T, Connection>>,
) -> Result<T, ControlError> {
    match tokio::time::timeout(TIME_LIMIT, errand).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Connection::Lost(source))) => Err(ControlError::Connect { address, source }),
        Ok(Err(Connection::Request(source))) => Err(ControlError::Request(source)),
        Err(_) => Err(ControlError::Silent { address }),
    }
}

fn connection(address: SocketAddr, admin: &Credential) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(&admin.username, address.ip().to_string(), address.port());
    options.set_credentials(&admin.username, &admin.password);
    options.set_max_packet_size(ANSWER_BYTES_MAX, ANSWER_BYTES_MAX);
    AsyncClient::new(options, 8)
}

async fn wait_for(events: &mut EventLoop, is_it: impl Fn(&Packet) -> bool) -> Result<Packet, Connection> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(packet)) if is_it(&packet) => return Ok(packet),
            Ok(_) => {}
            Err(error) => return Err(Connection::Lost(Box::new(error))),
        }
    }
}

fn answers_with(mark: &str, payload: &[u8]) -> Vec<Answer> {
    let Ok(body) = serde_json::from_slice::<Value>(payload) else { return Vec::new() };
    let answers = body["responses"].as_array().cloned().unwrap_or_default();
    answers
        .into_iter()
        .filter(|answer| answer["correlationData"] == mark)
        .map(|mut answer| Answer {
            command: answer["command"].as_str().unwrap_or_default().to_owned(),
            error: answer["error"].as_str().map(str::to_owned),
            data: answer["data"].take(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_to_our_own_mark_are_taken() {
        let body = json!({ "responses": [
            { "command": "createClient", "correlationData": "ours", "error": "Client already exists" },
            { "command": "createClient", "correlationData": "theirs" },
            { "command": "listClients", "correlationData": "ours", "data": { "clients": ["a"] } },
        ]});
        let answers = answers_with("ours", body.to_string().as_bytes());
        assert_eq!(answers.len(), 2);
        let mut answers = answers.into_iter();
        let refused = answers.next().unwrap().accepted().unwrap_err().to_string();
        assert_eq!(refused, "the broker refused `createClient`: Client already exists");
        assert_eq!(answers.next().unwrap().accepted().unwrap()["clients"][0], "a");
        assert!(answers_with("ours", b"not json").is_empty());
    }
}
