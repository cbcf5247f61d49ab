//! The gateway's end of an uplink, and no more of a gateway than that.

use std::{sync::Mutex, time::Duration};

use futures_util::StreamExt;
use protocol::video::{Frame, StreamMessage};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
    },
};

pub(crate) struct FakeGateway {
    pub(crate) url: String,
    listener: TcpListener,
}

impl FakeGateway {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { url: format!("ws://{}", listener.local_addr().unwrap()), listener }
    }

    pub(crate) async fn accept(&mut self, limit: Duration) -> AcceptedUplink {
        let (socket, _) = timeout(limit, self.listener.accept()).await.expect("the edge dials").unwrap();
        let path = Mutex::new(String::new());
        #[expect(clippy::result_large_err, reason = "the shape of the callback is the library's")]
        let remember = |request: &Request, response: Response| {
            request.uri().path().clone_into(&mut path.lock().unwrap());
            Ok(response)
        };
        let socket = accept_hdr_async(socket, remember).await.unwrap();
        AcceptedUplink { path: path.into_inner().unwrap(), socket, limit }
    }
}

pub(crate) struct AcceptedUplink {
    pub(crate) path: String,
    socket: WebSocketStream<TcpStream>,
    limit: Duration,
}

impl AcceptedUplink {
    async fn next(&mut self) -> Message {
        timeout(self.limit, self.socket.next()).await.expect("the edge sends").expect("the uplink stays open").unwrap()
    }

    /// The next text message; frames before it are passed over.
    pub(crate) async fn message(&mut self) -> StreamMessage {
        loop {
            if let Message::Text(text) = self.next().await {
                return StreamMessage::parse(&text).unwrap();
            }
        }
    }

    /// The next frames.
    pub(crate) async fn frames(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.len() < count {
            if let Message::Binary(bytes) = self.next().await {
                frames.push(Frame::parse(bytes).unwrap());
            }
        }
        frames
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        while let Ok(Some(Ok(_))) = timeout(self.limit, self.socket.next()).await {}
    }
}
