//! Sources: what turns equipment into samples. One folder a kind, each with the same parts: `config.rs`, a pure
//! decoding module, an I/O task, `README.md`, a sample configuration and `testdata/`.
//!
//! A source is one task ([`Source::run`]). It sends [`SourceEvent`]s and takes [`DeviceCommand`]s, and keeps three rules:
//!
//! 1. After [`SourceEvent::DeviceUp`] it sends at once [`SourceEvent::Samples`] with all it knows: the birth of a device
//!    carries values, so the device is born with the first samples after it came up.
//! 2. A device that cannot be read is [`SourceEvent::DeviceDown`]; its last value is never sent again as if it were new.
//!    A single metric that cannot be read is a sample without a value and with [`Quality::Bad`].
//! 3. Trouble with equipment is expected and is retried inside the source, with a capped and jittered back-off. `run`
//!    returns only when it is stopped; a source that returns by itself, or panics, ends the process with an error.
//!
//! What stands in the configuration file is the kind's `Config`; what runs is made from it once, by `Config::prepare`,
//! which reads further files (a recording, a code system) and checks what must agree, but opens no connection.

pub mod camera;
pub mod modbus;
pub mod replay;

use bytes::Bytes;
use domain::{
    id::{DeviceId, MetricName},
    reading::{Quality, Value},
    time::UnixMs,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What kind of value a metric has. A metric keeps its kind for as long as its device is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Int`].
    Int,
    /// [`Value::Float`].
    Float,
    /// [`Value::Text`].
    Text,
    /// Bytes that are no reading, such as a picture: sent by [`SourceEvent::Blob`] only.
    Blob,
}

/// What a device will report, known before its first value.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDeclaration {
    /// The metric.
    pub name: MetricName,
    /// The kind of its values.
    pub kind: ValueKind,
    /// Unit as people write it (`°C`, `MPa`); empty when there is none.
    pub unit: String,
    /// The smallest change that is sent before the periodic refresh, in the metric's unit. 0 sends every change.
    pub deadband: f64,
}

impl MetricDeclaration {
    /// A metric without unit whose every change is sent.
    pub fn new(name: MetricName, kind: ValueKind) -> Self {
        Self { name, kind, unit: String::new(), deadband: 0.0 }
    }
}

/// One measurement as the source took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric.
    pub metric: MetricName,
    /// When it was taken, by this machine's wall clock.
    pub at: UnixMs,
    /// What was measured; None when it could not be read (quality is then [`Quality::Bad`]).
    pub value: Option<Value>,
    /// [`Quality::Good`] or [`Quality::Bad`]; the gateway judges plausibility.
    pub quality: Quality,
}

impl Sample {
    /// A measured value.
    pub fn good(metric: MetricName, at: UnixMs, value: Value) -> Self {
        Self { metric, at, value: Some(value), quality: Quality::Good }
    }

    /// A metric that could not be read.
    pub fn bad(metric: MetricName, at: UnixMs) -> Self {
        Self { metric, at, value: None, quality: Quality::Bad }
    }
}

/// What a source tells the agent.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceEvent {
    /// The device answers again, or for the first time, and will report exactly these metrics.
    DeviceUp {
        /// Which device.
        device: DeviceId,
        /// Everything it will report.
        metrics: Vec<MetricDeclaration>,
    },
    /// Measurements of a device that is up.
    Samples {
        /// Which device.
        device: DeviceId,
        /// In the order they were taken.
        samples: Vec<Sample>,
    },
    /// The device cannot be read any more.
    DeviceDown {
        /// Which device.
        device: DeviceId,
        /// Why, in words for the log.
        reason: String,
    },
    /// Bytes that are no reading: a camera's snapshot. Dropped without a connection; while one waits for room, a newer one
    /// of the same device takes its place.
    Blob {
        /// Which device.
        device: DeviceId,
        /// A metric declared as [`ValueKind::Blob`].
        metric: MetricName,
        /// When it was taken.
        at: UnixMs,
        /// The content.
        bytes: Bytes,
    },
}

/// What the centre asks of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceCommand {
    /// Which device.
    pub device: DeviceId,
    /// Which of its controls.
    pub metric: MetricName,
    /// With what value.
    pub value: Value,
}

/// The agent does not listen any more: the process is stopping, and so should the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent is stopping")]
pub struct AgentStopped;

/// Where a source sends its events: a bounded queue. The agent takes from it at once whether or not the centre is
/// reachable, so that waiting here stays short.
#[derive(Debug, Clone)]
pub struct SampleSender(mpsc::Sender<SourceEvent>);

impl SampleSender {
    /// A queue of at most `capacity` events.
    pub fn bounded(capacity: usize) -> (Self, mpsc::Receiver<SourceEvent>) {
        let (tx, rx) = mpsc::channel(capacity);
        (Self(tx), rx)
    }

    /// Waits for room, then hands the event over.
    pub async fn send(&self, event: SourceEvent) -> Result<(), AgentStopped> {
        self.0.send(event).await.map_err(|_| AgentStopped)
    }
}

/// One configured source of any kind. A new kind is a folder, a variant here, and a list in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A camera.
    Camera(camera::Camera),
    /// Modbus TCP equipment behind one connection.
    Modbus(modbus::Modbus),
    /// A recording played back.
    Replay(replay::Replay),
}

impl Source {
    /// The kind and name, for logs.
    pub fn label(&self) -> String {
        match self {
            Source::Camera(camera) => format!("camera {}", camera.device()),
            Source::Modbus(modbus) => format!("modbus {}", modbus.name),
            Source::Replay(replay) => format!("replay {}", replay.name),
        }
    }

    /// The devices this source speaks for; no other source may name them.
    pub fn devices(&self) -> Vec<DeviceId> {
        match self {
            Source::Camera(camera) => vec![camera.device().clone()],
            Source::Modbus(modbus) => modbus.devices.iter().map(|device| device.id.clone()).collect(),
            Source::Replay(replay) => replay.recording.devices().cloned().collect(),
        }
    }

    /// Reads the equipment until stopped.
    pub async fn run(self, out: SampleSender, commands: mpsc::Receiver<DeviceCommand>, stop: CancellationToken) {
        match self {
            Source::Camera(camera) => camera::run(camera, out, commands, stop).await,
            Source::Modbus(modbus) => modbus::run(modbus, out, commands, stop).await,
            Source::Replay(replay) => replay::run(replay, out, commands, stop).await,
        }
    }
}
