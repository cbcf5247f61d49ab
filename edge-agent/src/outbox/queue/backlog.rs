//! What waits, read back from the segments in order.

use domain::time::Now;
use protocol::sparkplug::outbox::{Gap, Seq, Why};

use super::{Content, Entry, Outbox, Reader, Record};

impl Outbox {
    /// The backlog is looked at from its beginning: what was under way may be lost.
    pub fn rewind(&mut self) {
        self.cursor = 0;
        self.reader = None;
    }

    /// A message goes out by another way; when it is the next one of the backlog, the backlog need not look at it.
    pub fn pass(&mut self, seq: Seq) {
        if self.next_in_backlog() == seq.get() {
            self.cursor = seq.get() + 1;
        }
    }

    /// Whether messages before that number wait.
    pub fn has_backlog(&self, before: u64) -> bool {
        self.next_in_backlog() < before.min(self.end_of_backlog())
    }

    /// Beyond what a power cut could give again, nothing is sent; what the former run left unsaid is not there.
    fn end_of_backlog(&self) -> u64 {
        let missing = self.missing.map_or(u64::MAX, |gap| gap.first_seq);
        self.next.min(self.reserved + 1).min(missing)
    }

    fn next_in_backlog(&self) -> u64 {
        self.receipt.numbers().next_missing(self.cursor.max(self.floor()))
    }

    /// The next message of the backlog, before that number.
    pub fn next_backlog(&mut self, before: u64, now: Now) -> Option<Entry> {
        loop {
            self.cursor = self.next_in_backlog();
            let end = before.min(self.end_of_backlog());
            if self.cursor >= end {
                return None;
            }
            let index = self.segments.partition_point(|segment| segment.first <= self.cursor).checked_sub(1)?;
            match self.read(index) {
                // What follows a hole may lie beyond.
                Some((seq, ..)) if seq.get() >= end => {
                    self.reader = None;
                    return None;
                }
                Some((seq, content, bytes)) => {
                    // A hole before it is one that was reported: the numbers after a power cut.
                    self.receipt.settle(self.cursor, seq.get() - 1);
                    self.cursor = seq.get() + 1;
                    if !self.receipt.numbers().contains(seq) {
                        return Some(Entry { seq: Some(seq), content, bytes });
                    }
                }
                None => self.pass_damage(index, now),
            }
        }
    }

    /// The message under the cursor, or the next one after it in the same segment. None: it cannot be read.
    fn read(&mut self, index: usize) -> Option<(Seq, Content, usize)> {
        let segment = &self.segments[index];
        if self.reader.as_ref().is_none_or(|reader| reader.file() != segment.file) {
            self.reader = Reader::open(&*self.disk, &segment.file).ok()?;
        }
        let reader = self.reader.as_mut()?;
        loop {
            match reader.next() {
                Ok(Some((Record::Entry(seq, content), bytes))) if seq.get() >= self.cursor => {
                    return Some((seq, content, bytes));
                }
                Ok(Some(_)) => {}
                Ok(None) if reader.read_on(&*self.disk).ok()? => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// What cannot be read any more is lost up to the next segment.
    fn pass_damage(&mut self, index: usize, now: Now) {
        self.reader = None;
        let (end, until) = self.segments.get(index + 1).map_or((self.next, now.wall), |next| (next.first, next.begun));
        let segment = &mut self.segments[index];
        let (first_seq, from_ms) = (self.cursor, segment.begun.0);
        if !std::mem::replace(&mut segment.is_damaged, true) {
            let (last_seq, to_ms) = (end - 1, until.0);
            let (readings, at_most_ms, why) = (None, None, Why::Corrupt);
            let gap = Gap { first_seq, last_seq, from_ms, to_ms, readings, at_most_ms, why };
            let messages = self.receipt.numbers().missing_between(first_seq, end - 1);
            self.lose(gap, messages);
        }
        self.cursor = end;
    }
}
