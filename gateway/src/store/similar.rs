//! What happened before with the same rule on the same device, and how it ended.

use domain::id::AlarmId;
use protocol::rest::{self, SeverityNumber};
use sqlx::any::AnyRow;

use super::{Store, alarm::severity_of, error::StoreError, row::Columns};

/// Similar alarms that are shown: enough to see a habit.
const SIMILAR: i64 = 5;
impl Store {
    /// The last alarms of the same rule on the same device as this one, that were over before it was raised, newest
    /// first; whether this one lies in the scope, the caller has made sure.
    pub(super) async fn similar_alarms(&self, alarm: &rest::Alarm) -> Result<Vec<rest::SimilarAlarm>, StoreError> {
        let rows = sqlx::query(
            "SELECT alarm.*, \
             (SELECT what FROM alarm_event WHERE alarm_id = alarm.id ORDER BY number DESC LIMIT 1) AS ended_by, \
             (SELECT note FROM alarm_event WHERE alarm_id = alarm.id AND by_username IS NOT NULL AND note <> '' \
              ORDER BY number DESC LIMIT 1) AS last_note \
             FROM alarm WHERE device_id = $1 AND rule_id = $2 AND id < $3 AND closed_at_ms IS NOT NULL \
             ORDER BY id DESC LIMIT $4",
        )
        .bind(alarm.device.as_str())
        .bind(alarm.rule.as_str())
        .bind(alarm.id.0)
        .bind(SIMILAR)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read("reading similar alarms"))?;
        rows.iter().map(similar_of).collect()
    }
}

fn similar_of(row: &AnyRow) -> Result<rest::SimilarAlarm, StoreError> {
    Ok(rest::SimilarAlarm {
        id: AlarmId(row.get_as("id")?),
        severity: SeverityNumber(severity_of(row)?),
        raised_at_ms: row.get_as("raised_at_ms")?,
        returned_at_ms: row.get_as("returned_at_ms")?,
        acknowledged_at_ms: row.get_as("acknowledged_at_ms")?,
        acknowledged_by: row.get_as("acknowledged_by")?,
        closed_at_ms: row.get_as("closed_at_ms")?,
        occurrence_count: row.number("occurrence_count")?,
        ended_by: row.word("ended_by")?,
        note: row.get_as::<Option<String>>("last_note")?.unwrap_or_default(),
    })
}
