//! Steps in the lives of alarms: each changes the alarm's row and adds one to its history. In a flood a batch holds hundreds
//! of them, and whatever else is to be written waits for it; so they are written many in one statement.

use std::collections::HashMap;

use domain::{
    alarm::{AlarmState, Transition, What},
    id::{DeviceId, MetricName, RuleId},
};
use sqlx::AnyConnection;

use super::{
    codec::journal,
    error::StoreError,
    row::{word_of, write_rows},
};

const OPERATION: &str = "storing an alarm";

/// The transitions in rounds, each with one of a rule on a device at most: the first of each, the second of each, and so
/// on. Within a round their order tells nothing.
pub(super) fn rounds(transitions: &[Transition]) -> Vec<Vec<&Transition>> {
    let mut count_of: HashMap<(&DeviceId, &RuleId), usize> = HashMap::new();
    let mut rounds: Vec<Vec<&Transition>> = Vec::new();
    for transition in transitions {
        let count = count_of.entry((&transition.device, &transition.rule)).or_default();
        match rounds.get_mut(*count) {
            Some(round) => round.push(transition),
            None => rounds.push(vec![transition]),
        }
        *count += 1;
    }
    rounds
}

/// Writes a round. The unique index refuses a second open alarm of a rule on a device.
pub(super) async fn write(connection: &mut AnyConnection, round: &[&Transition]) -> Result<(), StoreError> {
    let (raised, changed): (Vec<_>, Vec<_>) = round.iter().partition(|transition| transition.what == What::Raised);
    insert_alarms(connection, &raised).await?;
    update_alarms(connection, &changed).await?;
    insert_events(connection, round).await
}

async fn insert_alarms(connection: &mut AnyConnection, raised: &[&Transition]) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "INSERT INTO alarm (id, device_id, rule_id, severity, title_zh, title_en, cause_zh, cause_en, state, \
             raised_at_ms, occurrence_count, cause_metric, cause_reading, is_latching, set_aside_by, set_aside_why, \
             set_aside_until_ms, late_ms, rule_version) VALUES {values}"
        )
    };
    let inserted = write_rows(connection, raised, 19, sql, |insert, transition| {
        let (metric, reading) = cause_of(transition);
        let SetAsideColumns { by, why, until } = SetAsideColumns::of(transition);
        insert
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
            .bind(1_i64)
            .bind(metric)
            .bind(reading)
            .bind(i64::from(transition.is_latching))
            .bind(by)
            .bind(why)
            .bind(until)
            .bind(i64::try_from(transition.late_ms).unwrap_or(i64::MAX))
            .bind(transition.rule_version.map(i64::from))
    })
    .await;
    inserted.map(drop).map_err(|error| match error.as_database_error() {
        Some(refusal) if refusal.is_unique_violation() => StoreError::Exists("an open alarm of this rule"),
        _ => StoreError::failed(OPERATION)(error),
    })
}

/// Mirrors `OpenAlarm::after`: what a transition changes, and nothing else.
async fn update_alarms(connection: &mut AnyConnection, changed: &[&Transition]) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "WITH step (alarm_id, state, severity, closed_at_ms, set_aside_by, set_aside_why, set_aside_until_ms, \
             cause_zh, cause_en, acknowledged_at_ms, acknowledged_by, returned_at_ms, recurs) AS (VALUES {values}) \
             UPDATE alarm SET state = step.state, severity = step.severity, closed_at_ms = step.closed_at_ms, \
             set_aside_by = step.set_aside_by, set_aside_why = step.set_aside_why, \
             set_aside_until_ms = step.set_aside_until_ms, \
             cause_zh = COALESCE(step.cause_zh, alarm.cause_zh), cause_en = COALESCE(step.cause_en, alarm.cause_en), \
             acknowledged_at_ms = COALESCE(step.acknowledged_at_ms, alarm.acknowledged_at_ms), \
             acknowledged_by = COALESCE(step.acknowledged_by, alarm.acknowledged_by), \
             returned_at_ms = CASE WHEN step.recurs = 0 THEN COALESCE(step.returned_at_ms, alarm.returned_at_ms) END, \
             occurrence_count = alarm.occurrence_count + step.recurs \
             FROM step WHERE alarm.id = step.alarm_id AND alarm.closed_at_ms IS NULL"
        )
    };
    let updated = write_rows(connection, changed, 13, sql, |update, transition| {
        let SetAsideColumns { by, why, until } = SetAsideColumns::of(transition);
        let has_new_cause = matches!(transition.what, What::Reoccurred | What::SeverityChanged);
        let cause = has_new_cause.then_some(&transition.cause);
        let is_answered = transition.what == What::Acknowledged;
        update
            .bind(transition.alarm.0)
            .bind(word_of(&transition.state))
            .bind(i64::from(transition.severity as u8))
            .bind((transition.state == AlarmState::Closed).then_some(transition.at.0))
            .bind(by)
            .bind(why)
            .bind(until)
            .bind(cause.map(|cause| cause.zh.clone()))
            .bind(cause.map(|cause| cause.en.clone()))
            .bind(is_answered.then_some(transition.at.0))
            .bind(transition.by.as_ref().filter(|_| is_answered).map(ToString::to_string))
            .bind((transition.what == What::Returned).then_some(transition.event_time.0))
            .bind(i64::from(transition.what == What::Reoccurred))
    })
    .await
    .map_err(StoreError::failed(OPERATION))?;
    if updated == changed.len() as u64 { Ok(()) } else { Err(StoreError::NotFound("open alarm")) }
}

async fn insert_events(connection: &mut AnyConnection, round: &[&Transition]) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "WITH step (alarm_id, at_ms, event_time_at_ms, what, by_username, note, state, severity, until_ms, \
             cause_metric, cause_reading) AS (VALUES {values}) \
             INSERT INTO alarm_event (alarm_id, number, at_ms, event_time_at_ms, what, by_username, note, state, severity, \
             until_ms, cause_metric, cause_reading) \
             SELECT step.alarm_id, \
             COALESCE((SELECT MAX(number) FROM alarm_event WHERE alarm_event.alarm_id = step.alarm_id), 0) + 1, \
             step.at_ms, step.event_time_at_ms, step.what, step.by_username, step.note, step.state, step.severity, \
             step.until_ms, step.cause_metric, step.cause_reading FROM step"
        )
    };
    write_rows(connection, round, 11, sql, |insert, transition| {
        let note = if transition.by.is_some() { transition.note.clone() } else { transition.cause.in_both() };
        let (metric, reading) = cause_of(transition);
        insert
            .bind(transition.alarm.0)
            .bind(transition.at.0)
            .bind(transition.event_time.0)
            .bind(word_of(&transition.what))
            .bind(transition.by.as_ref().map(ToString::to_string))
            .bind(note)
            .bind(word_of(&transition.state))
            .bind(i64::from(transition.severity as u8))
            .bind(SetAsideColumns::of(transition).until)
            .bind(metric)
            .bind(reading)
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

/// The metric and the reading, as stored, that brought a transition about.
fn cause_of(transition: &Transition) -> (Option<String>, Option<Vec<u8>>) {
    let (metric, reading) = transition.reading.clone().unzip();
    (metric.map(|metric: MetricName| metric.as_str().to_owned()), reading.map(|reading| journal::encode(&[reading])))
}

/// Who or what sets an alarm aside, as its row holds it.
struct SetAsideColumns {
    by: Option<String>,
    why: Option<String>,
    until: Option<i64>,
}

impl SetAsideColumns {
    fn of(transition: &Transition) -> Self {
        let set_aside = transition.set_aside.as_ref();
        Self {
            by: set_aside.and_then(|it| it.by.as_ref()).map(|by| by.as_str().to_owned()),
            why: set_aside.map(|it| it.why.clone()),
            until: set_aside.and_then(|it| it.until).map(|until| until.0),
        }
    }
}
