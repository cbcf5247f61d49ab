//! What goes into an evaluation and what comes out.

use crate::{
    alarm::{AlarmRefusal, ServiceChange, Transition},
    engine::Delta,
    id::{AlarmId, DeviceId, NodeId, RuleId, UserName},
    reading::Reading,
    time::UnixMs,
};

/// What arrived since the last evaluation. Actions are taken first, since they answer what was on screen before, then
/// links, then readings in their order. What has become due by `now` the engine finds by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input<'a> {
    /// Readings, in the order they were received.
    pub readings: &'a [Reading],
    /// Links that came up or went down, in the order they did.
    pub links: &'a [LinkChange],
    /// What people did, in the order they did it.
    pub actions: &'a [Action],
}

/// Whether somebody speaks for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// It was born and has not died.
    Online,
    /// It died, or its node did.
    Offline,
}

/// The link of a device, or of a node, came up or went down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// Which device; a node's own change names the node as a device, and its going offline takes its devices along.
    pub device: DeviceId,
    /// The node that speaks for it.
    pub node: NodeId,
    /// What it is now.
    pub link: Link,
    /// When, by the gateway's clock.
    pub at: UnixMs,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What.
    pub deed: Deed,
    /// Who.
    pub by: UserName,
    /// What the person adds: the reason for shelving or taking out of service; empty: nothing.
    pub note: String,
}

/// A kind of thing that people do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Answers an alarm.
    Acknowledge(AlarmId),
    /// Declares a latched alarm over.
    Reset(AlarmId),
    /// Puts an alarm on the shelf.
    Shelve {
        /// Which.
        alarm: AlarmId,
        /// When it leaves the shelf by itself, by the gateway's wall clock.
        until: UnixMs,
    },
    /// Takes an alarm from the shelf.
    Unshelve(AlarmId),
    /// Takes a device, or one of its rules, out of service.
    TakeOutOfService {
        /// Which device.
        device: DeviceId,
        /// Which of its rules; None: all of them.
        rule: Option<RuleId>,
        /// When it is in service again by itself, by the gateway's wall clock.
        until: UnixMs,
    },
    /// Brings a device, or one of its rules, back into service.
    ReturnToService {
        /// Which device.
        device: DeviceId,
        /// Which of its rules; None: the device as a whole.
        rule: Option<RuleId>,
    },
}

/// Why an action was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// There is no open alarm of this number.
    #[error("no open alarm {0}")]
    NoOpenAlarm(AlarmId),
    /// The alarm's state does not allow it.
    #[error("alarm {alarm}: {refusal}")]
    Refused {
        /// Which alarm.
        alarm: AlarmId,
        /// Why.
        refusal: AlarmRefusal,
    },
    /// What it is to last until is not in the future.
    #[error("the end is not in the future")]
    EndsInThePast,
    /// The registry has no such device, or its profile no such rule.
    #[error("no such device, or no such rule on it")]
    NoSuchRule,
    /// It is out of service already.
    #[error("it is out of service already")]
    AlreadyOutOfService,
    /// It is in service.
    #[error("it is in service")]
    InService,
}

/// What an evaluation came to. Nothing has changed yet: commit the transitions, then [`super::Engine::apply`] the delta.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What changes in the engine.
    pub delta: Delta,
    /// What happened to alarms, in order.
    pub transitions: Vec<Transition>,
    /// What went out of service or came back, in order.
    pub service: Vec<ServiceChange>,
    /// Actions that were refused, by their place in the input.
    pub rejected: Vec<(usize, ActionError)>,
    /// The wall clock was wrong at the start and has been put right since, by so many milliseconds (negative: back): what
    /// is late, what is of today and what is due is told by the right one once the delta is applied.
    pub clock_put_right_ms: Option<i64>,
}
