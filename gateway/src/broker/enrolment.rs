//! Credentials of edge nodes: given and taken while the broker runs.
//!
//! Each node has a role of its own with the topics of its own group and id. (One role with `%u` for all would be
//! shorter, but this plugin does not put the user's name into topics.)

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use domain::id::{NodeId, TownshipCode};
use protocol::sparkplug::topic::{NAMESPACE, NodeAddress, NodeVerb};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    access::Credential,
    control::{self, Answer, ControlError},
    secrets::{RESERVED_PREFIX, new_password},
    security_file::allow,
};

/// What sirens hear is published below it, by township.
pub const SIREN_TOPIC: &str = "brightwatch/siren";

/// Why a node's credential was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The name belongs to the gateway.
    #[error("node ids that begin with `{RESERVED_PREFIX}` belong to the gateway")]
    Reserved,
    /// The node has none.
    #[error("{0} is not enrolled")]
    NotEnrolled(NodeId),
    /// The broker did not do it.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Gives and takes credentials at the running broker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Enrolment {
    address: SocketAddr,
    admin: Credential,
    /// One errand at a time: the broker ends a connection when its user connects a second time.
    errand: Arc<Mutex<()>>,
}

impl Enrolment {
    pub(super) fn new(address: SocketAddr, admin: Credential) -> Self {
        Self { address, admin, errand: Arc::default() }
    }

    /// Whether the broker lets us in.
    pub(super) async fn is_reachable(&self) -> bool {
        let _turn = self.errand.lock().await;
        control::ping(self.address, &self.admin).await.is_ok()
    }

    async fn run(&self, commands: Vec<Value>) -> Result<Vec<Answer>, ControlError> {
        let _turn = self.errand.lock().await;
        control::run(self.address, &self.admin, commands).await
    }

    /// Gives a node a new credential, and the right to its own topics. A former credential ends at once, and so does
    /// a connection under it.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn enrol(&self, node: &NodeAddress) -> Result<Credential, EnrolError> {
        let username = node.node.as_str();
        if username.starts_with(RESERVED_PREFIX) {
            return Err(EnrolError::Reserved);
        }
        let password = new_password();
        let role = role_name(&node.node);
        let commands = vec![
            json!({ "command": "deleteClient", "username": username }),
            json!({ "command": "deleteRole", "rolename": role }),
            json!({ "command": "createRole", "rolename": role, "acls": permissions(node) }),
            json!({
                "command": "createClient", "username": username, "password": password,
                "roles": [{ "rolename": role }],
            }),
        ];
        for answer in self.run(commands).await? {
            // The first two fail when the node is new, as they should.
            if answer.command.starts_with("create") {
                answer.accepted()?;
            }
        }
        tracing::info!(node.id = username, group = node.group.as_str(), "edge node enrolled");
        Ok(Credential { username: username.to_owned(), password })
    }

    /// Gives a siren a new credential: it hears what is published for its township, and nothing else. A former credential
    /// of the name ends at once.
    ///
    /// # Errors
    /// [`EnrolError::Control`].
    pub async fn enrol_siren(&self, name: &NodeId, township: &TownshipCode) -> Result<Credential, EnrolError> {
        // Reserved, so that no edge node can have it, and none is taken for one.
        let username = format!("{RESERVED_PREFIX}siren-{name}");
        let (password, role) = (new_password(), format!("siren:{name}"));
        let topic = format!("{SIREN_TOPIC}/{township}");
        let commands = vec![
            json!({ "command": "deleteClient", "username": username }),
            json!({ "command": "deleteRole", "rolename": role }),
            json!({ "command": "createRole", "rolename": role, "acls": [allow("subscribePattern", &topic)] }),
            json!({
                "command": "createClient", "username": username, "password": password,
                "roles": [{ "rolename": role }],
            }),
        ];
        for answer in self.run(commands).await? {
            if answer.command.starts_with("create") {
                answer.accepted()?;
            }
        }
        tracing::info!(siren.name = name.as_str(), township = township.as_str(), "siren enrolled");
        Ok(Credential { username, password })
    }

    /// Takes a node's credential. Its connection ends at once.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn revoke(&self, node: &NodeId) -> Result<(), EnrolError> {
        if !self.enrolled().await?.contains(node) {
            return Err(EnrolError::NotEnrolled(node.clone()));
        }
        let commands = vec![
            json!({ "command": "deleteClient", "username": node.as_str() }),
            json!({ "command": "deleteRole", "rolename": role_name(node) }),
        ];
        for answer in self.run(commands).await? {
            answer.accepted()?;
        }
        tracing::info!(node.id = node.as_str(), "edge node's credential revoked");
        Ok(())
    }

    /// Ends a node's connection; its credential stays, so that it can connect anew.
    ///
    /// # Errors
    /// [`EnrolError::Control`], also when it has no credential.
    pub async fn reconnect(&self, node: &NodeId) -> Result<(), EnrolError> {
        let command = |name: &str| json!({ "command": name, "username": node.as_str() });
        for answer in self.run(vec![command("disableClient"), command("enableClient")]).await? {
            answer.accepted()?;
        }
        Ok(())
    }

    /// The nodes that have a credential.
    ///
    /// # Errors
    /// [`EnrolError::Control`].
    pub async fn enrolled(&self) -> Result<BTreeSet<NodeId>, EnrolError> {
        let commands = vec![json!({ "command": "listClients", "count": -1, "offset": 0 })];
        let mut nodes = BTreeSet::new();
        for answer in self.run(commands).await? {
            let data = answer.accepted()?;
            let names = data["clients"].as_array().into_iter().flatten().filter_map(Value::as_str);
            nodes.extend(
                names.filter(|name| !name.starts_with(RESERVED_PREFIX)).filter_map(|name| NodeId::new(name).ok()),
            );
        }
        Ok(nodes)
    }
}

fn role_name(node: &NodeId) -> String {
    format!("node:{node}")
}

/// What a node may do: speak for itself and its devices, hear its own commands and the state of hosts.
fn permissions(node: &NodeAddress) -> Value {
    let publish = |verb: NodeVerb, devices: &str| {
        allow("publishClientSend", &format!("{NAMESPACE}/{}/{verb}/{}{devices}", node.group, node.node))
    };
    // `…/#` covers the topic itself and what lies below: clients differ in which of the two they subscribe to.
    let subscribe =
        |verb: NodeVerb| allow("subscribePattern", &format!("{NAMESPACE}/{}/{verb}/{}/#", node.group, node.node));
    json!([
        publish(NodeVerb::NBirth, ""),
        publish(NodeVerb::NData, ""),
        publish(NodeVerb::NDeath, ""),
        publish(NodeVerb::DBirth, "/+"),
        publish(NodeVerb::DData, "/+"),
        publish(NodeVerb::DDeath, "/+"),
        subscribe(NodeVerb::NCmd),
        subscribe(NodeVerb::DCmd),
        allow("subscribePattern", &format!("{NAMESPACE}/STATE/#")),
    ])
}
