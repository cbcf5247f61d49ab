//! Cameras, and what they showed of an alarm.

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

/// What a camera of an alarm's site showed around the alarm: `GET /alarms/{id}/pictures`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmCamera {
    /// The device.
    #[schema(value_type = String)]
    pub camera: DeviceId,
    /// What people call it; its id, when it has left the registry.
    pub name: String,
    /// When its kept stills were taken, by the edge's clock, the earliest first. Each is at
    /// `/alarms/{id}/pictures/{camera}/{taken_at_ms}`.
    pub taken_at_ms: Vec<i64>,
    /// It was asked for a still that has not come yet.
    pub is_awaited: bool,
    /// It was asked then and sent none.
    pub unanswered_since_ms: Option<i64>,
    /// It could not be asked: it was offline since then.
    pub offline_since_ms: Option<i64>,
}
