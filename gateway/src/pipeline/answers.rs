//! Who waits for what became of an action, and which actions were answered before. Pure, but for the sending.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use domain::{
    engine::{Action, ActionError, Deed},
    id::{AlarmId, UserName},
    time::UnixMs,
};
use protocol::rest::Alarm;
use tokio::sync::oneshot;

/// Keys remembered. A repeated request comes within seconds of the first or never.
const REMEMBERED_KEYS: usize = 4096;

/// A person's action on its way, and where the answer goes.
pub(super) struct Waiting {
    pub(super) action: Action,
    pub(super) idempotency_key: String,
    pub(super) reply: oneshot::Sender<Result<Done, ActionError>>,
}

/// What a carried-out action answers: the alarm as it is now; None: the action was not about one alarm.
pub(super) type Done = Option<Arc<Alarm>>;

/// What makes a request the same: its person, what is to be done, and the key that the person's program made.
type Key = (UserName, Deed, String);

/// Actions that were carried out lately: a repeated request is answered, not repeated.
#[derive(Default)]
pub(super) struct Answers {
    done: HashMap<Key, Done>,
    oldest_first: VecDeque<Key>,
}

impl Answers {
    /// Answers what was carried out before, and gives back the rest.
    pub(super) fn answer_repeated(&self, waiting: Vec<Waiting>) -> Vec<Waiting> {
        let mut fresh = Vec::with_capacity(waiting.len());
        for one in waiting {
            match self.done.get(&one.key()) {
                // Nobody waits any more: the live stream has brought the outcome.
                Some(done) => _ = one.reply.send(Ok(done.clone())),
                None => fresh.push(one),
            }
        }
        fresh
    }

    /// Tells each of `waiting` what became of its action: `rejected` by its index, or carried out on one of
    /// `alarms`, which are in the order of their numbers.
    pub(super) fn answer(&mut self, waiting: Vec<Waiting>, rejected: &[(usize, ActionError)], alarms: &[Arc<Alarm>]) {
        for (index, one) in waiting.into_iter().enumerate() {
            let answer = match rejected.iter().find(|(at, _)| *at == index) {
                Some((_, error)) => Err(*error),
                None => self.carried_out(&one, alarms),
            };
            // Nobody waits any more: the live stream brings the outcome.
            let _ = one.reply.send(answer);
        }
    }

    fn carried_out(&mut self, one: &Waiting, alarms: &[Arc<Alarm>]) -> Result<Done, ActionError> {
        let done = match one.alarm() {
            None => None,
            Some(id) => {
                let at =
                    alarms.binary_search_by_key(&id, |alarm| alarm.id).map_err(|_| ActionError::NoOpenAlarm(id))?;
                Some(Arc::clone(&alarms[at]))
            }
        };
        if self.oldest_first.len() == REMEMBERED_KEYS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.done.remove(&oldest);
        }
        self.oldest_first.push_back(one.key());
        self.done.insert(one.key(), done.clone());
        Ok(done)
    }
}

impl Waiting {
    fn key(&self) -> Key {
        let mut deed = self.action.deed.clone();
        // Counted from the moment of the request, it is another one each time.
        if let Deed::Shelve { until, .. } | Deed::TakeOutOfService { until, .. } = &mut deed {
            *until = UnixMs(0);
        }
        (self.action.by.clone(), deed, self.idempotency_key.clone())
    }

    /// The alarm it is about; None: it is about a device.
    const fn alarm(&self) -> Option<AlarmId> {
        match &self.action.deed {
            Deed::Acknowledge(alarm) | Deed::Reset(alarm) | Deed::Unshelve(alarm) | Deed::Shelve { alarm, .. } => {
                Some(*alarm)
            }
            Deed::TakeOutOfService { .. } | Deed::ReturnToService { .. } => None,
        }
    }
}
