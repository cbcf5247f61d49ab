//! Trying a rule on stored history before it is taken into a profile.

use axum::{Json, extract::State};
use domain::id::{DeviceId, RuleId};
use protocol::rest::{RuleTest, RuleTestReport};

use super::{
    AppState, covered_device,
    error::{ApiError, Refusal},
    extract::{self, May, Path},
};
use crate::backtest::{self, BackTestError};

/// When a rule would have fired on a device's stored history, and when its present wording would have.
#[utoipa::path(post, path = "/devices/{id}/rules/{rule}/test", tag = "devices",
    params(("id" = String, Path, description = "The device."), ("rule" = String, Path, description = "Its rule.")),
    request_body = RuleTest, responses((status = 200, body = RuleTestReport), Refusal))]
pub(super) async fn test_rule(
    State(state): State<AppState>,
    may: May<extract::ManageService>,
    Path((id, rule)): Path<(DeviceId, RuleId)>,
    extract::Json(body): extract::Json<RuleTest>,
) -> Result<Json<RuleTestReport>, ApiError> {
    let registry = state.registrar.current();
    let device = covered_device(&may.scope, &registry, &id)?.clone();
    let profile = state.profiles.get(&device.profile).ok_or_else(ApiError::not_found)?;
    let present = registry.rule_on(profile, &device, &rule).ok_or_else(ApiError::not_found)?;
    match backtest::run(&state.store, profile, &device, present, &body).await {
        Ok(report) => Ok(Json(report)),
        Err(BackTestError::WrongRange) => Err(ApiError::invalid_field("to_ms", BackTestError::WrongRange.to_string())),
        Err(BackTestError::WrongRule(wrong)) => Err(ApiError::invalid_field("definition", wrong.to_string())),
        Err(BackTestError::Untestable(untestable)) => {
            Err(ApiError::conflict(untestable.to_string(), "关于连接或到期日的规则不能用历史读数试算"))
        }
        Err(BackTestError::Store(error)) => Err(error.into()),
        Err(BackTestError::Stopping) => Err(ApiError::unavailable("the gateway is stopping", "网关正在停止")),
    }
}
