//! How much room the readings take.

use axum::{Json, extract::State};
use protocol::rest::Storage;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, ViewStorage},
};
use crate::store::{Retention, forecast};

/// What the database takes, of whom, and how long the disk lasts.
#[utoipa::path(get, path = "/storage", tag = "storage", responses((status = 200, body = Storage), Refusal))]
pub(super) async fn read_storage(
    State(state): State<AppState>,
    _may: May<ViewStorage>,
) -> Result<Json<Storage>, ApiError> {
    let usage = state.store.usage(state.clock.now().wall).await?;
    let retention = Retention::new(state.store.config(), &state.profiles);
    Ok(Json(forecast(&usage, &retention, state.live.storing())))
}
