//! The machine: nine states, and what leads from one to another.
//!
//! ```text
//!                         raised
//!                           │
//!        ┌──── ActiveUnacknowledged ──acknowledge──▶ ActiveAcknowledged ────┐
//!        │         ▲      ▲                                │               │
//!      return    recur    └────────────── recur ───────────┼────────┐    return
//!        ▼         │                                  (latching)    │      ▼
//!   ReturnedUnacknowledged ──acknowledge──▶ Closed         ▼        │    Closed
//!   LatchedUnacknowledged ───acknowledge──▶ LatchedAcknowledged ────┴─reset──▶ Closed
//!
//!   any of these ──shelve──▶ Shelved ─────────┐
//!                ──suppress──▶ Suppressed ────┼──resume──▶ as the condition says then
//!                ──take out──▶ OutOfService ──┘
//! ```
//! An alarm closes when its condition has gone **and** somebody has answered, in either order; a latching one also
//! needs an explicit reset. One that is set aside (shelved by a person for a time, suppressed by a rule's design, out of
//! service) goes on being judged and recorded, stays open, and calls nobody. What comes back from there with its
//! condition still there is unacknowledged: somebody must look again.

use serde::{Deserialize, Serialize};

use super::Severity;

/// Where an alarm stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// The condition holds and nobody has answered.
    ActiveUnacknowledged,
    /// The condition holds and somebody has answered.
    ActiveAcknowledged,
    /// The condition has gone, but nobody has answered yet.
    ReturnedUnacknowledged,
    /// The condition of a latching rule has gone, but nobody has answered yet.
    LatchedUnacknowledged,
    /// The condition of a latching rule has gone and somebody has answered; it waits for the reset.
    LatchedAcknowledged,
    /// 搁置: a person wants to hear no more of it for a time.
    Shelved,
    /// 设计抑制: its rule says that it means nothing at present, such as in a lift's inspection mode.
    Suppressed,
    /// 停用: its device or rule is out of service.
    OutOfService,
    /// Over. Never changes again.
    Closed,
}

impl AlarmState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 9] = [
        Self::ActiveUnacknowledged,
        Self::ActiveAcknowledged,
        Self::ReturnedUnacknowledged,
        Self::LatchedUnacknowledged,
        Self::LatchedAcknowledged,
        Self::Shelved,
        Self::Suppressed,
        Self::OutOfService,
        Self::Closed,
    ];

    /// Whether it belongs in the list of open alarms, set aside or not.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Closed)
    }

    /// Whether its condition is known to hold; what is set aside does not say.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::ActiveUnacknowledged | Self::ActiveAcknowledged)
    }

    /// Whether it calls nobody although it is open.
    pub const fn is_set_aside(self) -> bool {
        matches!(self, Self::Shelved | Self::Suppressed | Self::OutOfService)
    }
}

/// What can happen to an alarm that was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmInput {
    /// The condition has gone for the rule's off-delay.
    Return,
    /// The condition holds again for the rule's on-delay.
    Recur,
    /// The alarm's severity is another one now.
    Step(Severity),
    /// A person answers.
    Acknowledge,
    /// A person declares the matter over, after the condition of a latching rule has gone.
    Reset,
    /// A person puts it on the shelf.
    Shelve,
    /// The rule's own suppression begins.
    Suppress,
    /// Its device or rule goes out of service.
    TakeOutOfService,
    /// What set it aside has ended, by time, by logic or by a person.
    Resume,
    /// The device left the registry, or the rule left its profile: nobody can answer or clear it any more.
    Withdraw,
}

/// What happened to an alarm. [`super::Transition::state`] says where it stands afterwards; a transition to
/// [`AlarmState::Closed`] is the alarm's last, whatever brought it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A new alarm.
    Raised,
    /// The condition came back while the alarm was open.
    Reoccurred,
    /// The severity rose, or fell.
    SeverityChanged,
    /// Somebody answered; closes the alarm when the condition had gone before and nothing latches.
    Acknowledged,
    /// The condition has gone; closes the alarm when somebody had answered before and nothing latches.
    Returned,
    /// A person declared a latched alarm over.
    Reset,
    /// Put on the shelf.
    Shelved,
    /// Taken from the shelf, by time or by a person.
    Unshelved,
    /// The rule's own suppression began.
    Suppressed,
    /// The rule's own suppression ended.
    Unsuppressed,
    /// Its device or rule went out of service.
    TakenOutOfService,
    /// Its device or rule is in service again.
    ReturnedToService,
    /// Closed without an answer: its device left the registry, or its rule the profile.
    Closed,
}

/// Why an input does not fit an alarm's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlarmRefusal {
    /// A closed alarm never changes.
    #[error("the alarm is closed")]
    Closed,
    /// Somebody has answered already.
    #[error("the alarm is acknowledged already")]
    AlreadyAcknowledged,
    /// The condition is known to hold already.
    #[error("the alarm is active already")]
    AlreadyActive,
    /// The condition is known to have gone already.
    #[error("the alarm has returned already")]
    AlreadyReturned,
    /// It has that severity already.
    #[error("the alarm has that severity already")]
    SameSeverity,
    /// A reset is for what latches.
    #[error("the alarm does not latch: it closes by itself")]
    NotLatching,
    /// A reset does not make a danger go away.
    #[error("the condition still holds")]
    StillActive,
    /// A reset comes after the answer.
    #[error("the alarm is not acknowledged yet")]
    NotAcknowledged,
    /// Life is in danger: nobody may look away.
    #[error("an alarm of severity I cannot be shelved")]
    SeverityOne,
    /// It is set aside already, or must come back before.
    #[error("the alarm is shelved, suppressed or out of service")]
    SetAside,
    /// Nothing sets it aside.
    #[error("the alarm is neither shelved, suppressed nor out of service")]
    NotSetAside,
}

/// What an alarm has from its rule, as far as the machine looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nature {
    /// How bad it is.
    pub severity: Severity,
    /// Whether it needs a reset after its condition has gone.
    pub is_latching: bool,
}

/// Where an alarm stands, together with its condition: what is set aside forgets neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: AlarmState,
    /// Whether the condition holds as far as is known.
    pub is_active: bool,
}

impl Standing {
    /// A new alarm.
    pub const RAISED: Self = Self { state: AlarmState::ActiveUnacknowledged, is_active: true };

    /// The standing after `input`, and what to call that.
    ///
    /// # Errors
    /// [`AlarmRefusal`] when the input changes nothing; the alarm then stays as it is.
    pub fn after(self, input: AlarmInput, nature: Nature) -> Result<(Self, What), AlarmRefusal> {
        use AlarmState::Closed;
        if self.state == Closed {
            return Err(AlarmRefusal::Closed);
        }
        let to = |state, what| Ok((Self { state, ..self }, what));
        match input {
            AlarmInput::Return => self.returned(nature),
            AlarmInput::Recur => self.recurred(),
            AlarmInput::Step(severity) => self.stepped(severity, nature),
            AlarmInput::Acknowledge => self.acknowledged(),
            AlarmInput::Reset => self.reset(nature),
            AlarmInput::Shelve if self.state.is_set_aside() => Err(AlarmRefusal::SetAside),
            AlarmInput::Shelve if nature.severity == Severity::I => Err(AlarmRefusal::SeverityOne),
            AlarmInput::Shelve => to(AlarmState::Shelved, What::Shelved),
            AlarmInput::Suppress => match self.state {
                AlarmState::Suppressed | AlarmState::OutOfService => Err(AlarmRefusal::SetAside),
                _ => to(AlarmState::Suppressed, What::Suppressed),
            },
            AlarmInput::TakeOutOfService => match self.state {
                AlarmState::OutOfService => Err(AlarmRefusal::SetAside),
                _ => to(AlarmState::OutOfService, What::TakenOutOfService),
            },
            AlarmInput::Resume => self.resumed(nature),
            AlarmInput::Withdraw => to(Closed, What::Closed),
        }
    }

    fn returned(self, nature: Nature) -> Result<(Self, What), AlarmRefusal> {
        use AlarmState::{
            ActiveAcknowledged, ActiveUnacknowledged, Closed, LatchedAcknowledged, LatchedUnacknowledged,
            ReturnedUnacknowledged,
        };
        if !self.is_active {
            return Err(AlarmRefusal::AlreadyReturned);
        }
        let state = match (self.state, nature.is_latching) {
            (ActiveUnacknowledged, false) => ReturnedUnacknowledged,
            (ActiveUnacknowledged, true) => LatchedUnacknowledged,
            (ActiveAcknowledged, false) => Closed,
            (ActiveAcknowledged, true) => LatchedAcknowledged,
            (set_aside, _) => set_aside,
        };
        Ok((Self { state, is_active: false }, What::Returned))
    }

    const fn recurred(self) -> Result<(Self, What), AlarmRefusal> {
        if self.is_active {
            return Err(AlarmRefusal::AlreadyActive);
        }
        let state = if self.state.is_set_aside() { self.state } else { AlarmState::ActiveUnacknowledged };
        Ok((Self { state, is_active: true }, What::Reoccurred))
    }

    /// A worse alarm is news that somebody must answer; and what has become a danger to life leaves the shelf.
    fn stepped(self, severity: Severity, nature: Nature) -> Result<(Self, What), AlarmRefusal> {
        if severity == nature.severity {
            return Err(AlarmRefusal::SameSeverity);
        }
        if !self.is_active {
            return Err(AlarmRefusal::AlreadyReturned);
        }
        let is_worse = severity < nature.severity;
        let state = match self.state {
            AlarmState::ActiveAcknowledged if is_worse => AlarmState::ActiveUnacknowledged,
            AlarmState::Shelved if severity == Severity::I => AlarmState::ActiveUnacknowledged,
            state => state,
        };
        Ok((Self { state, ..self }, What::SeverityChanged))
    }

    const fn acknowledged(self) -> Result<(Self, What), AlarmRefusal> {
        use AlarmState::{
            ActiveAcknowledged, ActiveUnacknowledged, Closed, LatchedAcknowledged, LatchedUnacknowledged, OutOfService,
            ReturnedUnacknowledged, Shelved, Suppressed,
        };
        let state = match self.state {
            ActiveUnacknowledged => ActiveAcknowledged,
            ReturnedUnacknowledged => Closed,
            LatchedUnacknowledged => LatchedAcknowledged,
            ActiveAcknowledged | LatchedAcknowledged => return Err(AlarmRefusal::AlreadyAcknowledged),
            Shelved | Suppressed | OutOfService => return Err(AlarmRefusal::SetAside),
            Closed => return Err(AlarmRefusal::Closed),
        };
        Ok((Self { state, ..self }, What::Acknowledged))
    }

    const fn reset(self, nature: Nature) -> Result<(Self, What), AlarmRefusal> {
        if self.state.is_set_aside() {
            return Err(AlarmRefusal::SetAside);
        }
        if !nature.is_latching {
            return Err(AlarmRefusal::NotLatching);
        }
        match self.state {
            AlarmState::LatchedAcknowledged => Ok((Self { state: AlarmState::Closed, ..self }, What::Reset)),
            AlarmState::LatchedUnacknowledged => Err(AlarmRefusal::NotAcknowledged),
            _ => Err(AlarmRefusal::StillActive),
        }
    }

    const fn resumed(self, nature: Nature) -> Result<(Self, What), AlarmRefusal> {
        let what = match self.state {
            AlarmState::Shelved => What::Unshelved,
            AlarmState::Suppressed => What::Unsuppressed,
            AlarmState::OutOfService => What::ReturnedToService,
            _ => return Err(AlarmRefusal::NotSetAside),
        };
        let state = match (self.is_active, nature.is_latching) {
            (true, _) => AlarmState::ActiveUnacknowledged,
            (false, true) => AlarmState::LatchedUnacknowledged,
            (false, false) => AlarmState::Closed,
        };
        Ok((Self { state, ..self }, what))
    }
}
