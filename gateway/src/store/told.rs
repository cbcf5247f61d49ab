//! What people see of telling people: who was told of an alarm, and how the channels are doing.

use domain::{
    access::{Permission, Role},
    id::AlarmId,
    time::UnixMs,
};
use protocol::rest;
use sqlx::any::AnyRow;

use super::{
    Store,
    error::StoreError,
    notice::notice_of,
    row::Columns,
    scope::{Actor, Scope},
    select::{Bound, Select},
};

/// The newest notices of an alarm that are shown. One that flutters for days may have more.
const NOTICES_MAX: i64 = 200;
/// And their deliveries.
const DELIVERIES_MAX: i64 = 2000;

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

impl Store {
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

    /// The channels that were dead by the last that was told of them. For the gateway, not for people.
    pub async fn dead_channels(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT subject_id FROM notice WHERE occasion = 'channel_dead' AND id IN (SELECT MAX(id) FROM notice \
             WHERE subject_kind = 'channel' AND occasion IN ('channel_dead', 'channel_works') GROUP BY subject_id)",
        )
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read("reading which channels are dead"))?;
        rows.iter().map(|row| row.get_as("subject_id")).collect()
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

    /// Every delivery, in order.
    #[cfg(test)]
    pub(crate) async fn all_deliveries(&self) -> Result<Vec<rest::Delivery>, StoreError> {
        let sql = "SELECT delivery.*, account.display_name FROM delivery \
                   LEFT JOIN account ON account.id = delivery.account_id ORDER BY delivery.id";
        let rows = sqlx::query(sql).fetch_all(self.readers()).await.map_err(StoreError::read("reading deliveries"))?;
        rows.iter().map(delivery_of).collect()
    }
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
