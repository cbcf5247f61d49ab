//! What the host has of this outbox: kept in a small file, written anew now and then. Losing it costs nothing but
//! messages sent twice, which the host drops; so it is never flushed.

use protocol::sparkplug::outbox::{Acknowledgement, Incarnation, Insertion, Numbers, Seq, StoreEpoch};

use super::record;

/// Which messages need not be sent any more.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Receipt {
    /// Whose disk they are on; None: no host ever acknowledged, and these are merely sent.
    epoch: Option<StoreEpoch>,
    numbers: Numbers,
}

/// What an acknowledgement changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// Nothing: all of it was known.
    Known,
    /// More is committed.
    More,
    /// Another store acknowledges than before: what it does not have is to be sent again.
    OtherStore,
}

impl Receipt {
    /// Takes what the host says.
    pub(super) fn acknowledge(&mut self, told: &Acknowledgement) -> Acknowledged {
        let is_other = self.epoch != Some(told.store_epoch);
        if is_other {
            *self = Self { epoch: Some(told.store_epoch), numbers: Numbers::default() };
        }
        let ranges = std::iter::once((Seq::FIRST.get(), told.through)).chain(told.ranges.iter().copied());
        let added: u64 = ranges.map(|(first, last)| self.numbers.insert_all(first, last)).sum();
        match (is_other, added) {
            (true, _) => Acknowledged::OtherStore,
            (false, 0) => Acknowledged::Known,
            (false, _) => Acknowledged::More,
        }
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
    }

    /// What it knows.
    pub(super) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// For the file.
    pub(super) fn encode(&self, incarnation: Incarnation) -> Vec<u8> {
        let mut body = incarnation.0.to_le_bytes().to_vec();
        body.push(u8::from(self.epoch.is_some()));
        body.extend(self.epoch.map_or(0, |epoch| epoch.0).to_le_bytes());
        body.extend(self.numbers.encode());
        record::frame(&body)
    }

    /// Reads the file. None when it is damaged, or another incarnation's.
    pub(super) fn decode(bytes: &[u8], incarnation: Incarnation) -> Option<Self> {
        let (body, _) = record::unframe(bytes).ok()??;
        let (of, rest) = body.split_first_chunk::<16>()?;
        let (has_epoch, rest) = rest.split_first()?;
        let (epoch, numbers) = rest.split_first_chunk::<16>()?;
        let epoch = (*has_epoch == 1).then(|| StoreEpoch(u128::from_le_bytes(*epoch)));
        let numbers = Numbers::decode(numbers).ok()?;
        (u128::from_le_bytes(*of) == incarnation.0).then_some(Self { epoch, numbers })
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
