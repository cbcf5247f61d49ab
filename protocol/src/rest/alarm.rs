//! Alarms and what people do with them.

use domain::{
    alarm::AlarmState,
    id::{AlarmId, DeviceId, ProfileId, RuleId, SiteId, TownshipCode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    CaseOfAlarm, Escalation, NextRung, Point, Rule, RuleSource, SeverityNumber,
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
    /// Whether it needs a reset after its condition has gone.
    pub is_latching: bool,
    /// Who or what keeps it from calling anybody: it is shelved, suppressed or out of service; None: nothing does.
    pub set_aside: Option<SetAside>,
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
    /// How long after its event the reading that raised it came, in milliseconds; 0: in time.
    pub late_ms: u64,
    /// When it last chattered: its condition came at least three times within a minute. None: not since the gateway's
    /// start, or it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chattered_at_ms: Option<i64>,
    /// Whether its latest step is on the gateway's disk. False: nothing can be stored at the moment, and a power cut would
    /// lose the step.
    pub is_stored: bool,
}

/// Who or what keeps an open alarm from calling anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetAside {
    /// Who; None: the rule's own suppression.
    pub by: Option<String>,
    /// Why, in the person's words; for a suppression, what is the case.
    pub why: String,
    /// When it ends by itself; None: when the cause of the suppression ends.
    pub until_ms: Option<i64>,
}

impl From<domain::alarm::SetAside> for SetAside {
    fn from(from: domain::alarm::SetAside) -> Self {
        Self { by: from.by.map(|by| by.to_string()), why: from.why, until_ms: from.until.map(|until| until.0) }
    }
}

/// `GET /alarms`: a page of alarms. Open ones: who waits for an answer first, the gravest of these first, the newest of
/// those first. Closed ones and both together: newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmPage {
    /// The alarms of this page.
    pub alarms: Vec<Alarm>,
    /// Ask again with `after=` this number for the next ones; None: there are none.
    pub next_after: Option<i64>,
}

/// Open alarms of one kind of device in one township, counted: what a screen shows in a flood, of which it holds the
/// first few hundred alarms only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmCount {
    /// Where.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// What kind of device; None: it has left the registry.
    #[schema(value_type = Option<String>)]
    pub profile: Option<ProfileId>,
    /// Those that wait for an answer, by severity, I to IV.
    pub waiting: [u32; 4],
    /// Those that were answered and are not over.
    pub answered: [u32; 4],
    /// Those that are shelved, suppressed or out of service.
    pub set_aside: [u32; 4],
}

/// What open alarms are gathered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmGrouping {
    /// The site: everything of one kitchen.
    Site,
    /// The edge node: what fails together because one box does.
    Edge,
    /// The rule: the same trouble everywhere.
    Rule,
}

/// `GET /alarms/groups`: open alarms gathered, the group that needs people first first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmGroups {
    /// At most 500 groups.
    pub groups: Vec<AlarmGroup>,
    /// How many more there are.
    pub more_count: u64,
}

/// Open alarms of one site, edge node or rule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmGroup {
    /// The id of the site, the edge node or the rule.
    pub key: String,
    /// What people call it, 中文.
    pub name_zh: String,
    /// What people call it, English.
    pub name_en: String,
    /// Those that wait for an answer, by severity, I to IV.
    pub waiting: [u32; 4],
    /// Those that were answered and are not over.
    pub answered: [u32; 4],
    /// Those that are shelved, suppressed or out of service.
    pub set_aside: [u32; 4],
    /// The one that needs people first.
    pub first: Alarm,
}

/// `GET /alarms/{id}`: an alarm with everything that happened to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlarmDetail {
    /// The list entry.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// What happened, oldest first.
    pub history: Vec<AlarmEvent>,
    /// To whom it was told further up while nobody answered, oldest first.
    pub escalations: Vec<Escalation>,
    /// Who is told next while nobody answers; None: everybody was, or nobody need be.
    pub next_rung: Option<NextRung>,
    /// The newest case it belongs to; None: it is in none.
    pub case: Option<CaseOfAlarm>,
    /// The reading that raised it; None: a timer did.
    pub cause: Option<Point>,
    /// The metric it watches; None: the device's link.
    pub metric: Option<String>,
    /// Where the rule's number comes from; None: the rule, or its device, is no longer there.
    pub source: Option<RuleSource>,
    /// Which wording of its rule raised it, from 1; None: raised before they were counted.
    pub rule_version: Option<u32>,
    /// The rule in that wording, with the nameplate of that time; as it is now, when the wording was not counted. None: the
    /// rule, or its device, is no longer there.
    pub rule_then: Option<Rule>,
    /// Whether the rule, or a number of the nameplate that it looks at, is another now.
    pub is_rule_changed: bool,
    /// The last alarms of the same rule on the same device that are over, newest first, five at most.
    pub similar: Vec<SimilarAlarm>,
    /// 处置建议; empty: nothing special.
    pub guidance_zh: String,
    /// What to do first, in English.
    pub guidance_en: String,
}

/// An earlier alarm of the same rule on the same device, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimilarAlarm {
    /// Its number.
    #[schema(value_type = i64)]
    pub id: AlarmId,
    /// How bad it was in the end.
    #[schema(value_type = SeveritySchema)]
    pub severity: SeverityNumber,
    /// When it was raised.
    pub raised_at_ms: i64,
    /// When its condition went; None: it held to the end.
    pub returned_at_ms: Option<i64>,
    /// When somebody answered; None: nobody did.
    pub acknowledged_at_ms: Option<i64>,
    /// Who answered.
    pub acknowledged_by: Option<String>,
    /// When it was over.
    pub closed_at_ms: i64,
    /// How often its condition came.
    pub occurrence_count: u32,
    /// What ended it.
    pub ended_by: AlarmEventKind,
    /// What somebody last wrote about it; empty: nothing.
    pub note: String,
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
    /// Where the alarm stood afterwards; None: it happened before this was recorded.
    #[schema(value_type = Option<AlarmStateSchema>)]
    pub state: Option<AlarmState>,
    /// How bad it was afterwards; None: it happened before this was recorded.
    #[schema(value_type = Option<SeveritySchema>)]
    pub severity: Option<SeverityNumber>,
    /// When what sets it aside ends by itself; None: nothing does, or no moment is known.
    pub until_ms: Option<i64>,
    /// The reading that brought it about; None: a timer, the device's link or a person did.
    pub cause: Option<Point>,
}

/// A kind of thing that happens to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmEventKind {
    /// The condition held for its on-delay.
    Raised,
    /// The condition came back before the alarm was closed.
    Reoccurred,
    /// It became worse, or less bad.
    SeverityChanged,
    /// A person answered.
    Acknowledged,
    /// The condition was gone for its off-delay.
    Returned,
    /// A person declared a latched alarm over.
    Reset,
    /// A person put it on the shelf.
    Shelved,
    /// A person, or its time, took it from the shelf.
    Unshelved,
    /// The rule's own suppression began.
    Suppressed,
    /// The rule's own suppression ended.
    Unsuppressed,
    /// Its device or rule went out of service.
    TakenOutOfService,
    /// Its device or rule is in service again.
    ReturnedToService,
    /// It is over.
    Closed,
}

/// `POST /alarms/acknowledge`: many at once, such as a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeMany {
    /// Their numbers, 1 to 200: those that the person has seen. One of severity I is answered by itself and refused here.
    #[schema(value_type = Vec<i64>, min_items = 1, max_items = 200)]
    pub alarms: Vec<AlarmId>,
    /// What the person adds to each, at most 1000 characters; empty: nothing.
    #[serde(default)]
    pub note: String,
    /// As in [`Acknowledge`].
    pub idempotency_key: String,
}

/// What became of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcknowledgedMany {
    /// Acknowledged and stored; as they are now.
    pub acknowledged: Vec<Alarm>,
    /// Accepted, but not yet stored; the live stream brings the result.
    #[schema(value_type = Vec<i64>)]
    pub pending: Vec<AlarmId>,
    /// Not acknowledged, each with its reason.
    pub refused: Vec<RefusedAlarm>,
}

/// An alarm that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedAlarm {
    /// Which.
    #[schema(value_type = i64)]
    pub alarm: AlarmId,
    /// Why, English.
    pub detail: String,
    /// Why, 中文.
    pub detail_zh: String,
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

/// `POST /alarms/{id}/reset` and `POST /alarms/{id}/unshelve`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmNote {
    /// What the person adds, at most 1000 characters; empty: nothing.
    #[serde(default)]
    pub note: String,
    /// As in [`Acknowledge`].
    pub idempotency_key: String,
}

/// `POST /alarms/{id}/shelve`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shelve {
    /// For how long, in minutes: at most one shift of twelve hours.
    #[schema(minimum = 1, maximum = 720)]
    pub minutes: u32,
    /// Why, 1 to 1000 characters.
    pub why: String,
    /// As in [`Acknowledge`].
    pub idempotency_key: String,
}

/// A device, or one of its rules, that is out of service: its alarms are recorded and call nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutOfService {
    /// Which of its rules; None: all of them.
    #[schema(value_type = Option<String>)]
    pub rule: Option<RuleId>,
    /// Who took it out.
    pub by: String,
    /// Why, in the person's words.
    pub why: String,
    /// Since when.
    pub since_ms: i64,
    /// When it is in service again by itself.
    pub until_ms: i64,
}

impl From<domain::alarm::OutOfService> for OutOfService {
    fn from(from: domain::alarm::OutOfService) -> Self {
        Self { rule: from.rule, by: from.by.to_string(), why: from.why, since_ms: from.since.0, until_ms: from.until.0 }
    }
}

/// `POST /devices/{id}/out-of-service`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeOutOfService {
    /// Which of its rules; None: all of them.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub rule: Option<RuleId>,
    /// For how long, in hours: at most 90 days.
    #[schema(minimum = 1, maximum = 2160)]
    pub hours: u32,
    /// Why, 1 to 1000 characters.
    pub why: String,
    /// As in [`Acknowledge`].
    pub idempotency_key: String,
}

/// `POST /devices/{id}/in-service`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnToService {
    /// Which of its rules; None: the device as a whole.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub rule: Option<RuleId>,
    /// What the person adds, at most 1000 characters; empty: nothing.
    #[serde(default)]
    pub note: String,
    /// As in [`Acknowledge`].
    pub idempotency_key: String,
}
