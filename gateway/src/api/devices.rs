//! Devices: list and detail. What they measured is in `history`.

use axum::{Json, extract::State};
use domain::id::{DeviceId, TownshipCode};
use protocol::rest::{DeviceDetail, DeviceSummary};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState, covered_device,
    error::{ApiError, Refusal},
    extract::{May, Path, Query, View},
    views,
};

/// How soon a silent death of a device is noticed, in seconds: our agents keep alive every 10 s, the broker gives up
/// after one and a half times that, and its word takes up to two seconds to arrive.
const OFFLINE_BOUND_S: u64 = 17;

/// Which devices to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceQuery {
    /// Part of an id, or of the name of a device, a site or an owner; upper and lower case are the same.
    q: Option<String>,
    /// Only this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
}

/// The registered devices of the caller's jurisdiction, by id.
#[utoipa::path(get, path = "/devices", tag = "devices", params(DeviceQuery),
    responses((status = 200, body = Vec<DeviceSummary>), Refusal))]
pub(super) async fn list_devices(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<DeviceQuery>,
) -> Json<Vec<DeviceSummary>> {
    let registry = state.registrar.current();
    let wanted = query.q.unwrap_or_default().trim().to_lowercase();
    let devices = registry
        .devices_with_places()
        .filter(|(_, place)| may.scope.covers(Some(place)))
        .filter(|(_, place)| query.township.as_ref().is_none_or(|code| *code == place.township))
        .filter_map(|(device, _)| views::device_summary(device, &registry))
        .filter(|device| matches(device, &wanted))
        .collect();
    Json(devices)
}

fn matches(device: &DeviceSummary, wanted: &str) -> bool {
    [device.id.as_str(), &device.name, &device.site_name, &device.owner_name]
        .iter()
        .any(|text| text.to_lowercase().contains(wanted))
}

/// A device with its metrics and rules.
#[utoipa::path(get, path = "/devices/{id}", tag = "devices",
    params(("id" = String, Path, description = "The device.")),
    responses((status = 200, body = DeviceDetail), Refusal))]
pub(super) async fn read_device(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<DeviceId>,
) -> Result<Json<DeviceDetail>, ApiError> {
    let registry = state.registrar.current();
    let device = covered_device(&may.scope, &registry, &id)?;
    let summary = views::device_summary(device, &registry).ok_or_else(ApiError::not_found)?;
    let live = state.live.device(&may.scope, &id).ok_or_else(ApiError::not_found)?;
    let profile = state.profiles.get(&device.profile);
    Ok(Json(DeviceDetail {
        owner_phone: registry.owner(&summary.owner).map(|owner| owner.phone.clone()).unwrap_or_default(),
        summary,
        link: live.link,
        link_since_ms: live.link_since_ms,
        offline_bound_s: OFFLINE_BOUND_S,
        out_of_service: state.store.out_of_service(&may.scope, &id).await?,
        metrics: views::metrics(profile, &live.values),
        rules: profile.map_or(&[][..], |profile| &profile.rules).iter().map(|rule| views::rule(rule, device)).collect(),
    }))
}
