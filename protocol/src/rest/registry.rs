//! Townships, offices, owners, sites, edge nodes; import; devices that nobody registered.

use std::collections::BTreeMap;

use domain::id::{DeviceId, NodeId, OfficeId, OwnerId, ProfileId, SiteId, TownshipCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FieldError, Gap};

/// A township with its place on the map and its office.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Township {
    /// Nine-digit code.
    #[schema(value_type = String)]
    pub code: TownshipCode,
    /// 中文名.
    pub name_zh: String,
    /// Pinyin or English name.
    pub name_en: String,
    /// Latitude of the seat in degrees, WGS-84.
    pub latitude_deg: f64,
    /// Longitude of the seat in degrees, WGS-84.
    pub longitude_deg: f64,
    /// The office that answers for it; None: not assigned.
    #[schema(value_type = Option<String>)]
    pub office: Option<OfficeId>,
}

/// An office and its townships.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Office {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OfficeId,
    /// 中文名.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// The townships it answers for.
    #[schema(value_type = Vec<String>)]
    pub townships: Vec<TownshipCode>,
}

/// `GET /places`: the townships and offices of the caller's jurisdiction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Places {
    /// Townships, by code.
    pub townships: Vec<Township>,
    /// Offices, by id.
    pub offices: Vec<Office>,
    /// The offices' areas are sample data, not published facts.
    pub offices_are_sample: bool,
}

/// An owner, as read and as written (`PUT /owners/{id}`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OwnerId,
    /// Its registered name.
    pub name: String,
    /// Whom to call; empty when unknown.
    #[serde(default)]
    pub phone: String,
}

/// A site, as read and as written (`PUT /sites/{id}`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Where it lies.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// Who answers for it.
    #[schema(value_type = String)]
    pub owner: OwnerId,
    /// Street address; empty when unknown.
    #[serde(default)]
    pub address: String,
}

/// A device as the registry holds it (`PUT /registry/devices/{id}`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceDraft {
    /// Its id, also on the wire.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// What kind it is.
    #[schema(value_type = String)]
    pub profile: ProfileId,
    /// The edge node that may speak for it.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// Nameplate and site values that override the profile's defaults.
    #[serde(default)]
    pub nameplate: BTreeMap<String, f64>,
}

/// A device as the registry holds it, and what keeps rules from being judged on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredDevice {
    /// As it was written.
    #[serde(flatten)]
    pub draft: DeviceDraft,
    /// What keeps rules from being judged; empty: nothing.
    pub gaps: Vec<Gap>,
}

/// A gap of a device that an import names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportedGap {
    /// Which device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// What keeps which rule from being judged.
    #[serde(flatten)]
    pub gap: Gap,
}

/// `POST /registry/import?dry_run=true`: what an import did, or would do. With any error nothing is changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// Whether the changes were made.
    pub is_applied: bool,
    /// Rows that are new, by kind (`owner`, `site`, `device`).
    pub added: BTreeMap<String, u64>,
    /// Rows that differ from what is registered, by kind.
    pub changed: BTreeMap<String, u64>,
    /// Rows that are already so, by kind.
    pub unchanged: BTreeMap<String, u64>,
    /// What is wrong, by line.
    pub errors: Vec<FieldError>,
    /// What keeps rules from being judged on the devices it names, 200 at most. No error: they are registered all the same.
    #[serde(default)]
    pub gaps: Vec<ImportedGap>,
    /// How many there are.
    #[serde(default)]
    pub gap_count: u64,
}

/// A device that speaks but is in no registry; only administrators see it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiscoveredDevice {
    /// The id it uses on the wire.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// The edge node that speaks for it.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// First birth seen.
    pub first_seen_at_ms: i64,
    /// Latest birth seen.
    pub last_seen_at_ms: i64,
    /// Names of the metrics of its latest birth.
    pub metrics: Vec<String>,
}

/// An edge node and how it is doing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EdgeNode {
    /// Its id.
    #[schema(value_type = String)]
    pub id: NodeId,
    /// Whether it has a credential; None: an external broker keeps the credentials.
    pub is_enrolled: Option<bool>,
    /// `online`, `offline`, or `unknown` until its first birth after the gateway's start.
    pub link: LinkState,
    /// When `link` last changed.
    pub link_since_ms: i64,
    /// Edge clock minus gateway clock in milliseconds at the last message; None: not heard since start.
    pub clock_skew_ms: Option<i64>,
    /// Devices registered to it.
    pub device_count: u64,
    /// Messages received since the gateway's start.
    pub message_count: u64,
    /// Gaps in `seq` since the gateway's start: messages that the broker or the link lost.
    pub gap_count: u64,
    /// The latest thing that was refused from it, in words; None: nothing.
    pub last_refusal: Option<String>,
}

/// Whether somebody speaks for it at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Born and not dead.
    Online,
    /// Dead.
    Offline,
    /// Not heard of since the gateway started.
    Unknown,
}

/// `POST /nodes/{id}/enrol`: the credential of an edge node, shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NodeCredential {
    /// The edge node.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// MQTT user name, also its client id.
    pub username: String,
    /// MQTT password. It cannot be read again; a new enrolment replaces it.
    pub password: String,
}
