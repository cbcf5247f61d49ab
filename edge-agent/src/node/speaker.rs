//! What the node says next: sources, commands and the state of the connection come in, finished messages go out, one
//! at a time. Pure but for the log and the outbox's disk.
//!
//! Nothing that is to be said is queued as a message: [`Speaker::next`] compares what stands here with what the
//! present session has heard, and says the first thing that is missing. A new connection and a rebirth are then no
//! special cases: the session has heard nothing, so everything is missing.
//!
//! Births carry what is true now; every measurement has its numbered message besides, which waits in the outbox.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{
    id::{DeviceId, MetricName},
    reading::Quality,
    time::{Now, UnixMs},
};
use protocol::sparkplug::{
    Outgoing,
    command::Command,
    edge_session::{EdgeSession, Sample, SessionError},
    metric::Content as Value,
    outbox::{Acknowledgement, Seq},
    payload::{Limits, Payload},
    topic::{NodeAddress, NodeVerb, Topic},
};
use tracing::{debug, error, info, warn};

use super::{board::Board, delivery::Delivery, health, window::Parcel};
use crate::{
    outbox::{Content, Flush, Outbox},
    shape::Shaper,
    source::{self, DeviceCommand, SourceEvent},
};

/// The mouth of the node.
#[derive(Debug)]
pub(super) struct Speaker {
    session: EdgeSession,
    board: Board,
    shaper: Shaper,
    delivery: Delivery,
    /// The newest of each device.
    pictures: BTreeMap<DeviceId, Picture>,
    health: health::Health,
    /// Connected, and the host that the node is for is there.
    may_speak: bool,
    is_node_birth_due: bool,
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
            delivery: Delivery::new(outbox),
            pictures: BTreeMap::new(),
            health: health::Health::start(),
            may_speak: false,
            is_node_birth_due: true,
        }
    }

    /// Begins a new connection: the will to register, and the number to write down before connecting.
    pub(super) fn connect(&mut self, now: UnixMs) -> (Outgoing, Option<u8>) {
        let will = self.session.connect(now);
        self.be_silent();
        (will, self.session.bd_seq())
    }

    /// The connection stands and the host is there: everything is to be born.
    pub(super) fn begin(&mut self, now: Now) {
        self.may_speak = true;
        self.is_node_birth_due = true;
        self.delivery.begin(now);
    }

    /// The connection or the host is gone.
    pub(super) fn be_silent(&mut self) {
        self.may_speak = false;
        self.delivery.hold();
        self.board.want_none();
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
        self.delivery.has_backlog()
    }

    /// Whether messages wait, or may have to be sent again.
    pub(super) fn has_undelivered(&self) -> bool {
        self.delivery.is_under_way() || self.delivery.has_backlog()
    }

    /// Messages given up since the start.
    pub(super) fn gap_count(&self) -> u64 {
        self.delivery.figures().gap_count
    }

    /// Lets a part of the backlog go.
    pub(super) fn release_backlog(&mut self, most: usize) {
        self.delivery.release(most);
    }

    /// Measures the agent itself; the values are said next.
    pub(super) fn measure_health(&mut self, now: Now) {
        self.health.measure();
        let metrics = self.health.metrics(now.wall, self.delivery.figures());
        self.delivery.take(None, health::as_samples(metrics), self.may_speak, now);
    }

    /// What the outbox has to do now and then; see [`Outbox::tick`].
    pub(super) fn tick(&mut self, now: Now) -> Option<Flush> {
        self.delivery.tick(self.may_speak, now)
    }

    /// The flush is done.
    pub(super) fn flushed(&mut self, result: &std::io::Result<()>) {
        self.delivery.flushed(result);
    }

    /// Closes the outbox in good order.
    pub(super) fn close(self, now: Now) {
        self.delivery.close(now);
    }

    /// Takes what a source says.
    pub(super) fn take(&mut self, event: SourceEvent, now: Now) {
        match event {
            SourceEvent::DeviceUp { device, metrics } => {
                let deadbands = metrics.iter().map(|metric| (metric.name.clone(), metric.deadband));
                self.shaper.device_up(&device, deadbands);
                self.board.device_up(device, metrics);
            }
            SourceEvent::Samples { device, samples } => self.take_samples(device, samples, now),
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

    fn take_samples(&mut self, device: DeviceId, samples: Vec<source::Sample>, now: Now) {
        if !self.board.note(&device, &samples) {
            error!(device.id = %device, "a source sent samples of a device that is not up; dropped");
            return;
        }
        let samples = self.shaper.select(&device, samples);
        if !samples.is_empty() {
            self.delivery.take(Some(device), samples, self.may_speak, now);
        }
    }

    /// The next message, encoded for the present session. None when everything is said.
    pub(super) fn next(&mut self, now: Now) -> Option<Outgoing> {
        if !self.may_speak {
            return None;
        }
        self.node_birth(now.wall)
            .or_else(|| self.device_birth(now.wall))
            .or_else(|| self.fresh_data(now))
            .or_else(|| self.device_death(now.wall))
            .or_else(|| self.picture(now.wall))
            .or_else(|| self.data_again(now))
            .or_else(|| self.backlog_data(now))
    }

    fn node_birth(&mut self, now: UnixMs) -> Option<Outgoing> {
        if !std::mem::take(&mut self.is_node_birth_due) {
            return None;
        }
        self.session.keep_outbox(self.delivery.hello());
        let metrics = self.health.metrics(now, self.delivery.figures());
        self.session.node_birth(now, &metrics).inspect_err(|wrong| tell(wrong, "the node cannot be born")).ok()
    }

    fn device_death(&mut self, now: UnixMs) -> Option<Outgoing> {
        if !self.delivery.has_backlog() {
            self.board.want_none();
        }
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

    fn fresh_data(&mut self, now: Now) -> Option<Outgoing> {
        while let Some(parcel) = self.delivery.next_fresh(now) {
            match self.data(parcel, Age::Fresh, now) {
                Ok(data) => return Some(data),
                Err(parcel) => self.delivery.give_up(&parcel.entry),
            }
        }
        None
    }

    fn data_again(&mut self, now: Now) -> Option<Outgoing> {
        let parcel = self.delivery.next_again(now)?;
        self.old_data(parcel, now)
    }

    fn backlog_data(&mut self, now: Now) -> Option<Outgoing> {
        let parcel = self.delivery.next_backlog(now)?;
        self.old_data(parcel, now)
    }

    /// A message from before; or first the birth of its device, as it was then.
    fn old_data(&mut self, parcel: Parcel, now: Now) -> Option<Outgoing> {
        match self.data(parcel, Age::Historical, now) {
            Ok(data) => Some(data),
            Err(parcel) => {
                if let Content::Samples { device: Some(device), samples } = &parcel.entry.content {
                    self.board.want(device, samples);
                }
                self.delivery.put_back(parcel);
                self.device_birth(now.wall)
            }
        }
    }

    /// A message of the outbox for the present session. It comes back when its device is not born with all of it.
    fn data(&mut self, parcel: Parcel, age: Age, now: Now) -> Result<Outgoing, Parcel> {
        let (content, seq) = (&parcel.entry.content, parcel.entry.seq);
        let said = match (content, seq) {
            (Content::Samples { device, samples }, _) => {
                let samples = samples.iter().map(|sample| wire_sample(sample, age)).collect();
                self.samples(device.as_ref(), samples, seq, now.wall)
            }
            (Content::Gap(gap), Some(seq)) => self.session.gap(now.wall, seq, gap),
            // A report is sent only as it was kept.
            (Content::Gap(_), None) => return Err(parcel),
        };
        match said {
            Ok(data) => {
                self.delivery.sent(parcel, now);
                Ok(data)
            }
            Err(wrong) => {
                debug!("not yet: {wrong}");
                Err(parcel)
            }
        }
    }

    /// Samples that their metric cannot hold any more, since a source changed its mind about it, are left out and
    /// counted; the message goes out without them, so that it does not hold up all others.
    fn samples(
        &mut self,
        device: Option<&DeviceId>,
        mut samples: Vec<Sample>,
        seq: Option<Seq>,
        now: UnixMs,
    ) -> Result<Outgoing, SessionError> {
        loop {
            let said = match (seq, device) {
                (Some(seq), device) => self.session.numbered_data(now, seq, device, &samples),
                (None, Some(device)) => self.session.device_data(now, device, &samples),
                (None, None) => self.session.node_data(now, &samples),
            };
            let Err(SessionError::Content { metric, .. }) = &said else { return said };
            let count = samples.len();
            let wrong = |sample: &Sample| &sample.metric == metric;
            error!(%metric, lost = samples.iter().filter(|sample| wrong(sample)).count(), "samples of another kind than their metric");
            samples.retain(|sample| !wrong(sample));
            if samples.len() == count {
                return said;
            }
            self.delivery.count_gap();
        }
    }

    fn picture(&mut self, now: UnixMs) -> Option<Outgoing> {
        while let Some((device, Picture { metric, at, bytes })) = self.pictures.pop_first() {
            let content = Some(Value::Bytes(bytes));
            let sample = Sample { metric, at, content, quality: Quality::Good, is_historical: false };
            match self.session.device_data(now, &device, &[sample]) {
                Ok(data) => return Some(data),
                Err(wrong) => tell(&wrong, "a picture that the device's birth does not allow; dropped"),
            }
        }
        None
    }

    /// Takes a message under `spBv1.0/` that is not a host's state: a rebirth is noted, commands to devices are
    /// returned.
    pub(super) fn command(&mut self, topic: &Topic, payload: Bytes, now: Now) -> Vec<DeviceCommand> {
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
        match Acknowledgement::read(&payload.metrics) {
            Ok(Some(told)) => {
                self.delivery.acknowledge(&told, now);
                return Vec::new();
            }
            Ok(None) => {}
            Err(wrong) => {
                warn!("acknowledgement refused: {wrong}");
                return Vec::new();
            }
        }
        let mut commands = Vec::new();
        for command in self.session.read_command(device.as_ref(), &payload) {
            match command {
                Ok(Command::Rebirth) => {
                    info!("the host asks for all births");
                    self.is_node_birth_due = true;
                }
                Ok(Command::Write { device: Some(device), metric, content: Some(Value::Value(value)) }) => {
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

fn wire_sample(sample: &source::Sample, age: Age) -> Sample {
    Sample {
        metric: sample.metric.clone(),
        at: sample.at,
        content: sample.value.clone().map(Value::Value),
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
