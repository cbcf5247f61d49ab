//! How a record comes to the disk: numbers are reserved, files begun, room made, and what was written made durable.

use std::io;

use domain::time::Now;
use protocol::sparkplug::outbox::{Seq, Why};
use tracing::{error, warn};

use super::{Content, Outbox, Segment};
use crate::outbox::{
    disk::Flush,
    record::{self, MAGIC, State},
};

/// Size at which a segment is full: small enough that dropping one gives up little, and to be read whole.
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024;
/// A small outbox still has this many segments.
const SEGMENTS_MIN: u64 = 16;
/// A segment takes messages for this long, so that what is old can be dropped although little comes.
const SEGMENT_MS: u64 = 3_600_000;
/// How many numbers may be given between two flushes without waiting for one.
const RESERVE: u64 = 8192;

impl Outbox {
    pub(super) fn write(&mut self, content: &Content, now: Now) -> io::Result<(Seq, usize)> {
        // Nothing comes between the end of the former run and the report of what is missing there.
        let is_missing = self.missing.is_some();
        if self.segments.back().is_none_or(|segment| !is_missing && self.is_over(segment, now)) {
            // On a full disk the present segment goes on, rather than being given up for one that may not fit either.
            self.begin_segment(now).or_else(|wrong| if self.segments.is_empty() { Err(wrong) } else { Ok(()) })?;
        }
        if self.next > self.reserved && !is_missing {
            self.reserve_now(now)?;
        }
        let seq = Seq::new(self.next).ok_or(io::ErrorKind::OutOfMemory)?;
        let mark = self.names.mark();
        let record = record::encode_entry(seq, content, &mut self.names);
        self.append(&record, now).inspect_err(|_| self.names.go_back(mark))?;
        self.next += 1;
        if let Content::Gap(gap) = content {
            // Not before: should the report not come to be, what is lost is found missing again.
            self.receipt.settle(gap.first_seq, gap.last_seq);
            self.receipt.owe(seq, gap.first_seq);
            self.receipt_saved.1 = true;
        }
        Ok((seq, record.len()))
    }

    fn is_over(&self, segment: &Segment, now: Now) -> bool {
        let is_full = segment.bytes >= SEGMENT_BYTES_MAX.min(self.limits.max_bytes / SEGMENTS_MIN);
        let is_old = self.clock_ms(now).saturating_sub(segment.begun_ms) >= SEGMENT_MS;
        (is_full || is_old || self.is_suspect) && segment.first < self.next
    }

    /// Whether the last file has a name that a next one would not have.
    pub(super) fn has_entries(&self) -> bool {
        self.segments.back().is_some_and(|segment| segment.first < self.next)
    }

    /// Begins a new file, and waits until it is on the disk with all before it: once in a MiB or an hour. After a power
    /// cut the last file alone then says where the numbers stand.
    pub(super) fn begin_segment(&mut self, now: Now) -> io::Result<()> {
        let state = self.state(self.next - 1 + RESERVE, now);
        let former = std::mem::take(&mut self.names);
        let segment = Segment::new(self.next, &state);
        let file = segment.file.clone();
        self.segments.push_back(segment);
        let beginning = [MAGIC.as_slice(), &record::encode_state(&state)].concat();
        let begun = self.append_beside(2, &beginning, now).and_then(|()| self.flush_now());
        if begun.is_err() {
            self.segments.pop_back();
            self.names = former;
            // It may not even be there.
            let _ = self.disk.remove(&file);
            return begun;
        }
        self.reserved = state.reserved;
        self.is_suspect = false;
        // Not before: what is given up for a file that does not come to be is lost for nothing.
        self.make_room(0, now)
    }

    pub(super) fn flush_now(&mut self) -> io::Result<()> {
        self.disk.flush()().inspect_err(|_| self.is_suspect = true)
    }

    fn state(&self, reserved: u64, now: Now) -> State {
        State {
            incarnation: self.incarnation,
            boot: self.boot,
            next: self.next,
            reserved,
            produced: self.produced,
            clock_ms: self.clock_ms(now),
            wall: now.wall,
        }
    }

    /// Waits for the disk: at the first message, and when more came between two flushes than was foreseen.
    fn reserve_now(&mut self, now: Now) -> io::Result<()> {
        if self.is_suspect && self.has_entries() {
            return self.begin_segment(now);
        }
        let wanted = self.next - 1 + RESERVE;
        self.reserve(wanted, now)?;
        self.flush_now()?;
        self.reserved = wanted;
        Ok(())
    }

    /// Says that numbers up to this one may be given, as soon as it is flushed.
    pub(super) fn reserve(&mut self, reserved: u64, now: Now) -> io::Result<()> {
        self.append(&record::encode_state(&self.state(reserved, now)), now)
    }

    /// Appends to the last segment; makes room by giving up the oldest.
    fn append(&mut self, bytes: &[u8], now: Now) -> io::Result<()> {
        self.make_room(bytes.len() as u64, now)?;
        self.append_beside(1, bytes, now)
    }

    /// Gives up the oldest segments until as many bytes may come; the last one stays.
    fn make_room(&mut self, bytes: u64, now: Now) -> io::Result<()> {
        while self.bytes() + bytes > self.limits.max_bytes {
            if self.segments.len() <= 1 {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            self.drop_oldest(Why::Full, now);
        }
        Ok(())
    }

    /// Appends to the last segment, whatever the bound is; on a full disk the newest `kept` segments stay.
    fn append_beside(&mut self, kept: usize, bytes: &[u8], now: Now) -> io::Result<()> {
        loop {
            let segment = self.segments.back_mut().ok_or(io::ErrorKind::NotFound)?;
            match self.disk.append(&segment.file, bytes) {
                Ok(()) => {
                    segment.bytes += bytes.len() as u64;
                    self.is_unflushed = true;
                    return Ok(());
                }
                Err(wrong) if is_full(&wrong) && self.segments.len() > kept => self.drop_oldest(Why::Full, now),
                Err(wrong) => return Err(wrong),
            }
        }
    }

    /// After a failed flush a new file is begun at once, not only when a message comes: what waits for its number to be
    /// safe would wait as long.
    pub(super) fn leave_suspect(&mut self, now: Now) {
        if self.is_suspect
            && self.has_entries()
            && let Err(wrong) = self.begin_segment(now)
        {
            warn!("the disk still makes nothing durable: {wrong}");
        }
    }

    pub(super) fn begin_flush(&mut self, now: Now) -> Option<Flush> {
        if !self.is_unflushed || self.is_flushing {
            return None;
        }
        let wanted = self.next - 1 + RESERVE;
        if wanted - self.reserved >= RESERVE / 2 && !self.is_suspect {
            let is_written = self.reserve(wanted, now).is_ok();
            self.reserving = is_written.then_some(wanted);
        }
        (self.is_unflushed, self.is_flushing) = (false, true);
        Some(self.disk.flush())
    }

    /// The flush is done.
    pub fn flushed(&mut self, result: &io::Result<()>) {
        self.is_flushing = false;
        let reserving = self.reserving.take();
        match result {
            Ok(()) => self.reserved = reserving.unwrap_or(self.reserved).max(self.reserved),
            Err(wrong) => {
                error!("what was taken last is not on the disk for certain: {wrong}");
                (self.is_unflushed, self.is_suspect) = (true, true);
            }
        }
    }
}

fn is_full(wrong: &io::Error) -> bool {
    matches!(wrong.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
