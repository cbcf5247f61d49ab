//! Groups of open alarms: by site, by edge node, by rule. Pure.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use domain::{
    alarm::{Attention, Precedence},
    registry::Registry,
};
use protocol::rest::{Alarm, AlarmGroup, AlarmGrouping, AlarmGroups};

use super::open::precedence;

/// Groups that are answered; whoever has more is told how many.
const GROUPS_MAX: usize = 500;

/// What is gathered so far under one key.
struct Group<'a> {
    key: &'a str,
    /// Which of its alarms needs people first, and where that stands.
    first: (Precedence, &'a Arc<Alarm>),
    /// By what they ask of people, and by severity.
    counts: [[u32; 4]; 3],
}

/// Gathers open alarms, which come in any order; the group that needs people first stands first. An alarm whose device has
/// left the registry has no edge node and stands in no such group.
pub(super) fn gather<'a>(
    alarms: impl Iterator<Item = &'a Arc<Alarm>>,
    by: AlarmGrouping,
    registry: &'a Registry,
) -> AlarmGroups {
    let mut found: HashMap<&str, Group<'_>> = HashMap::new();
    for alarm in alarms {
        let Some(key) = key_of(alarm, by, registry) else { continue };
        let place = precedence(alarm);
        let group = match found.entry(key) {
            Entry::Occupied(group) => group.into_mut(),
            Entry::Vacant(group) => group.insert(Group { key, first: (place, alarm), counts: [[0; 4]; 3] }),
        };
        if place < group.first.0 {
            group.first = (place, alarm);
        }
        if let Some(counts) = group.counts.get_mut(Attention::of(alarm.state) as usize) {
            counts[alarm.severity.0 as usize - 1] += 1;
        }
    }
    let mut groups: Vec<Group<'_>> = found.into_values().collect();
    groups.sort_unstable_by_key(|group| group.first.0);
    let more_count = groups.len().saturating_sub(GROUPS_MAX) as u64;
    groups.truncate(GROUPS_MAX);
    AlarmGroups { groups: groups.iter().map(|group| told(group, by, registry)).collect(), more_count }
}

/// What an alarm is gathered under.
fn key_of<'a>(alarm: &'a Alarm, by: AlarmGrouping, registry: &'a Registry) -> Option<&'a str> {
    match by {
        AlarmGrouping::Site => Some(alarm.site.as_str()),
        AlarmGrouping::Rule => Some(alarm.rule.as_str()),
        AlarmGrouping::Edge => registry.device(&alarm.device).map(|device| device.node.as_str()),
    }
}

fn told(group: &Group<'_>, by: AlarmGrouping, registry: &Registry) -> AlarmGroup {
    let Group { key, first: (_, first), counts: [waiting, answered, set_aside] } = *group;
    let (name_zh, name_en) = match by {
        AlarmGrouping::Site => (first.site_name.clone(), first.site_name.clone()),
        AlarmGrouping::Rule => (first.title_zh.clone(), first.title_en.clone()),
        AlarmGrouping::Edge => {
            let node = registry.device(&first.device).and_then(|device| registry.device(&device.node.as_device()));
            let name = node.map_or(key, |node| node.name.as_str()).to_owned();
            (name.clone(), name)
        }
    };
    let first = Alarm::clone(first);
    AlarmGroup { key: key.to_owned(), name_zh, name_en, waiting, answered, set_aside, first }
}

#[cfg(test)]
mod tests {
    use domain::alarm::{
        AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, Shelved},
        Severity,
    };

    use super::*;
    use crate::live::fixture::alarm;

    #[test]
    fn groups_stand_in_the_order_of_need_and_count_by_severity() {
        let of = |number, site: &str, state, severity| {
            let mut alarm = alarm(number, "fridge", None);
            (alarm.site, alarm.site_name) = (site.parse().unwrap(), format!("{site} kitchen"));
            (alarm.state, alarm.severity.0) = (state, severity);
            Arc::new(alarm)
        };
        let alarms = [
            of(9, "school", ActiveUnacknowledged, Severity::II),
            of(8, "hotel", ActiveUnacknowledged, Severity::III),
            of(7, "school", ActiveUnacknowledged, Severity::III),
            of(6, "school", ActiveAcknowledged, Severity::I),
            of(5, "hotel", Shelved, Severity::IV),
        ];
        // However they come.
        let groups = gather(alarms.iter().rev(), AlarmGrouping::Site, &Registry::default()).groups;
        let told: Vec<_> =
            groups.iter().map(|group| (group.name_en.as_str(), group.first.id.0, group.waiting)).collect();
        assert_eq!(told, [("school kitchen", 9, [0, 1, 1, 0]), ("hotel kitchen", 8, [0, 0, 1, 0])]);
        assert_eq!((groups[0].answered, groups[1].set_aside), ([1, 0, 0, 0], [0, 0, 0, 1]));
        let by_rule = gather(alarms.iter(), AlarmGrouping::Rule, &Registry::default());
        assert_eq!((by_rule.groups.len(), by_rule.groups[0].key.as_str()), (1, "FR-01"));
        assert!(
            gather(alarms.iter(), AlarmGrouping::Edge, &Registry::default()).groups.is_empty(),
            "no device, no node"
        );
    }
}
