//! Who is on duty, rosters, and what one shift leaves to the next.

use axum::{Json, extract::State, http::StatusCode};
use domain::{registry::Registry, roster, roster::Post, time::UnixMs};
use protocol::rest::{HandoverDraft, OnDuty, Roster, Shift, ShiftDraft};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{self, KeepRoster, May, Path, Query, View},
    overview::townships_of,
};
use crate::store::{Scope, StoreError};

/// The longest stretch of a roster, in milliseconds: two months.
const WINDOW_MAX_MS: i64 = 62 * 24 * 3_600_000;
/// The longest name of a person, in characters.
const PERSON_MAX: usize = 64;
/// The longest telephone number, in characters.
const PHONE_MAX: usize = 32;
/// The longest note to the next shift, in characters.
const HANDOVER_MAX: usize = 2000;

/// Which roster, and when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterQuery {
    /// Of which post: `centre`, `office:…` or `township:…`.
    #[param(value_type = String)]
    post: Post,
    /// From when, inclusive.
    from_ms: i64,
    /// Until when, exclusive; at most 62 days later.
    to_ms: i64,
}

/// The posts that answer for the caller's places, the own one first, with who is on duty there. An empty list of shifts is
/// a hole in the roster.
#[utoipa::path(get, path = "/duty/on-duty", tag = "duty", responses((status = 200, body = Vec<OnDuty>), Refusal))]
pub(super) async fn list_on_duty(State(state): State<AppState>, may: May<View>) -> Result<Json<Vec<OnDuty>>, ApiError> {
    let posts = posts_of(&may.scope, &state.registrar.current());
    Ok(Json(on_duty_at(&state, &posts).await?))
}

/// A post's roster.
#[utoipa::path(get, path = "/duty/roster", tag = "duty", params(RosterQuery),
    responses((status = 200, body = Roster), Refusal))]
pub(super) async fn read_roster(
    State(state): State<AppState>,
    may: May<KeepRoster>,
    Query(query): Query<RosterQuery>,
) -> Result<Json<Roster>, ApiError> {
    let (from, to) = (UnixMs(query.from_ms), UnixMs(query.to_ms));
    if !(1..=WINDOW_MAX_MS).contains(&to.since_ms(from)) {
        return Err(ApiError::invalid_field("to_ms", "later than `from_ms`, by at most 62 days"));
    }
    let roster = state.store.roster(&may.scope, &query.post, from..to).await?;
    Ok(Json(roster.ok_or_else(ApiError::not_found)?))
}

/// Adds a shift to the roster of a post that is the caller's to keep.
#[utoipa::path(post, path = "/duty/shifts", tag = "duty", request_body = ShiftDraft,
    responses((status = 201, body = Shift), Refusal))]
pub(super) async fn add_shift(
    State(state): State<AppState>,
    may: May<KeepRoster>,
    extract::Json(draft): extract::Json<ShiftDraft>,
) -> Result<(StatusCode, Json<Shift>), ApiError> {
    let draft = checked(draft, &state.registrar.current())?;
    let shift = state.store.add_shift(&may.scope, draft, state.clock.now().wall).await?;
    Ok((StatusCode::CREATED, Json(shift)))
}

/// Changes a shift, within its post.
#[utoipa::path(put, path = "/duty/shifts/{id}", tag = "duty", request_body = ShiftDraft,
    params(("id" = i64, Path, description = "The shift's number.")),
    responses((status = 200, body = Shift), Refusal))]
pub(super) async fn put_shift(
    State(state): State<AppState>,
    may: May<KeepRoster>,
    Path(id): Path<i64>,
    extract::Json(draft): extract::Json<ShiftDraft>,
) -> Result<Json<Shift>, ApiError> {
    let draft = checked(draft, &state.registrar.current())?;
    Ok(Json(state.store.change_shift(&may.scope, id, draft, state.clock.now().wall).await?))
}

/// Takes a shift out of the roster.
#[utoipa::path(delete, path = "/duty/shifts/{id}", tag = "duty",
    params(("id" = i64, Path, description = "The shift's number.")),
    responses((status = 204, description = "It is gone."), Refusal))]
pub(super) async fn delete_shift(
    State(state): State<AppState>,
    may: May<KeepRoster>,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    state.store.remove_shift(&may.scope, id, state.clock.now().wall).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves a note to the next shift of a post.
#[utoipa::path(post, path = "/duty/handovers", tag = "duty", request_body = HandoverDraft,
    responses((status = 204, description = "It stands in the roster."), Refusal))]
pub(super) async fn hand_over(
    State(state): State<AppState>,
    may: May<KeepRoster>,
    extract::Json(draft): extract::Json<HandoverDraft>,
) -> Result<StatusCode, ApiError> {
    let note = draft.note.trim().to_owned();
    if note.is_empty() || note.chars().count() > HANDOVER_MAX {
        return Err(ApiError::invalid_field("note", format!("1 to {HANDOVER_MAX} characters")));
    }
    names_of(&draft.post, &state.registrar.current()).ok_or_else(ApiError::not_found)?;
    state.store.hand_over(&may.scope, draft.post, note, state.clock.now().wall).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is on duty at these posts at this moment.
pub(super) async fn on_duty_at(state: &AppState, posts: &[Post]) -> Result<Vec<OnDuty>, StoreError> {
    let registry = state.registrar.current();
    let shifts = state.store.on_duty(state.clock.now().wall).await?;
    Ok(posts
        .iter()
        .filter_map(|post| {
            let (name_zh, name_en) = names_of(post, &registry)?;
            let shifts = shifts.iter().filter(|shift| shift.post == *post).cloned().collect();
            Some(OnDuty { post: post.clone(), name_zh, name_en, shifts })
        })
        .collect())
}

/// The posts that answer for somebody's places: the own one first, then upwards, then downwards.
fn posts_of(scope: &Scope, registry: &Registry) -> Vec<Post> {
    use domain::access::Role;
    let townships = townships_of(scope, registry);
    let of_township = townships.keys().map(|code| Post::Township(code.clone()));
    let of_office = registry
        .offices()
        .filter(|office| office.townships.iter().any(|code| townships.contains_key(code)))
        .map(|office| Post::Office(office.id.clone()));
    match scope.role() {
        Role::Admin | Role::CentreOperator => {
            std::iter::once(Post::Centre).chain(of_office).chain(of_township).collect()
        }
        Role::OfficeOfficer => of_office.chain([Post::Centre]).chain(of_township).collect(),
        Role::TownshipOfficer | Role::Owner => of_township.chain(of_office).chain([Post::Centre]).collect(),
    }
}

/// What a post is called; None: there is no such township or office.
fn names_of(post: &Post, registry: &Registry) -> Option<(String, String)> {
    Some(match post {
        Post::Centre => ("应急管理中心".into(), "Emergency centre".into()),
        Post::Office(id) => registry.office(id).map(|office| (office.name_zh.clone(), office.name_en.clone()))?,
        Post::Township(code) => {
            registry.township(code).map(|township| (township.name_zh.clone(), township.name_en.clone()))?
        }
    })
}

fn checked(draft: ShiftDraft, registry: &Registry) -> Result<ShiftDraft, ApiError> {
    names_of(&draft.post, registry).ok_or_else(ApiError::not_found)?;
    roster::Shift::check_times(UnixMs(draft.from_ms), UnixMs(draft.to_ms))
        .map_err(|wrong| ApiError::invalid_field("to_ms", wrong.to_string()))?;
    let person = draft.person.trim().to_owned();
    if person.is_empty() || person.chars().count() > PERSON_MAX {
        return Err(ApiError::invalid_field("person", format!("1 to {PERSON_MAX} characters")));
    }
    let phone = draft.phone.trim().to_owned();
    if phone.chars().count() > PHONE_MAX {
        return Err(ApiError::invalid_field("phone", format!("at most {PHONE_MAX} characters")));
    }
    Ok(ShiftDraft { person, phone, ..draft })
}
