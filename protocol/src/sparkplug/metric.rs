//! A metric's datatype and number to a domain value and back.
//!
//! Numbers travel in unsigned fields: signed ones in two's complement of the field's width. Reading is lenient where
//! only one meaning is possible (an `Int8` of 0xFF can only be −1) and refuses where two are.

use bytes::Bytes;
use domain::reading::{Quality, Value};

use super::payload::{Metric, PropertySet, PropertyValue, RawProperty, RawValue};

/// Longest text that becomes a value, in bytes: a floor label, a version, a short message. Not a document.
pub const TEXT_BYTES_MAX: usize = 4096;

/// The datatypes of Sparkplug B, with their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum DataType {
    /// −128..=127.
    Int8 = 1,
    /// −32 768..=32 767.
    Int16 = 2,
    /// 32 bits, signed.
    Int32 = 3,
    /// 64 bits, signed.
    Int64 = 4,
    /// 0..=255.
    UInt8 = 5,
    /// 0..=65 535.
    UInt16 = 6,
    /// 32 bits.
    UInt32 = 7,
    /// 64 bits.
    UInt64 = 8,
    /// 32 bits, IEEE 754.
    Float = 9,
    /// 64 bits, IEEE 754.
    Double = 10,
    /// True or false.
    Boolean = 11,
    /// Text.
    String = 12,
    /// Milliseconds since 1970 UTC.
    DateTime = 13,
    /// Text, by another name.
    Text = 14,
    /// Text of 36 characters.
    Uuid = 15,
    /// A table; not read.
    DataSet = 16,
    /// Bytes.
    Bytes = 17,
    /// Bytes with a name and a type.
    File = 18,
    /// A structure of metrics; not read.
    Template = 19,
}

/// Which kind of value a datatype holds, once its width is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Int`].
    Int,
    /// [`Value::Float`].
    Float,
    /// [`Value::Text`].
    Text,
    /// [`Content::Bytes`].
    Bytes,
    /// Nothing that a domain value could hold.
    Unreadable,
}

impl DataType {
    const ALL: [DataType; 19] = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float,
        DataType::Double,
        DataType::Boolean,
        DataType::String,
        DataType::DateTime,
        DataType::Text,
        DataType::Uuid,
        DataType::DataSet,
        DataType::Bytes,
        DataType::File,
        DataType::Template,
    ];

    /// The datatype of that code; None for `Unknown` (0), the array types (22 to 34) and what does not exist.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|datatype| datatype.code() == code)
    }

    /// As it stands on the wire.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// What it holds.
    pub fn kind(self) -> ContentKind {
        match self {
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::DateTime => ContentKind::Int,
            DataType::Float | DataType::Double => ContentKind::Float,
            DataType::Boolean => ContentKind::Bool,
            DataType::String | DataType::Text | DataType::Uuid => ContentKind::Text,
            DataType::Bytes | DataType::File => ContentKind::Bytes,
            DataType::DataSet | DataType::Template => ContentKind::Unreadable,
        }
    }
}

/// What a metric holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A value that rules can judge and charts can draw.
    Value(Value),
    /// A picture or another file.
    Bytes(Bytes),
}

impl Content {
    /// Which kind it is.
    pub fn kind(&self) -> ContentKind {
        match self {
            Content::Value(Value::Bool(_)) => ContentKind::Bool,
            Content::Value(Value::Int(_)) => ContentKind::Int,
            Content::Value(Value::Float(_)) => ContentKind::Float,
            Content::Value(Value::Text(_)) => ContentKind::Text,
            Content::Bytes(_) => ContentKind::Bytes,
        }
    }
}

/// Why a value cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The value travels in a field that its datatype does not use.
    #[error("a {datatype:?} in a field for something else")]
    Field {
        /// The datatype.
        datatype: DataType,
    },
    /// The number does not fit.
    #[error("the number does not fit a {datatype:?}, or 63 bits")]
    Range {
        /// The datatype.
        datatype: DataType,
    },
    /// The value is of another kind than the datatype.
    #[error("a value of another kind than {datatype:?}")]
    Kind {
        /// The datatype.
        datatype: DataType,
    },
    /// A text that is no value any more.
    #[error("a text of {bytes} bytes; at most {TEXT_BYTES_MAX} are read")]
    TextTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A data set, a template, an array, or a code that does not exist.
    #[error("datatype {code} is not read")]
    Unreadable {
        /// The code.
        code: u32,
    },
    /// No datatype in the birth, and the field alone does not tell the sign.
    #[error("no datatype")]
    NoDatatype,
}

/// Reads a value that travelled as `raw`.
///
/// # Errors
/// [`ContentError`] when it has no meaning, or more than one.
pub fn read(datatype: DataType, raw: &RawValue) -> Result<Content, ContentError> {
    let value = match (datatype.kind(), raw) {
        (ContentKind::Unreadable, _) => return Err(ContentError::Unreadable { code: datatype.code() }),
        (ContentKind::Bool, RawValue::Boolean(flag)) => Value::Bool(*flag),
        (ContentKind::Int, RawValue::Int(number)) => Value::Int(read_narrow(datatype, *number)?),
        (ContentKind::Int, RawValue::Long(number)) => Value::Int(read_wide(datatype, *number)?),
        (ContentKind::Float, RawValue::Float(number)) => Value::Float(f64::from(*number)),
        (ContentKind::Float, RawValue::Double(number)) => Value::Float(*number),
        (ContentKind::Text, RawValue::Text(text)) if text.len() > TEXT_BYTES_MAX => {
            return Err(ContentError::TextTooLong { bytes: text.len() });
        }
        (ContentKind::Text, RawValue::Text(text)) => Value::Text(text.as_str().into()),
        (ContentKind::Bytes, RawValue::Bytes(bytes)) => return Ok(Content::Bytes(bytes.clone())),
        _ => return Err(ContentError::Field { datatype }),
    };
    Ok(Content::Value(value))
}

/// The datatype that a field alone makes plain; None where it could be one of several kinds or signs.
pub fn datatype_of_field(raw: &RawValue) -> Option<DataType> {
    match raw {
        RawValue::Float(_) => Some(DataType::Float),
        RawValue::Double(_) => Some(DataType::Double),
        RawValue::Boolean(_) => Some(DataType::Boolean),
        RawValue::Text(_) => Some(DataType::String),
        RawValue::Bytes(_) => Some(DataType::Bytes),
        RawValue::Int(_)
        | RawValue::Long(_)
        | RawValue::DataSet(_)
        | RawValue::Template(_)
        | RawValue::Extension(_) => None,
    }
}

/// A number from the 32-bit field.
fn read_narrow(datatype: DataType, number: u32) -> Result<i64, ContentError> {
    let signed = i64::from(number.cast_signed());
    let unsigned = i64::from(number);
    let fits = match datatype {
        // Some encoders sign-extend to 32 bits, some leave the upper bits zero: both are plain.
        DataType::Int8 => i8::try_from(signed).ok().or(u8::try_from(number).ok().map(u8::cast_signed)).map(i64::from),
        DataType::Int16 => {
            i16::try_from(signed).ok().or(u16::try_from(number).ok().map(u16::cast_signed)).map(i64::from)
        }
        DataType::Int32 => Some(signed),
        DataType::UInt8 => u8::try_from(number).ok().map(i64::from),
        DataType::UInt16 => u16::try_from(number).ok().map(i64::from),
        DataType::UInt32 | DataType::UInt64 | DataType::DateTime => Some(unsigned),
        // An Int64 of 0xFFFF_FFFF in 32 bits may be −1 or 4 294 967 295.
        DataType::Int64 if signed >= 0 => Some(signed),
        _ => return Err(ContentError::Field { datatype }),
    };
    fits.ok_or(ContentError::Range { datatype })
}

/// A number from the 64-bit field.
fn read_wide(datatype: DataType, number: u64) -> Result<i64, ContentError> {
    match datatype {
        DataType::Int64 => Ok(number.cast_signed()),
        DataType::UInt64 | DataType::DateTime => i64::try_from(number).map_err(|_| ContentError::Range { datatype }),
        _ => {
            let signed = number.cast_signed();
            match (u32::try_from(number), i32::try_from(signed)) {
                (Ok(narrow), _) => read_narrow(datatype, narrow),
                (Err(_), Ok(narrow)) => read_narrow(datatype, narrow.cast_unsigned()),
                (Err(_), Err(_)) => Err(ContentError::Range { datatype }),
            }
        }
    }
}

/// Writes a value for the wire.
///
/// # Errors
/// [`ContentError`] when the datatype cannot hold it.
pub fn write(datatype: DataType, content: &Content) -> Result<RawValue, ContentError> {
    let out_of_range = |_| ContentError::Range { datatype };
    Ok(match (datatype, content) {
        (DataType::Boolean, Content::Value(Value::Bool(flag))) => RawValue::Boolean(*flag),
        (DataType::Int64, Content::Value(Value::Int(number))) => RawValue::Long(number.cast_unsigned()),
        (DataType::UInt64 | DataType::DateTime, Content::Value(Value::Int(number))) => {
            RawValue::Long(u64::try_from(*number).map_err(out_of_range)?)
        }
        (_, Content::Value(Value::Int(number))) => RawValue::Int(match datatype {
            DataType::Int8 => i32::from(i8::try_from(*number).map_err(out_of_range)?).cast_unsigned(),
            DataType::Int16 => i32::from(i16::try_from(*number).map_err(out_of_range)?).cast_unsigned(),
            DataType::Int32 => i32::try_from(*number).map_err(out_of_range)?.cast_unsigned(),
            DataType::UInt8 => u32::from(u8::try_from(*number).map_err(out_of_range)?),
            DataType::UInt16 => u32::from(u16::try_from(*number).map_err(out_of_range)?),
            DataType::UInt32 => u32::try_from(*number).map_err(out_of_range)?,
            _ => return Err(ContentError::Kind { datatype }),
        }),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a Float metric is declared as having 24 bits of precision"
        )]
        (DataType::Float, Content::Value(Value::Float(number))) => RawValue::Float(*number as f32),
        (DataType::Double, Content::Value(Value::Float(number))) => RawValue::Double(*number),
        (DataType::String | DataType::Text | DataType::Uuid, Content::Value(Value::Text(text))) => {
            RawValue::Text(text.as_ref().to_owned())
        }
        (DataType::Bytes | DataType::File, Content::Bytes(bytes)) => RawValue::Bytes(bytes.clone()),
        _ => return Err(ContentError::Kind { datatype }),
    })
}

/// Name of the property that holds the quality.
const QUALITY_KEY: &str = "Quality";
/// Name of the property that holds the unit, as Ignition and Tahu call it.
const UNIT_KEY: &str = "engUnit";
/// Longest unit that is read, in bytes.
const UNIT_BYTES_MAX: usize = 32;
const QUALITY_BAD: u32 = 0;
const QUALITY_GOOD: u32 = 192;

/// What the sender says of a metric's quality: good unless it says otherwise. `STALE` (500) is not measured now, hence
/// bad; so is any code that the specification does not list.
pub fn quality_of(metric: &Metric) -> Quality {
    let property = metric.properties.as_ref().and_then(|set| set.get(QUALITY_KEY));
    match property.and_then(|property| property.value.as_ref()) {
        None | Some(RawProperty::Int(QUALITY_GOOD)) => Quality::Good,
        Some(RawProperty::Long(code)) if *code == u64::from(QUALITY_GOOD) => Quality::Good,
        Some(_) => Quality::Bad,
    }
}

/// The properties that say a quality and a unit; None when there is nothing to say. Clock and plausibility are judged
/// by the gateway, so only [`Quality::Bad`] travels.
pub fn properties(quality: Quality, unit: Option<&str>) -> Option<PropertySet> {
    let mut set = PropertySet::default();
    if quality == Quality::Bad {
        let code = RawProperty::Int(QUALITY_BAD);
        let datatype = Some(DataType::Int32.code());
        set.push(QUALITY_KEY, PropertyValue { datatype, is_null: None, value: Some(code) });
    }
    if let Some(unit) = unit.filter(|unit| !unit.is_empty()) {
        let datatype = Some(DataType::String.code());
        let value = Some(RawProperty::Text(unit.to_owned()));
        set.push(UNIT_KEY, PropertyValue { datatype, is_null: None, value });
    }
    if set.keys.is_empty() { None } else { Some(set) }
}

/// The unit that a birth declares; None when it declares none, or something too long to be one.
pub fn unit_of(metric: &Metric) -> Option<&str> {
    match &metric.properties.as_ref()?.get(UNIT_KEY)?.value {
        Some(RawProperty::Text(unit)) if !unit.is_empty() && unit.len() <= UNIT_BYTES_MAX => Some(unit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn int(number: i64) -> Content {
        Content::Value(Value::Int(number))
    }

    #[test]
    fn tck_id_payloads_metric_datatype_value() {
        for datatype in DataType::ALL {
            assert_eq!(DataType::from_code(datatype.code()), Some(datatype));
        }
        assert_eq!(DataType::ALL.map(DataType::code).to_vec(), (1..=19).collect::<Vec<_>>());
        assert_eq!(DataType::from_code(0), None);
        assert_eq!(DataType::from_code(22), None);
    }

    #[test]
    fn signed_numbers_are_twos_complement_of_their_field() {
        use DataType::{Int8, Int16, Int32, Int64};
        let check = |datatype, raw: RawValue, expected: i64| {
            assert_eq!(read(datatype, &raw), Ok(int(expected)), "{datatype:?} {raw:?}");
            assert_eq!(read(datatype, &write(datatype, &int(expected)).unwrap()), Ok(int(expected)));
        };
        check(Int8, RawValue::Int(0xFFFF_FFFF), -1);
        check(Int8, RawValue::Int(0xFF), -1);
        check(Int8, RawValue::Int(0x80), -128);
        check(Int16, RawValue::Int(0xFFFF_8000), -32768);
        check(Int16, RawValue::Int(0x8000), -32768);
        check(Int32, RawValue::Int(0x8000_0000), i64::from(i32::MIN));
        check(Int32, RawValue::Long(0xFFFF_FFFF_FFFF_FFFF), -1);
        check(Int32, RawValue::Long(0xFFFF_FFFF), -1);
        check(Int64, RawValue::Long(u64::MAX), -1);
        check(Int64, RawValue::Long(1 << 63), i64::MIN);
        check(DataType::UInt32, RawValue::Int(u32::MAX), i64::from(u32::MAX));
        check(DataType::DateTime, RawValue::Long(1_790_000_000_000), 1_790_000_000_000);
    }

    #[test]
    fn what_has_no_meaning_or_two_is_refused() {
        let check = |datatype, raw: RawValue, expected: &str| {
            assert_eq!(read(datatype, &raw).unwrap_err().to_string(), expected);
        };
        check(DataType::Int8, RawValue::Int(256), "the number does not fit a Int8, or 63 bits");
        check(DataType::UInt8, RawValue::Int(256), "the number does not fit a UInt8, or 63 bits");
        check(DataType::UInt64, RawValue::Long(u64::MAX), "the number does not fit a UInt64, or 63 bits");
        check(DataType::Int64, RawValue::Int(u32::MAX), "a Int64 in a field for something else");
        check(DataType::Float, RawValue::Int(1), "a Float in a field for something else");
        check(DataType::Boolean, RawValue::Int(1), "a Boolean in a field for something else");
        check(DataType::DataSet, RawValue::DataSet(Bytes::new()), "datatype 16 is not read");
        check(
            DataType::String,
            RawValue::Text("x".repeat(TEXT_BYTES_MAX + 1)),
            "a text of 4097 bytes; at most 4096 are read",
        );
    }

    #[test]
    fn a_value_that_the_datatype_cannot_hold_is_not_written() {
        assert_eq!(write(DataType::Int8, &int(128)), Err(ContentError::Range { datatype: DataType::Int8 }));
        assert_eq!(write(DataType::UInt64, &int(-1)), Err(ContentError::Range { datatype: DataType::UInt64 }));
        assert_eq!(write(DataType::Float, &int(1)), Err(ContentError::Kind { datatype: DataType::Float }));
        let flag = Content::Value(Value::Bool(true));
        assert_eq!(write(DataType::Int32, &flag), Err(ContentError::Kind { datatype: DataType::Int32 }));
    }

    #[test]
    fn tck_id_payloads_propertyset_quality_value_type() {
        let set = properties(Quality::Bad, None).unwrap();
        let quality = set.get("Quality").unwrap();
        assert_eq!(quality.datatype, Some(3));
    }

    #[test]
    fn tck_id_payloads_propertyset_quality_value_value() {
        let metric = |code: u32| Metric {
            properties: Some(PropertySet {
                keys: vec!["Quality".into()],
                values: vec![PropertyValue { datatype: Some(3), is_null: None, value: Some(RawProperty::Int(code)) }],
            }),
            ..Metric::default()
        };
        assert_eq!(quality_of(&metric(192)), Quality::Good);
        assert_eq!(quality_of(&metric(0)), Quality::Bad);
        assert_eq!(quality_of(&metric(500)), Quality::Bad);
        assert_eq!(quality_of(&metric(7)), Quality::Bad);
        assert_eq!(quality_of(&Metric::default()), Quality::Good);
        let bad = Metric { properties: properties(Quality::Bad, Some("°C")), ..Metric::default() };
        assert_eq!(quality_of(&bad), Quality::Bad);
        assert_eq!(unit_of(&bad), Some("°C"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(code in 1..=18_u32, number: i64, float: f64, flag: bool, text in ".{0,40}", bytes: Vec<u8>) {
            let datatype = DataType::from_code(code).unwrap();
            let content = match datatype.kind() {
                ContentKind::Bool => Content::Value(Value::Bool(flag)),
                ContentKind::Int => int(number),
                ContentKind::Float if datatype == DataType::Float => {
                    #[expect(clippy::cast_possible_truncation)]
                    let single = float as f32;
                    Content::Value(Value::Float(f64::from(single)))
                }
                ContentKind::Float => Content::Value(Value::Float(float)),
                ContentKind::Text => Content::Value(Value::Text(text.as_str().into())),
                ContentKind::Bytes => Content::Bytes(bytes.into()),
                ContentKind::Unreadable => return Ok(()),
            };
            if let Ok(raw) = write(datatype, &content) {
                prop_assert_eq!(read(datatype, &raw).unwrap(), content);
            } else {
                prop_assert_eq!(datatype.kind(), ContentKind::Int);
            }
        }
    }
}
