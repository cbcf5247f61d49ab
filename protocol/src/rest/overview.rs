//! The district at a glance.

use domain::id::TownshipCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SeverityNumber, vocabulary::SeveritySchema};

/// `GET /overview`: counts of the caller's jurisdiction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// One entry a township in the jurisdiction, also those without devices, by code.
    pub townships: Vec<TownshipStatus>,
}

/// One township's counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TownshipStatus {
    /// Which township.
    #[schema(value_type = String)]
    pub code: TownshipCode,
    /// Registered devices, without what is merely on paper.
    pub device_count: u64,
    /// Those that somebody speaks for at this moment.
    pub online_count: u64,
    /// Cameras among the devices.
    pub camera_count: u64,
    /// Open alarms by severity, I to IV.
    pub open_alarms: [u64; 4],
    /// Open alarms that nobody has answered.
    pub unacknowledged_count: u64,
    /// The worst open severity; None: no open alarm.
    #[schema(value_type = Option<SeveritySchema>)]
    pub worst: Option<SeverityNumber>,
}
