//! Devices that introduced themselves and stand in no registry.

use domain::{access::Permission, id::MetricName};
use protocol::rest;
use sqlx::AnyConnection;

use super::{
    Store,
    batch::DiscoveredBirth,
    error::StoreError,
    row::{Columns, json_of},
    scope::Scope,
};

impl Store {
    /// Devices that nobody registered, latest first. They lie in nobody's jurisdiction: only who manages the registry
    /// of the whole district is shown them.
    pub async fn discovered(&self, scope: &Scope) -> Result<Vec<rest::DiscoveredDevice>, StoreError> {
        if !scope.may(Permission::ManageRegistry) || !scope.covers(None) {
            return Err(StoreError::NotPermitted);
        }
        let rows = sqlx::query(
            "SELECT * FROM discovered_device WHERE NOT EXISTS (SELECT 1 FROM device \
             WHERE device.id = discovered_device.device_id AND device.removed_at_ms IS NULL) \
             ORDER BY last_seen_at_ms DESC, device_id LIMIT 1000",
        )
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read("listing discovered devices"))?;
        rows.iter()
            .map(|row| {
                Ok(rest::DiscoveredDevice {
                    id: row.id("device_id")?,
                    node: row.id("node_id")?,
                    first_seen_at_ms: row.get_as("first_seen_at_ms")?,
                    last_seen_at_ms: row.get_as("last_seen_at_ms")?,
                    metrics: row.json("metrics")?,
                })
            })
            .collect()
    }
}

/// Notes a birth: the first time stays, everything else is of the latest.
pub(super) async fn store_birth(connection: &mut AnyConnection, birth: &DiscoveredBirth) -> Result<(), StoreError> {
    let metrics: Vec<&str> = birth.metrics.iter().map(MetricName::as_str).collect();
    sqlx::query(
        "INSERT INTO discovered_device (device_id, node_id, first_seen_at_ms, last_seen_at_ms, metrics) \
         VALUES ($1, $2, $3, $3, $4) ON CONFLICT (device_id) DO UPDATE SET node_id = excluded.node_id, \
         last_seen_at_ms = excluded.last_seen_at_ms, metrics = excluded.metrics",
    )
    .bind(birth.device.as_str())
    .bind(birth.node.as_str())
    .bind(birth.at.0)
    .bind(json_of(&metrics))
    .execute(connection)
    .await
    .map_err(StoreError::failed("noting a discovered device"))?;
    Ok(())
}
