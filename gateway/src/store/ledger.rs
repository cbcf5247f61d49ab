//! The loss ledger on disk: counts by node and hour, and the gaps.

use std::{collections::BTreeMap, ops::Range};

use domain::{id::NodeId, time::UnixMs};
use protocol::rest::{LedgerFigures, LedgerGap, LedgerHour};
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    Store,
    error::StoreError,
    row::{Columns, word_of, write_rows},
    scope::Scope,
    select::{Bound, Select},
    writer::Priority,
};

const OPERATION: &str = "writing the loss ledger";
const TRIMMING: &str = "trimming the loss ledger";
/// Nodes or hours answered at most: as many as ingest knows nodes.
const ANSWER_ROWS_MAX: i64 = 20_000;
/// Gaps answered at most.
const GAPS_MAX: i64 = 500;

/// The counts' columns, in the order of [`numbers_of`].
const COLUMNS: [&str; 10] = [
    "produced_readings",
    "sent_messages",
    "received_messages",
    "received_readings",
    "committed_messages",
    "committed_readings",
    "duplicate_messages",
    "shed_messages",
    "shed_readings",
    "refused_readings",
];

/// PostgreSQL's sum of whole numbers is no whole number; the CAST makes it one. Without rows it is NULL, which no query
/// here meets because all are grouped.
macro_rules! select_sums {
    ($what:literal) => {
        concat!(
            "SELECT ",
            $what,
            ", \
             CAST(SUM(produced_readings) AS BIGINT) AS produced_readings, \
             CAST(SUM(sent_messages) AS BIGINT) AS sent_messages, \
             CAST(SUM(received_messages) AS BIGINT) AS received_messages, \
             CAST(SUM(received_readings) AS BIGINT) AS received_readings, \
             CAST(SUM(committed_messages) AS BIGINT) AS committed_messages, \
             CAST(SUM(committed_readings) AS BIGINT) AS committed_readings, \
             CAST(SUM(duplicate_messages) AS BIGINT) AS duplicate_messages, \
             CAST(SUM(shed_messages) AS BIGINT) AS shed_messages, \
             CAST(SUM(shed_readings) AS BIGINT) AS shed_readings, \
             CAST(SUM(refused_readings) AS BIGINT) AS refused_readings \
             FROM ledger_hour LEFT JOIN device ON device.id = ledger_hour.node_id \
             LEFT JOIN site ON site.id = device.site_id"
        )
    };
}

/// What is missing is counted from the gaps alone: those that outboxes report are as durable as readings.
macro_rules! select_lost {
    ($what:literal) => {
        concat!(
            "SELECT ",
            $what,
            ", CAST(SUM(messages) AS BIGINT) AS lost_messages, \
             CAST(SUM(COALESCE(readings, 0)) AS BIGINT) AS lost_readings, \
             CAST(SUM(CASE WHEN messages = 0 THEN 1 ELSE 0 END) AS BIGINT) AS uncounted_gaps \
             FROM ledger_gap LEFT JOIN device ON device.id = ledger_gap.node_id \
             LEFT JOIN site ON site.id = device.site_id"
        )
    };
}

/// Counts of one node in one hour, to be added to those that stand there; what is missing stands in the gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Which node.
    pub node: NodeId,
    /// When the hour began.
    pub hour: UnixMs,
    /// The counts.
    pub figures: LedgerFigures,
}

/// What a person may see of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPage {
    /// Node by node, by id.
    pub nodes: Vec<(NodeId, LedgerFigures)>,
    /// Hour by hour, oldest first.
    pub hours: Vec<LedgerHour>,
    /// Newest first.
    pub gaps: Vec<LedgerGap>,
}

impl Store {
    /// Adds counts, and gaps; a gap that begins where a known one began takes its place.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: nothing was added. [`StoreError::UnknownOutcome`]: it may have been.
    pub async fn add_to_ledger(&self, entries: Vec<LedgerEntry>, gaps: Vec<LedgerGap>) -> Result<(), StoreError> {
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| Box::pin(write_all(connection, entries, gaps)),
                |()| {},
            )
            .await
    }

    /// Forgets hours that began, and gaps that were noted, before a moment.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: nothing was forgotten.
    pub async fn trim_ledger(&self, before: UnixMs) -> Result<(), StoreError> {
        self.writer()
            .write(Priority::Ordinary, TRIMMING, move |connection| Box::pin(trim(connection, before)), |()| {})
            .await
    }

    /// The hours that began within the range and the gaps noted in it, of one node or of all.
    pub async fn ledger(
        &self,
        scope: &Scope,
        node: Option<&NodeId>,
        range: Range<UnixMs>,
    ) -> Result<LedgerPage, StoreError> {
        const OPERATION: &str = "reading the loss ledger";
        let within = |mut select: Select, at: &'static str, of: &'static str| {
            select.within(scope).and_from(at, Bound::Number(range.start.0)).and_below(at, Bound::Number(range.end.0));
            if let Some(node) = node {
                select.and_equals(of, Bound::Text(node.to_string()));
            }
            select
        };
        let counts = |what| within(Select::new(what), "ledger_hour.hour_ms", "ledger_hour.node_id");
        let lost = |what| within(Select::new(what), "ledger_gap.noted_at_ms", "ledger_gap.node_id");
        let many = Bound::Number(ANSWER_ROWS_MAX);

        let mut nodes: BTreeMap<NodeId, LedgerFigures> = BTreeMap::new();
        let mut by_node = counts(select_sums!("ledger_hour.node_id AS node_id"));
        by_node.finish("GROUP BY ledger_hour.node_id ORDER BY ledger_hour.node_id LIMIT", many.clone());
        for row in by_node.fetch_all(self.readers(), OPERATION).await? {
            nodes.insert(row.id("node_id")?, figures_of(&row)?);
        }
        let mut lost_by_node = lost(select_lost!("ledger_gap.node_id AS node_id"));
        lost_by_node.finish("GROUP BY ledger_gap.node_id ORDER BY ledger_gap.node_id LIMIT", many.clone());
        for row in lost_by_node.fetch_all(self.readers(), OPERATION).await? {
            add_lost(nodes.entry(row.id("node_id")?).or_default(), &row)?;
        }

        let mut hours: BTreeMap<i64, LedgerFigures> = BTreeMap::new();
        let mut by_hour = counts(select_sums!("ledger_hour.hour_ms AS hour_ms"));
        by_hour.finish("GROUP BY ledger_hour.hour_ms ORDER BY ledger_hour.hour_ms LIMIT", many.clone());
        for row in by_hour.fetch_all(self.readers(), OPERATION).await? {
            hours.insert(row.get_as("hour_ms")?, figures_of(&row)?);
        }
        let mut lost_by_hour = lost(select_lost!("noted_at_ms - noted_at_ms % 3600000 AS hour_ms"));
        lost_by_hour.finish("GROUP BY noted_at_ms - noted_at_ms % 3600000 LIMIT", many);
        for row in lost_by_hour.fetch_all(self.readers(), OPERATION).await? {
            add_lost(hours.entry(row.get_as("hour_ms")?).or_default(), &row)?;
        }

        let mut gaps = lost(
            "SELECT ledger_gap.* FROM ledger_gap LEFT JOIN device ON device.id = ledger_gap.node_id \
             LEFT JOIN site ON site.id = device.site_id",
        );
        gaps.finish("ORDER BY ledger_gap.noted_at_ms DESC, ledger_gap.node_id LIMIT", Bound::Number(GAPS_MAX));
        let gaps = gaps.fetch_all(self.readers(), OPERATION).await?;
        Ok(LedgerPage {
            nodes: nodes.into_iter().collect(),
            hours: hours.into_iter().map(|(at_ms, figures)| LedgerHour { at_ms, figures }).collect(),
            gaps: gaps.iter().map(gap_of).collect::<Result<_, _>>()?,
        })
    }
}

fn add_lost(figures: &mut LedgerFigures, row: &AnyRow) -> Result<(), StoreError> {
    figures.lost_messages += row.number::<u64>("lost_messages")?;
    figures.lost_readings += row.number::<u64>("lost_readings")?;
    figures.uncounted_gaps += row.number::<u64>("uncounted_gaps")?;
    Ok(())
}

/// Writes what is known to be lost from now on, in the transaction of the numbers.
pub(super) async fn write_gaps(connection: &mut AnyConnection, gaps: &[LedgerGap]) -> Result<(), StoreError> {
    for gap in gaps {
        write_gap(connection, gap).await?;
    }
    Ok(())
}

async fn write_all(
    connection: &mut AnyConnection,
    entries: Vec<LedgerEntry>,
    gaps: Vec<LedgerGap>,
) -> Result<(), StoreError> {
    write_entries(connection, &entries).await?;
    write_gaps(connection, &gaps).await
}

async fn trim(connection: &mut AnyConnection, before: UnixMs) -> Result<(), StoreError> {
    for sql in ["DELETE FROM ledger_hour WHERE hour_ms < $1", "DELETE FROM ledger_gap WHERE noted_at_ms < $1"] {
        let delete = sqlx::query(sql).bind(before.0).execute(&mut *connection);
        delete.await.map_err(StoreError::failed(TRIMMING))?;
    }
    Ok(())
}

async fn write_entries(connection: &mut AnyConnection, entries: &[LedgerEntry]) -> Result<(), StoreError> {
    let added: Vec<String> =
        COLUMNS.iter().map(|column| format!("{column} = ledger_hour.{column} + excluded.{column}")).collect();
    let sql = |values: &str| {
        format!(
            "INSERT INTO ledger_hour (node_id, hour_ms, {}) VALUES {values} ON CONFLICT (node_id, hour_ms) DO UPDATE SET {}",
            COLUMNS.join(", "),
            added.join(", ")
        )
    };
    write_rows(connection, entries, 2 + COLUMNS.len(), sql, |upsert, entry| {
        let upsert = upsert.bind(entry.node.as_str()).bind(entry.hour.0);
        numbers_of(&entry.figures).into_iter().fold(upsert, |upsert, number| upsert.bind(number.cast_signed()))
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

async fn write_gap(connection: &mut AnyConnection, gap: &LedgerGap) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO ledger_gap (node_id, why, from_ms, first_seq, last_seq, to_ms, messages, readings, at_most_ms, \
         noted_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (node_id, why, from_ms, first_seq) DO UPDATE SET \
         last_seq = excluded.last_seq, to_ms = excluded.to_ms, messages = excluded.messages, \
         readings = excluded.readings, at_most_ms = excluded.at_most_ms, noted_at_ms = excluded.noted_at_ms",
    )
    .bind(gap.node.as_str())
    .bind(word_of(&gap.why))
    .bind(gap.from_ms)
    .bind(gap.first_seq.unwrap_or_default().cast_signed())
    .bind(gap.last_seq.unwrap_or_default().cast_signed())
    .bind(gap.to_ms)
    .bind(stored(gap.messages.unwrap_or_default()))
    .bind(gap.readings.map(stored))
    .bind(gap.at_most_ms.map(stored))
    .bind(gap.noted_at_ms)
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn gap_of(row: &AnyRow) -> Result<LedgerGap, StoreError> {
    let number = |column| Ok::<_, StoreError>(Some(row.number::<u64>(column)?).filter(|number| *number > 0));
    Ok(LedgerGap {
        node: row.id("node_id")?,
        why: row.word("why")?,
        from_ms: row.get_as("from_ms")?,
        to_ms: row.get_as("to_ms")?,
        first_seq: number("first_seq")?,
        last_seq: number("last_seq")?,
        messages: number("messages")?,
        readings: row.get_as::<Option<i64>>("readings")?.map(i64::cast_unsigned),
        at_most_ms: row.get_as::<Option<i64>>("at_most_ms")?.map(i64::cast_unsigned),
        noted_at_ms: row.get_as("noted_at_ms")?,
    })
}

fn numbers_of(figures: &LedgerFigures) -> [u64; 10] {
    [
        figures.produced_readings,
        figures.sent_messages,
        figures.received_messages,
        figures.received_readings,
        figures.committed_messages,
        figures.committed_readings,
        figures.duplicate_messages,
        figures.shed_messages,
        figures.shed_readings,
        figures.refused_readings,
    ]
}

fn figures_of(row: &AnyRow) -> Result<LedgerFigures, StoreError> {
    Ok(LedgerFigures {
        produced_readings: row.number("produced_readings")?,
        sent_messages: row.number("sent_messages")?,
        received_messages: row.number("received_messages")?,
        received_readings: row.number("received_readings")?,
        committed_messages: row.number("committed_messages")?,
        committed_readings: row.number("committed_readings")?,
        duplicate_messages: row.number("duplicate_messages")?,
        shed_messages: row.number("shed_messages")?,
        shed_readings: row.number("shed_readings")?,
        refused_readings: row.number("refused_readings")?,
        ..LedgerFigures::default()
    })
}
