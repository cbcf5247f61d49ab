//! What can go wrong with the store, told apart by what the caller must do next.

use sqlx::migrate::MigrateError;

use super::batch::JournalId;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configuration names no database that can be used.
    #[error("`{url}` is not a database the gateway can use: {why}")]
    Location {
        /// The address as configured, without its password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database cannot be reached or opened; trying again later may help.
    #[error("cannot open the database")]
    Open(#[source] sqlx::Error),
    /// The schema cannot be brought to this version.
    #[error("cannot migrate the database")]
    Migrate(#[source] MigrateError),
    /// A write did not happen; nothing was changed.
    #[error("{operation} failed, nothing was changed")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The connection broke while the database was committing: the write has either happened or not.
    #[error("the outcome of {operation} is unknown")]
    UnknownOutcome {
        /// What was tried.
        operation: &'static str,
        /// For a batch: hand this to `settle_batch` before anything else.
        journal: Option<JournalId>,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A batch came while the outcome of an earlier one was still unknown.
    #[error("the outcome of batch {0} must be settled first")]
    Unsettled(JournalId),
    /// A reading of a series that nobody has defined: the caller's mistake.
    #[error("series {0} was never defined")]
    UnknownSeries(domain::id::SeriesId),
    /// A read failed; trying again may help.
    #[error("{operation} failed")]
    Read {
        /// What was asked for.
        operation: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A stored value is not what this program writes.
    #[error("the stored {what} is damaged: {why}")]
    Damaged {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The readings were moved to another place while somebody took very long to read them; asking again helps.
    #[error("the readings were moved meanwhile; ask again")]
    Moved,
    /// The caller's role does not allow it.
    #[error("this account may not do that")]
    NotPermitted,
    /// What the caller names does not exist, or is not in the caller's jurisdiction.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Another row already has this name or takes this place.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// It cannot be removed while others hang on it.
    #[error("{what} is in use by {count} {by}")]
    InUse {
        /// What was to be removed.
        what: &'static str,
        /// How many hang on it.
        count: i64,
        /// What they are.
        by: &'static str,
    },
    /// A reference leads nowhere.
    #[error("`{id}` is not a registered {what}")]
    Dangling {
        /// What it should be.
        what: &'static str,
        /// The id that does not exist.
        id: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether there is no room on the disk: SQLite 13, or 4874 when its shared memory cannot grow, or 778 when a write is
    /// refused, as a quota does; PostgreSQL 53100.
    pub fn is_full(&self) -> bool {
        let Self::Failed { source, .. } = self else { return false };
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.is_some_and(|code| matches!(code.as_ref(), "13" | "778" | "4874" | "53100"))
    }

    /// For `map_err` on reads: names what was asked for.
    pub(super) fn read(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Read { operation, source }
    }

    /// For `map_err` on statements of a write: the transaction is rolled back, so nothing was changed.
    pub(super) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Failed { operation, source }
    }

    /// For `map_err` on values that this program once wrote.
    pub(super) fn damaged<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |why| Self::Damaged { what, why: why.to_string() }
    }
}
