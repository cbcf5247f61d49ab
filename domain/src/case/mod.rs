//! 处置单, a case: the work that answers one or more alarms of one site, with a name on it at every moment, a time limit
//! on every step, and nobody judging the own work.
//!
//! - `life`: the machine: where a case stands, what a person can do with it, what that makes of it.
//! - `policy`: how long everything may take.
//! - `milestone`: what is told of people who are trapped as their clock goes on.
//! - `limits`: until when the present step must be done, and when the law calls an entrapment an accident.
//!
//! Here stand the words.

mod life;
mod limits;
mod milestone;
mod policy;
#[cfg(test)]
mod tests;

pub use life::{CaseInput, CaseRefusal};
pub use limits::{Look, Watch};
pub use milestone::{Deed, Milestone};
pub use policy::{EntrapmentLimits, Policy, PolicyError, StepLimits};
use serde::{Deserialize, Serialize};

use crate::{alarm::Severity, id::UserName, roster::Assignee, text::Text, time::UnixMs};

/// Which way a case goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// 一般处置.
    Ordinary,
    /// 电梯困人: people are trapped. Their clock runs from the beginning of the entrapment, not from step to step.
    Entrapment,
}

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// 待指派: nobody's yet.
    Opened,
    /// 待接单: somebody's, who has not said so.
    Assigned,
    /// 已接单: somebody has said "mine".
    Accepted,
    /// 已到场.
    OnSite,
    /// 待核验: done, or a false alarm, in the eyes of who did it.
    Handled,
    /// 待归档: done in the eyes of somebody else, too.
    Verified,
    /// 已关闭. Never changes again.
    Closed,
}

impl CaseState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Opened, Self::Assigned, Self::Accepted, Self::OnSite, Self::Handled, Self::Verified, Self::Closed];

    /// Whether there is work left.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Closed)
    }

    /// What is to be done next, which is what its time limit is about; None: nothing.
    pub fn next_step(self) -> Option<Text> {
        Some(match self {
            Self::Opened => Text::new("指派", "to be assigned"),
            Self::Assigned => Text::new("接单", "to be accepted"),
            Self::Accepted => Text::new("到场", "somebody to be there"),
            Self::OnSite => Text::new("处置", "to be handled"),
            Self::Handled => Text::new("核验", "to be verified"),
            Self::Verified => Text::new("归档", "to be closed"),
            Self::Closed => return None,
        })
    }

    /// Whether the trouble itself is still being worked on.
    pub const fn is_underway(self) -> bool {
        matches!(self, Self::Opened | Self::Assigned | Self::Accepted | Self::OnSite)
    }
}

/// 原因: what turned out to be behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseCode {
    /// 设备故障: the equipment failed.
    Equipment,
    /// 操作不当: people used it wrongly, such as a door left open.
    Operation,
    /// 停电或供气中断: power, water or gas failed.
    Supply,
    /// 维保不到位: it was not maintained.
    Maintenance,
    /// 传感器或网络故障: the watching failed, not the watched.
    Monitoring,
    /// 外部原因: weather, building work, vandalism.
    External,
    /// 其他: something else; the note says what.
    Other,
}

impl CauseCode {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::Equipment,
        Self::Operation,
        Self::Supply,
        Self::Maintenance,
        Self::Monitoring,
        Self::External,
        Self::Other,
    ];
}

/// How it ended in the eyes of who worked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The trouble was there and is gone.
    Handled(CauseCode),
    /// 误报: there was none.
    FalseAlarm,
}

/// What happened to a case: one row of its time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseWhat {
    /// It was opened, by a person or with its alarm.
    Opened,
    /// Another alarm of the site was put to it.
    AlarmAdded,
    /// It became somebody's.
    Assigned,
    /// Somebody said "mine".
    Accepted,
    /// Somebody spoke with the people who are trapped.
    Contacted,
    /// Somebody is there.
    ArrivedOnSite,
    /// The people are out.
    Freed,
    /// Somebody says that it is done.
    Handled,
    /// Somebody says that there was nothing.
    FalseAlarm,
    /// Somebody else says that it is not done.
    Returned,
    /// Somebody else says that it is done.
    Verified,
    /// It is over.
    Closed,
    /// Somebody wrote something down.
    Noted,
    /// Somebody added a photo.
    PhotoAdded,
    /// The time limit of its step has passed; who was told stands with it.
    Overdue,
    /// A milestone of an entrapment was reached; the note says which.
    Milestone,
    /// 满 2 小时: by law it is an accident now.
    BecameAccident,
}

impl CaseWhat {
    /// Every kind of row.
    pub const ALL: [Self; 17] = [
        Self::Opened,
        Self::AlarmAdded,
        Self::Assigned,
        Self::Accepted,
        Self::Contacted,
        Self::ArrivedOnSite,
        Self::Freed,
        Self::Handled,
        Self::FalseAlarm,
        Self::Returned,
        Self::Verified,
        Self::Closed,
        Self::Noted,
        Self::PhotoAdded,
        Self::Overdue,
        Self::Milestone,
        Self::BecameAccident,
    ];
}

/// A case, as far as decisions look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Which way it goes.
    pub plan: Plan,
    /// How bad the worst of its alarms was when it was opened or put to it.
    pub severity: Severity,
    /// Where it stands.
    pub state: CaseState,
    /// When the trouble began: event time of its first alarm, at the latest the opening.
    pub began: UnixMs,
    /// When it came to where it stands, by the gateway's clock.
    pub entered: UnixMs,
    /// Whose it is; None: nobody's.
    pub assignee: Option<Assignee>,
    /// Who accepted it last; None: nobody.
    pub handler: Option<UserName>,
    /// Who says that it is done; None: nobody does.
    pub handled_by: Option<UserName>,
    /// How it ended; None: it has not.
    pub outcome: Option<Outcome>,
    /// Entrapment: when somebody first spoke with the people.
    pub contacted: Option<UnixMs>,
    /// When somebody was first there.
    pub arrived: Option<UnixMs>,
    /// Entrapment: when the people were out.
    pub freed: Option<UnixMs>,
}

impl Case {
    /// A new case.
    pub const fn opened(plan: Plan, severity: Severity, began: UnixMs, at: UnixMs) -> Self {
        Self {
            plan,
            severity,
            state: CaseState::Opened,
            began: if began.0 < at.0 { began } else { at },
            entered: at,
            assignee: None,
            handler: None,
            handled_by: None,
            outcome: None,
            contacted: None,
            arrived: None,
            freed: None,
        }
    }

    /// Whether people are trapped as far as is known.
    pub const fn is_somebody_trapped(&self) -> bool {
        matches!(self.plan, Plan::Entrapment)
            && self.freed.is_none()
            && self.state.is_open()
            && !matches!(self.outcome, Some(Outcome::FalseAlarm))
    }
}
