//! Alarm quality: the figures of EEMUA 191 and ISA-18.2, with what good is beside them.

use domain::id::{DeviceId, OfficeId, RuleId, TownshipCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Confidence;

/// `GET /alarm-quality`: how well people are served by their alarms. A call is a condition that came, or came back, and
/// was not set aside.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmQuality {
    /// From here, inclusive.
    pub from_ms: i64,
    /// To here, exclusive.
    pub to_ms: i64,
    /// Of the whole jurisdiction, or of the township that was asked for.
    pub whole: QualityFigures,
    /// The figures that have a target, in the order of a page.
    pub measures: Vec<QualityMeasure>,
    /// How long each of `slots` is, in milliseconds.
    pub slot_ms: u64,
    /// Calls in each slot from `from_ms` on.
    pub slots: Vec<u32>,
    /// By person, those who did most first, a hundred at most.
    pub operators: Vec<OperatorQuality>,
    /// By office, those with a call or an open alarm, by id.
    pub offices: Vec<OfficeQuality>,
    /// By township, those with a call or an open alarm, by code.
    pub townships: Vec<TownshipQuality>,
    /// By device, those with most calls first, twenty at most.
    pub devices: Vec<DeviceQuality>,
    /// The rules on devices with most calls first, ten at most.
    pub bad_actors: Vec<BadActor>,
}

/// The figures of one operator position (the whole, an office, a township's sub-centre), or of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityFigures {
    /// How often somebody was called.
    pub call_count: u64,
    /// Calls in ten minutes, on average.
    pub per_10_min_mean: f64,
    /// Most calls in ten minutes.
    pub per_10_min_peak: u32,
    /// How much of the time was a flood (begins with ten calls in ten minutes, ends below five), in percent.
    pub flood_percent: f64,
    /// Calls by severity, I to IV.
    pub by_severity: [u64; 4],
    /// Conditions that were gone again within ten seconds.
    pub fleeting_count: u64,
    /// Sources that chattered: three calls within a minute.
    pub chattering_count: u64,
    /// Alarms open at the end that were not set aside.
    pub standing_count: u64,
    /// Alarms open at the end that were on the shelf.
    pub shelved_count: u64,
    /// Those whose condition had held for more than a day at the end.
    pub stale_count: u64,
    /// From the call to the answer.
    pub acknowledge: QualityDelay,
    /// From the raising to the end.
    pub close: QualityDelay,
}

/// How long people took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityDelay {
    /// How often somebody did it.
    pub count: u64,
    /// The mean in seconds; None: nobody did.
    pub mean_s: Option<f64>,
    /// The median in seconds; None: nobody did.
    pub median_s: Option<f64>,
}

/// A figure that has a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityMeasure {
    /// Which.
    pub measure: QualityMeasureKind,
    /// What it came to.
    pub value: f64,
    /// Up to here it is good.
    pub target: f64,
    /// Up to here it is tolerable.
    pub worst: f64,
    /// How it is to be taken.
    pub verdict: QualityVerdict,
    /// How far the two bounds were checked in a source.
    pub confidence: Confidence,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QualityMeasureKind {
    /// Calls in ten minutes, mean.
    #[serde(rename = "per_10_min_mean")]
    Per10MinMean,
    /// Calls in ten minutes, most.
    #[serde(rename = "per_10_min_peak")]
    Per10MinPeak,
    /// Percent of the time in flood.
    FloodPercent,
    /// Percent of all calls by the ten most frequent sources.
    #[serde(rename = "top_10_percent")]
    Top10Percent,
    /// Sources that chattered.
    Chattering,
    /// Conditions gone within ten seconds.
    Fleeting,
    /// Active for more than a day.
    Stale,
    /// Open and not set aside.
    Standing,
    /// On the shelf.
    Shelved,
    /// Percent of calls of severity I and II.
    GravePercent,
}

/// How a figure is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QualityVerdict {
    /// As it should be.
    Good,
    /// Beyond the target, not beyond what can be borne.
    Tolerable,
    /// Worse than anybody should bear.
    Bad,
}

/// What one person did. Alarms call a post, never a person, so calls are no figure of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperatorQuality {
    /// The user name.
    pub operator: String,
    /// From the call to this person's answer.
    pub acknowledge: QualityDelay,
    /// From the raising to the end that this person brought about.
    pub close: QualityDelay,
}

/// One office's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfficeQuality {
    /// Which office.
    #[schema(value_type = String)]
    pub office: OfficeId,
    /// The figures that have a target for one post, in the order of a page.
    pub measures: Vec<QualityMeasure>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: QualityFigures,
}

/// One township's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TownshipQuality {
    /// Which township.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// The figures that have a target for one post, in the order of a page.
    pub measures: Vec<QualityMeasure>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: QualityFigures,
}

/// One device's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceQuality {
    /// Which device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// What people call it.
    pub device_name: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: QualityFigures,
}

/// One of the sources that call most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BadActor {
    /// Which device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// What people call it.
    pub device_name: String,
    /// Which rule.
    #[schema(value_type = String)]
    pub rule: RuleId,
    /// The rule's 中文名; empty: it is no longer there.
    pub title_zh: String,
    /// The rule's English name; empty: it is no longer there.
    pub title_en: String,
    /// How often it called.
    pub call_count: u64,
    /// How much of all calls that is, in percent.
    pub share_percent: f64,
    /// How often it began to chatter.
    pub chatter_count: u64,
    /// How often its condition was gone within ten seconds.
    pub fleeting_count: u64,
}
