//! Cameras: list, newest still, live picture.

use std::time::Duration;

use axum::{
    Json,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::{id::DeviceId, time::UnixMs};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    rest::{Camera, Problem},
    video::{StreamKind, StreamMessage},
};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::{
    AppState, covered_device,
    error::{ApiError, Refusal},
    extract::{May, Path, Query, View},
    socket::{self, CloseReason},
    views,
};
use crate::{
    identity::attendance::Attendance,
    store::{AuditEntry, Scope},
    video::{Viewer, WatchRefused},
};

/// A player that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// An idle socket is asked this often whether it is there: proxies and browsers drop silent ones.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// Which stream to watch.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchQuery {
    /// `main` when absent.
    #[serde(default)]
    #[param(inline)]
    stream: StreamKind,
}

/// The cameras of the caller's jurisdiction, by id.
#[utoipa::path(get, path = "/cameras", tag = "cameras", responses((status = 200, body = Vec<Camera>), Refusal))]
pub(super) async fn list_cameras(State(state): State<AppState>, may: May<View>) -> Json<Vec<Camera>> {
    let registry = state.registrar.current();
    let cameras = registry
        .devices_with_places()
        .filter(|(device, place)| views::is_camera(device) && may.scope.covers(Some(place)))
        .filter_map(|(device, place)| {
            let site = registry.site(&device.site)?;
            Some(Camera {
                device: device.id.clone(),
                name: device.name.clone(),
                site: site.id.clone(),
                site_name: site.name.clone(),
                township: place.township.clone(),
                snapshot_at_ms: state.snapshots.taken_at(&may.scope, &device.id).map(|at| at.0),
            })
        })
        .collect();
    Json(cameras)
}

/// The newest still of a camera. `Last-Modified` says when it was taken.
#[utoipa::path(get, path = "/cameras/{id}/snapshot", tag = "cameras",
    params(("id" = String, Path, description = "The camera.")),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), Refusal))]
pub(super) async fn read_snapshot(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<DeviceId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    covered_camera(&state, &may.scope, &id)?;
    let still = state.snapshots.newest(&may.scope, &id).await.map_err(|error| ApiError::internal(&error))?;
    let (taken, picture) = still.ok_or_else(ApiError::not_found)?;
    Ok(jpeg(taken, &headers, picture))
}

/// A still that is known by the moment when it was taken. It is kept by browsers and asked for each time whether it may still
/// be seen.
pub(super) fn jpeg(taken: UnixMs, headers: &HeaderMap, picture: Bytes) -> Response {
    let tag = HeaderValue::try_from(format!("\"{}\"", taken.0)).expect("digits in quotes are a header value");
    let caching = [(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")), (header::ETAG, tag.clone())];
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, "image/jpeg")], picture).into_response()
}

/// Asks the camera for a new still; `snapshot_at_ms` of `GET /cameras` tells when it has come.
#[utoipa::path(post, path = "/cameras/{id}/snapshot", tag = "cameras",
    params(("id" = String, Path, description = "The camera.")),
    responses((status = 202, description = "Asked for."), Refusal))]
pub(super) async fn request_snapshot(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<DeviceId>,
) -> Result<StatusCode, ApiError> {
    covered_camera(&state, &may.scope, &id)?;
    if !state.snapshots.request(&may.scope, &id) {
        return Err(ApiError::not_found());
    }
    Ok(StatusCode::ACCEPTED)
}

/// Live picture over WebSocket; see docs/ref/video.md.
#[utoipa::path(get, path = "/cameras/{id}/live", tag = "cameras",
    params(("id" = String, Path, description = "The camera."), WatchQuery),
    responses(
        (status = 101, description = "WebSocket: text messages are StreamMessage, binary ones frames of MP4.",
            body = StreamMessage),
        (status = 503, description = "As many players as the gateway allows are open.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn watch_camera(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<DeviceId>,
    Query(query): Query<WatchQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    covered_camera(&state, &may.scope, &id)?;
    let upgrade = socket::upgrade(upgrade)?;
    let viewer = state.video.watch(&may.scope, &id, query.stream).map_err(|refused| match refused {
        WatchRefused::NotFound => ApiError::not_found(),
        WatchRefused::TooMany => ApiError::unavailable("too many players are open", "同时观看的画面过多，请稍后重试"),
    })?;
    // Nobody watches unseen: without the entry there is no picture.
    let entry = AuditEntry {
        at: state.clock.now().wall,
        actor: may.scope.username().to_string(),
        action: "camera.watch",
        object: id.to_string(),
        detail: query.stream.to_string(),
    };
    state.store.audit(entry).await?;
    let attendance = Attendance::new(state.store.clone(), state.clock, may.token, may.scope);
    Ok(upgrade.on_upgrade(move |socket| serve(socket, viewer, attendance, state)))
}

fn covered_camera(state: &AppState, scope: &Scope, id: &DeviceId) -> Result<(), ApiError> {
    let registry = state.registrar.current();
    let device = covered_device(scope, &registry, id)?;
    if views::is_camera(device) { Ok(()) } else { Err(ApiError::not_found()) }
}

async fn serve(socket: WebSocket, mut viewer: Viewer, attendance: Attendance, state: AppState) {
    let _open = socket::count("video");
    let (mut sink, mut source) = socket.split();
    let mut ended = std::pin::pin!(attendance.ended());
    let mut ping = tokio::time::interval(PING_INTERVAL);
    let reason = loop {
        let message = tokio::select! {
            () = state.stop.cancelled() => break CloseReason::Stopping,
            () = &mut ended => break CloseReason::SessionEnded,
            message = source.next() => match message {
                // Players have nothing to say.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Binary(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            message = viewer.next() => match message {
                Some(message) => message,
                None => break CloseReason::NoLongerCovered,
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        tokio::select! {
            () = state.stop.cancelled() => break CloseReason::Stopping,
            () = &mut ended => break CloseReason::SessionEnded,
            sent = timeout(WRITE_TIMEOUT, sink.send(message)) => if !matches!(sent, Ok(Ok(()))) { return },
        }
    };
    // A player that does not take its farewell in time is closed without.
    let _ = timeout(socket::FAREWELL_TIMEOUT, sink.send(Message::Close(Some(CloseFrame::from(reason))))).await;
}
