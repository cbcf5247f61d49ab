//! Where a device's registration and its profile do not meet: said when it is registered, never found out by an alarm
//! that does not come.

use super::{Condition, Profile, Profiles, Rule, due::end_of_day};
use crate::{
    id::{DeviceId, ProfileId, RuleId},
    registry::{Device, Registry},
    text::Text,
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
    /// A rule needs a day, and the number of the nameplate names none.
    #[error("device `{device}`: nameplate `{key}` names no day, such as 20270630, so rule {rule} is not judged")]
    NoDay {
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

impl Gap {
    /// What keeps which rule from being judged, without the device.
    pub fn words(&self) -> Text {
        match self {
            Self::UnknownProfile { profile, .. } => Text::new(
                format!("没有 `{profile}` 这个类型，没有规则判断它"),
                format!("there is no kind `{profile}`: no rule watches it"),
            ),
            Self::MissingNameplate { key, rule, .. } => Text::new(
                format!("{rule} 不判断或判断不全：铭牌缺少 `{key}`"),
                format!("{rule} is not judged, or not in full: it needs `{key}` of the nameplate"),
            ),
            Self::NoDay { key, rule, .. } => Text::new(
                format!("{rule} 不判断：铭牌 `{key}` 不是 20270630 这样的日期"),
                format!("{rule} is not judged: `{key}` of the nameplate is no day such as 20270630"),
            ),
            Self::UnknownNameplate { key, known, .. } => Text::new(
                format!("没有规则用到铭牌 `{key}`；用到的有 {known}"),
                format!("no rule looks at `{key}` of the nameplate; they look at {known}"),
            ),
        }
    }

    /// The rule that is not judged; None: it is about all of them, or about none.
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::MissingNameplate { rule, .. } | Self::NoDay { rule, .. } => Some(rule),
            Self::UnknownProfile { .. } | Self::UnknownNameplate { .. } => None,
        }
    }

    /// The key of the nameplate that it is about; None: about none.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::MissingNameplate { key, .. } | Self::NoDay { key, .. } | Self::UnknownNameplate { key, .. } => {
                Some(key)
            }
            Self::UnknownProfile { .. } => None,
        }
    }
}

impl Profiles {
    /// What is to be said about a device's registration, each once; empty: nothing. `registry` says which rules were
    /// amended for it.
    pub fn gaps(&self, device: &Device, registry: &Registry) -> Vec<Gap> {
        let id = || device.id.clone();
        let Some(profile) = self.get(&device.profile) else {
            let known = listed(self.iter().map(|profile| profile.id.as_str()));
            return vec![Gap::UnknownProfile { device: id(), profile: device.profile.clone(), known }];
        };
        let rules: Vec<&Rule> = registry.rules_on(profile, device).collect();
        let mut gaps = Vec::new();
        for rule in &rules {
            let missing =
                |key: &str| Gap::MissingNameplate { device: id(), key: key.to_owned(), rule: rule.id.clone() };
            gaps.extend(rule.missing_keys(&device.nameplate).map(missing));
            if let Condition::Due { date, .. } = &rule.condition
                && let (Some(number), Some(key)) = (date.resolve(&device.nameplate), &date.nameplate)
                && end_of_day(number).is_none()
            {
                gaps.push(Gap::NoDay { device: id(), key: key.clone(), rule: rule.id.clone() });
            }
        }
        gaps.dedup();
        let known = Profile::keys_of(rules);
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
