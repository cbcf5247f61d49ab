//! A micro-batch of readings of any series as one frame: a row of the journal.
//!
//! Written once at full speed and deleted after sealing, so it is laid out for speed, not for the last byte: about 11
//! bytes a measured quantity. Version 1, little-endian:
//!
//! ```text
//! u8 version · varint count · count × reading · u32 CRC-32 of all before
//! reading: u8 head · [signed series step] · [signed time step in ms] · value
//! head:    bits 0–2 kind · bits 3–4 quality · bit 5 same time as before · bit 6 series is the next one
//! value:   Int signed · Float 8 bytes · Text varint length and UTF-8 · others nothing
//! ```

use domain::{
    id::SeriesId,
    reading::{Quality, Reading, Value},
    time::UnixMs,
};

use super::{
    CodecError,
    bytes::{Reader, put_signed, put_text, put_varint, seal, unseal},
};

const VERSION: u8 = 1;
const SAME_TIME: u8 = 1 << 5;
const NEXT_SERIES: u8 = 1 << 6;
const QUALITY_SHIFT: u8 = 3;

/// The most readings that one row may hold. What ingest may have in flight altogether (100 000) fits with room to spare.
pub(in crate::store) const READINGS_MAX: usize = 1 << 20;

/// The readings as one frame, in their order.
pub(in crate::store) fn encode(readings: &[Reading]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + readings.len() * 12);
    out.push(VERSION);
    put_varint(&mut out, readings.len() as u64);
    let (mut series, mut time) = (0_u32, 0_i64);
    for reading in readings {
        let (kind, quality) = (kind_of(reading.value.as_ref()), (reading.quality as u8) << QUALITY_SHIFT);
        let is_same_time = reading.event_time.0 == time;
        let is_next_series = reading.series.0 == series.wrapping_add(1);
        let head =
            kind | quality | if is_same_time { SAME_TIME } else { 0 } | if is_next_series { NEXT_SERIES } else { 0 };
        out.push(head);
        if !is_next_series {
            put_signed(&mut out, i64::from(reading.series.0) - i64::from(series));
        }
        if !is_same_time {
            put_signed(&mut out, reading.event_time.0.wrapping_sub(time));
        }
        match &reading.value {
            None | Some(Value::Bool(_)) => {}
            Some(Value::Int(count)) => put_signed(&mut out, *count),
            Some(Value::Float(quantity)) => out.extend_from_slice(&quantity.to_le_bytes()),
            Some(Value::Text(text)) => put_text(&mut out, text),
        }
        (series, time) = (reading.series.0, reading.event_time.0);
    }
    seal(out)
}

/// The readings of a frame.
///
/// # Errors
/// [`CodecError`] when the frame is damaged, of a newer version, or claims more than [`READINGS_MAX`] readings.
pub(in crate::store) fn decode(frame: &[u8]) -> Result<Vec<Reading>, CodecError> {
    let mut reader = Reader::new(unseal(frame)?);
    match reader.byte()? {
        VERSION => {}
        other => return Err(CodecError::Version(other)),
    }
    let count = reader.varint()?;
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= READINGS_MAX)
        .ok_or(CodecError::TooMany { count, limit: READINGS_MAX })?;
    // A reading takes at least one byte, so what is reserved is bounded by what is there.
    let mut readings = Vec::with_capacity(count.min(frame.len()));
    let (mut series, mut time) = (0_u32, 0_i64);
    for _ in 0..count {
        let head = reader.byte()?;
        series = if head & NEXT_SERIES == 0 {
            u32::try_from(i64::from(series).wrapping_add(reader.signed()?))
                .map_err(|_| CodecError::Meaningless("series"))?
        } else {
            series.wrapping_add(1)
        };
        if head & SAME_TIME == 0 {
            time = time.wrapping_add(reader.signed()?);
        }
        let quality = Quality::from_u8((head >> QUALITY_SHIFT) & 0b11).ok_or(CodecError::Meaningless("quality"))?;
        let value = match head & 0b111 {
            0 => None,
            1 => Some(Value::Bool(false)),
            2 => Some(Value::Bool(true)),
            3 => Some(Value::Int(reader.signed()?)),
            4 => Some(Value::Float(f64::from_le_bytes(reader.array()?))),
            5 => Some(Value::Text(reader.text()?.into())),
            _ => return Err(CodecError::Meaningless("value")),
        };
        readings.push(Reading { series: SeriesId(series), event_time: UnixMs(time), value, quality });
    }
    reader.finish()?;
    Ok(readings)
}

const fn kind_of(value: Option<&Value>) -> u8 {
    match value {
        None => 0,
        Some(Value::Bool(false)) => 1,
        Some(Value::Bool(true)) => 2,
        Some(Value::Int(_)) => 3,
        Some(Value::Float(_)) => 4,
        Some(Value::Text(_)) => 5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::codec::{Sample, strategies};

    proptest! {
        #[test]
        fn readings_come_back_to_the_bit(
            samples in strategies::samples(80),
            series in proptest::collection::vec(prop_oneof![1_u32..9, any::<u32>()], 80),
        ) {
            let readings: Vec<Reading> = samples
                .iter()
                .zip(&series)
                .map(|(sample, &series)| sample.clone().of_series(SeriesId(series)))
                .collect();
            let back = decode(&encode(&readings)).unwrap();
            prop_assert!(strategies::same(
                &back.iter().map(Sample::from).collect::<Vec<_>>(),
                &samples
            ));
            prop_assert!(back.iter().zip(&readings).all(|(a, b)| a.series == b.series));
        }

        #[test]
        fn any_body_is_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut body = body;
            if let Some(first) = body.first_mut() {
                *first = VERSION;
            }
            let _ = decode(&seal(body.clone()));
            let _ = decode(&body);
        }
    }

    #[test]
    fn what_claims_too_much_is_refused_before_memory_is_taken() {
        let mut body = vec![VERSION];
        put_varint(&mut body, u64::MAX);
        let expected = CodecError::TooMany { count: u64::MAX, limit: READINGS_MAX };
        assert_eq!(decode(&seal(body)), Err(expected));
        assert_eq!(decode(&seal(vec![9, 0])), Err(CodecError::Version(9)));
    }
}
