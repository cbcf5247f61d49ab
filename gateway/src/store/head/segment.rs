//! Readings of one series in memory, in order of arrival, at one to four bytes each.
//!
//! Sensors repeat themselves: the same interval, the same value or nearly, the same few decimals. Each reading is one
//! head byte and what is new about it:
//!
//! ```text
//! head: bits 0–2 kind · bits 3–4 quality · bit 5 same interval as before · bits 6–7 decimals (kind 5)
//! then: [signed interval in ms] · value
//! kind: 0 same value as before · 1 none · 2 false · 3 true · 4 Int, signed step · 5 decimal, signed step ·
//!       6 Float, 8 bytes · 7 Text
//! ```
//!
//! A decimal is a float that is exactly a whole number divided by 1, 10, 100 or 1000, checked bit by bit.

use domain::{
    reading::{Quality, Value},
    time::UnixMs,
};

use crate::store::{
    batch::JournalId,
    codec::{
        CodecError, Sample,
        bytes::{Reader, put_signed, put_text},
    },
};

const QUALITY_SHIFT: u8 = 3;
const SAME_INTERVAL: u8 = 1 << 5;
const DECIMALS_SHIFT: u8 = 6;
const SCALES: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];
/// Whole numbers up to here are exact in a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A run of readings of one series.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Segment {
    bytes: Vec<u8>,
    count: u32,
    before: Before,
    /// Journal row of the oldest reading; 0: empty.
    first_journal: JournalId,
    /// Journal row of the newest reading; 0: empty.
    last_journal: JournalId,
    /// When the oldest reading was received.
    received: i64,
}

/// What the next reading is told apart from.
#[derive(Debug, Clone, Default)]
struct Before {
    time: i64,
    interval: i64,
    integer: i64,
    scaled: [i64; 4],
    value: Option<Value>,
}

impl Segment {
    /// Adds a reading of journal row `journal`, received at `received`.
    pub(in crate::store) fn push(&mut self, sample: &Sample, journal: JournalId, received: UnixMs) {
        if self.count == 0 {
            self.first_journal = journal;
            self.received = received.0;
        }
        self.last_journal = journal;
        self.count += 1;
        self.before.write(sample, &mut self.bytes);
    }

    /// How many readings.
    pub(in crate::store) const fn count(&self) -> u32 {
        self.count
    }

    /// Journal rows of the oldest and the newest reading; None: empty.
    pub(in crate::store) const fn journal_range(&self) -> Option<(JournalId, JournalId)> {
        if self.count == 0 { None } else { Some((self.first_journal, self.last_journal)) }
    }

    /// When the oldest reading was received; None: empty.
    pub(in crate::store) const fn received(&self) -> Option<UnixMs> {
        if self.count == 0 { None } else { Some(UnixMs(self.received)) }
    }

    /// The readings in order of arrival.
    pub(in crate::store) fn samples(&self) -> impl Iterator<Item = Sample> + '_ {
        let mut reader = Reader::new(&self.bytes);
        let mut before = Before::default();
        (0..self.count).map(move |_| before.read(&mut reader).expect("a segment holds what `push` wrote"))
    }

    /// Bytes of memory that the readings take.
    #[cfg(test)]
    pub(in crate::store) fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl Before {
    fn write(&mut self, sample: &Sample, out: &mut Vec<u8>) {
        let interval = sample.at.0.wrapping_sub(self.time);
        let mut head = (sample.quality as u8) << QUALITY_SHIFT;
        if interval == self.interval {
            head |= SAME_INTERVAL;
        }
        let at = out.len();
        out.push(head);
        if interval != self.interval {
            put_signed(out, interval);
        }
        out[at] |= self.write_value(sample.value.as_ref(), out);
        (self.time, self.interval) = (sample.at.0, interval);
    }

    /// Writes the value and answers kind and decimals.
    fn write_value(&mut self, value: Option<&Value>, out: &mut Vec<u8>) -> u8 {
        let Some(value) = value else {
            self.value = None;
            return 1;
        };
        if self.value.as_ref().is_some_and(|before| is_same(before, value)) {
            return 0;
        }
        self.value = Some(value.clone());
        match value {
            Value::Bool(false) => 2,
            Value::Bool(true) => 3,
            Value::Int(count) => {
                put_signed(out, count.wrapping_sub(self.integer));
                self.integer = *count;
                4
            }
            Value::Float(quantity) => {
                let Some((decimals, scaled)) = decimal(*quantity) else {
                    out.extend_from_slice(&quantity.to_le_bytes());
                    return 6;
                };
                let before = &mut self.scaled[usize::from(decimals)];
                put_signed(out, scaled.wrapping_sub(*before));
                *before = scaled;
                5 | decimals << DECIMALS_SHIFT
            }
            Value::Text(text) => {
                put_text(out, text);
                7
            }
        }
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<Sample, CodecError> {
        let head = reader.byte()?;
        if head & SAME_INTERVAL == 0 {
            self.interval = reader.signed()?;
        }
        self.time = self.time.wrapping_add(self.interval);
        let quality = Quality::from_u8((head >> QUALITY_SHIFT) & 0b11).ok_or(CodecError::Meaningless("quality"))?;
        self.value = match head & 0b111 {
            0 => self.value.take(),
            1 => None,
            2 => Some(Value::Bool(false)),
            3 => Some(Value::Bool(true)),
            4 => {
                self.integer = self.integer.wrapping_add(reader.signed()?);
                Some(Value::Int(self.integer))
            }
            5 => {
                let decimals = usize::from(head >> DECIMALS_SHIFT);
                let scaled = self.scaled[decimals].wrapping_add(reader.signed()?);
                self.scaled[decimals] = scaled;
                Some(Value::Float(quotient(scaled, SCALES[decimals])))
            }
            6 => Some(Value::Float(f64::from_le_bytes(reader.array()?))),
            _ => Some(Value::Text(reader.text()?.into())),
        };
        Ok(Sample { at: UnixMs(self.time), value: self.value.clone(), quality })
    }
}

/// Equal to the bit: one NaN is the other, -0 is not 0.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => left.to_bits() == right.to_bits(),
        _ => left == right,
    }
}

/// The fewest decimals, up to three, with which a float is exactly a whole number divided by a power of ten.
fn decimal(quantity: f64) -> Option<(u8, i64)> {
    (0_u8..).zip(SCALES).find_map(|(decimals, scale)| {
        let scaled = (quantity * scale).round();
        if scaled.is_nan() || scaled.abs() > EXACT_MAX {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range, as just checked")]
        let scaled = scaled as i64;
        (quotient(scaled, scale).to_bits() == quantity.to_bits()).then_some((decimals, scaled))
    })
}

#[expect(clippy::cast_precision_loss, reason = "`decimal` lets only exact whole numbers through")]
fn quotient(scaled: i64, scale: f64) -> f64 {
    scaled as f64 / scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::codec::strategies;

    proptest! {
        #[test]
        fn samples_come_back_to_the_bit_in_order_of_arrival(samples in strategies::samples(120)) {
            let mut segment = Segment::default();
            for sample in &samples {
                segment.push(sample, JournalId(7), UnixMs(9));
            }
            prop_assert!(strategies::same(&segment.samples().collect::<Vec<_>>(), &samples));
        }
    }

    #[test]
    fn a_regular_series_takes_few_bytes() {
        let size_of = |value: fn(i32) -> Value| {
            let mut segment = Segment::default();
            for second in 0..1000_i32 {
                let at = UnixMs(1_790_000_000_000 + i64::from(second) * 1000);
                let sample = Sample { at, value: Some(value(second)), quality: Quality::Good };
                segment.push(&sample, JournalId(1), at);
            }
            segment.size()
        };
        let state = size_of(|second| Value::Int(i64::from(second / 300)));
        let temperature = size_of(|second| Value::Float(f64::from(40 + second % 7) / 10.0));
        assert!(state < 1020, "{state} bytes for 1000 readings of a state");
        assert!(temperature < 2030, "{temperature} bytes for 1000 readings of a temperature");
    }
}
