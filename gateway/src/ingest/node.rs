//! One edge node as ingest knows it: its Sparkplug session, what it may speak for, and what the gateway noticed about it.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    engine::{Link, LinkChange},
    id::{DeviceId, MetricName, NodeId},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::Registry,
    time::{Now, UnixMs},
};
use metrics::counter;
use protocol::{
    rest::LinkState,
    sparkplug::{
        host_session::{Event, Heard, NodeSession, Settings},
        payload::Payload,
        topic::{NodeAddress, NodeVerb},
    },
};

use super::{
    Blob, Ingested, SeriesIndex,
    duplicate::DuplicateWatch,
    judge::{Judged, judge},
    latest::Latest,
};
use crate::store::DiscoveredBirth;

/// What the gateway writes about a node, as metrics of the node as a device.
mod notes {
    /// Edge clock minus gateway clock in milliseconds.
    pub(super) const CLOCK_SKEW: &str = "edge.clock_skew_ms";
    /// Two programs use the id.
    pub(super) const DUPLICATE_ID: &str = "edge.duplicate_id";
    /// It spoke for a device of another node.
    pub(super) const REFUSED_BIRTH: &str = "edge.refused_birth";
}

/// A skew is written when it moved by so many milliseconds: the network's own jitter stays below.
const SKEW_STEP_MS: i64 = 250;
/// And at least so often, in milliseconds, so that it does not become stale.
const NOTES_EVERY_MS: u64 = 60_000;
/// How long a node may take to answer after the gateway lost its own connection, in milliseconds; then it is offline.
const ANSWER_WITHIN_MS: u64 = 30_000;

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

/// What came of one message.
pub(super) struct Outcome {
    pub(super) ingested: Ingested,
    pub(super) blobs: Vec<Blob>,
    /// The node has to be asked for its births.
    pub(super) needs_rebirth: bool,
}

/// In what kind of message metrics came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// The present is told again: what is known already is not news.
    Birth,
    /// Something was measured.
    Data,
}

/// One edge node.
#[derive(Debug)]
pub(super) struct Node {
    address: NodeAddress,
    session: NodeSession,
    /// Those that are there, unregistered ones included.
    devices: BTreeSet<DeviceId>,
    status: NodeStatus,
    duplicate: DuplicateWatch,
    /// It spoke for another node's device since its last birth.
    is_refused: bool,
    /// What was last written of each note, and when (monotonic).
    written: BTreeMap<&'static str, (Value, u64)>,
    /// The gateway lost its own connection then and has not heard the node since (monotonic milliseconds).
    unheard_since_ms: Option<u64>,
}

impl Node {
    pub(super) fn new(address: NodeAddress, now: Now) -> Self {
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
            devices: BTreeSet::new(),
            status,
            duplicate: DuplicateWatch::default(),
            is_refused: false,
            written: BTreeMap::new(),
            unheard_since_ms: None,
        }
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

    /// Another connection took this node's id.
    pub(super) fn taken_over(&mut self, now: Now) {
        self.duplicate.note(now.mono);
    }

    /// Something of it could not even be read.
    pub(super) fn refuse(&mut self, why: String) {
        tracing::warn!(node.id = %self.address.node, why, "refused");
        self.status.last_refusal = Some(why);
    }

    /// The gateway's own connection was lost: the session starts over, and a node that does not answer is offline.
    pub(super) fn host_reconnected(&mut self, now: Now) {
        self.session.forget();
        if self.status.link == LinkState::Online {
            self.unheard_since_ms.get_or_insert(now.mono.0);
        }
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
        let sent = payload.timestamp.and_then(|at| i64::try_from(at).ok());
        if let Some(sent) = sent.filter(|_| verb != NodeVerb::NDeath) {
            self.status.clock_skew_ms = Some(UnixMs(sent).since_ms(now.wall));
        }
        let mut events = Vec::new();
        self.session.receive(verb, device, payload, now.mono, &mut events);
        self.digest(events, now, around)
    }

    /// Does what is due without a message.
    pub(super) fn tick(&mut self, now: Now, around: &mut Surroundings<'_>) -> Outcome {
        let mut events = Vec::new();
        self.session.tick(now.mono, &mut events);
        if self.unheard_since_ms.is_some_and(|since| now.mono.0.saturating_sub(since) >= ANSWER_WITHIN_MS) {
            self.unheard_since_ms = None;
            events.push(Event::NodeDied);
        }
        self.digest(events, now, around)
    }

    fn digest(&mut self, events: Vec<Event>, now: Now, around: &mut Surroundings<'_>) -> Outcome {
        let mut out = Outcome {
            ingested: Ingested {
                node: self.address.node.clone(),
                received: now,
                links: Vec::new(),
                readings: Vec::new(),
                discovered: Vec::new(),
            },
            blobs: Vec::new(),
            needs_rebirth: false,
        };
        for event in events {
            self.take(event, now, around, &mut out);
        }
        self.write_notes(now, around, &mut out);
        out
    }

    fn take(&mut self, event: Event, now: Now, around: &mut Surroundings<'_>, out: &mut Outcome) {
        let itself = self.address.node.as_device();
        match event {
            Event::NodeBorn { is_rebirth, metrics, .. } => {
                if !is_rebirth && self.status.link == LinkState::Online {
                    self.duplicate.note(now.mono);
                }
                self.is_refused = false;
                self.change_link(LinkState::Online, now);
                out.ingested.links.push(self.link_change(itself.clone(), Link::Online, now));
                self.birth(&itself, &metrics, now, around, out);
            }
            Event::NodeDied => {
                for device in std::mem::take(&mut self.devices) {
                    out.ingested.links.push(self.link_change(device, Link::Offline, now));
                }
                self.change_link(LinkState::Offline, now);
                out.ingested.links.push(self.link_change(itself, Link::Offline, now));
            }
            Event::DeviceBorn { device, metrics } => {
                if self.may_speak_for(&device, around.registry) {
                    self.devices.insert(device.clone());
                    out.ingested.links.push(self.link_change(device.clone(), Link::Online, now));
                    self.birth(&device, &metrics, now, around, out);
                }
            }
            Event::DeviceDied { device } => {
                if self.devices.remove(&device) {
                    out.ingested.links.push(self.link_change(device, Link::Offline, now));
                }
            }
            Event::Data { device: None, metrics } => self.read(Telling::Data, &itself, &metrics, now, around, out),
            Event::Data { device: Some(device), metrics } => {
                if self.devices.contains(&device) && self.may_speak_for(&device, around.registry) {
                    self.read(Telling::Data, &device, &metrics, now, around, out);
                }
            }
            Event::Gap { lost } => {
                self.status.gap_count += u64::from(lost);
                counter!("gateway_sequence_gaps_total").increment(u64::from(lost));
                tracing::warn!(node.id = %self.address.node, lost, "messages were lost before they came here");
            }
            Event::RebirthNeeded(_) => out.needs_rebirth = true,
            Event::Unread { reason, .. } => {
                counter!("gateway_metrics_unread_total").increment(1);
                self.refuse(reason.to_string());
            }
            Event::Ignored(reason) => {
                counter!("gateway_messages_ignored_total").increment(1);
                tracing::debug!(node.id = %self.address.node, ?reason, "a message was not taken");
            }
        }
    }

    fn birth(
        &mut self,
        device: &DeviceId,
        metrics: &[Heard],
        now: Now,
        around: &mut Surroundings<'_>,
        out: &mut Outcome,
    ) {
        if around.registry.device(device).is_none() {
            out.ingested.discovered.push(DiscoveredBirth {
                device: device.clone(),
                node: self.address.node.clone(),
                at: now.wall,
                metrics: metrics.iter().map(|metric| metric.name.clone()).collect(),
            });
        }
        self.read(Telling::Birth, device, metrics, now, around, out);
    }

    fn read(
        &mut self,
        telling: Telling,
        device: &DeviceId,
        metrics: &[Heard],
        now: Now,
        around: &mut Surroundings<'_>,
        out: &mut Outcome,
    ) {
        let profile = around.registry.device(device).map(|device| &device.profile);
        for heard in metrics {
            let is_nothing_yet =
                telling == Telling::Birth && heard.content == Ok(None) && heard.quality != Quality::Bad;
            if is_of_the_protocol(&heard.name) || is_nothing_yet {
                continue;
            }
            let series = around.series.resolve(device, &heard.name);
            match judge(heard, series, profile, around.profiles, now.wall) {
                Judged::Reading(reading) => {
                    if telling == Telling::Birth && !around.latest.is_newer(&reading) {
                        continue;
                    }
                    around.latest.take(&reading);
                    out.ingested.readings.push(reading);
                }
                Judged::Blob(at, bytes) => {
                    out.blobs.push(Blob { device: device.clone(), metric: heard.name.clone(), at, bytes });
                }
                Judged::Quarantined(why) => {
                    counter!("gateway_readings_quarantined_total").increment(1);
                    self.refuse(format!("{device}: {why}"));
                }
            }
        }
    }

    /// A device that is registered to another node is not this node's to speak for.
    fn may_speak_for(&mut self, device: &DeviceId, registry: &Registry) -> bool {
        match registry.device(device) {
            Some(registered) if registered.node != self.address.node => {
                if !self.is_refused {
                    self.refuse(format!("it speaks for {device}, which is registered to node {}", registered.node));
                }
                self.is_refused = true;
                counter!("gateway_births_refused_total").increment(1);
                false
            }
            Some(_) | None => true,
        }
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
        let is_duplicate = self.duplicate.is_duplicate(now.mono);
        let skew = self.status.clock_skew_ms.map(|skew| (notes::CLOCK_SKEW, Value::Int(skew)));
        let flags =
            [(notes::DUPLICATE_ID, Value::Bool(is_duplicate)), (notes::REFUSED_BIRTH, Value::Bool(self.is_refused))];
        for (name, value) in flags.into_iter().chain(skew) {
            let is_due = match self.written.get(name) {
                None => true,
                Some((before, at_ms)) => {
                    has_moved(before, &value) || now.mono.0.saturating_sub(*at_ms) >= NOTES_EVERY_MS
                }
            };
            if is_due {
                self.written.insert(name, (value.clone(), now.mono.0));
                let metric = MetricName::new(name).expect("the notes' names are valid");
                let series = around.series.resolve(&self.address.node.as_device(), &metric);
                let quality = Quality::Good;
                out.ingested.readings.push(Reading { series, event_time: now.wall, value: Some(value), quality });
            }
        }
    }
}

fn has_moved(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Int(before), Value::Int(after)) => (after - before).abs() >= SKEW_STEP_MS,
        _ => before != after,
    }
}

/// Metrics that serve the protocol itself and measure nothing.
fn is_of_the_protocol(name: &MetricName) -> bool {
    let name = name.as_str();
    name == "bdSeq" || name.starts_with("Node Control/") || name.starts_with("Video/")
}
