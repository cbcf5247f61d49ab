//! What the parts can do alone on this machine: broker, database, copying, loopback.

use std::{
    hint::black_box,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    str::FromStr as _,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rumqttc::mqttbytes::v4::Packet;
use sqlx::{AnyConnection, Connection as _, Executor as _, any::AnyConnectOptions};

use crate::{
    load::{self, Fleet, Progress, Shape},
    lone_broker::{self, LoneBroker},
    process::Cost,
    station::{TOWNSHIP, folder},
    table::{Table, number, whole},
};

/// Bytes of the journal that one reading takes.
const JOURNAL_BYTES_PER_READING: usize = 11;
/// Readings of one row: what batches come to at the speed aimed at.
const BATCH_READINGS: usize = 1_000;
/// Messages that the broker may be behind; its queue holds 100 000.
const WINDOW_MESSAGES: u64 = 20_000;
const NODES: usize = 10;
const BLOCK_BYTES: usize = 64 * 1024;

/// The limits, each a second.
pub(crate) struct Limits {
    /// Publisher → subscriber, one each.
    pub(crate) broker_messages: f64,
    /// Journal rows, each synced to disk, times the readings of one.
    pub(crate) sqlite_readings: f64,
    /// One TCP connection on loopback.
    pub(crate) loopback_bytes: f64,
}

/// Measures them, each for so long.
pub(crate) async fn measure(metrics: usize, duration: Duration) -> anyhow::Result<Limits> {
    let mut table = Table::new("The parts alone on this machine", &["", "figure", "", "cores"]);
    let broker = broker(metrics, duration).await?;
    table.row([
        format!("mosquitto, publisher → subscriber, {} bytes a message", broker.message_bytes),
        number(broker.messages_per_s),
        "messages/s".into(),
        format!("broker {}, clients {}", number(broker.broker_cores), number(broker.client_cores)),
    ]);
    let rows_per_s = sqlite(duration).await?;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let sqlite_readings = rows_per_s * BATCH_READINGS as f64;
    table.row([
        format!(
            "SQLite, journal rows of {} bytes, each synced",
            whole((BATCH_READINGS * JOURNAL_BYTES_PER_READING) as u64)
        ),
        number(rows_per_s),
        "rows/s".into(),
        String::new(),
    ]);
    table.row([
        format!("the same in readings, {} a row", whole(BATCH_READINGS as u64)),
        number(sqlite_readings),
        "readings/s".into(),
        String::new(),
    ]);
    let (copied, relayed) = tokio::task::spawn_blocking(move || (copy(duration / 2), relay(duration))).await?;
    table.row(["copy in memory, blocks of 64 KiB".into(), number(copied / 1e6), "MB/s".into(), String::new()]);
    let loopback_bytes = relayed?;
    table.row(["relay over loopback TCP".into(), number(loopback_bytes / 1e6), "MB/s".into(), String::new()]);
    table.print();
    Ok(Limits { broker_messages: broker.messages_per_s, sqlite_readings, loopback_bytes })
}

struct BrokerAlone {
    message_bytes: usize,
    messages_per_s: f64,
    broker_cores: f64,
    client_cores: f64,
}

/// Publishes what the gateway's nodes publish, and counts what a subscriber gets.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
async fn broker(metrics: usize, duration: Duration) -> anyhow::Result<BrokerAlone> {
    let broker = LoneBroker::start().await?;
    let progress = Arc::new(Progress::default());
    let subscriber = lone_broker::subscribe(broker.address)?;
    let counting = Arc::clone(&progress);
    let counter = thread::spawn(move || count(subscriber, &counting));
    let shape = Shape { nodes: NODES, devices_per_node: 10, declared: metrics, sent: metrics };
    let credentials = broker.credentials(shape);
    // One "reading" a message: the subscriber counts messages.
    let fleet = Fleet::connect(load::encode(shape, TOWNSHIP)?, broker.address, &credentials, 1)?;
    let message_bytes = fleet.message_bytes();
    let sender = fleet.send_closed(WINDOW_MESSAGES, Arc::clone(&progress));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (started, before) = (Instant::now(), progress.committed.load(Ordering::Relaxed));
    let (of_broker, of_clients) = (Cost::of(&[broker.process()])?, Cost::of(&[std::process::id()])?);
    tokio::time::sleep(duration).await;
    let seconds = started.elapsed().as_secs_f64();
    let received = progress.committed.load(Ordering::Relaxed) - before;
    let alone = BrokerAlone {
        message_bytes,
        messages_per_s: received as f64 / seconds,
        broker_cores: of_broker.seconds()? / seconds,
        client_cores: of_clients.seconds()? / seconds,
    };
    progress.is_over.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || sender.join()).await?.map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    drop(broker);
    // The broker has gone, so the subscriber's socket has ended.
    tokio::task::spawn_blocking(move || counter.join())
        .await?
        .map_err(|_| anyhow::anyhow!("the subscriber panicked"))?;
    Ok(alone)
}

/// Counts messages until the socket ends.
fn count(mut socket: TcpStream, progress: &Progress) {
    let mut bytes = BytesMut::with_capacity(2 * BLOCK_BYTES);
    let mut block = vec![0; BLOCK_BYTES];
    while let Ok(length) = socket.read(&mut block) {
        if length == 0 {
            return;
        }
        bytes.extend_from_slice(&block[..length]);
        while let Ok(packet) = Packet::read(&mut bytes, 1 << 20) {
            // Births and wills are no data.
            if matches!(packet, Packet::Publish(publish) if publish.topic.contains("/DDATA/")) {
                progress.committed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Journal rows a second, each in a transaction of its own, as the gateway's store writes them.
async fn sqlite(duration: Duration) -> anyhow::Result<f64> {
    sqlx::any::install_default_drivers();
    let folder = folder()?;
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("journal.db").display());
    let mut connection = AnyConnection::connect_with(&AnyConnectOptions::from_str(&url)?).await?;
    let set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                  PRAGMA busy_timeout = 5000; PRAGMA journal_size_limit = 67108864; \
                  CREATE TABLE journal (id INTEGER PRIMARY KEY, received_at_ms INTEGER NOT NULL, \
                  reading_count INTEGER NOT NULL, readings BLOB NOT NULL) STRICT";
    connection.execute(set_up).await?;
    let frame: Vec<u8> = (0..=u8::MAX).cycle().take(BATCH_READINGS * JOURNAL_BYTES_PER_READING).collect();
    let (started, mut rows) = (Instant::now(), 0_u32);
    while started.elapsed() < duration {
        rows += 1;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO journal (id, received_at_ms, reading_count, readings) VALUES ($1, $2, $3, $4)")
            .bind(i64::from(rows))
            .bind(load::now_ms())
            .bind(i64::try_from(BATCH_READINGS)?)
            .bind(frame.clone())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    let per_second = f64::from(rows) / started.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(per_second)
}

/// Bytes a second from one place in memory to another.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn copy(duration: Duration) -> f64 {
    let (from, mut to) = (vec![7_u8; BLOCK_BYTES], vec![0_u8; BLOCK_BYTES]);
    let (started, mut copied) = (Instant::now(), 0_usize);
    while started.elapsed() < duration {
        for _ in 0..64 {
            to.copy_from_slice(black_box(&from));
            black_box(&to);
            copied += BLOCK_BYTES;
        }
    }
    copied as f64 / started.elapsed().as_secs_f64()
}

/// Bytes a second from a sender through a relay to a receiver, each with a thread and a socket.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn relay(duration: Duration) -> anyhow::Result<f64> {
    let (relay_in, relay_out) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let (in_address, out_address) = (relay_in.local_addr()?, relay_out.local_addr()?);
    let sender = thread::spawn(move || -> std::io::Result<()> {
        let mut socket = TcpStream::connect(in_address)?;
        let (block, started) = (vec![7_u8; BLOCK_BYTES], Instant::now());
        while started.elapsed() < duration {
            socket.write_all(&block)?;
        }
        Ok(())
    });
    let relay = thread::spawn(move || -> std::io::Result<()> {
        let (mut from, _) = relay_in.accept()?;
        let (mut to, _) = relay_out.accept()?;
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            match from.read(&mut block)? {
                0 => return Ok(()),
                length => to.write_all(&block[..length])?,
            }
        }
    });
    let mut socket = TcpStream::connect(out_address)?;
    let (mut block, mut received, started) = (vec![0; BLOCK_BYTES], 0_usize, Instant::now());
    loop {
        match socket.read(&mut block)? {
            0 => break,
            length => received += length,
        }
    }
    let per_second = received as f64 / started.elapsed().as_secs_f64();
    for thread in [sender, relay] {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of the relay panicked"))??;
    }
    Ok(per_second)
}
