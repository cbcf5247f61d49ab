//! What a profile's file may say, table by table.

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use crate::{
    alarm::Severity,
    id::{MetricName, ProfileId, RuleId},
    profile::{DueStep, Range, Setting, Signal, Source, StateName, Worsening},
    reading::Value,
    text::Text,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileTable {
    pub(super) id: Spanned<ProfileId>,
    pub(super) title: Text,
    pub(super) category: Spanned<String>,
    pub(super) retention_days: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) metrics: Vec<Spanned<MetricTable>>,
    #[serde(default)]
    pub(super) rules: Vec<Spanned<RuleTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricTable {
    pub(super) name: MetricName,
    pub(super) title: Text,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    pub(super) decimals: u8,
    pub(super) signal: Option<Signal>,
    pub(super) range: Option<Range>,
    pub(super) plausible: Option<Range>,
    #[serde(default)]
    pub(super) states: Vec<StateName>,
    pub(super) report_interval_s: u64,
    pub(super) stale_after_s: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    pub(super) id: RuleId,
    pub(super) title: Text,
    pub(super) severity: Severity,
    pub(super) condition: ConditionTable,
    pub(super) only_between: Option<HoursTable>,
    #[serde(default)]
    pub(super) only_while: Vec<ComparisonTable>,
    #[serde(default)]
    pub(super) suppressed_while: Vec<ComparisonTable>,
    #[serde(default)]
    pub(super) is_latching: bool,
    #[serde(default)]
    pub(super) worsens: Vec<Worsening>,
    pub(super) on_delay_s: Option<Setting>,
    pub(super) off_delay_s: Option<f64>,
    pub(super) source: Source,
    pub(super) guidance: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConditionTable {
    Limit(LimitTable),
    Levels(LevelsTable),
    Deviation(DeviationTable),
    Rate(RateTable),
    Stuck(StuckTable),
    Anomaly(AnomalyTable),
    Due(DueTable),
    Expression(Spanned<String>),
    State(StateTable),
    Combination(CombinationTable),
    Stale(StaleTable),
    Offline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) above: Option<Setting>,
    pub(super) at_least: Option<Setting>,
    pub(super) below: Option<Setting>,
    pub(super) beyond: Option<Setting>,
    pub(super) deadband: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelsTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) levels: Vec<LevelTable>,
    pub(super) deadband: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelTable {
    pub(super) above: Option<Setting>,
    pub(super) at_least: Option<Setting>,
    pub(super) below: Option<Setting>,
    pub(super) beyond: Option<Setting>,
    pub(super) severity: Severity,
    pub(super) for_s: Setting,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviationTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) from: Spanned<MetricName>,
    pub(super) by: Setting,
    pub(super) deadband: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) over_s: f64,
    pub(super) rise: Option<Setting>,
    pub(super) fall: Option<Setting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StuckTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) after_s: Setting,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnomalyTable {
    pub(super) metric: Spanned<MetricName>,
    /// Five minutes: what the detector's own numbers were chosen for.
    #[serde(default = "five_minutes")]
    pub(super) every_s: u32,
    /// A week: before that the hours of working days and weekends have not been seen.
    #[serde(default = "a_week")]
    pub(super) learn_days: u32,
    /// Four hours: half a shift.
    #[serde(default = "four_hours")]
    pub(super) at_most_s: u32,
}

const fn five_minutes() -> u32 {
    300
}

const fn a_week() -> u32 {
    7
}

const fn four_hours() -> u32 {
    4 * 3600
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DueTable {
    pub(super) date: Setting,
    pub(super) steps: Vec<DueStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoursTable {
    pub(super) from_h: Setting,
    pub(super) to_h: Setting,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) is: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CombinationTable {
    pub(super) any: Vec<AlternativeTable>,
    #[serde(default)]
    pub(super) held_until: Vec<ComparisonTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlternativeTable {
    pub(super) all: Vec<ComparisonTable>,
    #[serde(default)]
    pub(super) for_s: f64,
    pub(super) severity: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StaleTable {
    pub(super) metrics: Vec<Spanned<MetricName>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComparisonTable {
    pub(super) metric: Spanned<MetricName>,
    pub(super) above: Option<Setting>,
    pub(super) below: Option<Setting>,
    pub(super) beyond: Option<Setting>,
    pub(super) is: Option<Vec<Value>>,
    pub(super) is_not: Option<Vec<Value>>,
}

/// `8`, or `{ default = 8, nameplate = "high_limit_c", factor = 1.0 }`.
impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct SettingTable {
            default: Option<f64>,
            nameplate: String,
            factor: Option<f64>,
        }

        struct SettingVisitor;

        impl<'de> de::Visitor<'de> for SettingVisitor {
            type Value = Setting;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a finite number, or a table with `nameplate` and perhaps `default` and `factor`")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Setting, E> {
                if !number.is_finite() {
                    return Err(E::invalid_value(de::Unexpected::Float(number), &self));
                }
                Ok(Setting { default: Some(number), nameplate: None, factor: 1.0 })
            }

            #[expect(clippy::cast_precision_loss, reason = "limits are small")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Setting, E> {
                self.visit_f64(number as f64)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
                let table = SettingTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let factor = table.factor.unwrap_or(1.0);
                if !factor.is_finite() || table.default.is_some_and(|default| !default.is_finite()) {
                    return Err(de::Error::custom("`default` and `factor` must be finite numbers"));
                }
                Ok(Setting { default: table.default, nameplate: Some(table.nameplate), factor })
            }
        }

        deserializer.deserialize_any(SettingVisitor)
    }
}
