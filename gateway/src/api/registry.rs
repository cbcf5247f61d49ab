//! Devices as the registry holds them, import, and devices that nobody registered.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use domain::{id::DeviceId, registry};
use protocol::rest::{DeviceDraft, DiscoveredDevice, FieldError, ImportReport, RegisteredDevice};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{self, ManageRegistry, May, Path, Query},
    views,
};
use crate::{
    registry::{
        Mode, RegistrarError, Removal, gaps_of,
        import::{self, Entry, Format},
    },
    store::Actor,
};

/// The largest import, in bytes: about fifty thousand devices.
pub(super) const IMPORT_BYTES_MAX: usize = 8 << 20;

/// All registered devices as the registry holds them, by id, each with what keeps rules from being judged on it.
#[utoipa::path(get, path = "/registry/devices", tag = "registry",
    responses((status = 200, body = Vec<RegisteredDevice>), Refusal))]
pub(super) async fn list_registered_devices(
    State(state): State<AppState>,
    _may: May<ManageRegistry>,
) -> Json<Vec<RegisteredDevice>> {
    let registry = state.registrar.current();
    Json(registry.devices().map(|device| registered(&state, &registry, device)).collect())
}

/// One registered device.
#[utoipa::path(get, path = "/registry/devices/{id}", tag = "registry",
    params(("id" = String, Path, description = "The device.")),
    responses((status = 200, body = RegisteredDevice), Refusal))]
pub(super) async fn read_registered_device(
    State(state): State<AppState>,
    _may: May<ManageRegistry>,
    Path(id): Path<DeviceId>,
) -> Result<Json<RegisteredDevice>, ApiError> {
    let registry = state.registrar.current();
    let device = registry.device(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(registered(&state, &registry, device)))
}

fn registered(state: &AppState, registry: &registry::Registry, device: &registry::Device) -> RegisteredDevice {
    RegisteredDevice { draft: views::device_draft(device), gaps: gaps_of(device, &state.profiles, registry) }
}

/// Adds or changes a device, and says what keeps rules from being judged on it. One that was discovered becomes visible to its jurisdiction.
#[utoipa::path(put, path = "/registry/devices/{id}", tag = "registry", request_body = DeviceDraft,
    params(("id" = String, Path, description = "The device.")),
    responses((status = 200, body = RegisteredDevice), Refusal))]
pub(super) async fn put_registered_device(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<DeviceId>,
    extract::Json(body): extract::Json<DeviceDraft>,
) -> Result<Json<RegisteredDevice>, ApiError> {
    same_id(&id, &body.id)?;
    let device = registry::Device {
        id: body.id,
        name: body.name,
        site: body.site,
        profile: body.profile,
        node: body.node,
        nameplate: body.nameplate,
    };
    state.registrar.put(Actor::Person(&may.scope), Entry::Device(device.clone())).await?;
    Ok(Json(registered(&state, &state.registrar.current(), &device)))
}

/// Removes a device from the registry. Its readings and alarms stay, for the district's eyes only.
#[utoipa::path(delete, path = "/registry/devices/{id}", tag = "registry",
    params(("id" = String, Path, description = "The device.")),
    responses((status = 204, description = "Removed."), Refusal))]
pub(super) async fn delete_registered_device(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<DeviceId>,
) -> Result<StatusCode, ApiError> {
    state.registrar.remove(Actor::Person(&may.scope), Removal::Device(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    /// Only say what would be done; `false` when absent.
    #[serde(default)]
    dry_run: bool,
}

/// Imports owners, sites and devices; all or nothing. What is wrong is named by line in `errors`.
#[utoipa::path(post, path = "/registry/import", tag = "registry", params(ImportQuery),
    request_body(content((String = "text/csv"), (String = "application/toml"))),
    responses((status = 200, body = ImportReport), Refusal))]
pub(super) async fn import_registry(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportReport>, ApiError> {
    let format = headers
        .get(CONTENT_TYPE)
        .and_then(|media_type| Format::of_media_type(media_type.to_str().ok()?))
        .ok_or_else(|| ApiError::unsupported_media_type("text/csv or application/toml"))?;
    let mode = if query.dry_run { Mode::DryRun } else { Mode::Apply };
    let imported = match import::parse(format, &body?) {
        Ok(lines) => state.registrar.import(Actor::Person(&may.scope), lines, mode).await,
        Err(errors) => Err(RegistrarError::Misfit(errors.into_iter().map(FieldError::from).collect())),
    };
    match imported {
        Ok(report) => Ok(Json(report)),
        Err(RegistrarError::Misfit(errors)) => Ok(Json(ImportReport { errors, ..ImportReport::default() })),
        Err(error) => Err(error.into()),
    }
}

/// Devices that speak but are in no registry, latest first.
#[utoipa::path(get, path = "/discovered", tag = "registry",
    responses((status = 200, body = Vec<DiscoveredDevice>), Refusal))]
pub(super) async fn list_discovered(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
) -> Result<Json<Vec<DiscoveredDevice>>, ApiError> {
    Ok(Json(state.store.discovered(&may.scope).await?))
}

/// The id in the path and the one in the body are the same.
pub(super) fn same_id<T: PartialEq + std::fmt::Display>(of_path: &T, of_body: &T) -> Result<(), ApiError> {
    if of_path == of_body {
        return Ok(());
    }
    Err(ApiError::invalid_field("id", format!("`{of_body}` is not `{of_path}`, which the address names")))
}

impl From<import::LineError> for FieldError {
    fn from(error: import::LineError) -> Self {
        Self { at: format!("line {}", error.number), message: error.problem }
    }
}

impl From<RegistrarError> for ApiError {
    fn from(error: RegistrarError) -> Self {
        match error {
            // A single entry has no lines; it is the body.
            RegistrarError::Misfit(errors) => {
                Self::invalid(errors.into_iter().map(|error| FieldError { at: "body".to_owned(), ..error }).collect())
            }
            RegistrarError::Store(error) => error.into(),
        }
    }
}
