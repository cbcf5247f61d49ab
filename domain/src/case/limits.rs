//! Until when the present step must be done. Every open case has such a moment; nothing waits for ever unseen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Case, CaseState, Plan};
use crate::{
    escalation::{BySeverity, Ladder, Rung},
    id::RuleId,
    time::UnixMs,
};

/// How long a case may stand where it stands, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLimits {
    /// From opening until it is somebody's.
    pub assign_s: u32,
    /// From then until somebody accepts it.
    pub accept_s: u32,
    /// From then until somebody is there; for what is handled from afar, until it is handled.
    pub on_site_s: u32,
    /// From then until it is handled.
    pub handle_s: u32,
    /// From then until somebody else has verified it.
    pub verify_s: u32,
    /// From then until it is closed.
    pub close_s: u32,
}

/// How long each step towards people who are trapped may take, in seconds from the beginning of the entrapment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntrapmentLimits {
    /// Until somebody has spoken with them.
    pub contact_s: u32,
    /// Until somebody has accepted the case.
    pub accept_s: u32,
    /// Until somebody is there.
    pub on_site_s: u32,
    /// When the law calls it an accident.
    pub accident_s: u32,
}

/// Section `[duty]` of gateway.toml: every limit, and who hears of what has passed. All defaults are proposals for the
/// bureau to decide on, but for the two that say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// After how long without an answer an alarm is told further up; the same times, from the moment it is overdue, for a
    /// case.
    pub escalation: BySeverity<Ladder>,
    /// How long each step of a case may take.
    pub steps: BySeverity<StepLimits>,
    /// How long each step towards people who are trapped may take.
    pub entrapment: EntrapmentLimits,
    /// Rules whose alarms say that people are trapped in a lift.
    pub entrapment_rules: BTreeSet<RuleId>,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

impl Default for Policy {
    fn default() -> Self {
        let ladder = |office_s, centre_s| Ladder { office_s: Some(office_s), centre_s };
        let steps = |[assign_s, accept_s, on_site_s, handle_s, verify_s, close_s]: [u32; 6]| StepLimits {
            assign_s,
            accept_s,
            on_site_s,
            handle_s,
            verify_s,
            close_s,
        };
        Self {
            escalation: BySeverity {
                // Twice the time in which somebody awake answers a telephone.
                one: ladder(2 * MINUTE, Some(5 * MINUTE)),
                two: ladder(10 * MINUTE, Some(30 * MINUTE)),
                // Act today: within the shift.
                three: ladder(HOUR, Some(4 * HOUR)),
                // In the ordinary way: the centre is not told at all.
                four: ladder(DAY, None),
            },
            steps: BySeverity {
                one: steps([2 * MINUTE, 3 * MINUTE, 30 * MINUTE, 2 * HOUR, DAY, 3 * DAY]),
                two: steps([10 * MINUTE, 10 * MINUTE, HOUR, 4 * HOUR, DAY, 3 * DAY]),
                three: steps([HOUR, HOUR, 8 * HOUR, DAY, 3 * DAY, 7 * DAY]),
                four: steps([DAY, DAY, 3 * DAY, 7 * DAY, 7 * DAY, 14 * DAY]),
            },
            entrapment: EntrapmentLimits {
                contact_s: MINUTE,
                accept_s: 3 * MINUTE,
                // TSG T5002-2017: at most 30 minutes in a municipality.
                on_site_s: 30 * MINUTE,
                // State Council order 549, article 64: 2 hours.
                accident_s: 2 * HOUR,
            },
            entrapment_rules: RuleId::new("EL-01").into_iter().collect(),
        }
    }
}

/// Why a policy cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The centre would be told before the office.
    #[error("duty.escalation: `centre_s` must not be less than `office_s`")]
    LadderOrder,
    /// The arrival would be due after the accident.
    #[error("duty.entrapment: `accept_s`, `on_site_s` and `accident_s` must rise")]
    EntrapmentOrder,
}

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
    /// Whether it can be followed.
    ///
    /// # Errors
    /// [`PolicyError`] names the keys that contradict each other.
    pub fn check(&self) -> Result<(), PolicyError> {
        let ladders = &self.escalation;
        if ![ladders.one, ladders.two, ladders.three, ladders.four].iter().all(Ladder::is_in_order) {
            return Err(PolicyError::LadderOrder);
        }
        let EntrapmentLimits { contact_s: _, accept_s, on_site_s, accident_s } = self.entrapment;
        if accept_s > on_site_s || on_site_s > accident_s {
            return Err(PolicyError::EntrapmentOrder);
        }
        Ok(())
    }

    /// Which way a case of this rule's alarm goes.
    pub fn plan(&self, rule: &RuleId) -> Plan {
        if self.entrapment_rules.contains(rule) { Plan::Entrapment } else { Plan::Ordinary }
    }

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
