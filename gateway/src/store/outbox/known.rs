//! The outboxes in memory: what is on disk, rows and steps together. Pure.

use domain::{id::NodeId, time::UnixMs};
use foldhash::HashMap;
use protocol::{
    rest::{GapWhy, LedgerGap},
    sparkplug::outbox::{Gap, Numbers, Seq, StoreEpoch, Why},
};

use super::{
    OUTBOXES_PER_NODE, OutboxId, OutboxProgress, OutboxState,
    step::{self, Step},
};
use crate::store::batch::JournalId;

/// Everything committed so far.
#[derive(Debug)]
pub(in crate::store) struct Known {
    pub(super) epoch: StoreEpoch,
    rows: HashMap<OutboxId, i64>,
    by_row: HashMap<i64, Entry>,
    last_row: i64,
    /// The newest batch that left a step, and the newest whose step is deleted again.
    last_step: JournalId,
    folded_through: JournalId,
}

/// One outbox.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) outbox: OutboxId,
    pub(super) numbers: Numbers,
    pub(super) reading_count: u64,
    pub(super) used_at: UnixMs,
    /// The last batch whose change the row holds.
    pub(super) folded: JournalId,
    /// The last batch that changed it.
    pub(super) changed: JournalId,
}

/// What a batch is to write.
#[derive(Debug, Default)]
pub(in crate::store) struct Planned {
    /// Outboxes that no batch has written to.
    pub(super) new: Vec<(i64, Entry)>,
    steps: Vec<Step>,
    /// The steps as bytes.
    pub(super) frame: Vec<u8>,
    /// What is known to be lost from now on.
    pub(in crate::store) gaps: Vec<LedgerGap>,
}

/// What a fold is to write.
#[derive(Debug)]
pub(super) struct Fold {
    /// Steps up to this one are in the rows.
    pub(super) through: JournalId,
    pub(super) rows: Vec<(i64, Entry)>,
    /// Outboxes that their nodes have not used for long.
    pub(super) forgotten: Vec<i64>,
}

impl Planned {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Known {
    pub(in crate::store) fn new(epoch: StoreEpoch) -> Self {
        Self {
            epoch,
            rows: HashMap::default(),
            by_row: HashMap::default(),
            last_row: 0,
            last_step: JournalId::default(),
            folded_through: JournalId::default(),
        }
    }

    pub(super) fn states(&self) -> Vec<OutboxState> {
        let mut entries: Vec<_> = self.by_row.iter().collect();
        entries.sort_unstable_by_key(|(row, entry)| (&entry.outbox.node, entry.used_at, **row));
        let state = |(_, entry): (&i64, &Entry)| OutboxState {
            outbox: entry.outbox.clone(),
            numbers: entry.numbers.clone(),
            reading_count: entry.reading_count,
        };
        entries.into_iter().map(state).collect()
    }

    pub(super) fn knows(&self, node: &NodeId) -> bool {
        self.rows.keys().any(|outbox| outbox.node == *node)
    }

    /// None: nothing is committed.
    pub(super) fn numbers(&self, outbox: &OutboxId) -> Option<&Numbers> {
        Some(&self.by_row.get(self.rows.get(outbox)?)?.numbers)
    }

    /// Takes a row that is on disk.
    pub(super) fn insert(&mut self, row: i64, entry: Entry) {
        self.last_row = self.last_row.max(row);
        self.rows.insert(entry.outbox.clone(), row);
        self.by_row.insert(row, entry);
    }

    /// Takes the steps of a batch that were read.
    pub(super) fn replay(&mut self, journal: JournalId, steps: &[Step]) {
        self.last_step = self.last_step.max(journal);
        for step in steps {
            // One that was forgotten has no row any more.
            if let Some(entry) = self.by_row.get_mut(&step.row).filter(|entry| journal > entry.folded) {
                entry.take(step, journal);
            }
        }
    }

    /// What a batch with this progress has to write; nothing changes before [`Self::apply`].
    pub(in crate::store) fn plan(&self, progress: &[OutboxProgress], now: UnixMs) -> Planned {
        let mut planned = Planned::default();
        for progress in progress {
            let row = self.rows.get(&progress.outbox).copied().unwrap_or_else(|| {
                let row = self.last_row + 1 + i64::try_from(planned.new.len()).unwrap_or(i64::MAX);
                planned.new.push((row, Entry::new(progress.outbox.clone(), now)));
                row
            });
            let runs = step::runs(&progress.numbers, &progress.gaps);
            planned.steps.push(Step { row, floor: progress.floor, runs, reading_count: progress.reading_count });
            planned.gaps.extend(losses(self.by_row.get(&row), progress, now));
        }
        planned.steps.sort_unstable_by_key(|step| step.row);
        planned.frame = step::encode(&planned.steps);
        planned
    }

    /// Takes over what a batch has committed.
    pub(in crate::store) fn apply(&mut self, journal: JournalId, planned: &Planned, now: UnixMs) {
        for (row, entry) in &planned.new {
            self.insert(*row, entry.clone());
        }
        for step in &planned.steps {
            if let Some(entry) = self.by_row.get_mut(&step.row) {
                entry.take(step, journal);
                entry.used_at = now;
            }
        }
        if !planned.is_empty() {
            self.last_step = journal;
        }
    }

    /// What there is to fold; None: nothing.
    pub(super) fn to_fold(&self) -> Option<Fold> {
        if self.last_step <= self.folded_through {
            return None;
        }
        let changed = self.by_row.iter().filter(|(_, entry)| entry.changed > entry.folded);
        let rows = changed.map(|(row, entry)| (*row, entry.clone())).collect();
        Some(Fold { through: self.last_step, rows, forgotten: self.superfluous() })
    }

    /// These rows hold everything up to the step.
    pub(super) fn folded(&mut self, rows: &[i64], through: JournalId) {
        for row in rows {
            if let Some(entry) = self.by_row.get_mut(row) {
                entry.folded = through;
            }
        }
    }

    /// The steps of a fold are deleted, and these outboxes with them.
    pub(super) fn trimmed(&mut self, through: JournalId, forgotten: &[i64]) {
        self.folded_through = through;
        for row in forgotten {
            if let Some(entry) = self.by_row.remove(row) {
                self.rows.remove(&entry.outbox);
            }
        }
    }

    /// The outboxes beyond those of each node that are remembered, oldest use first.
    fn superfluous(&self) -> Vec<i64> {
        let mut by_node: HashMap<&NodeId, Vec<(UnixMs, i64)>> = HashMap::default();
        for (row, entry) in &self.by_row {
            by_node.entry(&entry.outbox.node).or_default().push((entry.used_at, *row));
        }
        let mut superfluous = Vec::new();
        for mut outboxes in by_node.into_values().filter(|outboxes| outboxes.len() > OUTBOXES_PER_NODE) {
            outboxes.sort_unstable();
            let excess = outboxes.len() - OUTBOXES_PER_NODE;
            superfluous.extend(outboxes[..excess].iter().map(|(_, row)| *row));
        }
        superfluous
    }
}

impl Entry {
    pub(super) fn new(outbox: OutboxId, now: UnixMs) -> Self {
        let (folded, changed) = (JournalId::default(), JournalId::default());
        Self { outbox, numbers: Numbers::default(), reading_count: 0, used_at: now, folded, changed }
    }

    fn take(&mut self, step: &Step, journal: JournalId) {
        if let Some(floor) = step.floor {
            self.numbers.raise_floor(floor);
        }
        self.numbers.insert_runs(&step.runs);
        self.reading_count += step.reading_count;
        self.changed = journal;
    }
}

/// What a batch tells of losses: what the node reports, without what is committed all the same; and what is below its
/// floor and neither committed nor reported.
fn losses(entry: Option<&Entry>, progress: &OutboxProgress, now: UnixMs) -> Vec<LedgerGap> {
    let mut gaps = Vec::new();
    if progress.gaps.is_empty() && progress.floor.is_none() {
        return gaps;
    }
    let node = &progress.outbox.node;
    let mut numbers = entry.map_or_else(Numbers::default, |entry| entry.numbers.clone());
    numbers.insert_runs(&step::runs(&progress.numbers, &[]));
    for gap in &progress.gaps {
        let messages = numbers.missing_between(gap.first_seq, gap.last_seq);
        numbers.insert_all(gap.first_seq, gap.last_seq);
        // Else all are committed, or stood for no reading.
        if messages > 0 && gap.readings != Some(0) {
            gaps.push(reported(node, gap, messages, now));
        }
    }
    if let Some(floor) = progress.floor {
        let (first, last) = (numbers.next_missing(Seq::FIRST.get()), floor.get() - 1);
        let messages = numbers.missing_between(first, last);
        if messages > 0 {
            gaps.push(LedgerGap {
                node: node.clone(),
                why: GapWhy::Unreported,
                // They were given up after the store last heard of this outbox.
                from_ms: entry.map_or(now, |entry| entry.used_at).0.min(now.0),
                to_ms: now.0,
                first_seq: Some(first),
                last_seq: Some(last),
                // What an outbox did before it first spoke here, another store may have.
                messages: entry.map(|_| messages),
                readings: None,
                at_most_ms: None,
                noted_at_ms: now.0,
            });
        }
    }
    gaps
}

fn reported(node: &NodeId, gap: &Gap, messages: u64, now: UnixMs) -> LedgerGap {
    LedgerGap {
        node: node.clone(),
        why: match gap.why {
            Why::TooOld => GapWhy::TooOld,
            Why::Full => GapWhy::Full,
            Why::Torn => GapWhy::Torn,
            Why::Corrupt => GapWhy::Corrupt,
            Why::PowerCut => GapWhy::PowerCut,
        },
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        first_seq: Some(gap.first_seq),
        last_seq: Some(gap.last_seq),
        // Most of these numbers were reserved and never given.
        messages: (gap.why != Why::PowerCut).then_some(messages),
        readings: gap.readings,
        at_most_ms: gap.at_most_ms,
        noted_at_ms: now.0,
    }
}
