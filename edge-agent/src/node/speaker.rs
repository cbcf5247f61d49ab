//! What the node says next: sources, commands and the state of the connection come in, finished messages go out, one
//! at a time. Pure but for the log.
//!
//! Nothing that is to be said is queued as a message: [`Speaker::next`] compares what stands here with what the
//! present session has heard, and says the first thing that is missing. A new connection and a rebirth are then no
//! special cases: the session has heard nothing, so everything is missing.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{
    id::{DeviceId, MetricName},
    reading::Quality,
    time::UnixMs,
};
use protocol::sparkplug::{
    Outgoing,
    command::Command,
    edge_session::{EdgeSession, Sample, SessionError},
    metric::Content,
    payload::{Limits, Payload},
    topic::{NodeAddress, NodeVerb, Topic},
};
use tracing::{debug, error, info, warn};

use super::{board::Board, health};
use crate::{
    outbox::{Message, Outbox},
    shape::Shaper,
    source::{self, DeviceCommand, SourceEvent},
};

/// The mouth of the node.
#[derive(Debug)]
pub(super) struct Speaker {
    session: EdgeSession,
    board: Board,
    shaper: Shaper,
    outbox: Outbox,
    /// The newest of each device.
    pictures: BTreeMap<DeviceId, Picture>,
    health: health::Health,
    /// Connected, and the host that the node is for is there.
    may_speak: bool,
    is_node_birth_due: bool,
    is_health_due: bool,
}

/// A picture that waits for room.
#[derive(Debug)]
struct Picture {
    metric: MetricName,
    at: UnixMs,
    bytes: Bytes,
}

impl Speaker {
    pub(super) fn new(session: EdgeSession, shaper: Shaper, outbox: Outbox) -> Self {
        Self {
            session,
            board: Board::default(),
            shaper,
            outbox,
            pictures: BTreeMap::new(),
            health: health::Health::start(),
            may_speak: false,
            is_node_birth_due: true,
            is_health_due: false,
        }
    }

    /// Begins a new connection: the will to register, and the number to write down before connecting.
    pub(super) fn connect(&mut self, now: UnixMs) -> (Outgoing, Option<u8>) {
        let will = self.session.connect(now);
        self.be_silent();
        (will, self.session.bd_seq())
    }

    /// The connection stands and the host is there: everything is to be born.
    pub(super) fn begin(&mut self) {
        self.may_speak = true;
        self.is_node_birth_due = true;
    }

    /// The connection or the host is gone.
    pub(super) fn be_silent(&mut self) {
        self.may_speak = false;
        self.outbox.hold();
        self.pictures.clear();
    }

    /// The node's own death, for leaving in good order. None when it is not born.
    pub(super) fn farewell(&mut self, now: UnixMs) -> Option<Outgoing> {
        let death = self.session.is_born().then(|| self.session.death(now));
        self.be_silent();
        death
    }

    /// Whether the node is born in the present connection.
    pub(super) fn is_born(&self) -> bool {
        self.session.is_born()
    }

    /// Whether messages from before wait.
    pub(super) fn has_backlog(&self) -> bool {
        self.outbox.has_backlog()
    }

    /// Messages given up since the start.
    pub(super) fn gap_count(&self) -> u64 {
        self.outbox.gap_count()
    }

    /// Lets a part of the backlog go.
    pub(super) fn release_backlog(&mut self, most: usize) {
        self.outbox.release(most, |device| self.session.is_device_born(device));
    }

    /// Measures the agent itself; the values are said next.
    pub(super) fn measure_health(&mut self) {
        self.health.measure();
        self.is_health_due = true;
    }

    /// Takes what a source says.
    pub(super) fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::DeviceUp { device, metrics } => {
                let deadbands = metrics.iter().map(|metric| (metric.name.clone(), metric.deadband));
                self.shaper.device_up(&device, deadbands);
                self.board.device_up(device, metrics);
            }
            SourceEvent::Samples { device, samples } => self.take_samples(device, samples),
            SourceEvent::DeviceDown { device, reason } => {
                debug!(device.id = %device, reason, "device is down");
                self.board.device_down(&device);
            }
            // Without a connection it is dropped: it will be old by the time there is one.
            SourceEvent::Blob { device, metric, at, bytes } if self.may_speak => {
                self.pictures.insert(device, Picture { metric, at, bytes });
            }
            SourceEvent::Blob { .. } => {}
        }
    }

    fn take_samples(&mut self, device: DeviceId, samples: Vec<source::Sample>) {
        if !self.board.note(&device, &samples) {
            error!(device.id = %device, "a source sent samples of a device that is not up; dropped");
            return;
        }
        let samples = self.shaper.select(&device, samples);
        if samples.is_empty() {
            return;
        }
        self.outbox.push(Message { device, samples });
        if !self.may_speak {
            self.outbox.hold();
        }
    }

    /// The next message, encoded for the present session. None when everything is said.
    pub(super) fn next(&mut self, now: UnixMs) -> Option<Outgoing> {
        if !self.may_speak {
            return None;
        }
        self.node_birth(now)
            .or_else(|| self.device_death(now))
            .or_else(|| self.device_birth(now))
            .or_else(|| self.fresh_data(now))
            .or_else(|| self.node_data(now))
            .or_else(|| self.picture(now))
            .or_else(|| self.backlog_data(now))
    }

    fn node_birth(&mut self, now: UnixMs) -> Option<Outgoing> {
        if !std::mem::take(&mut self.is_node_birth_due) {
            return None;
        }
        // The birth carries the agent's own values.
        self.is_health_due = false;
        let metrics = self.health.metrics(now, self.outbox.depth(), self.outbox.gap_count());
        self.session.node_birth(now, &metrics).inspect_err(|wrong| tell(wrong, "the node cannot be born")).ok()
    }

    fn device_death(&mut self, now: UnixMs) -> Option<Outgoing> {
        let device = self.board.next_death(|device| self.session.is_device_born(device))?;
        self.session.device_death(now, &device).ok()
    }

    fn device_birth(&mut self, now: UnixMs) -> Option<Outgoing> {
        while let Some(device) = self.board.next_birth(|device| self.session.is_device_born(device)) {
            let metrics = self.board.birth(&device, now);
            match self.session.device_birth(now, &device, &metrics) {
                Ok(birth) => return Some(birth),
                Err(wrong) => {
                    tell(&wrong, "a device cannot be born with what its source says of it; it is left out");
                    self.board.give_up(&device);
                }
            }
        }
        None
    }

    fn fresh_data(&mut self, now: UnixMs) -> Option<Outgoing> {
        while let Some(message) = self.outbox.pop_fresh() {
            if !self.session.is_device_born(&message.device) {
                self.outbox.put_back(message);
                continue;
            }
            let data = self.data(now, message, Age::Fresh);
            if data.is_some() {
                return data;
            }
        }
        None
    }

    fn node_data(&mut self, now: UnixMs) -> Option<Outgoing> {
        if !std::mem::take(&mut self.is_health_due) {
            return None;
        }
        let metrics = self.health.metrics(now, self.outbox.depth(), self.outbox.gap_count());
        self.session.node_data(now, &health::as_samples(metrics)).ok()
    }

    fn picture(&mut self, now: UnixMs) -> Option<Outgoing> {
        while let Some((device, Picture { metric, at, bytes })) = self.pictures.pop_first() {
            let content = Some(Content::Bytes(bytes));
            let sample = Sample { metric, at, content, quality: Quality::Good, is_historical: false };
            match self.session.device_data(now, &device, &[sample]) {
                Ok(data) => return Some(data),
                Err(wrong) => tell(&wrong, "a picture that the device's birth does not allow; dropped"),
            }
        }
        None
    }

    fn backlog_data(&mut self, now: UnixMs) -> Option<Outgoing> {
        while let Some(message) = self.outbox.pop_released() {
            let data = self.data(now, message, Age::Historical);
            if data.is_some() {
                return data;
            }
        }
        None
    }

    /// What the birth of the device already carried is left out.
    fn data(&mut self, now: UnixMs, message: Message, age: Age) -> Option<Outgoing> {
        let Message { device, mut samples } = message;
        samples.retain(|sample| !self.board.is_in_birth(&device, sample));
        if samples.is_empty() {
            return None;
        }
        let samples: Vec<Sample> = samples.into_iter().map(|sample| wire_sample(sample, age)).collect();
        match self.session.device_data(now, &device, &samples) {
            Ok(data) => Some(data),
            Err(wrong) => {
                tell(&wrong, "samples that the device's birth does not allow; dropped");
                self.outbox.count_gap();
                None
            }
        }
    }

    /// Takes a message under `spBv1.0/` that is not a host's state: a rebirth is noted, commands to devices are
    /// returned.
    pub(super) fn command(&mut self, topic: &Topic, payload: Bytes) -> Vec<DeviceCommand> {
        let Topic::Node { address, verb: NodeVerb::NCmd | NodeVerb::DCmd, device } = topic else { return Vec::new() };
        if address != self.session.address() {
            return Vec::new();
        }
        let payload = match Payload::decode_within(payload, &COMMAND_LIMITS) {
            Ok(payload) => payload,
            Err(wrong) => {
                warn!("command refused: {wrong}");
                return Vec::new();
            }
        };
        let mut commands = Vec::new();
        for command in self.session.read_command(device.as_ref(), &payload) {
            match command {
                Ok(Command::Rebirth) => {
                    info!("the host asks for all births");
                    self.is_node_birth_due = true;
                }
                Ok(Command::Write { device: Some(device), metric, content: Some(Content::Value(value)) }) => {
                    commands.push(DeviceCommand { device, metric, value });
                }
                Ok(Command::Write { metric, .. }) => warn!(%metric, "command refused: nothing here takes it"),
                Err(wrong) => warn!("command refused: {wrong}"),
            }
        }
        commands
    }

    /// The address of the node.
    pub(super) fn address(&self) -> &NodeAddress {
        self.session.address()
    }
}

/// A command is small; what is larger is none.
const COMMAND_LIMITS: Limits = Limits { payload_bytes_max: 64 * 1024, metrics_max: 100 };

/// Whether a message is sent when it was measured, or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Fresh,
    Historical,
}

fn wire_sample(sample: source::Sample, age: Age) -> Sample {
    Sample {
        metric: sample.metric,
        at: sample.at,
        content: sample.value.map(Content::Value),
        quality: sample.quality,
        is_historical: age == Age::Historical,
    }
}

fn tell(wrong: &SessionError, what: &'static str) {
    let cause = std::error::Error::source(wrong).map(ToString::to_string).unwrap_or_default();
    error!(cause, "{what}: {wrong}");
}

#[cfg(test)]
#[path = "speaker_tests.rs"]
mod tests;
