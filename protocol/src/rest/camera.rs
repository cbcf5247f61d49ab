//! Cameras.

use domain::id::{DeviceId, SiteId, TownshipCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A camera in the wall's list. Its health arrives as ordinary metrics (`camera.health`).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Camera {
    /// The device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The township of the site.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// When the newest still (`GET /cameras/{id}/snapshot`) was taken; None: there is none.
    pub snapshot_at_ms: Option<i64>,
}
