//! What a committed batch means to those who watch. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    alarm::{Call, Chatter, OpenAlarm, Transition, What},
    engine::{Link, LinkChange},
    id::{AlarmId, DeviceId, SeriesId},
    reading::Reading,
    registry::Registry,
    time::{MonoMs, Now, UnixMs},
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
        is_latching: open.is_latching,
        set_aside: open.set_aside.clone().map(Into::into),
        raised_at_ms: open.raised_at.0,
        cause_zh: open.cause.zh.clone(),
        cause_en: open.cause.en.clone(),
        returned_at_ms: open.returned_at.map(|at| at.0),
        acknowledged_at_ms: open.acknowledged_at.map(|at| at.0),
        acknowledged_by: open.acknowledged_by.as_ref().map(ToString::to_string),
        closed_at_ms: None,
        occurrence_count: open.occurrence_count,
        late_ms: open.late_ms,
        chattered_at_ms: None,
        is_stored: true,
    })
}

/// The open alarms as people were last told of them. The pipeline's own: what screens have taken in so far may lag
/// behind, and an alarm that comes and goes meanwhile must not stay on them.
pub(super) struct Announced {
    open: BTreeMap<AlarmId, Arc<Alarm>>,
    chatter: Chatter,
    /// When alarms chattered last in an earlier process.
    recalled: BTreeMap<AlarmId, UnixMs>,
}

impl Announced {
    /// Of an earlier process's calls, in order.
    pub(super) fn recalling(calls: &[Call], now: Now) -> Self {
        let mut chatter = Chatter::default();
        let chattered = calls.iter().filter(|call| chatter.recall(call, now)).map(|call| (call.alarm, call.at));
        let recalled = chattered.collect();
        Self { open: BTreeMap::new(), chatter, recalled }
    }

    /// The alarms that `transitions` touched, as they are afterwards, by number; `is_stored`: on disk, too.
    pub(super) fn follow(
        &mut self,
        transitions: &[Transition],
        registry: &Registry,
        is_stored: bool,
        now: MonoMs,
    ) -> Vec<Arc<Alarm>> {
        let mut touched = BTreeMap::new();
        for transition in transitions {
            let alarm = if transition.what == What::Raised {
                alarm_of(&OpenAlarm::raised_by(transition), registry)
            } else {
                self.open.remove(&transition.alarm).map(|alarm| step(Arc::unwrap_or_clone(alarm), transition))
            };
            let is_chattering = self.chatter.follow(transition, now);
            let Some(mut alarm) = alarm else { continue };
            if is_chattering {
                alarm.chattered_at_ms = Some(transition.at.0);
            }
            alarm.is_stored = is_stored;
            let alarm = Arc::new(alarm);
            if transition.state.is_open() {
                self.open.insert(alarm.id, Arc::clone(&alarm));
            }
            touched.insert(alarm.id, alarm);
        }
        touched.into_values().collect()
    }

    /// The open ones among these alarms, now that all of their steps are on disk.
    pub(super) fn stored(&mut self, alarms: impl Iterator<Item = AlarmId>) -> Vec<Arc<Alarm>> {
        let ids: BTreeSet<AlarmId> = alarms.collect();
        let open = ids.into_iter().filter_map(|id| {
            let alarm = self.open.get_mut(&id)?;
            Arc::make_mut(alarm).is_stored = true;
            Some(Arc::clone(alarm))
        });
        open.collect()
    }

    /// The open alarms that bear other names in a changed registry, and those that nobody was told of. An alarm whose
    /// device has left it keeps its old names until it is closed.
    pub(super) fn rename<'a>(
        &mut self,
        open: impl Iterator<Item = &'a OpenAlarm>,
        registry: &Registry,
    ) -> Vec<Arc<Alarm>> {
        let mut renamed = Vec::new();
        for alarm in open {
            let known = self.open.get(&alarm.id);
            if known.is_some_and(|known| is_named(known, registry)) {
                continue;
            }
            let chattered_at_ms = match known {
                Some(known) => known.chattered_at_ms,
                None => self.recalled.remove(&alarm.id).map(|at| at.0),
            };
            let is_stored = known.is_none_or(|known| known.is_stored);
            let Some(alarm) = alarm_of(alarm, registry) else { continue };
            let alarm = Arc::new(Alarm { chattered_at_ms, is_stored, ..alarm });
            self.open.insert(alarm.id, Arc::clone(&alarm));
            renamed.push(alarm);
        }
        renamed
    }
}

/// Whether an alarm's names are those of the registry.
fn is_named(alarm: &Alarm, registry: &Registry) -> bool {
    registry.device(&alarm.device).is_some_and(|device| {
        registry.site(&device.site).is_some_and(|site| {
            alarm.device_name == device.name
                && alarm.site == site.id
                && alarm.site_name == site.name
                && alarm.township == site.township
        })
    })
}

fn step(mut alarm: Alarm, transition: &Transition) -> Alarm {
    match transition.what {
        What::Raised
        | What::Reset
        | What::Shelved
        | What::Unshelved
        | What::Suppressed
        | What::Unsuppressed
        | What::TakenOutOfService
        | What::ReturnedToService
        | What::Closed => {}
        What::SeverityChanged => {
            alarm.cause_zh.clone_from(&transition.cause.zh);
            alarm.cause_en.clone_from(&transition.cause.en);
        }
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
    alarm.severity = SeverityNumber(transition.severity);
    alarm.set_aside = transition.set_aside.clone().map(Into::into);
    alarm.closed_at_ms = (!transition.state.is_open()).then_some(transition.at.0);
    alarm
}

/// The readings as points of their series.
pub(crate) fn values(readings: &[Reading]) -> Vec<(SeriesId, Point)> {
    readings.iter().map(|reading| (reading.series, Point::from(reading))).collect()
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
