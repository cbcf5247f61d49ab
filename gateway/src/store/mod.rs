//! The gateway's memory, and all its SQL: readings, alarms, the registry, people, the audit log.
//!
//! One task writes (`writer`), a pool of connections reads and cannot write. A reading's way: `batch` commits
//! it to the journal together with the alarms it caused; the head keeps it in memory until sealing moves it into a
//! compressed chunk; `history` reads both and gives the same answer whichever side it is on. `upkeep` merges small chunks, and
//! leaves of what is too old a summary (`retention`, `rollup`).
//!
//! Everything that people ask for takes a [`Scope`], which only a valid session yields. What the gateway asks for itself
//! has names of its own: [`Store::load_start`], [`Store::load_registry`], and [`Actor::Shell`] for the command line.
//!
//! SQLite is the default; PostgreSQL holds the same tables and keeps the same promises.

mod address;
mod alarm;
mod amendment;
mod audit;
mod backup;
mod batch;
mod case;
mod check;
mod checkpoint;
mod chunks;
mod codec;
mod config;
mod contact;
mod database;
mod delivery;
mod delivery_clock;
mod discovered;
mod duty;
mod error;
mod escalation;
mod export;
mod forecast;
mod head;
mod history;
mod ledger;
mod merge;
mod notice;
mod outbox;
mod over;
mod quality;
mod registry;
mod reserve;
mod retention;
mod rollup;
mod roster;
mod row;
mod rule;
mod scope;
mod seal;
mod select;
mod service;
mod session;
mod similar;
mod start;
#[cfg(test)]
mod tests;
mod told;
mod transition;
mod upkeep;
mod usage;
mod user;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use domain::{
    case::Policy,
    id::{OfficeId, TownshipCode},
    registry::Office,
};
use protocol::sparkplug::outbox::StoreEpoch;
use sqlx::{AnyConnection, AnyPool};
use tokio::{sync::watch, task::JoinHandle};

pub use self::{
    address::{KnownTarget, NewDelivery},
    alarm::{AlarmFilter, AlarmRecord},
    amendment::{AmendmentKey, AmendmentRow},
    audit::{AuditEntry, AuditRecord},
    backup::{
        CopyError, CopyProgress, begin_restored, check_room, copy_name, database_file, note_backup, put_back, take_copy,
    },
    batch::{BatchCommit, DiscoveredBirth, JournalId, SeriesDefinition},
    case::{
        ALARMS_MAX, CaseDeed, CaseFilter, CaseRecord, CaseRequest, CaseSelection, CaseTrouble, PHOTO_BYTES_MAX,
        PHOTOS_MAX, Photo,
    },
    check::{CheckCounts, CheckProgress, CheckReport, Finding, check, check_file},
    checkpoint::{CheckpointShard, StoredBatch},
    config::StoreConfig,
    contact::Contact,
    delivery::{Attempt, AttemptOutcome, DeliveryId, TestTarget, WaitingDelivery},
    error::StoreError,
    export::{Readings, Selection, SeriesLabel},
    history::BUCKETS_MAX,
    ledger::{LedgerEntry, LedgerPage, gap_why},
    merge::MergeReport,
    notice::NoticeId,
    outbox::{OutboxId, OutboxProgress, OutboxState},
    registry::RegistryRows,
    retention::{Retention, RetentionReport},
    scope::{Actor, Scope},
    seal::SealReport,
    session::{Session, SessionId, SessionLimits, SessionToken},
    start::StartState,
    told::ChannelFigures,
    usage::{ProfileUsage, Usage},
    user::Credential,
};
use self::{
    checkpoint::Reach,
    database::{Database, Engine},
    head::{Head, SealPolicy},
    outbox::Known,
    reserve::Reserve,
    writer::Writer,
};
pub(crate) use self::{
    forecast::forecast,
    row::word_of,
    usage::{disk_bytes, free_bytes},
};

/// The townships of each office.
type Offices = BTreeMap<OfficeId, Arc<BTreeSet<TownshipCode>>>;

/// The store; clone it freely.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    readers: AnyPool,
    head: RwLock<Head>,
    config: StoreConfig,
    last_journal: AtomicI64,
    unsettled: Mutex<Option<JournalId>>,
    reach: Mutex<Reach>,
    damaged_journal_rows: AtomicU64,
    outboxes: Mutex<Known>,
    offices: ArcSwap<Offices>,
    duty_policy: ArcSwap<Policy>,
    session_changes: watch::Sender<u64>,
    notice_count: watch::Sender<u64>,
    engine: Engine,
    /// The file of the database; None: a server keeps it.
    file: Option<PathBuf>,
    /// Room that is kept back on its disk.
    reserve: Option<Reserve>,
    usage: tokio::sync::Mutex<Option<(tokio::time::Instant, Usage)>>,
}

/// The task that writes; wait for it after dropping every [`Store`] to be sure that all is on disk and closed.
#[derive(Debug)]
pub struct StoreTask(JoinHandle<()>);

impl StoreTask {
    /// Waits until the last job is done and the connection closed.
    ///
    /// # Errors
    /// When the writing task panicked.
    pub async fn finished(self) -> Result<(), tokio::task::JoinError> {
        self.0.await
    }
}

impl Store {
    /// Opens the database, brings its schema to this version and reads the journal back into memory. A relative SQLite
    /// path starts at `data_dir`.
    ///
    /// # Errors
    /// [`StoreError::Location`], [`StoreError::Open`], [`StoreError::Migrate`], or what reading the journal met.
    pub async fn open(config: &StoreConfig, data_dir: &Path) -> Result<(Self, StoreTask), StoreError> {
        let database = Database::from_config(config, data_dir)?;
        // First of all: from here on no other gateway changes what is read below.
        let mut connection = database.connect_gateway().await.map_err(StoreError::Open)?;
        database.migrate_by(&mut connection).await?;
        let (store, task) = Self::of(config, database, Some(connection)).await?;
        Self::replayed(store, task).await
    }

    /// A second gateway at the same database, as there must not be one: for tests of what the database itself forbids.
    #[cfg(test)]
    async fn open_beside(config: &StoreConfig, data_dir: &Path) -> Result<(Self, StoreTask), StoreError> {
        let (store, task) = Self::open_for_shell(config, data_dir).await?;
        Self::replayed(store, task).await
    }

    async fn replayed(store: Self, task: StoreTask) -> Result<(Self, StoreTask), StoreError> {
        let (last_journal, damaged_rows) = store.replay().await?;
        let (last_step, damaged_outboxes) = store.replay_outboxes().await?;
        let last_remembered = store.load_reach().await?;
        let last_journal = last_journal.max(last_step).max(last_remembered);
        store.inner.last_journal.store(last_journal.0, Ordering::Relaxed);
        store.inner.damaged_journal_rows.store(damaged_rows + damaged_outboxes, Ordering::Relaxed);
        if !store.take_reserve().await {
            tracing::warn!("there is no room on the disk for the reserve");
        }
        Ok((store, task))
    }

    /// Opens the database for the command line, beside a gateway that may be running: people, registry and audit log
    /// work; open readings are not loaded, so batches and sealing do not.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_for_shell(config: &StoreConfig, data_dir: &Path) -> Result<(Self, StoreTask), StoreError> {
        let database = Database::from_config(config, data_dir)?;
        database.migrate().await?;
        Self::of(config, database, None).await
    }

    async fn of(
        config: &StoreConfig,
        database: Database,
        gateway: Option<AnyConnection>,
    ) -> Result<(Self, StoreTask), StoreError> {
        let readers = database.connect_readers(config.reader_count).await?;
        let (engine, file) = (database.engine, database.file.clone());
        let reserve_bytes = u64::from(config.reserve_mib) * 1024 * 1024;
        let reserve = file.as_deref().map(|file| Reserve::of_disk(file, reserve_bytes));
        let (writer, task) = Writer::start(database, gateway);
        let inner = Inner {
            writer,
            readers,
            head: RwLock::default(),
            config: config.clone(),
            last_journal: AtomicI64::new(0),
            unsettled: Mutex::new(None),
            reach: Mutex::default(),
            damaged_journal_rows: AtomicU64::new(0),
            // Of no meaning before the replay.
            outboxes: Mutex::new(Known::new(StoreEpoch(0))),
            offices: ArcSwap::default(),
            duty_policy: ArcSwap::default(),
            session_changes: watch::Sender::new(0),
            notice_count: watch::Sender::new(0),
            engine,
            file,
            reserve,
            usage: tokio::sync::Mutex::default(),
        };
        Ok((Self { inner: Arc::new(inner) }, StoreTask(task)))
    }

    /// Gives up the room that is kept back on the disk, so that alarms can still be committed.
    pub fn release_reserve(&self) {
        if let Some(reserve) = &self.inner.reserve
            && let Err(error) = reserve.release()
        {
            tracing::error!(%error, "the reserve cannot be given up");
        }
    }

    /// Takes that room back. False: there is not enough. A server's disk is its own business.
    pub async fn take_reserve(&self) -> bool {
        let store = self.clone();
        let taken = tokio::task::spawn_blocking(move || store.inner.reserve.as_ref().map_or(Ok(true), Reserve::take));
        match taken.await {
            Ok(Ok(is_taken)) => is_taken,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the reserve cannot be taken");
                false
            }
            Err(_) => false,
        }
    }

    /// Tells which townships each office answers for. Until then office officers see nothing.
    pub fn set_offices<'a>(&self, offices: impl IntoIterator<Item = &'a Office>) {
        let offices = offices
            .into_iter()
            .map(|office| (office.id.clone(), Arc::new(office.townships.iter().cloned().collect())))
            .collect();
        self.inner.offices.store(Arc::new(offices));
    }

    /// Which office answers for which township.
    fn offices_by_township(&self) -> HashMap<TownshipCode, OfficeId> {
        let offices = self.inner.offices.load();
        offices.iter().flat_map(|(office, codes)| codes.iter().map(|code| (code.clone(), office.clone()))).collect()
    }

    /// What it was opened with.
    pub fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// After so many more transactions the power fails; None: it does not.
    #[cfg(test)]
    fn set_fuse(&self, transactions: Option<u64>) {
        self.inner.writer.fuse.store(transactions.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn readers(&self) -> &AnyPool {
        &self.inner.readers
    }

    fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.inner.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_mut(&self) -> RwLockWriteGuard<'_, Head> {
        self.inner.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn seal_policy(&self) -> SealPolicy {
        self.inner.config.seal_policy()
    }

    fn next_journal(&self) -> JournalId {
        JournalId(self.inner.last_journal.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The newest batch that was given a number.
    pub(crate) fn last_journal(&self) -> JournalId {
        JournalId(self.inner.last_journal.load(Ordering::Relaxed))
    }

    fn reach(&self) -> MutexGuard<'_, Reach> {
        self.inner.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// While it is set, nobody hears that a transaction was committed.
    #[cfg(test)]
    pub(crate) fn unheard(&self) -> Arc<std::sync::atomic::AtomicBool> {
        Arc::clone(&self.writer().is_unheard)
    }

    fn unsettled(&self) -> MutexGuard<'_, Option<JournalId>> {
        self.inner.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged_journal_rows(&self) -> u64 {
        self.inner.damaged_journal_rows.load(Ordering::Relaxed)
    }

    fn known_outboxes(&self) -> MutexGuard<'_, Known> {
        self.inner.outboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offices(&self) -> Guard<Arc<Offices>> {
        self.inner.offices.load()
    }

    fn notice_counter(&self) -> &watch::Sender<u64> {
        &self.inner.notice_count
    }

    fn session_change_counter(&self) -> &watch::Sender<u64> {
        &self.inner.session_changes
    }
}
