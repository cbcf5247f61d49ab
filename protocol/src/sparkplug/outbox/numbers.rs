//! Which numbers of one incarnation are committed, or accounted for as lost.

use std::collections::BTreeSet;

use prost::encoding::{decode_varint, encode_varint};

use super::{Acknowledgement, Incarnation, RANGES_MAX, Seq, StoreEpoch};

/// How many ranges are kept at most. A node has 256 messages in flight, so that more holes than this mean a node that
/// follows rules of its own; it goes on as its oldest holes are filled.
pub const STORED_RANGES_MAX: usize = 1024;

/// The set "every number up to `through`, and the ranges beyond it".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    through: u64,
    /// First and last of each, ascending; at least one number is missing before each.
    ranges: Vec<(u64, u64)>,
}

/// What became of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Insertion {
    /// It was not there, and is now: its message is to be committed.
    New,
    /// It was there: its message is committed already.
    Duplicate,
    /// There are too many holes to remember one more: its message is not to be committed now. It will come again, and
    /// the oldest missing number is never refused.
    Refused,
}

/// Bytes that are no set of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored numbers of a node cannot be read")]
pub struct NumbersError;

impl Numbers {
    /// Every number up to and with this one is there; 0: none.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// First and last of each range beyond, ascending.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Whether the number is there.
    pub fn contains(&self, seq: Seq) -> bool {
        let number = seq.get();
        number <= self.through || self.before(number).is_some_and(|index| number <= self.ranges[index].1)
    }

    /// Adds a number.
    pub fn insert(&mut self, seq: Seq) -> Insertion {
        if self.contains(seq) {
            return Insertion::Duplicate;
        }
        let number = seq.get();
        let before = self.before(number);
        let after = before.map_or(0, |index| index + 1);
        let joins_before = before.map_or(self.through, |index| self.ranges[index].1) + 1 == number;
        let joins_after = self.ranges.get(after).is_some_and(|&(first, _)| first == number + 1);
        match (joins_before, joins_after) {
            (false, false) if self.ranges.len() == STORED_RANGES_MAX => return Insertion::Refused,
            (false, false) => self.ranges.insert(after, (number, number)),
            (false, true) => self.ranges[after].0 = number,
            (true, joins_after) => {
                let last = if joins_after { self.ranges.remove(after).1 } else { number };
                *before.map_or(&mut self.through, |index| &mut self.ranges[index].1) = last;
            }
        }
        Insertion::New
    }

    /// Takes a number out again: its message was not committed after all.
    pub fn remove(&mut self, seq: Seq) {
        let number = seq.get();
        if number <= self.through {
            if number < self.through {
                self.ranges.insert(0, (number + 1, self.through));
            }
            self.through = number - 1;
        } else if let Some(index) = self.before(number)
            && let (first, last) = self.ranges[index]
            && number <= last
        {
            let left = (first < number).then(|| (first, number - 1));
            let right = (number < last).then(|| (number + 1, last));
            self.ranges.splice(index..=index, [left, right].into_iter().flatten());
        }
    }

    /// Nothing below `floor` will come any more: it counts as being there. Returns how many numbers that adds.
    pub fn raise_floor(&mut self, floor: Seq) -> u64 {
        self.insert_all(Seq::FIRST.get(), floor.get() - 1)
    }

    /// Adds every number from `first` to `last`, at most to [`Seq::MAX`]: those of a reported gap, or those that another
    /// set has. Returns how many that adds: none when there are too many holes to remember one more.
    pub fn insert_all(&mut self, first: u64, last: u64) -> u64 {
        let (first, last) = (first.max(self.through + 1), last.min(Seq::MAX.get()));
        if last < first {
            return 0;
        }
        // The ranges that overlap or touch the new one.
        let begin = self.ranges.partition_point(|range| range.1 + 1 < first);
        let end = self.ranges.partition_point(|range| range.0 <= last + 1);
        let merged = &self.ranges[begin..end];
        let present: u64 = merged.iter().map(|range| (range.1.min(last) + 1).saturating_sub(range.0.max(first))).sum();
        let whole = (
            merged.first().map_or(first, |range| range.0.min(first)),
            merged.last().map_or(last, |range| range.1.max(last)),
        );
        if first == self.through + 1 {
            self.through = whole.1;
            self.ranges.drain(begin..end);
        } else if begin < end || self.ranges.len() < STORED_RANGES_MAX {
            self.ranges.splice(begin..end, [whole]);
        } else {
            return 0;
        }
        last - first + 1 - present
    }

    /// Adds runs of numbers. The set had room for them in the order in which they came; in another order one may have to
    /// wait until another has closed a hole.
    pub fn insert_runs(&mut self, runs: &[(Seq, Seq)]) {
        let mut left: Vec<(u64, u64)> = runs.iter().map(|(first, last)| (first.get(), last.get())).collect();
        loop {
            let count = left.len();
            left.retain(|&(first, last)| {
                self.insert_all(first, last);
                self.missing_between(first, last) > 0
            });
            if left.is_empty() || left.len() == count {
                break;
            }
        }
    }

    /// The first number from `number` on that is not there.
    pub fn next_missing(&self, number: u64) -> u64 {
        let number = number.max(self.through + 1);
        match self.before(number) {
            Some(index) if number <= self.ranges[index].1 => self.ranges[index].1 + 1,
            _ => number,
        }
    }

    /// How many of the numbers from `first` to `last` are not there.
    pub fn missing_between(&self, first: u64, last: u64) -> u64 {
        let first = first.max(self.through + 1);
        let present = self.ranges.iter().map(|range| (range.1.min(last) + 1).saturating_sub(range.0.max(first)));
        (last + 1).saturating_sub(first) - present.sum::<u64>()
    }

    /// What to tell the node. When there are too many ranges: those that hold the numbers it waits to hear of, then the
    /// oldest. Else a node with many holes would never hear of what it sends now, and would stop.
    pub fn acknowledgement(
        &self,
        store_epoch: StoreEpoch,
        incarnation: Incarnation,
        concerns: &[Seq],
    ) -> Acknowledgement {
        let concerned = concerns.iter().filter_map(|seq| {
            let index = self.before(seq.get())?;
            (seq.get() <= self.ranges[index].1).then_some(index)
        });
        let mut told = BTreeSet::new();
        for index in concerned.chain(0..self.ranges.len()) {
            if told.len() == RANGES_MAX {
                break;
            }
            told.insert(index);
        }
        let ranges = told.into_iter().map(|index| self.ranges[index]).collect();
        Acknowledgement { store_epoch, incarnation, through: self.through, ranges }
    }

    /// For one column of a database: variable-length numbers, each the distance from the one before.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10 + 4 * self.ranges.len());
        encode_varint(self.through, &mut bytes);
        let mut before = self.through;
        for &(first, last) in &self.ranges {
            encode_varint(first - before, &mut bytes);
            encode_varint(last - first, &mut bytes);
            before = last;
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`NumbersError`] when the bytes are not such a set.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, NumbersError> {
        let next = |bytes: &mut &[u8]| decode_varint(bytes).map_err(|_| NumbersError);
        let within = |number: Option<u64>| number.filter(|number| *number <= Seq::MAX.get()).ok_or(NumbersError);
        let through = within(Some(next(&mut bytes)?))?;
        let (mut ranges, mut before) = (Vec::new(), through);
        while !bytes.is_empty() {
            let distance = next(&mut bytes)?;
            let first = within(before.checked_add(distance))?;
            let last = within(first.checked_add(next(&mut bytes)?))?;
            if distance < 2 || ranges.len() == STORED_RANGES_MAX {
                return Err(NumbersError);
            }
            ranges.push((first, last));
            before = last;
        }
        Ok(Self { through, ranges })
    }

    /// Index of the last range that begins at or before the number.
    fn before(&self, number: u64) -> Option<usize> {
        self.ranges.partition_point(|&(first, _)| first <= number).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    fn of(numbers: impl IntoIterator<Item = u64>) -> Numbers {
        let mut set = Numbers::default();
        for number in numbers {
            assert_eq!(set.insert(seq(number)), Insertion::New);
        }
        set
    }

    #[test]
    fn neighbours_grow_together() {
        let check = |numbers: &[u64], through, ranges: &[(u64, u64)]| {
            let set = of(numbers.iter().copied());
            assert_eq!((set.through(), set.ranges()), (through, ranges), "{numbers:?}");
        };
        check(&[], 0, &[]);
        check(&[1, 2], 2, &[]);
        check(&[2], 0, &[(2, 2)]);
        check(&[2, 1], 2, &[]);
        check(&[1, 3, 5, 4], 1, &[(3, 5)]);
        check(&[1, 3, 5, 4, 2], 5, &[]);
        check(&[9, 5, 7, 6], 0, &[(5, 7), (9, 9)]);
    }

    proptest! {
        #[test]
        fn what_is_taken_out_is_not_there_and_all_else_is(
            numbers in proptest::collection::btree_set(1_u64..60, 0..40),
            taken in proptest::collection::vec(1_u64..60, 0..20),
        ) {
            let mut set = of(numbers.iter().copied());
            for number in &taken {
                set.remove(seq(*number));
            }
            for number in 1..60 {
                prop_assert_eq!(set.contains(seq(number)), numbers.contains(&number) && !taken.contains(&number));
            }
            // And it is as if they had never been there.
            prop_assert_eq!(set, of(numbers.into_iter().filter(|number| !taken.contains(number))));
        }
    }

    #[test]
    fn too_many_holes_refuse_a_new_one_but_never_the_oldest() {
        let mut set = of((1..=STORED_RANGES_MAX as u64).map(|index| 4 * index));
        let beyond = seq(4 * STORED_RANGES_MAX as u64 + 4);
        assert_eq!(set.insert(beyond), Insertion::Refused);
        assert!(!set.contains(beyond));
        assert_eq!(set.insert(seq(6)), Insertion::Refused);
        assert_eq!(set.insert(seq(5)), Insertion::New);
        for oldest in 1..=3 {
            assert_eq!(set.insert(seq(oldest)), Insertion::New);
        }
        assert_eq!(set.through(), 5);
        assert_eq!(set.insert(beyond), Insertion::New);
    }

    #[test]
    fn what_a_node_waits_for_is_told_however_many_holes_there_are() {
        let mut set = of((1..=200).map(|index| 4 * index));
        assert_eq!(set.insert(seq(801)), Insertion::New);
        let told = |concerns: &[u64]| {
            let concerns: Vec<Seq> = concerns.iter().copied().map(seq).collect();
            set.acknowledgement(StoreEpoch(1), Incarnation(1), &concerns)
        };
        assert!(!told(&[]).contains(seq(800)) && told(&[]).contains(seq(4 * RANGES_MAX as u64)));
        let newest = told(&[801, 400, 7, 9999]);
        assert!([400, 800, 801, 4].into_iter().all(|number| newest.contains(seq(number))), "{newest:?}");
        assert_eq!(newest.ranges.len(), RANGES_MAX);
        assert!(newest.ranges.is_sorted());
        let many: Vec<u64> = (73..=200).map(|index| 4 * index).collect();
        assert_eq!(told(&many).ranges[0], (4 * 73, 4 * 73), "no more than fit; the rest is told when it comes again");
    }

    #[test]
    fn bytes_that_are_no_set_are_refused() {
        let check = |bytes: &[u8]| assert_eq!(Numbers::decode(bytes), Err(NumbersError), "{bytes:?}");
        check(&[]);
        check(&[0x80]);
        check(&[1, 1, 0]); // touches what is before it
        check(&[1, 2]); // half a range
        check(&[0xff; 9]);
        check(
            &of((1..=STORED_RANGES_MAX as u64).map(|index| 2 * index))
                .encode()
                .into_iter()
                .chain([2, 0])
                .collect::<Vec<_>>(),
        );
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u64),
        RaiseFloor(u64),
        InsertAll(u64, u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            12 => (1_u64..200).prop_map(Step::Insert),
            1 => (1_u64..200).prop_map(Step::RaiseFloor),
            1 => (1_u64..200, 1_u64..200).prop_map(|(first, last)| Step::InsertAll(first, last)),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn it_is_the_set_that_it_stands_for(steps in steps()) {
            let (mut set, mut model) = (Numbers::default(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Insert(number) => {
                        let expected = if model.insert(number) { Insertion::New } else { Insertion::Duplicate };
                        prop_assert_eq!(set.insert(seq(number)), expected);
                    }
                    Step::RaiseFloor(floor) => {
                        let added = (1..floor).filter(|number| model.insert(*number)).count();
                        prop_assert_eq!(set.raise_floor(seq(floor)), added as u64);
                    }
                    Step::InsertAll(first, last) => {
                        let added = (first..=last).filter(|number| model.insert(*number)).count();
                        prop_assert_eq!(set.insert_all(first, last), added as u64);
                    }
                }
                let mut before = set.through();
                for &(first, last) in set.ranges() {
                    prop_assert!(first > before + 1 && last >= first);
                    before = last;
                }
            }
            prop_assert!((1..202).all(|number| set.contains(seq(number)) == model.contains(&number)));
            prop_assert_eq!(Numbers::decode(&set.encode()), Ok(set.clone()));
            for first in [1, 50, 120] {
                let missing = (first..=200).filter(|number| !model.contains(number));
                prop_assert_eq!(set.next_missing(first), missing.clone().next().unwrap_or(201));
                prop_assert_eq!(set.missing_between(first, 200), missing.count() as u64);
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_stand_for_themselves(bytes: Vec<u8>) {
            if let Ok(set) = Numbers::decode(&bytes) {
                prop_assert_eq!(Numbers::decode(&set.encode()), Ok(set));
            }
        }
    }
}
