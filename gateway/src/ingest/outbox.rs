//! Which numbered messages of one node have gone on to the pipeline, so that none goes there twice. Pure.
//!
//! What has gone on is committed, or will be before anything that goes on later, or is taken back because the disk is
//! full, or this process ends: then a new one begins with what the store knows. So this is the only place that tells new
//! messages from repeated ones.

use protocol::sparkplug::outbox::{Gap, Hello, Incarnation, Numbers, STORED_RANGES_MAX, Seq};

/// Runs of numbers that are remembered of one node, the latest used. As many as the store keeps.
const INCARNATIONS_MAX: usize = 4;

/// What is to become of a numbered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It goes on.
    New,
    /// It has gone on before.
    Duplicate,
    /// Not now: it will come again.
    NotNow,
}

/// The outboxes of one node.
#[derive(Debug, Default)]
pub(super) struct Outboxes {
    /// The latest used last.
    known: Vec<(Incarnation, Numbers)>,
    /// Whether the last one is that of the node's present birth.
    is_born: bool,
}

impl Outboxes {
    /// Takes what the store has committed; the latest used last.
    pub(super) fn committed(&mut self, incarnation: Incarnation, numbers: Numbers) {
        self.known.push((incarnation, numbers));
    }

    /// The node was born, with an outbox or without.
    pub(super) fn born(&mut self, outbox: Option<Hello>) {
        self.is_born = outbox.is_some();
        let Some(Hello { incarnation, floor }) = outbox else { return };
        let place = self.known.iter().position(|(known, _)| *known == incarnation);
        let mut latest = place.map_or_else(|| (incarnation, Numbers::default()), |place| self.known.remove(place));
        latest.1.raise_floor(floor);
        if self.known.len() >= INCARNATIONS_MAX {
            self.known.remove(0);
        }
        self.known.push(latest);
    }

    /// What the node says is not known any more before its next birth.
    pub(super) fn forget_birth(&mut self) {
        self.is_born = false;
    }

    /// The run of numbers of the node's present birth; None: it has no outbox, or was not born.
    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        self.known.last().filter(|_| self.is_born).map(|(incarnation, _)| *incarnation)
    }

    /// What is to become of a message, when those of `held` are about to go on before it.
    pub(super) fn judge(&self, seq: Seq, held: &[Seq]) -> Admission {
        let Some((_, numbers)) = self.known.last().filter(|_| self.is_born) else { return Admission::NotNow };
        if numbers.contains(seq) || held.contains(&seq) {
            return Admission::Duplicate;
        }
        let has_room = numbers.ranges().len() + held.len() < STORED_RANGES_MAX;
        // The oldest that is missing always has: it makes no hole.
        if has_room || numbers.through() + 1 == seq.get() { Admission::New } else { Admission::NotNow }
    }

    /// These messages went on and could not be stored: they are to go on when they come again.
    pub(super) fn taken_back(&mut self, incarnation: Incarnation, seqs: &[Seq]) {
        if let Some((_, numbers)) = self.known.iter_mut().find(|(known, _)| *known == incarnation) {
            for seq in seqs {
                numbers.remove(*seq);
            }
        }
    }

    /// These messages have gone on, and these will never come: nobody waits for them.
    pub(super) fn gone_on(&mut self, incarnation: Incarnation, seqs: &[Seq], gaps: &[Gap]) {
        if let Some((_, numbers)) = self.known.iter_mut().find(|(known, _)| *known == incarnation) {
            for seq in seqs {
                _ = numbers.insert(*seq);
            }
            for gap in gaps {
                numbers.insert_all(gap.first_seq, gap.last_seq);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::sparkplug::outbox::Why;

    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    fn hello(incarnation: u128, floor: u64) -> Hello {
        Hello { incarnation: Incarnation(incarnation), floor: seq(floor) }
    }

    #[test]
    fn a_number_goes_on_once_in_each_run() {
        let mut outboxes = Outboxes::default();
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::NotNow, "its run is not known");
        outboxes.born(Some(hello(1, 1)));
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::New);
        assert_eq!(outboxes.judge(seq(1), &[seq(1)]), Admission::Duplicate);
        outboxes.gone_on(Incarnation(1), &[seq(1)], &[]);
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::Duplicate);
        outboxes.taken_back(Incarnation(1), &[seq(1)]);
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::New, "it could not be stored");
        outboxes.gone_on(Incarnation(1), &[seq(1)], &[]);
        outboxes.born(Some(hello(2, 1)));
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::New, "another run");
        outboxes.born(Some(hello(1, 1)));
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::Duplicate, "and back");
        outboxes.born(None);
        assert_eq!(outboxes.judge(seq(2), &[]), Admission::NotNow);
    }

    #[test]
    fn what_is_below_the_floor_never_goes_on() {
        let mut outboxes = Outboxes::default();
        outboxes.born(Some(hello(1, 9)));
        assert_eq!(outboxes.judge(seq(8), &[]), Admission::Duplicate);
        assert_eq!(outboxes.judge(seq(9), &[]), Admission::New);
    }

    #[test]
    fn too_many_holes_hold_up_all_but_the_oldest() {
        let mut outboxes = Outboxes::default();
        outboxes.born(Some(hello(1, 1)));
        for index in 1..=STORED_RANGES_MAX as u64 {
            assert_eq!(outboxes.judge(seq(2 * index), &[]), Admission::New);
            outboxes.gone_on(Incarnation(1), &[seq(2 * index)], &[]);
        }
        assert_eq!(outboxes.judge(seq(9999), &[]), Admission::NotNow);
        assert_eq!(outboxes.judge(seq(1), &[]), Admission::New);
        outboxes.gone_on(Incarnation(1), &[seq(1)], &[]);
        assert_eq!(outboxes.judge(seq(9999), &[]), Admission::New);
    }

    #[test]
    fn a_reported_gap_closes_its_hole() {
        let mut outboxes = Outboxes::default();
        outboxes.born(Some(hello(1, 1)));
        for index in 0..2 * STORED_RANGES_MAX as u64 {
            let report = seq(10 * index + 10);
            assert_eq!(outboxes.judge(report, &[]), Admission::New, "power cut {index}");
            let (first_seq, last_seq) = (10 * index + 1, 10 * index + 9);
            let (readings, at_most_ms, why) = (None, None, Why::PowerCut);
            let gap = Gap { first_seq, last_seq, from_ms: 0, to_ms: 0, readings, at_most_ms, why };
            outboxes.gone_on(Incarnation(1), &[report], &[gap]);
        }
    }
}
