//! Errors, after RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, where, and what would be right (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable name for programs, such as `urn:brightwatch:problem:not-found`.
    pub r#type: String,
    /// The kind of problem in a few English words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What happened this time, in English.
    pub detail: String,
    /// 中文说明: what happened this time, in Chinese.
    pub detail_zh: String,
    /// Line and field errors, when the input had several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One wrong place in the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where: a field such as `limits.above`, or `line 12`.
    pub at: String,
    /// What is wrong and what would be right.
    pub message: String,
}
