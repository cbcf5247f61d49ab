//! HTTP and WebSocket: one file a resource. Handlers are thin: they read the request, ask the part that knows, and shape
//! the answer. [`extract::May`] stands in front of everything that belongs to people.
//!
//! - `extract`: reading requests, and who may; `error`: problems; `security`: origins and headers.
//! - `views`: registry, profiles and rules as the API shows them (pure); `socket`: what sockets have in common.
//! - the rest: one resource each, its routes described beside its handlers ([`openapi`]).
//! - `dashboard`: the embedded pages; [`server`]: listening.

mod acknowledge_many;
mod actions;
mod alarms;
mod amend;
mod audit;
mod backtest;
mod cameras;
mod cases;
mod config;
mod dashboard;
mod devices;
mod duty;
mod error;
mod export;
mod extract;
mod history;
mod ledger;
mod live;
mod nodes;
mod notify;
pub mod openapi;
mod overview;
mod owners;
mod pictures;
mod quality;
mod registry;
mod security;
pub mod server;
mod session;
mod sites;
mod socket;
mod storage;
mod uplink;
mod users;
mod views;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
};
use domain::{
    id::DeviceId,
    profile::Profiles,
    registry::{Device, Registry},
    time::UnixMs,
};
use protocol::{live::DeviceLive, rest::LinkState};
use tokio_util::sync::CancellationToken;
use tower_http::{compression::CompressionLayer, timeout::TimeoutLayer, trace::TraceLayer};
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::error::ApiError;
pub use self::{
    config::{Config, Tls},
    export::Exports,
};
use crate::{
    clock::Clock,
    identity::{Identity, node::NodeCredentials},
    ingest::IngestHandle,
    live::Hub,
    notify::Notifier,
    ops::health::{self, Health},
    pipeline,
    registry::Registrar,
    store::{PHOTO_BYTES_MAX, Scope, Store},
    video::{self, Evidence, Snapshots},
};

/// Before every route of the API.
const PREFIX: &str = "/api/v1";
/// The largest body of an ordinary request, in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a request may take before it is given up. Sockets live longer: their request is over when they are open.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// Both clocks.
    pub clock: Clock,
    /// Section `[http]` of the configuration.
    pub http: Arc<Config>,
    /// What people's programs are told about this gateway.
    pub about: About,
    /// Everything stored.
    pub store: Store,
    /// Signing in, accounts.
    pub identity: Identity,
    /// The registry and its changes.
    pub registrar: Registrar,
    /// The kinds of devices.
    pub profiles: Arc<Profiles>,
    /// For people's actions on alarms.
    pub pipeline: pipeline::Handle,
    /// What is true now.
    pub live: Hub,
    /// How edge nodes are doing.
    pub ingest: IngestHandle,
    /// Credentials of edge nodes.
    pub nodes: NodeCredentials,
    /// Live pictures.
    pub video: video::Hub,
    /// Stills.
    pub snapshots: Snapshots,
    /// The pictures of alarms.
    pub evidence: Evidence,
    /// Exports that may run at the same time.
    pub exports: Exports,
    /// Channels by which people are told.
    pub notifier: Notifier,
    /// How the parts are doing.
    pub health: Health,
    /// The gateway stops: sockets say goodbye.
    pub stop: CancellationToken,
}

/// What people's programs are told about this gateway.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// It runs the demonstration district.
    pub is_demo: bool,
    /// The offices' areas are sample data.
    pub offices_are_sample: bool,
    /// When the gateway started, by its own clock.
    pub started: UnixMs,
}

/// A registered device within a scope; outside it there is no such device.
fn covered_device<'r>(scope: &Scope, registry: &'r Registry, id: &DeviceId) -> Result<&'r Device, ApiError> {
    let place = registry.place(id).filter(|place| scope.covers(Some(place)));
    place.and_then(|_| registry.device(id)).ok_or_else(ApiError::not_found)
}

/// A device as it is now. One that was registered a moment ago is not in the live picture yet: nothing is known of it.
fn device_now(state: &AppState, scope: &Scope, id: &DeviceId) -> Result<DeviceLive, ApiError> {
    if let Some(live) = state.live.device(scope, id) {
        return Ok(live);
    }
    covered_device(scope, &state.registrar.current(), id)?;
    let (link, link_since_ms) = (LinkState::Unknown, state.clock.now().wall.0);
    Ok(DeviceLive { id: id.clone(), link, link_since_ms, worst: None, values: Vec::new() })
}

/// Every route of the API with its description. What is not here is not reachable.
fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .routes(routes!(session::sign_in, session::read_session, session::sign_out))
        .routes(routes!(session::change_password))
        .routes(routes!(overview::read_overview))
        .routes(routes!(overview::read_places))
        .routes(routes!(overview::list_profiles))
        .routes(routes!(devices::list_devices))
        .routes(routes!(devices::read_device))
        .routes(routes!(history::read_history))
        .routes(routes!(history::read_histories))
        .routes(routes!(history::read_states))
        .routes(routes!(history::read_latest))
        .routes(routes!(export::export_readings))
        .routes(routes!(backtest::test_rule))
        .routes(routes!(amend::amend_rule, amend::take_back_rule))
        .routes(routes!(alarms::list_alarms))
        .routes(routes!(alarms::list_alarm_groups))
        .routes(routes!(alarms::list_climbing_alarms))
        .routes(routes!(alarms::read_alarm))
        .routes(routes!(pictures::list_alarm_pictures))
        .routes(routes!(pictures::read_alarm_picture))
        .routes(routes!(acknowledge_many::acknowledge_alarms))
        .routes(routes!(quality::read_alarm_quality))
        .routes(routes!(actions::acknowledge_alarm))
        .routes(routes!(actions::reset_alarm))
        .routes(routes!(actions::shelve_alarm))
        .routes(routes!(actions::unshelve_alarm))
        .routes(routes!(actions::take_out_of_service))
        .routes(routes!(actions::return_to_service))
        .routes(routes!(cases::list_cases, cases::open_case))
        .routes(routes!(cases::read_case))
        .routes(routes!(cases::list_assignees))
        .routes(routes!(cases::take_step))
        .routes(routes!(cases::add_note))
        .routes(routes!(cases::add_alarm))
        .routes(routes!(cases::read_photo))
        .merge(photo_route())
        .routes(routes!(duty::list_on_duty))
        .routes(routes!(duty::read_roster))
        .routes(routes!(duty::add_shift))
        .routes(routes!(duty::put_shift, duty::delete_shift))
        .routes(routes!(duty::hand_over))
        .routes(routes!(cameras::list_cameras))
        .routes(routes!(cameras::read_snapshot, cameras::request_snapshot))
        .routes(routes!(cameras::watch_camera))
        .routes(routes!(live::live))
        .routes(routes!(owners::list_owners))
        .routes(routes!(owners::read_owner, owners::put_owner, owners::delete_owner))
        .routes(routes!(sites::list_sites))
        .routes(routes!(sites::read_site, sites::put_site, sites::delete_site))
        .routes(routes!(registry::list_registered_devices))
        .routes(routes!(
            registry::read_registered_device,
            registry::put_registered_device,
            registry::delete_registered_device
        ))
        .merge(import_route())
        .routes(routes!(registry::list_discovered))
        .routes(routes!(nodes::list_nodes))
        .routes(routes!(nodes::enrol_node))
        .routes(routes!(nodes::revoke_node))
        .routes(routes!(ledger::read_ledger))
        .routes(routes!(storage::read_storage))
        .routes(routes!(users::list_users, users::add_user))
        .routes(routes!(users::put_user))
        .routes(routes!(notify::read_alarm_deliveries))
        .routes(routes!(notify::list_channels))
        .routes(routes!(notify::read_dead_channels))
        .routes(routes!(notify::test_channel))
        .routes(routes!(notify::read_own_contact, notify::put_own_contact))
        .routes(routes!(notify::read_contact, notify::put_contact))
        .routes(routes!(audit::read_audit))
        .routes(routes!(uplink::uplink))
        .routes(routes!(openapi::read_openapi))
}

/// An import may be larger than other bodies.
fn import_route() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(registry::import_registry))
        .layer(DefaultBodyLimit::max(registry::IMPORT_BYTES_MAX))
}

/// A photo may be larger than other bodies.
fn photo_route() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(cases::add_photo)).layer(DefaultBodyLimit::max(PHOTO_BYTES_MAX))
}

/// Everything the gateway answers to people's programs and to edge agents' cameras.
pub fn router(state: AppState) -> Router {
    let (api, _document) = routes().split_for_parts();
    let api = api
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(state.clone(), security::check_origin));
    Router::new()
        .nest(PREFIX, api)
        .with_state(state.clone())
        .merge(health::routes(state.health.clone()))
        .fallback(dashboard::serve)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(state, security::add_headers))
        .layer(from_fn(crate::ops::metrics::count_request))
        .layer(TraceLayer::new_for_http())
}
