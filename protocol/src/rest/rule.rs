//! Rules as they apply to one device, what keeps them from being judged, and wording them anew.

use domain::{
    id::{MetricName, RuleId},
    text::Text,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SeverityNumber, vocabulary::SeveritySchema};

/// A rule as it applies to one device.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Its id, such as `FR-01`.
    pub id: String,
    /// 中文名.
    pub title_zh: String,
    /// English name.
    pub title_en: String,
    /// What kind of condition it watches.
    pub kind: RuleKind,
    /// Severity 1 (I, red) to 4 (IV, blue).
    #[schema(value_type = SeveritySchema)]
    pub severity: SeverityNumber,
    /// The metric it watches; None: the device's link.
    #[schema(value_type = Option<String>)]
    pub metric: Option<MetricName>,
    /// The ways in which its alarm comes about; at least one.
    pub ways: Vec<RuleWay>,
    /// What else decides whether it calls, and for how long: hours, other states, a reset by hand.
    pub besides: Vec<Words>,
    /// The nameplate's keys without which it is not judged, or not in full; empty: none is missing.
    pub missing: Vec<String>,
    /// Who worded it so, for this device or further around; None: it stands so in the profile's file.
    pub amended: Option<Amended>,
    /// The rule in TOML, as in a profile's file.
    pub definition: String,
    /// Which wording of it this is, from 1; None: nobody has counted yet.
    pub version: Option<u32>,
    /// The condition must hold so long, in seconds.
    pub on_delay_s: f64,
    /// The condition must be gone so long, in seconds.
    pub off_delay_s: f64,
    /// Where the number comes from.
    pub source: RuleSource,
    /// 处置建议: what to do first; empty: nothing special.
    pub guidance_zh: String,
    /// What to do first, in English.
    pub guidance_en: String,
}

/// What kind of condition a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// A value beyond a number.
    Limit,
    /// A value beyond one of several numbers, each with a severity of its own.
    Levels,
    /// Two values that should agree and do not.
    Deviation,
    /// A value that moves too fast.
    Rate,
    /// A value that stands still although readings come.
    Stuck,
    /// Unlike its own past.
    Anomaly,
    /// A certificate that runs out.
    Due,
    /// Several values, as an expression.
    Expression,
    /// A value that is one of certain codes.
    State,
    /// Several values that together mean something.
    Combination,
    /// No new value for too long.
    Stale,
    /// Nobody speaks for the device.
    Offline,
}

/// How far to trust a rule's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The number was read in the document named.
    Verified,
    /// The document is named by others for this number, and was not read.
    Unverified,
    /// Our own proposal; never to be shown as regulation.
    Proposal,
}

/// Where a rule's number comes from, and how far to trust it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleSource {
    /// Document and clause, such as `GB 31654-2021`, 中文.
    pub citation_zh: String,
    /// Document and clause, English.
    pub citation_en: String,
    /// How far to trust it. Only a verified one may be called regulation.
    pub confidence: Confidence,
}

/// The same words in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Words {
    /// 中文.
    pub zh: String,
    /// English.
    pub en: String,
}

impl From<Text> for Words {
    fn from(text: Text) -> Self {
        Self { zh: text.zh, en: text.en }
    }
}

/// One way in which a rule's alarm comes about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleWay {
    /// What has to be the case.
    pub words: Words,
    /// For so long, in seconds, the rule's own delay included.
    pub for_s: f64,
    /// How bad that is.
    #[schema(value_type = SeveritySchema)]
    pub severity: SeverityNumber,
    /// The numbers in it; empty: it compares none, or the nameplate lacks them.
    pub limits: Vec<RuleLimit>,
}

/// A number that a quantity is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleLimit {
    /// Which quantity.
    #[schema(value_type = String)]
    pub metric: MetricName,
    /// On which side of it the trouble is.
    pub side: LimitSide,
    /// In the metric's unit.
    pub value: f64,
    /// How far it must come back before the condition is gone, in the metric's unit.
    pub deadband: f64,
    /// Whether nothing else has to be the case as well.
    pub is_alone: bool,
}

/// On which side of a limit the trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSide {
    /// Above it.
    Above,
    /// At it and above.
    AtLeast,
    /// Below it.
    Below,
}

/// Something about a registered device that keeps rules from being judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// Which rule; None: all of them, or none in particular.
    #[schema(value_type = Option<String>)]
    pub rule: Option<RuleId>,
    /// How bad its alarm would be; None as `rule`.
    #[schema(value_type = Option<SeveritySchema>)]
    pub severity: Option<SeverityNumber>,
    /// The key of the nameplate; None: it is not about one.
    pub key: Option<String>,
    /// What is the matter.
    pub words: Words,
}

/// Where an amended rule counts, always for devices of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AmendmentReach {
    /// On the one device.
    Device,
    /// On the devices of its kind at its site.
    Site,
    /// On every device of its kind.
    Everywhere,
}

/// Who worded a rule anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amended {
    /// Where it counts.
    pub reach: AmendmentReach,
    /// Who.
    pub by: String,
    /// When.
    pub at_ms: i64,
    /// Why, in the person's words.
    pub why: String,
    /// What it stands in place of, and what counts again when it is taken back, in TOML.
    pub was: String,
    /// Which wording that is.
    pub was_version: Option<u32>,
}

/// `PUT /devices/{id}/rules/{rule}`: the rule is judged in these words from now on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendRule {
    /// In TOML as in a profile's file, without the heading; at most 8000 characters.
    pub definition: String,
    /// Where it counts. Everywhere: only for those who see the whole district.
    pub reach: AmendmentReach,
    /// Why, 1 to 1000 characters.
    pub why: String,
}
