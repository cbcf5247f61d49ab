//! Which numbered messages of edge nodes are committed: what makes a message that comes twice be stored once.
//!
//! A batch writes what it adds as one short row (`step`) in the transaction of its readings; some seconds later the
//! steps are folded into one row an outbox. A start reads the rows and goes through the steps that are left.

mod known;
mod step;

use std::time::Duration;

use domain::id::NodeId;
use protocol::sparkplug::outbox::{Acknowledgement, Gap, Incarnation, Numbers, Seq, StoreEpoch};
use sqlx::AnyConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::known::Entry;
pub(super) use self::known::{Known, Planned};
use super::{
    Store,
    batch::JournalId,
    codec::CodecError,
    error::StoreError,
    row::{Columns, write_rows},
    writer::Priority,
};

const OPERATION: &str = "noting committed messages";
/// How often steps are folded: a start goes through so many seconds of them.
const FOLD_EVERY: Duration = Duration::from_secs(10);
/// Outboxes in one transaction: a few milliseconds, so that a batch never waits long behind it.
const ROWS_PER_FOLD: usize = 256;
/// Outboxes of one node that are remembered, the latest used. A node has one; its disk was replaced, or it moved back
/// and forth between two.
const OUTBOXES_PER_NODE: usize = 4;

/// One run of numbers of one edge node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId {
    /// Which node.
    pub node: NodeId,
    /// Which run.
    pub incarnation: Incarnation,
}

/// What a batch adds to one outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxProgress {
    /// Which.
    pub outbox: OutboxId,
    /// The node said that nothing below it will come any more.
    pub floor: Option<Seq>,
    /// The numbers of the messages in the batch. None of them was committed before.
    pub numbers: Vec<Seq>,
    /// Readings in these messages.
    pub reading_count: u64,
    /// What the node reported as given up.
    pub gaps: Vec<Gap>,
}

/// What is committed of one outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxState {
    /// Which.
    pub outbox: OutboxId,
    /// The messages.
    pub numbers: Numbers,
    /// Readings in them.
    pub reading_count: u64,
}

impl Store {
    /// What is committed of every outbox, the latest used of a node last.
    pub fn outboxes(&self) -> Vec<OutboxState> {
        self.known_outboxes().states()
    }

    /// Whether a node has ever numbered its messages.
    pub fn has_outbox(&self, node: &NodeId) -> bool {
        self.known_outboxes().knows(node)
    }

    /// What to tell the node, above all of the numbers that it waits to hear of: everything in it is on disk.
    pub fn acknowledgement(&self, outbox: &OutboxId, concerns: &[Seq]) -> Acknowledgement {
        let known = self.known_outboxes();
        let nothing = Numbers::default();
        known.numbers(outbox).unwrap_or(&nothing).acknowledgement(known.epoch, outbox.incarnation, concerns)
    }

    /// Which history of the store this is.
    pub fn epoch(&self) -> StoreEpoch {
        self.known_outboxes().epoch
    }

    /// Begins a new history: to be called after the store was taken back to an older state, so that edge nodes send again
    /// what it has not committed.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: it is still the old one.
    pub async fn new_epoch(&self) -> Result<StoreEpoch, StoreError> {
        let epoch = StoreEpoch(Uuid::new_v4().as_u128());
        let store = self.clone();
        self.writer()
            .write(
                Priority::Operator,
                "beginning a new history of the store",
                move |connection| Box::pin(write_epoch(connection, epoch)),
                move |()| store.known_outboxes().epoch = epoch,
            )
            .await?;
        Ok(epoch)
    }

    /// Folds the steps of batches into the outboxes' rows, every few seconds, until `stop`.
    pub async fn run_folding(&self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(FOLD_EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            if let Err(error) = self.fold_outboxes().await {
                // The steps stay; the next round takes them too.
                tracing::warn!(error = &error as &dyn std::error::Error, "committed messages could not be folded");
            }
        }
    }

    /// Folds the steps of all batches so far.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: steps are left for the next time, and nothing is lost.
    pub async fn fold_outboxes(&self) -> Result<(), StoreError> {
        let Some(fold) = self.known_outboxes().to_fold() else { return Ok(()) };
        let through = fold.through;
        for rows in fold.rows.chunks(ROWS_PER_FOLD) {
            let (rows, store) = (rows.to_vec(), self.clone());
            let folded: Vec<i64> = rows.iter().map(|(row, _)| *row).collect();
            self.writer()
                .write(
                    Priority::Ordinary,
                    OPERATION,
                    move |connection| Box::pin(write_entries(connection, rows, through)),
                    move |()| store.known_outboxes().folded(&folded, through),
                )
                .await?;
        }
        let (forgotten, store) = (fold.forgotten.clone(), self.clone());
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| Box::pin(delete_steps(connection, through, fold.forgotten)),
                move |()| store.known_outboxes().trimmed(through, &forgotten),
            )
            .await
    }

    /// Reads back what is committed. Answers the last journal number in the steps, and how many could not be read.
    pub(super) async fn replay_outboxes(&self) -> Result<(JournalId, u64), StoreError> {
        const OPERATION: &str = "reading which messages are committed";
        let epoch = match self.read_epoch().await? {
            Some(epoch) => epoch,
            None => self.new_epoch().await?,
        };
        let mut known = Known::new(epoch);
        let rows = sqlx::query("SELECT * FROM outbox ORDER BY used_at_ms, id")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        let (mut last, mut damaged_count) = (JournalId::default(), 0);
        for row in &rows {
            let outbox = OutboxId { node: row.id("node_id")?, incarnation: row.id("incarnation")? };
            let numbers = Numbers::decode(&row.get_as::<Vec<u8>>("numbers")?).unwrap_or_else(|error| {
                // What the node still holds comes again and is stored twice: better than a district in the dark.
                tracing::error!(node.id = %outbox.node, %error, "a node's messages may be stored twice");
                damaged_count += 1;
                Numbers::default()
            });
            let folded = JournalId(row.get_as("through_journal")?);
            let (reading_count, used_at) = (row.number("reading_count")?, row.time("used_at_ms")?);
            last = last.max(folded);
            known.insert(row.get_as("id")?, Entry { outbox, numbers, reading_count, used_at, folded, changed: folded });
        }
        let steps = sqlx::query("SELECT journal_id, steps FROM outbox_step ORDER BY journal_id")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        for row in &steps {
            let journal = JournalId(row.get_as("journal_id")?);
            last = last.max(journal);
            match step::decode(&row.get_as::<Vec<u8>>("steps")?) {
                Ok(steps) => known.replay(journal, &steps),
                Err(error) => {
                    tracing::error!(journal.id = journal.0, %error, "a batch's messages may be stored twice");
                    damaged_count += 1;
                }
            }
        }
        *self.known_outboxes() = known;
        Ok((last, damaged_count))
    }

    async fn read_epoch(&self) -> Result<Option<StoreEpoch>, StoreError> {
        let row = sqlx::query("SELECT epoch FROM store_epoch")
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read("reading which history of the store this is"))?;
        row.map(|row| row.id("epoch")).transpose()
    }
}

/// Whether what a batch added can be read.
pub(super) fn check_steps(frame: &[u8]) -> Result<(), CodecError> {
    step::decode(frame).map(drop)
}

/// Writes what a batch adds, within its transaction.
pub(super) async fn write_progress(
    connection: &mut AnyConnection,
    journal: JournalId,
    planned: &Planned,
) -> Result<(), StoreError> {
    if planned.is_empty() {
        return Ok(());
    }
    write_entries(connection, planned.new.clone(), JournalId::default()).await?;
    sqlx::query("INSERT INTO outbox_step (journal_id, steps) VALUES ($1, $2)")
        .bind(journal.0)
        .bind(planned.frame.clone())
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}

async fn write_entries(
    connection: &mut AnyConnection,
    rows: Vec<(i64, Entry)>,
    through: JournalId,
) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "INSERT INTO outbox (id, node_id, incarnation, numbers, reading_count, through_journal, used_at_ms) \
             VALUES {values} ON CONFLICT (id) DO UPDATE SET numbers = excluded.numbers, \
             reading_count = excluded.reading_count, through_journal = excluded.through_journal, \
             used_at_ms = excluded.used_at_ms"
        )
    };
    write_rows(connection, &rows, 7, sql, |upsert, (row, entry)| {
        upsert
            .bind(*row)
            .bind(entry.outbox.node.as_str())
            .bind(entry.outbox.incarnation.to_string())
            .bind(entry.numbers.encode())
            .bind(entry.reading_count.cast_signed())
            .bind(through.0)
            .bind(entry.used_at.0)
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

async fn delete_steps(
    connection: &mut AnyConnection,
    through: JournalId,
    forgotten: Vec<i64>,
) -> Result<(), StoreError> {
    for row in forgotten {
        sqlx::query("DELETE FROM outbox WHERE id = $1")
            .bind(row)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
    }
    sqlx::query("DELETE FROM outbox_step WHERE journal_id <= $1")
        .bind(through.0)
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}

pub(super) async fn write_epoch(connection: &mut AnyConnection, epoch: StoreEpoch) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO store_epoch (id, epoch) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch",
    )
    .bind(epoch.to_string())
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}
