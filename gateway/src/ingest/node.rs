//! One edge node as ingest knows it: its Sparkplug session, what it may speak for, and what the gateway noticed about it.
//! Pure.

mod content;
mod outcome;
mod presence;

use std::collections::HashSet;

use domain::{
    engine::{Link, LinkChange},
    id::{DeviceId, MetricName, NodeId, SeriesId},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::Registry,
    time::{MonoMs, Now, UnixMs},
};
use foldhash::HashMap;
use metrics::counter;
use protocol::{
    rest::{GapWhy, LinkState},
    sparkplug::{
        host_session::{Event, Heard, NodeSession, Settings, Unread},
        outbox::{Gap, Hello, Incarnation, Numbers, Seq},
        payload::Payload,
        topic::{NodeAddress, NodeVerb},
    },
};

pub(super) use self::outcome::Outcome;
use super::{
    SeriesIndex,
    behind::Behind,
    latest::Latest,
    notes::{Notes, is_note},
    outbox::{Admission, Outboxes},
    silence::Silence,
};
use crate::{
    ledger::{Counter, Lost},
    store::{OutboxId, OutboxProgress},
};

/// Series that one node may add to the district's since the gateway's start: as many metrics as a node may have. Each
/// costs memory and a row for ever.
const NEW_SERIES_MAX: usize = 50_000;
/// Devices that nobody registered, which one node may introduce since the gateway's start.
const STRANGERS_MAX: usize = 2_000;
/// Refusals are logged at most so often for a node, in milliseconds; all are counted.
const LOG_PAUSE_MS: u64 = 10_000;

/// How a node is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which node.
    pub id: NodeId,
    /// Whether it is there.
    pub link: LinkState,
    /// When that last changed.
    pub link_since: UnixMs,
    /// Edge clock minus gateway clock in milliseconds at its latest message; None: not heard since start.
    pub clock_skew_ms: Option<i64>,
    /// Messages received since start.
    pub message_count: u64,
    /// Messages known to be lost since start.
    pub gap_count: u64,
    /// What was last refused from it, in words.
    pub last_refusal: Option<String>,
}

/// What the rest of ingest lends to a node for one message.
pub(super) struct Surroundings<'a> {
    pub(super) registry: &'a Registry,
    pub(super) profiles: &'a Profiles,
    pub(super) series: &'a SeriesIndex,
    pub(super) latest: &'a mut Latest,
}

/// Where a metric of a birth goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    /// Not known before its first value.
    #[default]
    Unknown,
    /// To a series.
    Series(SeriesId),
    /// Nowhere: it serves commands, or the gateway alone writes it.
    Nowhere,
}

/// One edge node.
#[derive(Debug)]
pub(super) struct Node {
    address: NodeAddress,
    session: NodeSession,
    outboxes: Outboxes,
    /// Those that are there, unregistered ones included; for each the ways of the metrics that its birth declared.
    devices: HashMap<DeviceId, Vec<Way>>,
    /// The same of the node itself.
    ways: Vec<Way>,
    /// When it was heard before the latest message.
    heard_before: UnixMs,
    status: NodeStatus,
    notes: Notes,
    behind: Behind,
    /// Series that it added.
    new_series: usize,
    /// Devices that it introduced and nobody registered.
    strangers: HashSet<DeviceId>,
    /// When a refusal was logged last, and how many were not since.
    logged: Option<MonoMs>,
    unlogged: u64,
    /// The gateway lost its own connection then and has not heard the node since (monotonic milliseconds).
    unheard_since_ms: Option<u64>,
    silence: Silence,
    /// Until when it was heard, by this gateway's clock, before it or this gateway was away; None: never, or it was not.
    heard_until: Option<UnixMs>,
}

impl Node {
    /// A node that is heard for the first time in this process; `heard_until` by an earlier one.
    pub(super) fn new(address: NodeAddress, heard_until: Option<UnixMs>, now: Now) -> Self {
        let status = NodeStatus {
            id: address.node.clone(),
            link: LinkState::Unknown,
            link_since: now.wall,
            clock_skew_ms: None,
            message_count: 0,
            gap_count: 0,
            last_refusal: None,
        };
        Self {
            address,
            session: NodeSession::new(Settings::default()),
            outboxes: Outboxes::default(),
            devices: HashMap::default(),
            ways: Vec::new(),
            heard_before: now.wall,
            status,
            notes: Notes::default(),
            behind: Behind::default(),
            new_series: 0,
            strangers: HashSet::new(),
            logged: None,
            unlogged: 0,
            unheard_since_ms: None,
            silence: Silence::new(now.mono),
            heard_until,
        }
    }

    /// It says where it is; the latest counts, since commands go there.
    pub(super) fn moved(&mut self, address: NodeAddress) {
        self.address = address;
    }

    pub(super) fn address(&self) -> &NodeAddress {
        &self.address
    }

    pub(super) fn session(&self) -> &NodeSession {
        &self.session
    }

    pub(super) fn status(&self) -> &NodeStatus {
        &self.status
    }

    /// Takes what the store has committed of one of the node's outboxes; the latest used last.
    pub(super) fn committed(&mut self, incarnation: Incarnation, numbers: Numbers) {
        self.outboxes.committed(incarnation, numbers);
    }

    /// The pipeline has taken these messages.
    pub(super) fn gone_on(&mut self, incarnation: Incarnation, seqs: &[Seq], gaps: &[Gap]) {
        self.outboxes.gone_on(incarnation, seqs, gaps);
    }

    /// The pipeline could not store these messages.
    pub(super) fn taken_back(&mut self, incarnation: Incarnation, seqs: &[Seq]) {
        self.outboxes.taken_back(incarnation, seqs);
    }

    /// Another connection took this node's id.
    pub(super) fn taken_over(&mut self, now: Now) {
        self.notes.taken_over(now.mono);
    }

    /// Something of it is not taken.
    pub(super) fn refuse(&mut self, why: String, now: Now) {
        counter!("gateway_refusals_total").increment(1);
        if self.logged.is_none_or(|at| now.mono.since_ms(at) >= LOG_PAUSE_MS) {
            let unlogged = std::mem::take(&mut self.unlogged);
            tracing::warn!(node.id = %self.address.node, why, unlogged, "refused");
            self.logged = Some(now.mono);
        } else {
            self.unlogged += 1;
        }
        self.status.last_refusal = Some(why);
    }

    pub(super) fn receive(
        &mut self,
        verb: NodeVerb,
        device: Option<DeviceId>,
        payload: Payload,
        now: Now,
        around: &mut Surroundings<'_>,
    ) -> Outcome {
        self.status.message_count += 1;
        self.unheard_since_ms = None;
        match verb {
            NodeVerb::NData | NodeVerb::DData => self.silence.reported(now.mono),
            NodeVerb::NBirth | NodeVerb::DBirth | NodeVerb::NDeath | NodeVerb::DDeath => self.silence.heard(now.mono),
            // From a host, which may as well be this gateway.
            NodeVerb::NCmd | NodeVerb::DCmd => {}
        }
        let sent = payload.timestamp.and_then(|at| i64::try_from(at).ok());
        if let Some(sent) = sent.filter(|_| verb != NodeVerb::NDeath) {
            let skew_ms = UnixMs(sent).since_ms(now.wall);
            self.notes.skew(skew_ms);
            let is_fresh = verb == NodeVerb::NBirth || self.outboxes.incarnation().is_some();
            self.behind.hear(skew_ms, is_fresh, now.mono);
            self.status.clock_skew_ms = Some(skew_ms);
        }
        let mut events = Vec::new();
        self.session.receive(verb, device, payload, now.mono, &mut events);
        let outcome = self.digest(events, now, around);
        self.heard_before = now.wall;
        outcome
    }

    fn digest(&mut self, events: Vec<Event>, now: Now, around: &mut Surroundings<'_>) -> Outcome {
        let mut out = Outcome::new(self.address.node.clone(), now);
        for event in events {
            self.take(event, now, around, &mut out);
        }
        self.write_notes(now, around, &mut out);
        out.figures.received_readings = out.ingested.readings.len() as u64;
        out
    }

    fn take(&mut self, event: Event, now: Now, around: &mut Surroundings<'_>, out: &mut Outcome) {
        let itself = self.address.node.as_device();
        match event {
            Event::NodeBorn { bd_seq, is_rebirth, outbox, metrics } => {
                self.notes.born(bd_seq, self.status.link == LinkState::Online, now.mono);
                if !is_rebirth {
                    self.silence.begin_anew(now.mono);
                }
                self.change_link(LinkState::Online, now);
                out.ingested.links.push(self.link_change(itself.clone(), Link::Online, now));
                self.outboxes.born(outbox);
                self.greet(outbox, out);
                self.count_unheard(outbox.is_some(), now, out);
                self.ways.clear();
                self.birth(&itself, outbox.is_some(), &metrics, now, around, out);
            }
            Event::NodeDied => {
                let mut devices: Vec<_> = std::mem::take(&mut self.devices).into_keys().collect();
                devices.sort_unstable();
                for device in devices {
                    out.ingested.links.push(self.link_change(device, Link::Offline, now));
                }
                self.change_link(LinkState::Offline, now);
                self.heard_until.get_or_insert(self.heard_before);
                out.ingested.links.push(self.link_change(itself, Link::Offline, now));
            }
            Event::DeviceBorn { device, is_numbered, metrics } => {
                if self.may_speak_for(&device, now, around.registry) && self.admits(&device, now, around.registry) {
                    self.devices.insert(device.clone(), Vec::new());
                    out.ingested.links.push(self.link_change(device.clone(), Link::Online, now));
                    let is_numbered = is_numbered || self.outboxes.incarnation().is_some();
                    self.birth(&device, is_numbered, &metrics, now, around, out);
                }
            }
            Event::DeviceDied { device } => {
                if self.devices.remove(&device).is_some() {
                    out.ingested.links.push(self.link_change(device, Link::Offline, now));
                }
            }
            Event::Data { device, metrics, number, gap, is_whole } => {
                let is_expected = match number {
                    None => true,
                    // Part of it would be lost for good: the whole comes again.
                    Some(_) if !is_whole => false,
                    Some(number) => self.admit(number, out),
                };
                if is_expected {
                    self.data(device.as_ref(), &metrics, number, gap, now, around, out);
                }
            }
            Event::Gap { lost } => {
                self.status.gap_count += u64::from(lost);
                counter!("gateway_sequence_gaps_total").increment(u64::from(lost));
                tracing::warn!(node.id = %self.address.node, lost, "messages were lost before they came here");
                if self.outboxes.incarnation().is_none() {
                    let (messages, from, to) = (Some(u64::from(lost)), self.heard_before, now.wall);
                    out.lost.push(Lost { why: GapWhy::Order, messages, readings: None, from, to });
                }
            }
            Event::RebirthNeeded(_) => out.needs_rebirth = true,
            Event::Unread { device, reason } => {
                counter!("gateway_metrics_unread_total").increment(1);
                // After lost messages nothing is wrong with what the node says.
                if reason != Unread::Uncertain {
                    out.figures.refused_readings += 1;
                    self.refuse(format!("{}: {reason}", device.as_ref().unwrap_or(&itself)), now);
                }
            }
            Event::Ignored(reason) => {
                counter!("gateway_messages_ignored_total").increment(1);
                tracing::debug!(node.id = %self.address.node, ?reason, "a message was not taken");
            }
        }
    }

    /// A node with an outbox is told what of it is committed; what it has given up counts as such from now on.
    fn greet(&mut self, outbox: Option<Hello>, out: &mut Outcome) {
        let Some(Hello { incarnation, floor }) = outbox else { return };
        let outbox = OutboxId { node: self.address.node.clone(), incarnation };
        out.born_with = Some(outbox.clone());
        out.ingested.outbox =
            Some(OutboxProgress { outbox, floor: Some(floor), numbers: vec![], reading_count: 0, gaps: vec![] });
    }

    /// What a node without an outbox said while nobody heard it does not come again.
    fn count_unheard(&mut self, has_outbox: bool, now: Now, out: &mut Outcome) {
        let Some(from) = self.heard_until.take().filter(|from| !has_outbox && *from < now.wall) else { return };
        let (why, messages, readings) = (GapWhy::Unheard, None, None);
        out.lost.push(Lost { why, messages, readings, from, to: now.wall });
    }

    /// Whether a numbered message is to be taken now.
    fn admit(&self, number: Seq, out: &mut Outcome) -> bool {
        match self.outboxes.judge(number, out.numbers()) {
            Admission::New => true,
            Admission::Duplicate => {
                counter!("gateway_messages_duplicate_total").increment(1);
                out.figures.received_messages += 1;
                out.figures.duplicate_messages += 1;
                out.repeated.push(number);
                false
            }
            Admission::NotNow => {
                out.needs_rebirth |= self.outboxes.incarnation().is_none();
                false
            }
        }
    }

    /// A device that is registered to another node is not this node's to speak for.
    fn may_speak_for(&mut self, device: &DeviceId, now: Now, registry: &Registry) -> bool {
        match registry.device(device) {
            Some(registered) if registered.node != self.address.node => {
                if self.notes.refused() {
                    self.refuse(
                        format!("it speaks for {device}, which is registered to node {}", registered.node),
                        now,
                    );
                }
                counter!("gateway_births_refused_total").increment(1);
                false
            }
            Some(_) | None => true,
        }
    }

    /// Whether there is room for a device: for a registered one there is.
    fn admits(&mut self, device: &DeviceId, now: Now, registry: &Registry) -> bool {
        if registry.device(device).is_some() || self.strangers.contains(device) {
            return true;
        }
        if self.strangers.len() >= STRANGERS_MAX {
            self.refuse(format!("{device}: more than {STRANGERS_MAX} devices that nobody registered"), now);
            return false;
        }
        self.strangers.insert(device.clone())
    }

    fn change_link(&mut self, link: LinkState, now: Now) {
        if self.status.link != link {
            self.status.link = link;
            self.status.link_since = now.wall;
            tracing::info!(node.id = %self.address.node, ?link, "edge node");
        }
    }

    fn link_change(&self, device: DeviceId, link: Link, now: Now) -> LinkChange {
        LinkChange { device, node: self.address.node.clone(), link, at: now.wall }
    }

    /// What the gateway noticed becomes readings of the node as a device, so that ordinary rules raise ordinary alarms.
    fn write_notes(&mut self, now: Now, around: &mut Surroundings<'_>, out: &mut Outcome) {
        if self.status.link != LinkState::Online {
            return;
        }
        let itself = self.address.node.as_device();
        for (name, value) in self.notes.due(now.mono) {
            let metric = MetricName::new(name).expect("the notes' names are valid");
            let series = around.series.resolve(&itself, &metric);
            let (event_time, value, quality) = (now.wall, Some(value), Quality::Good);
            out.notes.push(Reading { series, event_time, value, quality });
        }
    }
}

/// A node's own count of its readings or messages, with its time.
fn counted(heard: &Heard, reading: &Reading) -> Option<(Counter, i64, UnixMs)> {
    let counter = Counter::ALL.into_iter().find(|counter| heard.name.as_str() == counter.metric())?;
    match reading.value {
        Some(Value::Int(count)) => Some((counter, count, reading.event_time)),
        _ => None,
    }
}

/// Metrics that serve commands to the node, and what the gateway alone writes about it: neither is measured.
fn is_of_the_gateway(name: &MetricName) -> bool {
    name.as_str().starts_with("Video/") || is_note(name.as_str())
}
