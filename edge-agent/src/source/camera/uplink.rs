//! The way of live pictures to the gateway: one WebSocket that the edge dials, so that it works behind any router.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use protocol::video::{Delivery, Frame, FrameHeader, FrameQueue, MAX_MESSAGE_BYTES, StreamKind, StreamMessage, Ticket};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use tokio::{sync::Notify, time::timeout};
use tokio_tungstenite::{
    Connector, connect_async_tls_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};
use tokio_util::task::AbortOnDropHandle;

/// How long dialling may take, TLS and HTTP included.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one message may take to leave: a line that is slower than this is of no use for pictures.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// The gateway pings every five seconds; silence for this long means that it is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// Where live pictures go.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `ws://host:port` or `wss://host:port`.
    url: String,
    /// Trust in a private authority; None: the well-known ones.
    tls: Option<Arc<ClientConfig>>,
}

impl PartialEq for Gateway {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url && self.tls.is_some() == other.tls.is_some()
    }
}

/// Why a gateway's certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No PEM, or PEM without certificates.
    #[error("holds no certificate in PEM form")]
    NoCertificate,
    /// TLS refuses them.
    #[error("certificates that TLS does not take")]
    Tls(#[from] rustls::Error),
}

impl Gateway {
    /// The gateway at `url`, trusted through the certificates in `authorities` (PEM), or through the well-known ones.
    pub fn new(url: String, authorities: Option<&[u8]>) -> Result<Self, TrustError> {
        let Some(pem) = authorities else { return Ok(Self { url, tls: None }) };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(|_| TrustError::NoCertificate)?)?;
        }
        if roots.is_empty() {
            return Err(TrustError::NoCertificate);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { url, tls: Some(Arc::new(tls)) })
    }

    fn uplink_url(&self, ticket: &Ticket) -> String {
        format!("{}/api/v1/uplink/{}", self.url, ticket.reveal())
    }
}

/// Why an uplink ended before the gateway closed it.
#[derive(Debug, thiserror::Error)]
pub(super) enum UplinkError {
    /// The gateway was not reached, or refused the ticket.
    #[error("cannot dial the gateway")]
    Dial(#[source] Box<tungstenite::Error>),
    /// It took too long.
    #[error("{0} took too long")]
    Slow(&'static str),
    /// The connection broke.
    #[error("the connection to the gateway broke")]
    Broken(#[source] Box<tungstenite::Error>),
}

/// One stream on its way to the gateway. Dropping it hangs up.
pub(super) struct Uplink {
    stream: StreamKind,
    waiting: Arc<Waiting>,
    last_message: Option<StreamMessage>,
    last_frame: Option<FrameHeader>,
    task: AbortOnDropHandle<Result<(), UplinkError>>,
}

impl Uplink {
    /// Dials; what is offered meanwhile waits.
    pub(super) fn dial(gateway: Gateway, ticket: Ticket, stream: StreamKind) -> Self {
        let waiting = Arc::new(Waiting::default());
        let queue = Arc::clone(&waiting);
        let task = tokio::spawn(async move { push(&gateway, &ticket, &queue).await });
        Self { stream, waiting, last_message: None, last_frame: None, task: AbortOnDropHandle::new(task) }
    }

    /// Offers a message. It is sent under the name of the stream that was asked for: a camera without a sub stream
    /// answers with its main one. What was said already is not repeated.
    pub(super) fn offer_message(&mut self, message: &StreamMessage) {
        if self.last_message.as_ref() == Some(message) {
            return;
        }
        self.last_message = Some(message.clone());
        let mut named = message.clone();
        match &mut named {
            StreamMessage::Opened(opened) => opened.stream = self.stream,
            StreamMessage::Unavailable(unavailable) => unavailable.stream = self.stream,
        }
        self.waiting.push(Delivery::Message(named));
    }

    /// Offers a frame; one that went out before is left out, since another viewer's joining repeats the group.
    pub(super) fn offer_frame(&mut self, frame: &Frame) {
        let header = frame.header();
        let is_repeated =
            self.last_frame.is_some_and(|last| last.stream_id == header.stream_id && last.sequence >= header.sequence);
        if !is_repeated {
            self.last_frame = Some(header);
            self.waiting.push(Delivery::Frame(frame.clone()));
        }
    }

    /// Whether it has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// How it ended; waits until it has.
    pub(super) async fn outcome(self) -> Result<(), UplinkError> {
        // A task that panicked or was aborted has nothing more to say.
        self.task.await.unwrap_or(Ok(()))
    }
}

/// A queue and the one task that waits for it.
#[derive(Default)]
struct Waiting {
    queue: Mutex<FrameQueue>,
    filled: Notify,
}

impl Waiting {
    fn push(&self, delivery: Delivery) {
        self.lock().push(delivery);
        self.filled.notify_one();
    }

    async fn pop(&self) -> Delivery {
        loop {
            if let Some(delivery) = self.lock().pop() {
                return delivery;
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, FrameQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn push(gateway: &Gateway, ticket: &Ticket, waiting: &Waiting) -> Result<(), UplinkError> {
    // The gateway has nothing to say here but pings and goodbye.
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES)).max_frame_size(Some(MAX_MESSAGE_BYTES));
    let connector = gateway.tls.clone().map(Connector::Rustls);
    let dialling = connect_async_tls_with_config(gateway.uplink_url(ticket), Some(limits), true, connector);
    let dialled = timeout(DIAL_TIMEOUT, dialling).await.map_err(|_| UplinkError::Slow("dialling"))?;
    let (mut sink, mut source) = dialled.map_err(|wrong| UplinkError::Dial(Box::new(wrong)))?.0.split();
    loop {
        tokio::select! {
            delivery = waiting.pop() => {
                let message = match delivery {
                    Delivery::Message(message) => Message::text(message.to_text()),
                    Delivery::Frame(frame) => Message::Binary(frame.message().clone()),
                };
                let sent = timeout(SEND_TIMEOUT, sink.send(message)).await;
                sent.map_err(|_| UplinkError::Slow("sending"))?.map_err(|wrong| UplinkError::Broken(Box::new(wrong)))?;
            }
            heard = timeout(SILENCE_LIMIT, source.next()) => match heard {
                Err(_) => return Err(UplinkError::Slow("the gateway's next ping")),
                Ok(None | Some(Ok(Message::Close(_)))) => return Ok(()),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(wrong))) => return Err(UplinkError::Broken(Box::new(wrong))),
            },
        }
    }
}
