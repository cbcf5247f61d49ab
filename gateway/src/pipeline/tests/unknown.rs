//! The database does not say whether it has committed: alarms go on, and in the end everything is stored once.

use std::sync::atomic::Ordering::Relaxed;

use super::*;

#[tokio::test]
async fn a_database_that_does_not_answer_stops_no_alarm_and_doubles_nothing() {
    let fixture = Fixture::start().await;
    let mut screen = fixture.watch();
    fixture.send(1.0);
    screen.until(|screen| screen.values.contains(&Some(Value::Float(1.0)))).await;

    fixture.unheard.store(true, Relaxed);
    fixture.send(61.0);
    screen.until(|screen| screen.storing == Storing::Nothing).await;
    assert!(!fixture.health.is_ready());
    screen.until(|screen| screen.alarms.values().any(|alarm| !alarm.is_stored)).await;
    // What comes afterwards is judged, too: nothing waits for the database.
    fixture.send(3.0);
    screen.until(|screen| screen.alarms.values().any(|alarm| alarm.returned_at_ms.is_some())).await;

    fixture.unheard.store(false, Relaxed);
    screen.until(|screen| screen.storing == Storing::Everything).await;
    screen.until(|screen| screen.alarms.values().all(|alarm| alarm.is_stored)).await;
    assert!(fixture.health.is_ready());
    let alarm = screen.alarms.values().next().unwrap().clone();
    let scope = operator();
    let dir = Arc::clone(&fixture.dir);
    let stored = fixture.stored().await;
    assert_eq!(stored.open_alarms.iter().map(|alarm| alarm.id).collect::<Vec<_>>(), [alarm.id]);
    let (store, _writing) = Store::open(&StoreConfig::default(), dir.path()).await.unwrap();
    let metric = MetricName::new("gas.concentration").unwrap();
    let history = store.history(&scope, &device(), &metric, UnixMs(0)..UnixMs(i64::MAX), 9).await.unwrap().unwrap();
    let values: Vec<_> = history.points.iter().map(|reading| reading.value.clone()).collect();
    assert_eq!(values, [Some(Value::Float(1.0)), Some(Value::Float(61.0))], "once each; the last was refused");
}
