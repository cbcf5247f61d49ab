//! What is out of service: written with the batch that decided it, kept after it ended.

use domain::{
    alarm::{OutOfService, ServiceChange},
    id::DeviceId,
};
use protocol::rest;
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    Store,
    error::StoreError,
    row::Columns,
    scope::Scope,
    select::{Bound, Select},
};

const OPERATION: &str = "storing what is out of service";

impl Store {
    /// What of a device is out of service at present; empty as well when the device is not in the scope.
    pub async fn out_of_service(
        &self,
        scope: &Scope,
        device: &DeviceId,
    ) -> Result<Vec<rest::OutOfService>, StoreError> {
        let mut select = Select::new(
            "SELECT out_of_service.* FROM out_of_service JOIN device ON device.id = out_of_service.device_id \
             JOIN site ON site.id = device.site_id",
        );
        select.within(scope).and("out_of_service.ended_at_ms IS NULL");
        select.and_equals("out_of_service.device_id", Bound::Text(device.to_string()));
        select.finish("ORDER BY out_of_service.rule_id LIMIT", Bound::Number(i64::MAX));
        let rows = select.fetch_all(self.readers(), "reading what is out of service").await?;
        rows.iter().map(|row| entry_of(row).map(Into::into)).collect()
    }
}

/// Everything that is out of service, for the engine at start.
pub(super) async fn load_out_of_service(store: &Store) -> Result<Vec<OutOfService>, StoreError> {
    let rows = sqlx::query("SELECT * FROM out_of_service WHERE ended_at_ms IS NULL ORDER BY id")
        .fetch_all(store.readers())
        .await
        .map_err(StoreError::read("reading what is out of service"))?;
    rows.iter().map(entry_of).collect()
}

/// Writes that something went out of service or came back.
pub(super) async fn store_change(connection: &mut AnyConnection, change: &ServiceChange) -> Result<(), StoreError> {
    let rule_of = |rule: &Option<domain::id::RuleId>| rule.as_ref().map_or(String::new(), ToString::to_string);
    match change {
        ServiceChange::Begun(entry) => sqlx::query(
            "INSERT INTO out_of_service (device_id, rule_id, by_username, why, since_ms, until_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(entry.device.as_str())
        .bind(rule_of(&entry.rule))
        .bind(entry.by.as_str())
        .bind(entry.why.as_str())
        .bind(entry.since.0)
        .bind(entry.until.0)
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION)),
        ServiceChange::Ended { device, rule, at, by, note } => sqlx::query(
            "UPDATE out_of_service SET ended_at_ms = $3, ended_by = $4, end_note = $5 \
             WHERE device_id = $1 AND rule_id = $2 AND ended_at_ms IS NULL",
        )
        .bind(device.as_str())
        .bind(rule_of(rule))
        .bind(at.0)
        .bind(by.as_ref().map(|by| by.as_str().to_owned()))
        .bind(note.as_str())
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION)),
    }
}

fn entry_of(row: &AnyRow) -> Result<OutOfService, StoreError> {
    let rule: String = row.get_as("rule_id")?;
    Ok(OutOfService {
        device: row.id("device_id")?,
        rule: if rule.is_empty() { None } else { Some(row.id("rule_id")?) },
        by: row.id("by_username")?,
        why: row.get_as("why")?,
        since: row.time("since_ms")?,
        until: row.time("until_ms")?,
    })
}
