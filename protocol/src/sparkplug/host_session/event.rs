//! What a session tells of its node.

use domain::id::DeviceId;

use super::{
    super::outbox::{Gap, Hello, Seq},
    birth::{Heard, Unread},
};

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Not heard of since this host connected.
    Unknown,
    /// Born and not dead.
    Online,
    /// Dead.
    Offline,
}

/// Why a node is asked for its births.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RebirthReason {
    /// It speaks, but its birth was not heard.
    NodeNotBorn,
    /// It speaks for a device whose birth was not heard.
    DeviceNotBorn,
    /// Messages were lost.
    Gap,
    /// It sends what its birth did not declare.
    Undeclared,
}

/// Why a whole message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A will of an older session.
    StaleDeath,
    /// The node is dead already.
    RepeatedDeath,
    /// The number was here before, or comes after it was given up.
    Late,
    /// The node or the device has no birth.
    NotBorn,
    /// A device's death without a birth before it.
    UnknownDevice,
    /// More devices or metrics than allowed.
    TooMany,
    /// A command: those go the other way.
    Command,
}

/// What happened, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The node is there, with its present values.
    NodeBorn {
        /// Number of its connection; None: it gave none.
        bd_seq: Option<u8>,
        /// Whether it was there already: the same connection tells its births again.
        is_rebirth: bool,
        /// What it says of its outbox; None: it has none.
        outbox: Option<Hello>,
        /// Its own metrics.
        metrics: Vec<Heard>,
    },
    /// The node is gone, and all its devices with it.
    NodeDied,
    /// A device is there, with its present values.
    DeviceBorn {
        /// Which.
        device: DeviceId,
        /// Whether its data is going to be numbered, by an outbox of the node.
        is_numbered: bool,
        /// Its metrics.
        metrics: Vec<Heard>,
    },
    /// A device is gone.
    DeviceDied {
        /// Which.
        device: DeviceId,
    },
    /// Values.
    Data {
        /// Of which device; None: of the node itself.
        device: Option<DeviceId>,
        /// The metrics.
        metrics: Vec<Heard>,
        /// The message's number in the node's outbox; None: it has none.
        number: Option<Seq>,
        /// What the node's outbox has given up.
        gap: Option<Gap>,
        /// False: some metrics cannot be read before the next birth. A numbered message should then be left alone: it
        /// comes again.
        is_whole: bool,
    },
    /// Messages were lost.
    Gap {
        /// How many, modulo 256.
        lost: u8,
    },
    /// The node should be asked for its births.
    RebirthNeeded(RebirthReason),
    /// A metric was not taken.
    Unread {
        /// Of which device; None: of the node itself.
        device: Option<DeviceId>,
        /// Why.
        reason: Unread,
    },
    /// A message was not taken.
    Ignored(Ignored),
}
