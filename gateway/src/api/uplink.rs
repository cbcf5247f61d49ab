//! Where edge agents bring live pictures.

use axum::{
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::Response,
};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::Path,
    socket,
};
use crate::video::UPLINK_MESSAGE_BYTES_MAX;

/// Where an edge agent brings a camera's picture, over WebSocket, with the one-time ticket it was sent.
#[utoipa::path(get, path = "/uplink/{ticket}", tag = "edge", security(()),
    params(("ticket" = String, Path, description = "One-time ticket; it is the credential.")),
    responses((status = 101, description = "WebSocket: messages as docs/ref/video.md describes."), Refusal))]
pub(super) async fn uplink(
    State(state): State<AppState>,
    Path(ticket): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = socket::upgrade(upgrade)?.max_message_size(UPLINK_MESSAGE_BYTES_MAX);
    let uplink = state.video.redeem(&ticket).ok_or_else(ApiError::not_found)?;
    Ok(upgrade.on_upgrade(move |socket| uplink.serve(socket, state.stop)))
}
