//! Questions about several series at once, and about states.

use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{History, vocabulary::ValueSchema};

/// The most series in one question.
pub const SERIES_PER_QUERY: usize = 16;
/// The most devices in one question.
pub const DEVICES_PER_QUERY: usize = 200;

/// `POST /latest`: the present of some devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LatestQuery {
    /// Which, 1 to 200.
    #[schema(value_type = Vec<String>)]
    pub devices: Vec<DeviceId>,
    /// Only these metrics; empty: all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub metrics: Vec<MetricName>,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesName {
    /// The device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// Its metric.
    #[schema(value_type = String)]
    pub metric: MetricName,
}

/// How many readings become few.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Equal stretches of time, each with its figures.
    #[default]
    Buckets,
    /// The readings that draw the same line (Largest Triangle Three Buckets): each was measured.
    Lttb,
}

/// `POST /history`: several series over the same range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Which, 1 to 16.
    pub series: Vec<SeriesName>,
    /// Start, inclusive.
    pub from_ms: i64,
    /// End, exclusive.
    pub to_ms: i64,
    /// At most so many buckets or readings of each series: 1 to 5000, for all series together at most 20000; 500 when
    /// absent.
    pub buckets: Option<u32>,
    /// How many readings become few.
    #[serde(default)]
    pub shape: Shape,
}

/// One series of an answer to `POST /history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesHistory {
    /// The device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// Its history.
    #[serde(flatten)]
    pub history: History,
}

/// `GET /devices/{id}/states?metric=…&from_ms=…&to_ms=…`: how long each value of a state held over `[from, to)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StateHistory {
    /// The metric asked for.
    #[schema(value_type = String)]
    pub metric: MetricName,
    /// Start, inclusive.
    pub from_ms: i64,
    /// End, exclusive.
    pub to_ms: i64,
    /// How long a reading counts as present.
    pub stale_after_s: u64,
    /// What held when, in order of time and without gaps, at most 2000.
    pub spans: Vec<StateSpan>,
    /// Spans beyond those; they are in the totals.
    pub left_out_count: u64,
    /// What each value adds up to, the longest first.
    pub totals: Vec<StateTotal>,
    /// How long values held beyond the 64 that are told one by one.
    pub others_ms: i64,
    /// How long nobody knows: no reading, an old one, or one that is not to be trusted.
    pub unknown_ms: i64,
}

/// A stretch of time with one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StateSpan {
    /// When it began, inclusive.
    pub from_ms: i64,
    /// When it ended, exclusive.
    pub to_ms: i64,
    /// The value; null: nobody knows.
    #[schema(value_type = Option<ValueSchema>)]
    pub value: Option<Value>,
}

/// What a value adds up to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StateTotal {
    /// The value.
    #[schema(value_type = ValueSchema)]
    pub value: Value,
    /// How long it held, in milliseconds.
    pub ms: i64,
    /// How many times it began, within the range or before it.
    pub count: u64,
}
