//! Edge nodes and their credentials.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use domain::id::NodeId;
use protocol::rest::{EdgeNode, LinkState, NodeCredential, Problem};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{ManageRegistry, May, Path},
};
use crate::{
    broker::EnrolError,
    identity::node::NodeError,
    store::{Actor, StoreError},
};

/// Edge nodes, registered, enrolled or heard of, by id.
#[utoipa::path(get, path = "/nodes", tag = "nodes", responses((status = 200, body = Vec<EdgeNode>), Refusal))]
pub(super) async fn list_nodes(
    State(state): State<AppState>,
    _may: May<ManageRegistry>,
) -> Result<Json<Vec<EdgeNode>>, ApiError> {
    let enrolled = state.nodes.enrolled().await?;
    let registry = state.registrar.current();
    let mut nodes: BTreeMap<NodeId, EdgeNode> = BTreeMap::new();
    for status in state.ingest.nodes() {
        let node = nodes.entry(status.id.clone()).or_insert_with(|| unheard(status.id, &state));
        node.link = status.link;
        node.link_since_ms = status.link_since.0;
        node.clock_skew_ms = status.clock_skew_ms;
        node.message_count = status.message_count;
        node.gap_count = status.gap_count;
        node.last_refusal = status.last_refusal;
    }
    for id in registry.nodes().chain(enrolled.iter().flatten()) {
        nodes.entry(id.clone()).or_insert_with(|| unheard(id.clone(), &state));
    }
    for (id, node) in &mut nodes {
        node.is_enrolled = enrolled.as_ref().map(|enrolled| enrolled.contains(id));
        node.device_count = registry.devices_of_node(id).map(|_| 1_u64).sum();
    }
    Ok(Json(nodes.into_values().collect()))
}

fn unheard(id: NodeId, state: &AppState) -> EdgeNode {
    EdgeNode {
        id,
        is_enrolled: None,
        link: LinkState::Unknown,
        link_since_ms: state.about.started.0,
        clock_skew_ms: None,
        device_count: 0,
        message_count: 0,
        gap_count: 0,
        last_refusal: None,
    }
}

/// Gives a registered edge node a new credential; an old one stops working at once.
#[utoipa::path(post, path = "/nodes/{id}/enrol", tag = "nodes",
    params(("id" = String, Path, description = "The edge node.")),
    responses(
        (status = 200, body = NodeCredential),
        (status = 409, description = "An external broker keeps the credentials.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn enrol_node(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<NodeId>,
) -> Result<Json<NodeCredential>, ApiError> {
    Ok(Json(state.nodes.enrol(Actor::Person(&may.scope), &id).await?))
}

/// Takes an edge node's credential away; its connection is closed.
#[utoipa::path(delete, path = "/nodes/{id}/credential", tag = "nodes",
    params(("id" = String, Path, description = "The edge node.")),
    responses(
        (status = 204, description = "Taken away."),
        (status = 409, description = "An external broker keeps the credentials.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn revoke_node(
    State(state): State<AppState>,
    may: May<ManageRegistry>,
    Path(id): Path<NodeId>,
) -> Result<StatusCode, ApiError> {
    state.nodes.revoke(Actor::Person(&may.scope), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::NotPermitted => StoreError::NotPermitted.into(),
            NodeError::Unregistered(_) | NodeError::NoTownship(_) | NodeError::Enrol(EnrolError::NotEnrolled(_)) => {
                Self::not_found()
            }
            NodeError::NoBroker => Self::conflict(
                "an external broker keeps the credentials of edge nodes",
                "边缘节点的凭据由外部消息服务器管理",
            ),
            NodeError::Enrol(EnrolError::Reserved) => Self::conflict(error.to_string(), "该名称保留给网关使用"),
            NodeError::Enrol(EnrolError::Control(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the broker did not answer");
                Self::unavailable("the broker does not answer", "消息服务器没有响应")
            }
            NodeError::Store(error) => error.into(),
        }
    }
}
