//! Readings of one series in memory, in order of arrival, at one to four bytes each.
//!
//! Sensors repeat themselves: the same interval, the same value or nearly, the same few decimals. A good number that comes
//! after the same interval and is less than 64 steps from the one before is one byte. Any other reading is one head byte
//! and what is new about it:
//!
//! ```text
//! bit 7 set:   a step of the latest kind of number, in bits 0–6 as two's complement
//! bit 7 clear: bits 0–2 kind · bits 3–4 quality · bit 5 same interval as before · bit 6 other decimals (kind 5)
//!              then: [signed change of the interval in ms] · [u8 decimals] · value
//! kind: 0 same value as before · 1 none · 2 false · 3 true · 4 Int, signed step · 5 decimal, signed step ·
//!       6 Float, 8 bytes · 7 Text
//! ```
//!
//! A decimal is a float that is exactly a whole number divided by a power of ten, checked bit by bit. The power is kept
//! until a value needs another one, so that 4.0 between 3.9 and 4.1 is a step of one.

use domain::{
    reading::{Quality, Value},
    time::UnixMs,
};

use crate::store::{
    batch::JournalId,
    codec::{
        CodecError, Sample,
        bytes::{Reader, put_signed, put_text},
        decimal::{self, Decimals},
    },
};

const IS_STEP: u8 = 1 << 7;
const QUALITY_SHIFT: u8 = 3;
const SAME_INTERVAL: u8 = 1 << 5;
const OTHER_DECIMALS: u8 = 1 << 6;
/// Smallest and largest step of one byte.
const STEPS: std::ops::RangeInclusive<i64> = -64..=63;
/// The most bytes of a reading that is not text: head, interval, decimals, number.
const RECORD_BYTES_MAX: usize = 1 + 10 + 1 + 10;
/// Memory grows by an eighth, within these bounds in bytes: doubling would leave a quarter of all open tails empty.
const GROWTH: std::ops::RangeInclusive<usize> = 32..=1024;

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
    /// The latest decimal, in units of `decimals`.
    scaled: i64,
    decimals: Decimals,
    /// Whether the latest number was a decimal, not an Int.
    is_decimal: bool,
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
        let text_bytes = if let Some(Value::Text(text)) = &sample.value { text.len() } else { 0 };
        let needed = RECORD_BYTES_MAX + text_bytes;
        if self.bytes.capacity() - self.bytes.len() < needed {
            let growth = (self.bytes.len() / 8).clamp(*GROWTH.start(), *GROWTH.end());
            self.bytes.reserve_exact(needed.max(growth));
        }
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

    /// Bytes of memory that the readings take, spare room included.
    #[cfg(test)]
    pub(in crate::store) fn size(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Before {
    fn write(&mut self, sample: &Sample, out: &mut Vec<u8>) {
        let interval = sample.at.0.wrapping_sub(self.time);
        let change = interval.wrapping_sub(self.interval);
        (self.time, self.interval) = (sample.at.0, interval);
        if change == 0 && sample.quality == Quality::Good && self.write_step(sample.value.as_ref(), out) {
            return;
        }
        let at = out.len();
        out.push((sample.quality as u8) << QUALITY_SHIFT);
        if change == 0 {
            out[at] |= SAME_INTERVAL;
        } else {
            put_signed(out, change);
        }
        out[at] |= self.write_value(sample.value.as_ref(), out);
    }

    /// Writes a number that is a small step from the one before, as one byte.
    fn write_step(&mut self, value: Option<&Value>, out: &mut Vec<u8>) -> bool {
        let (now, before) = match value {
            Some(Value::Int(count)) if !self.is_decimal => (*count, &mut self.integer),
            Some(Value::Float(quantity)) if self.is_decimal => match self.decimals.scaled(*quantity) {
                Some(scaled) => (scaled, &mut self.scaled),
                None => return false,
            },
            _ => return false,
        };
        let step = now.wrapping_sub(*before);
        if !STEPS.contains(&step) {
            return false;
        }
        *before = now;
        self.value = value.cloned();
        out.push(IS_STEP | (step.to_le_bytes()[0] & !IS_STEP));
        true
    }

    /// Writes the value and answers its bits of the head.
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
                (self.integer, self.is_decimal) = (*count, false);
                4
            }
            Value::Float(quantity) => {
                let Some((decimals, scaled)) = decimal::find(*quantity, self.decimals) else {
                    out.extend_from_slice(&quantity.to_le_bytes());
                    return 6;
                };
                let mut head = 5;
                if decimals != self.decimals {
                    head |= OTHER_DECIMALS;
                    out.push(decimals.count());
                    (self.decimals, self.scaled) = (decimals, 0);
                }
                put_signed(out, scaled.wrapping_sub(self.scaled));
                (self.scaled, self.is_decimal) = (scaled, true);
                head
            }
            Value::Text(text) => {
                put_text(out, text);
                7
            }
        }
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<Sample, CodecError> {
        let head = reader.byte()?;
        if head & IS_STEP != 0 {
            // The seventh bit is the sign.
            let step = i64::from((head << 1).cast_signed() >> 1);
            self.time = self.time.wrapping_add(self.interval);
            self.value = Some(if self.is_decimal {
                self.scaled = self.scaled.wrapping_add(step);
                Value::Float(self.decimals.quantity(self.scaled))
            } else {
                self.integer = self.integer.wrapping_add(step);
                Value::Int(self.integer)
            });
            return Ok(Sample { at: UnixMs(self.time), value: self.value.clone(), quality: Quality::Good });
        }
        if head & SAME_INTERVAL == 0 {
            self.interval = self.interval.wrapping_add(reader.signed()?);
        }
        self.time = self.time.wrapping_add(self.interval);
        let quality = Quality::from_u8((head >> QUALITY_SHIFT) & 0b11).ok_or(CodecError::Meaningless("quality"))?;
        self.value = match head & 0b111 {
            0 => self.value.take(),
            1 => None,
            2 => Some(Value::Bool(false)),
            3 => Some(Value::Bool(true)),
            4 => {
                (self.integer, self.is_decimal) = (self.integer.wrapping_add(reader.signed()?), false);
                Some(Value::Int(self.integer))
            }
            5 => {
                if head & OTHER_DECIMALS != 0 {
                    (self.decimals, self.scaled) = (Decimals::read(reader)?, 0);
                }
                (self.scaled, self.is_decimal) = (self.scaled.wrapping_add(reader.signed()?), true);
                Some(Value::Float(self.decimals.quantity(self.scaled)))
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
        let size_of = |value: fn(i32) -> Value, jitter: fn(i32) -> i32| {
            let mut segment = Segment::default();
            for second in 0..1000_i32 {
                let at = UnixMs(1_790_000_000_000 + i64::from(second * 1000 + jitter(second)));
                let sample = Sample { at, value: Some(value(second)), quality: Quality::Good };
                segment.push(&sample, JournalId(1), at);
            }
            segment.size()
        };
        let state: fn(i32) -> Value = |second| Value::Int(i64::from(second / 300));
        let temperature: fn(i32) -> Value = |second| Value::Float(f64::from(40 + second % 7) / 10.0);
        let steady = |_| 0;
        let sizes = [size_of(state, steady), size_of(temperature, steady), size_of(temperature, |second| second % 8)];
        assert!(sizes[0] < 1200, "{} bytes for 1000 readings of a state", sizes[0]);
        assert!(sizes[1] < 1200, "{} bytes for 1000 readings of a temperature", sizes[1]);
        assert!(sizes[2] < 3400, "{} bytes for 1000 readings of a temperature that come up to 7 ms late", sizes[2]);
    }
}
