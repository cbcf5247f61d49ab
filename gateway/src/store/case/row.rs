//! Rows to cases and back.

use domain::{
    alarm::Severity,
    case::{Case, CaseState, CaseWhat, Milestone, Outcome, Policy, Watch},
    escalation::Rung,
    id::{AlarmId, CaseId, SiteId},
    registry::Place,
    roster::Assignee,
    time::UnixMs,
};
use protocol::rest::{self, SeverityNumber};
use sqlx::{AnyConnection, any::AnyRow};

use crate::store::{
    error::StoreError,
    row::{Columns, word_of},
};

const OPERATION: &str = "storing a case";
/// What the column `outcome` says of a false alarm; everything else is a cause.
const FALSE_ALARM: &str = "false_alarm";

/// A case joined with its site.
pub(super) const SELECT_CASE: &str = "SELECT duty_case.*, site.name AS site_name, site.address, site.township_code, \
     site.owner_id FROM duty_case JOIN site ON site.id = duty_case.site_id";

/// A case as it is stored.
#[derive(Debug, Clone)]
pub(in crate::store) struct Stored {
    pub(super) id: CaseId,
    pub(super) site: SiteId,
    pub(super) site_name: String,
    /// Whose it is to see.
    pub(super) place: Place,
    pub(super) title: domain::text::Text,
    pub(super) case: Case,
    pub(super) watch: Watch,
    /// Rows of its time line; also what tells a racing writer that it has changed.
    pub(super) event_count: i64,
}

/// A row of the time line about to be written.
pub(super) struct Event<'a> {
    pub(super) at: UnixMs,
    pub(super) what: CaseWhat,
    /// None: the clock, or its alarm.
    pub(super) by: Option<&'a str>,
    pub(super) note: &'a str,
    pub(super) assignee: Option<&'a Assignee>,
    pub(super) told: Option<Rung>,
    pub(super) alarm: Option<AlarmId>,
    pub(super) photo: Option<i64>,
    pub(super) key: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// A row that says when and what, and nothing else.
    pub(super) const fn plain(at: UnixMs, what: CaseWhat) -> Self {
        Self { at, what, by: None, note: "", assignee: None, told: None, alarm: None, photo: None, key: None }
    }

    /// Who did it, what that person wrote, and the key that was pressed.
    pub(super) const fn by_person(self, by: &'a str, note: &'a str, key: &'a str) -> Self {
        Self { by: Some(by), note, key: Some(key), ..self }
    }
}

/// How far up something was told, as stored.
pub(in crate::store) const fn number_of(reached: Option<Rung>) -> i64 {
    match reached {
        None => 0,
        Some(Rung::Ground) => 1,
        Some(Rung::Office) => 2,
        Some(Rung::Centre) => 3,
    }
}

/// How far up something was told, as read.
pub(in crate::store) fn rung_of(row: &AnyRow, column: &'static str) -> Result<Option<Rung>, StoreError> {
    match row.get_as::<Option<i64>>(column)? {
        None | Some(0) => Ok(None),
        Some(1) => Ok(Some(Rung::Ground)),
        Some(2) => Ok(Some(Rung::Office)),
        Some(3) => Ok(Some(Rung::Centre)),
        Some(other) => Err(StoreError::damaged(column)(other)),
    }
}

pub(in crate::store) fn severity_of(row: &AnyRow) -> Result<Severity, StoreError> {
    let number: u8 = row.number("severity")?;
    Severity::from_u8(number).ok_or_else(|| StoreError::damaged("severity")(number))
}

/// One case as it is now, for a transaction that changes it.
pub(super) async fn load(connection: &mut AnyConnection, id: CaseId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT_CASE} WHERE duty_case.id = $1")))
        .bind(id.0)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    row.as_ref().map(stored_of).transpose()
}

pub(super) fn stored_of(row: &AnyRow) -> Result<Stored, StoreError> {
    let outcome = match row.get_as::<Option<String>>("outcome")?.as_deref() {
        None => None,
        Some(FALSE_ALARM) => Some(Outcome::FalseAlarm),
        Some(_) => Some(Outcome::Handled(row.word("outcome")?)),
    };
    Ok(Stored {
        id: CaseId(row.get_as("id")?),
        site: row.id("site_id")?,
        site_name: row.get_as("site_name")?,
        place: Place { township: row.id("township_code")?, owner: row.id("owner_id")? },
        title: domain::text::Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? },
        case: Case {
            plan: row.word("plan")?,
            severity: severity_of(row)?,
            state: row.word("state")?,
            began: row.time("began_at_ms")?,
            entered: row.time("entered_at_ms")?,
            assignee: row.id_or_none("assignee")?,
            handler: row.id_or_none("handler")?,
            handled_by: row.id_or_none("handled_by")?,
            outcome,
            contacted: row.time_or_none("contacted_at_ms")?,
            arrived: row.time_or_none("arrived_at_ms")?,
            freed: row.time_or_none("freed_at_ms")?,
        },
        watch: Watch {
            reached: rung_of(row, "overdue_told")?,
            is_accident_told: row.flag("is_accident_told")?,
            milestones_told_s: row.number("milestones_told_s")?,
        },
        event_count: row.get_as("event_count")?,
    })
}

/// The list entry.
pub(super) fn case_of(row: &AnyRow, policy: &Policy, now: UnixMs) -> Result<rest::Case, StoreError> {
    let Stored { id, site, site_name, place, title, case, watch, event_count: _ } = stored_of(row)?;
    let due_at_ms: Option<i64> = row.get_as("due_at_ms")?;
    let after = |seconds: u32| case.began.plus_ms(i64::from(seconds) * 1000).0;
    let limits = &policy.entrapment;
    let entrapment = (case.plan == domain::case::Plan::Entrapment).then(|| rest::Entrapment {
        contact_due_at_ms: after(limits.contact_s),
        contacted_at_ms: case.contacted.map(|at| at.0),
        rescue_due_at_ms: after(limits.on_site_s),
        freed_at_ms: case.freed.map(|at| at.0),
        milestones: milestones(policy, &case),
        accident_at_ms: after(limits.accident_s),
        is_accident: watch.is_accident_told || policy.accident(&case).is_some_and(|accident| accident <= now),
    });
    Ok(rest::Case {
        id,
        plan: case.plan,
        severity: SeverityNumber(case.severity),
        state: case.state,
        title_zh: title.zh,
        title_en: title.en,
        site,
        site_name,
        address: row.get_as("address")?,
        township: place.township,
        began_at_ms: case.began.0,
        opened_at_ms: row.get_as("opened_at_ms")?,
        opened_by: row.get_as("opened_by")?,
        entered_at_ms: case.entered.0,
        due_at_ms,
        is_overdue: due_at_ms.is_some_and(|due| due <= now.0),
        overdue_told: watch.reached,
        assignee: case.assignee,
        handler: case.handler.map(|name| name.to_string()),
        handled_by: case.handled_by.map(|name| name.to_string()),
        cause: match case.outcome {
            Some(Outcome::Handled(cause)) => Some(cause),
            Some(Outcome::FalseAlarm) | None => None,
        },
        is_false_alarm: case.outcome == Some(Outcome::FalseAlarm),
        entrapment,
        arrived_at_ms: case.arrived.map(|at| at.0),
        closed_at_ms: row.get_as("closed_at_ms")?,
    })
}

/// What is told, or was, while people are trapped.
fn milestones(policy: &Policy, case: &Case) -> Vec<rest::Milestone> {
    let shown = |milestone: Milestone| rest::Milestone {
        at_ms: milestone.at(case).0,
        is_met: milestone.is_met(case),
        tell: milestone.tell,
        what_zh: milestone.what.zh,
        what_en: milestone.what.en,
    };
    policy.entrapment.milestones().into_iter().map(shown).collect()
}

/// When there may be something to tell of a case's time. What has passed already is told by the task that watches: it looks
/// again at once.
pub(super) fn check_at(policy: &Policy, case: &Case, watch: Watch, now: UnixMs) -> Option<UnixMs> {
    let look = policy.look(case, watch, now);
    let is_quiet = look.tell.is_empty() && look.milestones.is_empty() && !look.becomes_accident;
    if is_quiet { look.next } else { Some(now) }
}

/// Writes a case that has changed, with the rows of its time line that say how. A closed case lets its alarms go.
pub(super) async fn save(
    connection: &mut AnyConnection,
    stored: &mut Stored,
    policy: &Policy,
    events: &[Event<'_>],
    at: UnixMs,
) -> Result<(), StoreError> {
    let case = &stored.case;
    let due = policy.due(case);
    let check = check_at(policy, case, stored.watch, at);
    let closed_at = (case.state == CaseState::Closed).then_some(at.0);
    let outcome = case.outcome.map(|outcome| match outcome {
        Outcome::FalseAlarm => FALSE_ALARM.to_owned(),
        Outcome::Handled(code) => word_of(&code),
    });
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let changed = sqlx::query(
        "UPDATE duty_case SET plan = $3, severity = $4, state = $5, began_at_ms = $6, entered_at_ms = $7, \
         due_at_ms = $8, check_at_ms = $9, overdue_told = $10, is_accident_told = $11, assignee = $12, handler = $13, \
         handled_by = $14, outcome = $15, contacted_at_ms = $16, arrived_at_ms = $17, freed_at_ms = $18, \
         closed_at_ms = $19, event_count = event_count + $20, title_zh = $21, title_en = $22, milestones_told_s = $23 \
         WHERE id = $1 AND event_count = $2",
    )
    .bind(stored.id.0)
    .bind(stored.event_count)
    .bind(word_of(&case.plan))
    .bind(i64::from(case.severity as u8))
    .bind(word_of(&case.state))
    .bind(case.began.0)
    .bind(case.entered.0)
    .bind(due.map(|at| at.0))
    .bind(check.map(|at| at.0))
    .bind(number_of(stored.watch.reached))
    .bind(i64::from(stored.watch.is_accident_told))
    .bind(case.assignee.as_ref().map(ToString::to_string))
    .bind(case.handler.as_ref().map(ToString::to_string))
    .bind(case.handled_by.as_ref().map(ToString::to_string))
    .bind(outcome)
    .bind(case.contacted.map(|at| at.0))
    .bind(case.arrived.map(|at| at.0))
    .bind(case.freed.map(|at| at.0))
    .bind(closed_at)
    .bind(count)
    .bind(stored.title.zh.as_str())
    .bind(stored.title.en.as_str())
    .bind(i64::from(stored.watch.milestones_told_s))
    .execute(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?
    .rows_affected();
    if changed != 1 {
        return Err(StoreError::NotFound("case in that state"));
    }
    for event in events {
        stored.event_count += 1;
        append(connection, stored, event).await?;
    }
    if closed_at.is_some() {
        sqlx::query("UPDATE case_alarm SET closed_at_ms = $2 WHERE case_id = $1")
            .bind(stored.id.0)
            .bind(closed_at)
            .execute(connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}

async fn append(connection: &mut AnyConnection, stored: &Stored, event: &Event<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO case_event (case_id, number, at_ms, what, by_username, note, state, assignee, told, alarm_id, \
         photo_number, idempotency_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(stored.id.0)
    .bind(stored.event_count)
    .bind(event.at.0)
    .bind(word_of(&event.what))
    .bind(event.by.map(str::to_owned))
    .bind(event.note.to_owned())
    .bind(word_of(&stored.case.state))
    .bind(event.assignee.map(ToString::to_string))
    .bind(event.told.map(|rung| number_of(Some(rung))))
    .bind(event.alarm.map(|alarm| alarm.0))
    .bind(event.photo)
    .bind(event.key.map(str::to_owned))
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}
