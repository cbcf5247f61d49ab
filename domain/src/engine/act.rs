//! What people do, and what ends by itself because a person said so: answers, shelves, service.

use super::{
    deadline::Deadline,
    evaluation::{Change, Evaluation},
    io::{Action, ActionError, Deed},
    plan::{Watch, WatchAt},
    state::WatchState,
};
use crate::{
    alarm::{AlarmInput, AlarmState, OutOfService, ServiceChange, SetAside},
    id::{AlarmId, DeviceId, RuleId, UserName},
    text::Text,
};

impl Evaluation<'_> {
    pub(super) fn act(&mut self, action: &Action) -> Result<(), ActionError> {
        match &action.deed {
            Deed::Acknowledge(alarm) => self.act_on_alarm(*alarm, AlarmInput::Acknowledge, action, None),
            Deed::Reset(alarm) => self.act_on_alarm(*alarm, AlarmInput::Reset, action, None),
            Deed::Shelve { alarm, until } => {
                if *until <= self.now.wall {
                    return Err(ActionError::EndsInThePast);
                }
                let (by, why) = (Some(action.by.clone()), action.note.clone());
                let set_aside = SetAside { by, why, until: Some(*until) };
                self.act_on_alarm(*alarm, AlarmInput::Shelve, action, Some(set_aside))
            }
            Deed::Unshelve(alarm) => {
                if self.alarm(*alarm).is_some_and(|alarm| alarm.state != AlarmState::Shelved) {
                    let refusal = crate::alarm::AlarmRefusal::NotSetAside;
                    return Err(ActionError::Refused { alarm: *alarm, refusal });
                }
                self.act_on_alarm(*alarm, AlarmInput::Resume, action, None)
            }
            Deed::TakeOutOfService { device, rule, until } => {
                if *until <= self.now.wall {
                    return Err(ActionError::EndsInThePast);
                }
                self.take_out_of_service(OutOfService {
                    device: device.clone(),
                    rule: rule.clone(),
                    by: action.by.clone(),
                    why: action.note.clone(),
                    since: self.now.wall,
                    until: *until,
                })
            }
            Deed::ReturnToService { device, rule } => {
                if self.service_entry(device, rule.as_ref()).is_none() {
                    return Err(ActionError::InService);
                }
                self.return_to_service(device, rule.as_ref(), Some(&action.by), &action.note);
                Ok(())
            }
        }
    }

    /// Ends what people said is to end by now.
    pub(super) fn end_what_is_due(&mut self) {
        for deadline in self.engine.deadlines.due(self.now.mono) {
            if self.outcome.delta.deadlines.contains_key(deadline) {
                continue;
            }
            match deadline {
                Deadline::Shelf(alarm) => {
                    let Some(cause) = self.alarm(*alarm).map(|alarm| alarm.cause.clone()) else { continue };
                    self.resume(*alarm, Change { cause, ..Change::at(self.now.wall) });
                }
                Deadline::Service(device, rule) => self.return_to_service(device, rule.as_ref(), None, ""),
            }
        }
    }

    fn act_on_alarm(
        &mut self,
        id: AlarmId,
        input: AlarmInput,
        action: &Action,
        set_aside: Option<SetAside>,
    ) -> Result<(), ActionError> {
        let alarm = self.alarm(id).ok_or(ActionError::NoOpenAlarm(id))?;
        let watch = self.engine.watch_of(alarm);
        let change = Change {
            cause: alarm.cause.clone(),
            by: Some(action.by.clone()),
            note: action.note.clone(),
            set_aside,
            ..Change::at(self.now.wall)
        };
        let is_open =
            self.change_alarm(id, input, change).map_err(|refusal| ActionError::Refused { alarm: id, refusal })?;
        self.settle(watch, is_open);
        Ok(())
    }

    /// Brings an alarm back from where it was set aside.
    fn resume(&mut self, id: AlarmId, change: Change) {
        let watch = self.alarm(id).and_then(|alarm| self.engine.watch_of(alarm));
        if let Ok(is_open) = self.change_alarm(id, AlarmInput::Resume, change) {
            self.settle(watch, is_open);
        }
    }

    /// A watch after somebody changed its alarm: it forgets a closed one, and looks whether the rule's own suppression
    /// goes for an open one.
    fn settle(&mut self, watch: Option<WatchAt>, is_open: bool) {
        let Some(at) = watch else { return };
        if is_open {
            self.suppress_or_resume(at);
        } else {
            let after = WatchState { alarm: None, ..self.watch(at).clone() };
            self.outcome.delta.watches.insert(at, after);
        }
    }

    fn take_out_of_service(&mut self, entry: OutOfService) -> Result<(), ActionError> {
        let watches = self.watches_of(&entry.device, entry.rule.as_ref()).ok_or(ActionError::NoSuchRule)?;
        if self.service_entry(&entry.device, entry.rule.as_ref()).is_some() {
            return Err(ActionError::AlreadyOutOfService);
        }
        for at in watches {
            let Some(alarm) = self.watch(at).alarm.and_then(|id| self.alarm(id)) else { continue };
            let change = Change {
                cause: alarm.cause.clone(),
                by: Some(entry.by.clone()),
                note: entry.why.clone(),
                set_aside: Some(entry.set_aside()),
                ..Change::at(self.now.wall)
            };
            // One that another entry took out already stays as it is.
            let _ = self.change_alarm(alarm.id, AlarmInput::TakeOutOfService, change);
        }
        let key = (entry.device.clone(), entry.rule.clone());
        let deadline = Deadline::Service(key.0.clone(), key.1.clone());
        self.outcome.delta.deadlines.insert(deadline, Some(self.now.mono_at(entry.until)));
        self.outcome.service.push(ServiceChange::Begun(entry.clone()));
        let device = entry.device.clone();
        self.outcome.delta.service.insert(key, Some(entry));
        self.look_at_node_of(&device);
        Ok(())
    }

    fn return_to_service(&mut self, device: &DeviceId, rule: Option<&RuleId>, by: Option<&UserName>, note: &str) {
        self.outcome.delta.service.insert((device.clone(), rule.cloned()), None);
        self.outcome.delta.deadlines.insert(Deadline::Service(device.clone(), rule.cloned()), None);
        self.outcome.service.push(ServiceChange::Ended {
            device: device.clone(),
            rule: rule.cloned(),
            at: self.now.wall,
            by: by.cloned(),
            note: note.to_owned(),
        });
        for at in self.watches_of(device, rule).into_iter().flatten() {
            let Some(alarm) = self.watch(at).alarm.and_then(|id| self.alarm(id)) else { continue };
            if alarm.state != AlarmState::OutOfService || self.out_of_service(device, &alarm.rule).is_some() {
                continue;
            }
            let change = Change {
                cause: alarm.cause.clone(),
                by: by.cloned(),
                note: note.to_owned(),
                ..Change::at(self.now.wall)
            };
            self.resume(alarm.id, change);
        }
        self.look_at_node_of(device);
    }

    fn look_at_node_of(&mut self, device: &DeviceId) {
        if let Some(slot) = self.engine.plan.find(device) {
            self.judge_node_of(slot);
        }
    }

    /// The watches of a device, or the one of its rule; None: there is no such device, or no such rule on it.
    fn watches_of(&self, device: &DeviceId, rule: Option<&RuleId>) -> Option<Vec<WatchAt>> {
        let engine = self.engine;
        let slot = engine.plan.find(device)?;
        engine.registry.device(device)?;
        let is_meant = |at: &WatchAt| {
            let (_, of_watch) = engine.profiles.rule_at(engine.plan.watches[*at as usize].rule);
            rule.is_none_or(|rule| of_watch.id == *rule)
        };
        let watches: Vec<WatchAt> = engine.plan.slots[slot as usize].watches.clone().filter(is_meant).collect();
        (rule.is_none() || !watches.is_empty()).then_some(watches)
    }

    fn service_entry(&self, device: &DeviceId, rule: Option<&RuleId>) -> Option<&OutOfService> {
        let key = (device.clone(), rule.cloned());
        match self.outcome.delta.service.get(&key) {
            Some(changed) => changed.as_ref(),
            None => self.engine.service.get(&key),
        }
    }

    /// What keeps this rule on this device out of service.
    pub(super) fn out_of_service(&self, device: &DeviceId, rule: &RuleId) -> Option<&OutOfService> {
        if self.engine.service.is_empty() && self.outcome.delta.service.is_empty() {
            return None;
        }
        // What went out of service later was in service then.
        let counts = |entry: &&OutOfService| !self.is_past || entry.since <= self.present;
        let of_device = self.service_entry(device, None).filter(counts);
        of_device.or_else(|| self.service_entry(device, Some(rule)).filter(counts))
    }

    /// The state of affairs in which the rule means nothing by its own design; None: it means what it says.
    pub(super) fn suppression(&self, watch: &Watch) -> Option<Text> {
        let place = watch.program.suppressed_while.clone().find(|&place| self.is_so(watch, place))?;
        Some(self.stated_case(watch, place))
    }

    /// Has an open alarm follow its rule's own suppression.
    pub(super) fn suppress_or_resume(&mut self, at: WatchAt) {
        let watch = &self.engine.plan.watches[at as usize];
        if watch.program.suppressed_while.is_empty() {
            return;
        }
        let Some(alarm) = self.watch(at).alarm.and_then(|id| self.alarm(id)) else { return };
        let (id, cause, is_active) = (alarm.id, alarm.cause.clone(), alarm.is_active());
        match (alarm.state, self.suppression(watch)) {
            (AlarmState::Suppressed, None) => self.resume(id, Change { cause, ..Change::at(self.now.wall) }),
            (AlarmState::Suppressed | AlarmState::OutOfService, _) | (_, None) => {}
            // What is over and waits for an answer came about while the rule meant what it says.
            _ if !is_active => {}
            (_, Some(reason)) => {
                let set_aside = Some(SetAside { by: None, why: reason.in_both(), until: None });
                let change = Change { cause: reason, set_aside, ..Change::at(self.now.wall) };
                // Anything open that is neither suppressed nor out of service can be suppressed.
                let _ = self.change_alarm(id, AlarmInput::Suppress, change);
            }
        }
    }
}
