//! Amended rules: written with their words as a new version and an entry in the audit log, in one transaction.

use std::collections::BTreeMap;

use domain::{
    access::{Jurisdiction, Permission},
    id::{DeviceId, ProfileId, RuleId},
    registry::Reach,
    time::UnixMs,
};
use serde::Serialize;
use sqlx::AnyConnection;

use super::{Store, audit, error::StoreError, row::Columns, row::json_of, scope::Scope, writer::Priority};

const OPERATION: &str = "amending a rule";

/// Which rule is amended, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendmentKey {
    /// Of devices of this kind.
    pub profile: ProfileId,
    /// Which rule.
    pub rule: RuleId,
    /// Where.
    pub reach: Reach,
}

/// An amendment as it is stored: its rule is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendmentRow {
    /// Which rule, and where.
    pub key: AmendmentKey,
    /// Its number among the rule's wordings.
    pub version: u32,
    /// In TOML.
    pub definition: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: UnixMs,
    /// Why.
    pub why: String,
}

/// What the audit log says of it.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    reach: &'a Reach,
    was: &'a str,
    #[serde(rename = "is")]
    present: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    why: &'a str,
}

impl Store {
    /// All amendments. For the gateway, not for people: it is not scoped.
    pub async fn load_amendments(&self) -> Result<Vec<AmendmentRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT amendment.*, rule_version.definition FROM amendment JOIN rule_version \
             ON rule_version.profile_id = amendment.profile_id AND rule_version.rule_id = amendment.rule_id \
             AND rule_version.version = amendment.version",
        )
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read("reading the amended rules"))?;
        rows.iter()
            .map(|row| {
                let reach: String = row.get_as("reach")?;
                let reach = match reach.as_str() {
                    "device" => Reach::Device(row.id("place_id")?),
                    "site" => Reach::Site(row.id("place_id")?),
                    "everywhere" => Reach::Everywhere,
                    _ => return Err(StoreError::damaged("reach")(reach)),
                };
                Ok(AmendmentRow {
                    key: AmendmentKey { profile: row.id("profile_id")?, rule: row.id("rule_id")?, reach },
                    version: row.number("version")?,
                    definition: row.get_as("definition")?,
                    by: row.get_as("by_username")?,
                    at: row.time("at_ms")?,
                    why: row.get_as("why")?,
                })
            })
            .collect()
    }

    /// Words a rule anew; answers which version that is. `was` is what it stands in place of, for the audit log. The caller
    /// has made sure that the place lies in the scope.
    ///
    /// # Errors
    /// [`StoreError::NotPermitted`]: the role does not allow it, or it reaches beyond the jurisdiction.
    pub async fn amend_rule(
        &self,
        scope: &Scope,
        key: AmendmentKey,
        definition: String,
        was: String,
        why: String,
        at: UnixMs,
    ) -> Result<AmendmentRow, StoreError> {
        may_amend(scope, &key.reach)?;
        let row = AmendmentRow { key, version: 0, definition, by: scope.username().to_string(), at, why };
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| Box::pin(async move { amend(connection, row, &was).await }),
                |_| {},
            )
            .await
    }

    /// Takes an amendment back: what stands further around, in the end the profile's own words, counts again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]: there is none. [`StoreError::NotPermitted`] as in [`Store::amend_rule`].
    pub async fn take_back_amendment(
        &self,
        scope: &Scope,
        key: AmendmentKey,
        was: String,
        present: String,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        may_amend(scope, &key.reach)?;
        let by = scope.username().to_string();
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| Box::pin(async move { take_back(connection, &key, &by, &was, &present, at).await }),
                |()| {},
            )
            .await
    }

    /// The words of a version of a rule, in TOML; None: there is no such version.
    pub async fn rule_wording(
        &self,
        profile: &ProfileId,
        rule: &RuleId,
        version: u32,
    ) -> Result<Option<String>, StoreError> {
        let row =
            sqlx::query("SELECT definition FROM rule_version WHERE profile_id = $1 AND rule_id = $2 AND version = $3")
                .bind(profile.as_str())
                .bind(rule.as_str())
                .bind(i64::from(version))
                .fetch_optional(self.readers())
                .await
                .map_err(StoreError::read("reading a rule's wording"))?;
        row.map(|row| row.get_as("definition")).transpose()
    }

    /// The nameplate that a device had at a moment; None: it was not registered yet.
    pub async fn nameplate_at(
        &self,
        device: &DeviceId,
        at: UnixMs,
    ) -> Result<Option<BTreeMap<String, f64>>, StoreError> {
        let row = sqlx::query(
            "SELECT nameplate FROM nameplate_version WHERE device_id = $1 AND since_ms <= $2 \
             ORDER BY since_ms DESC LIMIT 1",
        )
        .bind(device.as_str())
        .bind(at.0)
        .fetch_optional(self.readers())
        .await
        .map_err(StoreError::read("reading a nameplate of then"))?;
        row.map(|row| row.json("nameplate")).transpose()
    }
}

/// What counts everywhere is decided by those who see the whole district.
fn may_amend(scope: &Scope, reach: &Reach) -> Result<(), StoreError> {
    let sees_all = matches!(scope.jurisdiction(), Jurisdiction::District);
    if scope.may(Permission::AmendRule) && (sees_all || *reach != Reach::Everywhere) {
        return Ok(());
    }
    Err(StoreError::NotPermitted)
}

async fn amend(connection: &mut AnyConnection, row: AmendmentRow, was: &str) -> Result<AmendmentRow, StoreError> {
    let AmendmentKey { profile, rule, reach } = &row.key;
    let newest = sqlx::query(
        "SELECT COALESCE(MAX(version), 0) AS version FROM rule_version WHERE profile_id = $1 AND rule_id = $2",
    )
    .bind(profile.as_str())
    .bind(rule.as_str())
    .fetch_one(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let version = newest.number::<u32>("version")? + 1;
    sqlx::query(
        "INSERT INTO rule_version (profile_id, rule_id, version, since_ms, by_username, definition) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(profile.as_str())
    .bind(rule.as_str())
    .bind(i64::from(version))
    .bind(row.at.0)
    .bind(row.by.as_str())
    .bind(row.definition.as_str())
    .execute(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let (word, place) = stored(reach);
    sqlx::query(
        "INSERT INTO amendment (profile_id, rule_id, reach, place_id, version, by_username, at_ms, why) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (profile_id, rule_id, reach, place_id) DO UPDATE SET \
         version = excluded.version, by_username = excluded.by_username, at_ms = excluded.at_ms, why = excluded.why",
    )
    .bind(profile.as_str())
    .bind(rule.as_str())
    .bind(word)
    .bind(place)
    .bind(i64::from(version))
    .bind(row.by.as_str())
    .bind(row.at.0)
    .bind(row.why.as_str())
    .execute(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let detail = json_of(&Detail { reach, was, present: &row.definition, why: &row.why });
    audit::note(connection, &row.by, "rule.amend", &format!("{profile}/{rule}"), detail, row.at).await?;
    Ok(AmendmentRow { version, ..row })
}

async fn take_back(
    connection: &mut AnyConnection,
    key: &AmendmentKey,
    by: &str,
    was: &str,
    present: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    let AmendmentKey { profile, rule, reach } = key;
    let (word, place) = stored(reach);
    let removed =
        sqlx::query("DELETE FROM amendment WHERE profile_id = $1 AND rule_id = $2 AND reach = $3 AND place_id = $4")
            .bind(profile.as_str())
            .bind(rule.as_str())
            .bind(word)
            .bind(place)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
    if removed.rows_affected() == 0 {
        return Err(StoreError::NotFound("amendment"));
    }
    let detail = json_of(&Detail { reach, was, present, why: "" });
    audit::note(connection, by, "rule.restore", &format!("{profile}/{rule}"), detail, at).await
}

fn stored(reach: &Reach) -> (&'static str, &str) {
    match reach {
        Reach::Device(id) => ("device", id.as_str()),
        Reach::Site(id) => ("site", id.as_str()),
        Reach::Everywhere => ("everywhere", ""),
    }
}
