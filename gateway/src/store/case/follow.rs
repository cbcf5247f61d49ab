//! What the lives of alarms mean for cases, written in the transaction that stores them, so that there is no moment in which
//! a danger to life is on screen and is nobody's work.

use std::collections::{BTreeSet, HashMap};

use domain::{
    alarm::{AlarmState, Severity, Transition, What},
    case::{Case, CaseState, CaseWhat, Plan, Policy, Watch},
    id::{CaseId, DeviceId, RuleId},
    text::Text,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    open::{SiteAt, link, site_at},
    row::{Event, Stored, check_at, load, number_of, save},
};
use crate::store::{
    error::StoreError,
    row::{Columns, by_statement, lists, word_of, write_rows},
};

const OPERATION: &str = "following an alarm";
/// Where a device of the registry stands.
const SELECT_SITE: &str = "SELECT device.id AS device_id, site.id AS site_id, site.name AS site_name, \
     site.township_code, site.owner_id FROM device JOIN site ON site.id = device.site_id \
     WHERE device.removed_at_ms IS NULL";

/// What alarms' transitions mean for cases. An alarm that becomes severity I and calls is put to a case that is under way on
/// its device, or has one opened; an alarm of a case that has become worse makes the case worse.
pub(in crate::store) async fn follow_alarms(
    connection: &mut AnyConnection,
    transitions: &[Transition],
    policy: &Policy,
) -> Result<(), StoreError> {
    let concerned: Vec<&Transition> = transitions.iter().filter(|transition| may_concern_a_case(transition)).collect();
    if concerned.is_empty() {
        return Ok(());
    }
    // Of a flood, nearly all are the first calls of their devices: these cases are opened together.
    let calling: BTreeSet<&DeviceId> =
        concerned.iter().filter(|transition| is_calling(transition)).map(|transition| &transition.device).collect();
    let mut idle = devices_without_a_case(connection, &Vec::from_iter(calling)).await?;
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for transition in concerned {
        if is_calling(transition)
            && let Some(site) = idle.remove(&transition.device)
        {
            first.push(Opening { site, transition });
        } else {
            others.push(transition);
        }
    }
    open_all(connection, policy, &first).await?;
    for transition in others {
        follow_alarm(connection, transition, policy).await?;
    }
    Ok(())
}

fn is_calling(transition: &Transition) -> bool {
    transition.severity == Severity::I
        && matches!(
            transition.state,
            AlarmState::ActiveUnacknowledged | AlarmState::ReturnedUnacknowledged | AlarmState::LatchedUnacknowledged
        )
}

fn may_concern_a_case(transition: &Transition) -> bool {
    match transition.what {
        What::SeverityChanged => true,
        What::Raised | What::Reoccurred | What::Unshelved | What::Unsuppressed | What::ReturnedToService => {
            is_calling(transition)
        }
        What::Acknowledged
        | What::Returned
        | What::Reset
        | What::Shelved
        | What::Suppressed
        | What::TakenOutOfService
        | What::Closed => false,
    }
}

/// What one transition means, given everything before it.
async fn follow_alarm(
    connection: &mut AnyConnection,
    transition: &Transition,
    policy: &Policy,
) -> Result<(), StoreError> {
    let (alarm, device, at) = (transition.alarm, &transition.device, transition.at);
    let newcomer = Newcomer {
        rule: &transition.rule,
        severity: transition.severity,
        began: transition.event_time,
        title: &transition.title,
    };
    if let Some(mut stored) = open_case_of(connection, "case_alarm.alarm_id = $1", alarm.0).await? {
        let has_risen = transition.severity < stored.case.severity;
        let recurs = transition.what == What::Reoccurred && policy.plan(&transition.rule) == Plan::Entrapment;
        if has_risen || (recurs && stored.case.trapped(at, at).is_some()) {
            let note = if has_risen {
                format!("级别升高 / severity has risen: {:?}", transition.severity)
            } else {
                "再次困人 / trapped again".to_owned()
            };
            let event = Event { note: &note, alarm: Some(alarm), ..Event::plain(at, CaseWhat::Noted) };
            take_in(connection, &mut stored, policy, newcomer, event).await?;
        }
        return Ok(());
    }
    if !is_calling(transition) {
        return Ok(());
    }
    if let Some(mut stored) = open_case_of(connection, "case_alarm.device_id = $1", device.as_str()).await?
        && stored.case.state.is_underway()
    {
        let event = Event { alarm: Some(alarm), ..Event::plain(at, CaseWhat::AlarmAdded) };
        take_in(connection, &mut stored, policy, newcomer, event).await?;
        return link(connection, stored.id, alarm, device).await;
    }
    // A device that left the registry has no site any more, and nobody to send.
    let Some(site) = site_of(connection, device).await? else { return Ok(()) };
    open_all(connection, policy, &[Opening { site, transition }]).await
}

/// An alarm that opens a case, and where that is.
struct Opening<'a> {
    site: SiteAt,
    transition: &'a Transition,
}

/// Opens a case for each of these alarms, with the first row of its time line.
async fn open_all(connection: &mut AnyConnection, policy: &Policy, openings: &[Opening<'_>]) -> Result<(), StoreError> {
    let mut cases = Vec::with_capacity(openings.len());
    for (rows, values) in by_statement(connection, openings, 14) {
        let sql = format!(
            "INSERT INTO duty_case (site_id, plan, severity, state, title_zh, title_en, opened_at_ms, began_at_ms, \
             entered_at_ms, due_at_ms, check_at_ms, overdue_told, is_accident_told, event_count) VALUES {values} \
             RETURNING id"
        );
        let insert = rows.iter().fold(sqlx::query(AssertSqlSafe(sql)), |insert, Opening { site, transition }| {
            let at = transition.at;
            let case = Case::opened(policy.plan(&transition.rule), Severity::I, transition.event_time, at);
            let watch = Watch::default();
            insert
                .bind(site.site.as_str())
                .bind(word_of(&case.plan))
                .bind(i64::from(case.severity as u8))
                .bind(word_of(&case.state))
                .bind(transition.title.zh.as_str())
                .bind(transition.title.en.as_str())
                .bind(at.0)
                .bind(case.began.0)
                .bind(case.entered.0)
                .bind(policy.due(&case).map(|due| due.0))
                .bind(check_at(policy, &case, watch, at).map(|check| check.0))
                .bind(number_of(watch.reached))
                .bind(i64::from(watch.is_accident_told))
                .bind(1_i64)
        });
        let inserted = insert.fetch_all(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
        let mut ids: Vec<i64> = inserted.iter().map(|row| row.get_as("id")).collect::<Result<_, _>>()?;
        // They are given in the order of the rows, whatever the order in which the database tells them.
        ids.sort_unstable();
        cases.extend(ids.into_iter().map(CaseId).zip(rows.iter().map(|opening| opening.transition)));
    }
    let sql =
        |values: &str| format!("INSERT INTO case_event (case_id, number, at_ms, what, note, state) VALUES {values}");
    write_rows(connection, &cases, 6, sql, |insert, (case, transition)| {
        insert
            .bind(case.0)
            .bind(1_i64)
            .bind(transition.at.0)
            .bind(word_of(&CaseWhat::Opened))
            .bind(transition.cause.in_both())
            .bind(word_of(&CaseState::Opened))
    })
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let sql = |values: &str| format!("INSERT INTO case_alarm (case_id, alarm_id, device_id) VALUES {values}");
    write_rows(connection, &cases, 3, sql, |insert, (case, transition)| {
        insert.bind(case.0).bind(transition.alarm.0).bind(transition.device.as_str())
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

/// An alarm that comes to a case, as far as it changes the case.
pub(super) struct Newcomer<'a> {
    pub(super) rule: &'a RuleId,
    pub(super) severity: Severity,
    pub(super) began: UnixMs,
    pub(super) title: &'a Text,
}

/// Makes a case as bad as the alarm that comes to it, and an entrapment when that says that people are trapped.
pub(super) async fn take_in(
    connection: &mut AnyConnection,
    stored: &mut Stored,
    policy: &Policy,
    newcomer: Newcomer<'_>,
    event: Event<'_>,
) -> Result<(), StoreError> {
    let before = stored.case.clone();
    stored.case.severity = stored.case.severity.min(newcomer.severity);
    stored.watch = policy.watch_after(&before, &stored.case, stored.watch);
    let at = event.at;
    let is_entrapment = policy.plan(newcomer.rule) == Plan::Entrapment;
    if is_entrapment && let Some(trapped) = stored.case.trapped(newcomer.began, at) {
        stored.case = trapped;
        stored.title = newcomer.title.clone();
        // Of these clocks nobody was told anything yet.
        stored.watch = Watch::default();
    }
    save(connection, stored, policy, &[event], at).await
}

/// The newest open case that the condition, on one value, finds.
async fn open_case_of<'v, V>(
    connection: &mut AnyConnection,
    condition: &'static str,
    value: V,
) -> Result<Option<Stored>, StoreError>
where
    V: sqlx::Encode<'v, sqlx::Any> + sqlx::Type<sqlx::Any> + 'v,
{
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT MAX(case_id) AS id FROM case_alarm WHERE {condition} AND closed_at_ms IS NULL"
    )))
    .bind(value)
    .fetch_one(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    match row.get_as::<Option<i64>>("id")? {
        Some(id) => load(connection, CaseId(id)).await,
        None => Ok(None),
    }
}

/// Those of the devices that are in no open case, and where they stand. One that left the registry stands nowhere.
async fn devices_without_a_case(
    connection: &mut AnyConnection,
    devices: &[&DeviceId],
) -> Result<HashMap<DeviceId, SiteAt>, StoreError> {
    let mut found = HashMap::with_capacity(devices.len());
    for (devices, list) in lists(devices, 0) {
        let sql = format!(
            "{SELECT_SITE} AND NOT EXISTS (SELECT 1 FROM case_alarm \
             WHERE case_alarm.device_id = device.id AND case_alarm.closed_at_ms IS NULL) AND device.id IN {list}"
        );
        let select =
            devices.iter().fold(sqlx::query(AssertSqlSafe(sql)), |select, device| select.bind(device.as_str()));
        let rows = select.fetch_all(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
        for row in &rows {
            found.insert(row.id("device_id")?, site_at(row)?);
        }
    }
    Ok(found)
}

async fn site_of(connection: &mut AnyConnection, device: &DeviceId) -> Result<Option<SiteAt>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!("{SELECT_SITE} AND device.id = $1")))
        .bind(device.as_str())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    row.as_ref().map(site_at).transpose()
}
