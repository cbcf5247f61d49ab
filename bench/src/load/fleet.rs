//! The nodes with their connections, and how fast they speak.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use bytes::BytesMut;
use protocol::rest::NodeCredential;
use rumqttc::{
    LastWill, QoS,
    mqttbytes::v4::{Connect, ConnectReturnCode, Login, Packet, Subscribe},
};

use super::{
    Script,
    ear::Ear,
    stamp::{FIRST_NUMBER, Stamped},
};

/// Nobody waits longer for the broker than this.
const BROKER_LIMIT: Duration = Duration::from_secs(10);
/// Pause of a sender that may not send now: far below what is measured, and no spinning.
const PAUSE: Duration = Duration::from_micros(500);
/// Messages between two looks at the window and the clock.
const TURN: usize = 200;

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What sender and observer tell each other.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Readings sent so far.
    pub(crate) sent: AtomicU64,
    /// Of those, committed by the gateway, as last read.
    pub(crate) committed: AtomicU64,
    /// The sender is to stop.
    pub(crate) is_over: AtomicBool,
}

impl Progress {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

struct Speaker {
    script: Script,
    socket: TcpStream,
    next: usize,
    number: u64,
}

/// Connected nodes.
pub(crate) struct Fleet {
    speakers: Vec<Speaker>,
    next_speaker: usize,
    readings_per_message: u64,
    buffer: Vec<u8>,
    _ear: Ear,
}

impl Fleet {
    /// Connects every node and sends its births.
    pub(crate) fn connect(
        scripts: Vec<Script>,
        broker: SocketAddr,
        credentials: &[NodeCredential],
        readings_per_message: usize,
    ) -> anyhow::Result<Self> {
        let mut speakers = Vec::with_capacity(scripts.len());
        for (script, credential) in scripts.into_iter().zip(credentials) {
            let mut socket = connect(broker, &script, credential).with_context(|| format!("node {}", script.node))?;
            let mut births = Vec::new();
            script.births.iter().for_each(|birth| birth.write(now_ms(), 0, &mut births));
            socket.write_all(&births)?;
            speakers.push(Speaker { script, socket, next: 0, number: FIRST_NUMBER });
        }
        let sockets = speakers.iter().map(|speaker| speaker.socket.try_clone()).collect::<Result<_, _>>()?;
        let (readings_per_message, ear) = (readings_per_message as u64, Ear::of(sockets));
        Ok(Self { speakers, next_speaker: 0, readings_per_message, buffer: Vec::new(), _ear: ear })
    }

    /// Mean length of a message with its topic, as MQTT carries it.
    pub(crate) fn message_bytes(&self) -> usize {
        let Some(speaker) = self.speakers.first() else { return 0 };
        speaker.script.cycle.iter().map(Stamped::len).sum::<usize>() / speaker.script.cycle.len()
    }

    /// Sends as fast as the gateway commits, never more than `window` readings ahead of it, until it is over.
    pub(crate) fn send_closed(self, window: u64, progress: Arc<Progress>) -> JoinHandle<anyhow::Result<Self>> {
        self.send(progress, move |progress, _| {
            let ahead =
                progress.sent.load(Ordering::Relaxed).saturating_sub(progress.committed.load(Ordering::Relaxed));
            if ahead < window { TURN } else { 0 }
        })
    }

    /// Sends so many messages a second until it is over.
    pub(crate) fn send_paced(self, messages_per_s: u64, progress: Arc<Progress>) -> JoinHandle<anyhow::Result<Self>> {
        let readings_per_message = self.readings_per_message;
        self.send(progress, move |progress, elapsed| {
            let due = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX) * messages_per_s / 1_000_000;
            let sent = progress.sent.load(Ordering::Relaxed) / readings_per_message;
            usize::try_from(due.saturating_sub(sent)).unwrap_or(TURN).min(TURN)
        })
    }

    /// Sends a number of messages.
    pub(crate) fn send_now(&mut self, messages: usize) -> anyhow::Result<()> {
        let burst = messages.div_ceil(self.speakers.len().max(1));
        let mut left = messages;
        while left > 0 {
            let count = burst.min(left);
            self.speak(count)?;
            left -= count;
        }
        Ok(())
    }

    fn send(
        mut self,
        progress: Arc<Progress>,
        allowed: impl Fn(&Progress, Duration) -> usize + Send + 'static,
    ) -> JoinHandle<anyhow::Result<Self>> {
        thread::spawn(move || {
            let started = Instant::now();
            while !progress.is_over() {
                let count = allowed(&progress, started.elapsed());
                if count == 0 {
                    thread::sleep(PAUSE);
                    continue;
                }
                self.send_now(count)?;
                progress.sent.fetch_add(count as u64 * self.readings_per_message, Ordering::Relaxed);
            }
            Ok(self)
        })
    }

    /// The next node says its next `count` messages in one go.
    fn speak(&mut self, count: usize) -> anyhow::Result<()> {
        let speaker_count = self.speakers.len();
        let speaker = &mut self.speakers[self.next_speaker];
        self.next_speaker = (self.next_speaker + 1) % speaker_count;
        let now = now_ms();
        self.buffer.clear();
        for _ in 0..count {
            speaker.script.cycle[speaker.next].write(now, speaker.number, &mut self.buffer);
            speaker.number += 1;
            speaker.next = (speaker.next + 1) % speaker.script.cycle.len();
        }
        speaker.socket.write_all(&self.buffer).with_context(|| format!("node {}", speaker.script.node))
    }
}

fn connect(broker: SocketAddr, script: &Script, credential: &NodeCredential) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect_timeout(&broker, BROKER_LIMIT)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(BROKER_LIMIT))?;
    let mut connect = Connect::new(&credential.username);
    connect.keep_alive = 0;
    connect.login = Some(Login::new(&credential.username, &credential.password));
    let (topic, payload) = (&script.will.topic, script.will.payload.clone());
    connect.last_will = Some(LastWill::new(topic, payload, QoS::AtLeastOnce, false));
    let mut bytes = BytesMut::new();
    connect.write(&mut bytes).map_err(|error| anyhow::anyhow!("CONNECT cannot be encoded: {error:?}"))?;
    socket.write_all(&bytes)?;
    // CONNACK has four bytes.
    let mut answer = [0; 4];
    socket.read_exact(&mut answer)?;
    match Packet::read(&mut BytesMut::from(&answer[..]), answer.len()) {
        Ok(Packet::ConnAck(answer)) if answer.code == ConnectReturnCode::Success => {}
        other => anyhow::bail!("the broker refuses: {other:?}"),
    }
    let mut subscribe = Subscribe::new(&script.commands, QoS::AtMostOnce);
    subscribe.pkid = 1;
    let mut bytes = BytesMut::new();
    subscribe.write(&mut bytes).map_err(|error| anyhow::anyhow!("SUBSCRIBE cannot be encoded: {error:?}"))?;
    socket.write_all(&bytes)?;
    Ok(socket)
}
