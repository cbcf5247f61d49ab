//! What a birth declared, and how later metrics are read by it.

use domain::{id::MetricName, reading::Quality, time::UnixMs};
use foldhash::HashMap;

use super::super::{
    command::{MetricRef, REBIRTH},
    edge_session::BD_SEQ,
    metric::{self, Content, ContentError, DataType},
    outbox::{self, OutboxError},
    payload::{Metric, Payload, RawValue},
};

/// A metric as it was heard: named, dated, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Its place among those that the birth declares, from 0: what is known of a metric need not be looked up by name
    /// again and again. It holds until the next birth of the device.
    pub place: usize,
    /// Its name.
    pub name: MetricName,
    /// Its time by the node's clock, else the message's; None: neither says one.
    pub at: Option<UnixMs>,
    /// Its value; None: null.
    pub content: Result<Option<Content>, ContentError>,
    /// What the node says of its quality.
    pub quality: Quality,
    /// Measured earlier and sent late: not the present value.
    pub is_historical: bool,
}

/// Why a metric of a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// A name that cannot be used.
    #[error("the metric's name is empty, too long, or holds control characters")]
    Name,
    /// What the node says of its outbox makes no sense.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Neither name nor alias.
    #[error("a metric with neither name nor alias")]
    Nameless,
    /// The name stands twice in one birth.
    #[error("metric {0} stands twice in the birth")]
    Twice(MetricName),
    /// The birth does not know the name.
    #[error("metric {0} is not declared in the birth")]
    Undeclared(MetricName),
    /// The birth does not know the alias, or gave it to two metrics.
    #[error("alias {0} is not declared in the birth, or twice")]
    Alias(u64),
    /// The value is of another kind than the birth declared.
    #[error("metric {0} is of another kind than the birth declared")]
    Kind(MetricName),
    /// Messages were lost: until the next birth, only what names itself and its datatype is certain.
    #[error("the metric's meaning is not certain before the next birth")]
    Uncertain,
}

/// The declared metrics of a node or a device.
#[derive(Debug, Default)]
pub(super) struct Birth {
    declared: Vec<Declared>,
    /// Index in `declared`.
    by_name: HashMap<MetricName, usize>,
    is_grouped: bool,
    /// In a grouped birth: the same by what data calls them.
    by_short_name: HashMap<MetricName, usize>,
    /// None: the birth gave the alias twice, so it means nothing.
    by_alias: HashMap<u64, Option<usize>>,
    /// False after lost messages: a birth may have been among them.
    pub(super) is_certain: bool,
}

#[derive(Debug, Clone)]
struct Declared {
    /// What it is called from here on.
    name: MetricName,
    datatype: Option<DataType>,
    alias: Option<u64>,
    /// It can be commanded, but is not heard.
    is_protocol: bool,
}

/// The groups of a grouped birth, as `mqtt-spb-wrapper` writes it: `DATA/x` in the birth is `x` in data, and a command
/// to `CMD/x` is one to `x`.
const DATA_GROUP: &str = "DATA/";
const COMMAND_GROUP: &str = "CMD/";
const ATTRIBUTE_GROUP: &str = "ATTR/";

/// Whether a birth is grouped: every metric is in a group. A node that merely likes such names is served as well: its
/// metrics lose their group in births and data alike.
fn is_grouped(metrics: &[Metric]) -> bool {
    let mut names =
        metrics.iter().filter_map(|metric| metric.name.as_deref()).filter(|name| !is_protocol(name)).peekable();
    names.peek().is_some()
        && names.all(|name| [DATA_GROUP, COMMAND_GROUP, ATTRIBUTE_GROUP].iter().any(|group| name.starts_with(group)))
}

/// Whether the metric belongs to the protocol rather than to the equipment.
fn is_protocol(name: &str) -> bool {
    name == BD_SEQ
        || name == REBIRTH
        || name.starts_with("Node Control/")
        || name.starts_with("Device Control/")
        || name.starts_with(outbox::PREFIX)
}

/// The birth's or death's number; None when it has none in 0..=255.
pub(super) fn bd_seq_of(payload: &Payload) -> Option<u8> {
    let metric = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some(BD_SEQ))?;
    match metric.value {
        Some(RawValue::Int(number)) => u8::try_from(number).ok(),
        Some(RawValue::Long(number)) => u8::try_from(number).ok(),
        _ => None,
    }
}

impl Birth {
    /// Reads a birth: what it declares, and the present values. Protocol metrics can be commanded, but are not heard.
    pub(super) fn read(payload: Payload, unread: &mut Vec<Unread>) -> (Self, Vec<Heard>) {
        let is_grouped = is_grouped(&payload.metrics);
        let mut birth = Self { is_certain: true, is_grouped, ..Self::default() };
        let mut heard = Vec::with_capacity(payload.metrics.len());
        for metric in payload.metrics {
            match birth.declare(&metric) {
                Ok(place) => {
                    let Declared { name, datatype, is_protocol, .. } = &birth.declared[place];
                    if !is_protocol {
                        heard.push(hear(place, name.clone(), *datatype, payload.timestamp, &metric));
                    }
                }
                Err(reason) => unread.push(reason),
            }
        }
        (birth, heard)
    }

    fn declare(&mut self, metric: &Metric) -> Result<usize, Unread> {
        let name = metric.name.as_deref().ok_or(Unread::Nameless)?;
        let name = MetricName::new(name).map_err(|_| Unread::Name)?;
        if self.by_name.contains_key(&name) {
            return Err(Unread::Twice(name));
        }
        let place = self.declared.len();
        let short = name
            .as_str()
            .strip_prefix(DATA_GROUP)
            .filter(|_| self.is_grouped)
            .and_then(|name| MetricName::new(name).ok());
        if let Some(short) = &short {
            self.by_short_name.insert(short.clone(), place);
        }
        let datatype = datatype_of(metric);
        if let Some(alias) = metric.alias {
            self.by_alias.entry(alias).and_modify(|owner| *owner = None).or_insert(Some(place));
        }
        let called = short.unwrap_or_else(|| name.clone());
        self.by_name.insert(name, place);
        let is_protocol = is_protocol(called.as_str());
        self.declared.push(Declared { name: called, datatype, alias: metric.alias, is_protocol });
        Ok(place)
    }

    /// Reads the metrics of a data message.
    pub(super) fn hear(&self, payload: Payload, unread: &mut Vec<Unread>) -> Vec<Heard> {
        let mut heard = Vec::with_capacity(payload.metrics.len());
        for metric in payload.metrics {
            if metric.name.as_deref().is_some_and(|name| name.starts_with(outbox::PREFIX)) {
                continue;
            }
            match self.resolve(&metric) {
                Ok((place, datatype)) => {
                    let Declared { name, is_protocol, .. } = &self.declared[place];
                    if !is_protocol {
                        heard.push(hear(place, name.clone(), datatype, payload.timestamp, &metric));
                    }
                }
                Err(reason) => unread.push(reason),
            }
        }
        heard
    }

    /// The place and datatype of a metric in a data message.
    fn resolve(&self, metric: &Metric) -> Result<(usize, Option<DataType>), Unread> {
        let told = metric.datatype.and_then(DataType::from_code);
        let place = match (&metric.name, metric.alias) {
            (Some(name), _) => {
                let name = MetricName::new(name).map_err(|_| Unread::Name)?;
                self.place(&name).ok_or(Unread::Undeclared(name))?
            }
            (None, Some(_)) if !self.is_certain => return Err(Unread::Uncertain),
            (None, Some(alias)) => match self.by_alias.get(&alias) {
                Some(Some(place)) => *place,
                Some(None) | None => return Err(Unread::Alias(alias)),
            },
            (None, None) => return Err(Unread::Nameless),
        };
        let Declared { name, datatype: declared, .. } = &self.declared[place];
        let datatype = match (told, declared) {
            (None, Some(_)) if !self.is_certain => return Err(Unread::Uncertain),
            (Some(told), Some(declared)) if told.kind() != declared.kind() => return Err(Unread::Kind(name.clone())),
            (told, declared) => told.or(*declared),
        };
        Ok((place, datatype))
    }

    fn place(&self, name: &MetricName) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_short_name.get(name)).copied()
    }

    /// How to name a metric in a command, and its datatype; None when the birth does not know it.
    pub(super) fn command_target(&self, name: &MetricName) -> Option<(MetricRef, DataType)> {
        let in_group = || MetricName::new(format!("{COMMAND_GROUP}{name}")).ok();
        let place = self.by_name.get(name).or_else(|| self.by_name.get(&in_group()?)).copied();
        let declared = &self.declared[place.or_else(|| self.place(name))?];
        let is_plain = |alias: &u64| matches!(self.by_alias.get(alias), Some(Some(_)));
        let reference = match declared.alias.filter(|alias| self.is_certain && is_plain(alias)) {
            Some(alias) => MetricRef::Alias(alias),
            None => MetricRef::Name(name.clone()),
        };
        Some((reference, declared.datatype?))
    }

    /// How many metrics it declares.
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }
}

/// The datatype that a birth's metric declares, or shows.
fn datatype_of(metric: &Metric) -> Option<DataType> {
    metric.datatype.and_then(DataType::from_code).or_else(|| metric::datatype_of_field(metric.value.as_ref()?))
}

fn hear(
    place: usize,
    name: MetricName,
    datatype: Option<DataType>,
    message_time: Option<u64>,
    metric: &Metric,
) -> Heard {
    let content = match (&metric.value, datatype) {
        (None, _) => Ok(None),
        (Some(_), _) if metric.is_null == Some(true) => Ok(None),
        (Some(raw), Some(datatype)) => metric::read(datatype, raw).map(Some),
        // A code that is not read is named; no code at all is another fault.
        (Some(_), None) => {
            Err(metric.datatype.map_or(ContentError::NoDatatype, |code| ContentError::Unreadable { code }))
        }
    };
    Heard {
        place,
        name,
        at: metric.timestamp.or(message_time).map(|at| UnixMs(i64::try_from(at).unwrap_or(i64::MAX))),
        content,
        quality: metric::quality_of(metric),
        is_historical: metric.is_historical == Some(true),
    }
}
