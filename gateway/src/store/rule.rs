//! Every wording of every rule that ever judged.

use std::collections::HashMap;

use domain::{
    id::{ProfileId, RuleId},
    profile::Profiles,
    time::UnixMs,
};
use sqlx::AnyConnection;

use super::{Store, error::StoreError, row::Columns, writer::Priority};

const OPERATION: &str = "counting the wordings of rules";

/// The newest wording of a rule that came with a profile's file: its number and its text; and the highest number of all.
type Newest = HashMap<(ProfileId, RuleId), (u32, String, u32)>;

impl Store {
    /// Numbers the rules' wordings: one that differs from the newest that came with a file is a new version of its rule, from
    /// now on. What people word anew ([`Store::amend_rule`]) is counted with them.
    pub async fn number_rules(&self, profiles: &mut Profiles, now: UnixMs) -> Result<(), StoreError> {
        let mut newest = self.newest_wordings().await?;
        let mut added = Vec::new();
        for profile in profiles.iter() {
            for rule in &profile.rules {
                let key = (profile.id.clone(), rule.id.clone());
                let last = newest.get(&key);
                if last.is_some_and(|(_, definition, _)| *definition == rule.definition) {
                    continue;
                }
                let version = last.map_or(1, |(_, _, highest)| highest + 1);
                added.push((key.clone(), version, rule.definition.clone()));
                newest.insert(key, (version, rule.definition.clone(), version));
            }
        }
        if !added.is_empty() {
            self.writer()
                .write(
                    Priority::Ordinary,
                    OPERATION,
                    move |connection| {
                        Box::pin(async move {
                            for ((profile, rule), version, definition) in added {
                                insert(connection, &profile, &rule, version, &definition, now).await?;
                            }
                            Ok(())
                        })
                    },
                    |()| {},
                )
                .await?;
        }
        profiles.number_versions(|profile, rule| Some(newest.get(&(profile.clone(), rule.id.clone()))?.0));
        Ok(())
    }

    async fn newest_wordings(&self) -> Result<Newest, StoreError> {
        let rows = sqlx::query(
            "SELECT profile_id, rule_id, version, by_username, definition FROM rule_version ORDER BY version",
        )
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let mut newest = Newest::new();
        for row in &rows {
            let key = (row.id("profile_id")?, row.id("rule_id")?);
            let version: u32 = row.number("version")?;
            let known = newest.entry(key).or_default();
            known.2 = version;
            if row.get_as::<Option<String>>("by_username")?.is_none() {
                (known.0, known.1) = (version, row.get_as("definition")?);
            }
        }
        Ok(newest)
    }
}

async fn insert(
    connection: &mut AnyConnection,
    profile: &ProfileId,
    rule: &RuleId,
    version: u32,
    definition: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO rule_version (profile_id, rule_id, version, since_ms, definition) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(profile.as_str())
    .bind(rule.as_str())
    .bind(i64::from(version))
    .bind(now.0)
    .bind(definition)
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}
