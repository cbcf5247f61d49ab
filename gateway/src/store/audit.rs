//! What people did: rows are only ever added (the database refuses anything else), and each carries a hash over itself
//! and the row before it, so that a row that was changed or taken out behind the gateway's back is found.

use domain::{access::Role, time::UnixMs};
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, AnyPool, any::AnyRow};

use super::{Store, error::StoreError, row::Columns, scope::Scope, writer::Priority};

const OPERATION: &str = "writing the audit log";
/// The longest page.
const PAGE_MAX: u32 = 500;
/// Rows read at once while the chain is checked.
const CHECK_PAGE: i64 = 1000;

/// Something a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, by the gateway's clock.
    pub at: UnixMs,
    /// Who: a user name, or the server's shell; for a refused sign-in the name that was tried.
    pub actor: String,
    /// What, such as `session.open` or `camera.view`.
    pub action: &'static str,
    /// To what, such as a device id; empty: nothing in particular.
    pub object: String,
    /// Anything else worth knowing, such as the remote address; never a secret.
    pub detail: String,
}

/// A stored entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1 upwards without holes.
    pub id: i64,
    /// When, by the gateway's clock.
    pub at: UnixMs,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// Anything else.
    pub detail: String,
}

impl Store {
    /// Adds an entry.
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| Box::pin(async move { append(connection, &entry).await }),
                |()| {},
            )
            .await
    }

    /// A page of the log, newest first, older than entry `before` where given. For administrators.
    pub async fn audit_log(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        if scope.role() != Role::Admin {
            return Err(StoreError::NotPermitted);
        }
        let rows = sqlx::query("SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit.clamp(1, PAGE_MAX)))
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading the audit log"))?;
        rows.iter().map(record_of).collect()
    }

    /// Follows the chain from the first entry; answers the first entry that does not fit, None when all do.
    pub async fn check_audit_log(&self) -> Result<Option<i64>, StoreError> {
        Ok(follow(self.readers()).await?.first_misfit)
    }
}

/// What following the chain showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Followed {
    /// Entries that fit, from the first one on.
    pub(super) entry_count: u64,
    /// The first entry that does not fit.
    pub(super) first_misfit: Option<i64>,
}

/// Follows the chain from the first entry to the first that does not fit.
pub(super) async fn follow(readers: &AnyPool) -> Result<Followed, StoreError> {
    let (mut last_id, mut last_hash, mut entry_count) = (0_i64, Vec::new(), 0);
    loop {
        let rows = sqlx::query("SELECT * FROM audit WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(last_id)
            .bind(CHECK_PAGE)
            .fetch_all(readers)
            .await
            .map_err(StoreError::read("checking the audit log"))?;
        if rows.is_empty() {
            return Ok(Followed { entry_count, first_misfit: None });
        }
        for row in &rows {
            let record = record_of(row)?;
            let stored: Vec<u8> = row.get_as("hash")?;
            if record.id != last_id + 1 || stored != chained(&last_hash, &record) {
                return Ok(Followed { entry_count, first_misfit: Some(record.id) });
            }
            entry_count += 1;
            (last_id, last_hash) = (record.id, stored);
        }
    }
}

/// Adds an entry within a transaction that does what it tells of.
pub(super) async fn note(
    connection: &mut AnyConnection,
    actor: &str,
    action: &'static str,
    object: &str,
    detail: String,
    at: UnixMs,
) -> Result<(), StoreError> {
    append(connection, &AuditEntry { at, actor: actor.into(), action, object: object.into(), detail }).await
}

async fn append(connection: &mut AnyConnection, entry: &AuditEntry) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    let (last_id, last_hash) = match last {
        Some(row) => (row.get_as::<i64>("id")?, row.get_as::<Vec<u8>>("hash")?),
        None => (0, Vec::new()),
    };
    let record = AuditRecord {
        id: last_id + 1,
        at: entry.at,
        actor: entry.actor.clone(),
        action: entry.action.into(),
        object: entry.object.clone(),
        detail: entry.detail.clone(),
    };
    let hash = chained(&last_hash, &record);
    sqlx::query(
        "INSERT INTO audit (id, at_ms, actor, action, object, detail, previous_hash, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(record.id)
    .bind(record.at.0)
    .bind(record.actor)
    .bind(record.action)
    .bind(record.object)
    .bind(record.detail)
    .bind(last_hash)
    .bind(hash)
    .execute(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    Ok(())
}

/// SHA-256 over the hash before and every field, each with its length before it, so that no two entries read alike.
fn chained(previous_hash: &[u8], record: &AuditRecord) -> Vec<u8> {
    let mut hash = Sha256::new();
    let (id, at) = (record.id.to_le_bytes(), record.at.0.to_le_bytes());
    let fields: [&[u8]; 7] = [
        previous_hash,
        &id,
        &at,
        record.actor.as_bytes(),
        record.action.as_bytes(),
        record.object.as_bytes(),
        record.detail.as_bytes(),
    ];
    for field in fields {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    hash.finalize().to_vec()
}

fn record_of(row: &AnyRow) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        id: row.get_as("id")?,
        at: row.time("at_ms")?,
        actor: row.get_as("actor")?,
        action: row.get_as("action")?,
        object: row.get_as("object")?,
        detail: row.get_as("detail")?,
    })
}
