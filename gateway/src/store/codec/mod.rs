//! Readings as bytes: what the journal, the head and the chunks are made of. Pure: bytes in, values out.
//!
//! Whatever stands on disk carries a version and a checksum, and is decoded within bounds that the reader sets, so that
//! a damaged row is an error with a name and never a crash or an endless allocation.

pub(in crate::store) mod bytes;
pub(in crate::store) mod chunk;
pub(in crate::store) mod column;
pub(in crate::store) mod decimal;
pub(in crate::store) mod journal;

use domain::{
    id::SeriesId,
    reading::{Quality, Reading, Value},
    time::UnixMs,
};

/// A reading whose series is known from where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct Sample {
    /// When the edge took it, by the edge's clock.
    pub(in crate::store) at: UnixMs,
    /// What was measured; None when the source could not be read.
    pub(in crate::store) value: Option<Value>,
    /// How far to trust it.
    pub(in crate::store) quality: Quality,
}

impl Sample {
    /// The number that statistics are made of: None for text, for what is not finite, and for what rules may not judge.
    pub(in crate::store) fn usable(&self) -> Option<f64> {
        if !self.quality.is_usable() {
            return None;
        }
        self.value.as_ref().and_then(Value::as_f64).filter(|number| number.is_finite())
    }

    /// The sample with its series.
    pub(in crate::store) fn of_series(self, series: SeriesId) -> Reading {
        Reading { series, event_time: self.at, value: self.value, quality: self.quality }
    }
}

impl From<&Reading> for Sample {
    fn from(reading: &Reading) -> Self {
        Self { at: reading.event_time, value: reading.value.clone(), quality: reading.quality }
    }
}

/// Why bytes are not readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum CodecError {
    /// The bytes end early.
    #[error("the bytes end in the middle")]
    Truncated,
    /// There are bytes after the end.
    #[error("there are bytes after the end")]
    Trailing,
    /// The checksum does not match: the row is damaged.
    #[error("the checksum does not match")]
    Checksum,
    /// A version this gateway does not know: written by a newer one.
    #[error("version {0} is not known to this gateway")]
    Version(u8),
    /// More readings than allowed in one place.
    #[error("{count} readings in one row; at most {limit} are allowed")]
    TooMany {
        /// What the bytes claim.
        count: u64,
        /// What is allowed.
        limit: usize,
    },
    /// A number that stands for nothing.
    #[error("a {0} has a number that stands for nothing")]
    Meaningless(&'static str),
}

#[cfg(test)]
pub(in crate::store) mod strategies {
    //! Readings of every kind, for property tests.

    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            1 => Just(None),
            2 => any::<bool>().prop_map(|flag| Some(Value::Bool(flag))),
            2 => (-3_i64..20).prop_map(|count| Some(Value::Int(count))),
            1 => any::<i64>().prop_map(|count| Some(Value::Int(count))),
            4 => (-400_i32..4000).prop_map(|tenths| Some(Value::Float(f64::from(tenths) / 10.0))),
            2 => any::<u64>().prop_map(|bits| Some(Value::Float(f64::from_bits(bits)))),
            1 => Just(Some(Value::Float(f64::NAN))),
            1 => Just(Some(Value::Float(-0.0))),
            2 => proptest::sample::select(vec!["", "1F", "负一楼", "v1.2.3"]).prop_map(|text| Some(Value::Text(text.into()))),
        ]
    }

    /// Samples with equal, rising, falling and impossible times.
    pub(in crate::store) fn samples(limit: usize) -> impl Strategy<Value = Vec<Sample>> {
        let time = prop_oneof![
            6 => (0_i64..50).prop_map(|step| 1_790_000_000_000 + step * 1000),
            2 => 1_790_000_000_000_i64..1_790_000_060_000,
            1 => any::<i64>(),
        ];
        let sample = (time, values(), 0_u8..4).prop_map(|(at, value, quality)| Sample {
            at: UnixMs(at),
            value,
            quality: Quality::from_u8(quality).expect("0 to 3 are qualities"),
        });
        proptest::collection::vec(sample, 0..limit)
    }

    /// Equal to the bit, so that one NaN is the other and -0 is not 0.
    pub(in crate::store) fn same(left: &[Sample], right: &[Sample]) -> bool {
        let bits = |sample: &Sample| match &sample.value {
            Some(Value::Float(number)) => Some(number.to_bits()),
            _ => None,
        };
        left.len() == right.len()
            && left.iter().zip(right).all(|(a, b)| {
                a.at == b.at
                    && a.quality == b.quality
                    && bits(a) == bits(b)
                    && (bits(a).is_some() || a.value == b.value)
            })
    }
}
