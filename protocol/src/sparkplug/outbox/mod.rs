//! The acknowledged outbox: what lets an edge node know that its messages are stored, and lets the host store each once.
//!
//! Sparkplug's data travels at `QoS` 0 and may vanish anywhere between the node and the host's disk. A node with an outbox
//! numbers its messages with [`Seq`], keeps each until the host has said that it is committed, and sends it again until
//! then: the same content under the same number for ever. The host keeps the [`Numbers`] that it committed in the same
//! transaction as the readings, and drops what it has. A host that knows nothing of this sees a few metrics more.
//!
//! | metric | datatype | where | what |
//! |---|---|---|---|
//! | [`SEQ`] | `UInt64` | NDATA, DDATA; declared in NBIRTH and DBIRTH | the message's number |
//! | [`INCARNATION`] | `String` | NBIRTH | which run of numbers: new when the edge's disk is new |
//! | [`FLOOR`] | `UInt64` | NBIRTH | the lowest number that may still be sent, or reported as lost |
//! | [`GAP`] | `String` | NDATA; declared in NBIRTH | a [`Gap`] as JSON, under a number of its own |
//! | [`STORE_EPOCH`], [`INCARNATION`], [`THROUGH`], [`RANGES`] | `String`, `String`, `UInt64`, `Bytes` | NCMD | an [`Acknowledgement`] |
//!
//! None has an alias, so that each can be read without the birth that declared it.

mod acknowledgement;
mod gap;
mod numbers;

use std::{fmt, str::FromStr};

use uuid::Uuid;

pub use self::{
    acknowledgement::{Acknowledgement, RANGES_MAX},
    gap::{Gap, Why},
    numbers::{Insertion, Numbers, NumbersError, STORED_RANGES_MAX},
};
use super::{
    metric::DataType,
    payload::{Metric, RawValue},
};

/// Number of the message.
pub const SEQ: &str = "Outbox/Seq";
/// Which run of numbers.
pub const INCARNATION: &str = "Outbox/Incarnation";
/// The lowest number that may still be sent.
pub const FLOOR: &str = "Outbox/Floor";
/// Messages that will never come.
pub const GAP: &str = "Outbox/Gap";
/// Which store acknowledges.
pub const STORE_EPOCH: &str = "Outbox/StoreEpoch";
/// Every number up to this one is committed.
pub const THROUGH: &str = "Outbox/Through";
/// Numbers beyond it that are committed as well.
pub const RANGES: &str = "Outbox/Ranges";
/// What all these names begin with.
pub const PREFIX: &str = "Outbox/";

/// Number of a message within its [`Incarnation`]: from 1, one more each message. At most `i64::MAX`, which is what a
/// database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// The first number.
    pub const FIRST: Self = Self(1);
    /// The greatest.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());

    /// None when it is 0 or beyond [`Self::MAX`].
    pub fn new(number: u64) -> Option<Self> {
        (Self::FIRST.0..=Self::MAX.0).contains(&number).then_some(Self(number))
    }

    /// As a number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The one after it. It stays at [`Self::MAX`], which a thousand messages a second reach in 292 million years.
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 + 1).min(Self::MAX.0))
    }

    /// The metric that carries it.
    pub fn metric(self) -> Metric {
        number_metric(SEQ, self.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A 128-bit identity, written as a UUID.
macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_u128(self.0).fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = OutboxError;

            fn from_str(text: &str) -> Result<Self, OutboxError> {
                Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| OutboxError::Identity)
            }
        }
    };
}

identity! {
    /// One run of numbers of one edge node. New when the edge's disk is new, so that numbers that begin again at 1 are
    /// not taken for the old ones.
    Incarnation
}
identity! {
    /// One history of a host's store. Changed by a restore, which takes the store back to an older state: an edge that
    /// sees another epoch sends again what this store does not acknowledge.
    StoreEpoch
}

/// Why an outbox metric cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// A metric that belongs to the others is not there, or null.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It stands twice in one message.
    #[error("{0} stands twice")]
    Twice(&'static str),
    /// Another datatype, or a number that cannot be one.
    #[error("{0} has no meaning")]
    Meaningless(&'static str),
    /// No UUID.
    #[error("an identity that is no UUID")]
    Identity,
    /// The ranges are too many, out of order, touch each other, or do not begin beyond the number before them.
    #[error("the ranges are not at most {RANGES_MAX}, ascending and apart")]
    Ranges,
    /// A gap's text is not one.
    #[error("the report of a gap cannot be read")]
    Gap,
}

/// What a node with an outbox says of it in its birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Which run of numbers its messages have.
    pub incarnation: Incarnation,
    /// The lowest number that it may still send, or report in a [`Gap`]. What is below, and neither committed nor reported,
    /// is lost and was never told.
    pub floor: Seq,
}

impl Hello {
    /// The metrics of the birth: what is said here, and what may be said and asked later.
    pub fn metrics(self) -> [Metric; 7] {
        [
            declaration(SEQ, DataType::UInt64),
            text_metric(INCARNATION, self.incarnation.to_string()),
            number_metric(FLOOR, self.floor.0),
            declaration(GAP, DataType::String),
            declaration(STORE_EPOCH, DataType::String),
            declaration(THROUGH, DataType::UInt64),
            declaration(RANGES, DataType::Bytes),
        ]
    }

    /// Reads a birth's metrics. None: the node has no outbox.
    ///
    /// # Errors
    /// [`OutboxError`] when it has one but what it says makes no sense; it is then to be treated as having none.
    pub fn read(metrics: &[Metric]) -> Result<Option<Self>, OutboxError> {
        let Some(incarnation) = text(metrics, INCARNATION)? else { return Ok(None) };
        let floor = number(metrics, FLOOR)?.ok_or(OutboxError::Missing(FLOOR))?;
        let floor = Seq::new(floor).ok_or(OutboxError::Meaningless(FLOOR))?;
        Ok(Some(Self { incarnation: incarnation.parse()?, floor }))
    }
}

/// The number of a data message. None: it has none, and is not to be acknowledged.
///
/// # Errors
/// [`OutboxError`] when there is one without meaning.
pub fn seq_of(metrics: &[Metric]) -> Result<Option<Seq>, OutboxError> {
    let number = number(metrics, SEQ)?;
    number.map(|number| Seq::new(number).ok_or(OutboxError::Meaningless(SEQ))).transpose()
}

/// The declaration of a data message's number, for the birth of a device.
pub fn seq_declaration() -> Metric {
    declaration(SEQ, DataType::UInt64)
}

fn declaration(name: &str, datatype: DataType) -> Metric {
    Metric { name: Some(name.to_owned()), datatype: Some(datatype.code()), is_null: Some(true), ..Metric::default() }
}

fn metric(name: &str, datatype: DataType, value: RawValue) -> Metric {
    Metric { name: Some(name.to_owned()), datatype: Some(datatype.code()), value: Some(value), ..Metric::default() }
}

fn number_metric(name: &str, number: u64) -> Metric {
    metric(name, DataType::UInt64, RawValue::Long(number))
}

fn text_metric(name: &str, text: String) -> Metric {
    metric(name, DataType::String, RawValue::Text(text))
}

/// The value under that name. None: not there, or null.
fn value<'a>(metrics: &'a [Metric], name: &'static str) -> Result<Option<&'a RawValue>, OutboxError> {
    let mut named = metrics.iter().filter(|metric| metric.name.as_deref() == Some(name));
    let first = named.next();
    if named.next().is_some() {
        return Err(OutboxError::Twice(name));
    }
    Ok(first.filter(|metric| metric.is_null != Some(true)).and_then(|metric| metric.value.as_ref()))
}

fn number(metrics: &[Metric], name: &'static str) -> Result<Option<u64>, OutboxError> {
    match value(metrics, name)? {
        None => Ok(None),
        Some(RawValue::Long(number)) => Ok(Some(*number)),
        Some(_) => Err(OutboxError::Meaningless(name)),
    }
}

fn text<'a>(metrics: &'a [Metric], name: &'static str) -> Result<Option<&'a str>, OutboxError> {
    match value(metrics, name)? {
        None => Ok(None),
        Some(RawValue::Text(text)) => Ok(Some(text)),
        Some(_) => Err(OutboxError::Meaningless(name)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_birth_says_is_read() {
        let hello = Hello { incarnation: Incarnation(7), floor: Seq::new(9).unwrap() };
        assert_eq!(Hello::read(&hello.metrics()), Ok(Some(hello)));
        assert_eq!(seq_of(&hello.metrics()), Ok(None));
        assert_eq!(Hello::read(&[]), Ok(None));
        assert_eq!(Incarnation(7).to_string(), "00000000-0000-0000-0000-000000000007");
    }

    #[test]
    fn what_has_no_meaning_or_two_is_refused() {
        let hello = Hello { incarnation: Incarnation(7), floor: Seq::FIRST }.metrics();
        assert_eq!(Hello::read(&hello[1..2]), Err(OutboxError::Missing(FLOOR)));
        let twice = [hello[1].clone(), hello[1].clone(), hello[2].clone()];
        assert_eq!(Hello::read(&twice), Err(OutboxError::Twice(INCARNATION)));
        let nobody = [text_metric(INCARNATION, "me".to_owned()), hello[2].clone()];
        assert_eq!(Hello::read(&nobody), Err(OutboxError::Identity));
        assert_eq!(seq_of(&[number_metric(SEQ, 0)]), Err(OutboxError::Meaningless(SEQ)));
        assert_eq!(seq_of(&[number_metric(SEQ, u64::MAX)]), Err(OutboxError::Meaningless(SEQ)));
        assert_eq!(seq_of(&[text_metric(SEQ, "1".to_owned())]), Err(OutboxError::Meaningless(SEQ)));
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_written(number in 1..=i64::MAX.cast_unsigned()) {
            let seq = Seq::new(number).unwrap();
            prop_assert_eq!(seq_of(&[seq.metric()]), Ok(Some(seq)));
        }

        #[test]
        fn an_identity_is_read_as_written(bits: u128) {
            prop_assert_eq!(StoreEpoch(bits).to_string().parse(), Ok(StoreEpoch(bits)));
        }
    }
}
