//! The life cycle of an alarm: one occurrence of a rule on a device, after ISA-18.2 / IEC 62682.

use serde::{Deserialize, Serialize};

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
