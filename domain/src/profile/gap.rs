//! Where a device's registration and its profile do not meet: said when it is registered, never found out by an alarm
//! that does not come.

use super::{Profiles, Setting};
use crate::{
    id::{DeviceId, ProfileId, RuleId},
    registry::Device,
};

/// Something about a registered device that keeps rules from being judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// There is no such profile, so no rule watches the device.
    #[error("device `{device}`: profile `{profile}` does not exist; there are {known}")]
    UnknownProfile {
        /// The device.
        device: DeviceId,
        /// The profile it names.
        profile: ProfileId,
        /// The profiles there are.
        known: String,
    },
    /// A rule needs a number of the nameplate that is not there.
    #[error("device `{device}`: without nameplate `{key}` rule {rule} is not judged, or not in full")]
    MissingNameplate {
        /// The device.
        device: DeviceId,
        /// The key.
        key: String,
        /// The rule.
        rule: RuleId,
    },
    /// No rule of the profile looks at this key: perhaps it is misspelt.
    #[error("device `{device}`: no rule looks at nameplate `{key}`; they look at {known}")]
    UnknownNameplate {
        /// The device.
        device: DeviceId,
        /// The key.
        key: String,
        /// The keys that rules of the profile look at.
        known: String,
    },
}

impl Profiles {
    /// What is to be said about a device's registration; empty: nothing.
    pub fn gaps(&self, device: &Device) -> Vec<Gap> {
        let id = || device.id.clone();
        let Some(profile) = self.get(&device.profile) else {
            let known = listed(self.iter().map(|profile| profile.id.as_str()));
            return vec![Gap::UnknownProfile { device: id(), profile: device.profile.clone(), known }];
        };
        let mut gaps = Vec::new();
        for rule in &profile.rules {
            for Setting { default, nameplate, .. } in rule.settings() {
                if let (None, Some(key)) = (default, nameplate)
                    && !device.nameplate.contains_key(key)
                {
                    let rule = rule.id.clone();
                    gaps.push(Gap::MissingNameplate { device: id(), key: key.clone(), rule });
                }
            }
        }
        let known = profile.nameplate_keys();
        for key in device.nameplate.keys().filter(|key| !known.contains(key.as_str())) {
            let known = listed(known.iter().copied());
            gaps.push(Gap::UnknownNameplate { device: id(), key: key.clone(), known });
        }
        gaps
    }
}

/// Names in a sentence.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let listed = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if listed.is_empty() { "none".to_owned() } else { listed }
}
