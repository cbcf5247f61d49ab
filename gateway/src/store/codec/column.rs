//! Whole numbers and floats of a chunk as few bytes: every column is written in the ways that may suit it, and the
//! shortest is kept.
//!
//! ```text
//! integers: u8 way · what that way says
//!   0 steps  signed first · signed step: an arithmetic series, such as regular times
//!   1 runs   (varint length, signed value) until all are covered: states
//!   2 packed signed step · varint length and a pco chunk of what is left of each number after `step` × its place
//! floats:   u8 digits after the point and the integers they are then; or u8 255 · varint length and a pco chunk
//! ```
//!
//! Times of a sensor that jitters around its interval are packed as the distance from the regular grid, which takes a
//! fifth less than differences of neighbours. `pco` chooses its own way of taking differences badly for readings of
//! slow sensors (twice as long, measured), so both plain numbers and differences are tried.

use pco::{ChunkConfig, DeltaSpec, ModeSpec, data_types::Number, wrapped};

use super::{
    CodecError,
    bytes::{Reader, put_signed, put_varint},
    decimal::{self, Decimals},
};

const STEPS: u8 = 0;
const RUNS: u8 = 1;
const PACKED: u8 = 2;
const FLOATS: u8 = u8::MAX;
/// Times that differ from a multiple of this by a hundredth are taken for jitter around it, in milliseconds.
const GRID_MS: i64 = 10;
/// Above one run to so many numbers, runs are never the shortest.
const NUMBERS_PER_RUN: usize = 8;

/// Appends event times, sorted or not.
pub(in crate::store) fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    if put_steps(out, times) {
        return;
    }
    let mut best = packed(times, 0, DeltaSpec::TryConsecutive(1));
    for step in grid_steps(times) {
        keep_shorter(&mut best, packed(times, step, DeltaSpec::NoOp));
    }
    out.extend_from_slice(&best);
}

/// Appends whole numbers.
pub(in crate::store) fn put_integers(out: &mut Vec<u8>, numbers: &[i64]) {
    if put_steps(out, numbers) {
        return;
    }
    let run_count = numbers.chunk_by(|a, b| a == b).count();
    let mut best = packed(numbers, 0, DeltaSpec::TryConsecutive(1));
    keep_shorter(&mut best, packed(numbers, 0, DeltaSpec::NoOp));
    if run_count <= numbers.len() / NUMBERS_PER_RUN {
        let mut runs = vec![RUNS];
        for run in numbers.chunk_by(|a, b| a == b) {
            put_varint(&mut runs, run.len() as u64);
            put_signed(&mut runs, run[0]);
        }
        keep_shorter(&mut best, runs);
    }
    out.extend_from_slice(&best);
}

/// Appends floats, to the bit.
pub(in crate::store) fn put_floats(out: &mut Vec<u8>, numbers: &[f64]) {
    if let Some((decimals, scaled)) = decimal::find_all(numbers) {
        out.push(decimals.count());
        put_integers(out, &scaled);
        return;
    }
    out.push(FLOATS);
    let mut best = pack(numbers, ModeSpec::Auto, DeltaSpec::NoOp);
    keep_shorter(&mut best, pack(numbers, ModeSpec::Auto, DeltaSpec::TryConsecutive(1)));
    put_varint(out, best.len() as u64);
    out.extend_from_slice(&best);
}

/// What [`put_times`] or [`put_integers`] wrote: `count` numbers.
pub(in crate::store) fn integers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, CodecError> {
    match reader.byte()? {
        STEPS => {
            let (first, step) = (reader.signed()?, reader.signed()?);
            Ok(on_grid(step, count).map(|place| first.wrapping_add(place)).collect())
        }
        RUNS => {
            let mut numbers = Vec::with_capacity(count);
            while numbers.len() < count {
                let (length, number) = (reader.length()?, reader.signed()?);
                if length == 0 || length > count - numbers.len() {
                    return Err(CodecError::Meaningless("run"));
                }
                numbers.resize(numbers.len() + length, number);
            }
            Ok(numbers)
        }
        PACKED => {
            let step = reader.signed()?;
            let mut numbers = unpack::<i64>(reader, count)?;
            if step != 0 {
                numbers.iter_mut().zip(on_grid(step, count)).for_each(|(number, place)| {
                    *number = number.wrapping_add(place);
                });
            }
            Ok(numbers)
        }
        _ => Err(CodecError::Meaningless("column")),
    }
}

/// What [`put_floats`] wrote: `count` numbers.
pub(in crate::store) fn floats(reader: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, CodecError> {
    let mut head = *reader;
    if head.byte()? == FLOATS {
        *reader = head;
        return unpack(reader, count);
    }
    let decimals = Decimals::read(reader)?;
    Ok(integers(reader, count)?.into_iter().map(|scaled| decimals.quantity(scaled)).collect())
}

/// Appends an arithmetic series; false: it is none.
fn put_steps(out: &mut Vec<u8>, numbers: &[i64]) -> bool {
    let &[first, ref rest @ ..] = numbers else { return false };
    let step = rest.first().map_or(0, |second| second.wrapping_sub(first));
    if !numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        return false;
    }
    out.push(STEPS);
    put_signed(out, first);
    put_signed(out, step);
    true
}

/// Intervals around which the times may jitter: the mean one, which is right when none is missing, and the median one.
fn grid_steps(times: &[i64]) -> impl Iterator<Item = i64> {
    let mean = match (times, i64::try_from(times.len())) {
        ([first, .., last], Ok(count)) => last.wrapping_sub(*first).wrapping_add(count / 2) / (count - 1),
        _ => 0,
    };
    let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let middle = steps.len() / 2;
    let median = if steps.is_empty() { 0 } else { *steps.select_nth_unstable(middle).1 };
    let rounded = median.wrapping_add(GRID_MS / 2).div_euclid(GRID_MS).wrapping_mul(GRID_MS);
    let is_jitter = rounded.abs_diff(median) <= median.unsigned_abs() / 100;
    let median = if is_jitter { rounded } else { median };
    [Some(mean), (median != mean).then_some(median)].into_iter().flatten()
}

/// The places of `count` numbers on a grid that begins with 0.
fn on_grid(step: i64, count: usize) -> impl Iterator<Item = i64> {
    (0_i64..).take(count).map(move |place| place.wrapping_mul(step))
}

fn packed(numbers: &[i64], step: i64, delta: DeltaSpec) -> Vec<u8> {
    let mut out = vec![PACKED];
    put_signed(&mut out, step);
    let left: Vec<i64> =
        numbers.iter().zip(on_grid(step, numbers.len())).map(|(number, place)| number.wrapping_sub(place)).collect();
    let packed = pack(&left, ModeSpec::Classic, delta);
    put_varint(&mut out, packed.len() as u64);
    out.extend_from_slice(&packed);
    out
}

fn keep_shorter(best: &mut Vec<u8>, other: Vec<u8>) {
    if other.len() < best.len() {
        *best = other;
    }
}

/// A pco chunk of one page, without the standalone format's dozen bytes of names and counts that stand here anyway.
fn pack<T: Number>(numbers: &[T], mode: ModeSpec, delta: DeltaSpec) -> Vec<u8> {
    const TAKES_ANY: &str = "memory takes any bytes, and these settings any numbers";
    let config = ChunkConfig::default().with_mode_spec(mode).with_delta_spec(delta);
    let file = wrapped::FileCompressor::default();
    let mut out = file.write_header(Vec::new()).expect(TAKES_ANY);
    let mut chunk = file.chunk_compressor(numbers, &config).expect(TAKES_ANY);
    chunk.write_meta(&mut out).expect(TAKES_ANY);
    chunk.write_page(0, &mut out).expect(TAKES_ANY);
    out
}

fn unpack<T: Number + Default>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>, CodecError> {
    let damaged = |_| CodecError::Meaningless("column");
    let length = reader.length()?;
    let packed = reader.slice(length)?;
    let mut numbers = vec![T::default(); count];
    let (file, packed) = wrapped::FileDecompressor::new(packed).map_err(damaged)?;
    let (mut chunk, packed) = file.chunk_decompressor::<T, _>(packed).map_err(damaged)?;
    let mut page = chunk.page_decompressor(packed, count).map_err(damaged)?;
    let progress = page.read(&mut numbers).map_err(damaged)?;
    if progress.finished && progress.n_processed == count { Ok(numbers) } else { Err(CodecError::Truncated) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_790_000_000_000;
    const COUNT: i64 = 4096;

    /// A repeatable value from 0 to below `below` for each place.
    fn noise(place: i64, below: i64) -> i64 {
        (place.wrapping_mul(6_364_136_223_846_793_005) >> 33).rem_euclid(below)
    }

    fn bytes_of_times(time: impl Fn(i64) -> i64) -> usize {
        let times: Vec<i64> = (0..COUNT).map(time).collect();
        let mut out = Vec::new();
        put_times(&mut out, &times);
        assert_eq!(integers(&mut Reader::new(&out), times.len()).unwrap(), times);
        out.len()
    }

    #[test]
    fn regular_times_take_next_to_nothing_and_jitter_its_own_bits() {
        assert!(bytes_of_times(|second| START + second * 1000) < 16);
        let jitter = bytes_of_times(|second| START + second * 1000 + noise(second, 17) - 8);
        assert!(jitter < 2300, "{jitter} bytes for 4096 times within 8 ms");
        // An hour is missing.
        let gap = bytes_of_times(|second| START + second * 1000 + second / 2000 * 3_600_000 + noise(second, 17));
        assert!(gap < 2500, "{gap} bytes for the same with a gap");
    }

    #[test]
    fn states_take_a_few_bytes_a_change() {
        let states: Vec<i64> = (0..COUNT).map(|second| second / 100 % 5).collect();
        let mut out = Vec::new();
        put_integers(&mut out, &states);
        assert!(out.len() < 130, "{} bytes for 40 changes", out.len());
        assert_eq!(integers(&mut Reader::new(&out), states.len()).unwrap(), states);
    }

    #[test]
    fn extreme_numbers_come_back() {
        for numbers in [vec![i64::MIN, i64::MAX, 0, -1], vec![i64::MAX, i64::MIN], vec![7]] {
            let (mut times, mut integers_out) = (Vec::new(), Vec::new());
            put_times(&mut times, &numbers);
            put_integers(&mut integers_out, &numbers);
            assert_eq!(integers(&mut Reader::new(&times), numbers.len()).unwrap(), numbers);
            assert_eq!(integers(&mut Reader::new(&integers_out), numbers.len()).unwrap(), numbers);
        }
    }
}
