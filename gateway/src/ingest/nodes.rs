//! All edge nodes: which message is whose, and who has to be asked for births. Pure, but for counting.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::{
    engine::LinkChange,
    id::{DeviceId, MetricName, NodeId},
    profile::Profiles,
    reading::{Reading, Value},
    registry::Registry,
    time::{MonoMs, Now, UnixMs},
};
use foldhash::HashMap;
use metrics::counter;
use protocol::{
    rest::{GapWhy, LedgerFigures},
    sparkplug::{
        Outgoing, command,
        command::MetricRef,
        metric::{Content, DataType},
        outbox::{Incarnation, Numbers, Seq},
        payload::{Limits, Payload},
        topic::{GroupId, NodeAddress, NodeVerb, Topic},
    },
};

use super::{
    Blob, CommandError, Ingested, NodeStatus, SeriesIndex,
    latest::Latest,
    node::{Node, Outcome, Surroundings},
    notes::DUPLICATE_ID,
    rebirth::Rebirths,
};
use crate::{
    ledger::{Ledger, Lost},
    store::{OutboxId, OutboxProgress, OutboxState},
};

/// Ticks come twice a second; between two that lie further apart, in milliseconds, this process stood still.
const STANDSTILL_MS: u64 = 3_000;
/// Nodes remembered. The broker lets only enrolled ones in; an external one may let in anybody.
const NODES_MAX: usize = 20_000;
/// Topics that cannot be read are logged at most so often, in milliseconds; all are counted.
const TOPIC_LOG_PAUSE_MS: u64 = 10_000;

/// What came of a message or of time passing.
#[derive(Default)]
pub(super) struct News {
    pub(super) ingested: Vec<Ingested>,
    pub(super) blobs: Vec<Blob>,
    /// A node with an outbox was born.
    pub(super) born: Option<(NodeAddress, OutboxId)>,
    /// A node has sent again what has gone on.
    pub(super) repeats: Option<(NodeId, Vec<Seq>)>,
}

/// Every edge node that was heard.
pub(super) struct Nodes {
    registry: Arc<ArcSwap<Registry>>,
    profiles: Arc<Profiles>,
    series: Arc<SeriesIndex>,
    ledger: Ledger,
    limits: Limits,
    latest: Latest,
    /// What is committed of nodes that were not heard yet.
    committed: HashMap<NodeId, Vec<(Incarnation, Numbers)>>,
    by_id: HashMap<NodeId, Node>,
    rebirths: Rebirths,
    /// Comings and goings that the pipeline had no room for: they go with the next message. By device, newest only.
    held_links: BTreeMap<DeviceId, LinkChange>,
    /// When a topic that cannot be read was logged last.
    topic_logged: Option<MonoMs>,
    /// When it was looked at last whether anybody is silent; None: nobody can be heard at present.
    listened: Option<MonoMs>,
}

impl Nodes {
    pub(super) fn new(
        registry: Arc<ArcSwap<Registry>>,
        profiles: Arc<Profiles>,
        series: Arc<SeriesIndex>,
        ledger: Ledger,
        limits: Limits,
        stored: &[Reading],
        outboxes: Vec<OutboxState>,
    ) -> Self {
        let mut committed: HashMap<NodeId, Vec<_>> = HashMap::default();
        for OutboxState { outbox, numbers, .. } in outboxes {
            committed.entry(outbox.node).or_default().push((outbox.incarnation, numbers));
        }
        Self {
            ledger,
            committed,
            limits,
            registry,
            profiles,
            series,
            latest: Latest::new(stored),
            by_id: HashMap::default(),
            rebirths: Rebirths::default(),
            held_links: BTreeMap::new(),
            topic_logged: None,
            listened: None,
        }
    }

    /// Takes a message of a node, whatever its bytes are.
    pub(super) fn receive(&mut self, topic: &str, body: Bytes, now: Now) -> News {
        counter!("gateway_messages_received_total").increment(1);
        let (address, verb, device) = match Topic::parse(topic) {
            Ok(Topic::Node { verb: NodeVerb::NCmd | NodeVerb::DCmd, .. } | Topic::State(_)) => return News::default(),
            Ok(Topic::Node { address, verb, device }) => (address, verb, device),
            Err(error) => {
                counter!("gateway_messages_refused_total", "why" => "topic").increment(1);
                // Anybody can write any topic again and again at a broker that is not ours.
                if self.topic_logged.is_none_or(|at| now.mono.since_ms(at) >= TOPIC_LOG_PAUSE_MS) {
                    self.topic_logged = Some(now.mono);
                    tracing::warn!(topic = %topic.chars().take(200).collect::<String>(), %error, "refused");
                }
                return News::default();
            }
        };
        let known_count = self.by_id.len();
        let node = match self.by_id.entry(address.node.clone()) {
            std::collections::hash_map::Entry::Occupied(node) => node.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if known_count >= NODES_MAX => {
                counter!("gateway_messages_refused_total", "why" => "too_many_nodes").increment(1);
                return News::default();
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                let heard_until = noted(&address.node, &self.series, &self.latest);
                let node = free.insert(Node::new(address.clone(), heard_until, now));
                for (incarnation, numbers) in self.committed.remove(&address.node).unwrap_or_default() {
                    node.committed(incarnation, numbers);
                }
                node
            }
        };
        let wire_bytes = body.len();
        let payload = match Payload::decode_within(body, &self.limits) {
            Ok(payload) => payload,
            Err(error) => {
                counter!("gateway_messages_refused_total", "why" => "payload").increment(1);
                node.refuse(format!("{verb}: {error}"), now);
                return News::default();
            }
        };
        let registry = self.registry.load();
        let mut around = Surroundings {
            registry: &registry,
            profiles: &self.profiles,
            series: &self.series,
            latest: &mut self.latest,
        };
        let mut outcome = node.receive(verb, device, payload, now, &mut around);
        outcome.ingested.wire_bytes = wire_bytes;
        if verb == NodeVerb::NBirth {
            node.moved(address.clone());
        }
        if matches!(verb, NodeVerb::NBirth | NodeVerb::NDeath) {
            self.rebirths.settled(&address.node);
        }
        let mut news = News::default();
        self.add(outcome, &address, &mut news);
        news
    }

    /// Does what is due without a message.
    pub(super) fn tick(&mut self, now: Now) -> News {
        let registry = self.registry.load_full();
        let mut news = News::default();
        // After a standstill of this process their messages wait at the broker: silence counts from now.
        let is_listening = self.listened.is_some_and(|before| now.mono.since_ms(before) <= STANDSTILL_MS);
        if self.listened.is_some() {
            self.listened = Some(now.mono);
        }
        let ids: Vec<NodeId> = self.by_id.keys().cloned().collect();
        for id in ids {
            let Some(node) = self.by_id.get_mut(&id) else { continue };
            let mut around = Surroundings {
                registry: &registry,
                profiles: &self.profiles,
                series: &self.series,
                latest: &mut self.latest,
            };
            let outcome = node.tick(now, is_listening, &mut around);
            let address = node.address().clone();
            self.add(outcome, &address, &mut news);
        }
        news
    }

    fn add(&mut self, outcome: Outcome, address: &NodeAddress, news: &mut News) {
        let Outcome { mut ingested, notes, blobs, needs_rebirth, born_with, repeated, figures, lost, counters } =
            outcome;
        let now = ingested.received;
        if needs_rebirth {
            self.rebirths.want(address);
        }
        self.ledger.note(&address.node, now.wall, &figures);
        for lost in lost {
            self.ledger.lost(&address.node, lost, now.wall);
        }
        for (counter, count, at) in counters {
            self.ledger.counted(&address.node, counter, count, at, now.wall);
        }
        news.blobs.extend(blobs);
        news.born = news.born.take().or(born_with.map(|outbox| (address.clone(), outbox)));
        news.repeats = news.repeats.take().or((!repeated.is_empty()).then(|| (address.node.clone(), repeated)));
        if !self.held_links.is_empty() {
            let held = std::mem::take(&mut self.held_links).into_values();
            ingested.links = held.chain(ingested.links).collect();
        }
        if !ingested.is_empty() {
            news.ingested.push(ingested);
        }
        if !notes.is_empty() {
            news.ingested.push(Ingested { readings: notes, ..Ingested::new(address.node.clone(), now) });
        }
    }

    /// The pipeline has taken a message.
    pub(super) fn gone_on(&mut self, message: &Ingested) {
        if let Some(OutboxProgress { outbox, numbers, gaps, .. }) = &message.outbox
            && let Some(node) = self.by_id.get_mut(&message.node)
        {
            node.gone_on(outbox.incarnation, numbers, gaps);
        }
    }

    /// What the pipeline took could not be stored.
    pub(super) fn taken_back(&mut self, outbox: &OutboxId, numbers: &[Seq]) {
        if let Some(node) = self.by_id.get_mut(&outbox.node) {
            node.taken_back(outbox.incarnation, numbers);
        }
    }

    /// The pipeline had no room: readings are shed and counted, comings and goings are kept for the next message.
    pub(super) fn shed(&mut self, message: Ingested) {
        let reading_count = message.readings.len() as u64;
        let comes_again = message.comes_again();
        let kind = if comes_again { "comes_again" } else { "lost" };
        counter!("gateway_readings_shed_total", "then" => kind).increment(reading_count);
        counter!("gateway_messages_shed_total", "then" => kind).increment(1);
        let now = message.received.wall;
        let message_count = message.outbox.as_ref().map_or(1, |outbox| outbox.numbers.len().max(1)) as u64;
        let figures =
            LedgerFigures { shed_messages: message_count, shed_readings: reading_count, ..LedgerFigures::default() };
        self.ledger.note(&message.node, now, &figures);
        if !comes_again && reading_count > 0 {
            let readings = Some(reading_count);
            let messages = Some(message_count);
            let lost = Lost { why: GapWhy::Shed, messages, readings, from: now, to: now };
            self.ledger.lost(&message.node, lost, now);
        }
        self.held_links.extend(message.links.into_iter().map(|change| (change.device.clone(), change)));
    }

    /// The gateway's connection to the broker is lost: nobody can be heard.
    pub(super) fn host_lost(&mut self) {
        self.listened = None;
    }

    /// After how many milliseconds of silence a node is gone; None: that is not known.
    pub(super) fn gone_after_ms(&self, node: &NodeId) -> Option<u64> {
        self.by_id.get(node)?.gone_after_ms()
    }

    /// The gateway's connection to the broker is new: what was said meanwhile was missed, so everyone registered is asked.
    pub(super) fn host_reconnected(&mut self, now: Now) {
        self.listened = Some(now.mono);
        for node in self.by_id.values_mut() {
            node.host_reconnected(now);
        }
        let registry = self.registry.load();
        let registered = registry.nodes().filter_map(|node| {
            let township = &registry.place(&node.as_device())?.township;
            Some(NodeAddress { group: GroupId::new(township.as_str()).ok()?, node: node.clone() })
        });
        let heard = self.by_id.values().map(|node| node.address().clone());
        for address in registered.filter(|address| !self.by_id.contains_key(&address.node)).chain(heard) {
            self.rebirths.want(&address);
        }
    }

    /// Requests for births that are due.
    pub(super) fn rebirth_requests(&mut self, now: Now) -> Vec<Outgoing> {
        let due = self.rebirths.due(now.mono);
        counter!("gateway_rebirth_requests_total").increment(due.len() as u64);
        due.iter().map(|address| command::rebirth(address, now.wall)).collect()
    }

    /// Nodes that speak, but never answer a request for their births.
    pub(super) fn deaf(&mut self, now: Now) -> Vec<NodeId> {
        self.rebirths.deaf(now.mono)
    }

    /// Asks one node for its births.
    pub(super) fn want_rebirth(&mut self, id: &NodeId) {
        if let Some(node) = self.by_id.get(id) {
            self.rebirths.want(node.address());
        }
    }

    /// Another connection took a node's id.
    pub(super) fn taken_over(&mut self, client: &str, now: Now) {
        if let Some(node) = self.by_id.get_mut(client) {
            node.taken_over(now);
        }
    }

    /// The message that sets a metric of a device.
    pub(super) fn device_command(
        &self,
        device: &DeviceId,
        metric: &MetricName,
        value: Value,
        now: UnixMs,
    ) -> Result<Outgoing, CommandError> {
        let registry = self.registry.load();
        let registered = registry.device(device).ok_or_else(|| CommandError::Unregistered(device.clone()))?;
        let node = self.by_id.get(&registered.node).ok_or_else(|| CommandError::Silent(registered.node.clone()))?;
        let declared = node.session().command_target(Some(device), metric);
        let (target, datatype) = declared.unwrap_or_else(|| (MetricRef::Name(metric.clone()), datatype_of(&value)));
        Ok(command::write(node.address(), Some(device), &target, datatype, &Content::Value(value), now)?)
    }

    /// How every node is doing, by id.
    pub(super) fn statuses(&self) -> Vec<NodeStatus> {
        let mut statuses: Vec<_> = self.by_id.values().map(|node| node.status().clone()).collect();
        statuses.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        statuses
    }
}

/// When an earlier process of this gateway last noted something about a node that it heard.
fn noted(node: &NodeId, series: &SeriesIndex, latest: &Latest) -> Option<UnixMs> {
    let metric = MetricName::new(DUPLICATE_ID).expect("the notes' names are valid");
    latest.of(series.find(&node.as_device(), &metric)?)
}

/// For a metric that no birth declared.
fn datatype_of(value: &Value) -> DataType {
    match value {
        Value::Bool(_) => DataType::Boolean,
        Value::Int(_) => DataType::Int64,
        Value::Float(_) => DataType::Double,
        Value::Text(_) => DataType::String,
    }
}
