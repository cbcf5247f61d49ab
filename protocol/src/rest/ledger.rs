//! The loss ledger: what became of edge nodes' readings, and what is missing.

use domain::id::NodeId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Counts of one node, or of several together, over some hours of the gateway's clock. Counts of what passes through the
/// gateway are written every few seconds: a gateway that is killed forgets those of the last ones, never readings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerFigures {
    /// Readings that the nodes took, by their own count. Nodes without an outbox do not count.
    pub produced_readings: u64,
    /// Messages that the nodes sent, repetitions included, by their own count.
    pub sent_messages: u64,
    /// Messages with readings that reached the gateway.
    pub received_messages: u64,
    /// Readings in them, those of repeated messages left out.
    pub received_readings: u64,
    /// Messages of which every reading is on the gateway's disk.
    pub committed_messages: u64,
    /// Readings on the gateway's disk.
    pub committed_readings: u64,
    /// Messages that were on the gateway's disk already and came again.
    pub duplicate_messages: u64,
    /// Messages for which the gateway had no room. Those of a node with an outbox come again; others are lost.
    pub shed_messages: u64,
    /// Readings in them.
    pub shed_readings: u64,
    /// Readings that were not taken: an impossible time, another kind than declared, a device of another node.
    pub refused_readings: u64,
    /// Messages that are lost: given up by nodes' outboxes; of nodes without one, missing in their order or shed here. Gaps
    /// whose messages nobody can know do not count.
    pub lost_messages: u64,
    /// Readings that are lost: given up by nodes' outboxes, or shed here of nodes without one.
    pub lost_readings: u64,
    /// Gaps of which nobody can know how many messages they are: they are in neither of the two before.
    pub uncounted_gaps: u64,
}

impl LedgerFigures {
    /// Adds the counts of others.
    pub fn add(&mut self, other: &Self) {
        let Self {
            produced_readings,
            sent_messages,
            received_messages,
            received_readings,
            committed_messages,
            committed_readings,
            duplicate_messages,
            shed_messages,
            shed_readings,
            refused_readings,
            lost_messages,
            lost_readings,
            uncounted_gaps,
        } = other;
        self.produced_readings += produced_readings;
        self.sent_messages += sent_messages;
        self.received_messages += received_messages;
        self.received_readings += received_readings;
        self.committed_messages += committed_messages;
        self.committed_readings += committed_readings;
        self.duplicate_messages += duplicate_messages;
        self.shed_messages += shed_messages;
        self.shed_readings += shed_readings;
        self.refused_readings += refused_readings;
        self.lost_messages += lost_messages;
        self.lost_readings += lost_readings;
        self.uncounted_gaps += uncounted_gaps;
    }
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapWhy {
    /// The node's outbox held it longer than it is told to keep anything.
    TooOld,
    /// The node's outbox, or its disk, was full.
    Full,
    /// The node's agent or machine stopped in the middle of writing it.
    Torn,
    /// The node's disk gave back something else than was written.
    Corrupt,
    /// The node's machine lost power between two writes to disk.
    PowerCut,
    /// The node has given it up, and no report of that came here: the report was lost with the node's process or disk, or
    /// this store was taken back to a time before it.
    Unreported,
    /// A reading told later, with a time that cannot be.
    Clock,
    /// The node has no outbox, and was not heard: the node, the line or this gateway was down.
    Unheard,
    /// The node has no outbox, and numbers are missing in its order.
    Order,
    /// The node has no outbox, and the gateway had no room.
    Shed,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerGap {
    /// Whose.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// Why.
    pub why: GapWhy,
    /// From when; by the node's clock where its outbox tells it, else by the gateway's.
    pub from_ms: i64,
    /// To when.
    pub to_ms: i64,
    /// First number in the node's outbox; None: it has none.
    pub first_seq: Option<u64>,
    /// Last number, inclusive.
    pub last_seq: Option<u64>,
    /// How many messages; None: nobody can know.
    pub messages: Option<u64>,
    /// How many readings; None: nobody can know.
    pub readings: Option<u64>,
    /// At most so much of the time between is missing, in milliseconds; None: all of it may be.
    pub at_most_ms: Option<u64>,
    /// When the gateway knew of it.
    pub noted_at_ms: i64,
}

/// One node over the time asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerNode {
    /// Which.
    #[schema(value_type = String)]
    pub node: NodeId,
    /// Its name in the registry; None: it is in none.
    pub name: Option<String>,
    /// Whether its messages are acknowledged and sent again until they are.
    pub has_outbox: bool,
    /// The counts.
    pub figures: LedgerFigures,
}

/// One hour of all nodes asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerHour {
    /// When it began.
    pub at_ms: i64,
    /// The counts.
    pub figures: LedgerFigures,
}

/// `GET /ledger?node=…&from_ms=…&to_ms=…`: the hours that begin within `[from, to)`, and the gaps noted in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Start, inclusive.
    pub from_ms: i64,
    /// End, exclusive.
    pub to_ms: i64,
    /// All nodes together.
    pub total: LedgerFigures,
    /// Node by node, by id.
    pub nodes: Vec<LedgerNode>,
    /// Hour by hour, oldest first; an hour in which nothing happened is left out.
    pub hours: Vec<LedgerHour>,
    /// What is missing, newest first; at most 500.
    pub gaps: Vec<LedgerGap>,
}
