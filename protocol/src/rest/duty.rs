//! Who is on duty where, and what was told further up.

use domain::{
    escalation::Rung,
    id::{AlarmId, CaseId, UserName},
    roster::Post,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Entrapment, vocabulary::RungSchema};

/// One person's time on duty at a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shift {
    /// Its number.
    pub id: i64,
    /// Where, as `centre`, `office:…` or `township:…`.
    #[schema(value_type = String)]
    pub post: Post,
    /// From when, inclusive.
    pub from_ms: i64,
    /// Until when, exclusive.
    pub to_ms: i64,
    /// Who.
    pub person: String,
    /// Where that person can be called; empty: nowhere.
    pub phone: String,
    /// The person's account; None: the person has none.
    #[schema(value_type = Option<String>)]
    pub username: Option<UserName>,
}

/// `POST /duty/shifts` and `PUT /duty/shifts/{id}`: a shift as it is written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftDraft {
    /// Where, as `centre`, `office:…` or `township:…`.
    #[schema(value_type = String)]
    pub post: Post,
    /// From when, inclusive.
    pub from_ms: i64,
    /// Until when, exclusive; at most 7 days later.
    pub to_ms: i64,
    /// Who, 1 to 64 characters.
    pub person: String,
    /// Where that person can be called, at most 32 characters.
    #[serde(default)]
    pub phone: String,
    /// The person's account, if there is one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub username: Option<UserName>,
}

/// A post with who is on duty there at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnDuty {
    /// Which.
    #[schema(value_type = String)]
    pub post: Post,
    /// Its 中文名.
    pub name_zh: String,
    /// Its English name.
    pub name_en: String,
    /// Who is there; empty: a hole in the roster.
    pub shifts: Vec<Shift>,
}

/// A stretch of time in which nobody is on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hole {
    /// From when.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
}

/// `GET /duty/roster`: a post's roster within a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Roster {
    /// Of which post.
    #[schema(value_type = String)]
    pub post: Post,
    /// Whether the caller may change it.
    pub may_change: bool,
    /// Its shifts that touch the stretch, by their beginning.
    pub shifts: Vec<Shift>,
    /// Where nobody is on duty.
    pub holes: Vec<Hole>,
    /// The newest notes handed over, newest first, at most 20.
    pub handovers: Vec<Handover>,
}

/// 交接班: what one shift leaves to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handover {
    /// When it was written.
    pub at_ms: i64,
    /// Who wrote it.
    pub by: String,
    /// What.
    pub note: String,
}

/// `POST /duty/handovers`: leave a note to the next shift of a post.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoverDraft {
    /// Of which post.
    #[schema(value_type = String)]
    pub post: Post,
    /// What, 1 to 2000 characters.
    pub note: String,
}

/// That an unanswered alarm was told further up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Escalation {
    /// When, by the gateway's clock.
    pub at_ms: i64,
    /// Who was told.
    #[schema(value_type = RungSchema)]
    pub told: Rung,
}

/// Who is told next of an alarm that nobody has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextRung {
    /// Who.
    #[schema(value_type = RungSchema)]
    pub rung: Rung,
    /// When, unless somebody answers before.
    pub due_at_ms: i64,
}

/// `GET /alarms/climbing`: an unanswered alarm that is told further up soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClimbingAlarm {
    /// Its number.
    #[schema(value_type = i64)]
    pub alarm: AlarmId,
    /// Who is told next.
    #[serde(flatten)]
    pub next: NextRung,
}

/// The case that an alarm belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaseOfAlarm {
    /// Its number.
    #[schema(value_type = i64)]
    pub id: CaseId,
    /// Whether there is work left.
    pub is_open: bool,
    /// When its trouble began.
    pub began_at_ms: i64,
    /// When somebody was first there; None: not yet.
    pub arrived_at_ms: Option<i64>,
    /// The clocks of people who are, or were, trapped; None: nobody was.
    pub entrapment: Option<Entrapment>,
}
