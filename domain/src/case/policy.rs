//! How long everything may take, and which rules say that people are trapped: what the bureau decides.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Milestone, Plan, milestone};
use crate::{
    escalation::{BySeverity, Ladder},
    id::RuleId,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What else is told, and when.
    #[serde(default = "milestone::usual")]
    pub milestone: Vec<Milestone>,
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
                milestone: milestone::usual(),
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
    /// A milestone tells nobody, or nothing.
    #[error("duty.entrapment.milestone: `tell` must name somebody, and `what` say something")]
    SilentMilestone,
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
        let EntrapmentLimits { accept_s, on_site_s, accident_s, .. } = self.entrapment;
        if accept_s > on_site_s || on_site_s > accident_s {
            return Err(PolicyError::EntrapmentOrder);
        }
        let is_told = |milestone: &Milestone| !milestone.tell.is_empty() && !milestone.what.zh.is_empty();
        if !self.entrapment.milestone.iter().all(is_told) {
            return Err(PolicyError::SilentMilestone);
        }
        Ok(())
    }

    /// Which way a case of this rule's alarm goes.
    pub fn plan(&self, rule: &RuleId) -> Plan {
        if self.entrapment_rules.contains(rule) { Plan::Entrapment } else { Plan::Ordinary }
    }
}
