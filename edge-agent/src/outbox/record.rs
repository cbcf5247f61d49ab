//! How messages stand in a segment: one frame each, with length and checksum, and names written once a segment.
//!
//! ```text
//! segment = MAGIC frame*
//! frame   = length of body (u32, little endian), CRC-32 of length and body (u32), body
//! body    = kind (1 byte), fields: variable-length numbers, lengths before texts
//! ```
//!
//! Devices and metrics are named in full where they first occur in a segment and by a small number after that, so that
//! a reading costs some fifteen bytes. A segment is therefore read from its beginning.

use std::collections::HashMap;

use domain::{
    id::{DeviceId, MetricName},
    reading::{Quality, Value},
    time::UnixMs,
};
use prost::encoding::{decode_varint, encode_varint};
use protocol::sparkplug::outbox::{Gap, Incarnation, Seq};

use super::Content;
use crate::source::Sample;

/// How a segment begins; the last digit is the version of what follows.
pub(super) const MAGIC: &[u8; 8] = b"BWOUTBX1";
/// Length and checksum.
const FRAME_BYTES: usize = 8;
/// No body is longer. A length beyond it is damage, not a reason to reserve memory.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

const KIND_STATE: u8 = 1;
const KIND_SAMPLES: u8 = 2;
const KIND_GAP: u8 = 3;

/// What a segment holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record {
    /// Where the outbox stands: at the beginning of a segment, at each start, and with each reservation of numbers.
    State(State),
    /// A message.
    Entry(Seq, Content),
}

/// Where the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Which run of numbers.
    pub(super) incarnation: Incarnation,
    /// Which start of the machine: after another one, what was not flushed is lost.
    pub(super) boot: u128,
    /// The next number to be given.
    pub(super) next: u64,
    /// Numbers up to this one may have been given and sent before they were flushed.
    pub(super) reserved: u64,
    /// Readings taken so far in this incarnation.
    pub(super) produced: u64,
    /// The outbox's own clock, in milliseconds that it has run.
    pub(super) clock_ms: u64,
    /// The wall clock.
    pub(super) wall: UnixMs,
}

/// The bytes are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is damaged or cut off")]
pub(super) struct Damaged;

/// The names of one segment, in the order in which they first occur.
#[derive(Debug, Default)]
pub(super) struct Names {
    devices: Vec<DeviceId>,
    series: Vec<(Option<usize>, MetricName)>,
    device_numbers: HashMap<DeviceId, usize>,
    series_numbers: HashMap<(Option<usize>, MetricName), usize>,
}

/// How many names there were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize, usize);

impl Names {
    pub(super) fn mark(&self) -> Mark {
        Mark(self.devices.len(), self.series.len())
    }

    /// Forgets the names that came after: their record could not be written.
    pub(super) fn go_back(&mut self, mark: Mark) {
        for device in self.devices.drain(mark.0..) {
            self.device_numbers.remove(&device);
        }
        for series in self.series.drain(mark.1..) {
            self.series_numbers.remove(&series);
        }
    }

    fn add_device(&mut self, device: DeviceId) -> usize {
        self.device_numbers.insert(device.clone(), self.devices.len());
        self.devices.push(device);
        self.devices.len() - 1
    }

    fn add_series(&mut self, series: (Option<usize>, MetricName)) {
        self.series_numbers.insert(series.clone(), self.series.len());
        self.series.push(series);
    }
}

/// Encodes a message for the end of the segment that has these names.
pub(super) fn encode_entry(seq: Seq, content: &Content, names: &mut Names) -> Vec<u8> {
    let mut body = Vec::with_capacity(64);
    match content {
        Content::Samples { device, samples } => {
            body.push(KIND_SAMPLES);
            encode_varint(seq.get(), &mut body);
            encode_samples(device.as_ref(), samples, names, &mut body);
        }
        Content::Gap(gap) => {
            body.push(KIND_GAP);
            encode_varint(seq.get(), &mut body);
            body.extend(gap.to_json().into_bytes());
        }
    }
    frame(&body)
}

/// Encodes where the outbox stands.
pub(super) fn encode_state(state: &State) -> Vec<u8> {
    let mut body = vec![KIND_STATE];
    body.extend(state.incarnation.0.to_le_bytes());
    body.extend(state.boot.to_le_bytes());
    for number in [state.next, state.reserved, state.produced, state.clock_ms] {
        encode_varint(number, &mut body);
    }
    encode_signed(state.wall.0, &mut body);
    frame(&body)
}

/// Puts length and checksum before a body.
pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut framed = Vec::with_capacity(FRAME_BYTES + body.len());
    framed.extend(length);
    framed.extend(checksum(length, body).to_le_bytes());
    framed.extend(body);
    framed
}

/// The body of the first frame, and the length of the frame. None at the end.
pub(super) fn unframe(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, Damaged> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (&length, rest) = bytes.split_first_chunk::<4>().ok_or(Damaged)?;
    let (&sum, rest) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
    let body_bytes = usize::try_from(u32::from_le_bytes(length)).map_err(|_| Damaged)?;
    let body = rest.get(..body_bytes).filter(|body| body.len() <= BODY_BYTES_MAX).ok_or(Damaged)?;
    if checksum(length, body) != u32::from_le_bytes(sum) {
        return Err(Damaged);
    }
    Ok(Some((body, FRAME_BYTES + body_bytes)))
}

/// The length is part of it, so that a run of zeros, which a file system leaves after a power cut, is no frame.
fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(b"BW");
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

/// Reads a body; the names are those of the segment up to here.
pub(super) fn decode(body: &[u8], names: &mut Names) -> Result<Record, Damaged> {
    let mut input = Input(body);
    let record = match input.byte()? {
        KIND_STATE => Record::State(State {
            incarnation: Incarnation(u128::from_le_bytes(input.array()?)),
            boot: u128::from_le_bytes(input.array()?),
            next: input.number()?,
            reserved: input.number()?,
            produced: input.number()?,
            clock_ms: input.number()?,
            wall: UnixMs(input.signed()?),
        }),
        KIND_SAMPLES => {
            let seq = input.seq()?;
            Record::Entry(seq, decode_samples(&mut input, names)?)
        }
        KIND_GAP => {
            let seq = input.seq()?;
            let text = std::str::from_utf8(std::mem::take(&mut input.0)).map_err(|_| Damaged)?;
            Record::Entry(seq, Content::Gap(Gap::from_json(text).map_err(|_| Damaged)?))
        }
        _ => return Err(Damaged),
    };
    if input.0.is_empty() { Ok(record) } else { Err(Damaged) }
}

/// The node itself, in the place of a device.
const DEVICE_NONE: u64 = 0;
/// A device that is named here; any greater number is that of a known one, from this one on.
const DEVICE_NEW: u64 = 1;
/// A metric that is named here; any greater number is one more than that of a known series.
const SERIES_NEW: u64 = 0;

const VALUE_NONE: u8 = 0;
const VALUE_FALSE: u8 = 1;
const VALUE_TRUE: u8 = 2;
const VALUE_INT: u8 = 3;
const VALUE_FLOAT: u8 = 4;
const VALUE_TEXT: u8 = 5;
const VALUE_MASK: u8 = 0x0f;
const QUALITY_SHIFT: u32 = 4;

fn encode_samples(device: Option<&DeviceId>, samples: &[Sample], names: &mut Names, body: &mut Vec<u8>) {
    let device = device.map(|device| encode_device(device, names, body));
    if device.is_none() {
        encode_varint(DEVICE_NONE, body);
    }
    encode_varint(samples.len() as u64, body);
    let mut before = 0_i64;
    for sample in samples {
        let series = (device, sample.metric.clone());
        if let Some(&number) = names.series_numbers.get(&series) {
            encode_varint(SERIES_NEW + 1 + number as u64, body);
        } else {
            encode_varint(SERIES_NEW, body);
            encode_text(sample.metric.as_str(), body);
            names.add_series(series);
        }
        encode_signed(sample.at.0.wrapping_sub(before), body);
        before = sample.at.0;
        encode_value(sample, body);
    }
}

fn encode_device(device: &DeviceId, names: &mut Names, body: &mut Vec<u8>) -> usize {
    if let Some(&number) = names.device_numbers.get(device) {
        encode_varint(DEVICE_NEW + 1 + number as u64, body);
        return number;
    }
    encode_varint(DEVICE_NEW, body);
    encode_text(device.as_str(), body);
    names.add_device(device.clone())
}

fn encode_value(sample: &Sample, body: &mut Vec<u8>) {
    let quality = (sample.quality as u8) << QUALITY_SHIFT;
    match &sample.value {
        None => body.push(quality | VALUE_NONE),
        Some(Value::Bool(false)) => body.push(quality | VALUE_FALSE),
        Some(Value::Bool(true)) => body.push(quality | VALUE_TRUE),
        Some(Value::Int(number)) => {
            body.push(quality | VALUE_INT);
            encode_signed(*number, body);
        }
        Some(Value::Float(number)) => {
            body.push(quality | VALUE_FLOAT);
            body.extend(number.to_bits().to_le_bytes());
        }
        Some(Value::Text(text)) => {
            body.push(quality | VALUE_TEXT);
            encode_text(text, body);
        }
    }
}

fn encode_text(text: &str, body: &mut Vec<u8>) {
    encode_varint(text.len() as u64, body);
    body.extend(text.as_bytes());
}

/// Small numbers of either sign become short.
fn encode_signed(number: i64, body: &mut Vec<u8>) {
    encode_varint(((number << 1) ^ (number >> 63)).cast_unsigned(), body);
}

fn decode_samples(input: &mut Input, names: &mut Names) -> Result<Content, Damaged> {
    let device = match input.number()? {
        DEVICE_NONE => None,
        DEVICE_NEW => {
            let device = DeviceId::new(input.text()?).map_err(|_| Damaged)?;
            Some(names.add_device(device))
        }
        number => Some(usize::try_from(number - DEVICE_NEW - 1).map_err(|_| Damaged)?),
    };
    let owner = device.map(|number| names.devices.get(number).cloned().ok_or(Damaged)).transpose()?;
    let count = input.number()?;
    let (mut samples, mut before) = (Vec::new(), 0_i64);
    for _ in 0..count {
        let metric = match input.number()? {
            SERIES_NEW => {
                let metric = MetricName::new(input.text()?).map_err(|_| Damaged)?;
                names.add_series((device, metric.clone()));
                metric
            }
            number => {
                let index = usize::try_from(number - SERIES_NEW - 1).map_err(|_| Damaged)?;
                names.series.get(index).filter(|series| series.0 == device).ok_or(Damaged)?.1.clone()
            }
        };
        before = before.wrapping_add(input.signed()?);
        let (quality, value) = decode_value(input)?;
        samples.push(Sample { metric, at: UnixMs(before), value, quality });
    }
    Ok(Content::Samples { device: owner, samples })
}

fn decode_value(input: &mut Input) -> Result<(Quality, Option<Value>), Damaged> {
    let tag = input.byte()?;
    let value = match tag & VALUE_MASK {
        VALUE_NONE => None,
        VALUE_FALSE => Some(Value::Bool(false)),
        VALUE_TRUE => Some(Value::Bool(true)),
        VALUE_INT => Some(Value::Int(input.signed()?)),
        VALUE_FLOAT => Some(Value::Float(f64::from_bits(u64::from_le_bytes(input.array()?)))),
        VALUE_TEXT => Some(Value::Text(input.text()?.into())),
        _ => return Err(Damaged),
    };
    Ok((Quality::from_u8(tag >> QUALITY_SHIFT).ok_or(Damaged)?, value))
}

/// What is left of a body.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, Damaged> {
        let (&byte, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (&array, rest) = self.0.split_first_chunk::<N>().ok_or(Damaged)?;
        self.0 = rest;
        Ok(array)
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        decode_varint(&mut self.0).map_err(|_| Damaged)
    }

    fn signed(&mut self) -> Result<i64, Damaged> {
        let folded = self.number()?;
        Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }

    fn seq(&mut self) -> Result<Seq, Damaged> {
        Seq::new(self.number()?).ok_or(Damaged)
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::sparkplug::outbox::Why;

    use super::*;

    fn any_value() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            Just(None),
            any::<bool>().prop_map(|flag| Some(Value::Bool(flag))),
            any::<i64>().prop_map(|number| Some(Value::Int(number))),
            // Not a number is kept bit by bit, but is not equal to itself.
            any::<f64>().prop_map(|number| Some(Value::Float(if number.is_nan() { 0.5 } else { number }))),
            ".{0,20}".prop_map(|text| Some(Value::Text(text.into()))),
        ]
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        ("[abc]", any::<i64>(), any_value(), prop_oneof![Just(Quality::Good), Just(Quality::Bad)]).prop_map(
            |(name, at, value, quality)| Sample {
                metric: MetricName::new(name).unwrap(),
                at: UnixMs(at),
                value,
                quality,
            },
        )
    }

    fn any_content() -> impl Strategy<Value = Content> {
        let gap =
            Gap { first_seq: 1, last_seq: 9, from_ms: -1, to_ms: 1, readings: None, at_most_ms: None, why: Why::Torn };
        let samples = (prop::option::of("[xyz]"), prop::collection::vec(any_sample(), 0..8));
        prop_oneof![
            1 => Just(Content::Gap(gap)),
            9 => samples.prop_map(|(device, samples)| Content::Samples {
                device: device.map(|id| DeviceId::new(id).unwrap()),
                samples,
            }),
        ]
    }

    fn read_all(mut bytes: &[u8]) -> (Vec<Record>, Result<(), Damaged>) {
        let (mut names, mut records) = (Names::default(), Vec::new());
        loop {
            let read = unframe(bytes).and_then(|frame| {
                frame.map(|(body, length)| decode(body, &mut names).map(|record| (record, length))).transpose()
            });
            match read {
                Ok(Some((record, length))) => {
                    records.push(record);
                    bytes = &bytes[length..];
                }
                Ok(None) => return (records, Ok(())),
                Err(damaged) => return (records, Err(damaged)),
            }
        }
    }

    fn write_all(contents: &[Content]) -> (Vec<u8>, Vec<Record>, Vec<usize>) {
        let (mut names, mut bytes, mut records, mut ends) = (Names::default(), Vec::new(), Vec::new(), vec![0]);
        let mut seq = Seq::FIRST;
        for content in contents {
            bytes.extend(encode_entry(seq, content, &mut names));
            records.push(Record::Entry(seq, content.clone()));
            ends.push(bytes.len());
            seq = seq.next();
        }
        (bytes, records, ends)
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(unframe(&[0; 64]), Err(Damaged));
        assert_eq!(unframe(&[]), Ok(None));
    }

    #[test]
    fn a_reading_of_a_known_series_costs_some_fifteen_bytes() {
        let metric = |index: usize| MetricName::new(format!("cold_store.temperature_{index}")).unwrap();
        let samples = (0..5).map(|index| Sample::good(metric(index), UnixMs(1_790_000_000_000), Value::Float(-18.3)));
        let device = Some(DeviceId::new("cold-store-1").unwrap());
        let content = Content::Samples { device, samples: samples.collect() };
        let mut names = Names::default();
        encode_entry(Seq::FIRST, &content, &mut names);
        assert_eq!(encode_entry(Seq::FIRST, &content, &mut names).len(), 5 * 15 - 3);
    }

    #[test]
    fn a_state_is_read_as_written() {
        let state = State {
            incarnation: Incarnation(7),
            boot: u128::MAX,
            next: 5,
            reserved: u64::MAX,
            produced: 3,
            clock_ms: 9,
            wall: UnixMs(-1),
        };
        assert_eq!(read_all(&encode_state(&state)), (vec![Record::State(state)], Ok(())));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(contents in prop::collection::vec(any_content(), 0..30)) {
            let (bytes, records, _) = write_all(&contents);
            prop_assert_eq!(read_all(&bytes), (records, Ok(())));
        }

        /// Cut anywhere, or with any byte changed: what lies before the damage is read, and nothing else.
        #[test]
        fn damage_is_seen_where_it_begins(
            contents in prop::collection::vec(any_content(), 1..10), at: prop::sample::Index, flip in 0..=255_u8,
        ) {
            let (mut bytes, records, ends) = write_all(&contents);
            let at = at.index(bytes.len());
            let whole = ends.iter().filter(|end| **end <= at).count() - 1;
            if flip == 0 { bytes.truncate(at) } else { bytes[at] ^= flip }
            let (read, ended) = read_all(&bytes);
            prop_assert_eq!(&read, &records[..whole]);
            prop_assert_eq!(ended.is_err(), bytes.len() != ends[whole]);
        }

        #[test]
        fn names_that_were_not_written_are_forgotten(before in any_content(), lost in any_content(), after in any_content()) {
            let mut names = Names::default();
            let mut bytes = encode_entry(Seq::FIRST, &before, &mut names);
            let mark = names.mark();
            encode_entry(Seq::FIRST.next(), &lost, &mut names);
            names.go_back(mark);
            bytes.extend(encode_entry(Seq::FIRST.next(), &after, &mut names));
            let expected = vec![Record::Entry(Seq::FIRST, before), Record::Entry(Seq::FIRST.next(), after)];
            prop_assert_eq!(read_all(&bytes), (expected, Ok(())));
        }

        #[test]
        fn arbitrary_bodies_never_panic(body: Vec<u8>) {
            let _ = decode(&body, &mut Names::default());
            let _ = unframe(&body);
        }
    }
}
