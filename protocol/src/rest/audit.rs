//! Who did what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /audit`: a page of the audit log, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries of this page.
    pub entries: Vec<AuditEntry>,
    /// Ask again with `before=` this number for older ones; None: there are none.
    pub next_before: Option<i64>,
}

/// One thing somebody did. Entries are only ever added, each sealed to the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Number, rising by one an entry.
    pub id: i64,
    /// When, by the gateway's clock.
    pub at_ms: i64,
    /// Account name, or in parentheses who else it was, such as `(command line)`.
    pub actor: String,
    /// What was done, such as `alarm.acknowledge` or `camera.watch`.
    pub action: String,
    /// What it was done to, such as an alarm's number or a device's id; empty: nothing in particular.
    pub object: String,
    /// More, such as the network address it came from; empty: nothing.
    pub detail: String,
}
