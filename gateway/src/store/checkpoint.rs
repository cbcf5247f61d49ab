//! What the rule engine remembers, portion by portion, and the batches that came after: what a start goes on from.
//!
//! A portion stands with the last batch that is in it; the journal is not trimmed beyond the oldest of them. Writing one
//! is the least urgent of all writes: a portion that is older than it might be costs a longer replay and nothing else.

use std::collections::BTreeMap;

use domain::{engine::ShardAt, reading::Reading, time::UnixMs};
use sqlx::AnyConnection;

use super::{
    Store,
    batch::JournalId,
    codec::{
        bytes::{seal, unseal},
        journal,
    },
    error::StoreError,
    row::{Columns, write_rows},
    writer::Priority,
};

const OPERATION: &str = "writing what the rules remember";
/// Journal rows fetched at once: bounds memory to a few dozen megabytes.
const PAGE: i64 = 256;

/// One portion of what the rule engine remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointShard {
    /// Which.
    pub shard: ShardAt,
    /// The last batch that is in it.
    pub through: JournalId,
    /// What the engine wrote.
    pub state: Vec<u8>,
}

/// A batch as the journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredBatch {
    /// Its place.
    pub journal: JournalId,
    /// When it was closed, by the gateway's clock.
    pub received: UnixMs,
    /// In order of arrival; none when the row cannot be read.
    pub readings: Vec<Reading>,
}

/// Up to where each portion goes.
pub(super) type Reach = BTreeMap<ShardAt, JournalId>;

impl Store {
    /// Writes portions of what the engine remembers after the batch `through`; None: nothing stands there any more.
    ///
    /// # Errors
    /// [`StoreError::Failed`] and [`StoreError::UnknownOutcome`]: the older ones go on counting.
    pub async fn write_checkpoint(
        &self,
        through: JournalId,
        shards: Vec<(ShardAt, Option<Vec<u8>>)>,
    ) -> Result<(), StoreError> {
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for (shard, state) in shards {
            match state {
                Some(state) => kept.push((shard, seal(state))),
                None if self.reach().contains_key(&shard) => gone.push(shard),
                None => {}
            }
        }
        if kept.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let (written, deleted): (Vec<ShardAt>, _) = (kept.iter().map(|(shard, _)| *shard).collect(), gone.clone());
        let store = self.clone();
        self.writer()
            .write(
                Priority::Seal,
                OPERATION,
                move |connection| Box::pin(write_shards(connection, through, kept, gone)),
                move |()| {
                    let mut reach = store.reach();
                    reach.extend(written.into_iter().map(|shard| (shard, through)));
                    reach.retain(|shard, _| !deleted.contains(shard));
                },
            )
            .await
    }

    /// Every portion that can be read. One that cannot is named in the log: its devices start from their latest values.
    pub async fn load_checkpoint(&self) -> Result<Vec<CheckpointShard>, StoreError> {
        let rows = sqlx::query("SELECT shard, through_journal, state FROM engine_checkpoint ORDER BY shard")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading what the rules remember"))?;
        let mut shards = Vec::with_capacity(rows.len());
        for row in &rows {
            let shard = row.number("shard")?;
            let frame: Vec<u8> = row.get_as("state")?;
            match unseal(&frame) {
                Ok(state) => {
                    let through = JournalId(row.get_as("through_journal")?);
                    shards.push(CheckpointShard { shard, through, state: state.to_vec() });
                }
                Err(error) => tracing::error!(shard, %error, "what rules remember is damaged and is passed over"),
            }
        }
        Ok(shards)
    }

    /// The batches after one, in order; not all at once: empty when there are no more.
    pub async fn batches_after(&self, after: JournalId) -> Result<Vec<StoredBatch>, StoreError> {
        let rows = sqlx::query("SELECT id, received_at_ms, readings FROM journal WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.0)
            .bind(PAGE)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading the journal"))?;
        rows.iter()
            .map(|row| {
                Ok(StoredBatch {
                    journal: JournalId(row.get_as("id")?),
                    received: row.time("received_at_ms")?,
                    // A damaged row was named when the head was rebuilt from the same journal.
                    readings: journal::decode(&row.get_as::<Vec<u8>>("readings")?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Batches up to this one are in every portion, so that no start needs them.
    pub(super) fn replayed_through(&self) -> JournalId {
        self.reach().values().min().copied().unwrap_or(JournalId(i64::MAX))
    }

    /// Reads up to where each portion goes. Answers the newest batch among them.
    pub(super) async fn load_reach(&self) -> Result<JournalId, StoreError> {
        let rows = sqlx::query("SELECT shard, through_journal FROM engine_checkpoint")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading what the rules remember"))?;
        let mut reach = Reach::new();
        for row in &rows {
            reach.insert(row.number("shard")?, JournalId(row.get_as("through_journal")?));
        }
        let newest = reach.values().max().copied().unwrap_or_default();
        *self.reach() = reach;
        Ok(newest)
    }
}

async fn write_shards(
    connection: &mut AnyConnection,
    through: JournalId,
    kept: Vec<(ShardAt, Vec<u8>)>,
    gone: Vec<ShardAt>,
) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "INSERT INTO engine_checkpoint (shard, through_journal, state) VALUES {values} ON CONFLICT (shard) DO UPDATE SET \
             through_journal = excluded.through_journal, state = excluded.state"
        )
    };
    write_rows(connection, &kept, 3, sql, |upsert, (shard, state)| {
        upsert.bind(i64::from(*shard)).bind(through.0).bind(state.as_slice())
    })
    .await
    .map_err(StoreError::failed(OPERATION))?;
    for shard in gone {
        sqlx::query("DELETE FROM engine_checkpoint WHERE shard = $1")
            .bind(i64::from(shard))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}
