//! Wording rules anew while the gateway runs: checked as a profile's file is, stored, and made known like any change of
//! the registry, so that the running rules follow at once.

use std::sync::Arc;

use domain::{
    id::RuleId,
    profile::{Profile, Profiles, Rule},
    registry::{Amendment, Amendments, Device, Reach},
};

use super::{Registrar, RegistrarError};
use crate::store::{AmendmentKey, AmendmentRow, Scope, StoreError};

/// Why a rule was not amended.
#[derive(Debug, thiserror::Error)]
pub enum AmendError {
    /// The profile has no such rule.
    #[error("the device has no such rule")]
    NoSuchRule,
    /// The words are no rule of this kind of device.
    #[error("{0}")]
    WrongRule(String),
    /// The registry or the store refused.
    #[error(transparent)]
    Registrar(#[from] RegistrarError),
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registrar {
    /// Has a rule of a device's kind judged in these words, as far as `reach` goes. The caller has made sure that the place
    /// lies in the scope.
    pub async fn amend(
        &self,
        scope: &Scope,
        device: &Device,
        rule: &RuleId,
        reach: Reach,
        definition: String,
        why: String,
    ) -> Result<(), AmendError> {
        let inner = &self.inner;
        let _turn = inner.changing.lock().await;
        let registry = self.current();
        let profile = inner.profiles.get(&device.profile).ok_or(AmendError::NoSuchRule)?;
        let was = registry.rule_on(profile, device, rule).ok_or(AmendError::NoSuchRule)?;
        let definition = definition.trim().to_owned();
        let worded = profile.parse_rule(&definition).map_err(|wrong| AmendError::WrongRule(wrong.to_string()))?;
        if worded.id != *rule {
            return Err(AmendError::WrongRule(format!("`id` is `{rule}` and stays so, not `{}`", worded.id)));
        }
        if definition == was.definition.trim() {
            return Err(AmendError::WrongRule("it says what the rule says already".to_owned()));
        }
        let key = AmendmentKey { profile: profile.id.clone(), rule: rule.clone(), reach };
        let at = inner.clock.now().wall;
        let row = inner.store.amend_rule(scope, key, definition, was.definition.clone(), why, at).await?;
        let added = amendment(worded, row);
        let all = registry.amendments().iter().cloned().chain([added]);
        let changed = domain::registry::Registry::clone(&registry).with_amendments(Arc::new(Amendments::new(all)));
        self.make_known(changed);
        Ok(())
    }

    /// Takes an amendment back.
    pub async fn take_back(
        &self,
        scope: &Scope,
        device: &Device,
        rule: &RuleId,
        reach: Reach,
    ) -> Result<(), AmendError> {
        let inner = &self.inner;
        let _turn = inner.changing.lock().await;
        let registry = self.current();
        let profile = inner.profiles.get(&device.profile).ok_or(AmendError::NoSuchRule)?;
        let gone = registry.amendments_on(device, rule).find(|one| one.reach == reach);
        let was = gone.map(|one| one.rule.definition.clone()).ok_or(StoreError::NotFound("amendment"))?;
        let key = AmendmentKey { profile: profile.id.clone(), rule: rule.clone(), reach: reach.clone() };
        let is_gone = |one: &&Amendment| one.profile == profile.id && one.rule.id == *rule && one.reach == reach;
        let left = registry.amendments().iter().filter(|one| !is_gone(one)).cloned();
        let amendments = Arc::new(Amendments::new(left));
        let changed = domain::registry::Registry::clone(&registry).with_amendments(amendments);
        let present = changed.rule_on(profile, device, rule).map(|rule| rule.definition.clone()).unwrap_or_default();
        inner.store.take_back_amendment(scope, key, was, present, inner.clock.now().wall).await?;
        self.make_known(changed);
        Ok(())
    }
}

/// The stored amendments as rules. One that no longer fits its profile is passed over, loudly: the profile's own words count.
pub fn amendments(profiles: &Profiles, rows: Vec<AmendmentRow>) -> Arc<Amendments> {
    let read = |row: AmendmentRow| {
        let AmendmentKey { profile, rule, .. } = &row.key;
        let parsed = profiles.get(profile).filter(|kind| kind.rule(rule).is_some());
        match parsed.map(|kind: &Profile| kind.parse_rule(&row.definition)) {
            Some(Ok(worded)) => Some(amendment(worded, row)),
            Some(Err(error)) => {
                tracing::error!(profile.id = %profile, rule.id = %rule, %error, "an amended rule no longer fits; the profile's counts");
                None
            }
            None => {
                tracing::warn!(profile.id = %profile, rule.id = %rule, "an amended rule has left its profile");
                None
            }
        }
    };
    Arc::new(Amendments::new(rows.into_iter().filter_map(read)))
}

fn amendment(mut rule: Rule, row: AmendmentRow) -> Amendment {
    rule.version = Some(row.version);
    Amendment {
        profile: row.key.profile,
        reach: row.key.reach,
        rule: Arc::new(rule),
        by: row.by,
        at: row.at,
        why: row.why,
    }
}
