//! What one batch added to the outboxes, as bytes. Pure.
//!
//! A batch of a busy district holds a message of each of a thousand nodes. An update of a thousand rows a batch would
//! cost more than the readings; a step costs each node some seven bytes of one row.

use protocol::sparkplug::outbox::{Gap, Seq};

use crate::store::codec::{
    CodecError,
    bytes::{Reader, put_varint, seal, unseal},
};

/// First byte of every step; another layout would have another.
const VERSION: u8 = 1;

/// What a batch added to one outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The outbox's row.
    pub(super) row: i64,
    /// Nothing below it will come any more.
    pub(super) floor: Option<Seq>,
    /// First and last of each run of numbers that are committed or reported as lost, ascending and apart.
    pub(super) runs: Vec<(Seq, Seq)>,
    /// Readings in these messages.
    pub(super) reading_count: u64,
}

/// The numbers, and those of reported gaps, as runs.
pub(super) fn runs(numbers: &[Seq], gaps: &[Gap]) -> Vec<(Seq, Seq)> {
    let of_gap = |gap: &Gap| Seq::new(gap.first_seq).zip(Seq::new(gap.last_seq));
    let mut parts: Vec<_> = numbers.iter().map(|number| (*number, *number)).collect();
    parts.extend(gaps.iter().filter_map(of_gap));
    parts.sort_unstable();
    let mut runs: Vec<(Seq, Seq)> = Vec::new();
    for (first, last) in parts {
        match runs.last_mut() {
            Some((_, end)) if first <= end.next() => *end = last.max(*end),
            _ => runs.push((first, last)),
        }
    }
    runs
}

/// As few bytes as the numbers need; the steps are in the order of their rows.
pub(super) fn encode(steps: &[Step]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(&mut out, steps.len() as u64);
    let mut row_before = 0;
    for step in steps {
        put_varint(&mut out, step.row.abs_diff(row_before));
        row_before = step.row;
        put_varint(&mut out, step.floor.map_or(0, Seq::get));
        put_varint(&mut out, step.reading_count);
        put_varint(&mut out, step.runs.len() as u64);
        let mut before = 0;
        for &(first, last) in &step.runs {
            put_varint(&mut out, first.get() - before);
            put_varint(&mut out, last.get() - first.get());
            before = last.get();
        }
    }
    seal(out)
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(frame: &[u8]) -> Result<Vec<Step>, CodecError> {
    let mut reader = Reader::new(unseal(frame)?);
    if reader.byte()? != VERSION {
        return Err(CodecError::Meaningless("version"));
    }
    let count = reader.length()?;
    let mut steps = Vec::new();
    let mut row = 0_i64;
    for _ in 0..count {
        row = row.checked_add_unsigned(reader.varint()?).ok_or(CodecError::Meaningless("row"))?;
        let floor = match reader.varint()? {
            0 => None,
            floor => Some(number(floor)?),
        };
        let reading_count = reader.varint()?;
        let run_count = reader.length()?;
        let mut runs = Vec::new();
        let mut before = 0_u64;
        for _ in 0..run_count {
            let first = number(before.saturating_add(reader.varint()?))?;
            let last = number(first.get().saturating_add(reader.varint()?))?;
            runs.push((first, last));
            before = last.get();
        }
        steps.push(Step { row, floor, runs, reading_count });
    }
    reader.finish()?;
    Ok(steps)
}

fn number(number: u64) -> Result<Seq, CodecError> {
    Seq::new(number).ok_or(CodecError::Meaningless("number of a message"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::sparkplug::outbox::Why;

    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    #[test]
    fn numbers_become_runs() {
        let check = |numbers: &[u64], expected: &[(u64, u64)]| {
            let expected: Vec<_> = expected.iter().map(|&(first, last)| (seq(first), seq(last))).collect();
            assert_eq!(runs(&numbers.iter().copied().map(seq).collect::<Vec<_>>(), &[]), expected);
        };
        check(&[], &[]);
        check(&[3, 1, 2, 9, 5, 6], &[(1, 3), (5, 6), (9, 9)]);
        let (readings, at_most_ms, why) = (None, None, Why::Full);
        let gap = |first_seq, last_seq| Gap { first_seq, last_seq, from_ms: 0, to_ms: 0, readings, at_most_ms, why };
        let both = runs(&[seq(4), seq(20), seq(9)], &[gap(5, 12), gap(7, 8), gap(30, 30)]);
        assert_eq!(both, [(seq(4), seq(12)), (seq(20), seq(20)), (seq(30), seq(30))]);
    }

    #[test]
    fn a_thousand_nodes_in_one_batch_are_some_kilobytes() {
        let of_node = |row: i64| {
            let number = seq(1_000_000 + row.unsigned_abs() * 977);
            Step { row, floor: None, runs: vec![(number, number)], reading_count: 10 }
        };
        let bytes = encode(&(1..=1000).map(of_node).collect::<Vec<_>>()).len();
        assert!(bytes <= 8_100, "{bytes} bytes");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            steps in prop::collection::btree_map(
                1_i64..2000,
                (prop::option::of(1_u64..i64::MAX.cast_unsigned()), prop::collection::vec(1_u64..9000, 0..30), any::<u64>()),
                0..30,
            )
        ) {
            let steps: Vec<Step> = steps
                .into_iter()
                .map(|(row, (floor, numbers, reading_count))| {
                    let runs = runs(&numbers.into_iter().map(seq).collect::<Vec<_>>(), &[]);
                    Step { row, floor: floor.map(seq), runs, reading_count }
                })
                .collect();
            prop_assert_eq!(decode(&encode(&steps)).unwrap(), steps);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode(&seal(bytes));
        }
    }
}
