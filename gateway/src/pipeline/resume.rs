//! How a start takes up what the rules remembered: the portions that were written down, and the batches since.

use std::sync::Arc;

use domain::{
    engine::{Engine, KeptShard},
    registry::Registry,
};
use tokio::time::Instant;

use crate::{
    clock::Clock,
    store::{JournalId, Store, StoreError},
};

/// The engine as it was when the process before ended. `engine` knows its series, the latest values, the open alarms and
/// what is out of service, and no registry yet. A portion that cannot be read is named in the log and passed over.
///
/// # Errors
/// The store could not be read.
pub async fn resume(
    engine: Engine,
    registry: Arc<Registry>,
    store: &Store,
    clock: Clock,
) -> Result<Engine, StoreError> {
    let started = Instant::now();
    let shards = store.load_checkpoint().await?;
    let kept = shards.iter().map(|kept| KeptShard { shard: kept.shard, through: kept.through.0, state: &kept.state });
    let (mut recovery, refused) = engine.recover(registry, kept, clock.now());
    for (shard, error) in &refused {
        tracing::error!(shard, %error, "what rules remember is passed over: their delays begin anew from the latest values");
    }
    let (mut batch_count, mut reading_count) = (0_u64, 0_u64);
    if let Some(after) = recovery.replay_after() {
        let mut position = JournalId(after);
        loop {
            let batches = store.batches_after(position).await?;
            let Some(last) = batches.last() else { break };
            position = last.journal;
            for batch in &batches {
                batch_count += 1;
                reading_count += batch.readings.len() as u64;
                recovery.replay(batch.journal.0, batch.received, &batch.readings);
            }
        }
    }
    tracing::info!(
        shard_count = shards.len() - refused.len(),
        batch_count,
        reading_count,
        took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the rules go on from what they remembered"
    );
    Ok(recovery.finish())
}
