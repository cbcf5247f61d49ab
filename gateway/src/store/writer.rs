//! The one task that writes. Everyone else hands it jobs; it runs each in a transaction of its own, the most urgent
//! kind first, so that an operator's key press never waits behind sealing and two writers never fight for a lock.

use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{database::Database, error::StoreError};

/// What goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// A person waits for it: registry, accounts.
    Operator = 0,
    /// A micro-batch: everything on the screen waits for it.
    Batch = 1,
    /// Sessions and the audit log.
    Ordinary = 2,
    /// Moving readings from the journal into chunks. Each job stays short, so that the others get in between.
    Seal = 3,
}

/// Jobs that may wait, by priority. A full lane makes its callers wait, and only them.
const LANE_BOUNDS: [usize; 4] = [256, 4, 256, 1];

type Job = Box<dyn for<'w> FnOnce(&'w mut WriteConnection) -> BoxFuture<'w, ()> + Send>;

/// Hands jobs to the writing task.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    lanes: [mpsc::Sender<Job>; 4],
    /// So many transactions may still be committed: for tests of what a power cut leaves.
    #[cfg(test)]
    pub(super) fuse: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// While set, transactions are committed and nobody hears so: for tests of a server that is cut off meanwhile.
    #[cfg(test)]
    pub(super) is_unheard: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Writer {
    /// Starts the task; it ends when every clone of the handle is gone and all jobs are done. `gateway`: the connection
    /// of the gateway itself; None: of a program beside it.
    pub(super) fn start(database: Database, gateway: Option<AnyConnection>) -> (Self, JoinHandle<()>) {
        let [operator, batch, ordinary, seal] = LANE_BOUNDS.map(mpsc::channel::<Job>);
        let lanes = [operator.0, batch.0, ordinary.0, seal.0];
        let (mut operator, mut batch, mut ordinary, mut seal) = (operator.1, batch.1, ordinary.1, seal.1);
        #[cfg(test)]
        let fuse = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(u64::MAX));
        #[cfg(test)]
        let is_unheard = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
        let mut connection = WriteConnection {
            database,
            is_gateway: gateway.is_some(),
            open: gateway,
            #[cfg(test)]
            fuse: std::sync::Arc::clone(&fuse),
            #[cfg(test)]
            is_unheard: std::sync::Arc::clone(&is_unheard),
        };
        let task = tokio::spawn(async move {
            loop {
                let job = tokio::select! {
                    biased;
                    Some(job) = operator.recv() => job,
                    Some(job) = batch.recv() => job,
                    Some(job) = ordinary.recv() => job,
                    Some(job) = seal.recv() => job,
                    else => break,
                };
                job(&mut connection).await;
            }
            connection.close().await;
        });
        let writer = Self {
            lanes,
            #[cfg(test)]
            fuse,
            #[cfg(test)]
            is_unheard,
        };
        (writer, task)
    }

    /// Runs `work` in a transaction, then `committed` before any other job, and answers when both are done. The job is
    /// done even if the caller no longer waits.
    ///
    /// # Errors
    /// What `work` returned, with everything rolled back; [`StoreError::Failed`] and [`StoreError::UnknownOutcome`].
    pub(super) async fn write<T, W, C>(
        &self,
        priority: Priority,
        operation: &'static str,
        work: W,
        committed: C,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
        C: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let outcome = connection.transaction(operation, work).await;
                if let Ok(value) = &outcome {
                    committed(value);
                }
                // Nobody waits any more: the outcome stands all the same.
                let _ = reply.send(outcome);
            })
        });
        self.lanes[priority as usize].send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` some time, without waiting; dropped when too many jobs wait already. For what may be missed.
    pub(super) fn offer<W>(&self, priority: Priority, operation: &'static str, work: W)
    where
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<(), StoreError>> + Send + 'static,
    {
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                if let Err(error) = connection.transaction(operation, work).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, operation, "a minor write did not happen");
                }
            })
        });
        if self.lanes[priority as usize].try_send(job).is_err() {
            tracing::debug!(operation, "a minor write was left out");
        }
    }
}

/// The write connection, opened when first needed and again after it broke.
struct WriteConnection {
    database: Database,
    is_gateway: bool,
    open: Option<AnyConnection>,
    #[cfg(test)]
    fuse: std::sync::Arc<std::sync::atomic::AtomicU64>,
    #[cfg(test)]
    is_unheard: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl WriteConnection {
    async fn transaction<T>(
        &mut self,
        operation: &'static str,
        work: impl for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // Taken out while in use: a connection that failed half-way is dropped, not reused.
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None if self.is_gateway => self.database.connect_gateway().await.map_err(StoreError::failed(operation))?,
            None => self.database.connect_writer().await.map_err(StoreError::failed(operation))?,
        };
        let limit = self.database.write_timeout();
        let mut transaction =
            within(limit, connection.begin_with(self.database.begin())).await.map_err(StoreError::failed(operation))?;

        let worked = match limit {
            None => work(&mut transaction).await,
            Some(limit) => tokio::time::timeout(limit, work(&mut transaction))
                .await
                .unwrap_or_else(|_| Err(StoreError::failed(operation)(sqlx::Error::PoolTimedOut))),
        };
        #[cfg(test)]
        let worked = worked.and_then(|value| self.burn_fuse(operation).map(|()| value));
        let value = match worked {
            Ok(value) => value,
            Err(error) => {
                if within(limit, transaction.rollback()).await.is_ok() {
                    self.open = Some(connection);
                }
                return Err(error);
            }
        };
        let committed = within(limit, transaction.commit()).await;
        #[cfg(test)]
        let committed = committed.and_then(|()| {
            let is_unheard = self.is_unheard.load(std::sync::atomic::Ordering::Relaxed);
            if is_unheard { Err(sqlx::Error::PoolTimedOut) } else { Ok(()) }
        });
        match committed {
            Ok(()) => {
                self.open = Some(connection);
                Ok(value)
            }
            Err(source) if is_refusal(&source) => Err(StoreError::Failed { operation, source }),
            Err(source) => Err(StoreError::UnknownOutcome { operation, journal: None, source }),
        }
    }

    /// Fails when the power is off: everything since the transaction began is then rolled back, as after a crash at any of
    /// its statements.
    #[cfg(test)]
    fn burn_fuse(&self, operation: &'static str) -> Result<(), StoreError> {
        use std::sync::atomic::Ordering::Relaxed;
        let burnt = self.fuse.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        burnt.map(drop).map_err(|_| StoreError::failed(operation)(sqlx::Error::PoolClosed))
    }

    async fn close(self) {
        if let Some(connection) = self.open
            && let Err(error) = connection.close().await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the write connection did not close cleanly");
        }
    }
}

/// Whether the database said that it has not committed and will not: busy or full (SQLite 5 and 13), a constraint or a
/// conflict (PostgreSQL classes 23 and 40). Anything else at that point, such as a failing disk or a server that is going
/// down, leaves it open.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| match code.as_ref() {
        "5" | "13" => true,
        code => code.len() == 5 && (code.starts_with("23") || code.starts_with("40")),
    })
}

/// Waits no longer than `limit`, where there is one.
async fn within<T>(
    limit: Option<std::time::Duration>,
    waiting: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match limit {
        None => waiting.await,
        Some(limit) => tokio::time::timeout(limit, waiting).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)),
    }
}
