//! An alarm: one occurrence of a rule on a device, with a life cycle after ISA-18.2 / IEC 62682.
//!
//! - `life`: the machine: where an alarm stands, what can happen to it, what that makes of it.
//! - `service`: devices and rules that are out of service.
//! - `precedence`: in which order people are needed.
//! - `chatter`: what comes and goes faster than anybody can act.
//!
//! Here stand the words: severity, a step in a life, and an alarm that is open.

pub(crate) mod chatter;
mod life;
mod precedence;
mod service;
#[cfg(test)]
mod tests;

pub use chatter::{Call, Chatter, RECALL_MS};
pub use life::{AlarmInput, AlarmRefusal, AlarmState, Nature, Standing, What};
pub use precedence::{Attention, Precedence};
use serde::{Deserialize, Serialize};
pub use service::{OutOfService, ServiceChange};

use crate::{
    id::{AlarmId, DeviceId, MetricName, RuleId, UserName},
    reading::Reading,
    text::Text,
    time::UnixMs,
};

/// How bad it is: the four warning colours of the Emergency Response Law (2024) art. 63. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Severity {
    /// 红 red: life is in danger now.
    I = 1,
    /// 橙 orange: danger within minutes to hours.
    II = 2,
    /// 黄 yellow: act today.
    III = 3,
    /// 蓝 blue: put right in the ordinary way.
    IV = 4,
}

impl Severity {
    /// All, the gravest first.
    pub const ALL: [Self; 4] = [Self::I, Self::II, Self::III, Self::IV];

    /// The stored number back as a severity.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::I),
            2 => Some(Self::II),
            3 => Some(Self::III),
            4 => Some(Self::IV),
            _ => None,
        }
    }
}

/// One step in the life of one alarm: what is stored, shown and notified.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Which alarm.
    pub alarm: AlarmId,
    /// Its device.
    pub device: DeviceId,
    /// Its rule, within the device's profile.
    pub rule: RuleId,
    /// The alarm's severity afterwards.
    pub severity: Severity,
    /// Whether it needs a reset after its condition has gone.
    pub is_latching: bool,
    /// The rule's title when the alarm was raised.
    pub title: Text,
    /// Raised and reoccurred: the cause in words and numbers, such as `9.1 °C > 8 °C`. Returned: what is the case
    /// now. Acknowledged and closed: the cause of the raising again.
    pub cause: Text,
    /// What happened.
    pub what: What,
    /// Where the alarm stands afterwards.
    pub state: AlarmState,
    /// Who or what sets it aside afterwards; None: nothing does.
    pub set_aside: Option<SetAside>,
    /// When, by the gateway's wall clock.
    pub at: UnixMs,
    /// Event time of the reading that brought this about (receive time when its clock is suspect); `at` when a timer,
    /// a link change or a person did.
    pub event_time: UnixMs,
    /// Of a raising: how long after its event the reading came, in milliseconds; 0: in time.
    pub late_ms: u64,
    /// Of a raising: which wording of the rule it was; None: nobody counts them.
    pub rule_version: Option<u32>,
    /// Who; None: a rule or a timer did.
    pub by: Option<UserName>,
    /// What the person wrote; empty: nothing.
    pub note: String,
    /// The reading that the cause speaks of; None: the device's link or a missing reading brought it about, or a person.
    pub reading: Option<(MetricName, Reading)>,
}

/// Who or what keeps an open alarm from calling anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Who; None: the rule's own suppression.
    pub by: Option<UserName>,
    /// Why, in the person's words; for a suppression, what is the case.
    pub why: String,
    /// When it ends by itself, by the gateway's wall clock; None: when the cause of the suppression ends.
    pub until: Option<UnixMs>,
}

/// An alarm that is not closed, with everything needed to go on with it after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlarm {
    /// Number, rising in the order of raising.
    pub id: AlarmId,
    /// Its device.
    pub device: DeviceId,
    /// Its rule, within the device's profile.
    pub rule: RuleId,
    /// How bad it is now.
    pub severity: Severity,
    /// Whether it needs a reset after its condition has gone.
    pub is_latching: bool,
    /// The rule's title when the alarm was raised.
    pub title: Text,
    /// The cause in words and numbers, of the latest occurrence.
    pub cause: Text,
    /// Where it stands; never [`AlarmState::Closed`].
    pub state: AlarmState,
    /// Who or what sets it aside; None: nothing does.
    pub set_aside: Option<SetAside>,
    /// Event time of its raising.
    pub raised_at: UnixMs,
    /// Event time of its latest return; None: the condition holds.
    pub returned_at: Option<UnixMs>,
    /// When somebody answered, by the gateway's clock; None: nobody yet.
    pub acknowledged_at: Option<UnixMs>,
    /// Who answered.
    pub acknowledged_by: Option<UserName>,
    /// How often the condition came, the first time included.
    pub occurrence_count: u32,
    /// How long after its event the reading that raised it came, in milliseconds; 0: in time.
    pub late_ms: u64,
}

impl OpenAlarm {
    /// The alarm that a [`What::Raised`] transition begins.
    pub fn raised_by(transition: &Transition) -> Self {
        Self {
            id: transition.alarm,
            device: transition.device.clone(),
            rule: transition.rule.clone(),
            severity: transition.severity,
            is_latching: transition.is_latching,
            title: transition.title.clone(),
            cause: transition.cause.clone(),
            state: transition.state,
            set_aside: transition.set_aside.clone(),
            raised_at: transition.event_time,
            returned_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            occurrence_count: 1,
            late_ms: transition.late_ms,
        }
    }

    /// The alarm after a later transition of its own; None: that closed it.
    #[must_use]
    pub fn after(&self, transition: &Transition) -> Option<Self> {
        if !transition.state.is_open() {
            return None;
        }
        let mut after = self.clone();
        after.state = transition.state;
        after.severity = transition.severity;
        after.set_aside.clone_from(&transition.set_aside);
        match transition.what {
            What::Reoccurred => {
                after.returned_at = None;
                after.cause = transition.cause.clone();
                after.occurrence_count = after.occurrence_count.saturating_add(1);
            }
            What::SeverityChanged => after.cause = transition.cause.clone(),
            What::Acknowledged => {
                after.acknowledged_at = Some(transition.at);
                after.acknowledged_by.clone_from(&transition.by);
            }
            What::Returned => after.returned_at = Some(transition.event_time),
            What::Raised
            | What::Reset
            | What::Shelved
            | What::Unshelved
            | What::Suppressed
            | What::Unsuppressed
            | What::TakenOutOfService
            | What::ReturnedToService
            | What::Closed => {}
        }
        Some(after)
    }

    /// Whether its condition holds as far as is known.
    pub const fn is_active(&self) -> bool {
        self.returned_at.is_none()
    }

    /// Where it stands, together with its condition.
    pub const fn standing(&self) -> Standing {
        Standing { state: self.state, is_active: self.is_active() }
    }

    /// What it has from its rule.
    pub const fn nature(&self) -> Nature {
        Nature { severity: self.severity, is_latching: self.is_latching }
    }
}
