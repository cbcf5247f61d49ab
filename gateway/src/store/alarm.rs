//! Alarms: the present row and the history of each, written with the batch that caused them, read within a scope.

use domain::{
    alarm::{AlarmState, OpenAlarm, Severity, Transition, What},
    id::{AlarmId, DeviceId, MetricName, TownshipCode},
    reading::Reading,
    text::Text,
};
use protocol::rest::{self, SeverityNumber};
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    Store,
    codec::journal,
    error::StoreError,
    row::{Columns, word_of},
    scope::Scope,
    select::{Bound, Select},
};

const OPERATION: &str = "storing an alarm";
/// The longest page of alarms.
const PAGE_MAX: u32 = 500;

/// An alarm joined with the names of its place. A removed device keeps its row, so that its alarms stay visible.
const SELECT_ALARM: &str = "SELECT alarm.*, device.name AS device_name, site.id AS site_id, \
     site.name AS site_name, site.township_code \
     FROM alarm JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id";

/// Which alarms to list. Everything that is None does not narrow the list.
#[derive(Debug, Clone, Default)]
pub struct AlarmFilter {
    /// Open or closed ones only.
    pub is_open: Option<bool>,
    /// Of this severity only.
    pub severity: Option<Severity>,
    /// In this township only.
    pub township: Option<TownshipCode>,
    /// Of this device only.
    pub device: Option<DeviceId>,
    /// Older than this one only: the page after the one that ended with it.
    pub before: Option<AlarmId>,
    /// At most so many, 1 to 500.
    pub limit: u32,
}

/// An alarm with everything that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmRecord {
    /// The list entry.
    pub alarm: rest::Alarm,
    /// What happened, oldest first.
    pub history: Vec<rest::AlarmEvent>,
    /// The metric and the reading that raised it; None: a timer or the device's link did.
    pub cause: Option<(MetricName, Reading)>,
}

impl Store {
    /// A page of alarms, newest first.
    pub async fn alarms(&self, scope: &Scope, filter: &AlarmFilter) -> Result<rest::AlarmPage, StoreError> {
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let mut select = Select::new(SELECT_ALARM);
        select.within(scope);
        if let Some(is_open) = filter.is_open {
            select.and(if is_open { "alarm.closed_at_ms IS NULL" } else { "alarm.closed_at_ms IS NOT NULL" });
        }
        if let Some(severity) = filter.severity {
            select.and_equals("alarm.severity", Bound::Number(i64::from(severity as u8)));
        }
        if let Some(township) = &filter.township {
            select.and_equals("site.township_code", Bound::Text(township.as_str().into()));
        }
        if let Some(device) = &filter.device {
            select.and_equals("alarm.device_id", Bound::Text(device.as_str().into()));
        }
        if let Some(before) = filter.before {
            select.and_below("alarm.id", Bound::Number(before.0));
        }
        // One more than asked for tells whether there is a next page.
        select.finish("ORDER BY alarm.id DESC LIMIT", Bound::Number(i64::from(limit) + 1));

        let rows = select.fetch_all(self.readers(), "listing alarms").await?;
        let mut alarms: Vec<rest::Alarm> = rows.iter().map(alarm_of).collect::<Result<_, _>>()?;
        let has_more = alarms.len() > limit as usize;
        alarms.truncate(limit as usize);
        let next_before = alarms.last().filter(|_| has_more).map(|alarm| alarm.id.0);
        Ok(rest::AlarmPage { alarms, next_before })
    }

    /// One alarm; None when there is none or it is not in the scope.
    pub async fn alarm(&self, scope: &Scope, id: AlarmId) -> Result<Option<AlarmRecord>, StoreError> {
        const OPERATION: &str = "reading an alarm";
        let mut select = Select::new(SELECT_ALARM);
        select.within(scope).and_equals("alarm.id", Bound::Number(id.0));
        let Some(row) = select.fetch_all(self.readers(), OPERATION).await?.into_iter().next() else {
            return Ok(None);
        };
        let events = sqlx::query("SELECT * FROM alarm_event WHERE alarm_id = $1 ORDER BY number")
            .bind(id.0)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        let metric: Option<MetricName> = row.id_or_none("cause_metric")?;
        let reading = row.reading_or_none("cause_reading")?;
        Ok(Some(AlarmRecord {
            alarm: alarm_of(&row)?,
            history: events.iter().map(event_of).collect::<Result<_, _>>()?,
            cause: metric.zip(reading),
        }))
    }
}

/// Writes one step in an alarm's life. The unique index refuses a second open alarm of a rule on a device.
pub(super) async fn store_transition(
    connection: &mut AnyConnection,
    transition: &Transition,
) -> Result<(), StoreError> {
    if transition.what == What::Raised {
        insert_alarm(connection, transition).await?;
    } else {
        update_alarm(connection, transition).await?;
    }
    let note = if transition.by.is_some() { transition.note.clone() } else { both_languages(&transition.cause) };
    sqlx::query(
        "INSERT INTO alarm_event (alarm_id, number, at_ms, event_time_at_ms, what, by_username, note) \
         SELECT $1, COUNT(*) + 1, $2, $3, $4, $5, $6 FROM alarm_event WHERE alarm_id = $1",
    )
    .bind(transition.alarm.0)
    .bind(transition.at.0)
    .bind(transition.event_time.0)
    .bind(word_of(&transition.what))
    .bind(transition.by.as_ref().map(|by| by.as_str().to_owned()))
    .bind(note)
    .execute(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    Ok(())
}

async fn insert_alarm(connection: &mut AnyConnection, transition: &Transition) -> Result<(), StoreError> {
    let (metric, reading) = transition.reading.clone().unzip();
    sqlx::query(
        "INSERT INTO alarm (id, device_id, rule_id, severity, title_zh, title_en, cause_zh, cause_en, state, \
         raised_at_ms, occurrence_count, cause_metric, cause_reading) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12)",
    )
    .bind(transition.alarm.0)
    .bind(transition.device.as_str())
    .bind(transition.rule.as_str())
    .bind(i64::from(transition.severity as u8))
    .bind(transition.title.zh.as_str())
    .bind(transition.title.en.as_str())
    .bind(transition.cause.zh.as_str())
    .bind(transition.cause.en.as_str())
    .bind(word_of(&transition.state))
    .bind(transition.event_time.0)
    .bind(metric.map(|metric: MetricName| metric.as_str().to_owned()))
    .bind(reading.map(|reading| journal::encode(&[reading])))
    .execute(connection)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(refusal) if refusal.is_unique_violation() => StoreError::Exists("an open alarm of this rule"),
        _ => StoreError::failed(OPERATION)(error),
    })?;
    Ok(())
}

/// Mirrors `OpenAlarm::after`: what a transition changes, and nothing else.
async fn update_alarm(connection: &mut AnyConnection, transition: &Transition) -> Result<(), StoreError> {
    let closed_at = (transition.state == AlarmState::Closed).then_some(transition.at.0);
    let state = word_of(&transition.state);
    let (sql, id) = ("WHERE id = $1 AND closed_at_ms IS NULL", transition.alarm.0);
    let update = match transition.what {
        What::Raised | What::Closed => {
            sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE alarm SET state = $2, closed_at_ms = $3 {sql}")))
                .bind(id)
                .bind(state)
                .bind(closed_at)
        }
        What::Reoccurred => sqlx::query(sqlx::AssertSqlSafe(format!(
            "UPDATE alarm SET state = $2, closed_at_ms = $3, returned_at_ms = NULL, cause_zh = $4, cause_en = $5, \
             occurrence_count = occurrence_count + 1 {sql}"
        )))
        .bind(id)
        .bind(state)
        .bind(closed_at)
        .bind(transition.cause.zh.as_str())
        .bind(transition.cause.en.as_str()),
        What::Acknowledged => sqlx::query(sqlx::AssertSqlSafe(format!(
            "UPDATE alarm SET state = $2, closed_at_ms = $3, acknowledged_at_ms = $4, acknowledged_by = $5 {sql}"
        )))
        .bind(id)
        .bind(state)
        .bind(closed_at)
        .bind(transition.at.0)
        .bind(transition.by.as_ref().map(|by| by.as_str().to_owned())),
        What::Returned => sqlx::query(sqlx::AssertSqlSafe(format!(
            "UPDATE alarm SET state = $2, closed_at_ms = $3, returned_at_ms = $4 {sql}"
        )))
        .bind(id)
        .bind(state)
        .bind(closed_at)
        .bind(transition.event_time.0),
    };
    let changed = update.execute(connection).await.map_err(StoreError::failed(OPERATION))?.rows_affected();
    if changed == 1 { Ok(()) } else { Err(StoreError::NotFound("open alarm")) }
}

/// All open alarms, for the engine at start.
pub(super) async fn load_open(store: &Store) -> Result<(Vec<OpenAlarm>, AlarmId), StoreError> {
    const OPERATION: &str = "reading the open alarms";
    let rows = sqlx::query("SELECT * FROM alarm WHERE closed_at_ms IS NULL ORDER BY id")
        .fetch_all(store.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
    let open = rows.iter().map(open_alarm_of).collect::<Result<_, _>>()?;
    let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS next_id FROM alarm")
        .fetch_one(store.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
    Ok((open, AlarmId(row.get_as("next_id")?)))
}

/// Words that an event keeps for readers of either language.
fn both_languages(text: &Text) -> String {
    if text.zh == text.en { text.zh.clone() } else { format!("{} / {}", text.zh, text.en) }
}

fn severity_of(row: &AnyRow) -> Result<Severity, StoreError> {
    let number: u8 = row.number("severity")?;
    Severity::from_u8(number).ok_or_else(|| StoreError::damaged("severity")(number))
}

fn open_alarm_of(row: &AnyRow) -> Result<OpenAlarm, StoreError> {
    Ok(OpenAlarm {
        id: AlarmId(row.get_as("id")?),
        device: row.id("device_id")?,
        rule: row.id("rule_id")?,
        severity: severity_of(row)?,
        title: Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? },
        cause: Text { zh: row.get_as("cause_zh")?, en: row.get_as("cause_en")? },
        state: row.word("state")?,
        raised_at: row.time("raised_at_ms")?,
        returned_at: row.time_or_none("returned_at_ms")?,
        acknowledged_at: row.time_or_none("acknowledged_at_ms")?,
        acknowledged_by: row.id_or_none("acknowledged_by")?,
        occurrence_count: row.number("occurrence_count")?,
    })
}

fn alarm_of(row: &AnyRow) -> Result<rest::Alarm, StoreError> {
    Ok(rest::Alarm {
        id: AlarmId(row.get_as("id")?),
        device: row.id("device_id")?,
        device_name: row.get_as("device_name")?,
        site: row.id("site_id")?,
        site_name: row.get_as("site_name")?,
        township: row.id("township_code")?,
        rule: row.id("rule_id")?,
        title_zh: row.get_as("title_zh")?,
        title_en: row.get_as("title_en")?,
        severity: SeverityNumber(severity_of(row)?),
        state: row.word("state")?,
        raised_at_ms: row.get_as("raised_at_ms")?,
        cause_zh: row.get_as("cause_zh")?,
        cause_en: row.get_as("cause_en")?,
        returned_at_ms: row.get_as("returned_at_ms")?,
        acknowledged_at_ms: row.get_as("acknowledged_at_ms")?,
        acknowledged_by: row.get_as("acknowledged_by")?,
        closed_at_ms: row.get_as("closed_at_ms")?,
        occurrence_count: row.number("occurrence_count")?,
    })
}

fn event_of(row: &AnyRow) -> Result<rest::AlarmEvent, StoreError> {
    Ok(rest::AlarmEvent {
        at_ms: row.get_as("at_ms")?,
        what: row.word("what")?,
        by: row.get_as("by_username")?,
        note: row.get_as("note")?,
    })
}
