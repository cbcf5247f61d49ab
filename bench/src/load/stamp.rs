//! A message that is encoded once and sent many times, each time with the present moment in all its timestamps.
//!
//! A timestamp travels as a varint of six bytes from 1971 to 2109, so that one can take the place of another.

/// Stands for the present moment while encoding; a moment in 2044 that nothing else in a message looks like.
pub(super) const PLACEHOLDER_MS: i64 = 2_345_678_901_234;
const LENGTH: usize = 6;

/// The message and where its timestamps are.
pub(super) struct Stamped {
    bytes: Box<[u8]>,
    places: Box<[usize]>,
}

impl Stamped {
    /// Finds the timestamps of a message that was encoded at [`PLACEHOLDER_MS`].
    pub(super) fn new(bytes: Box<[u8]>) -> Self {
        let pattern = varint(PLACEHOLDER_MS);
        let windows = bytes.windows(LENGTH).enumerate();
        let places = windows.filter(|(_, window)| *window == pattern).map(|(place, _)| place).collect();
        Self { bytes, places }
    }

    /// Appends the message as of `now_ms`.
    pub(super) fn write(&self, now_ms: i64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let now = varint(now_ms);
        for place in &self.places {
            out[start + place..][..LENGTH].copy_from_slice(&now);
        }
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn varint(ms: i64) -> [u8; LENGTH] {
    let mut rest = ms;
    std::array::from_fn(|index| {
        let seven = u8::try_from(rest & 0x7f).expect("seven bits fit a byte");
        rest >>= 7;
        if index + 1 < LENGTH { seven | 0x80 } else { seven }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::sparkplug::payload::{Limits, Metric, Payload};

    use super::*;

    #[test]
    fn every_timestamp_becomes_the_present() {
        let metric =
            |alias| Metric { alias: Some(alias), timestamp: Some(PLACEHOLDER_MS.unsigned_abs()), ..Metric::default() };
        let payload = Payload {
            timestamp: Some(PLACEHOLDER_MS.unsigned_abs()),
            metrics: vec![metric(1), metric(300)],
            seq: Some(200),
            ..Payload::default()
        };
        let stamped = Stamped::new(payload.to_bytes().to_vec().into());
        let mut out = Vec::new();
        stamped.write(1_790_000_000_123, &mut out);
        let read = Payload::decode_within(Bytes::from(out), &Limits::default()).unwrap();
        assert_eq!(read.timestamp, Some(1_790_000_000_123));
        assert_eq!(read.metrics.iter().map(|metric| metric.timestamp).collect::<Vec<_>>(), [read.timestamp; 2]);
        assert_eq!((read.metrics[1].alias, read.seq), (Some(300), Some(200)));
    }
}
