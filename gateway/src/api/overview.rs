//! The district at a glance, and what people's programs need to know once.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use domain::{
    alarm::Severity,
    id::{DeviceId, TownshipCode},
    profile::Profiles,
    registry::Registry,
};
use protocol::rest::{AlarmCount, Overview, Places, Profile, SeverityNumber, TownshipStatus};

use super::{
    AppState,
    error::Refusal,
    extract::{May, View},
    views,
};
use crate::store::Scope;

/// Counts by township of the caller's jurisdiction.
#[utoipa::path(get, path = "/overview", tag = "overview", responses((status = 200, body = Overview), Refusal))]
pub(super) async fn read_overview(State(state): State<AppState>, may: May<View>) -> Json<Overview> {
    let (online, alarms) = (state.live.online(&may.scope), state.live.alarm_counts(&may.scope));
    Json(overview(&may.scope, &state.registrar.current(), &state.profiles, &online, &alarms))
}

/// The townships and offices of the caller's jurisdiction.
#[utoipa::path(get, path = "/places", tag = "overview", responses((status = 200, body = Places), Refusal))]
pub(super) async fn read_places(State(state): State<AppState>, may: May<View>) -> Json<Places> {
    let registry = state.registrar.current();
    let townships = townships_of(&may.scope, &registry);
    let offices = registry
        .offices()
        .filter(|office| office.townships.iter().any(|code| townships.contains_key(code)))
        .map(|office| protocol::rest::Office {
            id: office.id.clone(),
            name_zh: office.name_zh.clone(),
            name_en: office.name_en.clone(),
            townships: office.townships.iter().filter(|code| townships.contains_key(*code)).cloned().collect(),
        })
        .collect();
    let townships =
        townships.keys().filter_map(|code| Some(views::township(registry.township(code)?, &registry))).collect();
    Json(Places { townships, offices, offices_are_sample: state.about.offices_are_sample })
}

/// The kinds of devices.
#[utoipa::path(get, path = "/profiles", tag = "overview", responses((status = 200, body = Vec<Profile>), Refusal))]
pub(super) async fn list_profiles(State(state): State<AppState>, _may: May<View>) -> Json<Vec<Profile>> {
    Json(views::profiles(&state.profiles))
}

/// The townships of a jurisdiction, without counts: all for the district, its own for an officer, those with its sites
/// for an owner.
pub(super) fn townships_of(scope: &Scope, registry: &Registry) -> BTreeMap<TownshipCode, TownshipStatus> {
    use domain::access::Jurisdiction;
    let is_within = |code: &TownshipCode| match scope.jurisdiction() {
        Jurisdiction::District => true,
        Jurisdiction::Townships { codes } => codes.contains(code),
        Jurisdiction::Owner { id } => registry.sites().any(|site| site.owner == *id && site.township == *code),
    };
    registry
        .townships()
        .filter(|township| is_within(&township.code))
        .map(|township| {
            let status = TownshipStatus {
                code: township.code.clone(),
                device_count: 0,
                online_count: 0,
                camera_count: 0,
                open_alarms: [0; 4],
                unacknowledged_count: 0,
                worst: None,
            };
            (township.code.clone(), status)
        })
        .collect()
}

fn overview(
    scope: &Scope,
    registry: &Registry,
    profiles: &Profiles,
    online: &BTreeSet<DeviceId>,
    alarms: &[AlarmCount],
) -> Overview {
    let mut townships = townships_of(scope, registry);
    for (device, place) in registry.devices_with_places().filter(|(_, place)| scope.covers(Some(place))) {
        if profiles.are_on_file(&device.profile) {
            continue;
        }
        let Some(status) = townships.get_mut(&place.township) else { continue };
        status.device_count += 1;
        status.online_count += u64::from(online.contains(&device.id));
        status.camera_count += u64::from(views::is_camera(device));
    }
    for count in alarms {
        let Some(status) = townships.get_mut(&count.township) else { continue };
        for counts in [count.waiting, count.answered, count.set_aside] {
            for (sum, count) in status.open_alarms.iter_mut().zip(counts) {
                *sum += u64::from(count);
            }
        }
        status.unacknowledged_count += count.waiting.iter().map(|count| u64::from(*count)).sum::<u64>();
    }
    for status in townships.values_mut() {
        let severities = [Severity::I, Severity::II, Severity::III, Severity::IV];
        let worst = severities.into_iter().zip(status.open_alarms).find(|(_, count)| *count > 0);
        status.worst = worst.map(|(severity, _)| SeverityNumber(severity));
    }
    Overview { townships: townships.into_values().collect() }
}
