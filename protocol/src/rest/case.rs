//! Cases: the work that answers alarms.

use domain::{
    case::{CaseState, CaseWhat, CauseCode, Plan},
    escalation::Rung,
    id::{AlarmId, CaseId, OfficeId, SiteId, TownshipCode, UserName},
    roster::Assignee,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Alarm, OnDuty, SeverityNumber,
    vocabulary::{CaseStateSchema, CaseWhatSchema, CauseCodeSchema, PlanSchema, RungSchema, SeveritySchema},
};

/// One case, in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Case {
    /// Number, rising in the order of opening.
    #[schema(value_type = i64)]
    pub id: CaseId,
    /// Which way it goes.
    #[schema(value_type = PlanSchema)]
    pub plan: Plan,
    /// How bad the worst of its alarms was.
    #[schema(value_type = SeveritySchema)]
    pub severity: SeverityNumber,
    /// Where it stands.
    #[schema(value_type = CaseStateSchema)]
    pub state: CaseState,
    /// What it is about, 中文.
    pub title_zh: String,
    /// What it is about.
    pub title_en: String,
    /// The site of its alarms.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The site's address; empty: unknown.
    pub address: String,
    /// The site's township.
    #[schema(value_type = String)]
    pub township: TownshipCode,
    /// When the trouble began.
    pub began_at_ms: i64,
    /// When the case was opened.
    pub opened_at_ms: i64,
    /// Who opened it; None: it came with its alarm.
    pub opened_by: Option<String>,
    /// When it came to where it stands.
    pub entered_at_ms: i64,
    /// Until when its present step must be done; None: it is closed.
    pub due_at_ms: Option<i64>,
    /// Whether that has passed, by the gateway's clock.
    pub is_overdue: bool,
    /// How far up it was told that it is overdue; None: it was not.
    #[schema(value_type = Option<RungSchema>)]
    pub overdue_told: Option<Rung>,
    /// Whose it is, as `centre`, `office:…`, `township:…` or `person:…`; None: nobody's.
    #[schema(value_type = Option<String>)]
    pub assignee: Option<Assignee>,
    /// Who accepted it last.
    pub handler: Option<String>,
    /// Who says that it is done.
    pub handled_by: Option<String>,
    /// What was behind it; None: not known yet, or a false alarm.
    #[schema(value_type = Option<CauseCodeSchema>)]
    pub cause: Option<CauseCode>,
    /// Whether it was declared a false alarm.
    pub is_false_alarm: bool,
    /// Its entrapment; None: nobody is or was trapped.
    pub entrapment: Option<Entrapment>,
    /// When somebody was first there.
    pub arrived_at_ms: Option<i64>,
    /// When it was over.
    pub closed_at_ms: Option<i64>,
}

/// The clocks of people who are, or were, trapped. All run from the beginning of the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entrapment {
    /// Until when somebody should have spoken with them.
    pub contact_due_at_ms: i64,
    /// When somebody did.
    pub contacted_at_ms: Option<i64>,
    /// Until when somebody must be there (TSG T5002-2017: 30 minutes).
    pub rescue_due_at_ms: i64,
    /// When they were out.
    pub freed_at_ms: Option<i64>,
    /// What is told meanwhile, in the order of its time.
    pub milestones: Vec<Milestone>,
    /// When it is an accident by law (State Council order 549 article 64: 2 hours).
    pub accident_at_ms: i64,
    /// Whether it has become one.
    pub is_accident: bool,
}

/// What is told of people who are trapped at a moment of their clock, unless that has happened by then what makes it idle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Milestone {
    /// When.
    pub at_ms: i64,
    /// Whether what it asks for has happened.
    pub is_met: bool,
    /// Who is told.
    #[schema(value_type = Vec<RungSchema>)]
    pub tell: Vec<Rung>,
    /// What is told, 中文.
    pub what_zh: String,
    /// What is told, English.
    pub what_en: String,
}

/// `GET /cases`: cases, the most overdue first; closed ones newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CasePage {
    /// The cases of this page.
    pub cases: Vec<Case>,
    /// How many fit the question, whether on this page or not.
    pub total: u64,
    /// How many of those are overdue.
    pub overdue: u64,
    /// Of closed cases: ask again with `before=` this number for older ones; None: there are none.
    pub next_before: Option<i64>,
}

/// `GET /cases/{id}`: a case with everything that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CaseDetail {
    /// The list entry.
    #[serde(flatten)]
    pub case: Case,
    /// Its alarms, as they are now.
    pub alarms: Vec<Alarm>,
    /// What happened, oldest first.
    pub history: Vec<CaseEvent>,
    /// Its photos, oldest first.
    pub photos: Vec<CasePhoto>,
    /// Who is on duty where it may go.
    pub on_duty: Vec<OnDuty>,
}

/// One row of a case's time line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CaseEvent {
    /// When, by the gateway's clock.
    pub at_ms: i64,
    /// What happened.
    #[schema(value_type = CaseWhatSchema)]
    pub what: CaseWhat,
    /// Who did it; None: the clock, or its alarm.
    pub by: Option<String>,
    /// What the person wrote; empty: nothing.
    pub note: String,
    /// Where the case stood afterwards.
    #[schema(value_type = CaseStateSchema)]
    pub state: CaseState,
    /// Of an assignment: whose it became.
    #[schema(value_type = Option<String>)]
    pub assignee: Option<Assignee>,
    /// Of a time limit that has passed: who was told.
    #[schema(value_type = Option<RungSchema>)]
    pub told: Option<Rung>,
    /// Of an alarm that was added: which.
    #[schema(value_type = Option<i64>)]
    pub alarm: Option<AlarmId>,
    /// Of a photo: its number within the case.
    pub photo: Option<u32>,
}

/// A photo of a case; the picture is at `/cases/{id}/photos/{number}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CasePhoto {
    /// Its number within the case, from 1.
    pub number: u32,
    /// When it was added.
    pub at_ms: i64,
    /// Who added it.
    pub by: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// `POST /cases`: open a case from alarms of one site.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenCase {
    /// 1 to 100 open alarms of one site that are in no open case.
    #[schema(value_type = Vec<i64>)]
    pub alarms: Vec<AlarmId>,
    /// Whose it is to be; absent: nobody's yet.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub assignee: Option<Assignee>,
    /// What to say with it, at most 1000 characters.
    #[serde(default)]
    pub note: String,
    /// Made once per key press: the same again is answered, not repeated. 8 to 64 characters.
    pub idempotency_key: String,
}

/// `POST /cases/{id}/steps`: what a person does with a case.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseStep {
    /// What.
    pub step: CaseStepKind,
    /// Of `assign`: whose it is to be.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub assignee: Option<Assignee>,
    /// Of `handle`: what was behind it.
    #[serde(default)]
    #[schema(value_type = Option<CauseCodeSchema>)]
    pub cause: Option<CauseCode>,
    /// What to say with it, at most 1000 characters; needed for `handle`, `false_alarm` and `return`.
    #[serde(default)]
    pub note: String,
    /// Made once per key press: the same again is answered, not repeated. 8 to 64 characters.
    pub idempotency_key: String,
}

/// A kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseStepKind {
    /// Make it somebody's.
    Assign,
    /// "Mine."
    Accept,
    /// Entrapment: "I have spoken with the people."
    Contact,
    /// "I am there."
    Arrive,
    /// Entrapment: "The people are out."
    Free,
    /// "It is done."
    Handle,
    /// "There was nothing."
    FalseAlarm,
    /// "It is not done": back to who did it.
    Return,
    /// "It is done, I have looked": somebody else than who did it.
    Verify,
    /// "Into the files."
    Close,
}

/// `POST /cases/{id}/notes`: write something down.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseNote {
    /// What, 1 to 1000 characters.
    pub note: String,
    /// Made once per key press. 8 to 64 characters.
    pub idempotency_key: String,
}

/// `POST /cases/{id}/alarms`: put another alarm of its site to a case.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAlarm {
    /// An open alarm of the case's site that is in no open case.
    #[schema(value_type = i64)]
    pub alarm: AlarmId,
    /// Made once per key press. 8 to 64 characters.
    pub idempotency_key: String,
}

/// `GET /cases/{id}/assignees`: whose a case can be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Assignees {
    /// Sub-centre, office and centre, with who is on duty there.
    pub posts: Vec<OnDuty>,
    /// The people who answer for the place and may handle cases.
    pub people: Vec<Officer>,
}

/// Somebody whose a case can be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Officer {
    /// Account name.
    #[schema(value_type = String)]
    pub username: UserName,
    /// The person's name.
    pub display_name: String,
    /// For an office officer: which office.
    #[schema(value_type = Option<String>)]
    pub office: Option<OfficeId>,
    /// For a township officer: which township.
    #[schema(value_type = Option<String>)]
    pub township: Option<TownshipCode>,
}
