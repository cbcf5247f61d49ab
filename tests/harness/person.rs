//! A signed-in person: REST with the session's cookie, and the live stream.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use protocol::{
    live::{DeviceLive, LiveMessage, Snapshot},
    rest::{Acknowledge, Alarm, Me, SignIn},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{ClientRequestBuilder, Message},
};

/// Nobody waits longer for an answer than this.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// One person's browser, so to say.
#[derive(Debug, Clone)]
pub struct Person {
    base: String,
    client: reqwest::Client,
    cookie: String,
    /// Who this is, as the gateway said at sign-in.
    pub me: Me,
}

impl Person {
    /// Signs in at `http://HOST:PORT`.
    pub async fn sign_in(base: &str, username: &str, password: &str) -> anyhow::Result<Self> {
        // Fails when another story of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?;
        let body = SignIn { username: username.to_owned(), password: password.to_owned() };
        let answer = client.post(format!("{base}/api/v1/session")).header("Origin", base).json(&body).send().await?;
        let status = answer.status();
        let cookie = answer
            .headers()
            .get("set-cookie")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(str::to_owned);
        let text = answer.text().await?;
        let (true, Some(cookie)) = (status.is_success(), cookie) else {
            bail!("{username} cannot sign in: {status} {text}");
        };
        Ok(Self { base: base.to_owned(), client, cookie, me: serde_json::from_str(&text)? })
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let address = format!("{}/api/v1{path}", self.base);
        self.client.request(method, address).header("Cookie", &self.cookie).header("Origin", &self.base)
    }

    /// The status that a GET answers with.
    pub async fn status(&self, path: &str) -> anyhow::Result<u16> {
        Ok(self.request(reqwest::Method::GET, path).send().await?.status().as_u16())
    }

    /// The bytes that a GET brings, such as a picture.
    pub async fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.request(reqwest::Method::GET, path).send().await?;
        let answer = answer.error_for_status().with_context(|| format!("GET {path}"))?;
        Ok(answer.bytes().await?.into())
    }

    /// POST without a body; what it answers is not looked at beyond success.
    pub async fn ask(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.request(reqwest::Method::POST, path).send().await?;
        succeeded(answer).await.with_context(|| format!("POST {path}")).map(drop)
    }

    /// GET, of a path below `/api/v1`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.request(reqwest::Method::GET, path).send().await?).await.with_context(|| format!("GET {path}"))
    }

    /// POST with a JSON body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let answer = self.request(reqwest::Method::POST, path).json(body).send().await?;
        read(answer).await.with_context(|| format!("POST {path}"))
    }

    /// PUT with a JSON body; what it answers is not looked at beyond success.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<()> {
        let answer = self.request(reqwest::Method::PUT, path).json(body).send().await?;
        succeeded(answer).await.with_context(|| format!("PUT {path}")).map(drop)
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.request(reqwest::Method::DELETE, path).send().await?;
        succeeded(answer).await.with_context(|| format!("DELETE {path}")).map(drop)
    }

    /// POST of a text, such as a registry to import.
    pub async fn post_text<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        text: String,
    ) -> anyhow::Result<T> {
        let answer =
            self.request(reqwest::Method::POST, path).header("Content-Type", media_type).body(text).send().await?;
        read(answer).await.with_context(|| format!("POST {path}"))
    }

    /// Acknowledges an alarm; a repeated call is a key press of its own.
    pub async fn acknowledge(&self, alarm: &Alarm, note: &str) -> anyhow::Result<Alarm> {
        self.ask_to_acknowledge(alarm, note).await?.context("accepted, but not stored in time")
    }

    /// The same from a gateway that may be too busy to store it at once; None: it was accepted, and the live stream brings
    /// the outcome.
    pub async fn ask_to_acknowledge(&self, alarm: &Alarm, note: &str) -> anyhow::Result<Option<Alarm>> {
        let body = Acknowledge { note: note.to_owned(), idempotency_key: uuid() };
        let path = format!("/alarms/{}/acknowledge", alarm.id);
        let answer = self.request(reqwest::Method::POST, &path).json(&body).send().await?;
        if answer.status() == reqwest::StatusCode::ACCEPTED {
            return Ok(None);
        }
        read(answer).await.map(Some).with_context(|| format!("POST {path}"))
    }

    /// Opens the live stream and takes its snapshot.
    pub async fn live(&self) -> anyhow::Result<Live> {
        let mut socket = self.socket("/live").await?;
        match next_message(&mut socket).await? {
            LiveMessage::Snapshot(snapshot) => Ok(Live { socket, snapshot }),
            other => bail!("the live stream begins with {other:?}"),
        }
    }

    /// Opens a WebSocket of a path below `/api/v1`.
    pub async fn socket(&self, path: &str) -> anyhow::Result<Socket> {
        let address = format!("{}/api/v1{path}", self.base.replacen("http", "ws", 1));
        let request = ClientRequestBuilder::new(address.parse()?)
            .with_header("Cookie", &self.cookie)
            .with_header("Origin", &self.base);
        Ok(tokio_tungstenite::connect_async(request).await?.0)
    }
}

/// A WebSocket to the gateway.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn succeeded(answer: reqwest::Response) -> anyhow::Result<String> {
    let status = answer.status();
    let text = answer.text().await?;
    if status.is_success() { Ok(text) } else { bail!("{status}: {text}") }
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> anyhow::Result<T> {
    let text = succeeded(answer).await?;
    serde_json::from_str(&text).with_context(|| format!("unexpected answer: {text}"))
}

fn uuid() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("key-press-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A live stream; what it has told so far is kept.
#[derive(Debug)]
pub struct Live {
    socket: Socket,
    /// The jurisdiction as the stream has told it: the snapshot with all deltas since.
    pub snapshot: Snapshot,
}

impl Live {
    /// Takes messages until `found` has an answer.
    ///
    /// # Panics
    /// When the stream ends or `limit` passes first.
    pub async fn until<T>(&mut self, what: &str, limit: Duration, mut found: impl FnMut(&Snapshot) -> Option<T>) -> T {
        let searching = async {
            loop {
                if let Some(answer) = found(&self.snapshot) {
                    return answer;
                }
                let message = next_message(&mut self.socket).await;
                self.take(message.unwrap_or_else(|error| panic!("{what}: the live stream ended: {error}")));
            }
        };
        match tokio::time::timeout(limit, searching).await {
            Ok(answer) => answer,
            Err(elapsed) => panic!("{what}: {elapsed} ({} s); the stream says {:#?}", limit.as_secs(), self.snapshot),
        }
    }

    /// Waits for the stream's end and says whether the gateway announced it.
    pub async fn end(mut self, limit: Duration) -> anyhow::Result<bool> {
        let mut is_announced = false;
        tokio::time::timeout(limit, async {
            while let Ok(message) = next_message(&mut self.socket).await {
                is_announced |= matches!(message, LiveMessage::SessionEnded);
            }
        })
        .await
        .context("the stream goes on")?;
        Ok(is_announced)
    }

    fn take(&mut self, message: LiveMessage) {
        match message {
            LiveMessage::Snapshot(snapshot) => self.snapshot = snapshot,
            LiveMessage::Heartbeat { .. } | LiveMessage::SessionEnded => {}
            LiveMessage::Delta(delta) => {
                self.snapshot.version = delta.version;
                for device in delta.devices {
                    take_device(&mut self.snapshot.devices, device);
                }
                for alarm in delta.alarms {
                    self.snapshot.alarms.retain(|known| known.id != alarm.id);
                    if alarm.closed_at_ms.is_none() {
                        self.snapshot.alarms.push(alarm);
                    }
                }
                self.snapshot.alarms.retain(|known| !delta.displaced_alarms.contains(&known.id));
            }
        }
    }
}

fn take_device(devices: &mut Vec<DeviceLive>, changed: DeviceLive) {
    let Some(known) = devices.iter_mut().find(|device| device.id == changed.id) else {
        devices.push(changed);
        return;
    };
    known.link = changed.link;
    known.link_since_ms = changed.link_since_ms;
    known.worst = changed.worst;
    for value in changed.values {
        known.values.retain(|present| present.metric != value.metric);
        known.values.push(value);
    }
}

async fn next_message(socket: &mut Socket) -> anyhow::Result<LiveMessage> {
    loop {
        match socket.next().await.context("the socket is closed")?? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(_) => bail!("the gateway closed the socket"),
            _ => {}
        }
    }
}
