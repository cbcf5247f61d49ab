//! A case from alarms: by a person, or with an alarm of severity I in that alarm's own transaction, so that there is no
//! moment in which a danger to life is on screen and is nobody's work.

use domain::{
    alarm::{AlarmState, Severity, Transition, What},
    case::{Case, CaseState, CaseWhat, Plan, Policy},
    id::{AlarmId, CaseId, DeviceId, RuleId, SiteId},
    registry::Place,
    text::Text,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    ALARMS_MAX, CaseRequest, CaseTrouble,
    row::{Event, SELECT_CASE, Stored, load, save, severity_of, stored_of},
    step::{self, check_assignee},
    use_of_key,
};
use crate::store::{
    Store, audit,
    error::StoreError,
    row::{Columns, placeholders, word_of},
    scope::Scope,
    writer::Priority,
};

const OPERATION: &str = "opening a case";

/// An alarm that a case is to be opened from.
struct Candidate {
    alarm: AlarmId,
    device: DeviceId,
    rule: RuleId,
    severity: Severity,
    title: Text,
    raised: UnixMs,
    site: SiteId,
    place: Place,
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
        assignee: Option<domain::roster::Assignee>,
        request: CaseRequest,
        at: UnixMs,
    ) -> Result<Result<CaseId, CaseTrouble>, StoreError> {
        let (store, scope) = (self.clone(), scope.clone());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        open_by_person(connection, &store, &scope, alarms, assignee, &request, at).await
                    })
                },
                |_| {},
            )
            .await
    }
}

async fn open_by_person(
    connection: &mut AnyConnection,
    store: &Store,
    scope: &Scope,
    mut alarms: Vec<AlarmId>,
    assignee: Option<domain::roster::Assignee>,
    request: &CaseRequest,
    at: UnixMs,
) -> Result<Result<CaseId, CaseTrouble>, StoreError> {
    let by = scope.username().as_str();
    match use_of_key(connection, by, &request.key).await? {
        None => {}
        Some((case, CaseWhat::Opened)) => return Ok(Ok(case)),
        Some(_) => return Ok(Err(CaseTrouble::KeyReused)),
    }
    alarms.sort_unstable();
    alarms.dedup();
    if alarms.is_empty() || alarms.len() > ALARMS_MAX {
        return Ok(Err(CaseTrouble::AlarmCount));
    }
    let candidates = candidates(connection, &alarms).await?;
    if candidates.len() != alarms.len() || candidates.iter().any(|one| !scope.covers(Some(&one.place))) {
        return Ok(Err(CaseTrouble::NotFound));
    }
    if let Some(trouble) = trouble_with(&candidates) {
        return Ok(Err(trouble));
    }
    // The first of the worst gives the case its title.
    let worst = candidates.iter().min_by_key(|one| (one.severity, one.alarm)).expect("there is at least one");
    if let Some(assignee) = &assignee
        && !check_assignee(connection, store, assignee, &worst.place).await?
    {
        return Ok(Err(CaseTrouble::ForeignAssignee(assignee.to_string())));
    }
    let policy = store.duty_policy();
    let is_entrapment = candidates.iter().find(|one| policy.plan(&one.rule) == Plan::Entrapment);
    let began = is_entrapment.or_else(|| candidates.iter().min_by_key(|one| one.raised)).map_or(at, |one| one.raised);
    let plan = if is_entrapment.is_some() { Plan::Entrapment } else { Plan::Ordinary };
    let case = Case::opened(plan, worst.severity, began, at);
    let mut stored = insert(connection, &worst.site, worst.place.clone(), &worst.title, case, Some(by), at).await?;
    let opened = Event::plain(at, CaseWhat::Opened).by_person(by, &request.note, &request.key);
    save(connection, &mut stored, &policy, &[opened], at).await?;
    for one in &candidates {
        link(connection, stored.id, one.alarm, &one.device).await?;
    }
    audit::note(connection, by, "case.open", &stored.id.to_string(), request.note.clone(), at).await?;
    if let Some(assignee) = assignee {
        step::assign_new(connection, store, &mut stored, assignee, scope, at).await?;
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
        if one.site != candidates[0].site {
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
    let Some(one) = candidates(connection, &[alarm]).await?.pop().filter(|one| one.place == stored.place) else {
        return Ok(Err(CaseTrouble::NotFound));
    };
    if !stored.case.state.is_underway() {
        return Ok(Err(CaseTrouble::Refused(domain::case::CaseRefusal::OutOfTurn)));
    }
    if one.site != stored.site {
        return Ok(Err(CaseTrouble::SeveralSites));
    }
    if let Some(trouble) = trouble_with(std::slice::from_ref(&one)) {
        return Ok(Err(trouble));
    }
    let event = Event { alarm: Some(alarm), ..Event::plain(at, CaseWhat::AlarmAdded).by_person(by, "", key) };
    let policy = store.duty_policy();
    take_in(connection, stored, &policy, Newcomer::of(&one), event).await?;
    link(connection, stored.id, alarm, &one.device).await?;
    audit::note(connection, by, "case.add_alarm", &stored.id.to_string(), alarm.to_string(), at).await?;
    Ok(Ok(()))
}

/// What an alarm's transition means for cases. An alarm that becomes severity I and calls is put to a case that is under
/// way on its device, or has one opened; an alarm of a case that has become worse makes the case worse.
pub(in crate::store) async fn follow_alarm(
    connection: &mut AnyConnection,
    transition: &Transition,
    policy: &Policy,
) -> Result<(), StoreError> {
    let is_calling = transition.severity == Severity::I
        && matches!(
            transition.state,
            AlarmState::ActiveUnacknowledged
                | AlarmState::ReturnedUnacknowledged
                | AlarmState::LatchedUnacknowledged
        );
    let may_concern_a_case = match transition.what {
        What::Raised => is_calling,
        What::SeverityChanged => true,
        What::Reoccurred | What::Unshelved | What::Unsuppressed | What::ReturnedToService => is_calling,
        What::Acknowledged
        | What::Returned
        | What::Reset
        | What::Shelved
        | What::Suppressed
        | What::TakenOutOfService
        | What::Closed => false,
    };
    if !may_concern_a_case {
        return Ok(());
    }
    let (alarm, device, at) = (transition.alarm, &transition.device, transition.at);
    if let Some(mut stored) = open_case_of(connection, "case_alarm.alarm_id = $1", alarm.0).await? {
        if transition.severity < stored.case.severity {
            let note = format!("级别升高 / severity has risen: {:?}", transition.severity);
            let event = Event { note: &note, alarm: Some(alarm), ..Event::plain(at, CaseWhat::Noted) };
            let newcomer = Newcomer { rule: &transition.rule, severity: transition.severity, began: at };
            take_in(connection, &mut stored, policy, newcomer, event).await?;
        }
        return Ok(());
    }
    if !is_calling {
        return Ok(());
    }
    let began = transition.event_time;
    if let Some(mut stored) = open_case_of(connection, "case_alarm.device_id = $1", device.as_str()).await?
        && stored.case.state.is_underway()
    {
        let event = Event { alarm: Some(alarm), ..Event::plain(at, CaseWhat::AlarmAdded) };
        let newcomer = Newcomer { rule: &transition.rule, severity: transition.severity, began };
        take_in(connection, &mut stored, policy, newcomer, event).await?;
        return link(connection, stored.id, alarm, device).await;
    }
    // A device that left the registry has no site any more, and nobody to send.
    let Some((site, place)) = site_of(connection, device).await? else { return Ok(()) };
    let case = Case::opened(policy.plan(&transition.rule), Severity::I, began, at);
    let mut stored = insert(connection, &site, place, &transition.title, case, None, at).await?;
    let note = transition.cause.in_both();
    let event = Event { note: &note, ..Event::plain(at, CaseWhat::Opened) };
    save(connection, &mut stored, policy, &[event], at).await?;
    link(connection, stored.id, alarm, device).await
}

/// An alarm that comes to a case, as far as it changes the case.
struct Newcomer<'a> {
    rule: &'a RuleId,
    severity: Severity,
    began: UnixMs,
}

impl<'a> Newcomer<'a> {
    const fn of(one: &'a Candidate) -> Self {
        Self { rule: &one.rule, severity: one.severity, began: one.raised }
    }
}

/// Makes a case as bad as the alarm that comes to it, and an entrapment when that says that people are trapped.
async fn take_in(
    connection: &mut AnyConnection,
    stored: &mut Stored,
    policy: &Policy,
    newcomer: Newcomer<'_>,
    event: Event<'_>,
) -> Result<(), StoreError> {
    let before = stored.case.clone();
    stored.case.severity = stored.case.severity.min(newcomer.severity);
    if policy.plan(newcomer.rule) == Plan::Entrapment && stored.case.plan == Plan::Ordinary {
        (stored.case.plan, stored.case.began) = (Plan::Entrapment, newcomer.began);
    }
    stored.watch = policy.watch_after(&before, &stored.case, stored.watch);
    let at = event.at;
    save(connection, stored, policy, &[event], at).await
}

async fn insert(
    connection: &mut AnyConnection,
    site: &SiteId,
    place: Place,
    title: &Text,
    case: Case,
    opened_by: Option<&str>,
    at: UnixMs,
) -> Result<Stored, StoreError> {
    let row = sqlx::query(
        "INSERT INTO duty_case (site_id, plan, severity, state, title_zh, title_en, opened_at_ms, opened_by, \
         began_at_ms, entered_at_ms, overdue_told, is_accident_told, event_count) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0) RETURNING id",
    )
    .bind(site.as_str())
    .bind(word_of(&case.plan))
    .bind(i64::from(case.severity as u8))
    .bind(word_of(&CaseState::Opened))
    .bind(title.zh.as_str())
    .bind(title.en.as_str())
    .bind(at.0)
    .bind(opened_by.map(str::to_owned))
    .bind(case.began.0)
    .bind(case.entered.0)
    .fetch_one(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let id = CaseId(row.get_as("id")?);
    let watch = domain::case::Watch::default();
    Ok(Stored { id, site: site.clone(), place, title: title.clone(), case, watch, event_count: 0 })
}

/// The unique index refuses an alarm that is in an open case.
async fn link(
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

async fn site_of(
    connection: &mut AnyConnection,
    device: &DeviceId,
) -> Result<Option<(SiteId, Place)>, StoreError> {
    let row = sqlx::query(
        "SELECT site.id AS site_id, site.township_code, site.owner_id FROM device \
         JOIN site ON site.id = device.site_id WHERE device.id = $1 AND device.removed_at_ms IS NULL",
    )
    .bind(device.as_str())
    .fetch_optional(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    row.map(|row| Ok((row.id("site_id")?, place_of(&row)?))).transpose()
}

fn place_of(row: &AnyRow) -> Result<Place, StoreError> {
    Ok(Place { township: row.id("township_code")?, owner: row.id("owner_id")? })
}

/// The alarms as far as a case looks at them; what is not there is left out.
async fn candidates(connection: &mut AnyConnection, alarms: &[AlarmId]) -> Result<Vec<Candidate>, StoreError> {
    let sql = format!(
        "SELECT alarm.id, alarm.device_id, alarm.rule_id, alarm.severity, alarm.title_zh, alarm.title_en, \
         alarm.raised_at_ms, alarm.closed_at_ms, site.id AS site_id, site.township_code, site.owner_id, \
         case_alarm.case_id FROM alarm JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id \
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
                site: row.id("site_id")?,
                place: place_of(row)?,
                is_open: row.time_or_none("closed_at_ms")?.is_none(),
                taken_by: row.get_as::<Option<i64>>("case_id")?.map(CaseId),
            })
        })
        .collect()
}
