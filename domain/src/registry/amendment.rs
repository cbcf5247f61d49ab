//! 修订: rules that somebody worded anew for one device, one site or a whole kind of device, in place of what stands in the
//! profile. The nearest counts: the device's before the site's before the kind's.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Device, Registry};
use crate::{
    id::{DeviceId, ProfileId, RuleId, SiteId},
    profile::{Profile, Rule},
    time::UnixMs,
};

/// Where an amendment counts, always for devices of one profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "reach", content = "id", rename_all = "snake_case")]
pub enum Reach {
    /// On this device.
    Device(DeviceId),
    /// On the devices of this site.
    Site(SiteId),
    /// On every device.
    Everywhere,
}

/// A rule in a wording of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    /// Of devices of this kind.
    pub profile: ProfileId,
    /// Where it counts.
    pub reach: Reach,
    /// The rule as it is judged there; its version is counted with those of the profile's own wordings.
    pub rule: Arc<Rule>,
    /// Who worded it so.
    pub by: String,
    /// When.
    pub at: UnixMs,
    /// Why, in the person's words.
    pub why: String,
}

/// All amendments.
#[derive(Debug, Clone, Default)]
pub struct Amendments {
    rows: HashMap<(ProfileId, RuleId), Vec<Amendment>>,
}

impl Amendments {
    /// From amendments in any order; of two for the same the later one counts.
    pub fn new(amendments: impl IntoIterator<Item = Amendment>) -> Self {
        let mut all = Self::default();
        for amendment in amendments {
            let rows = all.rows.entry((amendment.profile.clone(), amendment.rule.id.clone())).or_default();
            rows.retain(|other| other.reach != amendment.reach);
            rows.push(amendment);
            // Device before site before everywhere, as the words of `Reach` stand.
            rows.sort_by(|a, b| a.reach.cmp(&b.reach));
        }
        all
    }

    /// Every amendment, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Amendment> {
        self.rows.values().flatten()
    }

    /// Those of a rule that count on a device, the nearest first.
    fn on<'a>(&'a self, device: &Device, rule: &RuleId) -> impl Iterator<Item = &'a Amendment> {
        let rows = if self.rows.is_empty() { None } else { self.rows.get(&(device.profile.clone(), rule.clone())) };
        rows.into_iter().flatten().filter(|amendment| match &amendment.reach {
            Reach::Device(id) => *id == device.id,
            Reach::Site(id) => *id == device.site,
            Reach::Everywhere => true,
        })
    }
}

impl Registry {
    /// The same registry with other amendments.
    #[must_use]
    pub fn with_amendments(mut self, amendments: Arc<Amendments>) -> Self {
        self.amendments = amendments;
        self
    }

    /// All amendments.
    pub fn amendments(&self) -> &Arc<Amendments> {
        &self.amendments
    }

    /// Those of a rule that count on a device, the nearest, which is judged, first.
    pub fn amendments_on<'a>(&'a self, device: &Device, rule: &RuleId) -> impl Iterator<Item = &'a Amendment> {
        self.amendments.on(device, rule)
    }

    /// The rules of its profile as they are judged on a device.
    pub fn rules_on<'a>(&'a self, profile: &'a Profile, device: &'a Device) -> impl Iterator<Item = &'a Rule> {
        profile.rules.iter().map(|rule| self.worded(rule, device))
    }

    /// A rule of its profile as it is judged on a device; None: the profile has no such rule.
    pub fn rule_on<'a>(&'a self, profile: &'a Profile, device: &Device, id: &RuleId) -> Option<&'a Rule> {
        Some(self.worded(profile.rule(id)?, device))
    }

    fn worded<'a>(&'a self, rule: &'a Rule, device: &Device) -> &'a Rule {
        self.amendments_on(device, &rule.id).next().map_or(rule, |amended| &*amended.rule)
    }
}
