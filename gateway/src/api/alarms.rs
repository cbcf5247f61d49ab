//! Alarms: list and detail.

use axum::{Json, extract::State};
use domain::id::{AlarmId, DeviceId, TownshipCode};
use protocol::rest::{AlarmDetail, AlarmPage, Point, SeverityNumber};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, Path, Query, View},
    views,
};
use crate::store::AlarmFilter;

/// Alarms of a page when the caller asks for no number.
const PAGE: u32 = 100;
/// The longest page.
const PAGE_MAX: u32 = 500;

/// Which alarms, by where they stand in their life.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AlarmSelection {
    /// Those that are not closed.
    #[default]
    Open,
    /// Those that are over.
    Closed,
    /// Both.
    All,
}

/// Which alarms to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmQuery {
    /// `open` when absent.
    #[serde(default)]
    #[param(inline)]
    state: AlarmSelection,
    /// Only this severity, 1 (I) to 4 (IV).
    #[param(minimum = 1, maximum = 4)]
    severity: Option<u8>,
    /// Only this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
    /// Only this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// Only alarms with a smaller number: `next_before` of the page before.
    before: Option<i64>,
    /// How many at most; 1 to 500, 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Alarms of the caller's jurisdiction, newest first.
#[utoipa::path(get, path = "/alarms", tag = "alarms", params(AlarmQuery),
    responses((status = 200, body = AlarmPage), Refusal))]
pub(super) async fn list_alarms(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<AlarmQuery>,
) -> Result<Json<AlarmPage>, ApiError> {
    let severity = query.severity.map(SeverityNumber::try_from).transpose();
    let severity = severity.map_err(|wrong| ApiError::invalid_field("severity", wrong))?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid_field("limit", format!("1 to {PAGE_MAX} are possible")));
    }
    let filter = AlarmFilter {
        is_open: match query.state {
            AlarmSelection::Open => Some(true),
            AlarmSelection::Closed => Some(false),
            AlarmSelection::All => None,
        },
        severity: severity.map(|SeverityNumber(severity)| severity),
        township: query.township,
        device: query.device,
        before: query.before.map(AlarmId),
        limit,
    };
    Ok(Json(state.store.alarms(&may.scope, &filter).await?))
}

/// An alarm with everything that happened to it.
#[utoipa::path(get, path = "/alarms/{id}", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")),
    responses((status = 200, body = AlarmDetail), Refusal))]
pub(super) async fn read_alarm(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<AlarmId>,
) -> Result<Json<AlarmDetail>, ApiError> {
    let record = state.store.alarm(&may.scope, id).await?.ok_or_else(ApiError::not_found)?;
    let registry = state.registrar.current();
    let profile = registry.device(&record.alarm.device).and_then(|device| state.profiles.get(&device.profile));
    let rule = profile.and_then(|profile| profile.rule(&record.alarm.rule));
    let watched = rule.and_then(|rule| rule.condition.metric()).map(ToString::to_string);
    let (metric, cause) = match record.cause {
        Some((metric, reading)) => (Some(metric.to_string()), Some(Point::from(&reading))),
        None => (watched, None),
    };
    Ok(Json(AlarmDetail {
        alarm: record.alarm,
        history: record.history,
        escalations: state.store.escalations(id).await?,
        case: state.store.case_of_alarm(id).await?,
        cause,
        metric,
        source: rule.map(|rule| views::rule_source(&rule.source)),
        rule_version: record.rule_version,
        guidance_zh: rule.map(|rule| rule.guidance.zh.clone()).unwrap_or_default(),
        guidance_en: rule.map(|rule| rule.guidance.en.clone()).unwrap_or_default(),
    }))
}
