//! What the pipeline leaves for the hub: the newest reading of each series, the newest state of each alarm. Bounded by
//! the number of series and open alarms however slow the hub is, so the pipeline never waits.

use std::{collections::BTreeMap, sync::Arc};

use domain::id::{AlarmId, DeviceId, SeriesId};
use protocol::rest::{Alarm, LinkState, Point};

use super::present::{Changes, displaces};

/// Changes not yet taken by the hub, coalesced.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// By series number.
    values: Vec<Option<Point>>,
    /// Series with a value in `values`, in order of arrival.
    dirty: Vec<SeriesId>,
    links: BTreeMap<DeviceId, (LinkState, domain::time::UnixMs)>,
    alarms: BTreeMap<AlarmId, Arc<Alarm>>,
    rest: Changes,
}

impl Inbox {
    /// Adds changes; an older one of the same series, device or alarm is replaced.
    pub(super) fn add(&mut self, changes: Changes) {
        for (series, point) in changes.values {
            let number = series.0 as usize;
            if self.values.len() <= number {
                self.values.resize(number + 1, None);
            }
            match &mut self.values[number] {
                Some(newest) if displaces(&point, newest) => *newest = point,
                Some(_) => {}
                empty => {
                    *empty = Some(point);
                    self.dirty.push(series);
                }
            }
        }
        self.links.extend(changes.links.into_iter().map(|(device, link, since)| (device, (link, since))));
        self.alarms.extend(changes.alarms.into_iter().map(|alarm| (alarm.id, alarm)));
        self.rest.series.extend(changes.series);
        if changes.registry.is_some() {
            self.rest.registry = changes.registry;
        }
        self.rest.storing = changes.storing.or(self.rest.storing);
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> Changes {
        let mut changes = std::mem::take(&mut self.rest);
        changes.values =
            self.dirty.drain(..).filter_map(|series| Some((series, self.values[series.0 as usize].take()?))).collect();
        changes.links =
            std::mem::take(&mut self.links).into_iter().map(|(device, (link, since))| (device, link, since)).collect();
        changes.alarms = std::mem::take(&mut self.alarms).into_values().collect();
        changes
    }
}

#[cfg(test)]
mod tests {
    use domain::reading::{Quality, Value};

    use super::*;

    #[test]
    fn only_the_newest_of_each_series_is_kept() {
        let point = |at_ms, value| Point { at_ms, value: Some(Value::Float(value)), quality: Quality::Good };
        let add = |inbox: &mut Inbox, series, at_ms, value| {
            inbox.add(Changes { values: vec![(SeriesId(series), point(at_ms, value))], ..Changes::default() });
        };
        let mut inbox = Inbox::default();
        add(&mut inbox, 7, 10, 1.0);
        add(&mut inbox, 2, 10, 2.0);
        add(&mut inbox, 7, 30, 3.0);
        add(&mut inbox, 7, 20, 4.0);
        assert_eq!(inbox.take().values, [(SeriesId(7), point(30, 3.0)), (SeriesId(2), point(10, 2.0))]);
        assert!(inbox.take().values.is_empty());

        let suspect = Point { quality: Quality::ClockSuspect, ..point(5, 5.0) };
        add(&mut inbox, 7, 40, 4.0);
        inbox.add(Changes { values: vec![(SeriesId(7), suspect.clone())], ..Changes::default() });
        assert_eq!(inbox.take().values, [(SeriesId(7), suspect)], "it is behind, and says what is so now");
    }
}
