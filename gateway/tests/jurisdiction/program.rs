//! Somebody's program: requests with or without a session.

use domain::access::Role;
use gateway::store::{SessionLimits, SessionToken};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, ClientRequestBuilder},
};

use crate::{
    district::{District, PICTURE},
    rows::{Body, Row},
};

/// A session that lasts as long as any test.
const LIMITS: SessionLimits = SessionLimits { lifetime_ms: 3_600_000, idle_ms: 3_600_000 };

/// Somebody who asks.
pub(crate) struct Program {
    address: String,
    client: reqwest::Client,
    cookie: Option<String>,
}

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Program {
    pub(crate) fn nobody(district: &District) -> Self {
        Self { address: district.address.clone(), client: district.client.clone(), cookie: None }
    }

    /// Whoever has this role in the test district, with a new session. Its password is not asked for: hashing is slow.
    pub(crate) async fn of(district: &District, role: Role) -> Self {
        let token = SessionToken::generate(&mut rand::rng());
        let now = district.clock.now().wall;
        district.store.open_session(district.user(role), &token, LIMITS, now).await.unwrap();
        Self { cookie: Some(format!("brightwatch_session={}", token.reveal())), ..Self::nobody(district) }
    }

    /// A request of a row, for this path: the status, and the body when it is text.
    pub(crate) async fn ask(&self, row: &Row, path: &str) -> (u16, String) {
        let method = row.method.parse().unwrap();
        let request = self.request(method, path);
        let request = match row.body {
            Body::None => request,
            Body::Json(text) => request.header("Content-Type", "application/json").body(text),
            Body::Picture => request.header("Content-Type", "image/png").body(PICTURE),
            Body::Csv(text) => request.header("Content-Type", "text/csv").body(text),
            Body::Socket => request
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        // What follows a 101 is no body.
        let text = if status == 101 {
            String::new()
        } else {
            String::from_utf8_lossy(&response.bytes().await.unwrap()).into()
        };
        (status, text)
    }

    /// A request as it comes.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("http://{}/api/v1{path}", self.address));
        match &self.cookie {
            None => request,
            Some(cookie) => request.header("Cookie", cookie),
        }
    }

    /// Opens a WebSocket.
    pub(crate) async fn socket(&self, path: &str) -> Result<Socket, tungstenite::Error> {
        let address = format!("ws://{}/api/v1{path}", self.address).parse().unwrap();
        let mut request = ClientRequestBuilder::new(address);
        if let Some(cookie) = &self.cookie {
            request = request.with_header("Cookie", cookie);
        }
        Ok(tokio_tungstenite::connect_async(request).await?.0)
    }
}
