//! Devices and rules that are out of service (停用): under repair, being rebuilt, closed for the season. Their rules go
//! on being judged and recorded, and call nobody, until a person or the stated end brings them back.

use super::SetAside;
use crate::{
    id::{DeviceId, RuleId, UserName},
    time::UnixMs,
};

/// A device, or one rule on it, that is out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfService {
    /// Which device.
    pub device: DeviceId,
    /// Which of its rules; None: all of them.
    pub rule: Option<RuleId>,
    /// Who took it out.
    pub by: UserName,
    /// Why, in the person's words.
    pub why: String,
    /// Since when.
    pub since: UnixMs,
    /// When it is in service again by itself.
    pub until: UnixMs,
}

impl OutOfService {
    /// What this makes of an open alarm.
    pub fn set_aside(&self) -> SetAside {
        SetAside { by: Some(self.by.clone()), why: self.why.clone(), until: Some(self.until) }
    }
}

/// Something went out of service, or came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceChange {
    /// It went out.
    Begun(OutOfService),
    /// It is back.
    Ended {
        /// Which device.
        device: DeviceId,
        /// Which of its rules; None: all of them.
        rule: Option<RuleId>,
        /// When.
        at: UnixMs,
        /// Who brought it back; None: its time was up.
        by: Option<UserName>,
        /// What the person added; empty: nothing.
        note: String,
    },
}
