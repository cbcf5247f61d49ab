//! What a committed batch means to those who watch. Pure.

use std::collections::BTreeMap;

use domain::{
    alarm::{OpenAlarm, Transition, What},
    engine::{Link, LinkChange},
    id::{AlarmId, DeviceId, SeriesId},
    reading::Reading,
    registry::Registry,
    time::UnixMs,
};
use protocol::rest::{Alarm, LinkState, Point, SeverityNumber};

/// An alarm as people see it; None: its device is in no registry, so nobody is to see it.
pub(crate) fn alarm_of(open: &OpenAlarm, registry: &Registry) -> Option<Alarm> {
    let device = registry.device(&open.device)?;
    let site = registry.site(&device.site)?;
    Some(Alarm {
        id: open.id,
        device: open.device.clone(),
        device_name: device.name.clone(),
        site: site.id.clone(),
        site_name: site.name.clone(),
        township: site.township.clone(),
        rule: open.rule.clone(),
        title_zh: open.title.zh.clone(),
        title_en: open.title.en.clone(),
        severity: SeverityNumber(open.severity),
        state: open.state,
        raised_at_ms: open.raised_at.0,
        cause_zh: open.cause.zh.clone(),
        cause_en: open.cause.en.clone(),
        returned_at_ms: open.returned_at.map(|at| at.0),
        acknowledged_at_ms: open.acknowledged_at.map(|at| at.0),
        acknowledged_by: open.acknowledged_by.as_ref().map(ToString::to_string),
        closed_at_ms: None,
        occurrence_count: open.occurrence_count,
    })
}

/// The alarms that `transitions` touched, as they are afterwards. `before` finds an open alarm as it was.
pub(super) fn alarms_after(
    transitions: &[Transition],
    before: impl Fn(AlarmId) -> Option<Alarm>,
    registry: &Registry,
) -> Vec<Alarm> {
    let mut after = BTreeMap::new();
    for transition in transitions {
        let alarm = if transition.what == What::Raised {
            alarm_of(&OpenAlarm::raised_by(transition), registry)
        } else {
            after.remove(&transition.alarm).or_else(|| before(transition.alarm)).map(|alarm| step(alarm, transition))
        };
        after.extend(alarm.map(|alarm| (alarm.id, alarm)));
    }
    after.into_values().collect()
}

fn step(mut alarm: Alarm, transition: &Transition) -> Alarm {
    match transition.what {
        What::Raised | What::Closed => {}
        What::Reoccurred => {
            alarm.returned_at_ms = None;
            alarm.cause_zh.clone_from(&transition.cause.zh);
            alarm.cause_en.clone_from(&transition.cause.en);
            alarm.occurrence_count = alarm.occurrence_count.saturating_add(1);
        }
        What::Acknowledged => {
            alarm.acknowledged_at_ms = Some(transition.at.0);
            alarm.acknowledged_by = transition.by.as_ref().map(ToString::to_string);
        }
        What::Returned => alarm.returned_at_ms = Some(transition.event_time.0),
    }
    alarm.state = transition.state;
    alarm.closed_at_ms = (!transition.state.is_open()).then_some(transition.at.0);
    alarm
}

/// The readings as points of their series.
pub(super) fn values(readings: &[Reading]) -> Vec<(SeriesId, Point)> {
    readings
        .iter()
        .map(|reading| {
            let point = Point { at_ms: reading.event_time.0, value: reading.value.clone(), quality: reading.quality };
            (reading.series, point)
        })
        .collect()
}

/// Who came and who went. A node that went takes its devices with it.
pub(super) fn links(changes: &[LinkChange], registry: &Registry) -> Vec<(DeviceId, LinkState, UnixMs)> {
    let mut links = Vec::new();
    for change in changes {
        let link = match change.link {
            Link::Online => LinkState::Online,
            Link::Offline => LinkState::Offline,
        };
        if link == LinkState::Offline && change.device == change.node.as_device() {
            let devices = registry.devices_of_node(&change.node);
            links.extend(devices.map(|device| (device.id.clone(), link, change.at)));
        }
        links.push((change.device.clone(), link, change.at));
    }
    links
}
