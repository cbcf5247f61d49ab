//! Notices on their way: to whom by which channel, what was tried, what became of it. Written by who sends them; `told` is
//! what people see of it.

use domain::{access::Permission, id::UserId, notice::Notice, profile::Daily, time::UnixMs};
use protocol::rest;
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    Store,
    address::{self, NewDelivery},
    audit, contact, delivery_clock,
    error::StoreError,
    notice::{self, notice_of},
    over::{IS_OVER, IS_WAITING, WAITING_FROM},
    row::{Columns, for_ids, lists},
    scope::{Actor, Scope},
    writer::Priority,
};

const OPERATION: &str = "noting what became of a message";

/// Number of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// A delivery that waits to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingDelivery {
    /// Its number.
    pub id: DeliveryId,
    /// What is to be said.
    pub notice: Notice,
    /// Where to.
    pub address: String,
    /// The message it went with when it was tried before; None: it was not.
    pub message: Option<i64>,
    /// An earlier attempt may have arrived.
    pub is_maybe_repeated: bool,
    /// Since when it waits, by the clock that nobody sets ([`Clock::steady`](crate::clock::Clock::steady)).
    pub waits_since: UnixMs,
    /// When whoever it goes to is not to be called for III and IV; None: at no time, or the person is on duty.
    pub quiet: Option<Daily>,
    /// Its alarm, of III or IV, is over and was never told: nobody need be called for it.
    pub is_over: bool,
}

/// Deliveries that go as one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The message's number: the smallest of its deliveries when it was first tried.
    pub message: i64,
    /// Which.
    pub deliveries: Vec<DeliveryId>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The service has it.
    Sent {
        /// What the service calls it.
        receipt: Option<String>,
    },
    /// It is tried again.
    Again {
        /// Not before, by the clock that nobody sets.
        due: UnixMs,
        /// What went wrong.
        error: String,
        /// It may have arrived.
        is_maybe_repeated: bool,
    },
    /// It will never be taken.
    Failed {
        /// In the service's words.
        error: String,
    },
    /// Its time is up.
    GivenUp {
        /// What went wrong last.
        error: String,
    },
}

/// Where a test message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestTarget {
    /// Where to.
    pub address: String,
    /// Whose address it is; None: the channel's own.
    pub account: Option<UserId>,
}

impl Store {
    /// What waits for a channel and is due, the gravest first; and when more is due, if nothing else happens. `steady` and
    /// the answer are by the clock that nobody sets; by the wall clock, `now`, people are on duty.
    pub async fn waiting_deliveries(
        &self,
        channel: &str,
        steady: UnixMs,
        now: UnixMs,
        limit: u32,
    ) -> Result<(Vec<WaitingDelivery>, Option<UnixMs>), StoreError> {
        const OPERATION: &str = "reading what waits to be sent";
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT notice.*, delivery.id AS delivery_id, delivery.address, delivery.message_id, \
             delivery.is_maybe_repeated, delivery.waits_since_ms, \
             CAST(CASE WHEN {IS_OVER} THEN 1 ELSE 0 END AS BIGINT) AS is_over, sleeper.quiet_from_min, \
             sleeper.quiet_to_min {WAITING_FROM} LEFT JOIN account AS sleeper ON sleeper.id = delivery.account_id \
             AND NOT EXISTS (SELECT 1 FROM roster_shift WHERE lower(roster_shift.username) = lower(sleeper.username) \
             AND roster_shift.from_ms <= $3 AND roster_shift.to_ms > $3) WHERE {IS_WAITING} AND delivery.channel = $1 \
             AND delivery.due_at_ms <= $2 ORDER BY delivery.severity, delivery.id LIMIT $4"
        )))
        .bind(channel)
        .bind(steady.0)
        .bind(now.0)
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let next = sqlx::query(
            "SELECT MIN(due_at_ms) AS due_at_ms FROM delivery \
             WHERE state = 'waiting' AND is_under_way = 0 AND channel = $1 AND due_at_ms > $2",
        )
        .bind(channel)
        .bind(steady.0)
        .fetch_one(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        Ok((rows.iter().map(waiting_of).collect::<Result<_, _>>()?, next.time_or_none("due_at_ms")?))
    }

    /// Notes that messages are about to be tried: should the process end before the outcome is noted, they may have
    /// arrived.
    pub async fn begin_attempts(&self, attempts: Vec<Attempt>, at: UnixMs) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                for attempt in &attempts {
                    let ids: Vec<i64> = attempt.deliveries.iter().map(|delivery| delivery.0).collect();
                    let sql = "UPDATE delivery SET is_under_way = 1, attempts = attempts + 1, tried_at_ms = $1, \
                               message_id = $2 WHERE state = 'waiting' AND id IN";
                    for_ids(connection, sql, &[at.0, attempt.message], &ids)
                        .await
                        .map_err(StoreError::failed(OPERATION))?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Notes what became of a message. Whom it will never reach does not count as told: its notices are addressed again; those
    /// of what was given up only if somebody is still waited for.
    pub async fn end_attempt(
        &self,
        deliveries: Vec<DeliveryId>,
        outcome: AttemptOutcome,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let is_lost = matches!(outcome, AttemptOutcome::Failed { .. } | AttemptOutcome::GivenUp { .. });
        self.write_delivery(move |connection| {
            Box::pin(async move {
                write_outcome(connection, &deliveries, &outcome, at).await?;
                if is_lost {
                    address::address_again(connection, &deliveries).await?;
                }
                Ok(())
            })
        })
        .await?;
        if is_lost {
            self.notices_have_come();
        }
        Ok(())
    }

    /// To be called once at the start, when the clock that nobody sets shows what the wall clock shows: what was under way
    /// when the process ended may have arrived; what waits for a channel that is no longer there is given up.
    pub async fn settle_attempts(&self, channels: Vec<String>, at: UnixMs) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                delivery_clock::begin_anew(connection).await?;
                let sql = "UPDATE delivery SET is_under_way = 0, is_maybe_repeated = 1, due_at_ms = $1 \
                           WHERE is_under_way = 1";
                sqlx::query(sql).bind(at.0).execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
                let waiting = sqlx::query("SELECT DISTINCT channel FROM delivery WHERE state = 'waiting'")
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(StoreError::failed(OPERATION))?;
                for row in &waiting {
                    let channel: String = row.get_as("channel")?;
                    if channels.contains(&channel) {
                        continue;
                    }
                    let sql = "UPDATE delivery SET state = 'given_up', last_error = 'the channel is not configured' \
                               WHERE state = 'waiting' AND channel = $1 RETURNING id";
                    let given_up = sqlx::query(sql).bind(channel).fetch_all(&mut *connection).await;
                    let given_up = given_up.map_err(StoreError::failed(OPERATION))?;
                    let ids: Vec<DeliveryId> =
                        given_up.iter().map(|row| row.get_as("id").map(DeliveryId)).collect::<Result<_, _>>()?;
                    address::address_again(connection, &ids).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Writes a test notice with its deliveries; audited.
    pub async fn write_test(
        &self,
        scope: &Scope,
        channel: &str,
        notice: Notice,
        targets: Vec<TestTarget>,
        steady: UnixMs,
    ) -> Result<(), StoreError> {
        Actor::Person(scope).require(Permission::ManageChannels)?;
        let (actor, channel, store) = (scope.username().to_string(), channel.to_owned(), self.clone());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        let at = notice.at;
                        let id = notice::write_addressed(connection, &notice).await?;
                        let deliveries: Vec<NewDelivery> = targets
                            .into_iter()
                            .map(|target| NewDelivery {
                                notice: id,
                                channel: channel.clone(),
                                address: target.address,
                                account: target.account,
                                severity: notice.severity,
                            })
                            .collect();
                        address::insert(connection, &deliveries, at, steady).await?;
                        audit::note(connection, &actor, "channel.test", &channel, String::new(), at).await
                    })
                },
                move |()| store.notices_have_come(),
            )
            .await
    }

    /// Has everything that waits wait for so much longer already.
    #[cfg(test)]
    pub(crate) async fn age_deliveries(&self, by_ms: i64) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                let sql = "UPDATE delivery SET waits_since_ms = waits_since_ms - $1 WHERE state = 'waiting'";
                sqlx::query(sql).bind(by_ms).execute(connection).await.map(drop).map_err(StoreError::failed(OPERATION))
            })
        })
        .await
    }

    pub(super) async fn write_delivery<W>(&self, work: W) -> Result<(), StoreError>
    where
        W: for<'c> FnOnce(&'c mut AnyConnection) -> futures_util::future::BoxFuture<'c, Result<(), StoreError>>
            + Send
            + 'static,
    {
        self.writer().write(Priority::Ordinary, OPERATION, work, |()| {}).await
    }
}

/// After a restore: what waited when the backup was made may have been sent since.
pub(super) async fn mark_all_as_maybe_repeated(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE delivery SET is_maybe_repeated = 1 WHERE state = 'waiting'")
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}

async fn write_outcome(
    connection: &mut AnyConnection,
    deliveries: &[DeliveryId],
    outcome: &AttemptOutcome,
    at: UnixMs,
) -> Result<(), StoreError> {
    let (set, value_count) = match outcome {
        AttemptOutcome::Sent { .. } => ("state = 'sent', sent_at_ms = $1, last_error = NULL, receipt = $2", 2),
        AttemptOutcome::Again { .. } => (
            "due_at_ms = $1, last_error = $2, \
             is_maybe_repeated = CASE WHEN $3 = 1 THEN 1 ELSE is_maybe_repeated END",
            3,
        ),
        AttemptOutcome::Failed { .. } => ("state = 'failed', last_error = $1", 1),
        AttemptOutcome::GivenUp { .. } => ("state = 'given_up', last_error = COALESCE(last_error, $1)", 1),
    };
    for (ids, list) in lists(deliveries, value_count) {
        let update =
            sqlx::query(AssertSqlSafe(format!("UPDATE delivery SET is_under_way = 0, {set} WHERE id IN {list}")));
        let update = match outcome {
            AttemptOutcome::Sent { receipt } => update.bind(at.0).bind(receipt.clone()),
            AttemptOutcome::Again { due, error, is_maybe_repeated } => {
                update.bind(due.0).bind(error.as_str()).bind(i64::from(*is_maybe_repeated))
            }
            AttemptOutcome::Failed { error } | AttemptOutcome::GivenUp { error } => update.bind(error.as_str()),
        };
        let update = ids.iter().fold(update, |update, id| update.bind(id.0));
        update.execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}

fn quiet_daily(quiet: rest::QuietHours) -> Daily {
    let hours = |minutes: u16| f64::from(minutes) / 60.0;
    Daily::new(hours(quiet.from_min), hours(quiet.to_min))
}

fn waiting_of(row: &AnyRow) -> Result<WaitingDelivery, StoreError> {
    Ok(WaitingDelivery {
        id: DeliveryId(row.get_as("delivery_id")?),
        notice: notice_of(row)?,
        address: row.get_as("address")?,
        message: row.get_as("message_id")?,
        is_maybe_repeated: row.flag("is_maybe_repeated")?,
        waits_since: row.time("waits_since_ms")?,
        quiet: contact::quiet_of(row)?.map(quiet_daily),
        is_over: row.flag("is_over")?,
    })
}
