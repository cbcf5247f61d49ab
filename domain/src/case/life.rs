//! The machine: seven states, and what people do between them.
//!
//! ```text
//!   Opened ──assign──▶ Assigned ──accept──▶ Accepted ──arrive──▶ OnSite
//!     │                  ▲  ▲                │   ▲                  │
//!     └──accept──────────┼──┼───────────────▶│   │                  │
//!                        │  └──assign────────┤   │               handle
//!                        └──assign───────────┼───┼──────────────────┤
//!                        handle (III, IV),   │   │                  │
//!                        false alarm         ▼   │                  ▼
//!                                         Handled ◀─────────────────┘
//!                                            │   ▲
//!                               verify,      │   └─return─ (Handled, Verified) ──▶ Accepted
//!                               by another   ▼
//!                                         Verified ──close──▶ Closed
//! ```
//! Whoever accepts a case has it, whoever it was assigned to: at three in the morning the colleague who is awake takes it,
//! and the time line says so. In an entrapment two facts are noted beside the steps: that somebody spoke with the people,
//! and that they are out; it is not handled before that.

use super::{Case, CaseState, CaseWhat, CauseCode, Outcome, Plan};
use crate::{alarm::Severity, id::UserName, roster::Assignee, time::UnixMs};

/// What a person does with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseInput {
    /// Make it somebody's.
    Assign(Assignee),
    /// "Mine."
    Accept,
    /// "I have spoken with the people who are trapped."
    Contact,
    /// "I am there."
    Arrive,
    /// "The people are out."
    Free,
    /// "It is done."
    Handle(CauseCode),
    /// "There was nothing."
    FalseAlarm,
    /// "It is not done."
    Return,
    /// "It is done, I have looked."
    Verify,
    /// "Into the files."
    Close,
}

/// Why an input does not fit a case. The case stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaseRefusal {
    /// A closed case never changes.
    #[error("the case is closed")]
    Closed,
    /// The step does not follow on where the case stands.
    #[error("that step does not follow on where the case stands")]
    OutOfTurn,
    /// It is that person's already.
    #[error("it is assigned there already")]
    SameAssignee,
    /// Nobody has been there, and severity I and II must be looked at on site.
    #[error("a case of severity I or II is handled on site")]
    NotOnSite,
    /// Only an entrapment has that step.
    #[error("only an entrapment has that step")]
    NoEntrapment,
    /// That was noted already.
    #[error("that is noted already")]
    AlreadyNoted,
    /// People are still trapped.
    #[error("people are still trapped")]
    StillTrapped,
    /// Nobody judges the own work.
    #[error("somebody else must verify it")]
    OwnWork,
    /// The condition of one of its alarms still holds.
    #[error("the condition of one of its alarms still holds")]
    AlarmActive,
}

impl CaseRefusal {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Closed,
        Self::OutOfTurn,
        Self::SameAssignee,
        Self::NotOnSite,
        Self::NoEntrapment,
        Self::AlreadyNoted,
        Self::StillTrapped,
        Self::OwnWork,
        Self::AlarmActive,
    ];
}

impl Case {
    /// The case after what `by` does `at` that moment, and what to call it. `has_active_alarm`: the condition of one of its
    /// alarms still holds.
    ///
    /// # Errors
    /// [`CaseRefusal`] when it does not fit.
    pub fn after(
        &self,
        input: &CaseInput,
        by: &UserName,
        at: UnixMs,
        has_active_alarm: bool,
    ) -> Result<(Self, CaseWhat), CaseRefusal> {
        use CaseState::{Accepted, Assigned, Closed, Handled, OnSite, Opened, Verified};
        let mut after = self.clone();
        let what = match (input, self.state) {
            (_, Closed) => return Err(CaseRefusal::Closed),
            (CaseInput::Assign(to), Opened | Assigned | Accepted | OnSite) => {
                if self.state == Assigned && self.assignee.as_ref() == Some(to) {
                    return Err(CaseRefusal::SameAssignee);
                }
                after.assignee = Some(to.clone());
                after.handler = None;
                after.enter(Assigned, at);
                CaseWhat::Assigned
            }
            (CaseInput::Accept, Opened | Assigned) => {
                after.assignee.get_or_insert_with(|| Assignee::Person(by.clone()));
                after.handler = Some(by.clone());
                after.enter(Accepted, at);
                CaseWhat::Accepted
            }
            (CaseInput::Arrive, Accepted) => {
                after.arrived.get_or_insert(at);
                after.enter(OnSite, at);
                CaseWhat::ArrivedOnSite
            }
            (CaseInput::Contact, state) => {
                self.check_milestone(state, self.contacted)?;
                after.contacted = Some(at);
                CaseWhat::Contacted
            }
            (CaseInput::Free, state) => {
                self.check_milestone(state, self.freed)?;
                after.freed = Some(at);
                CaseWhat::Freed
            }
            (CaseInput::Handle(cause), Accepted | OnSite) => {
                if self.state == Accepted && self.severity <= Severity::II {
                    return Err(CaseRefusal::NotOnSite);
                }
                if self.is_somebody_trapped() {
                    return Err(CaseRefusal::StillTrapped);
                }
                after.finish(Outcome::Handled(*cause), by, at);
                CaseWhat::Handled
            }
            (CaseInput::FalseAlarm, Accepted | OnSite) => {
                after.finish(Outcome::FalseAlarm, by, at);
                CaseWhat::FalseAlarm
            }
            (CaseInput::Return, Handled | Verified) => {
                (after.handled_by, after.outcome) = (None, None);
                after.enter(Accepted, at);
                CaseWhat::Returned
            }
            (CaseInput::Verify, Handled) => {
                if self.handled_by.as_ref() == Some(by) {
                    return Err(CaseRefusal::OwnWork);
                }
                self.check_quiet(has_active_alarm)?;
                after.enter(Verified, at);
                CaseWhat::Verified
            }
            (CaseInput::Close, Verified) => {
                self.check_quiet(has_active_alarm)?;
                after.enter(Closed, at);
                CaseWhat::Closed
            }
            (
                CaseInput::Assign(_)
                | CaseInput::Accept
                | CaseInput::Arrive
                | CaseInput::Handle(_)
                | CaseInput::FalseAlarm
                | CaseInput::Return
                | CaseInput::Verify
                | CaseInput::Close,
                _,
            ) => return Err(CaseRefusal::OutOfTurn),
        };
        Ok((after, what))
    }

    /// The case after people were found trapped: the first time, or again after they were out, in which case its clocks
    /// begin anew and whoever had it has it back. None: that they are trapped is known.
    #[must_use]
    pub fn trapped(&self, began: UnixMs, at: UnixMs) -> Option<Self> {
        if self.is_somebody_trapped() || self.state == CaseState::Closed {
            return None;
        }
        let mut after = self.clone();
        after.plan = Plan::Entrapment;
        after.began = began.min(at);
        (after.contacted, after.freed) = (None, None);
        if !after.state.is_underway() {
            (after.handled_by, after.outcome) = (None, None);
            after.enter(CaseState::Accepted, at);
        }
        Some(after)
    }

    /// Whether the trouble of the alarms may be called over. A sensor that told an untruth may go on doing so: its alarm
    /// stays open for whoever repairs it.
    const fn check_quiet(&self, has_active_alarm: bool) -> Result<(), CaseRefusal> {
        if has_active_alarm && !matches!(self.outcome, Some(Outcome::FalseAlarm)) {
            return Err(CaseRefusal::AlarmActive);
        }
        Ok(())
    }

    fn check_milestone(&self, state: CaseState, noted: Option<UnixMs>) -> Result<(), CaseRefusal> {
        if self.plan != Plan::Entrapment {
            return Err(CaseRefusal::NoEntrapment);
        }
        if noted.is_some() {
            return Err(CaseRefusal::AlreadyNoted);
        }
        if state.is_underway() { Ok(()) } else { Err(CaseRefusal::OutOfTurn) }
    }

    fn enter(&mut self, state: CaseState, at: UnixMs) {
        self.state = state;
        self.entered = at;
    }

    fn finish(&mut self, outcome: Outcome, by: &UserName, at: UnixMs) {
        self.outcome = Some(outcome);
        self.handled_by = Some(by.clone());
        self.enter(CaseState::Handled, at);
    }
}
