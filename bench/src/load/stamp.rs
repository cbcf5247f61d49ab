//! A message that is encoded once and sent many times, each time with the present moment in all its timestamps and with
//! a number of its own.
//!
//! A timestamp travels as a varint of six bytes from 1971 to 2109, an outbox's number as one of five bytes from
//! [`FIRST_NUMBER`] on, so that one can take the place of another.

/// Stands for the present moment while encoding; a moment in 2044 that nothing else in a message looks like.
pub(super) const PLACEHOLDER_MS: i64 = 2_345_678_901_234;
const TIMESTAMP_BYTES: usize = 6;
/// Stands for a message's number while encoding.
pub(super) const PLACEHOLDER_NUMBER: u64 = 0x3_1415_9265;
/// Where a node's numbers begin: the first that takes five bytes, as do the 34 000 million after it.
pub(super) const FIRST_NUMBER: u64 = 1 << 28;
const NUMBER_BYTES: usize = 5;

/// The message, where its timestamps are, and where its number is.
pub(super) struct Stamped {
    bytes: Box<[u8]>,
    timestamps: Box<[usize]>,
    number: Option<usize>,
}

impl Stamped {
    /// Finds the timestamps of a message that was encoded at [`PLACEHOLDER_MS`].
    pub(super) fn new(bytes: Box<[u8]>) -> Self {
        let timestamps = places(&bytes, varint::<TIMESTAMP_BYTES>(PLACEHOLDER_MS.unsigned_abs())).collect();
        let number = places(&bytes, varint::<NUMBER_BYTES>(PLACEHOLDER_NUMBER)).next();
        Self { bytes, timestamps, number }
    }

    /// Appends the message as of `now_ms`, with this number if it has one.
    pub(super) fn write(&self, now_ms: i64, number: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let now = varint::<TIMESTAMP_BYTES>(now_ms.unsigned_abs());
        for place in &self.timestamps {
            out[start + place..][..TIMESTAMP_BYTES].copy_from_slice(&now);
        }
        if let Some(place) = self.number {
            out[start + place..][..NUMBER_BYTES].copy_from_slice(&varint::<NUMBER_BYTES>(number));
        }
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn places<const N: usize>(bytes: &[u8], pattern: [u8; N]) -> impl Iterator<Item = usize> {
    bytes.windows(N).enumerate().filter(move |(_, window)| *window == pattern).map(|(place, _)| place)
}

/// The number in as many bytes; it must need just so many.
fn varint<const N: usize>(number: u64) -> [u8; N] {
    let mut rest = number;
    std::array::from_fn(|index| {
        let seven = u8::try_from(rest & 0x7f).expect("seven bits fit a byte");
        rest >>= 7;
        if index + 1 < N { seven | 0x80 } else { seven }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::sparkplug::{
        outbox::{Seq, seq_of},
        payload::{Limits, Metric, Payload},
    };

    use super::*;

    #[test]
    fn every_timestamp_becomes_the_present_and_the_number_the_next() {
        let metric =
            |alias| Metric { alias: Some(alias), timestamp: Some(PLACEHOLDER_MS.unsigned_abs()), ..Metric::default() };
        let payload = Payload {
            timestamp: Some(PLACEHOLDER_MS.unsigned_abs()),
            metrics: vec![metric(1), metric(300), Seq::new(PLACEHOLDER_NUMBER).unwrap().metric()],
            seq: Some(200),
            ..Payload::default()
        };
        let stamped = Stamped::new(payload.to_bytes().to_vec().into());
        let mut out = Vec::new();
        stamped.write(1_790_000_000_123, FIRST_NUMBER + 77, &mut out);
        let read = Payload::decode_within(Bytes::from(out), &Limits::default()).unwrap();
        assert_eq!(read.timestamp, Some(1_790_000_000_123));
        assert_eq!([read.metrics[0].timestamp, read.metrics[1].timestamp], [read.timestamp; 2]);
        assert_eq!(seq_of(&read.metrics).unwrap(), Seq::new(FIRST_NUMBER + 77));
        assert_eq!((read.metrics[1].alias, read.seq), (Some(300), Some(200)));
    }
}
