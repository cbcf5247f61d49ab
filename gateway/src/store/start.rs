//! What a starting gateway finds: series, registry, open alarms, latest readings. And the replay of the journal.

use std::collections::HashMap;

use domain::{
    alarm::{Call, OpenAlarm, OutOfService},
    id::{AlarmId, SeriesId},
    reading::Reading,
    time::UnixMs,
};

use super::{
    Store, alarm,
    batch::{JournalId, SeriesDefinition},
    codec::{Sample, journal},
    error::StoreError,
    outbox::OutboxState,
    registry::RegistryRows,
    row::Columns,
    service,
};

/// Journal rows fetched at once during replay: some seven megabytes of full batches, ten times that of the largest.
const REPLAY_PAGE: i64 = 32;

/// What the gateway goes on with.
#[derive(Debug, Clone)]
pub struct StartState {
    /// All series ever defined, by number.
    pub series: Vec<SeriesDefinition>,
    /// Alarms that are not closed, by number.
    pub open_alarms: Vec<OpenAlarm>,
    /// When conditions came lately, in their order: what chattered goes on chattering.
    pub calls: Vec<Call>,
    /// The number of the next alarm.
    pub next_alarm: AlarmId,
    /// Devices and rules that are out of service.
    pub out_of_service: Vec<OutOfService>,
    /// Owners, sites and devices.
    pub registry: RegistryRows,
    /// The newest reading of every series that has one, by event time.
    pub latest: Vec<Reading>,
    /// Which numbered messages of edge nodes are committed.
    pub outboxes: Vec<OutboxState>,
    /// Journal rows and outboxes that could not be read and were passed over, each named in the log.
    pub damaged_journal_rows: u64,
}

impl Store {
    /// Everything the gateway needs to go on where it stopped. For the pipeline, not for people: it is not scoped.
    pub async fn load_start(&self) -> Result<StartState, StoreError> {
        let (open_alarms, next_alarm) = alarm::load_open(self).await?;
        Ok(StartState {
            series: self.load_series().await?,
            open_alarms,
            calls: alarm::load_calls(self).await?,
            next_alarm,
            out_of_service: service::load_out_of_service(self).await?,
            registry: self.load_registry().await?,
            latest: self.head().latest().collect(),
            outboxes: self.outboxes(),
            damaged_journal_rows: self.damaged_journal_rows(),
        })
    }

    async fn load_series(&self) -> Result<Vec<SeriesDefinition>, StoreError> {
        let rows = sqlx::query("SELECT id, device_id, metric FROM series ORDER BY id")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading the series"))?;
        rows.iter()
            .map(|row| {
                Ok(SeriesDefinition {
                    id: SeriesId(row.number("id")?),
                    device: row.id("device_id")?,
                    metric: row.id("metric")?,
                })
            })
            .collect()
    }

    /// Rebuilds the head. Answers the last journal number ever used, and how many rows could not be read.
    pub(super) async fn replay(&self) -> Result<(JournalId, u64), StoreError> {
        const OPERATION: &str = "replaying the journal";
        let seals = sqlx::query("SELECT series_id, through_journal, latest FROM series_seal")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        let mut sealed = HashMap::with_capacity(seals.len());
        for row in &seals {
            let latest = row.reading_or_none("latest")?.as_ref().map(Sample::from);
            sealed.insert(row.get_as::<i64>("series_id")?, (JournalId(row.get_as("through_journal")?), latest));
        }
        let mut last = sealed.values().map(|(through, _)| *through).max().unwrap_or_default();
        let series = sqlx::query("SELECT id FROM series")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        for row in &series {
            let (through, latest) = sealed.remove(&row.get_as::<i64>("id")?).unwrap_or_default();
            self.head_mut().define(SeriesId(row.number("id")?), through, latest);
        }

        let (mut position, mut damaged_count, mut row_count) = (JournalId(i64::MIN), 0, 0_u64);
        loop {
            let rows =
                sqlx::query("SELECT id, received_at_ms, readings FROM journal WHERE id > $1 ORDER BY id LIMIT $2")
                    .bind(position.0)
                    .bind(REPLAY_PAGE)
                    .fetch_all(self.readers())
                    .await
                    .map_err(StoreError::read(OPERATION))?;
            let Some(last_row) = rows.last() else { break };
            position = JournalId(last_row.get_as("id")?);
            for row in &rows {
                let (id, received) = (JournalId(row.get_as("id")?), UnixMs(row.get_as("received_at_ms")?));
                row_count += 1;
                match journal::decode(&row.get_as::<Vec<u8>>("readings")?) {
                    Ok(readings) => {
                        let unknown_count = self.head_mut().apply(id, received, &readings);
                        if unknown_count > 0 {
                            tracing::error!(journal.id = id.0, unknown_count, "readings of unknown series passed over");
                        }
                    }
                    // One bad row must not keep a whole district dark: it is passed over, loudly.
                    Err(error) => {
                        damaged_count += 1;
                        tracing::error!(journal.id = id.0, %error, "a journal row cannot be read and is passed over");
                    }
                }
            }
            last = last.max(position);
        }
        tracing::info!(
            series_count = series.len(),
            journal_row_count = row_count,
            open_reading_count = self.head().open_reading_count(),
            "the journal is replayed"
        );
        Ok((last, damaged_count))
    }
}
