//! 升级: how far up each unanswered alarm was told. A row is written with the transition that makes an alarm call, and goes
//! with the one that answers it, so a stop is never forgotten; the receipts stay.

use domain::{
    alarm::{AlarmState, Transition},
    case::Policy,
    id::AlarmId,
    time::UnixMs,
};
use protocol::rest;
use sqlx::AnyConnection;

use super::{
    Store,
    case::{number_of, rung_of, severity_of},
    error::StoreError,
    row::Columns,
};

const OPERATION: &str = "escalating alarms";

impl Store {
    /// To whom an alarm was told, oldest first; the caller has made sure that the alarm lies in the scope.
    pub async fn escalations(&self, alarm: AlarmId) -> Result<Vec<rest::Escalation>, StoreError> {
        let rows = sqlx::query("SELECT at_ms, told FROM alarm_told WHERE alarm_id = $1 ORDER BY number")
            .bind(alarm.0)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading the escalation of an alarm"))?;
        rows.iter()
            .map(|row| {
                let told = rung_of(row, "told")?.ok_or_else(|| StoreError::damaged("told")("nobody"))?;
                Ok(rest::Escalation { at_ms: row.get_as("at_ms")?, told })
            })
            .collect()
    }
}

/// What an alarm's transition means: it begins to climb, climbs by another ladder, or is answered.
pub(super) async fn follow_alarm(connection: &mut AnyConnection, transition: &Transition) -> Result<(), StoreError> {
    let is_unanswered = matches!(
        transition.state,
        AlarmState::ActiveUnacknowledged | AlarmState::ReturnedUnacknowledged | AlarmState::LatchedUnacknowledged
    );
    if !is_unanswered {
        return sqlx::query("DELETE FROM alarm_escalation WHERE alarm_id = $1")
            .bind(transition.alarm.0)
            .execute(connection)
            .await
            .map(drop)
            .map_err(StoreError::failed(OPERATION));
    }
    // One that is climbing goes on from where it is; only a new severity makes it be looked at again.
    sqlx::query(
        "INSERT INTO alarm_escalation (alarm_id, severity, since_ms, reached, due_at_ms) VALUES ($1, $2, $3, 0, $3) \
         ON CONFLICT (alarm_id) DO UPDATE SET severity = excluded.severity, due_at_ms = excluded.due_at_ms \
         WHERE alarm_escalation.severity <> excluded.severity",
    )
    .bind(transition.alarm.0)
    .bind(i64::from(transition.severity as u8))
    .bind(transition.at.0)
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

/// Climbs with up to `limit` alarms whose moment has come, the most urgent first; answers how many there were.
pub(super) async fn climb_due(
    connection: &mut AnyConnection,
    policy: &Policy,
    now: UnixMs,
    limit: i64,
) -> Result<usize, StoreError> {
    let rows = sqlx::query(
        "SELECT alarm_id, severity, since_ms, reached FROM alarm_escalation WHERE due_at_ms <= $1 \
         ORDER BY due_at_ms LIMIT $2",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    for row in &rows {
        let alarm = AlarmId(row.get_as("alarm_id")?);
        let ladder = policy.escalation.of(severity_of(row)?);
        let climb = ladder.climb(row.time("since_ms")?, rung_of(row, "reached")?, now);
        sqlx::query("UPDATE alarm_escalation SET reached = $2, due_at_ms = $3 WHERE alarm_id = $1")
            .bind(alarm.0)
            .bind(number_of(climb.reached))
            .bind(climb.next.map(|next| next.0))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
        for rung in climb.tell {
            sqlx::query(
                "INSERT INTO alarm_told (alarm_id, number, at_ms, told) \
                 SELECT $1, COUNT(*) + 1, $2, $3 FROM alarm_told WHERE alarm_id = $1",
            )
            .bind(alarm.0)
            .bind(now.0)
            .bind(number_of(Some(rung)))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
        }
    }
    Ok(rows.len())
}

/// Moves what deadlines are counted from with a wall clock that somebody set.
pub(super) async fn shift_clock(connection: &mut AnyConnection, by_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE alarm_escalation SET since_ms = since_ms + $1, due_at_ms = due_at_ms + $1")
        .bind(by_ms)
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}
