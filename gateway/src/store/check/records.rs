//! Everything that is not a reading: the file itself, edge nodes' outboxes, alarms, the audit log.

use protocol::sparkplug::outbox::Numbers;
use sqlx::AnyPool;
use uuid::Uuid;

use super::CheckReport;
use crate::store::{audit, codec::bytes::unseal, error::StoreError, outbox, row::Columns};

/// The migrations that brought the tables.
const SCHEMA_OF_OUTBOXES: i64 = 2;
const SCHEMA_OF_CHECKPOINT: i64 = 9;

/// Alarms fetched at once.
const ALARMS_PER_PAGE: i64 = 1000;

/// Has SQLite look through its own pages, and through its references.
pub(super) async fn check_pages(readers: &AnyPool, report: &mut CheckReport) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT integrity_check AS finding FROM pragma_integrity_check")
        .fetch_all(readers)
        .await
        .map_err(StoreError::read("checking the database's pages"))?;
    for row in &rows {
        let finding: String = row.get_as("finding")?;
        if finding != "ok" {
            report.find("database file", finding);
        }
    }
    let rows = sqlx::query(
        "SELECT \"table\" AS child, parent, COUNT(*) AS row_count FROM pragma_foreign_key_check GROUP BY 1, 2",
    )
    .fetch_all(readers)
    .await
    .map_err(StoreError::read("checking the database's references"))?;
    for row in &rows {
        let (child, parent) = (row.get_as::<String>("child")?, row.get_as::<String>("parent")?);
        let count: i64 = row.get_as("row_count")?;
        report.find(format!("table {child}"), format!("{count} rows refer to no row of {parent}"));
    }
    Ok(())
}

/// That the committed numbers of every edge node can be read, and which history this is.
pub(super) async fn check_outboxes(readers: &AnyPool, schema: i64, report: &mut CheckReport) -> Result<(), StoreError> {
    const OPERATION: &str = "reading which messages are committed";
    if schema < SCHEMA_OF_OUTBOXES {
        return Ok(());
    }
    let rows = sqlx::query("SELECT id, node_id, numbers FROM outbox ORDER BY id")
        .fetch_all(readers)
        .await
        .map_err(StoreError::read(OPERATION))?;
    report.counts.outboxes = rows.len() as u64;
    for row in &rows {
        if let Err(error) = Numbers::decode(&row.get_as::<Vec<u8>>("numbers")?) {
            let (id, node) = (row.get_as::<i64>("id")?, row.get_as::<String>("node_id")?);
            report.find(format!("outbox {id} of node {node}"), error);
        }
    }
    let rows = sqlx::query("SELECT journal_id, steps FROM outbox_step ORDER BY journal_id")
        .fetch_all(readers)
        .await
        .map_err(StoreError::read(OPERATION))?;
    for row in &rows {
        if let Err(error) = outbox::check_steps(&row.get_as::<Vec<u8>>("steps")?) {
            report.find(format!("committed messages of batch {}", row.get_as::<i64>("journal_id")?), error);
        }
    }
    let rows =
        sqlx::query("SELECT epoch FROM store_epoch").fetch_all(readers).await.map_err(StoreError::read(OPERATION))?;
    for row in &rows {
        if let Err(error) = row.get_as::<String>("epoch")?.parse::<Uuid>() {
            report.find("store epoch", error);
        }
    }
    Ok(())
}

/// That what the rules remember can be read.
pub(super) async fn check_checkpoint(
    readers: &AnyPool,
    schema: i64,
    report: &mut CheckReport,
) -> Result<(), StoreError> {
    if schema < SCHEMA_OF_CHECKPOINT {
        return Ok(());
    }
    let rows = sqlx::query("SELECT shard, state FROM engine_checkpoint ORDER BY shard")
        .fetch_all(readers)
        .await
        .map_err(StoreError::read("reading what the rules remember"))?;
    for row in &rows {
        if let Err(error) = unseal(&row.get_as::<Vec<u8>>("state")?) {
            report.find(format!("portion {} of what the rules remember", row.get_as::<i64>("shard")?), error);
        }
    }
    Ok(())
}

/// That a rule has at most one open alarm on a device, that states and times agree, and that histories have no holes.
pub(super) async fn check_alarms(readers: &AnyPool, report: &mut CheckReport) -> Result<(), StoreError> {
    const OPERATION: &str = "reading the alarms";
    let twice = sqlx::query(
        "SELECT device_id, rule_id, COUNT(*) AS open_count FROM alarm WHERE closed_at_ms IS NULL \
         GROUP BY device_id, rule_id HAVING COUNT(*) > 1",
    )
    .fetch_all(readers)
    .await
    .map_err(StoreError::read(OPERATION))?;
    for row in &twice {
        let (device, rule) = (row.get_as::<String>("device_id")?, row.get_as::<String>("rule_id")?);
        let count: i64 = row.get_as("open_count")?;
        report.find(format!("rule {rule} on device {device}"), format!("it has {count} open alarms"));
    }
    for (sql, problem) in [
        (
            "SELECT id FROM alarm WHERE (state = 'closed' AND closed_at_ms IS NULL) \
             OR (state <> 'closed' AND closed_at_ms IS NOT NULL) LIMIT 1000",
            "whether it is closed and when it was do not agree",
        ),
        (
            "SELECT alarm.id FROM alarm LEFT JOIN alarm_event ON alarm_event.alarm_id = alarm.id \
             GROUP BY alarm.id HAVING COUNT(alarm_event.number) = 0 \
             OR COUNT(alarm_event.number) <> MAX(alarm_event.number) OR MIN(alarm_event.number) <> 1 LIMIT 1000",
            "its history has holes",
        ),
    ] {
        let rows = sqlx::query(sql).fetch_all(readers).await.map_err(StoreError::read(OPERATION))?;
        for row in &rows {
            report.find(format!("alarm {}", row.get_as::<i64>("id")?), problem);
        }
    }
    let mut position = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT id, cause_reading FROM alarm WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(position)
            .bind(ALARMS_PER_PAGE)
            .fetch_all(readers)
            .await
            .map_err(StoreError::read(OPERATION))?;
        let Some(last) = rows.last() else { return Ok(()) };
        position = last.get_as("id")?;
        for row in &rows {
            report.counts.alarms += 1;
            if let Err(error) = row.reading_or_none("cause_reading") {
                report.find(format!("alarm {}", row.get_as::<i64>("id")?), error);
            }
        }
    }
}

/// Follows the audit log's chain.
pub(super) async fn check_audit(readers: &AnyPool, report: &mut CheckReport) -> Result<(), StoreError> {
    let followed = audit::follow(readers).await?;
    report.counts.audit_entries = followed.entry_count;
    if let Some(entry) = followed.first_misfit {
        report.find(format!("audit entry {entry}"), "it does not follow the one before it: something was changed");
    }
    Ok(())
}
