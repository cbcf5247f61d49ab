//! The gateway itself, measured as its peers are.

use std::time::{Duration, Instant};

use protocol::rest::History;
use sqlx::{AnyConnection, Connection as _};

use super::{BUCKETS, Outcome, QUERIES, SHAPE, WINDOW, middle};
use crate::{
    load,
    rig::{Pace, Rig},
};

/// Tails are compressed this soon after their first reading, so that what is measured is what stays.
const SETTINGS: &str = "store.seal_age_s = 2\n";
/// All tails are compressed by then.
const SEALING: Duration = Duration::from_secs(15);

/// Measures it for so long.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(super) async fn measure(duration: Duration) -> anyhow::Result<Outcome> {
    let rig = Rig::with_settings(SHAPE, 1, SETTINGS).await?;
    let before = load::now_ms();
    let (run, rig) = rig.run(Pace::Closed { window: WINDOW }, duration).await?;
    tokio::time::sleep(SEALING).await;
    let (stored, person) = (rig.station.page.read().await?.committed, &rig.station.person);
    let path = format!(
        "/devices/{}/history?metric=elevator.speed&from_ms={before}&to_ms={}&buckets={BUCKETS}",
        load::device_id(0, 0),
        load::now_ms()
    );
    let mut times = Vec::with_capacity(QUERIES);
    for _ in 0..QUERIES {
        let started = Instant::now();
        let history: History = person.get(&path).await?;
        anyhow::ensure!(!history.buckets.is_empty() || !history.points.is_empty(), "the gateway finds nothing");
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Outcome {
        name: "Brightwatch, SQLite".into(),
        readings_per_s: run.figures.committed as f64 / run.seconds,
        stored,
        bytes: used_bytes(&rig).await?,
        query_ms: middle(times),
        cores: run.cores.gateway,
        promise: "on disk, synced, each exactly once",
    })
}

/// Bytes of the database that are in use: what sealing freed is used again.
async fn used_bytes(rig: &Rig) -> anyhow::Result<u64> {
    sqlx::any::install_default_drivers();
    let file = rig.station.folder().join("data/brightwatch.db");
    let mut connection = AnyConnection::connect(&format!("sqlite://{}?mode=ro", file.display())).await?;
    let mut figure = async |pragma: &'static str| -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(pragma).fetch_one(&mut connection).await?)
    };
    let pages = figure("PRAGMA page_count").await? - figure("PRAGMA freelist_count").await?;
    Ok((pages * figure("PRAGMA page_size").await?).unsigned_abs())
}
