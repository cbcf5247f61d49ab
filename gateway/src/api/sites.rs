//! 场所: sites as the registry holds them.

use axum::{Json, extract::State, http::StatusCode};
use domain::{id::SiteId, registry};
use protocol::rest::{Problem, Site};

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

/// All sites, by id.
#[utoipa::path(get, path = "/sites", tag = "registry", responses((status = 200, body = Vec<Site>), Refusal))]
pub(super) async fn list_sites(State(state): State<AppState>, _may: May<ManageRegistry>) -> Json<Vec<Site>> {
    Json(state.registrar.current().sites().map(views::site).collect())
}

/// One site.
#[utoipa::path(get, path = "/sites/{id}", tag = "registry",
    params(("id" = String, Path, description = "The site.")), responses((status = 200, body = Site), Refusal))]
pub(super) async fn read_site(
    State(state): State<AppState>,
    _may: May<ManageRegistry>,
    Path(id): Path<SiteId>,
) -> Result<Json<Site>, ApiError> {
    state.registrar.current().site(&id).map(views::site).map(Json).ok_or_else(ApiError::not_found)
}

/// Adds or changes a site.
#[utoipa::path(put, path = "/sites/{id}", tag = "registry", request_body = Site,
    params(("id" = String, Path, description = "The site.")), responses((status = 200, body = Site), Refusal))]
pub(super) async fn put_site(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<SiteId>,
    extract::Json(body): extract::Json<Site>,
) -> Result<Json<Site>, ApiError> {
    same_id(&id, &body.id)?;
    let site = registry::Site {
        id: body.id,
        name: body.name,
        township: body.township,
        owner: body.owner,
        address: body.address,
    };
    let answer = views::site(&site);
    state.registrar.put(Actor::Person(&may.scope), Entry::Site(site)).await?;
    Ok(Json(answer))
}

/// Removes a site that has no devices.
#[utoipa::path(delete, path = "/sites/{id}", tag = "registry",
    params(("id" = String, Path, description = "The site.")),
    responses(
        (status = 204, description = "Removed."),
        (status = 409, description = "It still has devices.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn delete_site(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<SiteId>,
) -> Result<StatusCode, ApiError> {
    state.registrar.remove(Actor::Person(&may.scope), Removal::Site(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
