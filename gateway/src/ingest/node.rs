//! One edge node as ingest knows it: its Sparkplug session, what it may speak for, and what the gateway noticed about it.
//! Pure.

use std::collections::{BTreeSet, HashSet};

use domain::{
    engine::{Link, LinkChange},
    id::{DeviceId, MetricName, NodeId, SeriesId},
    profile::Profiles,
    reading::{Quality, Reading},
    registry::Registry,
    time::{MonoMs, Now, UnixMs},
};
use metrics::counter;
use protocol::{
    rest::LinkState,
    sparkplug::{
        host_session::{Event, Heard, NodeSession, Settings, Unread},
        payload::Payload,
        topic::{NodeAddress, NodeVerb},
    },
};

use super::{
    Blob, Ingested, SeriesIndex,
    judge::{Judged, Telling, judge},
    latest::Latest,
    notes::{Notes, is_note},
};
use crate::store::DiscoveredBirth;

/// How long a node may take to answer after the gateway lost its own connection, in milliseconds; then it is offline.
const ANSWER_WITHIN_MS: u64 = 30_000;
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

/// What came of one message.
pub(super) struct Outcome {
    pub(super) ingested: Ingested,
    pub(super) blobs: Vec<Blob>,
    /// The node has to be asked for its births.
    pub(super) needs_rebirth: bool,
}

/// One edge node.
#[derive(Debug)]
pub(super) struct Node {
    address: NodeAddress,
    session: NodeSession,
    /// Those that are there, unregistered ones included.
    devices: BTreeSet<DeviceId>,
    status: NodeStatus,
    notes: Notes,
    /// Series that it added.
    new_series: usize,
    /// Devices that it introduced and nobody registered.
    strangers: HashSet<DeviceId>,
    /// When a refusal was logged last, and how many were not since.
    logged: Option<MonoMs>,
    unlogged: u64,
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
            notes: Notes::default(),
            new_series: 0,
            strangers: HashSet::new(),
            logged: None,
            unlogged: 0,
            unheard_since_ms: None,
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
            let skew_ms = UnixMs(sent).since_ms(now.wall);
            self.notes.skew(skew_ms);
            self.status.clock_skew_ms = Some(skew_ms);
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
            Event::NodeBorn { bd_seq, metrics, .. } => {
                self.notes.born(bd_seq, self.status.link == LinkState::Online, now.mono);
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
                if self.may_speak_for(&device, now, around.registry) && self.admits(&device, now, around.registry) {
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
                if !self.may_speak_for(&device, now, around.registry) {
                    return;
                }
                if self.devices.contains(&device) {
                    self.read(Telling::Data, &device, &metrics, now, around, out);
                } else if around.registry.device(&device).is_some() {
                    // Refused at its birth, and since then registered to this node.
                    out.needs_rebirth = true;
                }
            }
            Event::Gap { lost } => {
                self.status.gap_count += u64::from(lost);
                counter!("gateway_sequence_gaps_total").increment(u64::from(lost));
                tracing::warn!(node.id = %self.address.node, lost, "messages were lost before they came here");
            }
            Event::RebirthNeeded(_) => out.needs_rebirth = true,
            Event::Unread { device, reason } => {
                counter!("gateway_metrics_unread_total").increment(1);
                // After lost messages nothing is wrong with what the node says.
                if reason != Unread::Uncertain {
                    self.refuse(format!("{}: {reason}", device.as_ref().unwrap_or(&itself)), now);
                }
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
            if is_of_the_gateway(&heard.name) {
                continue;
            }
            match judge(heard, telling, profile, around.profiles, now.wall) {
                Judged::Reading(event_time, value, quality) => {
                    let Some(series) = self.series(device, &heard.name, now, around.series) else { continue };
                    let reading = Reading { series, event_time, value, quality };
                    if telling == Telling::Birth && !around.latest.is_newer(&reading) {
                        continue;
                    }
                    around.latest.take(&reading);
                    out.ingested.readings.push(reading);
                }
                Judged::Nothing => {}
                Judged::Blob(at, bytes) => {
                    out.blobs.push(Blob { device: device.clone(), metric: heard.name.clone(), at, bytes });
                }
                Judged::Quarantined(why) => {
                    counter!("gateway_readings_quarantined_total").increment(1);
                    self.refuse(format!("{device}: {why}"), now);
                }
            }
        }
    }

    /// The number of a series; None: the node has added too many.
    fn series(&mut self, device: &DeviceId, metric: &MetricName, now: Now, index: &SeriesIndex) -> Option<SeriesId> {
        if let Some(known) = index.find(device, metric) {
            return Some(known);
        }
        if self.new_series >= NEW_SERIES_MAX {
            self.refuse(format!("{device}: {metric} is one metric too many"), now);
            return None;
        }
        self.new_series += 1;
        Some(index.resolve(device, metric))
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
            out.ingested.readings.push(Reading { series, event_time, value, quality });
        }
    }
}

/// Metrics that serve commands to the node, and what the gateway alone writes about it: neither is measured.
fn is_of_the_gateway(name: &MetricName) -> bool {
    name.as_str().starts_with("Video/") || is_note(name.as_str())
}
