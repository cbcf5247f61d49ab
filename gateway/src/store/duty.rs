//! The clock of what people have to do: one look tells everything that has become due, in the transaction that remembers
//! that it was told. Kill the gateway at any moment: what was told stays told, and what was not is told after the start.

use std::sync::Arc;

use domain::{case::Policy, time::UnixMs};

use super::{Store, case, error::StoreError, escalation, writer::Priority};

const OPERATION: &str = "watching duty";
/// Alarms, and cases, of one transaction: some milliseconds of work, so that an operator's key press never waits.
const ROUND: i64 = 200;

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
        let policy = self.duty_policy();
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        let cases = case::check_due(connection, &policy, now, ROUND).await?;
                        let alarms = escalation::climb_due(connection, &policy, now, ROUND).await?;
                        Ok(i64::try_from(cases.max(alarms)).unwrap_or(i64::MAX) >= ROUND)
                    })
                },
                |_| {},
            )
            .await
    }

    /// Moves all deadlines with a wall clock that somebody set forward (negative: back) by so many milliseconds.
    pub async fn shift_duty_clock(&self, by_ms: i64) -> Result<(), StoreError> {
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        case::shift_clock(connection, by_ms).await?;
                        escalation::shift_clock(connection, by_ms).await
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
