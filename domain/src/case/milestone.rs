//! 里程碑: what is told of people who are trapped as their clock goes on: each once, and not when what it asks for has
//! happened by then. All but the accident, which the law makes one, are proposals for the bureau to decide on.

use serde::{Deserialize, Serialize};

use super::{Case, EntrapmentLimits, limits::after_s};
use crate::{escalation::Rung, text::Text, time::UnixMs};

/// A moment of an entrapment at which people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Milestone {
    /// How long after the beginning of the entrapment, in seconds.
    pub after_s: u32,
    /// It is not told when that has happened by then.
    #[serde(default)]
    pub unless: Deed,
    /// Who is told.
    pub tell: Vec<Rung>,
    /// What is told: what is missing, and what is to be done now.
    pub what: Text,
}

/// What has been done for people who are trapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Somebody has spoken with them.
    Contacted,
    /// Somebody has accepted the case.
    Accepted,
    /// Somebody is, or was, there.
    Arrived,
    /// They are out.
    #[default]
    Freed,
}

impl Milestone {
    /// When it is told.
    pub const fn at(&self, case: &Case) -> UnixMs {
        after_s(case.began, self.after_s)
    }

    /// Whether what it asks for has happened.
    pub const fn is_met(&self, case: &Case) -> bool {
        match self.unless {
            Deed::Contacted => case.contacted.is_some() || case.arrived.is_some() || case.freed.is_some(),
            Deed::Accepted => case.handler.is_some(),
            Deed::Arrived => case.arrived.is_some() || case.freed.is_some(),
            Deed::Freed => case.freed.is_some(),
        }
    }
}

impl EntrapmentLimits {
    /// All milestones in the order of their time. That nobody has spoken with the people is one of them.
    pub fn milestones(&self) -> Vec<Milestone> {
        let contact = Milestone {
            after_s: self.contact_s,
            unless: Deed::Contacted,
            tell: vec![Rung::Ground],
            what: Text::new(
                "尚未与被困人员取得联系：立即通过轿厢对讲或电话安抚，并登记通话",
                "nobody has spoken with the people yet: call the car now, calm them, and note it",
            ),
        };
        let mut all: Vec<Milestone> = std::iter::once(contact).chain(self.milestone.iter().cloned()).collect();
        all.sort_by_key(|milestone| milestone.after_s);
        all
    }
}

/// Those that `[duty.entrapment]` has when it names none.
pub(super) fn usual() -> Vec<Milestone> {
    const MINUTE: u32 = 60;
    let everybody = || Rung::ALL.to_vec();
    vec![
        Milestone {
            after_s: 10 * MINUTE,
            unless: Deed::Accepted,
            tell: everybody(),
            what: Text::new(
                "10 分钟无人接单：改派其他救援单位，请求 96333 二级救援",
                "nobody has accepted for 10 minutes: send another unit, ask 96333 for its second level of rescue",
            ),
        },
        Milestone {
            after_s: 60 * MINUTE,
            unless: Deed::Freed,
            tell: everybody(),
            what: Text::new(
                "被困已满 60 分钟：报告区值班领导，联系消防救援",
                "trapped for 60 minutes: report to the district's duty leader, call the fire service",
            ),
        },
        Milestone {
            after_s: 90 * MINUTE,
            unless: Deed::Freed,
            tell: everybody(),
            what: Text::new(
                "被困已满 90 分钟，预警：再过 30 分钟依法构成一般事故，准备事故报告",
                "trapped for 90 minutes: in 30 minutes it is an accident by law; prepare its report",
            ),
        },
    ]
}
