//! A store without a gateway around it, filled with made readings as fast as it takes them: for what would take a real
//! district weeks to bring about.

use std::{path::Path, sync::Arc};

use domain::{
    id::{DeviceId, MetricName, SeriesId},
    reading::{Quality, Reading, Value},
    time::UnixMs,
};
use gateway::store::{BatchCommit, SeriesDefinition, Store, StoreConfig, StoreTask};

/// 2026-09-21; every made series begins here.
pub(crate) const START: UnixMs = UnixMs(1_790_000_000_000);
/// What a made series measures.
pub(crate) const METRIC: &str = "cold_store.temperature";

/// What a made series looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A cold store in tenths of a degree: it cools and warms by 0.8 °C in 40 minutes, its door is opened, the sensor's last
    /// digit trembles.
    Temperature,
    /// A pressure in thousandths of a megapascal with noise of some twenty steps.
    Pressure,
    /// One of six codes, another one every hundred readings or so.
    State,
}

/// Makes the readings of one series, one a second.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    series: SeriesId,
    kind: Kind,
    jitter_ms: i64,
    random: u64,
    second: i64,
    level: f64,
    state: i64,
}

impl Maker {
    /// Of series `series`; times are up to `jitter_ms` early or late.
    pub(crate) fn new(series: u32, kind: Kind, jitter_ms: i64) -> Self {
        let random = 0x9e37_79b9_7f4a_7c15 ^ (u64::from(series) << 20);
        Self { series: SeriesId(series), kind, jitter_ms, random, second: 0, level: 0.0, state: 0 }
    }

    /// The next `count` readings.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Reading> {
        (0..count).map(|_| self.next()).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn next(&mut self) -> Reading {
        let wave = |seconds: f64| (self.second as f64 * std::f64::consts::TAU / seconds).sin();
        let (slow, slower) = (wave(2400.0), wave(30_000.0));
        let value = match self.kind {
            Kind::Temperature => {
                self.level += 0.004 * self.noise() - 0.0005 * self.level;
                Value::Float(rounded(4.0 + self.level + 0.4 * slow + 0.04 * self.noise(), 10.0))
            }
            Kind::Pressure => Value::Float(rounded(1.2 + 0.1 * slower + 0.02 * self.noise(), 1000.0)),
            Kind::State => {
                if self.below(100) == 0 {
                    self.state = self.below(6);
                }
                Value::Int(self.state)
            }
        };
        let jitter = if self.jitter_ms == 0 { 0 } else { self.below(2 * self.jitter_ms + 1) - self.jitter_ms };
        let event_time = START.plus_ms(self.second * 1000 + jitter);
        self.second += 1;
        Reading { series: self.series, event_time, value: Some(value), quality: Quality::Good }
    }

    /// From 0 to below `limit`.
    fn below(&mut self, limit: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        i64::try_from(self.random >> 1).unwrap_or(0) % limit
    }

    /// Nearly normal, with deviation 1.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn noise(&mut self) -> f64 {
        (0..12).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0
    }
}

fn rounded(quantity: f64, scale: f64) -> f64 {
    (quantity * scale).round() / scale
}

/// Opens a store in `folder`.
pub(crate) async fn open(folder: &Path, config: &StoreConfig) -> anyhow::Result<(Store, StoreTask)> {
    Ok(Store::open(config, folder).await?)
}

/// Defines series from `first` on, each of a device of its own named after it.
pub(crate) async fn define(store: &Store, first: u32, count: u32) -> anyhow::Result<()> {
    let definitions = (first..first + count).map(|number| {
        Ok(SeriesDefinition {
            id: SeriesId(number),
            device: DeviceId::new(format!("made-{number}"))?,
            metric: MetricName::new(METRIC)?,
        })
    });
    let new_series = definitions.collect::<anyhow::Result<_>>()?;
    store.commit_batch(Arc::new(BatchCommit { new_series, ..empty(START) })).await?;
    Ok(())
}

/// Commits readings, received at `received`.
pub(crate) async fn commit(store: &Store, readings: Vec<Reading>, received: UnixMs) -> anyhow::Result<()> {
    store.commit_batch(Arc::new(BatchCommit { readings: readings.into(), ..empty(received) })).await?;
    Ok(())
}

fn empty(received: UnixMs) -> BatchCommit {
    BatchCommit {
        received,
        new_series: Vec::new(),
        readings: Vec::new().into(),
        transitions: Vec::new(),
        service: Vec::new(),
        notices: Vec::new(),
        discovered: Vec::new(),
        outboxes: Vec::new(),
    }
}
