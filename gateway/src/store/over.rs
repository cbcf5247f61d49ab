//! What is over before anybody was told of it calls nobody. [Why so](../../../docs/design/notify.md).

use domain::{
    alarm::{AlarmState, Transition, What},
    id::AlarmId,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{Store, delivery::DeliveryId, error::StoreError, row::lists};

const OPERATION: &str = "letting go of what is over";
/// What waits, with the alarm that it speaks of.
pub(super) const WAITING_FROM: &str = "FROM delivery JOIN notice ON notice.id = delivery.notice_id LEFT JOIN alarm \
     ON alarm.id = CASE WHEN notice.subject_kind = 'alarm' THEN CAST(notice.subject_id AS BIGINT) END";
/// And that it waits.
pub(super) const IS_WAITING: &str = "delivery.state = 'waiting' AND delivery.is_under_way = 0";
/// The news that a delivery brings is over: of III or IV, surely not told yet, and its alarm closed or set aside; or its
/// condition gone; or, when the news is that nobody answers, answered. That a condition has gone is no news of burning. What is
/// set aside and calls again later is told by a notice of its own.
pub(super) const IS_OVER: &str = "notice.severity >= 3 AND delivery.is_maybe_repeated = 0 \
     AND notice.occasion <> 'returned' AND (alarm.state IN ('closed', 'shelved', 'suppressed', 'out_of_service') \
     OR notice.occasion <> 'escalated' AND alarm.state = 'returned_unacknowledged' \
     OR notice.occasion = 'escalated' AND alarm.state IN ('active_acknowledged', 'latched_acknowledged'))";

impl Store {
    /// Lets go of deliveries whose news is over; what has come back meanwhile goes on waiting.
    pub async fn pass_over(&self, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        self.write_delivery(move |connection| {
            Box::pin(async move {
                for (ids, list) in lists(&deliveries, 0) {
                    let sql = format!(
                        "UPDATE delivery SET state = 'over' WHERE id IN \
                         (SELECT delivery.id {WAITING_FROM} WHERE {IS_WAITING} AND {IS_OVER} AND delivery.id IN {list})"
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

/// A condition that comes back before anybody answered is no new news, so what was let go of the last call waits again.
pub(super) async fn follow_alarms(
    connection: &mut AnyConnection,
    transitions: &[Transition],
    now: UnixMs,
) -> Result<(), StoreError> {
    let has_come_back = |transition: &&Transition| {
        transition.what == What::Reoccurred && transition.state == AlarmState::ActiveUnacknowledged
    };
    let alarms: Vec<AlarmId> = transitions.iter().filter(has_come_back).map(|transition| transition.alarm).collect();
    for (alarms, list) in lists(&alarms, 1) {
        let sql = format!(
            "UPDATE delivery SET state = 'waiting', created_at_ms = $1, \
             waits_since_ms = $1 - (SELECT set_by_ms FROM delivery_clock), due_at_ms = 0 WHERE state = 'over' \
             AND notice_id IN (SELECT id FROM notice WHERE subject_kind = 'alarm' AND occasion <> 'escalated' \
             AND NOT EXISTS (SELECT 1 FROM notice AS later WHERE later.subject_kind = 'alarm' \
             AND later.subject_id = notice.subject_id AND later.audience_kind = notice.audience_kind \
             AND later.audience_id = notice.audience_id AND later.id > notice.id \
             AND later.occasion NOT IN ('escalated', 'returned')) AND subject_id IN {list})"
        );
        let update = sqlx::query(AssertSqlSafe(sql)).bind(now.0);
        let update = alarms.iter().fold(update, |update, alarm| update.bind(alarm.to_string()));
        update.execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}
