//! Who waits for what became of an action, and which actions were answered before. Pure, but for the sending.

use std::collections::{HashMap, VecDeque};

use domain::{
    engine::{Action, ActionError},
    id::{AlarmId, UserName},
};
use protocol::rest::Alarm;
use tokio::sync::oneshot;

/// Keys remembered. A repeated request comes within seconds of the first or never.
const REMEMBERED_KEYS: usize = 4096;

/// A person's action on its way, and where the answer goes.
pub(super) struct Waiting {
    pub(super) action: Action,
    pub(super) idempotency_key: String,
    pub(super) reply: oneshot::Sender<Result<Alarm, ActionError>>,
}

/// What makes a request the same: its person, its alarm, and the key that the person's program made.
type Key = (UserName, AlarmId, String);

/// Actions that were carried out lately: a repeated request is answered, not repeated.
#[derive(Default)]
pub(super) struct Answers {
    done: HashMap<Key, Alarm>,
    oldest_first: VecDeque<Key>,
}

impl Answers {
    /// Answers what was carried out before, and gives back the rest.
    pub(super) fn answer_repeated(&self, waiting: Vec<Waiting>) -> Vec<Waiting> {
        let mut fresh = Vec::with_capacity(waiting.len());
        for one in waiting {
            match self.done.get(&one.key()) {
                // Nobody waits any more: the live stream has brought the outcome.
                Some(alarm) => _ = one.reply.send(Ok(alarm.clone())),
                None => fresh.push(one),
            }
        }
        fresh
    }

    /// Tells each of `waiting` what became of its action: `rejected` by its index, or carried out on one of `alarms`.
    pub(super) fn answer(&mut self, waiting: Vec<Waiting>, rejected: &[(usize, ActionError)], alarms: &[Alarm]) {
        for (index, one) in waiting.into_iter().enumerate() {
            let answer = match rejected.iter().find(|(at, _)| *at == index) {
                Some((_, error)) => Err(*error),
                None => self.carried_out(&one, alarms),
            };
            // Nobody waits any more: the live stream brings the outcome.
            let _ = one.reply.send(answer);
        }
    }

    fn carried_out(&mut self, one: &Waiting, alarms: &[Alarm]) -> Result<Alarm, ActionError> {
        let id = one.alarm();
        let alarm = alarms.iter().find(|alarm| alarm.id == id).ok_or(ActionError::NoOpenAlarm(id))?;
        if self.oldest_first.len() == REMEMBERED_KEYS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.done.remove(&oldest);
        }
        self.oldest_first.push_back(one.key());
        self.done.insert(one.key(), alarm.clone());
        Ok(alarm.clone())
    }
}

impl Waiting {
    fn key(&self) -> Key {
        let Action::Acknowledge { by, alarm, .. } = &self.action;
        (by.clone(), *alarm, self.idempotency_key.clone())
    }

    fn alarm(&self) -> AlarmId {
        let Action::Acknowledge { alarm, .. } = &self.action;
        *alarm
    }
}
