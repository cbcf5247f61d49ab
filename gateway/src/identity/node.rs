//! Credentials of edge nodes: which node may have one, and for which topics. The broker keeps them.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    access::Permission,
    id::{NodeId, TownshipCode},
};
use protocol::{
    rest::NodeCredential,
    sparkplug::topic::{GroupId, NodeAddress},
};

use crate::{
    broker::{EnrolError, Enrolment},
    clock::Clock,
    registry::Registrar,
    store::{Actor, AuditEntry, Store, StoreError},
};

/// Gives and takes credentials of edge nodes. Cheap to clone.
#[derive(Clone)]
pub struct NodeCredentials {
    inner: Arc<Inner>,
}

struct Inner {
    /// None: an external broker keeps the credentials, or none runs.
    enrolment: Option<Enrolment>,
    registrar: Registrar,
    store: Store,
    clock: Clock,
}

/// Why a credential was neither given nor taken.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The person may not do this.
    #[error("this account may not do that")]
    NotPermitted,
    /// No registered device names it as its node, so nobody could say what it may send.
    #[error("`{0}` is not a registered edge node")]
    Unregistered(NodeId),
    /// Nothing is ever published for it.
    #[error("there is no township `{0}`")]
    NoTownship(TownshipCode),
    /// Credentials are not kept here.
    #[error("no broker of this gateway is running: it is stopped, or the site's own broker keeps the credentials")]
    NoBroker,
    /// The broker did not do it.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// It could not be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NodeCredentials {
    /// Credentials at this broker for nodes of this registry.
    pub fn new(enrolment: Option<Enrolment>, registrar: Registrar, store: Store, clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { enrolment, registrar, store, clock }) }
    }

    /// Gives a registered node a new credential, for the topics of its township's group.
    pub async fn enrol(&self, actor: Actor<'_>, node: &NodeId) -> Result<NodeCredential, NodeError> {
        let address = self.address_of(actor, node)?;
        let credential = self.enrolment()?.enrol(&address).await?;
        self.note(actor, "node.enrol", node).await?;
        Ok(NodeCredential { node: node.clone(), username: credential.username, password: credential.password })
    }

    /// Gives a siren a new credential, for what is published for a township of the registry.
    pub async fn enrol_siren(
        &self,
        actor: Actor<'_>,
        name: &NodeId,
        township: &TownshipCode,
    ) -> Result<NodeCredential, NodeError> {
        require(actor)?;
        if self.inner.registrar.current().township(township).is_none() {
            return Err(NodeError::NoTownship(township.clone()));
        }
        let credential = self.enrolment()?.enrol_siren(name, township).await?;
        self.note(actor, "siren.enrol", name).await?;
        Ok(NodeCredential { node: name.clone(), username: credential.username, password: credential.password })
    }

    /// Takes a node's credential away. The node need not be registered any more.
    pub async fn revoke(&self, actor: Actor<'_>, node: &NodeId) -> Result<(), NodeError> {
        require(actor)?;
        self.enrolment()?.revoke(node).await?;
        self.note(actor, "node.revoke", node).await
    }

    /// The nodes that have a credential; None: they are not kept here.
    pub async fn enrolled(&self) -> Result<Option<BTreeSet<NodeId>>, NodeError> {
        match &self.inner.enrolment {
            None => Ok(None),
            Some(enrolment) => Ok(Some(enrolment.enrolled().await?)),
        }
    }

    fn enrolment(&self) -> Result<&Enrolment, NodeError> {
        self.inner.enrolment.as_ref().ok_or(NodeError::NoBroker)
    }

    /// The node's place is its own as a device, else that of the first device it speaks for.
    fn address_of(&self, actor: Actor<'_>, node: &NodeId) -> Result<NodeAddress, NodeError> {
        require(actor)?;
        let registry = self.inner.registrar.current();
        let of_device = || registry.devices_of_node(node).next().and_then(|device| registry.place(&device.id));
        let place = registry.place(&node.as_device()).or_else(of_device);
        let group = place.and_then(|place| GroupId::new(place.township.as_str()).ok());
        let group = group.ok_or_else(|| NodeError::Unregistered(node.clone()))?;
        Ok(NodeAddress { group, node: node.clone() })
    }

    async fn note(&self, actor: Actor<'_>, action: &'static str, node: &NodeId) -> Result<(), NodeError> {
        let at = self.inner.clock.now().wall;
        let entry = AuditEntry { at, actor: actor.name(), action, object: node.to_string(), detail: String::new() };
        Ok(self.inner.store.audit(entry).await?)
    }
}

fn require(actor: Actor<'_>) -> Result<(), NodeError> {
    match actor {
        Actor::Person(scope) if !scope.may(Permission::ManageRegistry) => Err(NodeError::NotPermitted),
        Actor::Person(_) | Actor::Shell => Ok(()),
    }
}
