//! Groups of open alarms: by site, by edge node, by rule. Pure.

use std::{collections::HashMap, sync::Arc};

use domain::{alarm::Attention, registry::Registry};
use protocol::rest::{Alarm, AlarmGroup, AlarmGrouping, AlarmGroups};

/// Groups that are answered; whoever has more is told how many.
const GROUPS_MAX: usize = 500;

/// Gathers alarms that come in the order of need: the groups then are in that order, too. An alarm whose device has left
/// the registry has no edge node and stands in no such group.
pub fn gather(alarms: &[Arc<Alarm>], by: AlarmGrouping, registry: &Registry) -> AlarmGroups {
    let mut groups: Vec<AlarmGroup> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for alarm in alarms {
        let Some(key) = key_of(alarm, by, registry) else { continue };
        let at = *index.entry(key.to_owned()).or_insert_with(|| {
            groups.push(empty(key, alarm, by, registry));
            groups.len() - 1
        });
        let group = &mut groups[at];
        let counts = match Attention::of(alarm.state) {
            Attention::Waiting => &mut group.waiting,
            Attention::Answered => &mut group.answered,
            Attention::SetAside => &mut group.set_aside,
            Attention::Over => continue,
        };
        counts[alarm.severity.0 as usize - 1] += 1;
    }
    let more_count = groups.len().saturating_sub(GROUPS_MAX) as u64;
    groups.truncate(GROUPS_MAX);
    AlarmGroups { groups, more_count }
}

/// What an alarm is gathered under.
pub fn key_of<'a>(alarm: &'a Alarm, by: AlarmGrouping, registry: &'a Registry) -> Option<&'a str> {
    match by {
        AlarmGrouping::Site => Some(alarm.site.as_str()),
        AlarmGrouping::Rule => Some(alarm.rule.as_str()),
        AlarmGrouping::Edge => registry.device(&alarm.device).map(|device| device.node.as_str()),
    }
}

fn empty(key: &str, first: &Alarm, by: AlarmGrouping, registry: &Registry) -> AlarmGroup {
    let (name_zh, name_en) = match by {
        AlarmGrouping::Site => (first.site_name.clone(), first.site_name.clone()),
        AlarmGrouping::Rule => (first.title_zh.clone(), first.title_en.clone()),
        AlarmGrouping::Edge => {
            let node = registry.device(&first.device).and_then(|device| registry.device(&device.node.as_device()));
            let name = node.map_or(key, |node| node.name.as_str()).to_owned();
            (name.clone(), name)
        }
    };
    let [waiting, answered, set_aside] = [[0; 4]; 3];
    AlarmGroup { key: key.to_owned(), name_zh, name_en, waiting, answered, set_aside, first: first.clone() }
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
        let groups = gather(&alarms, AlarmGrouping::Site, &Registry::default()).groups;
        let told: Vec<_> =
            groups.iter().map(|group| (group.name_en.as_str(), group.first.id.0, group.waiting)).collect();
        assert_eq!(told, [("school kitchen", 9, [0, 1, 1, 0]), ("hotel kitchen", 8, [0, 0, 1, 0])]);
        assert_eq!((groups[0].answered, groups[1].set_aside), ([1, 0, 0, 0], [0, 0, 0, 1]));
        let by_rule = gather(&alarms, AlarmGrouping::Rule, &Registry::default());
        assert_eq!((by_rule.groups.len(), by_rule.groups[0].key.as_str()), (1, "FR-01"));
        assert!(gather(&alarms, AlarmGrouping::Edge, &Registry::default()).groups.is_empty(), "no device, no node");
    }
}
