//! An edge node's side of Sparkplug, as a strict state machine without a socket: what may be said when, and with which
//! numbers.
//!
//! ```text
//!            connect            node_birth            device_birth
//! apart  ───────────▶  greeting ──────────▶  born  ◀─────────────▶  born, with devices
//!   ▲      (the will)                         │  ▲     device_death
//!   └─────────── death / the next connect ◀───┘  └── node_birth again: a rebirth, devices are to be born again
//! ```
//!
//! The caller keeps series by name and values as [`Content`]; alias, `seq` and `bdSeq` are given here, at the moment of
//! encoding, so that what waits in a queue is never bound to a session that is over.

use std::collections::{BTreeMap, HashMap};

use domain::{
    id::{DeviceId, MetricName},
    reading::Quality,
    time::UnixMs,
};

use super::{
    Outgoing, Qos,
    command::{Command, REBIRTH},
    metric::{self, Content, ContentError, DataType},
    outbox::{self, Gap, Hello, Seq},
    payload::{Metric, Payload, RawValue},
    topic::{NodeAddress, NodeVerb},
};

/// The metric by which a birth and a death are matched.
pub(super) const BD_SEQ: &str = "bdSeq";

/// A metric as a birth declares it, with its present value.
#[derive(Debug, Clone, PartialEq)]
pub struct BirthMetric {
    /// Its name.
    pub name: MetricName,
    /// What it holds.
    pub datatype: DataType,
    /// Its unit, such as `°C`; empty: none.
    pub unit: String,
    /// When the value was measured; without a value, the time of the birth.
    pub at: UnixMs,
    /// The present value; None: not measured yet, or not measurable.
    pub content: Option<Content>,
    /// How far to trust it.
    pub quality: Quality,
}

/// A metric at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name, as declared in the birth.
    pub metric: MetricName,
    /// When it was measured.
    pub at: UnixMs,
    /// The value; None: it could not be measured.
    pub content: Option<Content>,
    /// How far to trust it.
    pub quality: Quality,
    /// Measured earlier and sent late: not the present value.
    pub is_historical: bool,
}

/// Why something cannot be said now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The node's birth comes first.
    #[error("the node is not born in this connection")]
    NodeNotBorn,
    /// The device's birth comes first.
    #[error("device {0} is not born in this session")]
    DeviceNotBorn(DeviceId),
    /// Only what the birth declared may be sent.
    #[error("metric {0} is not declared in the birth")]
    Undeclared(MetricName),
    /// A name that the protocol uses itself.
    #[error("metric {0} belongs to the protocol")]
    Reserved(MetricName),
    /// The declared datatype cannot hold the value.
    #[error("metric {metric}")]
    Content {
        /// Which metric.
        metric: MetricName,
        /// Why.
        #[source]
        source: ContentError,
    },
}

/// Why a command is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Neither a known name nor a known alias.
    #[error("command to a metric that is not declared")]
    Undeclared,
    /// The value has no meaning.
    #[error("command to metric {metric}")]
    Content {
        /// Which metric.
        metric: MetricName,
        /// Why.
        #[source]
        source: ContentError,
    },
}

/// One series of this node: a metric of a device, or of the node itself (None).
type SeriesKey = (Option<DeviceId>, MetricName);

/// What a birth declared, by name.
type Declared = HashMap<MetricName, (u64, DataType)>;

/// The state machine.
#[derive(Debug)]
pub struct EdgeSession {
    address: NodeAddress,
    bd_seq: Option<u8>,
    next_seq: u8,
    /// What the node's birth declared; None: not born in this connection.
    node: Option<Declared>,
    /// What the devices' births declared; the keys are the devices that are born.
    devices: BTreeMap<DeviceId, Declared>,
    /// What births say of the outbox; None: there is none.
    outbox: Option<Hello>,
    /// Aliases live as long as the process: a series keeps its own through every rebirth, so that a host that missed
    /// one can never take it for another.
    aliases: HashMap<SeriesKey, u64>,
    series_of_alias: HashMap<u64, SeriesKey>,
}

impl EdgeSession {
    /// A node that has not connected yet. `last_bd_seq` is the number of its last connection, from before a restart;
    /// None: this is its first.
    pub fn new(address: NodeAddress, last_bd_seq: Option<u8>) -> Self {
        Self {
            address,
            bd_seq: last_bd_seq,
            next_seq: 0,
            node: None,
            devices: BTreeMap::new(),
            outbox: None,
            aliases: HashMap::new(),
            series_of_alias: HashMap::new(),
        }
    }

    /// The node's address.
    pub fn address(&self) -> &NodeAddress {
        &self.address
    }

    /// From the next birth of the node on, its messages may be numbered, and its births say so.
    pub fn keep_outbox(&mut self, hello: Hello) {
        self.outbox = Some(hello);
    }

    /// Begins a new connection: every CONNECT packet, also of a reconnect, needs this. Returns the will to register.
    /// Write [`Self::bd_seq`] to disk before connecting, so that a restart does not repeat it.
    pub fn connect(&mut self, now: UnixMs) -> Outgoing {
        self.bd_seq = Some(self.bd_seq.map_or(0, |previous| previous.wrapping_add(1)));
        self.node = None;
        self.devices.clear();
        self.death_message(now)
    }

    /// The number of this connection; None: never connected.
    pub fn bd_seq(&self) -> Option<u8> {
        self.bd_seq
    }

    /// Whether the node is born in this connection.
    pub fn is_born(&self) -> bool {
        self.node.is_some()
    }

    /// Whether the device is born in this session.
    pub fn is_device_born(&self, device: &DeviceId) -> bool {
        self.devices.contains_key(device)
    }

    /// The node's birth, or its rebirth. All devices are to be born after it.
    ///
    /// # Errors
    /// [`SessionError`]; nothing changed then.
    pub fn node_birth(&mut self, now: UnixMs, metrics: &[BirthMetric]) -> Result<Outgoing, SessionError> {
        if let Some(metric) = metrics.iter().find(|metric| is_reserved(metric.name.as_str())) {
            return Err(SessionError::Reserved(metric.name.clone()));
        }
        let (mut encoded, declared) = self.encode_birth(None, metrics)?;
        encoded.push(self.bd_seq_metric(now));
        encoded.push(Metric {
            // Without an alias, so that any host can send it before it has read a birth
            // (tck-id-operational-behavior-data-commands-rebirth-name-aliases).
            name: Some(REBIRTH.to_owned()),
            timestamp: Some(millis(now)),
            datatype: Some(DataType::Boolean.code()),
            value: Some(RawValue::Boolean(false)),
            ..Metric::default()
        });
        encoded.extend(self.outbox.iter().flat_map(|hello| hello.metrics()).map(|metric| at(now, metric)));
        self.node = Some(declared);
        self.devices.clear();
        self.next_seq = 0;
        Ok(self.sequenced(self.address.topic(NodeVerb::NBirth), now, encoded))
    }

    /// A device's birth.
    ///
    /// # Errors
    /// [`SessionError`]; nothing changed then.
    pub fn device_birth(
        &mut self,
        now: UnixMs,
        device: &DeviceId,
        metrics: &[BirthMetric],
    ) -> Result<Outgoing, SessionError> {
        if self.node.is_none() {
            return Err(SessionError::NodeNotBorn);
        }
        if let Some(metric) = metrics.iter().find(|metric| metric.name.as_str() == outbox::SEQ) {
            return Err(SessionError::Reserved(metric.name.clone()));
        }
        let (mut encoded, declared) = self.encode_birth(Some(device), metrics)?;
        encoded.extend(self.outbox.map(|_| at(now, outbox::seq_declaration())));
        self.devices.insert(device.clone(), declared);
        Ok(self.sequenced(self.address.device_topic(NodeVerb::DBirth, device), now, encoded))
    }

    /// A device's death: it cannot be read any more.
    ///
    /// # Errors
    /// [`SessionError::DeviceNotBorn`].
    pub fn device_death(&mut self, now: UnixMs, device: &DeviceId) -> Result<Outgoing, SessionError> {
        if self.devices.remove(device).is_none() {
            return Err(SessionError::DeviceNotBorn(device.clone()));
        }
        Ok(self.sequenced(self.address.device_topic(NodeVerb::DDeath, device), now, Vec::new()))
    }

    /// Values of the node itself.
    pub fn node_data(&mut self, now: UnixMs, samples: &[Sample]) -> Result<Outgoing, SessionError> {
        self.data(now, None, samples, Vec::new())
    }

    /// Values of a device.
    ///
    /// # Errors
    /// [`SessionError`]; no number was spent then.
    pub fn device_data(
        &mut self,
        now: UnixMs,
        device: &DeviceId,
        samples: &[Sample],
    ) -> Result<Outgoing, SessionError> {
        self.data(now, Some(device), samples, Vec::new())
    }

    /// Values of a device, or of the node itself (`device` None), under the outbox's number, for a host to acknowledge.
    ///
    /// # Errors
    /// [`SessionError`]; no number was spent then.
    pub fn numbered_data(
        &mut self,
        now: UnixMs,
        outbox_seq: Seq,
        device: Option<&DeviceId>,
        samples: &[Sample],
    ) -> Result<Outgoing, SessionError> {
        self.data(now, device, samples, vec![outbox_seq.metric()])
    }

    /// Reports messages that will never come, under a number of its own.
    pub fn gap(&mut self, now: UnixMs, outbox_seq: Seq, gap: &Gap) -> Result<Outgoing, SessionError> {
        self.data(now, None, &[], vec![outbox_seq.metric(), gap.metric()])
    }

    fn data(
        &mut self,
        now: UnixMs,
        device: Option<&DeviceId>,
        samples: &[Sample],
        outbox: Vec<Metric>,
    ) -> Result<Outgoing, SessionError> {
        let (declared, topic) = match device {
            None => (self.node.as_ref().ok_or(SessionError::NodeNotBorn)?, self.address.topic(NodeVerb::NData)),
            Some(device) => (
                self.devices.get(device).ok_or_else(|| SessionError::DeviceNotBorn(device.clone()))?,
                self.address.device_topic(NodeVerb::DData, device),
            ),
        };
        let mut encoded = encode_samples(declared, samples)?;
        encoded.extend(outbox.into_iter().map(|metric| at(now, metric)));
        Ok(self.sequenced(topic, now, encoded))
    }

    /// The node's own death, to be published before it disconnects on purpose.
    pub fn death(&mut self, now: UnixMs) -> Outgoing {
        self.node = None;
        self.devices.clear();
        self.death_message(now)
    }

    /// What a host asks for in an NCMD (`device` None) or a DCMD. Metrics that make no sense are refused one by one.
    pub fn read_command(&self, device: Option<&DeviceId>, payload: &Payload) -> Vec<Result<Command, CommandError>> {
        payload.metrics.iter().filter_map(|metric| self.read_command_metric(device, metric).transpose()).collect()
    }

    fn read_command_metric(&self, device: Option<&DeviceId>, metric: &Metric) -> Result<Option<Command>, CommandError> {
        if device.is_none() && metric.name.as_deref() == Some(REBIRTH) {
            let is_asked = metric.value == Some(RawValue::Boolean(true));
            return Ok(is_asked.then_some(Command::Rebirth));
        }
        let declared = match device {
            None => self.node.as_ref(),
            Some(device) => self.devices.get(device),
        };
        let declared = declared.ok_or(CommandError::Undeclared)?;
        let name = match (&metric.name, metric.alias) {
            (Some(name), _) => MetricName::new(name).map_err(|_| CommandError::Undeclared)?,
            (None, Some(alias)) => match self.series_of_alias.get(&alias) {
                Some((owner, name)) if owner.as_ref() == device => name.clone(),
                _ => return Err(CommandError::Undeclared),
            },
            (None, None) => return Err(CommandError::Undeclared),
        };
        let &(_, datatype) = declared.get(&name).ok_or(CommandError::Undeclared)?;
        let content = match &metric.value {
            Some(raw) if metric.is_null != Some(true) => Some(
                metric::read(datatype, raw).map_err(|source| CommandError::Content { metric: name.clone(), source })?,
            ),
            _ => None,
        };
        Ok(Some(Command::Write { device: device.cloned(), metric: name, content }))
    }

    fn encode_birth(
        &mut self,
        device: Option<&DeviceId>,
        metrics: &[BirthMetric],
    ) -> Result<(Vec<Metric>, Declared), SessionError> {
        let mut declared = Declared::with_capacity(metrics.len());
        let mut encoded = Vec::with_capacity(metrics.len() + 2);
        for metric in metrics {
            let value = encode_content(&metric.name, metric.datatype, metric.content.as_ref())?;
            let alias = self.alias((device.cloned(), metric.name.clone()));
            declared.insert(metric.name.clone(), (alias, metric.datatype));
            encoded.push(Metric {
                name: Some(metric.name.as_str().to_owned()),
                alias: Some(alias),
                timestamp: Some(millis(metric.at)),
                datatype: Some(metric.datatype.code()),
                is_null: value.is_none().then_some(true),
                properties: metric::properties(metric.quality, Some(&metric.unit)),
                value,
                ..Metric::default()
            });
        }
        encoded.sort_by_key(|metric| metric.timestamp);
        Ok((encoded, declared))
    }

    /// The alias of a series, given once and for all. 0 is left out: some hosts take it for "none".
    fn alias(&mut self, series: SeriesKey) -> u64 {
        let next = self.aliases.len() as u64 + 1;
        let alias = *self.aliases.entry(series.clone()).or_insert(next);
        if alias == next {
            self.series_of_alias.insert(alias, series);
        }
        alias
    }

    fn sequenced(&mut self, topic: String, now: UnixMs, metrics: Vec<Metric>) -> Outgoing {
        let seq = self.next_seq;
        self.next_seq = seq.wrapping_add(1);
        let payload =
            Payload { timestamp: Some(millis(now)), metrics, seq: Some(u64::from(seq)), ..Payload::default() };
        Outgoing { topic, payload: payload.to_bytes(), qos: Qos::AtMostOnce, is_retained: false }
    }

    fn death_message(&self, now: UnixMs) -> Outgoing {
        let payload =
            Payload { timestamp: Some(millis(now)), metrics: vec![self.bd_seq_metric(now)], ..Payload::default() };
        Outgoing {
            topic: self.address.topic(NodeVerb::NDeath),
            payload: payload.to_bytes(),
            qos: Qos::AtLeastOnce,
            is_retained: false,
        }
    }

    fn bd_seq_metric(&self, now: UnixMs) -> Metric {
        Metric {
            name: Some(BD_SEQ.to_owned()),
            timestamp: Some(millis(now)),
            datatype: Some(DataType::Int64.code()),
            value: Some(RawValue::Long(u64::from(self.bd_seq.unwrap_or_default()))),
            ..Metric::default()
        }
    }
}

/// Names of a node's metrics that the protocol uses itself.
fn is_reserved(name: &str) -> bool {
    matches!(name, BD_SEQ | REBIRTH) || name.starts_with(outbox::PREFIX)
}

fn at(now: UnixMs, metric: Metric) -> Metric {
    Metric { timestamp: Some(millis(now)), ..metric }
}

/// A moment as it travels. Before 1970 there is no time on the wire.
fn millis(at: UnixMs) -> u64 {
    u64::try_from(at.0).unwrap_or_default()
}

fn encode_content(
    name: &MetricName,
    datatype: DataType,
    content: Option<&Content>,
) -> Result<Option<RawValue>, SessionError> {
    content
        .map(|content| metric::write(datatype, content))
        .transpose()
        .map_err(|source| SessionError::Content { metric: name.clone(), source })
}

fn encode_samples(declared: &Declared, samples: &[Sample]) -> Result<Vec<Metric>, SessionError> {
    let mut encoded = Vec::with_capacity(samples.len());
    for sample in samples {
        let &(alias, datatype) =
            declared.get(&sample.metric).ok_or_else(|| SessionError::Undeclared(sample.metric.clone()))?;
        let value = encode_content(&sample.metric, datatype, sample.content.as_ref())?;
        encoded.push(Metric {
            alias: Some(alias),
            timestamp: Some(millis(sample.at)),
            datatype: Some(datatype.code()),
            is_historical: sample.is_historical.then_some(true),
            is_null: value.is_none().then_some(true),
            properties: metric::properties(sample.quality, None),
            value,
            ..Metric::default()
        });
    }
    encoded.sort_by_key(|metric| metric.timestamp);
    Ok(encoded)
}

#[cfg(test)]
mod tests;
