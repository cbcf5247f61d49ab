//! The heart: decoded messages and people's actions come in, rules decide, ONE transaction makes it true, and only then
//! screens are told. The single writer of readings and alarms.
//!
//! - `batch`: what is decided and committed together (pure).
//! - `announce`: a committed outcome as the live changes it means (pure).
//! - `answers`: who waits for what became of an action.
//! - `inlet`: the bounded way in.
//! - `shortage`: what is remembered while not everything can be stored (pure).
//! - `checkpoint`: when which portion of what the rules remember is written down.
//! - `resume`: how a start takes it up again.
//! - `run`: the loop: gather, evaluate, commit, take over, announce.

mod announce;
mod answers;
mod batch;
mod checkpoint;
mod inlet;
mod resume;
mod run;
mod shortage;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use domain::engine::{Action, ActionError, Deed};
use protocol::rest::Alarm;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::announce::{alarm_of, values};
use self::answers::Waiting;
pub use self::{
    inlet::{Inlet, Outlet, inlet},
    resume::resume,
    run::{Parts, PipelineError, run},
};
use crate::store::Scope;

/// Section `[pipeline]` of gateway.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A batch waits so long for more readings, in milliseconds. 2: far below what anyone notices, and enough to share
    /// one sync of the disk among many messages.
    pub linger_ms: u64,
    /// A batch closes at so many readings. 20 000: about 10 ms of work, so that an action never waits long behind one.
    pub batch_readings: usize,
    /// Readings of nodes with an outbox that may wait; further messages are shed, counted, and come again. 100 000: a
    /// quarter of a second at full speed, so that what is acknowledged late is not sent again for nothing.
    pub queue_readings: usize,
    /// Bytes of such messages that may wait, as they were on the wire. 64 MiB.
    pub queue_bytes: usize,
    /// The same for nodes without an outbox, whose shed messages are lost and stand in the loss ledger. 100 000: room of
    /// their own, whatever the others do.
    pub foreign_queue_readings: usize,
    /// And in bytes. 64 MiB.
    pub foreign_queue_bytes: usize,
    /// What the rules remember is written down every so many seconds. 10: a start plays that much of the journal again,
    /// a fraction of a second at full speed.
    pub checkpoint_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            linger_ms: 2,
            batch_readings: 20_000,
            queue_readings: 100_000,
            queue_bytes: 64 * 1024 * 1024,
            foreign_queue_readings: 100_000,
            foreign_queue_bytes: 64 * 1024 * 1024,
            checkpoint_s: 10,
        }
    }
}

/// Actions that may wait for the pipeline. A person makes one a second at most; 256 is a whole centre's alarm flood.
const REQUEST_QUEUE: usize = 256;
/// How long an action waits for its outcome before the answer is "pending".
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How the rest of the gateway talks to the pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Waiting>,
}

/// What became of an action in time.
#[derive(Debug)]
pub enum ActionOutcome {
    /// It is committed; the alarm as it is now.
    Alarm(Arc<Alarm>),
    /// It is committed: the device, or its rule, is out of service or back.
    Service,
    /// Not known yet; the live stream brings it.
    Pending,
}

/// Why an action was refused.
#[derive(Debug, thiserror::Error)]
pub enum ActionRefused {
    /// The rules of an alarm's life do not allow it.
    #[error(transparent)]
    Impossible(#[from] ActionError),
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

impl Handle {
    /// The handle, and the end that [`run()`] reads.
    pub fn new() -> (Self, Requests) {
        let (requests, receiver) = mpsc::channel(REQUEST_QUEUE);
        (Self { requests }, Requests(receiver))
    }

    /// Does something in the name of a person. The caller has made sure that its object lies in the scope. A repeated
    /// key of the same person for the same deed is answered, not repeated.
    pub async fn act(
        &self,
        scope: &Scope,
        deed: Deed,
        note: String,
        idempotency_key: String,
    ) -> Result<ActionOutcome, ActionRefused> {
        let (reply, answer) = oneshot::channel();
        let action = Action { deed, by: scope.username().clone(), note };
        let request = Waiting { action, idempotency_key, reply };
        let outcome = tokio::time::timeout(ANSWER_WITHIN, async {
            self.requests.send(request).await.map_err(|_| ActionRefused::Stopping)?;
            answer.await.map_err(|_| ActionRefused::Stopping)
        })
        .await;
        match outcome {
            Err(_elapsed) => Ok(ActionOutcome::Pending),
            Ok(answer) => Ok(match answer?? {
                // Done, and not on disk: the live stream tells when it is.
                Some(alarm) if !alarm.is_stored => ActionOutcome::Pending,
                Some(alarm) => ActionOutcome::Alarm(alarm),
                None => ActionOutcome::Service,
            }),
        }
    }
}

/// The pipeline's end of a [`Handle`].
pub struct Requests(mpsc::Receiver<Waiting>);
