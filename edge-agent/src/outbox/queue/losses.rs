//! What is given up: which segments, and how the gap is told.

use domain::time::{Now, UnixMs};
use protocol::sparkplug::outbox::{Gap, Numbers, Why};
use tracing::{error, warn};

use super::{Content, Outbox, Reader, Record, Segment};

/// Gaps that wait to be reported.
const GAPS_MAX: usize = 64;

/// Messages that neither the disk took nor the host was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unkept {
    messages: u64,
    readings: u64,
    from: UnixMs,
    to: UnixMs,
}

impl Outbox {
    /// Gives up the oldest segment, and notes what in it nobody has.
    pub(super) fn drop_oldest(&mut self, why: Why, now: Now) {
        let Some(segment) = self.segments.pop_front() else { return };
        let end = self.segments.front().map_or(self.next, |next| next.first);
        if end > segment.first && self.is_missing_between(segment.first, end - 1) {
            let until = self.segments.front().map_or(now.wall, |next| next.begun);
            let (gap, messages) = self.contents_missing(&segment, end, until, why);
            self.lose(gap, messages);
        }
        if let Err(wrong) = self.disk.remove(&segment.file) {
            error!(segment = segment.file, "an old segment could not be removed: {wrong}");
        }
    }

    /// Whether the host may lack one of these numbers. One that never acknowledges may lack all.
    fn is_missing_between(&self, first: u64, last: u64) -> bool {
        !self.receipt.is_acknowledged() || self.receipt.numbers().missing_between(first, last) > 0
    }

    /// What the host does not have of a segment, and how many messages that is: none where nothing but reports was. Those
    /// are reported anew.
    fn contents_missing(&mut self, segment: &Segment, end: u64, until: UnixMs, why: Why) -> (Gap, u64) {
        // What was merely sent, to a host that never says that it has it, is not known to be anywhere.
        let nothing = Numbers::default();
        let numbers = if self.receipt.is_acknowledged() { self.receipt.numbers() } else { &nothing };
        let first_seq = numbers.next_missing(segment.first);
        let (from_ms, to_ms) = (segment.begun.0, until.0);
        let mut gap = Gap { first_seq, last_seq: end - 1, from_ms, to_ms, readings: None, at_most_ms: None, why };
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
                        messages = messages.saturating_sub(1);
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
        if messages > 0 || gap.readings != Some(0) {
            warn!(?gap, messages, "messages are lost, or may be");
        }
        self.gap_count += messages;
        self.report(gap);
    }

    /// A gap that is to be told; it is joined to the one before when both are one. When there are too many, also to one
    /// that lies apart, as long as nothing that is still to be sent lies between: what is reported is never taken again.
    fn report(&mut self, gap: Gap) {
        let is_crowded = self.gaps.len() >= GAPS_MAX;
        let floor = self.floor();
        let is_neighbour = |before: &Gap| before.why == gap.why && before.last_seq + 1 == gap.first_seq;
        let joins = |before: &Gap| is_neighbour(before) || is_crowded && before.last_seq.max(gap.last_seq) < floor;
        match self.gaps.iter_mut().rev().find(|before| joins(before)) {
            Some(before) => {
                before.first_seq = before.first_seq.min(gap.first_seq);
                before.last_seq = before.last_seq.max(gap.last_seq);
                before.from_ms = before.from_ms.min(gap.from_ms);
                before.to_ms = before.to_ms.max(gap.to_ms);
                before.readings = before.readings.zip(gap.readings).map(|(before, gap)| before + gap);
            }
            None => self.gaps.push_back(gap),
        }
    }

    /// A message that has no number is not sent either: it is noted, and reported once the disk takes something.
    pub fn lose_unkept(&mut self, content: &Content) {
        let Content::Samples { samples, .. } = content else { return };
        let times = samples.iter().map(|sample| sample.at);
        let Some((from, to)) = times.clone().min().zip(times.max()) else { return };
        let sum = self.unkept.get_or_insert(Unkept { messages: 0, readings: 0, from, to });
        sum.messages += 1;
        sum.readings += samples.len() as u64;
        (sum.from, sum.to) = (sum.from.min(from), sum.to.max(to));
    }

    /// Reports what could not be kept, under numbers that no message has.
    pub(super) fn report_unkept(&mut self, now: Now) {
        let Some(Unkept { messages, readings, from, to }) = self.unkept.filter(|_| self.missing.is_none()) else {
            return;
        };
        let (first_seq, last_seq) = (self.next, self.next + messages - 1);
        let (from_ms, to_ms, readings, at_most_ms, why) = (from.0, to.0, Some(readings), None, Why::Full);
        self.missing = Some(Gap { first_seq, last_seq, from_ms, to_ms, readings, at_most_ms, why });
        self.next = last_seq + 1;
        let outcome = self.report_missing(now);
        if self.missing.take().is_some() {
            // The disk still takes nothing.
            self.next = first_seq;
            return;
        }
        warn!(messages, readings, "messages are lost: the disk took nothing, and nobody listened");
        self.unkept = None;
        if let Err(wrong) = outcome {
            error!("the report of what is lost is not on the disk for certain: {wrong}");
        }
    }

    /// Forgets segments that the host has for long enough, and those that nobody wanted for too long. Age is the time
    /// that the agent has run since: it needs no clock that is right, and time without power does not count.
    pub(super) fn expire(&mut self, now: Now) {
        while let (Some(oldest), Some(next)) = (self.segments.front(), self.segments.get(1)) {
            let age_ms = self.clock_ms(now).saturating_sub(next.begun_ms);
            let is_committed = !self.is_missing_between(oldest.first, next.first - 1);
            let keep_ms = if is_committed { self.limits.keep_committed_ms } else { self.limits.max_age_ms };
            if age_ms < keep_ms {
                return;
            }
            self.drop_oldest(Why::TooOld, now);
        }
    }
}
