//! 升级: how far up each unanswered alarm was told. A row is written with the transition that makes an alarm call, and goes
//! with the one that answers it, so a stop is never forgotten; the receipts stay.

use std::collections::BTreeMap;

use domain::{
    alarm::{AlarmState, Transition},
    case::Policy,
    escalation::{Climb, Rung},
    id::{AlarmId, DeviceId, NodeId, TownshipCode},
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
    row::{Columns, for_ids, write_rows},
    scope::Scope,
    select::{Bound, Select},
};

const OPERATION: &str = "escalating alarms";
const READING: &str = "reading the escalation of an alarm";

impl Store {
    /// To whom an alarm was told, oldest first; the caller has made sure that the alarm lies in the scope.
    pub async fn escalations(&self, alarm: AlarmId) -> Result<Vec<rest::Escalation>, StoreError> {
        let rows = sqlx::query("SELECT at_ms, told FROM alarm_told WHERE alarm_id = $1 ORDER BY number")
            .bind(alarm.0)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(READING))?;
        rows.iter()
            .map(|row| {
                let told = rung_of(row, "told")?.ok_or_else(|| StoreError::damaged("told")("nobody"))?;
                Ok(rest::Escalation { at_ms: row.get_as("at_ms")?, told })
            })
            .collect()
    }

    /// Who is told next of an alarm that nobody has answered; the caller has made sure that the alarm lies in the scope.
    pub async fn next_rung(&self, alarm: AlarmId) -> Result<Option<rest::NextRung>, StoreError> {
        let row = sqlx::query("SELECT * FROM alarm_escalation WHERE alarm_id = $1")
            .bind(alarm.0)
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read(READING))?;
        row.map_or(Ok(None), |row| next_of(&row, &self.duty_policy()))
    }

    /// The unanswered alarms of a jurisdiction that are told further up by `until`, the soonest first.
    pub async fn climbing(
        &self,
        scope: &Scope,
        until: UnixMs,
        limit: u32,
    ) -> Result<Vec<rest::ClimbingAlarm>, StoreError> {
        let mut select = Select::new(
            "SELECT alarm_escalation.* FROM alarm_escalation JOIN alarm ON alarm.id = alarm_escalation.alarm_id \
             JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id",
        );
        select.within(scope).and_up_to("alarm_escalation.due_at_ms", Bound::Number(until.0));
        select.finish("ORDER BY alarm_escalation.due_at_ms LIMIT", Bound::Number(i64::from(limit)));
        let rows = select.fetch_all(self.readers(), READING).await?;
        let policy = self.duty_policy();
        let mut climbing = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(next) = next_of(row, &policy)? {
                climbing.push(rest::ClimbingAlarm { alarm: AlarmId(row.get_as("alarm_id")?), next });
            }
        }
        Ok(climbing)
    }
}

/// Who is told next of a row's alarm. The ground is told at once, which is no news to anybody.
fn next_of(row: &AnyRow, policy: &Policy) -> Result<Option<rest::NextRung>, StoreError> {
    let (severity, since) = (severity_of(row)?, row.time("since_ms")?);
    let reached = rung_of(row, "reached")?.max(Some(Rung::Ground));
    let next = policy.escalation.of(severity).next(since, reached);
    Ok(next.map(|(rung, due)| rest::NextRung { rung, due_at_ms: due.0 }))
}

/// What transitions, one of an alarm at most, mean: it begins to climb, climbs by another ladder, or is answered.
pub(super) async fn follow_alarms(connection: &mut AnyConnection, round: &[&Transition]) -> Result<(), StoreError> {
    let (unanswered, answered): (Vec<&Transition>, Vec<&Transition>) = round.iter().partition(|transition| {
        matches!(
            transition.state,
            AlarmState::ActiveUnacknowledged | AlarmState::ReturnedUnacknowledged | AlarmState::LatchedUnacknowledged
        )
    });
    let answered: Vec<i64> = answered.iter().map(|transition| transition.alarm.0).collect();
    for_ids(connection, "DELETE FROM alarm_escalation WHERE alarm_id IN", &[], &answered)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    // One that is climbing goes on from where it is; only a new severity makes it be looked at again.
    let sql = |values: &str| {
        format!(
            "INSERT INTO alarm_escalation (alarm_id, severity, since_ms, reached, due_at_ms) VALUES {values} \
             ON CONFLICT (alarm_id) DO UPDATE SET severity = excluded.severity, due_at_ms = excluded.due_at_ms \
             WHERE alarm_escalation.severity <> excluded.severity"
        )
    };
    write_rows(connection, &unanswered, 5, sql, |insert, transition| {
        insert
            .bind(transition.alarm.0)
            .bind(i64::from(transition.severity as u8))
            .bind(transition.at.0)
            .bind(number_of(None))
            .bind(transition.at.0)
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

/// An alarm that is looked at, and how far it climbs.
struct Climber {
    alarm: AlarmId,
    climb: Climb,
    /// Who was told before.
    told_count: i64,
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
        "SELECT alarm_escalation.*, alarm.device_id, alarm.title_zh, alarm.title_en, alarm.state, device.name AS device_name, \
         device.node_id, site.id AS site_id, site.name AS site_name, site.township_code, site.owner_id, \
         (SELECT COUNT(*) FROM alarm_told WHERE alarm_told.alarm_id = alarm_escalation.alarm_id) AS told_count \
         FROM alarm_escalation \
         JOIN alarm ON alarm.id = alarm_escalation.alarm_id LEFT JOIN device ON device.id = alarm.device_id \
         LEFT JOIN site ON site.id = device.site_id WHERE alarm_escalation.due_at_ms <= $1 \
         ORDER BY alarm_escalation.due_at_ms LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let alarms: Vec<AlarmId> = rows.iter().map(|row| row.get_as("alarm_id").map(AlarmId)).collect::<Result<_, _>>()?;
    let words = notice::last_words(connection, &alarms).await?;
    let nothing = Text::default();
    let mut is_manned: BTreeMap<TownshipCode, bool> = BTreeMap::new();
    let (mut climbers, mut notices) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let alarm = AlarmId(row.get_as("alarm_id")?);
        let (severity, since) = (severity_of(row)?, row.time("since_ms")?);
        let reached = rung_of(row, "reached")?;
        let ladder = policy.escalation.of(severity);
        let climb = ladder.climb(since, reached, now);
        // A device that nobody registered has nobody who answers for it.
        if let Some(locality) = locality_of(row, store)? {
            let device: DeviceId = row.id("device_id")?;
            let device_name: Option<String> = row.get_as("device_name")?;
            let node: Option<NodeId> = row.id_or_none("node_id")?;
            let title = Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? };
            let state: AlarmState = row.word("state")?;
            let unanswered = Unanswered {
                alarm,
                device: &device,
                device_name: device_name.as_deref().unwrap_or_default(),
                node: node.as_ref(),
                severity,
                title: &title,
                told: words.get(&alarm).unwrap_or(&nothing),
                has_returned: state != AlarmState::ActiveUnacknowledged,
                since,
                ladder,
            };
            let leaves_the_ground = reached <= Some(Rung::Ground) && climb.reached > Some(Rung::Ground);
            if leaves_the_ground
                && is_township_manned(connection, &mut is_manned, &locality.place.township, now).await?
            {
                notices.extend(of_unanswered_to_colleagues(&unanswered, &locality, now));
            }
            notices.extend(climb.tell.iter().flat_map(|rung| of_unanswered(&unanswered, &locality, *rung, now)));
        }
        climbers.push(Climber { alarm, climb, told_count: row.get_as("told_count")? });
    }
    notice::write(connection, &notices).await?;
    write_climbers(connection, &climbers, now).await?;
    Ok(rows.len())
}

async fn is_township_manned(
    connection: &mut AnyConnection,
    known: &mut BTreeMap<TownshipCode, bool>,
    township: &TownshipCode,
    now: UnixMs,
) -> Result<bool, StoreError> {
    if let Some(is_manned) = known.get(township) {
        return Ok(*is_manned);
    }
    let is_manned = roster::is_manned(connection, &Post::Township(township.clone()), now).await?;
    known.insert(township.clone(), is_manned);
    Ok(is_manned)
}

/// Writes how far alarms have climbed, and a receipt for each rung.
async fn write_climbers(connection: &mut AnyConnection, climbers: &[Climber], now: UnixMs) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "WITH climb (alarm_id, reached, due_at_ms) AS (VALUES {values}) \
             UPDATE alarm_escalation SET reached = climb.reached, due_at_ms = climb.due_at_ms \
             FROM climb WHERE alarm_escalation.alarm_id = climb.alarm_id"
        )
    };
    write_rows(connection, climbers, 3, sql, |update, Climber { alarm, climb, told_count: _ }| {
        update.bind(alarm.0).bind(number_of(climb.reached)).bind(climb.next.map(|next| next.0))
    })
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let receipts: Vec<(AlarmId, i64, Rung)> = climbers
        .iter()
        .flat_map(|one| (one.told_count + 1..).zip(&one.climb.tell).map(|(number, rung)| (one.alarm, number, *rung)))
        .collect();
    let sql = |values: &str| format!("INSERT INTO alarm_told (alarm_id, number, at_ms, told) VALUES {values}");
    write_rows(connection, &receipts, 4, sql, |insert, (alarm, number, rung)| {
        insert.bind(alarm.0).bind(*number).bind(now.0).bind(number_of(Some(*rung)))
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
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
