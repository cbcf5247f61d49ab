//! Topics: where a message is from or for.

use std::fmt;

use domain::id::{DeviceId, IdError, NodeId};

/// The namespace of Sparkplug B.
pub const NAMESPACE: &str = "spBv1.0";
/// Longest group id that is read, in characters.
const GROUP_LENGTH_MAX: usize = 128;
/// Longest host id that is read, in characters.
const HOST_LENGTH_MAX: usize = 128;

/// Why a topic is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not under `spBv1.0/`.
    #[error("topic is not under {NAMESPACE}/")]
    Namespace,
    /// Too few or too many levels.
    #[error("topic has the wrong number of levels")]
    Levels,
    /// A message type that Sparkplug B does not know.
    #[error("`{0}` is no message type")]
    Kind(String),
    /// A message about a device without the device, or the other way round.
    #[error("{0} names a device where none belongs, or none where one belongs")]
    Device(NodeVerb),
    /// A group id that cannot be used.
    #[error(
        "group id is empty, longer than {GROUP_LENGTH_MAX} characters, or holds `+`, `#`, `/` or a control character"
    )]
    Group,
    /// A host id that cannot be used.
    #[error(
        "host id is empty, longer than {HOST_LENGTH_MAX} characters, or holds `+`, `#`, `/` or a control character"
    )]
    Host,
    /// A node id that the registry cannot hold.
    #[error("node id {0}")]
    NodeId(#[source] IdError),
    /// A device id that the registry cannot hold.
    #[error("device id {0}")]
    DeviceId(#[source] IdError),
}

/// The Sparkplug group: where a message is routed. Our own nodes use the code of their township, but nothing about
/// responsibility is read from it: that is the registry's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(String);

impl GroupId {
    /// Checks the text and wraps it.
    ///
    /// # Errors
    /// [`TopicError::Group`].
    pub fn new(text: &str) -> Result<Self, TopicError> {
        if is_topic_level(text, GROUP_LENGTH_MAX) { Ok(Self(text.to_owned())) } else { Err(TopicError::Group) }
    }

    /// The text as it stands in topics.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a Sparkplug host, such as `brightwatch`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostId(String);

impl HostId {
    /// Checks the text and wraps it.
    ///
    /// # Errors
    /// [`TopicError::Host`].
    pub fn new(text: &str) -> Result<Self, TopicError> {
        if is_topic_level(text, HOST_LENGTH_MAX) { Ok(Self(text.to_owned())) } else { Err(TopicError::Host) }
    }

    /// The text as it stands in topics.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_topic_level(text: &str, length_max: usize) -> bool {
    !text.is_empty()
        && text.chars().count() <= length_max
        && !text.chars().any(|character| matches!(character, '+' | '#' | '/') || character.is_control())
}

/// A node's address: its group and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeAddress {
    /// Where it is routed.
    pub group: GroupId,
    /// Which node.
    pub node: NodeId,
}

/// What a message of or for a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeVerb {
    /// A node is there, with all its metrics.
    NBirth,
    /// A node is gone.
    NDeath,
    /// A device is there, with all its metrics.
    DBirth,
    /// A device is gone.
    DDeath,
    /// A node's own values.
    NData,
    /// A device's values.
    DData,
    /// A command to a node.
    NCmd,
    /// A command to a device.
    DCmd,
}

impl NodeVerb {
    const ALL: [NodeVerb; 8] = [
        NodeVerb::NBirth,
        NodeVerb::NDeath,
        NodeVerb::DBirth,
        NodeVerb::DDeath,
        NodeVerb::NData,
        NodeVerb::DData,
        NodeVerb::NCmd,
        NodeVerb::DCmd,
    ];

    /// As it stands in topics.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeVerb::NBirth => "NBIRTH",
            NodeVerb::NDeath => "NDEATH",
            NodeVerb::DBirth => "DBIRTH",
            NodeVerb::DDeath => "DDEATH",
            NodeVerb::NData => "NDATA",
            NodeVerb::DData => "DDATA",
            NodeVerb::NCmd => "NCMD",
            NodeVerb::DCmd => "DCMD",
        }
    }

    /// Whether the topic ends with a device.
    pub fn names_device(self) -> bool {
        matches!(self, NodeVerb::DBirth | NodeVerb::DDeath | NodeVerb::DData | NodeVerb::DCmd)
    }
}

impl fmt::Display for NodeVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A topic under `spBv1.0/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Of or for a node.
    Node {
        /// Which node.
        address: NodeAddress,
        /// What the message does.
        verb: NodeVerb,
        /// Which of its devices; None: the node itself.
        device: Option<DeviceId>,
    },
    /// The state of a host.
    State(HostId),
}

impl Topic {
    /// Reads a topic.
    ///
    /// # Errors
    /// [`TopicError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let mut levels = text.split('/');
        if levels.next() != Some(NAMESPACE) {
            return Err(TopicError::Namespace);
        }
        let second = levels.next().ok_or(TopicError::Levels)?;
        let third = levels.next().ok_or(TopicError::Levels)?;
        let Some(fourth) = levels.next() else {
            // `STATE` is reserved: no group may be called so (tck-id-topic-structure-namespace-valid-group-id).
            return if second == "STATE" { Ok(Topic::State(HostId::new(third)?)) } else { Err(TopicError::Levels) };
        };
        let device = levels.next();
        if levels.next().is_some() {
            return Err(TopicError::Levels);
        }
        let group = GroupId::new(second)?;
        let verb = NodeVerb::ALL
            .into_iter()
            .find(|verb| verb.as_str() == third)
            .ok_or_else(|| TopicError::Kind(third.chars().take(80).collect()))?;
        if device.is_some() != verb.names_device() {
            return Err(TopicError::Device(verb));
        }
        let node = NodeId::new(fourth).map_err(TopicError::NodeId)?;
        let device = device.map(|id| DeviceId::new(id).map_err(TopicError::DeviceId)).transpose()?;
        Ok(Topic::Node { address: NodeAddress { group, node }, verb, device })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::State(host) => write!(f, "{NAMESPACE}/STATE/{}", host.as_str()),
            Topic::Node { address: NodeAddress { group, node }, verb, device: None } => {
                write!(f, "{NAMESPACE}/{group}/{verb}/{node}")
            }
            Topic::Node { address: NodeAddress { group, node }, verb, device: Some(device) } => {
                write!(f, "{NAMESPACE}/{group}/{verb}/{node}/{device}")
            }
        }
    }
}

impl NodeAddress {
    /// The topic of a message about the node itself.
    pub fn topic(&self, verb: NodeVerb) -> String {
        debug_assert!(!verb.names_device());
        format!("{NAMESPACE}/{}/{verb}/{}", self.group, self.node)
    }

    /// The topic of a message about one of its devices.
    pub fn device_topic(&self, verb: NodeVerb, device: &DeviceId) -> String {
        debug_assert!(verb.names_device());
        format!("{NAMESPACE}/{}/{verb}/{}/{device}", self.group, self.node)
    }

    /// What the node subscribes to for its own commands.
    pub fn node_commands(&self) -> String {
        self.topic(NodeVerb::NCmd)
    }

    /// What the node subscribes to for its devices' commands.
    pub fn device_commands(&self) -> String {
        format!("{NAMESPACE}/{}/DCMD/{}/+", self.group, self.node)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tck_id_topic_structure() {
        for text in [
            "spBv1.0/500156001/NBIRTH/edge-1",
            "spBv1.0/500156001/NDEATH/edge-1",
            "spBv1.0/500156001/NDATA/edge-1",
            "spBv1.0/500156001/NCMD/edge-1",
            "spBv1.0/500156001/DBIRTH/edge-1/lift-1",
            "spBv1.0/500156001/DDEATH/edge-1/lift-1",
            "spBv1.0/500156001/DDATA/edge-1/lift-1",
            "spBv1.0/Sparkplug B Devices/DCMD/edge-1/lift-1",
            "spBv1.0/STATE/brightwatch",
        ] {
            assert_eq!(Topic::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_topic_says_what_is_wrong() {
        let check = |text: &str, expected: &str| assert_eq!(Topic::parse(text).unwrap_err().to_string(), expected);
        check("spAv1.0/g/NDATA/n", "topic is not under spBv1.0/");
        check("spBv1.0", "topic has the wrong number of levels");
        check("spBv1.0/g/NDATA", "topic has the wrong number of levels");
        check("spBv1.0/g/DDATA/n/d/x", "topic has the wrong number of levels");
        check("spBv1.0/g/ndata/n", "`ndata` is no message type");
        check("spBv1.0/g/STATE/h", "`STATE` is no message type");
        check("spBv1.0/g/NDATA/n/d", "NDATA names a device where none belongs, or none where one belongs");
        check("spBv1.0/g/DDATA/n", "DDATA names a device where none belongs, or none where one belongs");
        check("spBv1.0/g/NDATA/n n", "node id `n n` holds ` `; letters, digits, `_`, `-` and `.` are allowed");
        check("spBv1.0/g/DDATA/n/", "device id `` has 0 characters; 1 to 64 are allowed");
        assert_eq!(Topic::parse("spBv1.0//NDATA/n").unwrap_err(), TopicError::Group);
        assert_eq!(Topic::parse("spBv1.0/STATE/").unwrap_err(), TopicError::Host);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics_and_what_is_read_is_written_back(
            text in "(spBv1.0/)?([A-Za-z0-9_.-]{0,4}|STATE)/(NBIRTH|DDATA|NCMD|x)?/?.{0,8}/?.{0,8}",
        ) {
            if let Ok(topic) = Topic::parse(&text) {
                prop_assert_eq!(topic.to_string(), text);
            }
        }
    }
}
