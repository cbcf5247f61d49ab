//! The protobuf bodies of Sparkplug B (`sparkplug_b.proto`, proto2), and how they are read without trusting the sender.
//!
//! Bounds: a body has a greatest size and a greatest number of metrics, both checked before anything is allocated for
//! it. Depth is bounded by the types themselves: what can nest (templates, data sets, sets of properties within
//! properties) is kept as the bytes it came in, because no domain value is made from it.

use bytes::Bytes;
use prost::{
    Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// A message's body.
#[derive(Clone, PartialEq, Message)]
pub struct Payload {
    /// When it was published, in milliseconds since 1970 UTC.
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    /// What it says.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// Its place in the node's order, 0..=255; absent in NDEATH and in commands.
    #[prost(uint64, optional, tag = "3")]
    pub seq: Option<u64>,
    /// Names the schema of `body`; not used here.
    #[prost(string, optional, tag = "4")]
    pub uuid: Option<String>,
    /// Free for applications; not used here.
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub body: Option<Bytes>,
}

/// One metric at one moment. What else is known about a file (tag 8) is passed over: nothing here asks for it, and it
/// would double the size of every metric in memory.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// Its name; in data it may be left out when it has an alias.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// A number that stands for the name from the birth on.
    #[prost(uint64, optional, tag = "2")]
    pub alias: Option<u64>,
    /// When it was measured, in milliseconds since 1970 UTC.
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
    /// A code of [`super::metric::DataType`].
    #[prost(uint32, optional, tag = "4")]
    pub datatype: Option<u32>,
    /// Measured earlier and sent late: not the present value.
    #[prost(bool, optional, tag = "5")]
    pub is_historical: Option<bool>,
    /// Not to be stored.
    #[prost(bool, optional, tag = "6")]
    pub is_transient: Option<bool>,
    /// There is no value.
    #[prost(bool, optional, tag = "7")]
    pub is_null: Option<bool>,
    /// Named properties, such as `Quality`.
    #[prost(message, optional, tag = "9")]
    pub properties: Option<PropertySet>,
    /// The value as it travels.
    #[prost(oneof = "RawValue", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19")]
    pub value: Option<RawValue>,
}

/// A value as it travels; the metric's datatype says what it means.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum RawValue {
    /// `Int8` to `Int32` in two's complement, `UInt8` to `UInt32`.
    #[prost(uint32, tag = "10")]
    Int(u32),
    /// `Int64` in two's complement, `UInt64`, `DateTime`.
    #[prost(uint64, tag = "11")]
    Long(u64),
    /// `Float`.
    #[prost(float, tag = "12")]
    Float(f32),
    /// `Double`.
    #[prost(double, tag = "13")]
    Double(f64),
    /// `Boolean`.
    #[prost(bool, tag = "14")]
    Boolean(bool),
    /// `String`, `Text`, `UUID`.
    #[prost(string, tag = "15")]
    Text(String),
    /// `Bytes`, `File`, and the array types.
    #[prost(bytes = "bytes", tag = "16")]
    Bytes(Bytes),
    /// `DataSet`, unread.
    #[prost(bytes = "bytes", tag = "17")]
    DataSet(Bytes),
    /// `Template`, unread.
    #[prost(bytes = "bytes", tag = "18")]
    Template(Bytes),
    /// An extension, unread.
    #[prost(bytes = "bytes", tag = "19")]
    Extension(Bytes),
}

/// Named properties: two lists of equal length.
#[derive(Clone, PartialEq, Message)]
pub struct PropertySet {
    /// The names.
    #[prost(string, repeated, tag = "1")]
    pub keys: Vec<String>,
    /// The values, in the order of the names.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<PropertyValue>,
}

impl PropertySet {
    /// The property of that name; None when there is none, or when the lists differ in length and nothing can be said.
    pub fn get(&self, key: &str) -> Option<&PropertyValue> {
        if self.keys.len() != self.values.len() {
            return None;
        }
        self.keys.iter().position(|name| name == key).map(|index| &self.values[index])
    }

    /// Adds a property.
    pub fn push(&mut self, key: &str, value: PropertyValue) {
        self.keys.push(key.to_owned());
        self.values.push(value);
    }
}

/// One property's value.
#[derive(Clone, PartialEq, Message)]
pub struct PropertyValue {
    /// A code of [`super::metric::DataType`].
    #[prost(uint32, optional, tag = "1")]
    pub datatype: Option<u32>,
    /// There is no value.
    #[prost(bool, optional, tag = "2")]
    pub is_null: Option<bool>,
    /// The value as it travels.
    #[prost(oneof = "RawProperty", tags = "3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub value: Option<RawProperty>,
}

/// A property's value as it travels.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum RawProperty {
    /// Up to 32 bits.
    #[prost(uint32, tag = "3")]
    Int(u32),
    /// 64 bits.
    #[prost(uint64, tag = "4")]
    Long(u64),
    /// `Float`.
    #[prost(float, tag = "5")]
    Float(f32),
    /// `Double`.
    #[prost(double, tag = "6")]
    Double(f64),
    /// `Boolean`.
    #[prost(bool, tag = "7")]
    Boolean(bool),
    /// `String`.
    #[prost(string, tag = "8")]
    Text(String),
    /// A set within, unread.
    #[prost(bytes = "bytes", tag = "9")]
    PropertySet(Bytes),
    /// A list of sets within, unread.
    #[prost(bytes = "bytes", tag = "10")]
    PropertySetList(Bytes),
    /// An extension, unread.
    #[prost(bytes = "bytes", tag = "11")]
    Extension(Bytes),
}

/// How much one message may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Greatest size of a body in bytes.
    pub payload_bytes_max: usize,
    /// Greatest number of metrics in a body.
    pub metrics_max: usize,
}

impl Default for Limits {
    /// 1 MiB holds the birth of 10 000 metrics, or a snapshot of 200 KiB with room to spare.
    fn default() -> Self {
        Self { payload_bytes_max: 1024 * 1024, metrics_max: 10_000 }
    }
}

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than allowed.
    #[error("payload of {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The greatest allowed.
        limit: usize,
    },
    /// More metrics than allowed.
    #[error("payload with more than {limit} metrics")]
    TooManyMetrics {
        /// The greatest allowed.
        limit: usize,
    },
    /// Not a Sparkplug B body.
    #[error("payload is no Sparkplug B protobuf: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Field number of [`Payload::metrics`].
const METRICS_TAG: u32 = 2;

impl Payload {
    /// Reads a body within bounds.
    ///
    /// # Errors
    /// [`DecodeError`] says which bound was broken, or where the bytes stopped making sense.
    pub fn decode_within(bytes: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        if bytes.len() > limits.payload_bytes_max {
            return Err(DecodeError::TooLarge { bytes: bytes.len(), limit: limits.payload_bytes_max });
        }
        let count = metric_count(&bytes, limits.metrics_max)?;
        let mut payload = Self { metrics: Vec::with_capacity(count), ..Self::default() };
        payload.merge(bytes)?;
        Ok(payload)
    }

    /// The bytes to publish.
    pub fn to_bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

/// Counts the metrics without building them: an empty metric is two bytes on the wire but some hundreds in memory.
fn metric_count(mut bytes: &[u8], limit: usize) -> Result<usize, DecodeError> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        if tag == METRICS_TAG && wire_type == WireType::LengthDelimited {
            count += 1;
            if count > limit {
                return Err(DecodeError::TooManyMetrics { limit });
            }
            let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
            // A length beyond the end is left to the decoder proper, which words the error.
            bytes = bytes.get(length..).unwrap_or_default();
        } else {
            skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A DDATA body put together by hand from `sparkplug_b.proto`: one Double by name.
    fn reference_bytes() -> Vec<u8> {
        let mut bytes = vec![0x08, 0xe8, 0x07]; // timestamp 1000
        let metric = [
            [0x0a, 0x01, b't'].as_slice(),         // name "t"
            &[0x18, 0xe8, 0x07],                   // timestamp 1000
            &[0x20, 0x0a],                         // datatype Double
            &[0x69, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f], // 1.5
        ]
        .concat();
        bytes.extend([0x12, u8::try_from(metric.len()).unwrap()]);
        bytes.extend(metric);
        bytes.extend([0x18, 0x05]); // seq 5
        bytes
    }

    #[test]
    fn the_field_numbers_are_those_of_the_specification() {
        let payload = Payload::decode_within(reference_bytes().into(), &Limits::default()).unwrap();
        assert_eq!(
            payload,
            Payload {
                timestamp: Some(1000),
                metrics: vec![Metric {
                    name: Some("t".into()),
                    timestamp: Some(1000),
                    datatype: Some(10),
                    value: Some(RawValue::Double(1.5)),
                    ..Metric::default()
                }],
                seq: Some(5),
                ..Payload::default()
            }
        );
        assert_eq!(payload.to_bytes(), reference_bytes());
    }

    #[test]
    fn bounds_are_checked_before_anything_is_built() {
        let limits = Limits { payload_bytes_max: 64, metrics_max: 3 };
        let empty_metrics = |count: usize| Bytes::from([0x12, 0x00].repeat(count));
        assert!(Payload::decode_within(empty_metrics(3), &limits).is_ok());
        assert_eq!(
            Payload::decode_within(empty_metrics(4), &limits).unwrap_err().to_string(),
            "payload with more than 3 metrics"
        );
        assert_eq!(
            Payload::decode_within(Bytes::from(vec![0; 65]), &limits).unwrap_err().to_string(),
            "payload of 65 bytes; at most 64 are read"
        );
    }

    #[test]
    fn nested_templates_cost_no_depth() {
        // A template within a template within … 10 000 levels deep is one byte string here.
        let mut inner = Vec::new();
        for _ in 0..10_000 {
            let mut outer = Vec::new();
            Metric { value: Some(RawValue::Template(inner.into())), ..Metric::default() }.encode(&mut outer).unwrap();
            inner = outer;
            inner.truncate(100_000);
        }
        let payload = Payload {
            metrics: vec![Metric { value: Some(RawValue::Template(inner.into())), ..Metric::default() }],
            ..Payload::default()
        };
        assert_eq!(Payload::decode_within(payload.to_bytes(), &Limits::default()).unwrap(), payload);
    }

    #[test]
    fn tck_id_payloads_propertyset_keys_array_size() {
        let set = PropertySet { keys: vec!["Quality".into()], values: vec![] };
        assert_eq!(set.get("Quality"), None);
    }

    fn any_raw_value() -> impl Strategy<Value = RawValue> {
        prop_oneof![
            any::<u32>().prop_map(RawValue::Int),
            any::<u64>().prop_map(RawValue::Long),
            any::<f32>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(RawValue::Float),
            any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(RawValue::Double),
            any::<bool>().prop_map(RawValue::Boolean),
            ".*".prop_map(RawValue::Text),
            any::<Vec<u8>>().prop_map(|bytes| RawValue::Bytes(bytes.into())),
            any::<Vec<u8>>().prop_map(|bytes| RawValue::DataSet(bytes.into())),
            any::<Vec<u8>>().prop_map(|bytes| RawValue::Template(bytes.into())),
        ]
    }

    fn any_metric() -> impl Strategy<Value = Metric> {
        let flags = (any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>());
        let names = (any::<Option<String>>(), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u32>>());
        let quality = any::<Option<u32>>().prop_map(|quality| {
            quality.map(|code| PropertySet {
                keys: vec!["Quality".into()],
                values: vec![PropertyValue { datatype: Some(3), is_null: None, value: Some(RawProperty::Int(code)) }],
            })
        });
        (names, flags, quality, proptest::option::of(any_raw_value())).prop_map(
            |((name, alias, timestamp, datatype), (is_historical, is_transient, is_null), properties, value)| Metric {
                name,
                alias,
                timestamp,
                datatype,
                is_historical,
                is_transient,
                is_null,
                properties,
                value,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            metrics in proptest::collection::vec(any_metric(), 0..20),
            seq in any::<Option<u64>>(),
            timestamp in any::<Option<u64>>(),
        ) {
            let payload = Payload { timestamp, metrics, seq, uuid: None, body: None };
            prop_assert_eq!(Payload::decode_within(payload.to_bytes(), &Limits::default()).unwrap(), payload);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = Payload::decode_within(bytes.into(), &Limits::default());
        }

        #[test]
        fn damaged_bodies_never_panic(at in 0..24_usize, byte: u8, length in 0..24_usize) {
            let mut bytes = reference_bytes();
            bytes[at] = byte;
            bytes.truncate(length);
            let _ = Payload::decode_within(bytes.into(), &Limits::default());
        }
    }
}
