//! What is to be sent, on the edge's own disk: a message is kept here before it is said, and until the host has said
//! that it is committed. It holds series by name and values, never encoded payloads: alias and sequence number belong
//! to a session, and what waits outlives sessions.
//!
//! - [`queue`](Outbox): numbers, keeps, reads back, forgets; bounded by size and age.
//! - `record`: how a message stands in a file; `reader`: reading a file from its beginning.
//! - `opening`: what a former run left, and what is missing at its end.
//! - `receipt`: what the host has.
//! - [`disk`](Disk): the few things that are done with files; `listing`: what it holds, for people.
//!
//! What it withstands, and why a message is stored exactly once, is in docs/design/durability.md.

mod disk;
#[cfg(test)]
mod fake_disk;
mod listing;
mod opening;
mod queue;
mod reader;
mod receipt;
mod record;

use std::io;

use domain::id::DeviceId;
use protocol::sparkplug::outbox::{Gap, Seq};

#[cfg(test)]
pub(crate) use self::fake_disk::FakeDisk;
pub use self::{
    disk::{Disk, Flush, Folder},
    listing::lines,
    queue::Outbox,
    receipt::Acknowledged,
};
use crate::source::Sample;

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Measurements.
    Samples {
        /// Of which device; None: of the node itself.
        device: Option<DeviceId>,
        /// In the order they were taken.
        samples: Vec<Sample>,
    },
    /// Messages that will never come.
    Gap(Gap),
}

impl Content {
    /// How many readings it holds.
    pub fn readings(&self) -> u64 {
        match self {
            Content::Samples { samples, .. } => samples.len() as u64,
            Content::Gap(_) => 0,
        }
    }
}

/// A message of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number. None: the disk did not take it, so that it is sent once and as well as can be.
    pub seq: Option<Seq>,
    /// What it says.
    pub content: Content,
    /// Its size on the disk.
    pub bytes: usize,
}

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All segments together, in bytes.
    pub max_bytes: u64,
    /// What the host does not have is given up after this time, in milliseconds that the agent ran.
    pub max_age_ms: u64,
    /// What the host has is kept for this time, should its store be restored to an older state.
    pub keep_committed_ms: u64,
    /// How often the agent makes durable what it took: a power cut takes about as much.
    pub flush_ms: u64,
}

/// Reads everything that a folder holds, oldest first, without changing anything; also while an agent uses it.
///
/// # Errors
/// When a file cannot be read, or `visit` fails.
pub fn read_all(disk: &dyn Disk, mut visit: impl FnMut(Entry) -> io::Result<()>) -> io::Result<()> {
    for first in opening::list(disk)? {
        let Some(mut reader) = reader::Reader::open(disk, &opening::file_name(first))? else { continue };
        while let Ok(Some((record, bytes))) = reader.next() {
            if let record::Record::Entry(seq, content) = record {
                visit(Entry { seq: Some(seq), content, bytes })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
