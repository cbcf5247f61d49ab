//! The queue itself: numbers and keeps what is to be sent, and forgets it once the host has it and the time to keep it
//! is over. `writing`: what comes to the disk, and how; `losses`: what it gives up; `backlog`: reading back.

mod backlog;
mod losses;
mod writing;

use std::{collections::VecDeque, io};

use domain::time::{MonoMs, Now, UnixMs};
use protocol::sparkplug::outbox::{Acknowledgement, Gap, Hello, Incarnation, Seq, Why};
use tracing::{error, info, warn};

use self::losses::Unkept;
use super::{
    Content, Entry, Limits,
    disk::{Disk, Flush},
    opening::{self, Found},
    reader::Reader,
    receipt::{Acknowledged, Receipt},
    record::{Names, Record, State},
};

/// The receipt is written this often at most.
const RECEIPT_MS: u64 = 5_000;
const RECEIPT_FILE: &str = "committed";

/// The queue.
#[derive(Debug)]
pub struct Outbox {
    disk: Box<dyn Disk>,
    limits: Limits,
    /// Which start of the machine.
    boot: u128,
    incarnation: Incarnation,
    /// Oldest first; the last one is appended to. Empty while the disk does not take even one.
    segments: VecDeque<Segment>,
    /// The names in the last segment.
    names: Names,
    /// The next number to be given.
    next: u64,
    /// Numbers up to this one may be given: a flushed record says so.
    reserved: u64,
    /// The same, once the flush under way is done.
    reserving: Option<u64>,
    is_unflushed: bool,
    is_flushing: bool,
    /// A flush failed: the system may have forgotten what it did not write, and the next flush of the same file would not
    /// say so. What comes now goes to a new one.
    is_suspect: bool,
    produced: u64,
    /// What the outbox's own clock showed when this process opened it, and when that was.
    clock: (u64, MonoMs),
    receipt: Receipt,
    /// When the receipt was saved, and whether it changed since.
    receipt_saved: (MonoMs, bool),
    /// What the former run left unsaid. Nothing else is kept before this is.
    missing: Option<Gap>,
    /// Gaps that are not reported yet.
    gaps: VecDeque<Gap>,
    /// What was taken while the disk took nothing, and was not sent either.
    unkept: Option<Unkept>,
    /// Messages lost since the start of the process.
    gap_count: u64,
    /// The next number of the backlog to look at.
    cursor: u64,
    reader: Option<Reader>,
}

/// A file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) file: String,
    /// No number in it is smaller.
    pub(super) first: u64,
    pub(super) bytes: u64,
    /// When it was begun, by the outbox's own clock.
    pub(super) begun_ms: u64,
    pub(super) begun: UnixMs,
    /// Damage in it was reported.
    pub(super) is_damaged: bool,
}

impl Segment {
    pub(super) fn new(first: u64, begins: &State) -> Self {
        Self {
            file: opening::file_name(first),
            first,
            bytes: 0,
            begun_ms: begins.clock_ms,
            begun: begins.wall,
            is_damaged: false,
        }
    }
}

impl Outbox {
    /// Takes over what a former run left, or begins with nothing and as `new`.
    ///
    /// # Errors
    /// When the disk cannot be read, or its damaged end cannot be cut off.
    pub fn open(mut disk: Box<dyn Disk>, limits: Limits, boot: u128, new: Incarnation, now: Now) -> io::Result<Self> {
        let found = opening::find(&mut *disk, boot, now)?.unwrap_or_else(|| Found {
            segments: VecDeque::new(),
            names: Names::default(),
            state: State {
                incarnation: new,
                boot,
                next: Seq::FIRST.get(),
                reserved: 0,
                produced: 0,
                clock_ms: 0,
                wall: now.wall,
            },
            gap: None,
            reports: Vec::new(),
        });
        let Found { segments, names, state, gap, reports } = found;
        let receipt = disk.read(RECEIPT_FILE, 0, u64::MAX).ok();
        let mut receipt = receipt.and_then(|bytes| Receipt::decode(&bytes, state.incarnation)).unwrap_or_default();
        for (report, from) in reports {
            receipt.owe(report, from);
        }
        let mut outbox = Self {
            disk,
            limits,
            boot,
            incarnation: state.incarnation,
            segments,
            names,
            next: state.next,
            // Whether the last reservation was flushed is not known: the first message makes a new one.
            reserved: state.next - 1,
            reserving: None,
            is_unflushed: false,
            is_flushing: false,
            is_suspect: false,
            produced: state.produced,
            clock: (state.clock_ms, now.mono),
            receipt,
            receipt_saved: (now.mono, false),
            missing: None,
            gaps: VecDeque::new(),
            unkept: None,
            gap_count: 0,
            cursor: 0,
            reader: None,
        };
        if let Some(mut gap) = gap {
            // The time between two flushes, and as long again for the flush itself.
            gap.at_most_ms = (gap.why == Why::PowerCut).then_some(2 * limits.flush_ms);
            outbox.lose(gap, 0);
            outbox.missing = outbox.gaps.pop_front();
            if let Err(wrong) = outbox.report_missing(now) {
                error!("what is missing since the former run cannot be noted yet: {wrong}");
            }
        }
        info!(
            incarnation = %outbox.incarnation,
            next = outbox.next,
            waiting = outbox.depth(),
            mib = outbox.bytes() / 1024 / 1024,
            "outbox opened"
        );
        Ok(outbox)
    }

    /// Notes what is missing since the former run before anything else is: should the power be cut again, it is not
    /// forgotten.
    fn report_missing(&mut self, now: Now) -> io::Result<()> {
        let Some(gap) = self.missing else { return Ok(()) };
        // A reservation before it would be a state behind the gap: its number is not sent before it is flushed instead.
        let report = Content::Gap(gap);
        match self.write(&report, now) {
            // The last file is all that there is room for. Should the power be cut between the beginning of the next one
            // and the report, the hole is found when it is read.
            Err(wrong) if wrong.kind() == io::ErrorKind::QuotaExceeded && self.has_entries() => {
                self.begin_segment(now)?;
                self.write(&report, now)?;
            }
            written => _ = written?,
        }
        self.missing = None;
        self.flush_now()?;
        self.reserved = self.reserved.max(self.next - 1);
        Ok(())
    }

    /// What a birth says of it. The next acknowledgement answers it.
    pub fn hello(&mut self) -> Hello {
        self.receipt.expect_answer();
        self.receipt.forget_reports_before(self.floor());
        // What is given up and not reported yet is still to be told.
        let pending = self.missing.iter().chain(&self.gaps).map(|gap| gap.first_seq).min();
        let lowest = [Some(self.floor()), pending, self.receipt.owed_from()].into_iter().flatten().min();
        Hello { incarnation: self.incarnation, floor: lowest.and_then(Seq::new).unwrap_or(Seq::FIRST) }
    }

    /// The next number to be given.
    #[cfg(test)]
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// Which run of numbers it is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Numbers and keeps a message. It comes back without a number when the disk does not take it, and is then to be
    /// sent as well as can be.
    pub fn push(&mut self, content: Content, now: Now) -> Entry {
        let readings = content.readings();
        let kept = self.keep(&content, now);
        self.produced += readings;
        match kept {
            Ok((seq, bytes)) => Entry { seq: Some(seq), content, bytes },
            Err(wrong) => {
                if self.gap_count.is_power_of_two() || self.gap_count == 0 {
                    error!("a message could not be kept: {wrong}");
                }
                self.gap_count += u64::from(readings > 0);
                Entry { seq: None, content, bytes: 0 }
            }
        }
    }

    fn keep(&mut self, content: &Content, now: Now) -> io::Result<(Seq, usize)> {
        self.report_missing(now)?;
        self.write(content, now)
    }

    /// What is due now and then: forgets what is old, reports gaps, saves the receipt. Returns the reports, to be sent
    /// like any message, and what makes the rest durable; tell [`Self::flushed`] of it.
    pub fn tick(&mut self, now: Now) -> (Vec<Entry>, Option<Flush>) {
        self.expire(now);
        if let Err(wrong) = self.report_missing(now) {
            error!("what is missing since the former run cannot be noted yet: {wrong}");
        }
        self.report_unkept(now);
        self.leave_suspect(now);
        let mut reports = Vec::new();
        // Not those that are added meanwhile: in an outbox that is much too small one report may displace another.
        for _ in 0..self.gaps.len() {
            let Some(gap) = self.gaps.pop_front() else { break };
            let report = self.push(Content::Gap(gap), now);
            if report.seq.is_none() {
                self.gaps.push_front(gap);
                break;
            }
            reports.push(report);
        }
        let (saved, is_changed) = self.receipt_saved;
        if is_changed && now.mono.since_ms(saved) >= RECEIPT_MS {
            self.save_receipt(now);
        }
        (reports, self.begin_flush(now))
    }

    fn save_receipt(&mut self, now: Now) {
        match self.disk.replace(RECEIPT_FILE, &self.receipt.encode(self.incarnation)) {
            Ok(()) => self.receipt_saved = (now.mono, false),
            Err(wrong) => {
                warn!("what is committed could not be noted, and will be sent again after a restart: {wrong}");
                self.receipt_saved.0 = now.mono;
            }
        }
    }

    /// Takes what the host says.
    pub fn acknowledge(&mut self, told: &Acknowledgement) -> Acknowledged {
        if told.incarnation != self.incarnation {
            warn!(incarnation = %told.incarnation, "the host acknowledges another incarnation; ignored");
            return Acknowledged::Known;
        }
        let outcome = self.receipt.acknowledge(told);
        self.receipt_saved.1 |= outcome != Acknowledged::Known;
        if outcome == Acknowledged::OtherStore {
            info!(epoch = %told.store_epoch, through = told.through, "a store acknowledges for the first time, or was restored");
            self.rewind();
        }
        outcome
    }

    /// Whether a host ever acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.receipt.is_acknowledged()
    }

    /// A message was sent to a host that never acknowledges: once is enough.
    pub fn note_sent(&mut self, seq: Seq) {
        self.receipt_saved.1 |= self.receipt.note_sent(seq);
    }

    /// Closes it in good order: nothing after this can be lost.
    pub fn close(mut self, now: Now) {
        // Gaps that could not be told yet are told now, if at all.
        if let (_, Some(flush)) = self.tick(now) {
            self.flushed(&flush());
        }
        if !self.segments.is_empty() && self.missing.is_none() {
            let written = self.reserve(self.next - 1, now);
            if let Err(wrong) = written.and_then(|()| self.disk.flush()()) {
                error!("the outbox could not be closed in good order: {wrong}");
            }
        }
        self.save_receipt(now);
    }

    /// The lowest number that is still held.
    fn floor(&self) -> u64 {
        self.segments.front().map_or(self.next, |segment| segment.first)
    }

    fn clock_ms(&self, now: Now) -> u64 {
        let (base, since) = self.clock;
        base + now.mono.since_ms(since)
    }

    /// Messages that the host does not have.
    pub fn depth(&self) -> u64 {
        self.receipt.numbers().missing_between(self.floor(), self.next - 1)
    }

    /// Bytes on the disk, without the small files.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Readings taken since the incarnation began.
    pub fn produced_count(&self) -> u64 {
        self.produced
    }

    /// Messages given up since the start of the process.
    pub fn gap_count(&self) -> u64 {
        self.gap_count
    }

    /// Messages that could not be sent as they are, because a source changed what it says of a metric.
    pub fn count_gap(&mut self) {
        self.gap_count += 1;
    }
}
