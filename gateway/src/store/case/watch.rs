//! Time limits that have passed: each is told up the tree once, and stands in the case's time line.

use domain::{
    case::{CaseWhat, Policy},
    id::CaseId,
    notice::CaseNews,
    time::UnixMs,
};
use sqlx::AnyConnection;

use super::{
    row::{Event, load, save},
    tell::tell,
};
use crate::store::{Store, error::StoreError, row::Columns};

const OPERATION: &str = "watching cases";

/// Looks at up to `limit` cases whose moment has come, the most urgent first; answers how many there were.
pub(in crate::store) async fn check_due(
    connection: &mut AnyConnection,
    store: &Store,
    policy: &Policy,
    now: UnixMs,
    limit: usize,
) -> Result<usize, StoreError> {
    let rows = sqlx::query("SELECT id FROM duty_case WHERE check_at_ms <= $1 ORDER BY check_at_ms LIMIT $2")
        .bind(now.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    for row in &rows {
        let id = CaseId(row.get_as("id")?);
        let Some(mut stored) = load(connection, id).await? else { continue };
        let look = policy.look(&stored.case, stored.watch, now);
        let mut events: Vec<Event<'_>> =
            look.tell.iter().map(|rung| Event { told: Some(*rung), ..Event::plain(now, CaseWhat::Overdue) }).collect();
        let notes: Vec<String> = look.milestones.iter().map(|milestone| milestone.what.in_both()).collect();
        events.extend(notes.iter().map(|note| Event { note, ..Event::plain(now, CaseWhat::Milestone) }));
        if look.becomes_accident {
            events.push(Event::plain(now, CaseWhat::BecameAccident));
        }
        for rung in &look.tell {
            tell(connection, store, &stored, CaseNews::Overdue(*rung), now).await?;
        }
        for milestone in &look.milestones {
            tell(connection, store, &stored, CaseNews::Milestone(milestone), now).await?;
        }
        if look.becomes_accident {
            tell(connection, store, &stored, CaseNews::Accident, now).await?;
        }
        stored.watch = look.watch;
        save(connection, &mut stored, policy, &events, now).await?;
    }
    Ok(rows.len())
}

/// Lets every open case be looked at again: limits may have been changed while the gateway was away.
pub(in crate::store) async fn check_all_again(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE duty_case SET check_at_ms = 0 WHERE closed_at_ms IS NULL")
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}

/// Moves what limits are counted from with a wall clock that somebody set.
pub(in crate::store) async fn shift_clock(connection: &mut AnyConnection, by_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE duty_case SET began_at_ms = began_at_ms + $1, entered_at_ms = entered_at_ms + $1, \
         due_at_ms = due_at_ms + $1, check_at_ms = check_at_ms + $1 WHERE closed_at_ms IS NULL",
    )
    .bind(by_ms)
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}
