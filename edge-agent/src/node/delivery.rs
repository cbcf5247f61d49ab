//! Which message of the outbox goes out next, and what becomes of it. Pure but for the outbox's disk.
//!
//! What is fresh goes first; what was not acknowledged in time goes again; the backlog follows behind. A host that has
//! never acknowledged gets each message once, as plain Sparkplug has it: what was sent then counts as done, until the
//! first acknowledgement says what the host really has. A host that used to acknowledge and falls silent still gets
//! what is fresh; everything stays here until it is acknowledged.

use std::collections::VecDeque;

use domain::{
    id::DeviceId,
    time::{MonoMs, Now},
};
use protocol::sparkplug::outbox::{Acknowledgement, Hello, Seq};
use tracing::{info, warn};

use super::window::{Parcel, Share, Window};
use crate::{
    outbox::{Acknowledged, Content, Entry, Flush, Outbox},
    source::Sample,
};

/// Fresh messages that wait for room in memory; older ones are read from the disk when their turn comes.
const FRESH_MAX: usize = 1024;
/// What is fresh waits for acknowledgements at most this long.
const SILENCE_MS: u64 = 60_000;

/// The messages and their way.
#[derive(Debug)]
pub(super) struct Delivery {
    outbox: Outbox,
    window: Window,
    fresh: VecDeque<Entry>,
    /// Messages that wait for their device's birth; they are the next of the backlog.
    waiting: VecDeque<Parcel>,
    /// How many messages of the backlog may go now.
    allowance: usize,
    /// When the host acknowledged last, or could first.
    heard: MonoMs,
    is_host_silent: bool,
    sent_count: u64,
}

/// What the outbox is like, for the node's own metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Messages that the host does not have.
    pub(super) depth: u64,
    /// Bytes on the disk.
    pub(super) bytes: u64,
    /// Messages given up since the start.
    pub(super) gap_count: u64,
    /// Readings taken since the incarnation began.
    pub(super) produced_count: u64,
    /// Messages sent since the start, those sent again included.
    pub(super) sent_count: u64,
}

impl Delivery {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            window: Window::default(),
            fresh: VecDeque::new(),
            waiting: VecDeque::new(),
            allowance: 0,
            heard: MonoMs(0),
            is_host_silent: false,
            sent_count: 0,
        }
    }

    /// What a birth says of the outbox; see [`Outbox::hello`].
    pub(super) fn hello(&mut self) -> Hello {
        self.outbox.hello()
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            depth: self.outbox.depth(),
            bytes: self.outbox.bytes(),
            gap_count: self.outbox.gap_count(),
            produced_count: self.outbox.produced_count(),
            sent_count: self.sent_count,
        }
    }

    /// Keeps what was measured; it goes out at once when `is_heard`.
    pub(super) fn take(&mut self, device: Option<DeviceId>, samples: Vec<Sample>, is_heard: bool, now: Now) {
        let entry = self.outbox.push(Content::Samples { device, samples }, now);
        self.put(entry, is_heard);
    }

    fn put(&mut self, entry: Entry, is_heard: bool) {
        if !is_heard {
            return self.give_up(&entry);
        }
        self.fresh.push_back(entry);
        if self.fresh.len() > FRESH_MAX
            && let Some(oldest) = self.fresh.pop_front()
        {
            self.give_up(&oldest);
        }
    }

    /// The message does not go out now: it is found again in the backlog, unless the disk did not take it.
    pub(super) fn give_up(&mut self, entry: &Entry) {
        if entry.seq.is_none() {
            self.outbox.lose_unkept(&entry.content);
        }
    }

    /// A new session begins: the host is given time to acknowledge.
    pub(super) fn begin(&mut self, now: Now) {
        self.heard = now.mono;
        self.is_host_silent = false;
    }

    /// Nothing can be sent now, and what was under way may be lost.
    pub(super) fn hold(&mut self) {
        for entry in std::mem::take(&mut self.fresh) {
            self.give_up(&entry);
        }
        self.waiting.clear();
        self.window.clear();
        self.outbox.rewind();
    }

    /// So many messages of the backlog may go.
    pub(super) fn release(&mut self, messages: usize) {
        self.allowance = messages;
    }

    /// Whether messages from before wait.
    pub(super) fn has_backlog(&self) -> bool {
        !self.waiting.is_empty() || self.outbox.has_backlog(self.first_fresh())
    }

    /// Whether anything is sent and not acknowledged.
    pub(super) fn is_under_way(&self) -> bool {
        !self.window.is_empty()
    }

    fn first_fresh(&self) -> u64 {
        self.fresh.iter().find_map(|entry| entry.seq).map_or(u64::MAX, Seq::get)
    }

    /// The next message that was measured just now.
    pub(super) fn next_fresh(&mut self, now: Now) -> Option<Parcel> {
        let may_go = !self.outbox.is_acknowledged() || self.window.has_room(Share::Fresh) || self.is_silent(now);
        if !may_go {
            return None;
        }
        self.fresh.pop_front().map(|entry| Parcel { entry, sent: 0 })
    }

    fn is_silent(&mut self, now: Now) -> bool {
        let is_silent = now.mono.since_ms(self.heard) >= SILENCE_MS;
        if is_silent && !self.is_host_silent {
            warn!("the host does not acknowledge any more; what is fresh goes on, and everything is kept");
        }
        self.is_host_silent = is_silent;
        is_silent
    }

    /// The next message that was not acknowledged in time.
    pub(super) fn next_again(&mut self, now: Now) -> Option<Parcel> {
        self.window.take_due(now.mono)
    }

    /// The next message of the backlog, as far as was allowed.
    pub(super) fn next_backlog(&mut self, now: Now) -> Option<Parcel> {
        if let Some(parcel) = self.waiting.pop_front() {
            return Some(parcel);
        }
        let has_room = !self.outbox.is_acknowledged() || self.window.has_room(Share::Backlog);
        if self.allowance == 0 || !has_room {
            return None;
        }
        let before = self.first_fresh();
        loop {
            let entry = self.outbox.next_backlog(before, now)?;
            if entry.seq.is_none_or(|seq| !self.window.contains(seq)) {
                self.allowance -= 1;
                return Some(Parcel { entry, sent: 0 });
            }
        }
    }

    /// The message cannot go before its device is born: then it is the next one.
    pub(super) fn put_back(&mut self, parcel: Parcel) {
        self.waiting.push_front(parcel);
    }

    /// The message went out.
    pub(super) fn sent(&mut self, parcel: Parcel, now: Now) {
        self.sent_count += 1;
        let Parcel { entry, sent } = parcel;
        let Some(seq) = entry.seq else { return };
        if !self.outbox.is_acknowledged() {
            self.outbox.note_sent(seq);
        } else if sent > 0 || self.window.has_room(Share::Fresh) {
            self.window.send(seq, entry, sent, now.mono);
            self.outbox.pass(seq);
        }
    }

    /// The message, or a part of it, cannot be said as it is.
    pub(super) fn count_gap(&mut self) {
        self.outbox.count_gap();
    }

    /// Takes what the host says.
    pub(super) fn acknowledge(&mut self, told: &Acknowledgement, now: Now) {
        self.heard = now.mono;
        if std::mem::take(&mut self.is_host_silent) {
            info!("the host acknowledges again");
        }
        if self.outbox.acknowledge(told) == Acknowledged::OtherStore {
            self.waiting.clear();
        }
        if told.incarnation == self.outbox.incarnation() {
            self.window.acknowledge(told, now.mono);
        }
    }

    /// What is due now and then; see [`Outbox::tick`].
    pub(super) fn tick(&mut self, is_heard: bool, now: Now) -> Option<Flush> {
        let (reports, flush) = self.outbox.tick(now);
        for report in reports {
            self.put(report, is_heard);
        }
        flush
    }

    /// The flush is done.
    pub(super) fn flushed(&mut self, result: &std::io::Result<()>) {
        self.outbox.flushed(result);
    }

    /// Closes the outbox in good order.
    pub(super) fn close(self, now: Now) {
        self.outbox.close(now);
    }
}
