//! What people ask for, within a scope.

use domain::{
    alarm::Severity,
    case::CaseWhat,
    id::{AlarmId, CaseId, TownshipCode, UserName},
    registry::Place,
    time::UnixMs,
};
use protocol::rest;
use sqlx::{AssertSqlSafe, any::AnyRow};

use super::{
    row::{SELECT_CASE, case_of, rung_of, stored_of},
    step::may_handle,
};
use crate::store::{
    Store, alarm,
    error::StoreError,
    row::Columns,
    scope::Scope,
    select::{Bound, Select},
    user,
};

/// The longest page of cases.
const PAGE_MAX: u32 = 500;

/// Which cases, by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CaseSelection {
    /// Those with work left.
    #[default]
    Open,
    /// Those whose present step is overdue.
    Overdue,
    /// Those that are over.
    Closed,
}

/// Which cases to list. Everything that is None does not narrow the list.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// By where they stand.
    pub selection: CaseSelection,
    /// Of this severity only.
    pub severity: Option<Severity>,
    /// In this township only.
    pub township: Option<TownshipCode>,
    /// Only those in which people are trapped.
    pub is_trapped: bool,
    /// Accepted by, or assigned to, this person only.
    pub of_person: Option<UserName>,
    /// Of closed ones, those with a smaller number only.
    pub before: Option<CaseId>,
    /// At most so many, 1 to 500.
    pub limit: u32,
}

/// A case with everything that belongs to it, but for who is on duty.
#[derive(Debug, Clone)]
pub struct CaseRecord {
    /// The list entry.
    pub case: rest::Case,
    /// Where it is, and who answers for that.
    pub place: Place,
    /// Its alarms, as they are now.
    pub alarms: Vec<rest::Alarm>,
    /// What happened, oldest first.
    pub history: Vec<rest::CaseEvent>,
    /// Its photos, oldest first.
    pub photos: Vec<rest::CasePhoto>,
}

impl Store {
    /// A page of cases: open ones with the most overdue first, closed ones newest first.
    pub async fn cases(&self, scope: &Scope, filter: &CaseFilter, now: UnixMs) -> Result<rest::CasePage, StoreError> {
        const OPERATION: &str = "listing cases";
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let total = self.count(narrowed(COUNT_CASES, scope, filter, now)).await?;
        let mut overdue = narrowed(COUNT_CASES, scope, filter, now);
        overdue.and_up_to("duty_case.due_at_ms", Bound::Number(now.0));
        let overdue = self.count(overdue).await?;

        let mut select = narrowed(SELECT_CASE, scope, filter, now);
        if let Some(before) = filter.before {
            select.and_below("duty_case.id", Bound::Number(before.0));
        }
        let order = match filter.selection {
            CaseSelection::Open | CaseSelection::Overdue => "ORDER BY duty_case.due_at_ms, duty_case.id LIMIT",
            CaseSelection::Closed => "ORDER BY duty_case.id DESC LIMIT",
        };
        // One more than asked for tells whether there is a next page.
        select.finish(order, Bound::Number(i64::from(limit) + 1));
        let rows = select.fetch_all(self.readers(), OPERATION).await?;
        let policy = self.duty_policy();
        let mut cases: Vec<rest::Case> = rows.iter().map(|row| case_of(row, &policy, now)).collect::<Result<_, _>>()?;
        let has_more = cases.len() > limit as usize;
        cases.truncate(limit as usize);
        let is_paged = has_more && filter.selection == CaseSelection::Closed;
        let next_before = cases.last().filter(|_| is_paged).map(|case| case.id.0);
        Ok(rest::CasePage { cases, total, overdue, next_before })
    }

    async fn count(&self, select: Select) -> Result<u64, StoreError> {
        let rows = select.fetch_all(self.readers(), "counting cases").await?;
        rows.first().map_or(Ok(0), |row| row.number("case_count"))
    }

    /// One case; None when there is none or it is not in the scope.
    pub async fn case(&self, scope: &Scope, id: CaseId, now: UnixMs) -> Result<Option<CaseRecord>, StoreError> {
        const OPERATION: &str = "reading a case";
        let mut select = Select::new(SELECT_CASE);
        select.within_sites(scope).and_equals("duty_case.id", Bound::Number(id.0));
        let Some(row) = select.fetch_all(self.readers(), OPERATION).await?.into_iter().next() else {
            return Ok(None);
        };
        let mut alarms = Select::new(alarm::SELECT_ALARM);
        alarms.within(scope).and_with(
            ["alarm.id IN (SELECT alarm_id FROM case_alarm WHERE case_id = ", ") ORDER BY alarm.id"],
            &[Bound::Number(id.0)],
        );
        let alarms = alarms.fetch_all(self.readers(), OPERATION).await?;
        let events = sqlx::query("SELECT * FROM case_event WHERE case_id = $1 ORDER BY number")
            .bind(id.0)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        let photos = sqlx::query(
            "SELECT number, at_ms, by_username, width, height FROM case_photo WHERE case_id = $1 ORDER BY number",
        )
        .bind(id.0)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        Ok(Some(CaseRecord {
            case: case_of(&row, &self.duty_policy(), now)?,
            place: stored_of(&row)?.place,
            alarms: alarms.iter().map(alarm::alarm_of).collect::<Result<_, _>>()?,
            history: events.iter().map(event_of).collect::<Result<_, _>>()?,
            photos: photos.iter().map(photo_of).collect::<Result<_, _>>()?,
        }))
    }

    /// The newest case of an alarm; the caller has made sure that the alarm lies in the scope. None: it is in none.
    pub async fn case_of_alarm(&self, alarm: AlarmId, now: UnixMs) -> Result<Option<rest::CaseOfAlarm>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!(
            "{SELECT_CASE} WHERE duty_case.id = (SELECT MAX(case_id) FROM case_alarm WHERE alarm_id = $1)"
        )))
        .bind(alarm.0)
        .fetch_optional(self.readers())
        .await
        .map_err(StoreError::read("reading the case of an alarm"))?;
        row.map(|row| {
            let rest::Case { id, state, began_at_ms, arrived_at_ms, entrapment, .. } =
                case_of(&row, &self.duty_policy(), now)?;
            Ok(rest::CaseOfAlarm { id, is_open: state.is_open(), began_at_ms, arrived_at_ms, entrapment })
        })
        .transpose()
    }

    /// The people who answer for a place and may handle its cases, by name.
    pub async fn case_officers(&self, place: &Place) -> Result<Vec<rest::Officer>, StoreError> {
        let rows = sqlx::query("SELECT * FROM account WHERE is_disabled = 0 ORDER BY lower(username)")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("listing officers"))?;
        let mut officers = Vec::new();
        for row in &rows {
            let account = user::user_of(row)?;
            if may_handle(self, &account, place)? {
                let rest::User { username, display_name, office, township, .. } = account;
                officers.push(rest::Officer { username, display_name, office, township });
            }
        }
        Ok(officers)
    }
}

const COUNT_CASES: &str = "SELECT COUNT(*) AS case_count FROM duty_case JOIN site ON site.id = duty_case.site_id";

fn narrowed(from: &'static str, scope: &Scope, filter: &CaseFilter, now: UnixMs) -> Select {
    let mut select = Select::new(from);
    select.within_sites(scope);
    match filter.selection {
        CaseSelection::Open => select.and("duty_case.closed_at_ms IS NULL"),
        CaseSelection::Overdue => {
            select.and("duty_case.closed_at_ms IS NULL").and_up_to("duty_case.due_at_ms", Bound::Number(now.0))
        }
        CaseSelection::Closed => select.and("duty_case.closed_at_ms IS NOT NULL"),
    };
    if let Some(severity) = filter.severity {
        select.and_equals("duty_case.severity", Bound::Number(i64::from(severity as u8)));
    }
    if let Some(township) = &filter.township {
        select.and_equals("site.township_code", Bound::Text(township.to_string()));
    }
    if filter.is_trapped {
        select.and(
            "duty_case.plan = 'entrapment' AND duty_case.freed_at_ms IS NULL AND duty_case.closed_at_ms IS NULL \
             AND COALESCE(duty_case.outcome, '') <> 'false_alarm'",
        );
    }
    if let Some(name) = &filter.of_person {
        select.and_with(
            ["(duty_case.handler = ", " OR duty_case.assignee = ", ")"],
            &[Bound::Text(name.to_string()), Bound::Text(format!("person:{name}"))],
        );
    }
    select
}

fn event_of(row: &AnyRow) -> Result<rest::CaseEvent, StoreError> {
    let what: CaseWhat = row.word("what")?;
    Ok(rest::CaseEvent {
        at_ms: row.get_as("at_ms")?,
        what,
        by: row.get_as("by_username")?,
        note: row.get_as("note")?,
        state: row.word("state")?,
        assignee: row.id_or_none("assignee")?,
        told: rung_of(row, "told")?,
        alarm: row.get_as::<Option<i64>>("alarm_id")?.map(AlarmId),
        photo: row.get_as::<Option<i64>>("photo_number")?.and_then(|number| u32::try_from(number).ok()),
    })
}

fn photo_of(row: &AnyRow) -> Result<rest::CasePhoto, StoreError> {
    Ok(rest::CasePhoto {
        number: row.number("number")?,
        at_ms: row.get_as("at_ms")?,
        by: row.get_as("by_username")?,
        width: row.number("width")?,
        height: row.number("height")?,
    })
}
