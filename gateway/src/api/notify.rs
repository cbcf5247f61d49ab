//! Telling people: who was told of an alarm, how the channels are doing, where people are reached.

use axum::{Json, extract::State, http::StatusCode};
use domain::id::{AlarmId, UserId};
use protocol::rest::{AlarmNotice, ContactDraft, DeadChannels, NotifyChannel, Problem};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{self, HandleCase, ManageChannels, ManageUsers, May, Path, SignedIn, View},
};
use crate::notify::{ContactError, TestError};

/// Who had to be told of an alarm, by which channels, and what became of it, oldest first.
#[utoipa::path(get, path = "/alarms/{id}/deliveries", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")),
    responses((status = 200, body = Vec<AlarmNotice>), Refusal))]
pub(super) async fn read_alarm_deliveries(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<AlarmId>,
) -> Result<Json<Vec<AlarmNotice>>, ApiError> {
    state.store.alarm_notices(&may.scope, id).await?.map(Json).ok_or_else(ApiError::not_found)
}

/// The channels by which people are told, and how each is doing.
#[utoipa::path(get, path = "/notify/channels", tag = "notify",
    responses((status = 200, body = Vec<NotifyChannel>), Refusal))]
pub(super) async fn list_channels(
    State(state): State<AppState>,
    may: May<ManageChannels>,
) -> Result<Json<Vec<NotifyChannel>>, ApiError> {
    Ok(Json(state.notifier.channels(&may.scope).await?))
}

/// The channels on which nothing gets through: who is on duty has to know that not everybody hears of alarms.
#[utoipa::path(get, path = "/notify/dead", tag = "notify", responses((status = 200, body = DeadChannels), Refusal))]
pub(super) async fn read_dead_channels(
    State(state): State<AppState>,
    _may: May<HandleCase>,
) -> Result<Json<DeadChannels>, ApiError> {
    let channels = state.notifier.dead_channels().borrow().iter().cloned().collect();
    Ok(Json(DeadChannels { channels }))
}

/// Sends a test message by a channel: to its own place, or to the caller.
#[utoipa::path(post, path = "/notify/channels/{name}/test", tag = "notify",
    params(("name" = String, Path, description = "The channel's name.")),
    responses(
        (status = 202, description = "It is on its way; the channel's state says what became of it."),
        (status = 409, description = "The channel goes to people, and this account has no address of its kind.",
            body = Problem, content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn test_channel(
    State(state): State<AppState>,
    may: May<ManageChannels>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    state.notifier.test(&may.scope, &name, state.clock.now().wall).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Where the caller is reached.
#[utoipa::path(get, path = "/session/contact", tag = "session",
    responses((status = 200, body = ContactDraft), Refusal))]
pub(super) async fn read_own_contact(
    State(state): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<ContactDraft>, ApiError> {
    Ok(Json(state.notifier.contact(&signed_in.session.scope, None).await?))
}

/// Changes where the caller is reached.
#[utoipa::path(put, path = "/session/contact", tag = "session", request_body = ContactDraft,
    responses((status = 204, description = "Changed."), Refusal))]
pub(super) async fn put_own_contact(
    State(state): State<AppState>,
    signed_in: SignedIn,
    extract::Json(draft): extract::Json<ContactDraft>,
) -> Result<StatusCode, ApiError> {
    let now = state.clock.now().wall;
    state.notifier.put_contact(&signed_in.session.scope, None, draft, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where somebody is reached.
#[utoipa::path(get, path = "/users/{id}/contact", tag = "users",
    params(("id" = i64, Path, description = "The account's number.")),
    responses((status = 200, body = ContactDraft), Refusal))]
pub(super) async fn read_contact(
    State(state): State<AppState>,
    may: May<ManageUsers>,
    Path(id): Path<UserId>,
) -> Result<Json<ContactDraft>, ApiError> {
    Ok(Json(state.notifier.contact(&may.scope, Some(id)).await?))
}

/// Changes where somebody is reached. Sessions go on.
#[utoipa::path(put, path = "/users/{id}/contact", tag = "users", request_body = ContactDraft,
    params(("id" = i64, Path, description = "The account's number.")),
    responses((status = 204, description = "Changed."), Refusal))]
pub(super) async fn put_contact(
    State(state): State<AppState>,
    may: May<ManageUsers>,
    Path(id): Path<UserId>,
    extract::Json(draft): extract::Json<ContactDraft>,
) -> Result<StatusCode, ApiError> {
    state.notifier.put_contact(&may.scope, Some(id), draft, state.clock.now().wall).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TestError> for ApiError {
    fn from(error: TestError) -> Self {
        match error {
            TestError::NoChannel => Self::not_found(),
            TestError::NoAddress(_) => Self::conflict(
                "the channel goes to people; enter your own telephone number or mail address first",
                "该渠道发给个人，请先在本人账号中填写手机号或邮箱",
            ),
            TestError::Store(error) => error.into(),
        }
    }
}

impl From<ContactError> for ApiError {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Phone => Self::invalid_field("phone", error.to_string()),
            ContactError::Email => Self::invalid_field("email", error.to_string()),
            ContactError::QuietHours => Self::invalid_field("quiet_hours", error.to_string()),
            ContactError::Store(error) => error.into(),
        }
    }
}
