//! A rule over stored history.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /devices/{id}/rules/{rule}/test`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTest {
    /// From this moment on, by event time.
    pub from_ms: i64,
    /// Up to this one; at most 366 days later.
    pub to_ms: i64,
    /// The rule as it would be, in TOML as in a profile's file, without the heading; None: as it is.
    #[serde(default)]
    pub definition: Option<String>,
}

/// When a rule would have fired, and when the one that it would replace would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleTestReport {
    /// How many stored readings were looked at.
    pub reading_count: u64,
    /// The rule as it is.
    pub present: RuleTestOutcome,
    /// The rule as it would be; None: none was given.
    pub proposed: Option<RuleTestOutcome>,
}

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleTestOutcome {
    /// How often it would have fired.
    pub count: u64,
    /// For how long in all, in milliseconds.
    pub active_ms: i64,
    /// The newest of them, at most 200, oldest first.
    pub firings: Vec<RuleFiring>,
}

/// Once that a rule would have fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleFiring {
    /// When.
    pub raised_at_ms: i64,
    /// When it would have returned; None: not by the end.
    pub returned_at_ms: Option<i64>,
}
