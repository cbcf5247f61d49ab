//! Where notices go: a delivery for each target of each channel that reaches their audience, written in one transaction with
//! the fact that they need no looking at any more. Where one is lost, its notice is looked at again.

use std::collections::BTreeMap;

use domain::{alarm::Severity, id::UserId, time::UnixMs};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    Store,
    delivery::DeliveryId,
    error::StoreError,
    notice::NoticeId,
    row::{Columns, for_ids, lists, write_rows},
};

const OPERATION: &str = "addressing notices";

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

/// Where a notice was sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTarget {
    /// By which channel.
    pub channel: String,
    /// Where to; empty: the channel has one place.
    pub address: String,
    /// It will never arrive there: the service has refused it, or it was given up.
    pub is_lost: bool,
}

impl Store {
    /// Where notices were sent before, for those that are addressed again because somebody could not be reached.
    pub async fn targets_of(&self, notices: &[NoticeId]) -> Result<BTreeMap<NoticeId, Vec<KnownTarget>>, StoreError> {
        const OPERATION: &str = "reading where something was sent";
        let mut known: BTreeMap<NoticeId, Vec<KnownTarget>> = BTreeMap::new();
        for (ids, list) in lists(notices, 0) {
            let sql = format!(
                "SELECT notice_id, channel, address, state FROM delivery WHERE notice_id IN {list} ORDER BY id"
            );
            let select = ids.iter().fold(sqlx::query(AssertSqlSafe(sql)), |select, id| select.bind(id.0));
            for row in &select.fetch_all(self.readers()).await.map_err(StoreError::read(OPERATION))? {
                let is_lost = matches!(row.get_as::<String>("state")?.as_str(), "failed" | "given_up");
                let target = KnownTarget { channel: row.get_as("channel")?, address: row.get_as("address")?, is_lost };
                known.entry(NoticeId(row.get_as("notice_id")?)).or_default().push(target);
            }
        }
        Ok(known)
    }

    /// Writes the deliveries of notices, which need no looking at afterwards: with each, how many of its targets were known
    /// to be out of reach. A notice that another did not take either meanwhile is looked at again. `steady` is the present by
    /// the clock that nobody sets, from which they wait.
    pub async fn address_notices(
        &self,
        notices: Vec<(NoticeId, usize)>,
        deliveries: Vec<NewDelivery>,
        at: UnixMs,
        steady: UnixMs,
    ) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                insert(connection, &deliveries, at, steady).await?;
                let mut by_losses: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
                for (notice, losses) in notices {
                    by_losses.entry(losses).or_default().push(notice.0);
                }
                for (losses, ids) in by_losses {
                    let sql = "UPDATE notice SET addressed_at_ms = $1 WHERE (SELECT COUNT(*) FROM delivery \
                               WHERE delivery.notice_id = notice.id AND delivery.state IN ('failed', 'given_up')) = $2 AND id IN";
                    let losses = i64::try_from(losses).unwrap_or(i64::MAX);
                    for_ids(connection, sql, &[at.0, losses], &ids).await.map_err(StoreError::failed(OPERATION))?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Has the notices of deliveries that were lost addressed again, within a transaction. What was given up was long ago: nobody
/// else is called for an alarm that somebody has answered since, or that is set aside or over, nor for its end.
pub(super) async fn address_again(connection: &mut AnyConnection, lost: &[DeliveryId]) -> Result<(), StoreError> {
    let sql = "UPDATE notice SET addressed_at_ms = NULL FROM delivery WHERE delivery.notice_id = notice.id \
               AND notice.subject_kind <> 'channel' AND (delivery.state = 'failed' OR notice.subject_kind = 'case' \
               OR notice.occasion <> 'returned' AND EXISTS (SELECT 1 FROM alarm WHERE alarm.id = \
               CASE WHEN notice.subject_kind = 'alarm' THEN CAST(notice.subject_id AS BIGINT) END AND alarm.state IN \
               ('active_unacknowledged', 'returned_unacknowledged', 'latched_unacknowledged'))) AND delivery.id IN";
    let ids: Vec<i64> = lost.iter().map(|delivery| delivery.0).collect();
    for_ids(connection, sql, &[], &ids).await.map_err(StoreError::failed(OPERATION))
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    deliveries: &[NewDelivery],
    at: UnixMs,
    steady: UnixMs,
) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "INSERT INTO delivery (notice_id, channel, address, account_id, severity, state, is_under_way, is_maybe_repeated, \
             attempts, created_at_ms, waits_since_ms, due_at_ms) VALUES {values}"
        )
    };
    write_rows(connection, deliveries, 12, sql, |insert, row| {
        insert
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
            .bind(steady.0)
            .bind(steady.0)
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}
