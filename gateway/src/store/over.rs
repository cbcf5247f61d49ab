//! What is over before anybody was told of it calls nobody. [Why so](../../../docs/design/notify.md).

use domain::alarm::{AlarmState, Transition, What};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    Store,
    delivery::DeliveryId,
    error::StoreError,
    row::{placeholders, rows_per_statement},
};

const OPERATION: &str = "letting go of what is over";
/// What waits, with the alarm that it speaks of.
pub(super) const WAITING: &str = "FROM delivery JOIN notice ON notice.id = delivery.notice_id LEFT JOIN alarm \
     ON alarm.id = CASE WHEN notice.subject_kind = 'alarm' THEN CAST(notice.subject_id AS BIGINT) END \
     WHERE delivery.state = 'waiting' AND delivery.is_under_way = 0";
/// The news that a delivery brings is over: of III or IV, surely not told yet, and its alarm closed; or its condition gone; or,
/// when the news is that nobody answers, answered. That a condition has gone is no news of burning.
pub(super) const IS_OVER: &str = "notice.severity >= 3 AND delivery.is_maybe_repeated = 0 \
     AND notice.occasion <> 'returned' AND (alarm.state = 'closed' \
     OR notice.occasion <> 'escalated' AND alarm.state = 'returned_unacknowledged' \
     OR notice.occasion = 'escalated' AND alarm.state IN ('active_acknowledged', 'latched_acknowledged'))";

impl Store {
    /// Lets go of deliveries whose news is over; what has come back meanwhile goes on waiting.
    pub async fn pass_over(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                for ids in deliveries.chunks(rows_per_statement(1)) {
                    let sql = format!(
                        "UPDATE delivery SET state = 'over' WHERE id IN \
                         (SELECT delivery.id {WAITING} AND {IS_OVER} AND delivery.id IN {})",
                        placeholders(1, ids.len(), 0)
                    );
                    let update = ids.iter().fold(sqlx::query(AssertSqlSafe(sql)), |update, id| update.bind(id.0));
                    update.execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// A condition that comes back before anybody answered is no new news, so what was let go of the first waits again.
pub(super) async fn follow_alarm(connection: &mut AnyConnection, transition: &Transition) -> Result<(), StoreError> {
    if transition.what != What::Reoccurred || transition.state != AlarmState::ActiveUnacknowledged {
        return Ok(());
    }
    sqlx::query(
        "UPDATE delivery SET state = 'waiting', created_at_ms = $2, due_at_ms = $2 WHERE state = 'over' AND notice_id IN \
         (SELECT id FROM notice WHERE subject_kind = 'alarm' AND subject_id = $1 AND occasion <> 'escalated')",
    )
    .bind(transition.alarm.to_string())
    .bind(transition.at.0)
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}
