//! The open tail of every series: committed, not yet sealed, in memory. Rebuilt from the journal at start.
//!
//! The writing task adds a batch right after its commit, whole and under the lock, so that whoever reads sees all of
//! a batch or none of it. Sealing freezes a tail, packs it without the lock, and forgets it after its own commit.

mod segment;

use std::{ops::Range, sync::Arc};

use domain::{id::SeriesId, reading::Reading, time::UnixMs};

pub(super) use self::segment::Segment;
use super::{batch::JournalId, codec::Sample};

/// All open tails.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// By series number; None: no such series.
    slots: Vec<Option<Slot>>,
    open_reading_count: u64,
    last_journal: JournalId,
}

/// One series.
#[derive(Debug, Default)]
struct Slot {
    /// Newest reading by event time; of equal times the later arrival.
    latest: Option<Sample>,
    /// Its readings of journal rows up to here stand in chunks.
    sealed_through: JournalId,
    /// Frozen, about to become a chunk.
    sealing: Option<Arc<Segment>>,
    /// Takes new readings.
    open: Segment,
}

/// The tail of a series at one moment, and up to where the chunks complete it.
#[derive(Debug)]
pub(super) struct Tail {
    /// In order of arrival.
    pub(in crate::store) samples: Vec<Sample>,
    /// Chunks up to this journal row belong to the same picture; newer ones hold what `samples` holds.
    pub(in crate::store) sealed_through: JournalId,
}

/// A frozen tail.
#[derive(Debug, Clone)]
pub(super) struct Frozen {
    pub(in crate::store) series: SeriesId,
    pub(in crate::store) segment: Arc<Segment>,
    pub(in crate::store) latest: Sample,
}

/// When a tail is to be sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct SealPolicy {
    pub(in crate::store) reading_count: u32,
    pub(in crate::store) age_ms: i64,
    pub(in crate::store) open_reading_budget: u64,
}

impl Head {
    /// Makes room for a series. `sealed_through` and `latest` are what the database knows of it.
    pub(in crate::store) fn define(&mut self, series: SeriesId, sealed_through: JournalId, latest: Option<Sample>) {
        let index = series.0 as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index].get_or_insert_with(|| Slot { latest, sealed_through, ..Slot::default() });
    }

    /// Whether the series has been defined.
    pub(in crate::store) fn knows(&self, series: SeriesId) -> bool {
        self.slot(series).is_some()
    }

    /// Adds the readings of a committed journal row; what is sealed already is passed over. Readings of unknown series
    /// are counted, not kept.
    pub(in crate::store) fn apply(&mut self, journal: JournalId, received: UnixMs, readings: &[Reading]) -> usize {
        let mut unknown_count = 0;
        for reading in readings {
            let Some(slot) = self.slots.get_mut(reading.series.0 as usize).and_then(Option::as_mut) else {
                unknown_count += 1;
                continue;
            };
            if journal <= slot.sealed_through {
                continue;
            }
            let sample = Sample::from(reading);
            slot.open.push(&sample, journal, received);
            self.open_reading_count += 1;
            if slot.latest.as_ref().is_none_or(|latest| sample.at >= latest.at) {
                slot.latest = Some(sample);
            }
        }
        self.last_journal = self.last_journal.max(journal);
        unknown_count
    }

    /// The newest reading of every series that has one.
    pub(in crate::store) fn latest(&self) -> impl Iterator<Item = Reading> + '_ {
        self.series(self.series_numbers()).filter_map(|(series, slot)| Some(slot.latest.clone()?.of_series(series)))
    }

    /// The open readings of a series within `[from, to)`.
    pub(in crate::store) fn tail(&self, series: SeriesId, from: UnixMs, to: UnixMs) -> Option<Tail> {
        let slot = self.slot(series)?;
        let frozen = slot.sealing.iter().flat_map(|segment| segment.samples());
        let samples = frozen.chain(slot.open.samples()).filter(|sample| (from..to).contains(&sample.at)).collect();
        Some(Tail { samples, sealed_through: slot.sealed_through })
    }

    /// Numbers of series, defined or not: what the walks below go through a part at a time, so that nobody waits long
    /// for the lock.
    pub(in crate::store) fn series_numbers(&self) -> Range<usize> {
        0..self.slots.len()
    }

    /// Of the series in `part`, those whose tails are long or old.
    pub(in crate::store) fn due(&self, part: Range<usize>, policy: SealPolicy, now: UnixMs) -> Vec<SeriesId> {
        let is_due = |slot: &Slot| {
            let oldest = slot.oldest();
            slot.sealing.is_some()
                || oldest.count() >= policy.reading_count
                || oldest.received().is_some_and(|received| now.since_ms(received) >= policy.age_ms)
        };
        self.series(part).filter(|(_, slot)| is_due(slot)).map(|(series, _)| series).collect()
    }

    /// The series with the oldest open readings: so many that the rest is within `budget`.
    pub(in crate::store) fn over_budget(&self, budget: u64) -> Vec<SeriesId> {
        let mut excess = self.open_reading_count.saturating_sub(budget);
        if excess == 0 {
            return Vec::new();
        }
        let mut tails: Vec<(JournalId, SeriesId, u32)> = self
            .series(self.series_numbers())
            .filter_map(|(series, slot)| {
                let (first_journal, _) = slot.oldest().journal_range()?;
                Some((first_journal, series, slot.oldest().count()))
            })
            .collect();
        tails.sort_unstable();
        let is_needed = |&(_, _, count): &(JournalId, SeriesId, u32)| {
            let is_needed = excess > 0;
            excess = excess.saturating_sub(u64::from(count));
            is_needed
        };
        tails.into_iter().take_while(is_needed).map(|(_, series, _)| series).collect()
    }

    /// Freezes the tails of these series; what was frozen before and not sealed comes first, alone.
    pub(in crate::store) fn freeze(&mut self, series: &[SeriesId]) -> Vec<Frozen> {
        series
            .iter()
            .filter_map(|&series| {
                let slot = self.slots.get_mut(series.0 as usize)?.as_mut()?;
                if slot.sealing.is_none() && slot.open.count() > 0 {
                    slot.sealing = Some(Arc::new(std::mem::take(&mut slot.open)));
                }
                Some(Frozen { series, segment: slot.sealing.clone()?, latest: slot.latest.clone()? })
            })
            .collect()
    }

    /// Forgets a frozen tail: it stands in a chunk now.
    pub(in crate::store) fn forget(&mut self, frozen: &Frozen) {
        let Some(slot) = self.slots.get_mut(frozen.series.0 as usize).and_then(Option::as_mut) else { return };
        let Some((_, last_journal)) = frozen.segment.journal_range() else { return };
        if slot.sealing.as_ref().is_some_and(|sealing| Arc::ptr_eq(sealing, &frozen.segment)) {
            slot.sealing = None;
            slot.sealed_through = last_journal;
            self.open_reading_count = self.open_reading_count.saturating_sub(u64::from(frozen.segment.count()));
        }
    }

    /// The journal row that was applied last.
    pub(in crate::store) const fn last_journal(&self) -> JournalId {
        self.last_journal
    }

    /// Of the series in `part`, the oldest journal row that holds a reading that is not sealed.
    pub(in crate::store) fn first_open_journal(&self, part: Range<usize>) -> Option<JournalId> {
        self.series(part).filter_map(|(_, slot)| slot.oldest().journal_range()).map(|(first, _)| first).min()
    }

    /// Readings in all open tails.
    pub(in crate::store) const fn open_reading_count(&self) -> u64 {
        self.open_reading_count
    }

    fn slot(&self, series: SeriesId) -> Option<&Slot> {
        self.slots.get(series.0 as usize)?.as_ref()
    }

    fn series(&self, part: Range<usize>) -> impl Iterator<Item = (SeriesId, &Slot)> {
        let slots = self.slots.get(part.clone()).unwrap_or_default();
        part.zip(slots).filter_map(|(number, slot)| Some((SeriesId(u32::try_from(number).ok()?), slot.as_ref()?)))
    }
}

impl Slot {
    /// The older part of the tail.
    fn oldest(&self) -> &Segment {
        self.sealing.as_deref().unwrap_or(&self.open)
    }
}
