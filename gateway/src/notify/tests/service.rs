//! A service that takes messages over HTTP, does with them what its script says, and remembers what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use axum_server::tls_rustls::RustlsConfig;
use serde_json::Value;
use tokio::net::TcpListener;

use super::house::LIMIT;

/// What it does with a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers with a status and a body.
    Answer(u16, &'static str),
    /// Says that it is too busy for so many seconds.
    Busy(u64),
    /// Never answers.
    Hang,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) uri: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub(super) struct Service {
    address: SocketAddr,
    script: Arc<Mutex<VecDeque<Act>>>,
    usual: Act,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    /// Answers every request in the same way.
    pub(super) async fn start(usual: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, usual)
    }

    /// At an address that was refused until now.
    pub(super) async fn start_at(address: SocketAddr, usual: Act) -> Self {
        Self::serve(TcpListener::bind(address).await.unwrap(), usual)
    }

    fn serve(listener: TcpListener, usual: Act) -> Self {
        let service = Self::at(listener.local_addr().unwrap(), usual);
        let router = service.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    /// With a certificate for `localhost`; also answers the PEM file to trust it by.
    pub(super) async fn start_secure(usual: Act) -> (Self, String) {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let service = Self::at(listener.local_addr().unwrap(), usual);
        let tls = RustlsConfig::from_pem(certificate.clone().into(), key.into()).await.unwrap();
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        let router = service.router();
        tokio::spawn(async move { server.serve(router.into_make_service()).await });
        (service, certificate)
    }

    fn at(address: SocketAddr, usual: Act) -> Self {
        Self { address, script: Arc::default(), usual, asked: Arc::default() }
    }

    fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// What it does with the next requests, before its usual.
    pub(super) fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.lock().unwrap().extend(acts);
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked so often.
    pub(super) async fn until_asked(&self, count: usize) -> Vec<Asked> {
        let wait = async {
            while self.asked().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("asked only: {:#?}", self.asked()));
        self.asked()
    }
}

async fn answer(State(service): State<Service>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let asked = Asked { uri: uri.to_string(), headers, body: String::from_utf8(body.to_vec()).unwrap() };
    service.asked.lock().unwrap().push(asked);
    let act = service.script.lock().unwrap().pop_front().unwrap_or(service.usual.clone());
    match act {
        Act::Answer(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Act::Busy(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], "").into_response()
        }
        Act::Hang => std::future::pending().await,
    }
}
