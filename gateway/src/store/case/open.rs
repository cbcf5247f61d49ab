//! A case from alarms by a person, and another alarm for a case that is there.

use domain::{
    alarm::Severity,
    case::{Case, CaseRefusal, CaseState, CaseWhat, Plan, Watch},
    id::{AlarmId, CaseId, DeviceId, RuleId, SiteId},
    registry::Place,
    roster::Assignee,
    text::Text,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    ALARMS_MAX, CaseRequest, CaseTrouble, KeyOf,
    follow::{Newcomer, take_in},
    row::{Event, Stored, save, severity_of},
    step, use_of_key,
};
use crate::store::{
    Store, audit,
    error::StoreError,
    row::{Columns, placeholders, word_of},
    scope::Scope,
    writer::Priority,
};

const OPERATION: &str = "opening a case";

/// Where a case is.
#[derive(Clone, PartialEq)]
pub(super) struct SiteAt {
    pub(super) site: SiteId,
    pub(super) name: String,
    pub(super) place: Place,
}

/// An alarm that a case is to be opened from.
struct Candidate {
    alarm: AlarmId,
    device: DeviceId,
    rule: RuleId,
    severity: Severity,
    title: Text,
    raised: UnixMs,
    at: SiteAt,
    is_open: bool,
    taken_by: Option<CaseId>,
}

impl Store {
    /// Opens a case from open alarms of one site, and makes it somebody's where one is named. With the same key again it
    /// answers with the case that the first request opened.
    pub async fn open_case(
        &self,
        scope: &Scope,
        alarms: Vec<AlarmId>,
        assignee: Option<Assignee>,
        request: CaseRequest,
        at: UnixMs,
    ) -> Result<Result<CaseId, CaseTrouble>, StoreError> {
        let (store, told, scope) = (self.clone(), self.clone(), scope.clone());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(
                        async move { open_by_person(connection, &store, &scope, alarms, assignee, &request, at).await },
                    )
                },
                move |_| told.notices_have_come(),
            )
            .await
    }
}

async fn open_by_person(
    connection: &mut AnyConnection,
    store: &Store,
    scope: &Scope,
    mut alarms: Vec<AlarmId>,
    assignee: Option<Assignee>,
    request: &CaseRequest,
    at: UnixMs,
) -> Result<Result<CaseId, CaseTrouble>, StoreError> {
    let by = scope.username().as_str();
    if let Some((case, _)) = use_of_key(connection, by, &request.key, KeyOf::Opening).await? {
        return Ok(Ok(case));
    }
    alarms.sort_unstable();
    alarms.dedup();
    if alarms.is_empty() || alarms.len() > ALARMS_MAX {
        return Ok(Err(CaseTrouble::AlarmCount));
    }
    let candidates = candidates(connection, &alarms).await?;
    if candidates.len() != alarms.len() || candidates.iter().any(|one| !scope.covers(Some(&one.at.place))) {
        return Ok(Err(CaseTrouble::NotFound));
    }
    if let Some(trouble) = trouble_with(&candidates) {
        return Ok(Err(trouble));
    }
    // The first of the worst gives the case its title.
    let worst = candidates.iter().min_by_key(|one| (one.severity, one.alarm)).expect("there is at least one");
    let goes_to = match assignee {
        None => None,
        Some(assignee) => match step::resolve(connection, store, &assignee, &worst.at.place).await? {
            Some(target) => Some((assignee, target)),
            None => return Ok(Err(CaseTrouble::ForeignAssignee(assignee.to_string()))),
        },
    };
    let policy = store.duty_policy();
    let is_entrapment = candidates.iter().find(|one| policy.plan(&one.rule) == Plan::Entrapment);
    let began = is_entrapment.or_else(|| candidates.iter().min_by_key(|one| one.raised)).map_or(at, |one| one.raised);
    let plan = if is_entrapment.is_some() { Plan::Entrapment } else { Plan::Ordinary };
    let case = Case::opened(plan, worst.severity, began, at);
    let mut stored = insert(connection, worst.at.clone(), &worst.title, case, by, at).await?;
    let opened = Event::plain(at, CaseWhat::Opened).by_person(by, &request.note, &request.key);
    save(connection, &mut stored, &policy, &[opened], at).await?;
    for one in &candidates {
        link(connection, stored.id, one.alarm, &one.device).await?;
    }
    audit::note(connection, by, "case.open", &stored.id.to_string(), request.note.clone(), at).await?;
    if let Some((assignee, target)) = goes_to {
        step::assign_new(connection, store, &mut stored, (assignee, target), scope, at).await?;
    }
    Ok(Ok(stored.id))
}

fn trouble_with(candidates: &[Candidate]) -> Option<CaseTrouble> {
    for one in candidates {
        if !one.is_open {
            return Some(CaseTrouble::AlarmClosed(one.alarm));
        }
        if let Some(case) = one.taken_by {
            return Some(CaseTrouble::AlarmTaken { alarm: one.alarm, case });
        }
        if one.at.site != candidates[0].at.site {
            return Some(CaseTrouble::SeveralSites);
        }
    }
    None
}

/// Puts another open alarm of the case's site to it.
pub(super) async fn add_alarm(
    connection: &mut AnyConnection,
    store: &Store,
    stored: &mut Stored,
    alarm: AlarmId,
    by: &str,
    key: &str,
    at: UnixMs,
) -> Result<Result<(), CaseTrouble>, StoreError> {
    let Some(one) = candidates(connection, &[alarm]).await?.pop().filter(|one| one.at.place == stored.place) else {
        return Ok(Err(CaseTrouble::NotFound));
    };
    if !stored.case.state.is_underway() {
        return Ok(Err(CaseTrouble::Refused(CaseRefusal::OutOfTurn)));
    }
    if one.at.site != stored.site {
        return Ok(Err(CaseTrouble::SeveralSites));
    }
    if let Some(trouble) = trouble_with(std::slice::from_ref(&one)) {
        return Ok(Err(trouble));
    }
    let event = Event { alarm: Some(alarm), ..Event::plain(at, CaseWhat::AlarmAdded).by_person(by, "", key) };
    let policy = store.duty_policy();
    let newcomer = Newcomer { rule: &one.rule, severity: one.severity, began: one.raised, title: &one.title };
    take_in(connection, stored, &policy, newcomer, event).await?;
    link(connection, stored.id, alarm, &one.device).await?;
    audit::note(connection, by, "case.add_alarm", &stored.id.to_string(), alarm.to_string(), at).await?;
    Ok(Ok(()))
}

/// Writes a case that is not there yet; [`save`] writes the row of its time line that says so.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    location: SiteAt,
    title: &Text,
    case: Case,
    opened_by: &str,
    at: UnixMs,
) -> Result<Stored, StoreError> {
    let row = sqlx::query(
        "INSERT INTO duty_case (site_id, plan, severity, state, title_zh, title_en, opened_at_ms, opened_by, \
         began_at_ms, entered_at_ms, overdue_told, is_accident_told, event_count) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0) RETURNING id",
    )
    .bind(location.site.as_str().to_owned())
    .bind(word_of(&case.plan))
    .bind(i64::from(case.severity as u8))
    .bind(word_of(&CaseState::Opened))
    .bind(title.zh.as_str())
    .bind(title.en.as_str())
    .bind(at.0)
    .bind(opened_by)
    .bind(case.began.0)
    .bind(case.entered.0)
    .fetch_one(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let id = CaseId(row.get_as("id")?);
    let watch = Watch::default();
    let SiteAt { site, name: site_name, place } = location;
    Ok(Stored { id, site, site_name, place, title: title.clone(), case, watch, event_count: 0 })
}

/// The unique index refuses an alarm that is in an open case.
pub(super) async fn link(
    connection: &mut AnyConnection,
    case: CaseId,
    alarm: AlarmId,
    device: &DeviceId,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO case_alarm (case_id, alarm_id, device_id) VALUES ($1, $2, $3)")
        .bind(case.0)
        .bind(alarm.0)
        .bind(device.as_str())
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}

pub(super) fn site_at(row: &AnyRow) -> Result<SiteAt, StoreError> {
    let place = Place { township: row.id("township_code")?, owner: row.id("owner_id")? };
    Ok(SiteAt { site: row.id("site_id")?, name: row.get_as("site_name")?, place })
}

/// The alarms as far as a case looks at them; what is not there is left out.
async fn candidates(connection: &mut AnyConnection, alarms: &[AlarmId]) -> Result<Vec<Candidate>, StoreError> {
    let sql = format!(
        "SELECT alarm.id, alarm.device_id, alarm.rule_id, alarm.severity, alarm.title_zh, alarm.title_en, \
         alarm.raised_at_ms, alarm.closed_at_ms, site.id AS site_id, site.name AS site_name, site.township_code, \
         site.owner_id, case_alarm.case_id FROM alarm JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id \
         LEFT JOIN case_alarm ON case_alarm.alarm_id = alarm.id AND case_alarm.closed_at_ms IS NULL \
         WHERE device.removed_at_ms IS NULL AND alarm.id IN {}",
        placeholders(1, alarms.len(), 0)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for alarm in alarms {
        query = query.bind(alarm.0);
    }
    let rows = query.fetch_all(connection).await.map_err(StoreError::failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                alarm: AlarmId(row.get_as("id")?),
                device: row.id("device_id")?,
                rule: row.id("rule_id")?,
                severity: severity_of(row)?,
                title: Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? },
                raised: row.time("raised_at_ms")?,
                at: site_at(row)?,
                is_open: row.time_or_none("closed_at_ms")?.is_none(),
                taken_by: row.get_as::<Option<i64>>("case_id")?.map(CaseId),
            })
        })
        .collect()
}
