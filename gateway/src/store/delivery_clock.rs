//! The clock by which deliveries wait: nobody sets it while the process runs, and the next process begins with the wall
//! clock anew. What waits meanwhile moves from the one to the other, so that a clock that is set neither holds a message
//! back nor gives it up.

use sqlx::AnyConnection;

use super::error::StoreError;

const OPERATION: &str = "setting the clock of what waits to be sent";

/// Notes that somebody set the wall clock forward (negative: back) by so many milliseconds.
pub(super) async fn note_set(connection: &mut AnyConnection, by_ms: i64) -> Result<(), StoreError> {
    let update = sqlx::query("UPDATE delivery_clock SET set_by_ms = set_by_ms + $1").bind(by_ms);
    update.execute(connection).await.map(drop).map_err(StoreError::failed(OPERATION))
}

/// To be called when a process starts, and its own clock with it.
pub(super) async fn begin_anew(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let sql = "UPDATE delivery SET waits_since_ms = waits_since_ms + (SELECT set_by_ms FROM delivery_clock), \
               due_at_ms = due_at_ms + (SELECT set_by_ms FROM delivery_clock) WHERE state = 'waiting'";
    for sql in [sql, "UPDATE delivery_clock SET set_by_ms = 0"] {
        sqlx::query(sql).execute(&mut *connection).await.map_err(StoreError::failed(OPERATION))?;
    }
    Ok(())
}
