//! The newest event time of every series: a birth tells the present again, and what is known already is not news. Pure.

use domain::{id::SeriesId, reading::Reading, time::UnixMs};

/// By series number; a series without a reading has the smallest time.
#[derive(Debug, Default)]
pub(super) struct Latest {
    times: Vec<UnixMs>,
}

impl Latest {
    /// What is stored.
    pub(super) fn new(stored: &[Reading]) -> Self {
        let mut latest = Self::default();
        for reading in stored {
            latest.take(reading);
        }
        latest
    }

    /// The newest event time of a series; None: it has no reading.
    pub(super) fn of(&self, series: SeriesId) -> Option<UnixMs> {
        self.times.get(index(series)).copied().filter(|at| at.0 > i64::MIN)
    }

    pub(super) fn is_newer(&self, reading: &Reading) -> bool {
        self.times.get(index(reading.series)).is_none_or(|latest| reading.event_time > *latest)
    }

    pub(super) fn take(&mut self, reading: &Reading) {
        let index = index(reading.series);
        if self.times.len() <= index {
            self.times.resize(index + 1, UnixMs(i64::MIN));
        }
        self.times[index] = self.times[index].max(reading.event_time);
    }
}

fn index(series: SeriesId) -> usize {
    series.0 as usize
}
