//! Counts that are not on disk yet, by node and hour. Pure.

use domain::{id::NodeId, time::UnixMs};
use foldhash::HashMap;
use protocol::rest::{GapWhy, LedgerFigures, LedgerGap};

use crate::store::LedgerEntry;

/// An hour in milliseconds.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// A loss that goes on within so many milliseconds is the same gap.
const SAME_GAP_MS: i64 = 60_000;

/// What a node counts itself, rising as long as its disk and its process last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// `edge.outbox_produced_count`: readings taken.
    Produced,
    /// `edge.outbox_sent_count`: messages sent, repetitions included.
    Sent,
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Produced, Self::Sent];

    /// The metric of the node as a device.
    pub const fn metric(self) -> &'static str {
        match self {
            Counter::Produced => "edge.outbox_produced_count",
            Counter::Sent => "edge.outbox_sent_count",
        }
    }
}

/// Messages of a node without an outbox that are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Why.
    pub why: GapWhy,
    /// How many messages; None: nobody can know.
    pub messages: Option<u64>,
    /// How many readings; None: nobody can know.
    pub readings: Option<u64>,
    /// From when, by the gateway's clock.
    pub from: UnixMs,
    /// To when.
    pub to: UnixMs,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) entries: HashMap<(NodeId, UnixMs), LedgerFigures>,
    pub(super) gaps: Vec<LedgerGap>,
}

/// Everything since the last writing, and what later counts are measured against.
#[derive(Debug, Default)]
pub(super) struct Book {
    page: HashMap<(NodeId, UnixMs), LedgerFigures>,
    /// The latest gap of each kind of each node, and whether it is on disk as it stands here.
    gaps: HashMap<(NodeId, GapWhy), (LedgerGap, bool)>,
    /// The latest of each node's own counts, and its time.
    counted: HashMap<(NodeId, Counter), (i64, UnixMs)>,
    /// Gaps that are over and not written yet.
    closed: Vec<LedgerGap>,
}

impl Book {
    /// What a node had counted when this gateway started.
    pub(super) fn begin_at(&mut self, node: NodeId, counter: Counter, count: i64, at: UnixMs) {
        self.counted.insert((node, counter), (count, at));
    }

    /// Adds to the counts of a node.
    pub(super) fn note(&mut self, node: &NodeId, now: UnixMs, figures: &LedgerFigures) {
        self.page.entry((node.clone(), hour_of(now))).or_default().add(figures);
    }

    /// Takes a node's own count over: what it grew by since the one before. A smaller one began anew; one that was
    /// measured earlier came late and says nothing new.
    pub(super) fn counted(&mut self, node: &NodeId, counter: Counter, count: i64, at: UnixMs, now: UnixMs) {
        let before = self.counted.get(&(node.clone(), counter)).copied();
        if before.is_some_and(|(_, before)| at <= before) {
            return;
        }
        self.counted.insert((node.clone(), counter), (count, at));
        let start = before.map_or(0, |(before, _)| if before <= count { before } else { 0 });
        let grown = u64::try_from(count - start).unwrap_or(0);
        let figures = match counter {
            Counter::Produced => LedgerFigures { produced_readings: grown, ..LedgerFigures::default() },
            Counter::Sent => LedgerFigures { sent_messages: grown, ..LedgerFigures::default() },
        };
        self.note(node, now, &figures);
    }

    /// Notes a loss; what goes on is one gap.
    pub(super) fn lost(&mut self, node: &NodeId, lost: Lost, now: UnixMs) {
        let new = LedgerGap {
            node: node.clone(),
            why: lost.why,
            from_ms: lost.from.0,
            to_ms: lost.to.0,
            first_seq: None,
            last_seq: None,
            messages: lost.messages,
            readings: lost.readings,
            at_most_ms: None,
            noted_at_ms: now.0,
        };
        match self.gaps.get_mut(&(node.clone(), lost.why)) {
            Some((gap, is_written)) if lost.from.0 - gap.to_ms < SAME_GAP_MS && gap.to_ms - gap.from_ms < HOUR_MS => {
                gap.to_ms = gap.to_ms.max(lost.to.0);
                gap.messages = gap.messages.zip(lost.messages).map(|(before, more)| before + more);
                gap.readings = gap.readings.zip(lost.readings).map(|(before, more)| before + more);
                gap.noted_at_ms = now.0;
                *is_written = false;
            }
            Some(slot) => {
                let (over, is_written) = std::mem::replace(slot, (new, false));
                self.closed.extend((!is_written).then_some(over));
            }
            None => _ = self.gaps.insert((node.clone(), lost.why), (new, false)),
        }
    }

    /// Takes out what is to be written.
    pub(super) fn take(&mut self) -> Page {
        let mut gaps = std::mem::take(&mut self.closed);
        for (gap, is_written) in self.gaps.values_mut() {
            if !std::mem::replace(is_written, true) {
                gaps.push(gap.clone());
            }
        }
        Page { entries: std::mem::take(&mut self.page), gaps }
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&mut self, page: Page) {
        for (key, figures) in page.entries {
            self.page.entry(key).or_default().add(&figures);
        }
        // One that has grown since is written in its newer state, and takes the older one's place.
        self.closed.extend(page.gaps);
    }
}

impl Page {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.gaps.is_empty()
    }

    pub(super) fn entries(&self) -> Vec<LedgerEntry> {
        let entry = |((node, hour), figures): (&(NodeId, UnixMs), &LedgerFigures)| LedgerEntry {
            node: node.clone(),
            hour: *hour,
            figures: *figures,
        };
        self.entries.iter().map(entry).collect()
    }
}

fn hour_of(now: UnixMs) -> UnixMs {
    UnixMs(now.0 - now.0.rem_euclid(HOUR_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMs = UnixMs(1_790_000_000_000);

    fn node() -> NodeId {
        NodeId::new("edge-1").unwrap()
    }

    fn produced(book: &mut Book) -> u64 {
        book.take().entries.values().map(|figures| figures.produced_readings).sum()
    }

    #[test]
    fn a_nodes_own_count_is_what_it_grew_by() {
        let mut book = Book::default();
        let mut count = |count, at| {
            book.counted(&node(), Counter::Produced, count, START.plus_ms(at), START);
            produced(&mut book)
        };
        assert_eq!(count(100, 0), 100, "from its beginning");
        assert_eq!(count(150, 10), 50);
        assert_eq!(count(120, 5), 0, "it came late");
        assert_eq!(count(30, 20), 30, "its disk is new");

        let mut book = Book::default();
        book.begin_at(node(), Counter::Produced, 100, START);
        book.counted(&node(), Counter::Produced, 110, START.plus_ms(1), START);
        assert_eq!(produced(&mut book), 10, "after a restart of the gateway");
    }

    #[test]
    fn a_loss_that_goes_on_is_one_gap_until_it_is_calm_or_an_hour_long() {
        let mut book = Book::default();
        let mut lose = |second: i64| {
            let at = START.plus_ms(second * 1000);
            let lost = Lost { why: GapWhy::Shed, messages: Some(1), readings: Some(10), from: at, to: at };
            book.lost(&node(), lost, at);
        };
        (0..30).for_each(&mut lose);
        lose(300);
        let mut gaps = book.take().gaps;
        gaps.sort_unstable_by_key(|gap| gap.from_ms);
        let figures = |gap: &LedgerGap| (gap.from_ms - START.0, gap.to_ms - START.0, gap.messages, gap.readings);
        assert_eq!(
            gaps.iter().map(figures).collect::<Vec<_>>(),
            [(0, 29_000, Some(30), Some(300)), (300_000, 300_000, Some(1), Some(10))]
        );
        assert!(book.take().is_empty());

        let mut lose = |second: i64| {
            let at = START.plus_ms(second * 1000);
            book.lost(&node(), Lost { why: GapWhy::Shed, messages: Some(1), readings: None, from: at, to: at }, at);
        };
        (330..4000).step_by(30).for_each(&mut lose);
        let gaps = book.take().gaps;
        assert_eq!(gaps.len(), 2);
        assert_eq!(gaps.iter().filter_map(|gap| gap.messages).sum::<u64>(), 1 + 123);
    }

    #[test]
    fn what_could_not_be_written_is_written_later() {
        let mut book = Book::default();
        let one = LedgerFigures { received_messages: 1, ..LedgerFigures::default() };
        book.note(&node(), START, &one);
        let page = book.take();
        book.note(&node(), START, &one);
        book.put_back(page);
        let page = book.take();
        assert_eq!(page.entries.values().map(|figures| figures.received_messages).collect::<Vec<_>>(), [2]);
        assert_eq!(page.entries()[0].hour, hour_of(START));
    }
}
