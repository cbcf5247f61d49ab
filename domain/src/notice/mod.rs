//! 通知: who has to be told of what. Pure: what is said here is written with the transaction that made it true; which
//! channel carries it to whom, and when, is the gateway's.
//!
//! - `of_alarms`: what steps in the lives of alarms say to whom.
//! - `of_duty`: what is told while people work: unanswered alarms, cases.
//! - `words`: the words of it.

mod of_alarms;
mod of_duty;
#[cfg(test)]
mod tests;
mod words;

pub use of_alarms::{Policy, Telling, notices_of};
pub use of_duty::{CaseNews, Locality, Matter, Unanswered, of_case, of_unanswered, of_unanswered_to_colleagues};

pub use words::in_short;

use crate::{
    alarm::Severity,
    id::{AlarmId, CaseId, DeviceId, NodeId, OfficeId, OwnerId, SiteId, TownshipCode},
    roster::Post,
    text::Text,
    time::UnixMs,
};

/// Who is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// 使用单位: whose equipment it is.
    Owner(OwnerId),
    /// 乡镇分中心: the sub-centre in whose township it stands.
    Township(TownshipCode),
    /// 市场监管所: the office that answers for the township.
    Office(OfficeId),
    /// 指挥中心: the district's centre.
    Centre,
}

impl Audience {
    /// Whose roster says who of them is on duty; None: owners keep none here.
    pub fn post(&self) -> Option<Post> {
        match self {
            Self::Owner(_) => None,
            Self::Township(code) => Some(Post::Township(code.clone())),
            Self::Office(id) => Some(Post::Office(id.clone())),
            Self::Centre => Some(Post::Centre),
        }
    }
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An alarm.
    Alarm(AlarmId),
    /// A case.
    Case(CaseId),
    /// A channel by which people are told, by its name.
    Channel(String),
}

/// Why it is told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// An alarm was raised.
    Raised,
    /// An open alarm became more severe.
    Worsened,
    /// The condition of an alarm that somebody had answered is there again.
    Recurred,
    /// What kept an alarm from calling anybody has ended, and its matter has not.
    Resumed,
    /// The condition of an alarm has gone.
    Returned,
    /// Nobody answered in time, so that the next ones up are told.
    Escalated {
        /// Which step of the plan, from 1.
        step: u8,
    },
    /// A case was given to somebody.
    CaseAssigned,
    /// A step of a case was not done in time.
    CaseOverdue,
    /// A milestone of an entrapment was reached.
    CaseMilestone,
    /// A case is closed.
    CaseClosed,
    /// Nothing gets through on a channel any more.
    ChannelDead,
    /// Messages get through on a channel again.
    ChannelWorks,
    /// Somebody tries a channel.
    Test,
}

/// Something that somebody has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub subject: Subject,
    /// Why it is told now.
    pub occasion: Occasion,
    /// How bad the matter is: decides which channels carry it, and what it may break through.
    pub severity: Severity,
    /// Who is to be told.
    pub audience: Audience,
    /// The device it is about; None: no single one.
    pub device: Option<DeviceId>,
    /// The site it is about, by which messages are grouped; None: no single one.
    pub site: Option<SiteId>,
    /// The edge node that speaks for the device, by which messages are grouped, too; None: no single one.
    pub node: Option<NodeId>,
    /// What the matter is, in the few words by which alike ones are counted in a message of several.
    pub matter: Text,
    /// When it happened, by the gateway's wall clock.
    pub at: UnixMs,
    /// One line that says enough for a lock screen.
    pub title: Text,
    /// What else one needs to know, a line each.
    pub body: Text,
}

impl Notice {
    /// Whether it is about an edge node itself, which is what may explain its devices.
    pub fn is_about_node(&self) -> bool {
        let Self { device: Some(device), node: Some(node), .. } = self else { return false };
        device.as_str() == node.as_str()
    }

    /// Whether those of the audience who are on duty are told alone, as long as one of them can be reached. A danger to
    /// life, what nobody answered, and whatever is no alarm concern the others as well.
    pub fn is_for_those_on_duty(&self) -> bool {
        let is_escalated = matches!(self.occasion, Occasion::Escalated { .. });
        matches!(self.subject, Subject::Alarm(_)) && self.severity > Severity::I && !is_escalated
    }
}

impl Occasion {
    /// Its word on the wire and on disk; a step of escalation stands beside it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Worsened => "worsened",
            Self::Recurred => "recurred",
            Self::Resumed => "resumed",
            Self::Returned => "returned",
            Self::Escalated { .. } => "escalated",
            Self::CaseAssigned => "case_assigned",
            Self::CaseOverdue => "case_overdue",
            Self::CaseMilestone => "case_milestone",
            Self::CaseClosed => "case_closed",
            Self::ChannelDead => "channel_dead",
            Self::ChannelWorks => "channel_works",
            Self::Test => "test",
        }
    }

    /// Its step in a plan of escalation; 0: it is none.
    pub const fn step(self) -> u8 {
        match self {
            Self::Escalated { step } => step,
            _ => 0,
        }
    }

    /// The occasion of a word and a step; None: there is none of that word.
    pub fn of_word(word: &str, step: u8) -> Option<Self> {
        Some(match word {
            "raised" => Self::Raised,
            "worsened" => Self::Worsened,
            "recurred" => Self::Recurred,
            "resumed" => Self::Resumed,
            "returned" => Self::Returned,
            "escalated" => Self::Escalated { step },
            "case_assigned" => Self::CaseAssigned,
            "case_overdue" => Self::CaseOverdue,
            "case_milestone" => Self::CaseMilestone,
            "case_closed" => Self::CaseClosed,
            "channel_dead" => Self::ChannelDead,
            "channel_works" => Self::ChannelWorks,
            "test" => Self::Test,
            _ => return None,
        })
    }
}
