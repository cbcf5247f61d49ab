//! Cases: the present row, the alarms, the time line and the photos of each. What a person does is decided by
//! `domain::case` inside the transaction that stores it, on the row as it is then.
//!
//! - `row`: rows to cases and back; `read`: what people ask for, within a scope.
//! - `open`: a case from alarms, by a person; `follow`: with an alarm of severity I, in that alarm's own transaction.
//! - `step`: what people do with one; `photo`: pictures.
//! - `watch`: time limits that have passed; `tell`: who hears of it.

mod follow;
mod open;
mod photo;
mod read;
mod row;
mod step;
mod tell;
mod watch;

use domain::{
    case::{CaseRefusal, CaseWhat},
    id::{AlarmId, CaseId},
};
use sqlx::{AnyConnection, AssertSqlSafe};

pub(super) use self::{
    follow::follow_alarms,
    row::{number_of, rung_of, severity_of},
    watch::{check_all_again, check_due, shift_clock},
};
pub use self::{
    photo::{PHOTO_BYTES_MAX, PHOTOS_MAX, Photo},
    read::{CaseFilter, CaseRecord, CaseSelection},
    step::CaseDeed,
};
use super::{
    error::StoreError,
    row::{Columns, word_of},
};

/// The most alarms that a person opens a case from at once.
pub const ALARMS_MAX: usize = 100;

/// What is audited and told of a case's step, besides the step itself.
#[derive(Debug, Clone)]
pub struct CaseRequest {
    /// What the person wrote; empty: nothing.
    pub note: String,
    /// Made once per key press.
    pub key: String,
}

/// Why a person's request about a case changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseTrouble {
    /// There is no such case or alarm in the jurisdiction.
    #[error("there is no such case or alarm")]
    NotFound,
    /// It does not fit where the case stands.
    #[error(transparent)]
    Refused(#[from] CaseRefusal),
    /// The key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// No alarm was named.
    #[error("a case needs 1 to 100 alarms")]
    AlarmCount,
    /// The alarm is over.
    #[error("alarm {0} is closed")]
    AlarmClosed(AlarmId),
    /// The alarm is being worked on already.
    #[error("alarm {alarm} is in case {case} already")]
    AlarmTaken {
        /// Which alarm.
        alarm: AlarmId,
        /// In which open case.
        case: CaseId,
    },
    /// The alarms lie at several sites.
    #[error("the alarms of a case lie at one site")]
    SeveralSites,
    /// Whom it is to be assigned to does not answer for the place, or does not exist.
    #[error("`{0}` does not answer for that place, or does not exist")]
    ForeignAssignee(String),
    /// There are as many photos as a case can have.
    #[error("a case has at most {PHOTOS_MAX} photos")]
    TooManyPhotos,
}

/// What a person's key has done: to which case, and what; None: nothing yet. The same key for another case is another one.
async fn use_of_key(
    connection: &mut AnyConnection,
    by: &str,
    key: &str,
    of: KeyOf,
) -> Result<Option<(CaseId, CaseWhat)>, StoreError> {
    let case = match of {
        KeyOf::Opening => "what = $3",
        KeyOf::Case(_) => "case_id = $3",
    };
    let query = sqlx::query(AssertSqlSafe(format!(
        "SELECT case_id, what FROM case_event WHERE by_username = $1 AND idempotency_key = $2 AND {case}"
    )))
    .bind(by.to_owned())
    .bind(key.to_owned());
    let query = match of {
        KeyOf::Opening => query.bind(word_of(&CaseWhat::Opened)),
        KeyOf::Case(id) => query.bind(id.0),
    };
    let row = query.fetch_optional(connection).await.map_err(StoreError::failed("looking up a key"))?;
    row.map(|row| Ok((CaseId(row.get_as("case_id")?), row.word("what")?))).transpose()
}

/// What a key was made for.
#[derive(Clone, Copy)]
enum KeyOf {
    /// Opening a case, which has no number yet.
    Opening,
    /// Doing something with this case.
    Case(CaseId),
}
