//! A small disk of its own is filled: readings are refused, then nothing is stored, and with room again all is.

use std::{fs::File, io::Write as _, process::Command};

use protocol::sparkplug::outbox::{Incarnation, Seq};

use super::*;
use crate::store::{OutboxId, OutboxProgress};

/// A disk in memory.
struct Disk {
    dir: Arc<tempfile::TempDir>,
}

impl Disk {
    /// None: this account may not mount any.
    fn small() -> Option<Self> {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let size = format!("size={}m", 12 * RESERVE_MIB);
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self { dir })
    }

    /// Fills what is left of it.
    fn fill(&self, name: &str) {
        let mut file = File::create(self.dir.path().join(name)).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
    }

    fn free(&self, name: &str) {
        std::fs::remove_file(self.dir.path().join(name)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the store's task may still be closing its files.
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

impl Fixture {
    /// Sends a reading in a numbered message.
    fn send_numbered(&self, number: u64, concentration: f64, at: UnixMs) {
        let outbox = OutboxProgress {
            outbox: OutboxId { node: NodeId::new("edge").unwrap(), incarnation: Incarnation(7) },
            floor: None,
            numbers: vec![Seq::new(number).unwrap()],
            reading_count: 1,
            gaps: vec![],
        };
        let message = Ingested {
            readings: vec![Reading { event_time: at, ..self.reading("gas.concentration", concentration) }],
            outbox: Some(outbox),
            ..Ingested::new(NodeId::new("edge").unwrap(), self.clock.now())
        };
        assert!(self.messages.reserve(&message));
        self.messages.put(message);
    }
}

#[tokio::test]
async fn a_full_disk_costs_readings_before_alarms_and_alarms_their_place_on_disk_at_last() {
    let Some(disk) = Disk::small() else {
        println!("skipped: this account may not mount a small disk");
        return;
    };
    let fixture = Fixture::start_in(Arc::clone(&disk.dir), Config::default()).await;
    let mut screen = fixture.watch();
    fixture.send(1.0);
    screen.until(|screen| screen.values.contains(&Some(Value::Float(1.0)))).await;

    disk.fill("ballast");
    let began = fixture.clock.now().wall;
    fixture.send_numbered(1, 61.0, began);
    screen.until(|screen| screen.storing == Storing::AlarmsOnly).await;
    screen.until(|screen| screen.shows(AlarmState::ActiveUnacknowledged)).await;
    assert!(!fixture.health.is_ready());
    let alarm = screen.alarms.values().next().unwrap().clone();
    assert!(alarm.is_stored, "the reserve has room for it");
    let answered = fixture.acknowledge(&alarm, "key-press-1").await.unwrap();
    assert!(answered.is_stored);

    disk.fill("more ballast");
    // The acknowledged alarm is over, which nothing on disk says.
    fixture.send_numbered(2, 3.0, began.plus_ms(1000));
    screen.until(|screen| screen.storing == Storing::Nothing).await;
    fixture.send_numbered(3, 62.0, began.plus_ms(2000));
    screen.until(|screen| screen.alarms.values().any(|alarm| alarm.state.is_open() && !alarm.is_stored)).await;

    disk.free("ballast");
    disk.free("more ballast");
    screen.until(|screen| screen.storing == Storing::Everything).await;
    assert!(fixture.health.is_ready());
    screen.until(|screen| screen.alarms.values().all(|alarm| alarm.is_stored || !alarm.state.is_open())).await;
    // The node sends again what was refused: it is stored, and raises nothing again.
    for (number, concentration) in [(1, 61.0), (2, 3.0), (3, 62.0)] {
        let at = began.plus_ms(i64::try_from(number - 1).unwrap() * 1000);
        fixture.send_numbered(number, concentration, at);
    }
    fixture.send(63.0);
    screen.until(|screen| screen.values.contains(&Some(Value::Float(63.0)))).await;
    assert_eq!(screen.alarms.len(), 2);

    let stored = fixture.stored().await;
    assert_eq!(stored.open_alarms.iter().map(|alarm| alarm.id).collect::<Vec<_>>(), [AlarmId(2)]);
    assert_eq!(stored.outboxes[0].numbers.through(), 3);
    assert_eq!(stored.latest[0].value, Some(Value::Float(63.0)));
}
