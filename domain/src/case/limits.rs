//! Until when the present step must be done. Every open case has such a moment; nothing waits for ever unseen.

use super::{Case, CaseState, Plan, Policy};
use crate::{escalation::Rung, time::UnixMs};

/// What has been said about a case's time so far: all that must be remembered between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// How far up it was told that the present step is overdue; None: it was not.
    pub reached: Option<Rung>,
    /// Whether it was told that the law calls it an accident.
    pub is_accident_told: bool,
}

/// What is to be told of a case's time now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Who is told that the step is overdue, lowest first.
    pub tell: Vec<Rung>,
    /// Whether everybody is to be told that it has become an accident.
    pub becomes_accident: bool,
    /// What has been said afterwards.
    pub watch: Watch,
    /// When there may be something to tell next; None: not before somebody does something.
    pub next: Option<UnixMs>,
}

const fn after_s(since: UnixMs, seconds: u32) -> UnixMs {
    since.plus_ms(seconds as i64 * 1000)
}

impl Policy {
    /// Until when the present step must be done; None: the case is closed.
    pub fn due(&self, case: &Case) -> Option<UnixMs> {
        let steps = self.steps.of(case.severity);
        let of_step = match case.state {
            CaseState::Opened => steps.assign_s,
            CaseState::Assigned => steps.accept_s,
            CaseState::Accepted => steps.on_site_s,
            CaseState::OnSite => steps.handle_s,
            CaseState::Handled => steps.verify_s,
            CaseState::Verified => steps.close_s,
            CaseState::Closed => return None,
        };
        if case.plan == Plan::Ordinary || case.freed.is_some() {
            return Some(after_s(case.entered, of_step));
        }
        Some(match case.state {
            CaseState::Opened | CaseState::Assigned => after_s(case.began, self.entrapment.accept_s),
            CaseState::Accepted => after_s(case.began, self.entrapment.on_site_s),
            CaseState::OnSite => after_s(case.began, self.entrapment.accident_s),
            CaseState::Handled | CaseState::Verified | CaseState::Closed => after_s(case.entered, of_step),
        })
    }

    /// When the law calls it an accident: people have been trapped until then. None: it will not, or nobody is.
    pub const fn accident(&self, case: &Case) -> Option<UnixMs> {
        if case.is_somebody_trapped() { Some(after_s(case.began, self.entrapment.accident_s)) } else { None }
    }

    /// Looks at the clock: what is to be told of the case's time that was not told before.
    pub fn look(&self, case: &Case, watch: Watch, now: UnixMs) -> Look {
        let mut look = Look { tell: Vec::new(), becomes_accident: false, watch, next: None };
        if let Some(due) = self.due(case) {
            if due <= now {
                let climb = self.escalation.of(case.severity).climb(due, watch.reached, now);
                (look.tell, look.watch.reached, look.next) = (climb.tell, climb.reached, climb.next);
            } else {
                look.next = Some(due);
            }
        }
        if let Some(accident) = self.accident(case).filter(|_| !watch.is_accident_told) {
            if accident <= now {
                (look.becomes_accident, look.watch.is_accident_told) = (true, true);
            } else {
                look.next = Some(look.next.map_or(accident, |next| next.min(accident)));
            }
        }
        look
    }

    /// What remains said after a step from `before` to `after`: a new time limit has not been told of to anybody.
    pub fn watch_after(&self, before: &Case, after: &Case, watch: Watch) -> Watch {
        if self.due(before) == self.due(after) { watch } else { Watch { reached: None, ..watch } }
    }
}
