//! When which portion of what the rules remember is written down: round after round, a little at a time, and never so that
//! a batch waits for it.
//!
//! A portion is taken between two batches, so it is what the engine was after exactly one of them. What has been taken is
//! written by a task of its own at the lowest priority; while that is busy nothing more is taken.

use domain::{
    engine::{Engine, SHARDS, ShardAt},
    time::{MonoMs, Now},
};
use metrics::{counter, histogram};
use tokio::{sync::mpsc, time::Instant};

use crate::store::{JournalId, Store};

/// Bytes taken at once, at which no further portion is added: a fraction of a millisecond to make, a few to write.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// Bytes a second at most, on average: whatever is remembered, the disk is left to readings.
const BYTES_PER_SECOND: usize = 1024 * 1024;
/// Between two looks at whether the writer is free again, and at least between two writes, in milliseconds.
const PAUSE_MS: u64 = 50;

/// Portions that are one picture: the engine after one batch.
pub(super) struct Portions {
    through: JournalId,
    shards: Vec<(ShardAt, Option<Vec<u8>>)>,
}

/// What is to be taken next, and when.
pub(super) struct Checkpoints {
    to_writer: mpsc::Sender<Portions>,
    every_ms: u64,
    next_shard: usize,
    next_at: MonoMs,
    round_began: MonoMs,
    /// Whether anything has changed since the present round began; before it begins, since the last one did.
    has_news: bool,
}

impl Checkpoints {
    /// The rounds, and what [`write()`] reads.
    pub(super) fn new(period_s: u64, now: MonoMs) -> (Self, mpsc::Receiver<Portions>) {
        let (to_writer, portions) = mpsc::channel(1);
        let every_ms = period_s.max(1).saturating_mul(1000);
        // Everything once, soon: what was never written down cannot be taken up.
        let rounds = Self { to_writer, every_ms, next_shard: 0, next_at: now, round_began: now, has_news: true };
        (rounds, portions)
    }

    /// The engine has moved on.
    pub(super) fn note(&mut self, has_changed: bool) {
        self.has_news |= has_changed;
    }

    /// When to look again; None: not before something changes.
    pub(super) fn due(&self) -> Option<MonoMs> {
        (self.next_shard > 0 || self.has_news).then_some(self.next_at)
    }

    /// Takes the next portions when it is time and the writer is free.
    pub(super) fn write_due(&mut self, engine: &Engine, through: JournalId, now: Now) {
        if self.due().is_none_or(|due| due > now.mono) {
            return;
        }
        let Ok(room) = self.to_writer.try_reserve() else {
            self.next_at = now.mono.plus_ms(PAUSE_MS);
            return;
        };
        if self.next_shard == 0 {
            self.round_began = now.mono;
            self.has_news = false;
        }
        let started = Instant::now();
        let (mut bytes, mut shards) = (0, Vec::new());
        while self.next_shard < SHARDS && bytes < BYTES_AT_ONCE {
            let shard = ShardAt::try_from(self.next_shard).expect("there are 256 shards");
            let state = engine.checkpoint(shard, now);
            bytes += state.as_ref().map_or(0, Vec::len);
            shards.push((shard, state));
            self.next_shard += 1;
        }
        room.send(Portions { through, shards });
        histogram!("gateway_checkpoint_take_seconds").record(started.elapsed().as_secs_f64());
        counter!("gateway_checkpoint_bytes_total").increment(bytes as u64);
        let rest_ms = u64::try_from(bytes * 1000 / BYTES_PER_SECOND).unwrap_or(u64::MAX).max(PAUSE_MS);
        self.next_at = now.mono.plus_ms(rest_ms);
        if self.next_shard == SHARDS {
            self.next_shard = 0;
            self.next_at = self.next_at.max(self.round_began.plus_ms(self.every_ms));
        }
    }
}

/// Writes what is taken, until nobody takes any more.
pub(super) async fn write(store: Store, mut portions: mpsc::Receiver<Portions>) {
    let mut has_failed = false;
    while let Some(Portions { through, shards }) = portions.recv().await {
        let started = Instant::now();
        match store.write_checkpoint(through, shards).await {
            Ok(()) => {
                histogram!("gateway_checkpoint_write_seconds").record(started.elapsed().as_secs_f64());
                if std::mem::take(&mut has_failed) {
                    tracing::info!("what the rules remember is written down again");
                }
            }
            // The older one goes on counting; the next round writes it anew.
            Err(error) if !has_failed => {
                has_failed = true;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "what the rules remember could not be written down; a start would play more of the journal"
                );
            }
            Err(_) => {}
        }
    }
}
