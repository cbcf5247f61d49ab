//! What people do to alarms and devices: answer, reset, shelve, take out of service. Each goes through the pipeline,
//! which decides, stores and audits it; with the same key again it is answered, not repeated.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    alarm::AlarmRefusal,
    engine::{ActionError, Deed},
    id::{AlarmId, DeviceId},
    time::UnixMs,
};
use protocol::rest::{Acknowledge, Alarm, AlarmNote, OutOfService, Problem, ReturnToService, Shelve, TakeOutOfService};

use super::{
    AppState, covered_device,
    error::{ApiError, Refusal},
    extract::{self, May, Path},
};
use crate::{
    pipeline::{ActionOutcome, ActionRefused},
    store::Scope,
};

/// The longest note, in characters.
pub(super) const NOTE_MAX: usize = 1000;
/// Length of an idempotency key, in characters.
pub(super) const KEY_LENGTH: std::ops::RangeInclusive<usize> = 8..=64;
/// The longest time on the shelf, in minutes: one shift.
const SHELF_MAX_MINUTES: u32 = 12 * 60;
/// The longest time out of service, in hours: 90 days, a season.
const SERVICE_MAX_HOURS: u32 = 90 * 24;

/// Acknowledges an alarm. With the same key again it answers what became of the first request.
#[utoipa::path(post, path = "/alarms/{id}/acknowledge", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")), request_body = Acknowledge,
    responses(
        (status = 200, body = Alarm),
        (status = 202, description = "Accepted, but not yet stored; the live stream brings the result."),
        (status = 409, description = "The alarm is over, or was acknowledged before.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn acknowledge_alarm(
    State(state): State<AppState>,
    may: May<extract::AcknowledgeAlarm>,
    Path(id): Path<AlarmId>,
    extract::Json(body): extract::Json<Acknowledge>,
) -> Result<Response, ApiError> {
    within(&state, &may.scope, id).await?;
    carry_out(&state, &may.scope, Deed::Acknowledge(id), body.note, body.idempotency_key).await
}

/// Declares a latched alarm over, after its condition has gone and it was acknowledged.
#[utoipa::path(post, path = "/alarms/{id}/reset", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")), request_body = AlarmNote,
    responses(
        (status = 200, body = Alarm),
        (status = 202, description = "Accepted, but not yet stored; the live stream brings the result."),
        (status = 409, description = "There is nothing to reset, or not yet.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn reset_alarm(
    State(state): State<AppState>,
    may: May<extract::AcknowledgeAlarm>,
    Path(id): Path<AlarmId>,
    extract::Json(body): extract::Json<AlarmNote>,
) -> Result<Response, ApiError> {
    within(&state, &may.scope, id).await?;
    carry_out(&state, &may.scope, Deed::Reset(id), body.note, body.idempotency_key).await
}

/// Puts an alarm on the shelf for a time: it stays open and recorded, and calls nobody. Severity I is never shelved.
#[utoipa::path(post, path = "/alarms/{id}/shelve", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")), request_body = Shelve,
    responses(
        (status = 200, body = Alarm),
        (status = 202, description = "Accepted, but not yet stored; the live stream brings the result."),
        (status = 409, description = "It is over, set aside already, or of severity I.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn shelve_alarm(
    State(state): State<AppState>,
    may: May<extract::ShelveAlarm>,
    Path(id): Path<AlarmId>,
    extract::Json(body): extract::Json<Shelve>,
) -> Result<Response, ApiError> {
    within(&state, &may.scope, id).await?;
    if !(1..=SHELF_MAX_MINUTES).contains(&body.minutes) {
        return Err(ApiError::invalid_field("minutes", format!("1 to {SHELF_MAX_MINUTES} are possible")));
    }
    check_reason(&body.why)?;
    let deed = Deed::Shelve { alarm: id, until: after_ms(&state, i64::from(body.minutes) * 60_000) };
    carry_out(&state, &may.scope, deed, body.why, body.idempotency_key).await
}

/// Takes an alarm from the shelf before its time.
#[utoipa::path(post, path = "/alarms/{id}/unshelve", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")), request_body = AlarmNote,
    responses(
        (status = 200, body = Alarm),
        (status = 202, description = "Accepted, but not yet stored; the live stream brings the result."),
        (status = 409, description = "It is not on the shelf.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn unshelve_alarm(
    State(state): State<AppState>,
    may: May<extract::ShelveAlarm>,
    Path(id): Path<AlarmId>,
    extract::Json(body): extract::Json<AlarmNote>,
) -> Result<Response, ApiError> {
    within(&state, &may.scope, id).await?;
    carry_out(&state, &may.scope, Deed::Unshelve(id), body.note, body.idempotency_key).await
}

/// Takes a device, or one of its rules, out of service: alarms are recorded and call nobody.
#[utoipa::path(post, path = "/devices/{id}/out-of-service", tag = "devices",
    params(("id" = String, Path, description = "The device.")), request_body = TakeOutOfService,
    responses(
        (status = 200, body = [OutOfService], description = "What of the device is out of service now."),
        (status = 202, description = "Accepted, but not yet stored."),
        (status = 409, description = "It is out of service already, or there is no such rule.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn take_out_of_service(
    State(state): State<AppState>,
    may: May<extract::ManageService>,
    Path(id): Path<DeviceId>,
    extract::Json(body): extract::Json<TakeOutOfService>,
) -> Result<Response, ApiError> {
    covered_device(&may.scope, &state.registrar.current(), &id)?;
    if !(1..=SERVICE_MAX_HOURS).contains(&body.hours) {
        return Err(ApiError::invalid_field("hours", format!("1 to {SERVICE_MAX_HOURS} are possible")));
    }
    check_reason(&body.why)?;
    let until = after_ms(&state, i64::from(body.hours) * 3_600_000);
    let deed = Deed::TakeOutOfService { device: id.clone(), rule: body.rule, until };
    let done = carry_out(&state, &may.scope, deed, body.why, body.idempotency_key).await?;
    present_service(&state, &may.scope, &id, done).await
}

/// Brings a device, or one of its rules, back into service before its time.
#[utoipa::path(post, path = "/devices/{id}/in-service", tag = "devices",
    params(("id" = String, Path, description = "The device.")), request_body = ReturnToService,
    responses(
        (status = 200, body = [OutOfService], description = "What of the device is still out of service."),
        (status = 202, description = "Accepted, but not yet stored."),
        (status = 409, description = "It is in service.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn return_to_service(
    State(state): State<AppState>,
    may: May<extract::ManageService>,
    Path(id): Path<DeviceId>,
    extract::Json(body): extract::Json<ReturnToService>,
) -> Result<Response, ApiError> {
    covered_device(&may.scope, &state.registrar.current(), &id)?;
    let deed = Deed::ReturnToService { device: id.clone(), rule: body.rule };
    let done = carry_out(&state, &may.scope, deed, body.note, body.idempotency_key).await?;
    present_service(&state, &may.scope, &id, done).await
}

/// Outside the jurisdiction an alarm does not exist, whatever else is wrong with the request.
async fn within(state: &AppState, scope: &Scope, alarm: AlarmId) -> Result<(), ApiError> {
    if state.live.alarm(scope, alarm).is_some() || state.store.has_alarm(scope, alarm).await? {
        return Ok(());
    }
    Err(ApiError::not_found())
}

fn check_reason(why: &str) -> Result<(), ApiError> {
    if why.trim().is_empty() {
        return Err(ApiError::invalid_field("why", "a reason is needed"));
    }
    if why.chars().count() > NOTE_MAX {
        return Err(ApiError::invalid_field("why", format!("at most {NOTE_MAX} characters")));
    }
    Ok(())
}

/// Whether note and key of a request are as they should be.
pub(super) fn check_request(note: &str, idempotency_key: &str) -> Result<(), ApiError> {
    if note.chars().count() > NOTE_MAX {
        return Err(ApiError::invalid_field("note", format!("at most {NOTE_MAX} characters")));
    }
    if !KEY_LENGTH.contains(&idempotency_key.chars().count()) {
        return Err(ApiError::invalid_field("idempotency_key", "8 to 64 characters"));
    }
    Ok(())
}

fn after_ms(state: &AppState, milliseconds: i64) -> UnixMs {
    state.clock.now().wall.plus_ms(milliseconds)
}

async fn present_service(
    state: &AppState,
    scope: &Scope,
    device: &DeviceId,
    done: Response,
) -> Result<Response, ApiError> {
    if done.status() == StatusCode::ACCEPTED {
        return Ok(done);
    }
    Ok(Json(state.store.out_of_service(scope, device).await?).into_response())
}

async fn carry_out(
    state: &AppState,
    scope: &Scope,
    deed: Deed,
    note: String,
    idempotency_key: String,
) -> Result<Response, ApiError> {
    check_request(&note, &idempotency_key)?;
    match state.pipeline.act(scope, deed, note, idempotency_key).await {
        Ok(ActionOutcome::Alarm(alarm)) => Ok(Json(alarm).into_response()),
        Ok(ActionOutcome::Service) => Ok(StatusCode::OK.into_response()),
        Ok(ActionOutcome::Pending) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(ActionRefused::Impossible(error)) => Err(ApiError::conflict(error.to_string(), refused_zh(error))),
        Err(ActionRefused::Stopping) => Err(ApiError::unavailable("the gateway is stopping", "网关正在停止")),
    }
}

/// Why an action was refused, 中文.
pub(super) const fn refused_zh(error: ActionError) -> &'static str {
    match error {
        ActionError::NoOpenAlarm(_) => "该告警已关闭",
        ActionError::EndsInThePast => "结束时间须晚于现在",
        ActionError::NoSuchRule => "没有此设备，或此设备没有该规则",
        ActionError::AlreadyOutOfService => "已处于停用状态",
        ActionError::InService => "未处于停用状态",
        ActionError::Refused { refusal, .. } => match refusal {
            AlarmRefusal::Closed => "该告警已关闭",
            AlarmRefusal::AlreadyAcknowledged => "该告警已确认",
            AlarmRefusal::NotLatching => "该告警无需复位，条件消失并确认后自动关闭",
            AlarmRefusal::StillActive => "条件仍然存在，不能复位",
            AlarmRefusal::NotAcknowledged => "请先确认，再复位",
            AlarmRefusal::SeverityOne => "I 级告警不得搁置",
            AlarmRefusal::SetAside => "该告警已搁置、抑制或停用",
            AlarmRefusal::NotSetAside => "该告警未被搁置",
            AlarmRefusal::AlreadyActive | AlarmRefusal::AlreadyReturned | AlarmRefusal::SameSeverity => {
                "该告警的状态没有变化"
            }
        },
    }
}
