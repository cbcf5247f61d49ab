//! People with the live stream open, as many as wanted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use harness::person::{Person, Socket};
use protocol::live::LiveMessage;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Sockets opened at the same time.
const OPENING: usize = 16;
/// So many keep what they hear. The others of a large crowd hear the same, and memory is not what is measured.
const KEEPERS: usize = 10;

/// A message and when it arrived, in milliseconds since 1970.
pub(crate) type Arrival = (f64, Utf8Bytes);

/// Everybody together.
#[derive(Default)]
struct Heard {
    frames: AtomicU64,
    bytes: AtomicU64,
    is_kept: AtomicBool,
}

/// People who listen until they are dropped or asked.
pub(crate) struct Crowd {
    heard: Arc<Heard>,
    people: JoinSet<Vec<Arrival>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// How much a crowd has received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

impl Received {
    /// What came since `before`.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self { frames: self.frames - before.frames, bytes: self.bytes - before.bytes }
    }
}

impl Crowd {
    /// Opens `count` streams in one person's session.
    pub(crate) async fn open(person: &Person, count: usize) -> anyhow::Result<Self> {
        let sockets: Vec<Socket> =
            stream::iter(0..count).map(|_| person.socket("/live")).buffer_unordered(OPENING).try_collect().await?;
        let heard = Arc::new(Heard::default());
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut people = JoinSet::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            people.spawn(listen(socket, number < KEEPERS, Arc::clone(&heard), stopped.clone()));
        }
        Ok(Self { heard, people, stop })
    }

    /// From now on, the first few keep their messages for [`Self::arrivals`].
    pub(crate) fn keep(&self) {
        self.heard.is_kept.store(true, Ordering::Relaxed);
    }

    /// All that has been received, by everybody.
    pub(crate) fn received(&self) -> Received {
        let Heard { frames, bytes, .. } = &*self.heard;
        Received { frames: frames.load(Ordering::Relaxed), bytes: bytes.load(Ordering::Relaxed) }
    }

    /// Closes all streams; what was kept, person by person.
    pub(crate) async fn arrivals(self) -> Vec<Vec<Arrival>> {
        self.stop.send_replace(true);
        self.people.join_all().await
    }
}

async fn listen(
    mut socket: Socket,
    is_keeper: bool,
    heard: Arc<Heard>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> Vec<Arrival> {
    let mut kept = Vec::new();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = stopped.changed() => return kept,
        };
        match message {
            Some(Ok(Message::Text(text))) => {
                heard.frames.fetch_add(1, Ordering::Relaxed);
                heard.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
                if is_keeper && heard.is_kept.load(Ordering::Relaxed) {
                    kept.push((wall_ms(), text));
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return kept,
        }
    }
}

fn wall_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

/// For every value of a lift in these deltas, how old it was when it arrived, in milliseconds.
pub(crate) fn ages(arrivals: &[Arrival]) -> anyhow::Result<Vec<f64>> {
    let mut ages = Vec::new();
    for (at, text) in arrivals {
        let LiveMessage::Delta(delta) = serde_json::from_str(text)? else { continue };
        let values = delta.devices.iter().flat_map(|device| &device.values);
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
        ages.extend(
            values
                .filter(|value| value.metric.as_str().starts_with("elevator."))
                .map(|value| at - value.point.at_ms as f64),
        );
    }
    Ok(ages)
}

/// How many values these messages hold.
pub(crate) fn value_count(arrivals: &[Arrival]) -> u64 {
    arrivals.iter().map(|(_, text)| text.matches("\"metric\":").count() as u64).sum()
}
