//! What the host has of this outbox: kept in a small file, written anew now and then. Losing it costs nothing but
//! messages sent twice, which the host drops; so it is never flushed.

use prost::encoding::{decode_varint, encode_varint};
use protocol::sparkplug::outbox::{Acknowledgement, Incarnation, Insertion, Numbers, Seq, StoreEpoch};

use super::record;

/// Reports that are remembered one by one until the host has them.
const OWED_MAX: usize = 64;
/// First byte after the incarnation: no host ever acknowledged; one did; the same, with what it told and what it is owed.
const NO_EPOCH: u8 = 0;
const EPOCH_ALONE: u8 = 1;
const WHOLE: u8 = 2;

/// Which messages need not be sent any more.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Receipt {
    /// Whose disk they are on; None: no host ever acknowledged, and these are merely sent.
    epoch: Option<StoreEpoch>,
    numbers: Numbers,
    /// The host said that it has everything up to this number.
    told_through: u64,
    /// A birth was told since the host was heard: its next word is of its disk as it is now.
    is_birth_unanswered: bool,
    /// Reports of gaps that the host does not have.
    owed: Vec<Owed>,
}

/// A report that the host does not have: until then no birth may say that nothing is missing there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owed {
    /// Its number.
    report: Seq,
    /// The lowest number that it says is lost.
    from: u64,
}

/// What an acknowledgement changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// Nothing: all of it was known.
    Known,
    /// More is committed.
    More,
    /// Another store acknowledges than before, or the same went back to an older state: what it does not have is to be
    /// sent again.
    OtherStore,
}

impl Receipt {
    /// Takes what the host says.
    pub(super) fn acknowledge(&mut self, told: &Acknowledgement) -> Acknowledged {
        // A database copied back by hand or a replica that lagged keeps its epoch and yet has less.
        let is_older = std::mem::take(&mut self.is_birth_unanswered) && told.through < self.told_through;
        let is_other = is_older || self.epoch != Some(told.store_epoch);
        if is_other {
            let (epoch, owed) = (Some(told.store_epoch), std::mem::take(&mut self.owed));
            *self = Self { epoch, owed, ..Self::default() };
        }
        self.told_through = self.told_through.max(told.through);
        let ranges = std::iter::once((Seq::FIRST.get(), told.through)).chain(told.ranges.iter().copied());
        let added: u64 = ranges.map(|(first, last)| self.numbers.insert_all(first, last)).sum();
        self.forget_delivered();
        match (is_other, added) {
            (true, _) => Acknowledged::OtherStore,
            (false, 0) => Acknowledged::Known,
            (false, _) => Acknowledged::More,
        }
    }

    /// A birth is told: the host answers with what it has.
    pub(super) fn expect_answer(&mut self) {
        self.is_birth_unanswered = true;
    }

    /// The host is to be told that numbers from `from` on are lost.
    pub(super) fn owe(&mut self, report: Seq, from: u64) {
        self.owed.retain(|owed| owed.report != report);
        self.owed.push(Owed { report, from });
        self.forget_delivered();
        if self.owed.len() > OWED_MAX {
            let oldest = self.owed.remove(0);
            self.owed[0].from = self.owed[0].from.min(oldest.from);
        }
    }

    /// The lowest number that a report to come says is lost.
    pub(super) fn owed_from(&self) -> Option<u64> {
        self.owed.iter().map(|owed| owed.from).min()
    }

    /// Reports below this number are not here any more: what they said is told anew, or was forgotten with the process.
    pub(super) fn forget_reports_before(&mut self, lowest: u64) {
        self.owed.retain(|owed| owed.report.get() >= lowest);
    }

    fn forget_delivered(&mut self) {
        self.owed.retain(|owed| !self.numbers.contains(owed.report));
    }

    /// Whether a host ever acknowledged.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.epoch.is_some()
    }

    /// A message was sent to a host that never acknowledges. False when it counted as sent before.
    pub(super) fn note_sent(&mut self, seq: Seq) -> bool {
        self.epoch.is_none() && self.numbers.insert(seq) == Insertion::New
    }

    /// Numbers that will never be sent: nobody needs to wait for them.
    pub(super) fn settle(&mut self, first: u64, last: u64) {
        self.numbers.insert_all(first, last);
        self.forget_delivered();
    }

    /// What it knows.
    pub(super) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// For the file.
    pub(super) fn encode(&self, incarnation: Incarnation) -> Vec<u8> {
        let mut body = incarnation.0.to_le_bytes().to_vec();
        body.push(if self.epoch.is_some() { WHOLE } else { NO_EPOCH });
        body.extend(self.epoch.map_or(0, |epoch| epoch.0).to_le_bytes());
        if self.epoch.is_some() {
            encode_varint(self.told_through, &mut body);
            encode_varint(self.owed.len() as u64, &mut body);
            for owed in &self.owed {
                encode_varint(owed.report.get(), &mut body);
                encode_varint(owed.from, &mut body);
            }
        }
        body.extend(self.numbers.encode());
        record::frame(&body)
    }

    /// Reads the file. None when it is damaged, or another incarnation's.
    pub(super) fn decode(bytes: &[u8], incarnation: Incarnation) -> Option<Self> {
        let (body, _) = record::unframe(bytes).ok()??;
        let (of, rest) = body.split_first_chunk::<16>()?;
        let (&kind, rest) = rest.split_first()?;
        let (epoch, mut rest) = rest.split_first_chunk::<16>()?;
        let epoch = matches!(kind, EPOCH_ALONE | WHOLE).then(|| StoreEpoch(u128::from_le_bytes(*epoch)));
        let (mut told_through, mut owed) = (0, Vec::new());
        if kind == WHOLE {
            told_through = decode_varint(&mut rest).ok()?;
            for _ in 0..decode_varint(&mut rest).ok().filter(|count| *count <= OWED_MAX as u64)? {
                let report = Seq::new(decode_varint(&mut rest).ok()?)?;
                owed.push(Owed { report, from: decode_varint(&mut rest).ok()? });
            }
        }
        let numbers = Numbers::decode(rest).ok()?;
        let receipt = Self { epoch, numbers, told_through, is_birth_unanswered: false, owed };
        (u128::from_le_bytes(*of) == incarnation.0).then_some(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Incarnation = Incarnation(1);

    fn told(epoch: u128, through: u64, ranges: &[(u64, u64)]) -> Acknowledgement {
        Acknowledgement { store_epoch: StoreEpoch(epoch), incarnation: MINE, through, ranges: ranges.to_vec() }
    }

    #[test]
    fn another_store_knows_only_what_it_says() {
        let mut receipt = Receipt::default();
        assert_eq!(receipt.acknowledge(&told(1, 10, &[(12, 15)])), Acknowledged::OtherStore);
        assert_eq!(receipt.acknowledge(&told(1, 9, &[])), Acknowledged::Known);
        assert_eq!(receipt.acknowledge(&told(1, 11, &[])), Acknowledged::More);
        assert_eq!(receipt.numbers().through(), 15);
        assert_eq!(receipt.acknowledge(&told(2, 3, &[])), Acknowledged::OtherStore);
        assert_eq!((receipt.numbers().through(), receipt.numbers().ranges()), (3, [].as_slice()));
    }

    #[test]
    fn a_store_that_went_back_is_another_one() {
        let mut receipt = Receipt::default();
        receipt.acknowledge(&told(1, 10, &[]));
        receipt.settle(11, 20);
        receipt.expect_answer();
        assert_eq!(
            receipt.acknowledge(&told(1, 10, &[])),
            Acknowledged::Known,
            "what was settled here it need not know"
        );
        assert_eq!(receipt.acknowledge(&told(1, 4, &[])), Acknowledged::Known, "an old word that came late");
        let mut receipt = Receipt::decode(&receipt.encode(MINE), MINE).unwrap();
        receipt.expect_answer();
        assert_eq!(receipt.acknowledge(&told(1, 4, &[(6, 7)])), Acknowledged::OtherStore);
        assert_eq!((receipt.numbers().through(), receipt.numbers().ranges()), (4, [(6, 7)].as_slice()));
        receipt.expect_answer();
        assert_eq!(receipt.acknowledge(&told(1, 5, &[])), Acknowledged::More);
    }

    #[test]
    fn a_report_is_owed_until_the_host_has_it() {
        let seq = |number| Seq::new(number).unwrap();
        let mut receipt = Receipt::default();
        receipt.acknowledge(&told(1, 2, &[]));
        receipt.owe(seq(9), 3);
        receipt.owe(seq(12), 10);
        receipt.owe(seq(2), 1);
        assert_eq!(receipt.owed_from(), Some(3), "the last one it has");
        let mut receipt = Receipt::decode(&receipt.encode(MINE), MINE).unwrap();
        receipt.acknowledge(&told(1, 2, &[(9, 9)]));
        assert_eq!(receipt.owed_from(), Some(10));
        receipt.acknowledge(&told(1, 12, &[]));
        assert_eq!(receipt.owed_from(), None);
        (0..=OWED_MAX as u64).for_each(|index| receipt.owe(seq(1000 + index), 100 + index));
        assert_eq!(receipt.owed_from(), Some(100), "more than are remembered one by one");
    }

    #[test]
    fn what_was_only_sent_is_forgotten_once_a_host_acknowledges() {
        let mut receipt = Receipt::default();
        assert!(receipt.note_sent(Seq::FIRST));
        assert!(!receipt.note_sent(Seq::FIRST));
        assert_eq!(receipt.numbers().through(), 1);
        assert_eq!(receipt.acknowledge(&told(1, 0, &[])), Acknowledged::OtherStore);
        assert_eq!(receipt.numbers().through(), 0);
        assert!(!receipt.note_sent(Seq::FIRST), "sent is not committed any more");
    }

    #[test]
    fn the_file_is_read_as_written_and_never_anothers() {
        let mut receipt = Receipt::default();
        assert_eq!(Receipt::decode(&receipt.encode(MINE), MINE), Some(receipt.clone()));
        receipt.acknowledge(&told(7, 3, &[(5, 6)]));
        let bytes = receipt.encode(MINE);
        assert_eq!(Receipt::decode(&bytes, MINE), Some(receipt));
        assert_eq!(Receipt::decode(&bytes, Incarnation(2)), None);
        assert_eq!(Receipt::decode(&bytes[..bytes.len() - 1], MINE), None);
        assert_eq!(Receipt::decode(&[], MINE), None);
    }
}
