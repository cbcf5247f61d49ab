//! Which of the open alarms the clients of one jurisdiction hold: those that need people first, so that neither a message
//! nor a screen grows with a flood. Pure.

use std::{collections::BTreeMap, sync::Arc};

use domain::{access::Jurisdiction, alarm::Precedence, id::AlarmId};
use protocol::rest::Alarm;

use super::open::{OpenAlarms, Part};

/// What clients hold, by number.
#[derive(Debug)]
pub(super) struct Top {
    limit: usize,
    held: BTreeMap<AlarmId, Arc<Alarm>>,
}

/// What clients are told so that they hold the first alarms again.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TopChange {
    /// New among the first, changed there, or over.
    pub(super) alarms: Vec<Alarm>,
    /// Still open, and no longer among the first.
    pub(super) displaced: Vec<AlarmId>,
}

impl Top {
    /// The first `limit` alarms of a jurisdiction.
    pub(super) fn of(open: &OpenAlarms, jurisdiction: &Jurisdiction, limit: usize) -> Self {
        Self { limit, held: first(open, jurisdiction, limit) }
    }

    /// What they are, by number.
    pub(super) fn alarms(&self) -> impl Iterator<Item = &Arc<Alarm>> {
        self.held.values()
    }

    /// Follows a change; `over` are the alarms that it closed.
    pub(super) fn follow(
        &mut self,
        open: &OpenAlarms,
        jurisdiction: &Jurisdiction,
        over: &BTreeMap<AlarmId, Arc<Alarm>>,
    ) -> TopChange {
        let after = first(open, jurisdiction, self.limit);
        let mut change = TopChange::default();
        for (id, alarm) in &after {
            // An alarm that did not change is the same one in memory.
            if self.held.get(id).is_none_or(|held| !Arc::ptr_eq(held, alarm)) {
                change.alarms.push(Alarm::clone(alarm));
            }
        }
        for id in self.held.keys().filter(|id| !after.contains_key(id)) {
            match over.get(id) {
                Some(closed) => change.alarms.push(Alarm::clone(closed)),
                None => change.displaced.push(*id),
            }
        }
        self.held = after;
        change
    }
}

fn first(open: &OpenAlarms, jurisdiction: &Jurisdiction, limit: usize) -> BTreeMap<AlarmId, Arc<Alarm>> {
    let list = open.list(jurisdiction, &Part::default(), Precedence::FIRST);
    list.take(limit).map(|alarm| (alarm.id, Arc::clone(alarm))).collect()
}

#[cfg(test)]
mod tests {
    use domain::{alarm::AlarmState, id::TownshipCode};

    use super::*;
    use crate::live::{fixture::alarm, open::Spot};

    fn put(open: &mut OpenAlarms, alarm: &Arc<Alarm>) {
        let owner = "school".parse().unwrap();
        let place = Some((TownshipCode::new("500156001").unwrap(), owner));
        open.put(Arc::clone(alarm), Spot { place, profile: None });
    }

    #[test]
    fn clients_hold_the_first_whatever_comes_and_goes() {
        let mut open = OpenAlarms::default();
        let alarms: Vec<_> = (1..=3).map(|number| Arc::new(alarm(number, "fridge", None))).collect();
        for alarm in &alarms {
            put(&mut open, alarm);
        }
        let mut top = Top::of(&open, &Jurisdiction::District, 2);
        let held = |top: &Top| top.alarms().map(|alarm| alarm.id.0).collect::<Vec<_>>();
        assert_eq!(held(&top), [2, 3], "the newest two");

        let worse = Arc::new(Alarm { state: AlarmState::ActiveAcknowledged, ..alarm(3, "fridge", None) });
        put(&mut open, &worse);
        let change = top.follow(&open, &Jurisdiction::District, &BTreeMap::new());
        assert_eq!(
            (change.alarms[0].id, change.displaced),
            (AlarmId(1), vec![AlarmId(3)]),
            "answered: the next moves up"
        );

        let over = Arc::new(alarm(2, "fridge", Some(9)));
        put(&mut open, &over);
        let change = top.follow(&open, &Jurisdiction::District, &[(AlarmId(2), over)].into());
        let told: Vec<_> = change.alarms.iter().map(|alarm| (alarm.id.0, alarm.closed_at_ms)).collect();
        assert_eq!(told, [(3, None), (2, Some(9))]);
        assert_eq!(held(&top), [1, 3]);
        assert_eq!(top.follow(&open, &Jurisdiction::District, &BTreeMap::new()), TopChange::default());
    }
}
