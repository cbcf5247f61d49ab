//! The loss ledger.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use domain::{id::NodeId, time::UnixMs};
use protocol::rest::{Ledger, LedgerFigures, LedgerNode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, Query, View},
};

/// The longest time that is answered, in milliseconds: a year and a month, as long as the ledger is kept.
const RANGE_MS_MAX: i64 = 400 * 24 * 3_600_000;

/// Which part of the ledger.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    /// Only this edge node.
    #[param(value_type = Option<String>)]
    node: Option<NodeId>,
    /// Hours that begin, and gaps that were noted, from then on; milliseconds since 1970 UTC.
    from_ms: i64,
    /// And before then; at most 400 days later.
    to_ms: i64,
}

/// What became of edge nodes' readings, and what is missing.
#[utoipa::path(get, path = "/ledger", tag = "nodes", params(LedgerQuery),
    responses((status = 200, body = Ledger), Refusal))]
pub(super) async fn read_ledger(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<Ledger>, ApiError> {
    let LedgerQuery { node, from_ms, to_ms } = query;
    if !(1..=RANGE_MS_MAX).contains(&to_ms.saturating_sub(from_ms)) {
        return Err(ApiError::invalid_field("to_ms", "it lies after from_ms, by 400 days at most".to_owned()));
    }
    let page = state.store.ledger(&may.scope, node.as_ref(), UnixMs(from_ms)..UnixMs(to_ms)).await?;
    let with_outbox: BTreeSet<NodeId> = state.store.outboxes().into_iter().map(|one| one.outbox.node).collect();
    let registry = state.registrar.current();
    let mut total = LedgerFigures::default();
    let nodes = page.nodes.into_iter().map(|(node, figures)| {
        total.add(&figures);
        LedgerNode {
            name: registry.device(&node.as_device()).map(|device| device.name.clone()),
            has_outbox: with_outbox.contains(&node),
            node,
            figures,
        }
    });
    let nodes = nodes.collect();
    Ok(Json(Ledger { from_ms, to_ms, total, nodes, hours: page.hours, gaps: page.gaps }))
}
