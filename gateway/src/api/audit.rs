//! Who did what.

use axum::{Json, extract::State};
use protocol::rest::{AuditEntry, AuditPage};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, Query, ReadAudit},
};
use crate::store::AuditRecord;

/// Entries of a page when the caller asks for no number.
const PAGE: u32 = 100;
/// The longest page.
const PAGE_MAX: u32 = 500;

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// Only entries with a smaller number: `next_before` of the page before.
    before: Option<i64>,
    /// How many at most; 1 to 500, 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = AuditPage), Refusal))]
pub(super) async fn read_audit(
    State(state): State<AppState>,
    may: May<ReadAudit>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid_field("limit", format!("1 to {PAGE_MAX} are possible")));
    }
    let records = state.store.audit_log(&may.scope, query.before, limit).await?;
    // Numbers have no holes and begin with 1.
    let next_before = records.last().map(|oldest| oldest.id).filter(|id| *id > 1);
    Ok(Json(AuditPage { entries: records.into_iter().map(entry).collect(), next_before }))
}

fn entry(record: AuditRecord) -> AuditEntry {
    AuditEntry {
        id: record.id,
        at_ms: record.at.0,
        actor: record.actor,
        action: record.action,
        object: record.object,
        detail: record.detail,
    }
}
