//! The task behind one camera: keeps a worker running, judges the camera's health, hands pictures on.

use std::{
    collections::{HashMap, VecDeque},
    future, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
    time::{MonoMs, UnixMs},
};
use protocol::video::{OPEN_METRIC, OpenVideo, SNAPSHOT_METRIC, SNAPSHOT_REQUEST_METRIC, StreamKind, StreamMessage};
use tokio::{sync::mpsc, time};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Camera,
    child::{PROGRAM, Worker},
    health::{CameraState, Health},
    link::{FromWorker, LinkError, Report, ToWorker},
    uplink::Uplink,
};
use crate::{
    backoff::Backoff,
    clock,
    source::{AgentStopped, DeviceCommand, MetricDeclaration, Sample, SampleSender, SourceEvent, ValueKind},
};

/// How often health is judged and finished uplinks are cleared away.
const TICK: Duration = Duration::from_secs(1);
/// How often values are offered when nothing changed; the agent's deadbands decide what is sent.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);
/// A worker reports every second; one that is silent for this long hangs.
const WORKER_SILENCE: Duration = Duration::from_secs(10);
/// Delay after the first failure of a worker, and the longest.
const FIRST_RESTART: Duration = Duration::from_millis(500);
const LONGEST_RESTART: Duration = Duration::from_secs(30);
/// A worker that lasted this long was a good one: the next failure counts as the first.
const GOOD_WORKER: Duration = Duration::from_mins(1);

const STATE: &str = "camera.state";
const FRAME_AGE: &str = "camera.frame_age_s";
const BITRATE: &str = "camera.bitrate_kbps";

/// Watches a camera until stopped. Waits for nothing but the agent's queue.
pub async fn run(
    camera: Camera,
    out: SampleSender,
    mut commands: mpsc::Receiver<DeviceCommand>,
    stop: CancellationToken,
) {
    let mut watch = Watch::new(camera, out);
    let mut tick = time::interval(TICK);
    tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        let outcome = tokio::select! {
            () = stop.cancelled() => break,
            piece = next_piece(&mut watch.worker) => watch.take_piece(piece).await,
            Some(command) = commands.recv() => {
                watch.take_command(command).await;
                Ok(())
            }
            _ = tick.tick() => watch.tick().await,
        };
        if outcome.is_err() {
            break;
        }
    }
    if let Some(running) = watch.worker.take() {
        running.worker.end().await;
    }
}

fn beside_the_agent() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(PROGRAM))
}

async fn next_piece(running: &mut Option<Running>) -> Option<Result<FromWorker, LinkError>> {
    match running {
        Some(running) => running.worker.next().await,
        None => future::pending().await,
    }
}

struct Running {
    worker: Worker,
    since: Instant,
    heard: Instant,
}

struct Watch {
    camera: Camera,
    out: SampleSender,
    started: Instant,
    worker: Option<Running>,
    restart_at: Instant,
    backoff: Backoff,
    health: Health,
    bitrate: Bitrate,
    uplinks: HashMap<StreamKind, Uplink>,
    /// A still that came before the device was up.
    still: Option<(UnixMs, Bytes)>,
    /// The state that was last told; None: the device is down.
    told: Option<CameraState>,
    sampled: Instant,
}

impl Watch {
    fn new(camera: Camera, out: SampleSender) -> Self {
        let now = Instant::now();
        let health = Health::new(camera.patience);
        Self {
            camera,
            out,
            started: now,
            worker: None,
            restart_at: now,
            backoff: Backoff::new(FIRST_RESTART, LONGEST_RESTART),
            health,
            bitrate: Bitrate::default(),
            uplinks: HashMap::new(),
            still: None,
            told: None,
            sampled: now,
        }
    }

    fn device(&self) -> &DeviceId {
        &self.camera.job.device
    }

    fn now(&self) -> MonoMs {
        MonoMs(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    async fn tick(&mut self) -> Result<(), AgentStopped> {
        match &self.worker {
            None if Instant::now() >= self.restart_at => self.start_worker().await,
            Some(running) if running.heard.elapsed() > WORKER_SILENCE => self.lose_worker("it hangs").await,
            _ => {}
        }
        self.clear_uplinks().await;
        self.tell().await
    }

    async fn start_worker(&mut self) {
        let program = self.camera.worker_program.clone();
        let started = match program.map_or_else(beside_the_agent, Ok) {
            Ok(program) => Worker::start(&program, &self.camera.job).await,
            Err(wrong) => Err(wrong),
        };
        match started {
            Ok(worker) => {
                let now = Instant::now();
                self.worker = Some(Running { worker, since: now, heard: now });
                for stream in self.uplinks.keys().map(|&asked| self.camera.source_of(asked)).collect::<Vec<_>>() {
                    self.order(&ToWorker::Open { stream }).await;
                }
            }
            Err(wrong) => {
                warn!(device.id = %self.device(), error = %wrong, "cannot start a camera worker");
                self.restart_at = Instant::now() + self.backoff.after_failure(rand::random());
            }
        }
    }

    async fn lose_worker(&mut self, reason: &str) {
        let Some(running) = self.worker.take() else { return };
        warn!(device.id = %self.device(), reason, "camera worker lost; starting another");
        if running.since.elapsed() > GOOD_WORKER {
            self.backoff.reset();
        }
        self.restart_at = Instant::now() + self.backoff.after_failure(rand::random());
        running.worker.end().await;
    }

    async fn order(&mut self, order: &ToWorker) {
        let Some(running) = &mut self.worker else { return };
        if let Err(wrong) = running.worker.order(order).await {
            self.lose_worker(&wrong.to_string()).await;
        }
    }

    async fn take_piece(&mut self, piece: Option<Result<FromWorker, LinkError>>) -> Result<(), AgentStopped> {
        match piece {
            None => self.lose_worker("it ended").await,
            Some(Err(wrong)) => self.lose_worker(&format!("{:#}", anyhow::Error::from(wrong))).await,
            Some(Ok(FromWorker::Report(report))) => self.take_report(&report),
            Some(Ok(FromWorker::Message(message))) => self.take_message(&message).await,
            Some(Ok(FromWorker::Frame(stream, frame))) => {
                for (asked, uplink) in &mut self.uplinks {
                    if self.camera.source_of(*asked) == stream {
                        uplink.offer_frame(&frame);
                    }
                }
            }
            Some(Ok(FromWorker::Still { at, jpeg })) => {
                self.still = Some((at, jpeg));
                self.send_still().await?;
            }
        }
        Ok(())
    }

    fn take_report(&mut self, report: &Report) {
        let now = self.now();
        if let Some(running) = &mut self.worker {
            running.heard = Instant::now();
        }
        self.health.take(report, now);
        self.bitrate.take(report.main_bytes, now);
    }

    async fn take_message(&mut self, message: &StreamMessage) {
        if message.device() != self.device() {
            let reason = format!("it speaks of camera {}", message.device());
            self.lose_worker(&reason).await;
            return;
        }
        for (asked, uplink) in &mut self.uplinks {
            if self.camera.source_of(*asked) == message.stream() {
                uplink.offer_message(message);
            }
        }
    }

    async fn take_command(&mut self, command: DeviceCommand) {
        match (command.metric.as_str(), &command.value) {
            (OPEN_METRIC, Value::Text(json)) => match serde_json::from_str(json) {
                Ok(open) => self.open(open).await,
                Err(wrong) => warn!(device.id = %self.device(), error = %wrong, "a command to open video that is none"),
            },
            (SNAPSHOT_REQUEST_METRIC, Value::Bool(true)) => self.order(&ToWorker::TakeStill).await,
            _ => warn!(device.id = %self.device(), metric = %command.metric, "a camera does not know this command"),
        }
    }

    async fn open(&mut self, open: OpenVideo) {
        let OpenVideo { ticket, stream } = open;
        let Some(gateway) = self.camera.gateway.clone() else {
            warn!(device.id = %self.device(), "the centre asks for live pictures, but the configuration has no [gateway]");
            return;
        };
        info!(device.id = %self.device(), %stream, "live pictures asked for");
        // The gateway asks again when it lost the connection before: the new one replaces the old.
        self.uplinks.insert(stream, Uplink::dial(gateway, ticket, stream));
        let stream = self.camera.source_of(stream);
        self.order(&ToWorker::Open { stream }).await;
    }

    async fn clear_uplinks(&mut self) {
        let finished: Vec<StreamKind> =
            self.uplinks.iter().filter(|(_, uplink)| uplink.is_finished()).map(|(&asked, _)| asked).collect();
        for asked in finished {
            let Some(uplink) = self.uplinks.remove(&asked) else { continue };
            match uplink.outcome().await {
                Ok(()) => info!(device.id = %self.device(), stream = %asked, "nobody watches any more"),
                Err(wrong) => {
                    let error = format!("{:#}", anyhow::Error::from(wrong));
                    warn!(device.id = %self.device(), stream = %asked, error, "live pictures broke off");
                }
            }
            let stream = self.camera.source_of(asked);
            if !self.uplinks.keys().any(|&other| self.camera.source_of(other) == stream) {
                self.order(&ToWorker::Close { stream }).await;
            }
        }
    }

    /// Tells the agent how the camera is: changes at once, the rest from time to time.
    async fn tell(&mut self) -> Result<(), AgentStopped> {
        let now = self.now();
        let state = self.health.state(now);
        let is_news = self.told != Some(state) && (self.told.is_some() || state != CameraState::Offline);
        let is_due = self.told.is_some() && self.sampled.elapsed() >= SAMPLE_INTERVAL;
        if !is_news && !is_due {
            return Ok(());
        }
        let device = self.device().clone();
        if self.told.is_none() {
            info!(device.id = %device, ?state, "camera up");
            self.out.send(SourceEvent::DeviceUp { device: device.clone(), metrics: declarations() }).await?;
        }
        let samples = self.samples(state, now, clock::wall());
        self.out.send(SourceEvent::Samples { device: device.clone(), samples }).await?;
        self.sampled = Instant::now();
        self.told = Some(state);
        if state == CameraState::Offline {
            self.told = None;
            let reason = format!("no picture for {} s", self.camera.patience.offline_after.as_secs());
            self.out.send(SourceEvent::DeviceDown { device, reason }).await?;
        } else if is_news {
            debug!(device.id = %device, ?state, "camera state");
        }
        self.send_still().await
    }

    async fn send_still(&mut self) -> Result<(), AgentStopped> {
        if self.told.is_none() {
            return Ok(());
        }
        let Some((at, bytes)) = self.still.take() else { return Ok(()) };
        let (device, metric) = (self.device().clone(), metric(SNAPSHOT_METRIC));
        self.out.send(SourceEvent::Blob { device, metric, at, bytes }).await
    }

    fn samples(&self, state: CameraState, now: MonoMs, at: UnixMs) -> Vec<Sample> {
        let age = self.health.frame_age(now).unwrap_or_default();
        vec![
            Sample::good(metric(STATE), at, Value::Int(state as i64)),
            Sample::good(metric(FRAME_AGE), at, Value::Float(age.as_secs_f64())),
            Sample::good(metric(BITRATE), at, Value::Float(self.bitrate.kbps())),
        ]
    }
}

/// The main stream's bit rate over the last reports.
#[derive(Debug, Default)]
struct Bitrate {
    /// (bytes so far, when), oldest first.
    seen: VecDeque<(u64, MonoMs)>,
}

impl Bitrate {
    /// Reports that are averaged: key frames come every few seconds and are ten times as large as the others.
    const WINDOW: usize = 10;

    fn take(&mut self, bytes: u64, now: MonoMs) {
        // A new worker counts from 0.
        if self.seen.back().is_some_and(|&(before, _)| bytes < before) {
            self.seen.clear();
        }
        self.seen.push_back((bytes, now));
        if self.seen.len() > Self::WINDOW {
            self.seen.pop_front();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds' worth of bytes lie far below 2^53")]
    fn kbps(&self) -> f64 {
        match (self.seen.front(), self.seen.back()) {
            (Some((first, since)), Some((last, until))) if until > since => {
                (last - first) as f64 * 8.0 / until.since_ms(*since) as f64
            }
            _ => 0.0,
        }
    }
}

fn declarations() -> Vec<MetricDeclaration> {
    let declare = |name, kind, unit: &str, deadband| MetricDeclaration {
        name: metric(name),
        kind,
        unit: unit.to_owned(),
        deadband,
    };
    vec![
        declare(STATE, ValueKind::Int, "", 0.0),
        declare(FRAME_AGE, ValueKind::Float, "s", 1.0),
        declare(BITRATE, ValueKind::Float, "kbit/s", 50.0),
        declare(SNAPSHOT_METRIC, ValueKind::Blob, "", 0.0),
        // Controls: a node takes commands to declared metrics only. They never have a value.
        declare(OPEN_METRIC, ValueKind::Text, "", 0.0),
        declare(SNAPSHOT_REQUEST_METRIC, ValueKind::Bool, "", 0.0),
    ]
}

fn metric(name: &str) -> MetricName {
    MetricName::new(name).expect("the names of a camera's metrics are names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_rate_is_an_average_that_survives_a_new_worker() {
        let mut bitrate = Bitrate::default();
        let check = |bitrate: &Bitrate, kbps: f64| assert!((bitrate.kbps() - kbps).abs() < 1e-9, "{}", bitrate.kbps());
        check(&bitrate, 0.0);
        for second in 0..20 {
            bitrate.take(second * 125_000, MonoMs(second * 1000));
        }
        check(&bitrate, 1000.0);
        bitrate.take(50, MonoMs(21_000));
        check(&bitrate, 0.0);
    }
}
