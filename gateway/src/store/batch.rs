//! The hot path: a micro-batch of readings with everything that follows from it, in one transaction.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{
    alarm::{ServiceChange, Transition, What},
    case::Policy,
    id::{DeviceId, MetricName, NodeId, RuleId, SeriesId, UserName},
    notice::Notice,
    reading::Reading,
    time::UnixMs,
};
use sqlx::AnyConnection;

use super::{
    Store, audit, case,
    codec::journal,
    discovered,
    error::StoreError,
    escalation, ledger, notice,
    outbox::{self, OutboxProgress, Planned},
    over,
    row::write_rows,
    service, transition,
    writer::Priority,
};

const OPERATION: &str = "storing a batch";

/// Number of a micro-batch in the journal, rising from 1 in the order of commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct JournalId(pub i64);

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a series number stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesDefinition {
    /// Its number.
    pub id: SeriesId,
    /// Whose readings.
    pub device: DeviceId,
    /// Of what.
    pub metric: MetricName,
}

/// A birth certificate of a device, for the list of discovered devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredBirth {
    /// The id it uses on the wire.
    pub device: DeviceId,
    /// The edge node that speaks for it.
    pub node: NodeId,
    /// When the birth was received.
    pub at: UnixMs,
    /// The metrics it announced.
    pub metrics: Vec<MetricName>,
}

/// Everything that becomes true together, or not at all.
#[derive(Debug, Clone)]
pub struct BatchCommit {
    /// When the batch was closed, by the gateway's clock.
    pub received: UnixMs,
    /// Series that no earlier batch has defined. Readings may be of these and of earlier ones only.
    pub new_series: Vec<SeriesDefinition>,
    /// Readings in order of arrival.
    pub readings: Arc<[Reading]>,
    /// What happened to alarms, in order.
    pub transitions: Vec<Transition>,
    /// What went out of service or came back, in order.
    pub service: Vec<ServiceChange>,
    /// Who has to be told of all this.
    pub notices: Vec<Notice>,
    /// Devices that introduced themselves and are not registered.
    pub discovered: Vec<DiscoveredBirth>,
    /// Which numbered messages the readings came in, one entry an outbox.
    pub outboxes: Vec<OutboxProgress>,
}

impl Store {
    /// Commits a batch: when this returns `Ok`, it is on disk, and history shows its readings.
    ///
    /// One batch at a time: the caller waits for the outcome before it offers the next.
    ///
    /// # Errors
    /// [`StoreError::Failed`], [`StoreError::Exists`] (a second open alarm) and [`StoreError::UnknownSeries`]: nothing
    /// was changed. [`StoreError::UnknownOutcome`]: go on with [`Store::settle_batch`].
    pub async fn commit_batch(&self, batch: Arc<BatchCommit>) -> Result<JournalId, StoreError> {
        if let Some(journal) = *self.unsettled() {
            return Err(StoreError::Unsettled(journal));
        }
        self.write_batch(batch, None).await
    }

    /// Finds out whether a batch whose outcome was unknown was committed, and commits it if it was not.
    ///
    /// # Errors
    /// As [`Store::commit_batch`]. [`StoreError::UnknownOutcome`] again: the database could still not be asked; go on
    /// calling this.
    pub async fn settle_batch(&self, journal: JournalId, batch: Arc<BatchCommit>) -> Result<JournalId, StoreError> {
        self.write_batch(batch, Some(journal)).await
    }

    async fn write_batch(&self, batch: Arc<BatchCommit>, tried_as: Option<JournalId>) -> Result<JournalId, StoreError> {
        self.check_series(&batch)?;
        let frame = journal::encode(&batch.readings);
        let journal = tried_as.unwrap_or_else(|| self.next_journal());
        let planned = Arc::new(self.known_outboxes().plan(&batch.outboxes, batch.received));
        let policy = self.duty_policy();
        // Whether the database has said that no earlier attempt was committed.
        let is_surely_absent = Arc::new(AtomicBool::new(tried_as.is_none()));
        let (to_write, to_apply, store) = (Arc::clone(&batch), batch, self.clone());
        let (planned_write, planned) = (Arc::clone(&planned), planned);
        let was_asked = Arc::clone(&is_surely_absent);
        let outcome = self
            .writer()
            .write(
                Priority::Batch,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        if tried_as.is_some() && is_committed(connection, journal).await? {
                            return Ok(());
                        }
                        was_asked.store(true, Ordering::Relaxed);
                        insert_batch(connection, journal, &to_write, frame, &planned_write, &policy).await
                    })
                },
                // In the writing task, before any other job: the head is never behind the journal.
                move |()| store.apply_batch(journal, &to_apply, &planned),
            )
            .await;
        let unknown = |operation, source| Err(StoreError::UnknownOutcome { operation, journal: Some(journal), source });
        let outcome = match outcome {
            Ok(()) => Ok(journal),
            Err(StoreError::UnknownOutcome { operation, source, .. }) => unknown(operation, source),
            Err(StoreError::Failed { operation, source }) if !is_surely_absent.load(Ordering::Relaxed) => {
                unknown(operation, source)
            }
            Err(error) => Err(error),
        };
        *self.unsettled() = matches!(outcome, Err(StoreError::UnknownOutcome { .. })).then_some(journal);
        outcome
    }

    fn check_series(&self, batch: &BatchCommit) -> Result<(), StoreError> {
        let head = self.head();
        let defined: HashSet<SeriesId> = batch.new_series.iter().map(|definition| definition.id).collect();
        let is_known = |series: SeriesId| head.knows(series) || defined.contains(&series);
        match batch.readings.iter().find(|reading| !is_known(reading.series)) {
            None => Ok(()),
            Some(reading) => Err(StoreError::UnknownSeries(reading.series)),
        }
    }

    fn apply_batch(&self, journal: JournalId, batch: &BatchCommit, planned: &Planned) {
        self.known_outboxes().apply(journal, planned, batch.received);
        let mut head = self.head_mut();
        for definition in &batch.new_series {
            head.define(definition.id, JournalId(0), None);
        }
        head.apply(journal, batch.received, &batch.readings);
        drop(head);
        // What comes back may set what was let go on its way again.
        let has_come_back = batch.transitions.iter().any(|transition| transition.what == What::Reoccurred);
        if has_come_back || !batch.notices.is_empty() {
            self.notices_have_come();
        }
    }
}

async fn is_committed(connection: &mut AnyConnection, journal: JournalId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT id FROM journal WHERE id = $1")
        .bind(journal.0)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    Ok(row.is_some())
}

async fn insert_batch(
    connection: &mut AnyConnection,
    journal: JournalId,
    batch: &BatchCommit,
    frame: Vec<u8>,
    planned: &Planned,
    policy: &Policy,
) -> Result<(), StoreError> {
    let sql = |values: &str| format!("INSERT INTO series (id, device_id, metric) VALUES {values}");
    write_rows(connection, &batch.new_series, 3, sql, |insert, row| {
        insert.bind(i64::from(row.id.0)).bind(row.device.as_str()).bind(row.metric.as_str())
    })
    .await
    .map_err(StoreError::failed(OPERATION))?;
    sqlx::query("INSERT INTO journal (id, received_at_ms, reading_count, readings) VALUES ($1, $2, $3, $4)")
        .bind(journal.0)
        .bind(batch.received.0)
        .bind(i64::try_from(batch.readings.len()).unwrap_or(i64::MAX))
        .bind(frame)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    for round in transition::rounds(&batch.transitions) {
        transition::write(connection, &round).await?;
        escalation::follow_alarms(connection, &round).await?;
    }
    over::follow_alarms(connection, &batch.transitions, batch.received).await?;
    case::follow_alarms(connection, &batch.transitions, policy).await?;
    for transition in &batch.transitions {
        if let Some(by) = &transition.by {
            let (action, object) = (audit_action(transition.what), transition.alarm.to_string());
            audit::note(connection, by.as_str(), action, &object, transition.note.clone(), transition.at).await?;
        }
    }
    for change in &batch.service {
        service::store_change(connection, change).await?;
        if let Some((by, action, object, note, at)) = audited(change) {
            audit::note(connection, by.as_str(), action, &object, note.to_owned(), at).await?;
        }
    }
    for birth in &batch.discovered {
        discovered::store_birth(connection, birth).await?;
    }
    ledger::write_gaps(connection, &planned.gaps).await?;
    notice::write(connection, &batch.notices).await?;
    outbox::write_progress(connection, journal, planned).await
}

/// What the audit log calls a person's step in an alarm's life.
const fn audit_action(what: What) -> &'static str {
    match what {
        What::Acknowledged => "alarm.acknowledge",
        What::Reset => "alarm.reset",
        What::Shelved => "alarm.shelve",
        What::Unshelved => "alarm.unshelve",
        What::TakenOutOfService => "alarm.out_of_service",
        What::ReturnedToService => "alarm.in_service",
        What::Raised
        | What::Reoccurred
        | What::SeverityChanged
        | What::Returned
        | What::Suppressed
        | What::Unsuppressed
        | What::Closed => "alarm.change",
    }
}

/// Who did what to which device or rule, and what the person said; None: time did it.
fn audited(change: &ServiceChange) -> Option<(&UserName, &'static str, String, &str, UnixMs)> {
    let object = |device: &DeviceId, rule: &Option<RuleId>| match rule {
        Some(rule) => format!("{device}/{rule}"),
        None => device.to_string(),
    };
    match change {
        ServiceChange::Begun(entry) => {
            let object = object(&entry.device, &entry.rule);
            Some((&entry.by, "device.out_of_service", object, &entry.why, entry.since))
        }
        ServiceChange::Ended { device, rule, at, by, note } => {
            Some((by.as_ref()?, "device.in_service", object(device, rule), note, *at))
        }
    }
}
