//! Notices on their way: to whom by which channel, what was tried, what became of it.

use domain::{
    access::{Permission, Role},
    alarm::Severity,
    id::{AlarmId, UserId},
    notice::Notice,
    time::UnixMs,
};
use protocol::rest;
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    Store, audit,
    error::StoreError,
    notice::{self, NoticeId, notice_of},
    row::{Columns, placeholders},
    scope::{Actor, Scope},
    select::{Bound, Select},
    writer::Priority,
};
const OPERATION: &str = "noting what became of a message";
/// Rows of one statement, far below the parameters that both engines take.
const ROWS_PER_STATEMENT: usize = 1000;

/// The newest notices of an alarm that are shown. One that flutters for days may have more.
const NOTICES_MAX: i64 = 200;
/// And their deliveries.
const DELIVERIES_MAX: i64 = 2000;

/// Number of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// One notice to one target of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Which notice.
    pub notice: NoticeId,
    /// By which channel.
    pub channel: String,
    /// Where to; empty: the channel has one place.
    pub address: String,
    /// Whose address it is; None: nobody's in particular.
    pub account: Option<UserId>,
    /// The notice's, by which what waits is put in order.
    pub severity: Severity,
}

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
    /// Since when it waits.
    pub created_at: UnixMs,
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
        /// Not before.
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

/// Who can be reached where.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Who.
    pub account: UserId,
    /// What the person is here to do.
    pub user: rest::User,
    /// Telephone number; empty: none.
    pub phone: String,
    /// Mail address; empty: none.
    pub email: String,
}

/// How much waits for a channel, and what became of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFigures {
    /// Which.
    pub channel: String,
    /// Deliveries that wait or are under way.
    pub waiting: u64,
    /// Deliveries that were given up or refused.
    pub given_up: u64,
    /// When the last one got through; None: none did.
    pub last_sent_at: Option<UnixMs>,
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
    /// Writes the deliveries of notices, which need no looking at afterwards.
    pub async fn address_notices(
        &self,
        notices: Vec<NoticeId>,
        deliveries: Vec<NewDelivery>,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                insert(connection, &deliveries, at).await?;
                let ids: Vec<i64> = notices.iter().map(|notice| notice.0).collect();
                update_rows(connection, "UPDATE notice SET addressed_at_ms = $1 WHERE id IN", &[at.0], &ids).await
            })
        })
        .await
    }

    /// What waits for a channel and is due, the gravest first; and when more is due, if nothing else happens.
    pub async fn waiting_deliveries(
        &self,
        channel: &str,
        now: UnixMs,
        limit: u32,
    ) -> Result<(Vec<WaitingDelivery>, Option<UnixMs>), StoreError> {
        const OPERATION: &str = "reading what waits to be sent";
        let rows = sqlx::query(
            "SELECT notice.*, delivery.id AS delivery_id, delivery.address, delivery.message_id, \
             delivery.is_maybe_repeated, delivery.created_at_ms \
             FROM delivery JOIN notice ON notice.id = delivery.notice_id \
             WHERE delivery.state = 'waiting' AND delivery.is_under_way = 0 AND delivery.channel = $1 \
             AND delivery.due_at_ms <= $2 ORDER BY delivery.severity, delivery.id LIMIT $3",
        )
        .bind(channel)
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
        .bind(now.0)
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
                    update_rows(connection, sql, &[at.0, attempt.message], &ids).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Notes what became of a message.
    pub async fn end_attempt(
        &self,
        deliveries: Vec<DeliveryId>,
        outcome: AttemptOutcome,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                for delivery in deliveries {
                    write_outcome(connection, delivery, &outcome, at).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// To be called once at the start: what was under way when the process ended may have arrived; what waits for a
    /// channel that is no longer there is given up.
    pub async fn settle_attempts(&self, channels: Vec<String>, at: UnixMs) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
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
                               WHERE state = 'waiting' AND channel = $1";
                    let update = sqlx::query(sql).bind(channel).execute(&mut *connection).await;
                    update.map_err(StoreError::failed(OPERATION))?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Everybody whose account is open and who can be reached. For the gateway, not for people.
    pub async fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM account WHERE is_disabled = 0 AND (phone <> '' OR email <> '') ORDER BY id")
                .fetch_all(self.readers())
                .await
                .map_err(StoreError::read("reading where people can be reached"))?;
        rows.iter().map(contact_of).collect()
    }

    /// Where somebody is reached: the caller, or anybody for who manages accounts.
    pub async fn contact(&self, scope: &Scope, of: Option<UserId>) -> Result<Contact, StoreError> {
        let id = whose(scope, of)?;
        let row = sqlx::query("SELECT * FROM account WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read("reading where people can be reached"))?;
        contact_of(&row.ok_or(StoreError::NotFound("account"))?)
    }

    /// Changes where somebody is reached; audited.
    pub async fn put_contact(
        &self,
        scope: &Scope,
        of: Option<UserId>,
        phone: String,
        email: String,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let (id, actor) = (whose(scope, of)?, scope.username().to_string());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        let name = super::user::username_of(connection, id).await?;
                        sqlx::query("UPDATE account SET phone = $2, email = $3 WHERE id = $1")
                            .bind(id.0)
                            .bind(phone)
                            .bind(email)
                            .execute(&mut *connection)
                            .await
                            .map_err(StoreError::failed(OPERATION))?;
                        // Where somebody is reached is nobody else's business, so the log does not repeat it.
                        audit::note(connection, &actor, "user.contact", name.as_str(), String::new(), at).await
                    })
                },
                |()| {},
            )
            .await
    }

    /// How each channel does. For administrators.
    pub async fn channel_figures(&self, actor: Actor<'_>) -> Result<Vec<ChannelFigures>, StoreError> {
        actor.require(Permission::ManageChannels)?;
        let rows = sqlx::query(
            "SELECT channel, SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END) AS waiting_count, \
             SUM(CASE WHEN state IN ('failed', 'given_up') THEN 1 ELSE 0 END) AS given_up_count, \
             MAX(sent_at_ms) AS sent_at_ms FROM delivery GROUP BY channel",
        )
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read("counting what was sent"))?;
        rows.iter()
            .map(|row| {
                Ok(ChannelFigures {
                    channel: row.get_as("channel")?,
                    waiting: row.number("waiting_count")?,
                    given_up: row.number("given_up_count")?,
                    last_sent_at: row.time_or_none("sent_at_ms")?,
                })
            })
            .collect()
    }

    /// Writes a test notice with its deliveries; audited.
    pub async fn write_test(
        &self,
        scope: &Scope,
        channel: &str,
        notice: Notice,
        targets: Vec<TestTarget>,
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
                        insert(connection, &deliveries, at).await?;
                        audit::note(connection, &actor, "channel.test", &channel, String::new(), at).await
                    })
                },
                move |()| store.notices_have_come(),
            )
            .await
    }

    /// Who was told of an alarm and what became of it, oldest first; None when there is no such alarm or it is not in
    /// the scope. An owner sees what was told to the owner alone: how the authorities call each other is theirs.
    pub async fn alarm_notices(
        &self,
        scope: &Scope,
        alarm: AlarmId,
    ) -> Result<Option<Vec<rest::AlarmNotice>>, StoreError> {
        const OPERATION: &str = "reading who was told of an alarm";
        let mut select = Select::new(
            "SELECT alarm.id FROM alarm JOIN device ON device.id = alarm.device_id \
             JOIN site ON site.id = device.site_id",
        );
        select.within(scope).and_equals("alarm.id", Bound::Number(alarm.0));
        if select.fetch_all(self.readers(), OPERATION).await?.is_empty() {
            return Ok(None);
        }
        let audience = if scope.role() == Role::Owner { "owner" } else { "%" };
        let notices = sqlx::query(
            "SELECT * FROM notice WHERE subject_kind = 'alarm' AND subject_id = $1 AND audience_kind LIKE $2 \
             ORDER BY id DESC LIMIT $3",
        )
        .bind(alarm.to_string())
        .bind(audience)
        .bind(NOTICES_MAX)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let deliveries = sqlx::query(
            "SELECT delivery.*, account.display_name FROM delivery JOIN notice ON notice.id = delivery.notice_id \
             LEFT JOIN account ON account.id = delivery.account_id \
             WHERE notice.subject_kind = 'alarm' AND notice.subject_id = $1 ORDER BY delivery.id DESC LIMIT $2",
        )
        .bind(alarm.to_string())
        .bind(DELIVERIES_MAX)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let mut told = Vec::with_capacity(notices.len());
        for row in notices.iter().rev() {
            let id: i64 = row.get_as("id")?;
            let notice = notice_of(row)?;
            let mut of_notice = Vec::new();
            for delivery in deliveries.iter().rev() {
                if delivery.get_as::<i64>("notice_id")? == id {
                    of_notice.push(delivery_of(delivery)?);
                }
            }
            told.push(rest::AlarmNotice {
                at_ms: notice.at.0,
                occasion: notice.occasion.word().to_owned(),
                step: notice.occasion.step(),
                severity: rest::SeverityNumber(notice.severity),
                audience: rest::NoticeAudience::from(notice.audience),
                deliveries: of_notice,
            });
        }
        Ok(Some(told))
    }

    /// Every delivery, in order.
    #[cfg(test)]
    pub(crate) async fn all_deliveries(&self) -> Result<Vec<rest::Delivery>, StoreError> {
        let sql = "SELECT delivery.*, account.display_name FROM delivery \
                   LEFT JOIN account ON account.id = delivery.account_id ORDER BY delivery.id";
        let rows = sqlx::query(sql).fetch_all(self.readers()).await.map_err(StoreError::read("reading deliveries"))?;
        rows.iter().map(delivery_of).collect()
    }

    /// Has everything that waits wait for so much longer already.
    #[cfg(test)]
    pub(crate) async fn age_deliveries(&self, by_ms: i64) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                let sql = "UPDATE delivery SET created_at_ms = created_at_ms - $1 WHERE state = 'waiting'";
                sqlx::query(sql).bind(by_ms).execute(connection).await.map(drop).map_err(StoreError::failed(OPERATION))
            })
        })
        .await
    }

    async fn write_delivery<W>(&self, work: W) -> Result<(), StoreError>
    where
        W: for<'c> FnOnce(&'c mut AnyConnection) -> futures_util::future::BoxFuture<'c, Result<(), StoreError>>
            + Send
            + 'static,
    {
        self.writer().write(Priority::Ordinary, OPERATION, work, |()| {}).await
    }
}

/// Oneself, or somebody else for who manages accounts.
fn whose(scope: &Scope, of: Option<UserId>) -> Result<UserId, StoreError> {
    match of {
        None => Ok(scope.user_id()),
        Some(id) => Actor::Person(scope).require(Permission::ManageUsers).map(|()| id),
    }
}

async fn insert(connection: &mut AnyConnection, deliveries: &[NewDelivery], at: UnixMs) -> Result<(), StoreError> {
    for rows in deliveries.chunks(ROWS_PER_STATEMENT) {
        let sql = format!(
            "INSERT INTO delivery (notice_id, channel, address, account_id, severity, state, is_under_way, is_maybe_repeated, \
             attempts, created_at_ms, due_at_ms) VALUES {}",
            placeholders(rows.len(), 11, 0)
        );
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for row in rows {
            insert = insert
                .bind(row.notice.0)
                .bind(row.channel.as_str())
                .bind(row.address.as_str())
                .bind(row.account.map(|account| account.0))
                .bind(i64::from(row.severity as u8))
                .bind("waiting")
                .bind(0_i64)
                .bind(0_i64)
                .bind(0_i64)
                .bind(at.0)
                .bind(at.0);
        }
        insert.execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}

/// Runs a statement that ends in `IN` for many ids; `before` are its parameters before them.
async fn update_rows(
    connection: &mut AnyConnection,
    sql: &'static str,
    before: &[i64],
    ids: &[i64],
) -> Result<(), StoreError> {
    for ids in ids.chunks(ROWS_PER_STATEMENT) {
        let sql = format!("{sql} {}", placeholders(1, ids.len(), before.len()));
        let mut update = sqlx::query(AssertSqlSafe(sql));
        for value in before.iter().chain(ids) {
            update = update.bind(*value);
        }
        update.execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}

async fn write_outcome(
    connection: &mut AnyConnection,
    delivery: DeliveryId,
    outcome: &AttemptOutcome,
    at: UnixMs,
) -> Result<(), StoreError> {
    let update = match outcome {
        AttemptOutcome::Sent { receipt } => sqlx::query(
            "UPDATE delivery SET is_under_way = 0, state = 'sent', sent_at_ms = $2, last_error = NULL, receipt = $3 \
             WHERE id = $1",
        )
        .bind(delivery.0)
        .bind(at.0)
        .bind(receipt.clone()),
        AttemptOutcome::Again { due, error, is_maybe_repeated } => sqlx::query(
            "UPDATE delivery SET is_under_way = 0, due_at_ms = $2, last_error = $3, \
             is_maybe_repeated = CASE WHEN $4 = 1 THEN 1 ELSE is_maybe_repeated END WHERE id = $1",
        )
        .bind(delivery.0)
        .bind(due.0)
        .bind(error.as_str())
        .bind(i64::from(*is_maybe_repeated)),
        AttemptOutcome::Failed { error } => {
            sqlx::query("UPDATE delivery SET is_under_way = 0, state = 'failed', last_error = $2 WHERE id = $1")
                .bind(delivery.0)
                .bind(error.as_str())
        }
        AttemptOutcome::GivenUp { error } => sqlx::query(
            "UPDATE delivery SET is_under_way = 0, state = 'given_up', \
                         last_error = COALESCE(last_error, $2) WHERE id = $1",
        )
        .bind(delivery.0)
        .bind(error.as_str()),
    };
    update.execute(connection).await.map(drop).map_err(StoreError::failed(OPERATION))
}

fn waiting_of(row: &AnyRow) -> Result<WaitingDelivery, StoreError> {
    Ok(WaitingDelivery {
        id: DeliveryId(row.get_as("delivery_id")?),
        notice: notice_of(row)?,
        address: row.get_as("address")?,
        message: row.get_as("message_id")?,
        is_maybe_repeated: row.flag("is_maybe_repeated")?,
        created_at: row.time("created_at_ms")?,
    })
}

fn contact_of(row: &AnyRow) -> Result<Contact, StoreError> {
    Ok(Contact {
        account: UserId(row.get_as("id")?),
        user: super::user::user_of(row)?,
        phone: row.get_as("phone")?,
        email: row.get_as("email")?,
    })
}

fn delivery_of(row: &AnyRow) -> Result<rest::Delivery, StoreError> {
    Ok(rest::Delivery {
        channel: row.get_as("channel")?,
        person: row.get_as("display_name")?,
        address: rest::masked(&row.get_as::<String>("address")?),
        state: row.word("state")?,
        attempts: row.number("attempts")?,
        is_maybe_repeated: row.flag("is_maybe_repeated")?,
        created_at_ms: row.get_as("created_at_ms")?,
        tried_at_ms: row.get_as("tried_at_ms")?,
        sent_at_ms: row.get_as("sent_at_ms")?,
        last_error: row.get_as("last_error")?,
    })
}
