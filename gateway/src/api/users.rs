//! Accounts.

use axum::{Json, extract::State, http::StatusCode};
use domain::id::UserId;
use protocol::rest::{Problem, User, UserDraft};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{self, ManageUsers, May, Path},
};
use crate::store::Actor;

/// All accounts, by name.
#[utoipa::path(get, path = "/users", tag = "users", responses((status = 200, body = Vec<User>), Refusal))]
pub(super) async fn list_users(
    State(state): State<AppState>,
    may: May<ManageUsers>,
) -> Result<Json<Vec<User>>, ApiError> {
    Ok(Json(state.store.users(Actor::Person(&may.scope)).await?))
}

/// Adds an account.
#[utoipa::path(post, path = "/users", tag = "users", request_body = UserDraft, responses(
    (status = 201, body = User),
    (status = 409, description = "The name is taken.", body = Problem, content_type = "application/problem+json"),
    Refusal,
))]
pub(super) async fn add_user(
    State(state): State<AppState>,
    may: May<ManageUsers>,
    extract::Json(draft): extract::Json<UserDraft>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    let user = state.identity.add_user(Actor::Person(&may.scope), draft, &state.registrar.current()).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Changes an account. Its sessions end.
#[utoipa::path(put, path = "/users/{id}", tag = "users", request_body = UserDraft,
    params(("id" = i64, Path, description = "The account's number.")),
    responses(
        (status = 200, body = User),
        (status = 409, description = "The name is taken, or no administrator would be left.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn put_user(
    State(state): State<AppState>,
    may: May<ManageUsers>,
    Path(id): Path<UserId>,
    extract::Json(draft): extract::Json<UserDraft>,
) -> Result<Json<User>, ApiError> {
    Ok(Json(state.identity.change_user(Actor::Person(&may.scope), id, draft, &state.registrar.current()).await?))
}
