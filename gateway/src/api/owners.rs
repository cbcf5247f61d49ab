//! 使用单位: owners as the registry holds them.

use axum::{Json, extract::State, http::StatusCode};
use domain::{id::OwnerId, registry};
use protocol::rest::{Owner, Problem};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{self, ManageRegistry, May, Path},
    registry::same_id,
    views,
};
use crate::{
    registry::{Removal, import::Entry},
    store::Actor,
};

/// All owners, by id.
#[utoipa::path(get, path = "/owners", tag = "registry", responses((status = 200, body = Vec<Owner>), Refusal))]
pub(super) async fn list_owners(State(state): State<AppState>, _may: May<ManageRegistry>) -> Json<Vec<Owner>> {
    Json(state.registrar.current().owners().map(views::owner).collect())
}

/// One owner.
#[utoipa::path(get, path = "/owners/{id}", tag = "registry",
    params(("id" = String, Path, description = "The owner.")), responses((status = 200, body = Owner), Refusal))]
pub(super) async fn read_owner(
    State(state): State<AppState>,
    _may: May<ManageRegistry>,
    Path(id): Path<OwnerId>,
) -> Result<Json<Owner>, ApiError> {
    state.registrar.current().owner(&id).map(views::owner).map(Json).ok_or_else(ApiError::not_found)
}

/// Adds or changes an owner.
#[utoipa::path(put, path = "/owners/{id}", tag = "registry", request_body = Owner,
    params(("id" = String, Path, description = "The owner.")), responses((status = 200, body = Owner), Refusal))]
pub(super) async fn put_owner(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<OwnerId>,
    extract::Json(body): extract::Json<Owner>,
) -> Result<Json<Owner>, ApiError> {
    same_id(&id, &body.id)?;
    let owner = registry::Owner { id: body.id, name: body.name, phone: body.phone };
    let answer = views::owner(&owner);
    state.registrar.put(Actor::Person(&may.scope), Entry::Owner(owner)).await?;
    Ok(Json(answer))
}

/// Removes an owner that has no sites.
#[utoipa::path(delete, path = "/owners/{id}", tag = "registry",
    params(("id" = String, Path, description = "The owner.")),
    responses(
        (status = 204, description = "Removed."),
        (status = 409, description = "It still has sites.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn delete_owner(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<OwnerId>,
) -> Result<StatusCode, ApiError> {
    state.registrar.remove(Actor::Person(&may.scope), Removal::Owner(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
