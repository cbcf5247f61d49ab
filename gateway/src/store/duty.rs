//! The clock of what people have to do: one look tells everything that has become due, in the transaction that remembers
//! that it was told. Kill the gateway at any moment: what was told stays told, and what was not is told after the start.

use std::sync::Arc;

use domain::{
    case::Policy,
    id::{OfficeId, TownshipCode},
    time::UnixMs,
};

use super::{Store, case, delivery_clock, error::StoreError, escalation, writer::Priority};

const OPERATION: &str = "watching duty";
/// Alarms, and cases, of one transaction: some milliseconds of work, so that an operator's key press never waits.
const ROUND: usize = 200;

impl Store {
    /// Tells by which limits cases and escalation go. Until then the defaults hold.
    pub fn set_duty_policy(&self, policy: Policy) {
        self.inner.duty_policy.store(Arc::new(policy));
    }

    pub(super) fn duty_policy(&self) -> Arc<Policy> {
        self.inner.duty_policy.load_full()
    }

    /// Tells what has become due by `now`, some hundreds of alarms and cases at a time; true: there may be more.
    pub async fn watch_duty(&self, now: UnixMs) -> Result<bool, StoreError> {
        // Asked of the readers: the writer is not disturbed while nothing is due.
        let due = sqlx::query(
            "SELECT id FROM duty_case WHERE check_at_ms <= $1 \
             UNION ALL SELECT alarm_id FROM alarm_escalation WHERE due_at_ms <= $1 LIMIT 1",
        )
        .bind(now.0)
        .fetch_optional(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        if due.is_none() {
            return Ok(false);
        }
        let (policy, store, told) = (self.duty_policy(), self.clone(), self.clone());
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        let cases = case::check_due(connection, &store, &policy, now, ROUND).await?;
                        let alarms = escalation::climb_due(connection, &store, &policy, now, ROUND).await?;
                        Ok(cases.max(alarms))
                    })
                },
                move |count| {
                    if *count > 0 {
                        told.notices_have_come();
                    }
                },
            )
            .await
            .map(|count| count >= ROUND)
    }

    /// The office that answers for a township; None: none does.
    pub(super) fn office_of(&self, township: &TownshipCode) -> Option<OfficeId> {
        self.offices().iter().find(|(_, codes)| codes.contains(township)).map(|(office, _)| office.clone())
    }

    /// Moves all deadlines with a wall clock that somebody set forward (negative: back) by so many milliseconds. Messages
    /// wait by another clock, which is to be brought in line at the next start.
    pub async fn shift_duty_clock(&self, by_ms: i64) -> Result<(), StoreError> {
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        case::shift_clock(connection, by_ms).await?;
                        escalation::shift_clock(connection, by_ms).await?;
                        delivery_clock::note_set(connection, by_ms).await
                    })
                },
                |()| {},
            )
            .await
    }

    /// At the start of the gateway: the limits of its configuration hold for open cases, too.
    pub async fn begin_duty(&self) -> Result<(), StoreError> {
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                |connection| Box::pin(async move { case::check_all_again(connection).await }),
                |()| {},
            )
            .await
    }
}
