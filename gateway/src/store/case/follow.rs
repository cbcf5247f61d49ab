//! What the lives of alarms mean for cases, written in the transaction that stores them, so that there is no moment in which
//! a danger to life is on screen and is nobody's work.

use domain::{
    alarm::{AlarmState, Severity, Transition, What},
    case::{Case, CaseWhat, Plan, Policy, Watch},
    id::{CaseId, DeviceId, RuleId},
    text::Text,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    open::{SiteAt, insert, link, site_at},
    row::{Event, Stored, load, save},
};
use crate::store::{error::StoreError, row::Columns};

const OPERATION: &str = "following an alarm";

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
            AlarmState::ActiveUnacknowledged | AlarmState::ReturnedUnacknowledged | AlarmState::LatchedUnacknowledged
        );
    let may_concern_a_case = match transition.what {
        What::SeverityChanged => true,
        What::Raised | What::Reoccurred | What::Unshelved | What::Unsuppressed | What::ReturnedToService => is_calling,
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
    if !is_calling {
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
    let case = Case::opened(policy.plan(&transition.rule), Severity::I, transition.event_time, at);
    let mut stored = insert(connection, site, &transition.title, case, None, at).await?;
    let note = transition.cause.in_both();
    let event = Event { note: &note, ..Event::plain(at, CaseWhat::Opened) };
    save(connection, &mut stored, policy, &[event], at).await?;
    link(connection, stored.id, alarm, device).await
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

async fn site_of(connection: &mut AnyConnection, device: &DeviceId) -> Result<Option<SiteAt>, StoreError> {
    let row = sqlx::query(
        "SELECT site.id AS site_id, site.name AS site_name, site.township_code, site.owner_id FROM device \
         JOIN site ON site.id = device.site_id WHERE device.id = $1 AND device.removed_at_ms IS NULL",
    )
    .bind(device.as_str())
    .fetch_optional(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    row.as_ref().map(site_at).transpose()
}
