//! 升级: how far up each unanswered alarm was told. A row is written with the transition that makes an alarm call, and goes
//! with the one that answers it, so a stop is never forgotten; the receipts stay.

use domain::{
    alarm::{AlarmState, Transition},
    case::Policy,
    escalation::Rung,
    id::{AlarmId, DeviceId},
    notice::{Locality, Unanswered, of_unanswered, of_unanswered_to_colleagues},
    registry::Place,
    roster::Post,
    text::Text,
    time::UnixMs,
};
use protocol::rest;
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    Store,
    case::{number_of, rung_of, severity_of},
    error::StoreError,
    notice, roster,
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
    store: &Store,
    policy: &Policy,
    now: UnixMs,
    limit: usize,
) -> Result<usize, StoreError> {
    let rows = sqlx::query(
        "SELECT alarm_escalation.*, alarm.device_id, alarm.title_zh, alarm.title_en, site.id AS site_id, \
         site.name AS site_name, site.township_code, site.owner_id FROM alarm_escalation \
         JOIN alarm ON alarm.id = alarm_escalation.alarm_id LEFT JOIN device ON device.id = alarm.device_id \
         LEFT JOIN site ON site.id = device.site_id WHERE alarm_escalation.due_at_ms <= $1 \
         ORDER BY alarm_escalation.due_at_ms LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    for row in &rows {
        let alarm = AlarmId(row.get_as("alarm_id")?);
        let (severity, since) = (severity_of(row)?, row.time("since_ms")?);
        let reached = rung_of(row, "reached")?;
        let climb = policy.escalation.of(severity).climb(since, reached, now);
        let device: DeviceId = row.id("device_id")?;
        let title = Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? };
        let unanswered = Unanswered { alarm, device: &device, severity, title: &title, since };
        // A device that nobody registered has nobody who answers for it.
        let locality = locality_of(row, store)?;
        sqlx::query("UPDATE alarm_escalation SET reached = $2, due_at_ms = $3 WHERE alarm_id = $1")
            .bind(alarm.0)
            .bind(number_of(climb.reached))
            .bind(climb.next.map(|next| next.0))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
        if let Some(locality) = &locality
            && reached <= Some(Rung::Ground)
            && climb.reached > Some(Rung::Ground)
            && roster::is_manned(connection, &Post::Township(locality.place.township.clone()), now).await?
        {
            let colleagues = of_unanswered_to_colleagues(&unanswered, locality, now);
            notice::write(connection, colleagues.as_slice()).await?;
        }
        for rung in climb.tell {
            if let Some(locality) = &locality {
                notice::write(connection, &of_unanswered(&unanswered, locality, rung, now)).await?;
            }
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

fn locality_of(row: &AnyRow, store: &Store) -> Result<Option<Locality>, StoreError> {
    let Some(site) = row.id_or_none("site_id")? else { return Ok(None) };
    let place = Place { township: row.id("township_code")?, owner: row.id("owner_id")? };
    let office = store.office_of(&place.township);
    Ok(Some(Locality { site, site_name: row.get_as("site_name")?, place, office }))
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
