//! The pictures that are kept under an alarm. An alarm outside the jurisdiction has none.

use axum::{Json, extract::State, http::HeaderMap, response::Response};
use domain::{
    id::{AlarmId, DeviceId},
    time::UnixMs,
};
use protocol::rest::AlarmCamera;

use super::{
    AppState, cameras,
    error::{ApiError, Refusal},
    extract::{May, Path, View},
};
use crate::store::Scope;

/// What the cameras of an alarm's site showed just before it, and when it was raised; at most three cameras.
#[utoipa::path(get, path = "/alarms/{id}/pictures", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")),
    responses((status = 200, body = Vec<AlarmCamera>), Refusal))]
pub(super) async fn list_alarm_pictures(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<AlarmId>,
) -> Result<Json<Vec<AlarmCamera>>, ApiError> {
    covered(&state, &may.scope, id).await?;
    let cameras = state.evidence.of_alarm(id, &state.registrar.current()).await;
    Ok(Json(cameras.map_err(|error| ApiError::internal(&error))?))
}

/// One of these pictures. It never changes, and goes when its time is up.
#[utoipa::path(get, path = "/alarms/{id}/pictures/{camera}/{taken_at_ms}", tag = "alarms",
    params(
        ("id" = i64, Path, description = "The alarm's number."),
        ("camera" = String, Path, description = "The camera."),
        ("taken_at_ms" = i64, Path, description = "When it was taken."),
    ),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), Refusal))]
pub(super) async fn read_alarm_picture(
    State(state): State<AppState>,
    may: May<View>,
    Path((id, camera, taken)): Path<(AlarmId, DeviceId, i64)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    covered(&state, &may.scope, id).await?;
    let taken = UnixMs(taken);
    let picture = state.evidence.picture(id, &camera, taken).await.map_err(|error| ApiError::internal(&error))?;
    Ok(cameras::jpeg(taken, &headers, picture.ok_or_else(ApiError::not_found)?))
}

async fn covered(state: &AppState, scope: &Scope, id: AlarmId) -> Result<(), ApiError> {
    if state.store.has_alarm(scope, id).await? { Ok(()) } else { Err(ApiError::not_found()) }
}
