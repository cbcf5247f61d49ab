//! The registry: which device stands where, who answers for it, and which edge node may speak for it.

mod amendment;
mod district;
mod index;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use amendment::{Amendment, Amendments, Reach};
pub use district::{Offices, Townships};
pub use index::{Registry, RegistryError};
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, NodeId, OfficeId, OwnerId, ProfileId, SiteId, TownshipCode};

/// 乡镇街道: a township or sub-district; each has a sub-centre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Township {
    /// Nine-digit administrative code.
    pub code: TownshipCode,
    /// 中文名.
    pub name_zh: String,
    /// Pinyin or English name.
    pub name_en: String,
    /// Latitude of the seat in degrees, WGS-84.
    pub latitude_deg: f64,
    /// Longitude of the seat in degrees, WGS-84.
    pub longitude_deg: f64,
}

/// 市场监管所: a market-supervision office and the townships it answers for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Its id.
    pub id: OfficeId,
    /// 中文名.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// The townships it answers for.
    pub townships: Vec<TownshipCode>,
}

/// 使用单位: who owns or uses equipment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Its id.
    pub id: OwnerId,
    /// Its registered name.
    pub name: String,
    /// Whom to call; empty when unknown.
    #[serde(default)]
    pub phone: String,
}

/// 场所: a place with equipment, in one township, of one owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub township: TownshipCode,
    /// Who answers for it.
    pub owner: OwnerId,
    /// Street address; empty when unknown.
    #[serde(default)]
    pub address: String,
}

/// 设备: one device, at one site, of one profile, spoken for by one edge node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its id, also on the wire.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub site: SiteId,
    /// What kind it is.
    pub profile: ProfileId,
    /// The edge node that may speak for it. An edge node is itself a device with profile `edge_node` and itself here.
    pub node: NodeId,
    /// Nameplate and site values that override a profile's defaults, such as `allowed_pressure_mpa = 1.0`.
    #[serde(default)]
    pub nameplate: BTreeMap<String, f64>,
}

/// What decides who may see a device: derived from its site, never from the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Where it lies.
    pub township: TownshipCode,
    /// Who answers for it.
    pub owner: OwnerId,
}
