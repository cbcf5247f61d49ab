//! What a host has committed of a node's messages, as it tells the node.

use bytes::Bytes;
use domain::time::UnixMs;

use super::{
    super::{
        Outgoing,
        command::command_message,
        metric::DataType,
        payload::{Metric, RawValue},
        topic::{NodeAddress, NodeVerb},
    },
    INCARNATION, Incarnation, OutboxError, RANGES, STORE_EPOCH, Seq, StoreEpoch, THROUGH, metric, number,
    number_metric, text, text_metric, value,
};

/// How many ranges one acknowledgement holds at most: a kilobyte. What does not fit is said by a later one.
pub const RANGES_MAX: usize = 64;
/// First and last number, little endian.
const RANGE_BYTES: usize = 16;

/// Every number up to `through`, and every number within the ranges, is on the host's disk, or was reported as lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Whose disk.
    pub store_epoch: StoreEpoch,
    /// Whose numbers.
    pub incarnation: Incarnation,
    /// All up to and with this one; 0: none yet.
    pub through: u64,
    /// First and last of each, at most [`RANGES_MAX`], ascending, apart from each other and from `through`.
    pub ranges: Vec<(u64, u64)>,
}

impl Acknowledgement {
    /// Whether the message is committed.
    pub fn contains(&self, seq: Seq) -> bool {
        let number = seq.get();
        let after = self.ranges.partition_point(|&(first, _)| first <= number);
        number <= self.through || after.checked_sub(1).is_some_and(|index| number <= self.ranges[index].1)
    }

    /// The metrics of the command.
    pub fn metrics(&self) -> [Metric; 4] {
        let bytes: Vec<u8> =
            self.ranges.iter().flat_map(|(first, last)| [first.to_le_bytes(), last.to_le_bytes()]).flatten().collect();
        [
            text_metric(STORE_EPOCH, self.store_epoch.to_string()),
            text_metric(INCARNATION, self.incarnation.to_string()),
            number_metric(THROUGH, self.through),
            metric(RANGES, DataType::Bytes, RawValue::Bytes(bytes.into())),
        ]
    }

    /// The command to the node.
    pub fn message(&self, node: &NodeAddress, now: UnixMs) -> Outgoing {
        command_message(node.topic(NodeVerb::NCmd), self.metrics().into(), now)
    }

    /// Reads a command's metrics. None: it acknowledges nothing.
    ///
    /// # Errors
    /// [`OutboxError`] when it is meant as an acknowledgement but is not a whole one.
    pub fn read(metrics: &[Metric]) -> Result<Option<Self>, OutboxError> {
        let Some(through) = number(metrics, THROUGH)? else { return Ok(None) };
        if through > Seq::MAX.get() {
            return Err(OutboxError::Meaningless(THROUGH));
        }
        let store_epoch = text(metrics, STORE_EPOCH)?.ok_or(OutboxError::Missing(STORE_EPOCH))?;
        let incarnation = text(metrics, INCARNATION)?.ok_or(OutboxError::Missing(INCARNATION))?;
        let ranges = match value(metrics, RANGES)? {
            Some(RawValue::Bytes(bytes)) => read_ranges(through, bytes)?,
            Some(_) => return Err(OutboxError::Meaningless(RANGES)),
            None => return Err(OutboxError::Missing(RANGES)),
        };
        Ok(Some(Self { store_epoch: store_epoch.parse()?, incarnation: incarnation.parse()?, through, ranges }))
    }
}

fn read_ranges(through: u64, bytes: &Bytes) -> Result<Vec<(u64, u64)>, OutboxError> {
    let (pairs, rest) = bytes.as_chunks::<RANGE_BYTES>();
    if !rest.is_empty() || pairs.len() > RANGES_MAX {
        return Err(OutboxError::Ranges);
    }
    let mut before = through;
    let mut ranges = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let (first, last) = pair.split_at(RANGE_BYTES / 2);
        let [first, last] =
            [first, last].map(|half| half.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        if first <= before.saturating_add(1) || last < first || last > Seq::MAX.get() {
            return Err(OutboxError::Ranges);
        }
        ranges.push((first, last));
        before = last;
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use domain::id::NodeId;
    use proptest::prelude::*;

    use super::*;
    use crate::sparkplug::{
        outbox::{Insertion, Numbers},
        payload::{Limits, Payload},
        topic::GroupId,
    };

    fn acknowledgement(through: u64, ranges: &[(u64, u64)]) -> Acknowledgement {
        Acknowledgement { store_epoch: StoreEpoch(1), incarnation: Incarnation(2), through, ranges: ranges.to_vec() }
    }

    #[test]
    fn it_travels_as_a_command_to_the_node() {
        let node = NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new("edge-1").unwrap() };
        let told = acknowledgement(3, &[(5, 5), (9, 12)]);
        let message = told.message(&node, UnixMs(7));
        assert_eq!(message.topic, "spBv1.0/500156001/NCMD/edge-1");
        let payload = Payload::decode_within(message.payload, &Limits::default()).unwrap();
        assert_eq!(Acknowledgement::read(&payload.metrics), Ok(Some(told.clone())));
        let contained: Vec<u64> = (1..15).filter(|number| told.contains(Seq::new(*number).unwrap())).collect();
        assert_eq!(contained, [1, 2, 3, 5, 9, 10, 11, 12]);
    }

    #[test]
    fn half_an_acknowledgement_is_none() {
        let whole = acknowledgement(3, &[]).metrics();
        assert_eq!(Acknowledgement::read(&[]), Ok(None));
        assert_eq!(Acknowledgement::read(&whole[..2]), Ok(None));
        assert_eq!(Acknowledgement::read(&whole[..3]), Err(OutboxError::Missing(RANGES)));
        assert_eq!(Acknowledgement::read(&whole[1..]), Err(OutboxError::Missing(STORE_EPOCH)));
    }

    #[test]
    fn ranges_in_disorder_are_refused() {
        let check = |through, ranges: &[(u64, u64)]| Acknowledgement::read(&acknowledgement(through, ranges).metrics());
        for ranges in
            [[(4, 5)].as_slice(), &[(2, 6)], &[(7, 6)], &[(6, 8), (9, 9)], &[(9, 9), (6, 6)], &[(9, u64::MAX)]]
        {
            assert_eq!(check(3, ranges), Err(OutboxError::Ranges), "{ranges:?}");
        }
        let many: Vec<_> = (0..=RANGES_MAX as u64).map(|index| (10 + 2 * index, 10 + 2 * index)).collect();
        assert_eq!(check(3, &many), Err(OutboxError::Ranges));
        assert!(check(3, &many[1..]).is_ok());
        assert_eq!(check(u64::MAX, &[]), Err(OutboxError::Meaningless(THROUGH)));
    }

    proptest! {
        /// What a host tells of its numbers is read, and claims no number that it does not have.
        #[test]
        fn it_never_claims_more_than_is_committed(committed in prop::collection::btree_set(1_u64..400, 0..300)) {
            let mut numbers = Numbers::default();
            for number in &committed {
                prop_assert_eq!(numbers.insert(Seq::new(*number).unwrap()), Insertion::New);
            }
            let told = numbers.acknowledgement(StoreEpoch(1), Incarnation(2), &[]);
            prop_assert_eq!(Acknowledgement::read(&told.metrics()).unwrap(), Some(told.clone()));
            let claimed: Vec<u64> = (1..400).filter(|number| told.contains(Seq::new(*number).unwrap())).collect();
            if told.ranges.len() < RANGES_MAX {
                prop_assert!(committed.into_iter().eq(claimed));
            } else {
                prop_assert!(claimed.iter().all(|number| committed.contains(number)));
            }
        }

        #[test]
        fn arbitrary_ranges_never_panic(through: u64, bytes: Vec<u8>) {
            let _ = read_ranges(through, &bytes.into());
        }
    }
}
