//! Alarms and what people do with them.

use domain::{
    alarm::AlarmState,
    id::{AlarmId, DeviceId, RuleId, SiteId, TownshipCode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Point, RuleSource, SeverityNumber,
    vocabulary::{AlarmStateSchema, SeveritySchema},
};

/// One alarm, in a list and in a live delta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// Number, rising in the order of raising.
    #[schema(value_type = i64)]
    pub id: AlarmId,
    /// Which device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// What people call it.
    pub device_name: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The township of the site.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// Which rule.
    #[schema(value_type = String)]
    pub rule: RuleId,
    /// The rule's 中文名 when the alarm was raised.
    pub title_zh: String,
    /// The rule's English name when the alarm was raised.
    pub title_en: String,
    /// Severity 1 (I, red) to 4 (IV, blue).
    #[schema(value_type = SeveritySchema)]
    pub severity: SeverityNumber,
    /// Where it stands in its life.
    #[schema(value_type = AlarmStateSchema)]
    pub state: AlarmState,
    /// Event time of the reading that raised it, or the moment a timer did.
    pub raised_at_ms: i64,
    /// The cause in words and numbers, such as `9.1 °C > 8 °C`, 中文.
    pub cause_zh: String,
    /// The cause in words and numbers, English.
    pub cause_en: String,
    /// When the condition went; None: it holds.
    pub returned_at_ms: Option<i64>,
    /// When somebody answered; None: nobody yet.
    pub acknowledged_at_ms: Option<i64>,
    /// Who answered.
    pub acknowledged_by: Option<String>,
    /// When it was over.
    pub closed_at_ms: Option<i64>,
    /// How often the condition came back while the alarm was open.
    pub occurrence_count: u32,
}

/// `GET /alarms`: a page of alarms, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmPage {
    /// The alarms of this page.
    pub alarms: Vec<Alarm>,
    /// Ask again with `before=` this number for older ones; None: there are none.
    pub next_before: Option<i64>,
}

/// `GET /alarms/{id}`: an alarm with everything that happened to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmDetail {
    /// The list entry.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// What happened, oldest first.
    pub history: Vec<AlarmEvent>,
    /// The reading that raised it; None: a timer did.
    pub cause: Option<Point>,
    /// The metric it watches; None: the device's link.
    pub metric: Option<String>,
    /// Where the rule's number comes from; None: the rule, or its device, is no longer there.
    pub source: Option<RuleSource>,
    /// 处置建议; empty: nothing special.
    pub guidance_zh: String,
    /// What to do first, in English.
    pub guidance_en: String,
}

/// One thing that happened to an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmEvent {
    /// When, by the gateway's clock.
    pub at_ms: i64,
    /// What happened.
    pub what: AlarmEventKind,
    /// Who did it; None: a rule or a timer did.
    pub by: Option<String>,
    /// What the person wrote, or the cause in words; empty: nothing.
    pub note: String,
}

/// A kind of thing that happens to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmEventKind {
    /// The condition held for its on-delay.
    Raised,
    /// The condition came back before the alarm was closed.
    Reoccurred,
    /// A person answered.
    Acknowledged,
    /// The condition was gone for its off-delay.
    Returned,
    /// It is over.
    Closed,
}

/// `POST /alarms/{id}/acknowledge`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// What the person adds, at most 1000 characters; empty: nothing.
    #[serde(default)]
    pub note: String,
    /// A random text of 8 to 64 characters, made once per key press: a repeated request is then answered, not repeated.
    pub idempotency_key: String,
}
