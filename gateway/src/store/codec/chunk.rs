//! Readings of one series as a compressed frame: what history is made of. Half a byte a reading, or less.
//!
//! Column by column, because each compresses differently: times and numbers as `column` says, kinds and qualities as runs,
//! texts as a dictionary. Order is kept, bits of floats too. Version 2, little-endian:
//!
//! ```text
//! u8 version · varint count · times · runs of qualities · runs of kinds · [integers] · [floats] · [texts] · u32 CRC-32
//! times, integers, floats: see `column`; a column without values is left out
//! runs:  (varint length, u8 code) until all readings are covered
//! texts: varint count · texts in order of appearance · runs with varint numbers instead of codes
//! ```
//!
//! In version 1, which is still read, a column of numbers is a varint length and a standalone pco file.

use std::{collections::HashMap, sync::Arc};

use domain::{
    reading::{Quality, Value},
    time::UnixMs,
};
use pco::{data_types::Number, standalone};

use super::{
    CodecError, Sample,
    bytes::{Reader, put_text, put_varint, seal, unseal},
    column::{self, put_floats, put_integers, put_times},
};

const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;
const KIND_NONE: u8 = 0;
const KIND_FALSE: u8 = 1;
const KIND_TRUE: u8 = 2;
const KIND_INT: u8 = 3;
const KIND_FLOAT: u8 = 4;
const KIND_TEXT: u8 = 5;
const KIND_COUNT: usize = 6;

/// The most readings in one chunk: nine hours at 1 Hz. Longer tails become several chunks, so that a narrow query decodes
/// little: 0.4 ms at most. Smaller ones leave more of the database's pages of 4 KiB empty: up to half of one beside each frame.
pub(in crate::store) const READINGS_MAX: usize = 32_768;

/// What a query needs to know of a chunk without opening it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::store) struct Summary {
    /// Smallest event time.
    pub(in crate::store) first_at: UnixMs,
    /// Largest event time, inclusive.
    pub(in crate::store) last_at: UnixMs,
    /// All readings.
    pub(in crate::store) reading_count: u64,
    /// Those in the three figures.
    pub(in crate::store) usable_count: u64,
    /// Smallest usable number; means nothing when there is none.
    pub(in crate::store) min: f64,
    /// Largest usable number; means nothing when there is none.
    pub(in crate::store) max: f64,
    /// Sum of the usable numbers.
    pub(in crate::store) sum: f64,
}

impl Summary {
    /// Of some readings; None: there are none.
    pub(in crate::store) fn of(samples: &[Sample]) -> Option<Self> {
        let first_at = samples.iter().map(|sample| sample.at).min()?;
        let last_at = samples.iter().map(|sample| sample.at).max()?;
        let mut summary = Self {
            first_at,
            last_at,
            reading_count: samples.len() as u64,
            usable_count: 0,
            min: f64::MAX,
            max: f64::MIN,
            sum: 0.0,
        };
        for number in samples.iter().filter_map(Sample::usable) {
            summary.usable_count += 1;
            summary.min = summary.min.min(number);
            summary.max = summary.max.max(number);
            summary.sum += number;
        }
        Some(summary)
    }
}

/// The readings as one frame, in their order; at most [`READINGS_MAX`].
pub(in crate::store) fn encode(samples: &[Sample]) -> Vec<u8> {
    debug_assert!(samples.len() <= READINGS_MAX, "the caller splits longer tails");
    let mut out = vec![VERSION];
    put_varint(&mut out, samples.len() as u64);
    if !samples.is_empty() {
        put_times(&mut out, &samples.iter().map(|sample| sample.at.0).collect::<Vec<_>>());
    }
    put_runs(&mut out, samples.iter().map(|sample| sample.quality as u8), Vec::push);
    put_runs(&mut out, samples.iter().map(kind_of), Vec::push);

    let (mut integers, mut floats, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for sample in samples {
        match &sample.value {
            None | Some(Value::Bool(_)) => {}
            Some(Value::Int(count)) => integers.push(*count),
            Some(Value::Float(quantity)) => floats.push(*quantity),
            Some(Value::Text(text)) => texts.push(text),
        }
    }
    if !integers.is_empty() {
        put_integers(&mut out, &integers);
    }
    if !floats.is_empty() {
        put_floats(&mut out, &floats);
    }
    put_texts(&mut out, &texts);
    seal(out)
}

/// The columns of a frame.
struct Columns {
    times: Vec<i64>,
    /// Lengths and codes, as are `kinds`.
    qualities: Vec<(usize, u8)>,
    kinds: Vec<(usize, u8)>,
    integers: Vec<i64>,
    floats: Vec<f64>,
    texts: Vec<Arc<str>>,
}

impl Columns {
    fn read(frame: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(unseal(frame)?);
        let version = reader.byte()?;
        if version != VERSION && version != FIRST_VERSION {
            return Err(CodecError::Version(version));
        }
        let count = reader.varint()?;
        let count = usize::try_from(count)
            .ok()
            .filter(|&count| count <= READINGS_MAX)
            .ok_or(CodecError::TooMany { count, limit: READINGS_MAX })?;
        let integers = if version == FIRST_VERSION { standalone_numbers } else { column::integers };
        let floats = if version == FIRST_VERSION { standalone_numbers } else { column::floats };
        let times = if count == 0 { Vec::new() } else { integers(&mut reader, count)? };
        let qualities = runs(&mut reader, count, Reader::byte)?;
        let kinds = runs(&mut reader, count, Reader::byte)?;
        let mut counts = [0_usize; KIND_COUNT];
        for &(length, kind) in &kinds {
            *counts.get_mut(usize::from(kind)).ok_or(CodecError::Meaningless("value"))? += length;
        }
        let count_of = |kind: u8| counts[usize::from(kind)];
        let integers = if count_of(KIND_INT) == 0 { Vec::new() } else { integers(&mut reader, count_of(KIND_INT))? };
        let floats = if count_of(KIND_FLOAT) == 0 { Vec::new() } else { floats(&mut reader, count_of(KIND_FLOAT))? };
        let texts = texts(&mut reader, count_of(KIND_TEXT))?;
        reader.finish()?;
        Ok(Self { times, qualities, kinds, integers, floats, texts })
    }
}

/// The readings of a frame.
///
/// # Errors
/// [`CodecError`] when the frame is damaged, of a newer version, or claims more than [`READINGS_MAX`] readings.
pub(in crate::store) fn decode(frame: &[u8]) -> Result<Vec<Sample>, CodecError> {
    let Columns { times, qualities, kinds, integers, floats, texts } = Columns::read(frame)?;
    let (mut integers, mut floats, mut texts) = (integers.into_iter(), floats.into_iter(), texts.into_iter());
    let samples = times.into_iter().zip(each(qualities)).zip(each(kinds)).map(|((at, quality), kind)| {
        let value = match kind {
            KIND_NONE => None,
            KIND_FALSE => Some(Value::Bool(false)),
            KIND_TRUE => Some(Value::Bool(true)),
            KIND_INT => integers.next().map(Value::Int),
            KIND_FLOAT => floats.next().map(Value::Float),
            KIND_TEXT => texts.next().map(Value::Text),
            _ => return Err(CodecError::Meaningless("value")),
        };
        let quality = Quality::from_u8(quality).ok_or(CodecError::Meaningless("quality"))?;
        Ok(Sample { at: UnixMs(at), value, quality })
    });
    samples.collect()
}

/// The readings of a frame as far as statistics go.
#[derive(Debug)]
pub(in crate::store) struct Usable {
    /// When.
    pub(in crate::store) times: Vec<UnixMs>,
    /// [`Sample::usable`] of each; NaN where there is none.
    pub(in crate::store) numbers: Vec<f64>,
}

/// Time and number of every reading of a frame: what statistics need, at a fraction of the cost of [`decode`].
///
/// # Errors
/// As [`decode`].
pub(in crate::store) fn decode_usable(frame: &[u8]) -> Result<Usable, CodecError> {
    let Columns { times, qualities, kinds, integers, floats, texts: _ } = Columns::read(frame)?;
    let mut numbers: Vec<f64> = Vec::with_capacity(times.len());
    let (mut integers, mut floats) = (integers.as_slice(), floats.as_slice());
    for (length, kind) in kinds {
        let whole = numbers.len() + length;
        match kind {
            KIND_FALSE => numbers.resize(whole, 0.0),
            KIND_TRUE => numbers.resize(whole, 1.0),
            KIND_INT => {
                let (run, rest) = integers.split_at_checked(length).ok_or(CodecError::Truncated)?;
                #[expect(clippy::cast_precision_loss, reason = "as `Value::as_f64`")]
                numbers.extend(run.iter().map(|count| *count as f64));
                integers = rest;
            }
            KIND_FLOAT => {
                let (run, rest) = floats.split_at_checked(length).ok_or(CodecError::Truncated)?;
                numbers.extend(run.iter().copied().map(finite));
                floats = rest;
            }
            _ => numbers.resize(whole, f64::NAN),
        }
    }
    let mut place = 0;
    for (length, quality) in qualities {
        let quality = Quality::from_u8(quality).ok_or(CodecError::Meaningless("quality"))?;
        if !quality.is_usable() {
            numbers[place..place + length].fill(f64::NAN);
        }
        place += length;
    }
    Ok(Usable { times: times.into_iter().map(UnixMs).collect(), numbers })
}

const fn finite(quantity: f64) -> f64 {
    if quantity.is_finite() { quantity } else { f64::NAN }
}

fn kind_of(sample: &Sample) -> u8 {
    match sample.value {
        None => KIND_NONE,
        Some(Value::Bool(false)) => KIND_FALSE,
        Some(Value::Bool(true)) => KIND_TRUE,
        Some(Value::Int(_)) => KIND_INT,
        Some(Value::Float(_)) => KIND_FLOAT,
        Some(Value::Text(_)) => KIND_TEXT,
    }
}

/// A column of version 1.
fn standalone_numbers<T: Number + Default>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, CodecError> {
    let length = reader.length()?;
    let packed = reader.slice(length)?;
    let mut numbers = vec![T::default(); count];
    let progress =
        standalone::simple_decompress_into(packed, &mut numbers).map_err(|_| CodecError::Meaningless("column"))?;
    if progress.finished && progress.n_processed == count { Ok(numbers) } else { Err(CodecError::Truncated) }
}

fn put_runs<T: PartialEq + Copy>(out: &mut Vec<u8>, codes: impl IntoIterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) {
    let mut run: Option<(u64, T)> = None;
    for code in codes {
        run = match run {
            Some((length, before)) if before == code => Some((length + 1, code)),
            ended => {
                if let Some((length, before)) = ended {
                    put_varint(out, length);
                    put(out, before);
                }
                Some((1, code))
            }
        };
    }
    if let Some((length, code)) = run {
        put_varint(out, length);
        put(out, code);
    }
}

fn runs<'a, T>(
    reader: &mut Reader<'a>,
    count: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<T, CodecError>,
) -> Result<Vec<(usize, T)>, CodecError> {
    let (mut runs, mut left) = (Vec::new(), count);
    while left > 0 {
        let length = reader.length()?;
        if length == 0 || length > left {
            return Err(CodecError::Meaningless("run"));
        }
        left -= length;
        runs.push((length, read(reader)?));
    }
    Ok(runs)
}

/// The code of every reading.
fn each<T: Copy>(runs: Vec<(usize, T)>) -> impl Iterator<Item = T> {
    runs.into_iter().flat_map(|(length, code)| std::iter::repeat_n(code, length))
}

fn put_texts(out: &mut Vec<u8>, texts: &[&Arc<str>]) {
    if texts.is_empty() {
        return;
    }
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut words: Vec<&str> = Vec::new();
    let indices: Vec<u64> = texts
        .iter()
        .map(|&text| {
            *numbers.entry(text).or_insert_with(|| {
                words.push(text);
                words.len() as u64 - 1
            })
        })
        .collect();
    put_varint(out, words.len() as u64);
    for word in words {
        put_text(out, word);
    }
    put_runs(out, indices, put_varint);
}

fn texts(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Arc<str>>, CodecError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let word_count = reader.length()?;
    if word_count > count {
        return Err(CodecError::Meaningless("dictionary"));
    }
    let words: Vec<Arc<str>> =
        (0..word_count).map(|_| reader.text().map(Arc::from)).collect::<Result<_, CodecError>>()?;
    each(runs(reader, count, Reader::length)?)
        .map(|index| words.get(index).cloned().ok_or(CodecError::Meaningless("text")))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::codec::strategies;

    proptest! {
        #[test]
        fn samples_come_back_to_the_bit(samples in strategies::samples(200)) {
            let frame = encode(&samples);
            prop_assert!(strategies::same(&decode(&frame).unwrap(), &samples));
            let Usable { times, numbers } = decode_usable(&frame).unwrap();
            let known = numbers.into_iter().map(|number| (!number.is_nan()).then_some(number));
            let usable: Vec<_> = times.into_iter().zip(known).collect();
            prop_assert_eq!(usable, samples.iter().map(|sample| (sample.at, sample.usable())).collect::<Vec<_>>());
        }

        #[test]
        fn any_body_is_decoded_or_refused(
            samples in strategies::samples(30),
            changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        ) {
            let mut body = unseal(&encode(&samples)).unwrap().to_vec();
            for (at, byte) in changes {
                let at = at % body.len();
                body[at] = byte;
            }
            let frame = seal(body);
            let _ = (decode(&frame), decode_usable(&frame));
        }
    }

    #[test]
    fn what_the_first_version_wrote_is_still_read() {
        let mut frame = vec![FIRST_VERSION, 3];
        let put = |frame: &mut Vec<u8>, packed: Vec<u8>| {
            put_varint(frame, packed.len() as u64);
            frame.extend_from_slice(&packed);
        };
        let config = pco::ChunkConfig::default();
        put(&mut frame, standalone::simple_compress(&[10_i64, 20, 30], &config).unwrap());
        put_runs(&mut frame, [0_u8; 3], Vec::push);
        put_runs(&mut frame, [KIND_INT, KIND_FLOAT, KIND_FLOAT], Vec::push);
        put(&mut frame, standalone::simple_compress(&[-7_i64], &config).unwrap());
        put(&mut frame, standalone::simple_compress(&[4.5, f64::MAX], &config).unwrap());
        let values: Vec<_> =
            decode(&seal(frame)).unwrap().into_iter().map(|sample| (sample.at.0, sample.value)).collect();
        let expected = [(10, Some(Value::Int(-7))), (20, Some(Value::Float(4.5))), (30, Some(Value::Float(f64::MAX)))];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_summary_leaves_out_what_nobody_may_judge() {
        let sample = |at, value, quality| Sample { at: UnixMs(at), value, quality };
        let samples = [
            sample(5, Some(Value::Float(4.0)), Quality::Good),
            sample(3, Some(Value::Float(8.0)), Quality::ClockSuspect),
            sample(4, Some(Value::Float(900.0)), Quality::Implausible),
            sample(6, None, Quality::Bad),
            sample(7, Some(Value::Float(f64::INFINITY)), Quality::Good),
            sample(8, Some(Value::Text("E5".into())), Quality::Good),
        ];
        let expected = Summary {
            first_at: UnixMs(3),
            last_at: UnixMs(8),
            reading_count: 6,
            usable_count: 2,
            min: 4.0,
            max: 8.0,
            sum: 12.0,
        };
        assert_eq!(Summary::of(&samples), Some(expected));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn an_hour_of_a_sensor_takes_a_quarter_of_a_byte_a_reading() {
        let samples: Vec<Sample> = (0..3600_i32)
            .map(|second| Sample {
                at: UnixMs(1_790_000_000_000 + i64::from(second) * 1000),
                value: Some(Value::Float(f64::from(40 + (second / 30) % 7 + second % 2) / 10.0)),
                quality: Quality::Good,
            })
            .collect();
        let size = encode(&samples).len();
        assert!(size < 900, "{size} bytes for 3600 readings");
    }
}
