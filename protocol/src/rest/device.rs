//! Devices, their present values, their history.

use std::collections::BTreeMap;

use domain::{
    alarm::Severity,
    id::{DeviceId, MetricName, NodeId, OwnerId, ProfileId, RuleId, SiteId, TownshipCode},
    reading::{Quality, Reading, Value},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Gap, LinkState, OutOfService, Rule,
    vocabulary::{QualitySchema, SeveritySchema, ValueSchema},
};

/// A device in a list, with everything the tree and the tiles show.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// What kind it is.
    #[schema(value_type = String)]
    pub profile: ProfileId,
    /// Where it stands.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The township of the site.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// The owner of the site.
    #[schema(value_type = String)]
    pub owner: OwnerId,
    /// The owner's name.
    pub owner_name: String,
    /// The edge node that speaks for it.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// Whether it has pictures.
    pub is_camera: bool,
    /// Whether it is something on paper, such as a licence: it measures nothing, and nobody speaks for it.
    pub is_on_file: bool,
    /// Nameplate and site values that override the profile's defaults.
    pub nameplate: BTreeMap<String, f64>,
}

/// `GET /devices/{id}`: a device with its metrics and rules.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceDetail {
    /// The list entry.
    #[serde(flatten)]
    pub summary: DeviceSummary,
    /// The owner's telephone; empty when unknown.
    pub owner_phone: String,
    /// Whether somebody speaks for it at this moment.
    pub link: LinkState,
    /// When `link` last changed.
    pub link_since_ms: i64,
    /// How soon a silent death of this device is noticed, in seconds: by its connection when its node runs our agent,
    /// else by three report intervals of its node, as learned, or by its readings, whichever is sooner.
    pub offline_bound_s: u64,
    /// What of it is out of service: the whole, or some of its rules; empty: nothing.
    pub out_of_service: Vec<OutOfService>,
    /// What it measures, and the latest of each.
    pub metrics: Vec<Metric>,
    /// The rules that watch it, with limits as they apply to this device.
    pub rules: Vec<Rule>,
    /// What keeps rules from being judged on it; empty: nothing.
    pub gaps: Vec<Gap>,
}

/// One metric of a device.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    /// Name, such as `cold_store.temperature`.
    #[schema(value_type = String)]
    pub name: MetricName,
    /// 中文名; the metric's own name when the profile does not know it.
    pub title_zh: String,
    /// English name; the metric's own name when the profile does not know it.
    pub title_en: String,
    /// Unit such as `°C`; empty: none.
    pub unit: String,
    /// Digits after the decimal point worth showing.
    pub decimals: u8,
    /// Words for state codes, such as `1` → `运行` / `running`; empty: a plain value.
    pub states: Vec<StateName>,
    /// A value older than this many seconds is stale.
    pub stale_after_s: u64,
    /// The latest reading; None: none stored yet.
    pub latest: Option<Point>,
}

/// A word for a state code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateName {
    /// The code; 0 and 1 stand for flags.
    pub code: i64,
    /// 中文.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One reading of a known series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// Event time.
    pub at_ms: i64,
    /// The value; null: the source could not be read.
    #[schema(value_type = Option<ValueSchema>)]
    pub value: Option<Value>,
    /// How far to trust it.
    #[schema(value_type = QualitySchema)]
    pub quality: Quality,
}

impl From<&Reading> for Point {
    fn from(reading: &Reading) -> Self {
        Self { at_ms: reading.event_time.0, value: reading.value.clone(), quality: reading.quality }
    }
}

/// A severity as the number 1 (I) to 4 (IV).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct SeverityNumber(pub Severity);

impl From<SeverityNumber> for u8 {
    fn from(number: SeverityNumber) -> u8 {
        number.0 as u8
    }
}

impl TryFrom<u8> for SeverityNumber {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        Ok(Self(match number {
            1 => Severity::I,
            2 => Severity::II,
            3 => Severity::III,
            4 => Severity::IV,
            other => return Err(format!("severity {other} does not exist; 1 to 4 do")),
        }))
    }
}

/// `GET /devices/{id}/history?metric=…&from_ms=…&to_ms=…&buckets=…`: one series over `[from, to)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The metric asked for.
    #[schema(value_type = String)]
    pub metric: MetricName,
    /// Start, inclusive.
    pub from_ms: i64,
    /// End, exclusive.
    pub to_ms: i64,
    /// Width of a bucket in milliseconds; None: `points` holds every reading.
    pub bucket_ms: Option<i64>,
    /// `points` were chosen from so many usable readings so that they draw the same line; None: nothing was left out.
    #[serde(default)]
    pub thinned_from: Option<u64>,
    /// Every reading, in event-time order, when there are no more than the buckets asked for; or the chosen ones.
    #[serde(default)]
    pub points: Vec<Point>,
    /// Non-empty buckets, in time order, when there are more. A missing bucket is a gap.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
}

/// Readings of one bucket of time taken together. Unusable and text readings count, but have no part in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// Start of the bucket.
    pub at_ms: i64,
    /// Smallest usable number; None: none in the bucket.
    pub min: Option<f64>,
    /// Largest usable number.
    pub max: Option<f64>,
    /// Mean of the usable numbers.
    pub mean: Option<f64>,
    /// The newest usable number by event time; of equal times the later arrival.
    pub last: Option<f64>,
    /// All readings of the bucket, unusable ones included.
    pub count: u64,
}

/// `GET /profiles`: one kind of device.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ProfileId,
    /// 中文名.
    pub title_zh: String,
    /// English name.
    pub title_en: String,
    /// `kitchen`, `elevator`, `boiler`, `gas`, `ride` or `edge`: picks the icon.
    pub category: String,
    /// The nameplate's keys that its rules look at, by key.
    pub nameplate_keys: Vec<NameplateKey>,
}

/// A number of the nameplate that rules look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NameplateKey {
    /// Such as `allowed_pressure_mpa`.
    pub key: String,
    /// The rules that are not judged, or not in full, without it; empty: there is a default.
    #[schema(value_type = Vec<String>)]
    pub needed_by: Vec<RuleId>,
    /// The gravest of those; None: there is a default.
    #[schema(value_type = Option<SeveritySchema>)]
    pub severity: Option<SeverityNumber>,
}
