//! What is given up: which segments, and how the gap is told.

use domain::time::{Now, UnixMs};
use protocol::sparkplug::outbox::{Gap, Why};
use tracing::{error, warn};

use super::{Content, Outbox, Reader, Record, Segment};

/// Gaps that wait to be reported.
const GAPS_MAX: usize = 64;

impl Outbox {
    /// Gives up the oldest segment, and notes what in it nobody has.
    pub(super) fn drop_oldest(&mut self, why: Why, now: Now) {
        let Some(segment) = self.segments.pop_front() else { return };
        let end = self.segments.front().map_or(self.next, |next| next.first);
        if self.receipt.numbers().missing_between(segment.first, end - 1) > 0 {
            let until = self.segments.front().map_or(now.wall, |next| next.begun);
            let (gap, messages) = self.contents_missing(&segment, end, until, why);
            // Where nothing but reports was, those are told anew, and nothing else is lost.
            if messages > 0 {
                self.lose(gap, messages);
            }
        }
        if let Err(wrong) = self.disk.remove(&segment.file) {
            error!(segment = segment.file, "an old segment could not be removed: {wrong}");
        }
    }

    /// What the host does not have of a segment, and how many messages that is. Reports within are reported anew.
    fn contents_missing(&mut self, segment: &Segment, end: u64, until: UnixMs, why: Why) -> (Gap, u64) {
        let numbers = self.receipt.numbers();
        let first_seq = numbers.next_missing(segment.first);
        let mut gap =
            Gap { first_seq, last_seq: end - 1, from_ms: segment.begun.0, to_ms: until.0, readings: None, why };
        let mut messages = numbers.missing_between(segment.first, end - 1);
        let (mut readings, mut times, mut formers) = (0, Vec::new(), Vec::new());
        let Ok(Some(mut reader)) = Reader::open(&*self.disk, &segment.file) else { return (gap, messages) };
        let is_whole = loop {
            match reader.next() {
                Ok(Some((Record::Entry(seq, content), _))) if !numbers.contains(seq) => match content {
                    Content::Samples { samples, .. } => {
                        readings += samples.len() as u64;
                        times.extend(samples.first().into_iter().chain(samples.last()).map(|sample| sample.at.0));
                    }
                    Content::Gap(former) => {
                        messages -= 1;
                        formers.push(former);
                    }
                },
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        for former in formers {
            self.report(former);
        }
        gap.readings = is_whole.then_some(readings);
        if let (Some(from), Some(to)) = (times.iter().min(), times.iter().max()) {
            (gap.from_ms, gap.to_ms) = (*from, *to);
        }
        (gap, messages)
    }

    /// Notes a gap.
    pub(super) fn lose(&mut self, gap: Gap, messages: u64) {
        warn!(?gap, messages, "messages are lost, or may be");
        self.gap_count += messages;
        self.receipt.settle(gap.first_seq, gap.last_seq);
        self.receipt_saved.1 = true;
        self.report(gap);
    }

    /// A gap that is to be told; it is joined to the one before when both are one, or when there are too many.
    fn report(&mut self, gap: Gap) {
        let is_crowded = self.gaps.len() >= GAPS_MAX;
        match self.gaps.back_mut() {
            Some(before) if is_crowded || before.why == gap.why && before.last_seq + 1 == gap.first_seq => {
                before.first_seq = before.first_seq.min(gap.first_seq);
                before.last_seq = before.last_seq.max(gap.last_seq);
                before.from_ms = before.from_ms.min(gap.from_ms);
                before.to_ms = before.to_ms.max(gap.to_ms);
                before.readings = before.readings.zip(gap.readings).map(|(before, gap)| before + gap);
            }
            _ => self.gaps.push_back(gap),
        }
    }

    /// Forgets segments that the host has for long enough, and those that nobody wanted for too long. Age is the time
    /// that the agent has run since: it needs no clock that is right, and time without power does not count.
    pub(super) fn expire(&mut self, now: Now) {
        while let (Some(oldest), Some(next)) = (self.segments.front(), self.segments.get(1)) {
            let age_ms = self.clock_ms(now).saturating_sub(next.begun_ms);
            let is_committed = self.receipt.numbers().missing_between(oldest.first, next.first - 1) == 0;
            let keep_ms = if is_committed { self.limits.keep_committed_ms } else { self.limits.max_age_ms };
            if age_ms < keep_ms {
                return;
            }
            self.drop_oldest(Why::TooOld, now);
        }
    }
}
