//! A service over HTTP by which people are told, as a chat robot or a program of the site's own.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse as _, Response},
};
use tokio::net::TcpListener;

use crate::eventually;

/// What every kind of robot takes for a yes.
const TAKEN: &str = r#"{"errcode":0,"errmsg":"ok","code":0,"msg":"success"}"#;

/// Something that was posted.
#[derive(Debug, Clone)]
pub struct Post {
    /// When it came.
    pub at: SystemTime,
    /// Path and query.
    pub uri: String,
    /// Header lines, names in small letters.
    pub headers: HashMap<String, String>,
    /// The body's bytes.
    pub body: Bytes,
}

impl Post {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON is posted")
    }
}

/// The service.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    posts: Arc<Mutex<Vec<Post>>>,
    is_mute: Arc<AtomicBool>,
}

impl Inbox {
    /// Listens at an address, such as that of a port that was free a moment ago.
    pub async fn start(address: SocketAddr) -> std::io::Result<Self> {
        let (inbox, listener) = (Self::default(), TcpListener::bind(address).await?);
        let router = Router::new().fallback(take).with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(inbox)
    }

    /// Takes what is posted and says nothing from now on, or answers again.
    pub fn set_mute(&self, is_mute: bool) {
        self.is_mute.store(is_mute, Ordering::Relaxed);
    }

    /// What was posted so far.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a post.
    pub async fn until(&self, what: &str, limit: Duration, is_it: impl Fn(&Post) -> bool) -> Post {
        eventually(what, limit, async || self.posts().into_iter().find(|post| is_it(post))).await
    }
}

async fn take(State(inbox): State<Inbox>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers =
        headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let post = Post { at: SystemTime::now(), uri: uri.to_string(), headers: headers.collect(), body };
    inbox.posts.lock().unwrap_or_else(PoisonError::into_inner).push(post);
    if inbox.is_mute.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    TAKEN.into_response()
}
