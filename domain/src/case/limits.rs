//! Until when the present step must be done. Every open case has such a moment; nothing waits for ever unseen.

use super::{Case, CaseState, Milestone, Plan, Policy};
use crate::{escalation::Rung, time::UnixMs};

/// What has been said about a case's time so far: all that must be remembered between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// How far up it was told that the present step is overdue; None: it was not.
    pub reached: Option<Rung>,
    /// Whether it was told that the law calls it an accident.
    pub is_accident_told: bool,
    /// Up to which second after the beginning of the entrapment milestones were looked at.
    pub milestones_told_s: u32,
}

/// What is to be told of a case's time now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Who is told that the step is overdue, lowest first.
    pub tell: Vec<Rung>,
    /// Milestones that were reached and not met.
    pub milestones: Vec<Milestone>,
    /// Whether everybody is to be told that it has become an accident.
    pub becomes_accident: bool,
    /// What has been said afterwards.
    pub watch: Watch,
    /// When there may be something to tell next; None: not before somebody does something.
    pub next: Option<UnixMs>,
}

pub(super) const fn after_s(since: UnixMs, seconds: u32) -> UnixMs {
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

    /// How long the present step may take, in milliseconds from where its time is counted; None: the case is closed.
    pub fn limit_ms(&self, case: &Case) -> Option<i64> {
        let runs_from_the_beginning = case.plan == Plan::Entrapment && case.freed.is_none() && case.state.is_underway();
        let from = if runs_from_the_beginning { case.began } else { case.entered };
        self.due(case).map(|due| due.since_ms(from))
    }

    /// Looks at the clock: what is to be told of the case's time that was not told before.
    pub fn look(&self, case: &Case, watch: Watch, now: UnixMs) -> Look {
        let mut look = Look { tell: Vec::new(), milestones: Vec::new(), becomes_accident: false, watch, next: None };
        if let Some(due) = self.due(case) {
            if due <= now {
                let climb = self.escalation.of(case.severity).climb(due, watch.reached, now);
                (look.tell, look.watch.reached, look.next) = (climb.tell, climb.reached, climb.next);
            } else {
                look.next = Some(due);
            }
        }
        if case.is_somebody_trapped() {
            let ahead = |milestone: &Milestone| milestone.after_s > watch.milestones_told_s;
            for milestone in self.entrapment.milestones().into_iter().filter(ahead) {
                let at = milestone.at(case);
                if at > now {
                    look.next = Some(look.next.map_or(at, |next| next.min(at)));
                    break;
                }
                look.watch.milestones_told_s = milestone.after_s;
                if !milestone.is_met(case) {
                    look.milestones.push(milestone);
                }
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
