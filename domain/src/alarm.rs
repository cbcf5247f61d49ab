//! The life cycle of an alarm: one occurrence of a rule on a device, after ISA-18.2 / IEC 62682.
//!
//! ```text
//!            raised
//!              │
//!   ActiveUnacknowledged ──acknowledge──▶ ActiveAcknowledged
//!        │         ▲                            │
//!      return    recur                        return
//!        ▼         │                            ▼
//!   ReturnedUnacknowledged ──acknowledge──▶  Closed
//! ```
//! An alarm closes when its condition has gone **and** somebody has answered, in either order. Latching, shelving and
//! suppression are further states of the same standard and are not in this machine yet.

use serde::{Deserialize, Serialize};

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
    /// Over. Never changes again.
    Closed,
}

/// What can happen to an alarm that was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmInput {
    /// The condition has gone for the rule's off-delay.
    Return,
    /// The condition holds again for the rule's on-delay.
    Recur,
    /// A person answers.
    Acknowledge,
    /// The device left the registry, or the rule left its profile: nobody can answer or clear it any more.
    Withdraw,
}

/// What happened to an alarm. [`Transition::state`] says where it stands afterwards; a transition to
/// [`AlarmState::Closed`] is the alarm's last, whatever brought it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A new alarm.
    Raised,
    /// The condition came back before anybody answered.
    Reoccurred,
    /// Somebody answered; closes the alarm when the condition had gone before.
    Acknowledged,
    /// The condition has gone; closes the alarm when somebody had answered before.
    Returned,
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
}

impl AlarmState {
    /// The state after `input`, and what to call that.
    ///
    /// # Errors
    /// [`AlarmRefusal`] when the input changes nothing; the alarm then stays as it is.
    pub const fn after(self, input: AlarmInput) -> Result<(AlarmState, What), AlarmRefusal> {
        use AlarmInput::{Acknowledge, Recur, Return, Withdraw};
        use AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, Closed, ReturnedUnacknowledged};
        match (self, input) {
            (Closed, _) => Err(AlarmRefusal::Closed),
            (ActiveUnacknowledged, Return) => Ok((ReturnedUnacknowledged, What::Returned)),
            (ActiveAcknowledged, Return) => Ok((Closed, What::Returned)),
            (ReturnedUnacknowledged, Return) => Err(AlarmRefusal::AlreadyReturned),
            (ReturnedUnacknowledged, Recur) => Ok((ActiveUnacknowledged, What::Reoccurred)),
            (ActiveUnacknowledged | ActiveAcknowledged, Recur) => Err(AlarmRefusal::AlreadyActive),
            (ActiveUnacknowledged, Acknowledge) => Ok((ActiveAcknowledged, What::Acknowledged)),
            (ReturnedUnacknowledged, Acknowledge) => Ok((Closed, What::Acknowledged)),
            (ActiveAcknowledged, Acknowledge) => Err(AlarmRefusal::AlreadyAcknowledged),
            (ActiveUnacknowledged | ActiveAcknowledged | ReturnedUnacknowledged, Withdraw) => {
                Ok((Closed, What::Closed))
            }
        }
    }

    /// Whether the condition holds as far as is known.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::ActiveUnacknowledged | Self::ActiveAcknowledged)
    }

    /// Whether it belongs in the list of open alarms.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Closed)
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
    /// The rule's severity when the alarm was raised.
    pub severity: Severity,
    /// The rule's title when the alarm was raised.
    pub title: Text,
    /// Raised and reoccurred: the cause in words and numbers, such as `9.1 °C > 8 °C`. Returned: what is the case
    /// now. Acknowledged and closed: the cause of the raising again.
    pub cause: Text,
    /// What happened.
    pub what: What,
    /// Where the alarm stands afterwards.
    pub state: AlarmState,
    /// When, by the gateway's wall clock.
    pub at: UnixMs,
    /// Event time of the reading that brought this about (receive time when its clock is suspect); `at` when a timer,
    /// a link change or a person did.
    pub event_time: UnixMs,
    /// Who; None: a rule or a timer did.
    pub by: Option<UserName>,
    /// What the person wrote; empty: nothing.
    pub note: String,
    /// The reading that the cause speaks of; None: the device's link or a missing reading brought it about, or a person.
    pub reading: Option<(MetricName, Reading)>,
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
    /// The rule's severity when the alarm was raised.
    pub severity: Severity,
    /// The rule's title when the alarm was raised.
    pub title: Text,
    /// The cause in words and numbers, of the latest occurrence.
    pub cause: Text,
    /// Where it stands; never [`AlarmState::Closed`].
    pub state: AlarmState,
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
}

impl OpenAlarm {
    /// The alarm that a [`What::Raised`] transition begins.
    pub fn raised_by(transition: &Transition) -> Self {
        Self {
            id: transition.alarm,
            device: transition.device.clone(),
            rule: transition.rule.clone(),
            severity: transition.severity,
            title: transition.title.clone(),
            cause: transition.cause.clone(),
            state: transition.state,
            raised_at: transition.event_time,
            returned_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            occurrence_count: 1,
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
        match transition.what {
            What::Raised | What::Closed => {}
            What::Reoccurred => {
                after.returned_at = None;
                after.cause = transition.cause.clone();
                after.occurrence_count = after.occurrence_count.saturating_add(1);
            }
            What::Acknowledged => {
                after.acknowledged_at = Some(transition.at);
                after.acknowledged_by.clone_from(&transition.by);
            }
            What::Returned => after.returned_at = Some(transition.event_time),
        }
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input() -> impl Strategy<Value = AlarmInput> {
        prop_oneof![
            Just(AlarmInput::Return),
            Just(AlarmInput::Recur),
            Just(AlarmInput::Acknowledge),
            Just(AlarmInput::Withdraw),
        ]
    }

    /// Plays the inputs from the raising on; a refused input leaves the state as it is.
    fn play(inputs: &[AlarmInput]) -> Vec<(AlarmInput, AlarmState, Option<What>)> {
        let mut state = AlarmState::ActiveUnacknowledged;
        inputs
            .iter()
            .map(|&input| match state.after(input) {
                Ok((next, what)) => {
                    state = next;
                    (input, state, Some(what))
                }
                Err(_) => (input, state, None),
            })
            .collect()
    }

    #[test]
    fn it_closes_when_returned_and_acknowledged_in_either_order() {
        use AlarmInput::{Acknowledge, Return};
        assert_eq!(play(&[Acknowledge, Return]).last().unwrap().1, AlarmState::Closed);
        assert_eq!(play(&[Return, Acknowledge]).last().unwrap().1, AlarmState::Closed);
        assert_eq!(play(&[Return]).last().unwrap().1, AlarmState::ReturnedUnacknowledged);
        assert_eq!(play(&[Acknowledge]).last().unwrap().1, AlarmState::ActiveAcknowledged);
    }

    #[test]
    fn a_condition_that_comes_back_before_the_answer_belongs_to_the_same_alarm() {
        use AlarmInput::{Acknowledge, Recur, Return};
        let steps = play(&[Return, Recur, Acknowledge, Return]);
        assert_eq!(
            steps.iter().map(|step| step.2.unwrap()).collect::<Vec<_>>(),
            [What::Returned, What::Reoccurred, What::Acknowledged, What::Returned]
        );
        assert_eq!(steps[3].1, AlarmState::Closed);
    }

    proptest! {
        #[test]
        fn a_closed_alarm_never_changes(inputs in prop::collection::vec(input(), 0..20)) {
            let steps = play(&inputs);
            if let Some(closed) = steps.iter().position(|step| step.1 == AlarmState::Closed) {
                for (_, state, what) in &steps[closed + 1..] {
                    prop_assert_eq!(*state, AlarmState::Closed);
                    prop_assert_eq!(*what, None);
                }
            }
        }

        #[test]
        fn it_closes_only_when_answered_and_gone_or_withdrawn(inputs in prop::collection::vec(input(), 0..20)) {
            let (mut is_answered, mut is_gone) = (false, false);
            for (input, state, what) in play(&inputs) {
                if what.is_none() {
                    continue;
                }
                match input {
                    AlarmInput::Return => is_gone = true,
                    AlarmInput::Recur => is_gone = false,
                    AlarmInput::Acknowledge => is_answered = true,
                    AlarmInput::Withdraw => prop_assert_eq!(state, AlarmState::Closed),
                }
                if input != AlarmInput::Withdraw {
                    prop_assert_eq!(state == AlarmState::Closed, is_answered && is_gone);
                    prop_assert_eq!(state.is_active(), !is_gone);
                }
            }
        }

        #[test]
        fn a_repeated_input_is_refused(inputs in prop::collection::vec(input(), 0..20), again in input()) {
            let state = play(&inputs).last().map_or(AlarmState::ActiveUnacknowledged, |step| step.1);
            if let Ok((next, _)) = state.after(again) {
                prop_assert!(next.after(again).is_err());
            }
        }
    }
}
