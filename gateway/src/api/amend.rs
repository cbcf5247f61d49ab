//! Wording a rule anew for a device, a site or everywhere, and taking that back.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    id::{DeviceId, RuleId},
    registry::{Device, Reach},
};
use protocol::rest::{AmendRule, AmendmentReach, Rule};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState,
    actions::NOTE_MAX,
    covered_device,
    error::{ApiError, Refusal},
    extract::{self, May, Path, Query},
    views,
};
use crate::{registry::AmendError, store::StoreError};

/// The longest rule, in characters: ten times the longest that is shipped.
const DEFINITION_MAX: usize = 8000;

/// Has a rule judged in these words from now on, without a restart. Try it first.
#[utoipa::path(put, path = "/devices/{id}/rules/{rule}", tag = "devices",
    params(("id" = String, Path, description = "The device."), ("rule" = String, Path, description = "Its rule.")),
    request_body = AmendRule, responses((status = 200, body = Rule), Refusal))]
pub(super) async fn amend_rule(
    State(state): State<AppState>,
    may: May<extract::AmendRule>,
    Path((id, rule)): Path<(DeviceId, RuleId)>,
    extract::Json(body): extract::Json<AmendRule>,
) -> Result<Json<Rule>, ApiError> {
    let registry = state.registrar.current();
    let device = covered_device(&may.scope, &registry, &id)?.clone();
    let why = body.why.trim().to_owned();
    if why.is_empty() || why.chars().count() > NOTE_MAX {
        return Err(ApiError::invalid_field("why", format!("1 to {NOTE_MAX} characters say why")));
    }
    if body.definition.chars().count() > DEFINITION_MAX {
        return Err(ApiError::invalid_field("definition", format!("at most {DEFINITION_MAX} characters")));
    }
    let reach = reach_of(body.reach, &device);
    state.registrar.amend(&may.scope, &device, &rule, reach, body.definition, why).await?;
    let registry = state.registrar.current();
    let profile = state.profiles.get(&device.profile).ok_or_else(ApiError::not_found)?;
    views::rule_on(profile, &device, &registry, &rule).map(Json).ok_or_else(ApiError::not_found)
}

/// Which amendment to take back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeBackQuery {
    /// Where it counts.
    #[param(inline)]
    reach: AmendmentReach,
}

/// Takes back what was worded anew: what it stood in place of counts again.
#[utoipa::path(delete, path = "/devices/{id}/rules/{rule}", tag = "devices",
    params(TakeBackQuery, ("id" = String, Path, description = "The device."), ("rule" = String, Path, description = "Its rule.")),
    responses((status = 204, description = "Taken back."), Refusal))]
pub(super) async fn take_back_rule(
    State(state): State<AppState>,
    may: May<extract::AmendRule>,
    Path((id, rule)): Path<(DeviceId, RuleId)>,
    Query(query): Query<TakeBackQuery>,
) -> Result<StatusCode, ApiError> {
    let registry = state.registrar.current();
    let device = covered_device(&may.scope, &registry, &id)?.clone();
    state.registrar.take_back(&may.scope, &device, &rule, reach_of(query.reach, &device)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn reach_of(reach: AmendmentReach, device: &Device) -> Reach {
    match reach {
        AmendmentReach::Device => Reach::Device(device.id.clone()),
        AmendmentReach::Site => Reach::Site(device.site.clone()),
        AmendmentReach::Everywhere => Reach::Everywhere,
    }
}

impl From<AmendError> for ApiError {
    fn from(error: AmendError) -> Self {
        match error {
            AmendError::NoSuchRule | AmendError::Store(StoreError::NotFound(_)) => Self::not_found(),
            AmendError::WrongRule(problem) => Self::invalid_field("definition", problem),
            AmendError::Registrar(error) => error.into(),
            AmendError::Store(error) => error.into(),
        }
    }
}
