//! Devices: list and detail. What they measured is in `history`.

use axum::{Json, extract::State};
use domain::{
    id::{DeviceId, TownshipCode},
    profile::Profile,
};
use protocol::rest::{DeviceDetail, DeviceSummary};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState, covered_device, device_now,
    error::{ApiError, Refusal},
    extract::{May, Path, Query, View},
    views,
};
use crate::registry::gaps_of;

/// How soon the silent death of a node with our agent is noticed, in seconds: it keeps alive every 10 s, the broker gives
/// up after one and a half times that, and its word takes up to two seconds to arrive.
const AGENT_BOUND_S: u64 = 17;
/// The same for somebody else's node, as far as no rule waits for its readings: one and a half times 60 s, which most MQTT
/// libraries keep alive by, and the two seconds. What the node really uses only its broker knows.
const FOREIGN_BOUND_S: u64 = 92;

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
        .filter_map(|(device, _)| views::device_summary(device, &registry, &state.profiles))
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
    let summary = views::device_summary(device, &registry, &state.profiles).ok_or_else(ApiError::not_found)?;
    let live = device_now(&state, &may.scope, &id)?;
    let profile = state.profiles.get(&device.profile);
    Ok(Json(DeviceDetail {
        owner_phone: registry.owner(&summary.owner).map(|owner| owner.phone.clone()).unwrap_or_default(),
        summary,
        link: live.link,
        link_since_ms: live.link_since_ms,
        offline_bound_s: offline_bound_s(
            state.store.has_outbox(&device.node),
            profile,
            state.ingest.gone_after_ms(&device.node),
        ),
        out_of_service: state.store.out_of_service(&may.scope, &id).await?,
        metrics: views::metrics(profile, &live.values),
        rules: profile.map(|profile| views::rules_on(profile, device, &registry)).unwrap_or_default(),
        gaps: gaps_of(device, &state.profiles, &registry),
    }))
}

/// How soon a silent death of a device is noticed, in seconds. A node without an outbox is somebody else's.
/// `gone_after_ms`: three of its report intervals, once they are known.
fn offline_bound_s(is_ours: bool, profile: Option<&Profile>, gone_after_ms: Option<u64>) -> u64 {
    if is_ours {
        return AGENT_BOUND_S;
    }
    let by_rule = profile.and_then(Profile::silence_noticed_s).unwrap_or(FOREIGN_BOUND_S);
    // One second more: it is looked at twice a second, and the word has its way to go.
    gone_after_ms.map_or(by_rule, |gone_after_ms| by_rule.min(gone_after_ms.div_ceil(1000) + 1))
}

#[cfg(test)]
mod tests {
    use domain::profile::Profiles;

    use super::*;

    #[test]
    fn a_death_is_noticed_by_the_connection_or_by_missing_readings() {
        let text = include_str!("../../../config/profiles/cold_store.toml");
        let profiles = Profiles::parse([("cold_store.toml".to_owned(), text.to_owned())]).unwrap();
        let cold_store = profiles.iter().next();
        assert_eq!(offline_bound_s(true, cold_store, Some(90_000)), 17);
        assert_eq!(
            offline_bound_s(false, cold_store, None),
            180,
            "six report intervals of 30 s, as the stale rule waits"
        );
        assert_eq!(offline_bound_s(false, None, None), 92);
        assert_eq!(offline_bound_s(false, cold_store, Some(90_000)), 91, "three that were learned");
        assert_eq!(offline_bound_s(false, cold_store, Some(3_600_000)), 180, "its own intervals are longer");
    }
}
