//! Questions about what was measured: one series, several, states, and the present of many devices.

use axum::{Json, extract::State};
use domain::{
    id::{DeviceId, MetricName},
    time::UnixMs,
};
use protocol::{
    live::DeviceLive,
    rest::{self, DEVICES_PER_QUERY, History, LatestQuery, SERIES_PER_QUERY, SeriesHistory, Shape, StateHistory},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState, device_now,
    error::{ApiError, Refusal},
    extract::{self, May, Path, Query, View},
    views,
};
use crate::store::Scope;

/// Buckets of a history when the caller asks for no number: about one a pixel of a small chart.
const BUCKETS: u32 = 500;
/// The most buckets of a history: one a pixel of the widest screen.
const BUCKETS_MAX: u32 = 5000;
/// The most buckets of all series of a question together: a few megabytes of JSON.
const BUCKETS_MAX_TOGETHER: usize = 20_000;
/// The most stretches of states in an answer: about one a pixel of the widest screen.
const SPANS_MAX: usize = 2000;
/// The longest range of states, in milliseconds: a leap year.
const STATES_MS_MAX: i64 = 366 * 24 * 3600 * 1000;

/// Which part of a series, and how finely.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    /// The metric.
    #[param(value_type = String)]
    metric: MetricName,
    /// Start, inclusive: milliseconds since 1970 UTC.
    from_ms: i64,
    /// End, exclusive.
    to_ms: i64,
    /// Into how many buckets the span is cut when it holds more readings than that; 1 to 5000, 500 when absent.
    buckets: Option<u32>,
    /// How many readings become few: `buckets` when absent.
    #[serde(default)]
    #[param(inline)]
    shape: Shape,
}

/// Which part of a series of states.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StatesQuery {
    /// The metric.
    #[param(value_type = String)]
    metric: MetricName,
    /// Start, inclusive: milliseconds since 1970 UTC.
    from_ms: i64,
    /// End, exclusive; at most 366 days later.
    to_ms: i64,
}

/// One series of a device over a span of time.
#[utoipa::path(get, path = "/devices/{id}/history", tag = "devices",
    params(("id" = String, Path, description = "The device."), HistoryQuery),
    responses((status = 200, body = History), Refusal))]
pub(super) async fn read_history(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<DeviceId>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<History>, ApiError> {
    check_range(query.from_ms, query.to_ms)?;
    let buckets = checked_buckets(query.buckets)?;
    one_history(&state, &may.scope, (&id, &query.metric), (query.from_ms, query.to_ms), buckets, query.shape)
        .await
        .map(Json)
}

/// Several series over the same span of time, in the order asked for.
#[utoipa::path(post, path = "/history", tag = "devices", request_body = rest::HistoryQuery,
    responses((status = 200, body = Vec<SeriesHistory>), Refusal))]
pub(super) async fn read_histories(
    State(state): State<AppState>,
    may: May<View>,
    extract::Json(query): extract::Json<rest::HistoryQuery>,
) -> Result<Json<Vec<SeriesHistory>>, ApiError> {
    check_range(query.from_ms, query.to_ms)?;
    let buckets = checked_buckets(query.buckets)?;
    let count = query.series.len();
    if !(1..=SERIES_PER_QUERY).contains(&count) {
        return Err(ApiError::invalid_field("series", format!("1 to {SERIES_PER_QUERY} are possible")));
    }
    if count * buckets as usize > BUCKETS_MAX_TOGETHER {
        let possible = BUCKETS_MAX_TOGETHER / count;
        return Err(ApiError::invalid_field("buckets", format!("at most {possible} are possible for {count} series")));
    }
    let mut histories = Vec::with_capacity(count);
    for rest::SeriesName { device, metric } in query.series {
        let range = (query.from_ms, query.to_ms);
        let history = one_history(&state, &may.scope, (&device, &metric), range, buckets, query.shape).await?;
        histories.push(SeriesHistory { device, history });
    }
    Ok(Json(histories))
}

async fn one_history(
    state: &AppState,
    scope: &Scope,
    (device, metric): (&DeviceId, &MetricName),
    (from_ms, to_ms): (i64, i64),
    buckets: u32,
    shape: Shape,
) -> Result<History, ApiError> {
    let range = UnixMs(from_ms)..UnixMs(to_ms);
    let history = match shape {
        Shape::Buckets => state.store.history(scope, device, metric, range, buckets).await?,
        Shape::Lttb => state.store.thinned_history(scope, device, metric, range, buckets).await?,
    };
    history.ok_or_else(ApiError::not_found)
}

/// How long each value of a state held.
#[utoipa::path(get, path = "/devices/{id}/states", tag = "devices",
    params(("id" = String, Path, description = "The device."), StatesQuery),
    responses((status = 200, body = StateHistory), Refusal))]
pub(super) async fn read_states(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<DeviceId>,
    Query(query): Query<StatesQuery>,
) -> Result<Json<StateHistory>, ApiError> {
    let StatesQuery { metric, from_ms, to_ms } = query;
    check_range(from_ms, to_ms)?;
    if to_ms.saturating_sub(from_ms) > STATES_MS_MAX {
        return Err(ApiError::invalid_field("to_ms", "it may be at most 366 days later than `from_ms`"));
    }
    let registry = state.registrar.current();
    let profile = registry.device(&id).and_then(|device| state.profiles.get(&device.profile));
    let stale_after_s = views::stale_after_s(profile, &metric);
    let present_ms = i64::try_from(stale_after_s).unwrap_or(i64::MAX).saturating_mul(1000);
    let (range, now) = (UnixMs(from_ms)..UnixMs(to_ms), state.clock.now().wall);
    let told = state.store.state_history(&may.scope, (&id, &metric), range, present_ms, SPANS_MAX, now).await?;
    let told = told.ok_or_else(ApiError::not_found)?;
    Ok(Json(views::state_history(told, metric, (from_ms, to_ms), stale_after_s)))
}

/// The present of some devices, in the order asked for.
#[utoipa::path(post, path = "/latest", tag = "devices", request_body = LatestQuery,
    responses((status = 200, body = Vec<DeviceLive>), Refusal))]
pub(super) async fn read_latest(
    State(state): State<AppState>,
    may: May<View>,
    extract::Json(query): extract::Json<LatestQuery>,
) -> Result<Json<Vec<DeviceLive>>, ApiError> {
    if !(1..=DEVICES_PER_QUERY).contains(&query.devices.len()) {
        return Err(ApiError::invalid_field("devices", format!("1 to {DEVICES_PER_QUERY} are possible")));
    }
    let present = query.devices.iter().map(|id| {
        let mut device = device_now(&state, &may.scope, id)?;
        if !query.metrics.is_empty() {
            device.values.retain(|value| query.metrics.contains(&value.metric));
        }
        Ok(device)
    });
    present.collect::<Result<_, _>>().map(Json)
}

fn check_range(from_ms: i64, to_ms: i64) -> Result<(), ApiError> {
    if from_ms < to_ms { Ok(()) } else { Err(ApiError::invalid_field("to_ms", "it must be later than `from_ms`")) }
}

fn checked_buckets(buckets: Option<u32>) -> Result<u32, ApiError> {
    let buckets = buckets.unwrap_or(BUCKETS);
    if (1..=BUCKETS_MAX).contains(&buckets) {
        return Ok(buckets);
    }
    Err(ApiError::invalid_field("buckets", format!("1 to {BUCKETS_MAX} are possible")))
}
