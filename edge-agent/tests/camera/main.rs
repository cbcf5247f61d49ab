//! Cameras against the real thing: the RTSP server of `GStreamer`, a server that freezes, one that sends nonsense, and
//! worker processes that die or hang.

#![expect(clippy::unwrap_used, reason = "an assertion in a test")]

mod gateway;
mod rtsp;

use std::{fs, path::PathBuf, process::Command, time::Duration};

use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
};
use edge_agent::source::{
    DeviceCommand, SampleSender, SourceEvent,
    camera::{self, Camera, Gateway, RtspUrl, health::Patience, link::Job},
};
use protocol::video::{
    OPEN_METRIC, OpenVideo, SNAPSHOT_REQUEST_METRIC, StreamKind, StreamMessage, Ticket, UnavailableReason,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::{gateway::FakeGateway, rtsp::RtspServer};

/// Longer than anything here takes, also on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// A camera source that runs, and what it says.
struct Running {
    device: DeviceId,
    events: mpsc::Receiver<SourceEvent>,
    commands: mpsc::Sender<DeviceCommand>,
    _stop: tokio_util::sync::DropGuard,
    _task: AbortOnDropHandle<()>,
}

impl Running {
    fn start(main_url: &str, sub_url: Option<&str>, gateway: Option<&FakeGateway>) -> Self {
        let device = DeviceId::new("camera-1").unwrap();
        let camera = Camera {
            job: Job {
                device: device.clone(),
                main_url: RtspUrl::parse(main_url).unwrap(),
                sub_url: sub_url.map(|url| RtspUrl::parse(url).unwrap()),
                silence_ms: 2000,
                still_interval_ms: 60_000,
            },
            patience: Patience {
                offline_after: Duration::from_secs(4),
                black_after: Duration::from_secs(3),
                frozen_after: Duration::from_secs(3),
            },
            gateway: gateway.map(|gateway| Gateway::new(gateway.url.clone(), None).unwrap()),
            worker_program: Some(PathBuf::from(env!("CARGO_BIN_EXE_edge-agent-camera"))),
        };
        let (out, events) = SampleSender::bounded(64);
        let (commands, command_rx) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let task = tokio::spawn(camera::run(camera, out, command_rx, stop.clone()));
        Self { device, events, commands, _stop: stop.drop_guard(), _task: AbortOnDropHandle::new(task) }
    }

    /// Waits for the first event that `pick` takes.
    async fn wait_for<T>(&mut self, what: &str, mut pick: impl FnMut(&SourceEvent) -> Option<T>) -> T {
        let search = async {
            while let Some(event) = self.events.recv().await {
                if let Some(found) = pick(&event) {
                    return Some(found);
                }
            }
            None
        };
        timeout(LIMIT, search).await.ok().flatten().unwrap_or_else(|| panic!("never came: {what}"))
    }

    async fn wait_for_up(&mut self) {
        self.wait_for("the camera up", |event| matches!(event, SourceEvent::DeviceUp { .. }).then_some(())).await;
    }

    async fn wait_for_down(&mut self) {
        self.wait_for("the camera down", |event| matches!(event, SourceEvent::DeviceDown { .. }).then_some(())).await;
    }

    async fn wait_for_state(&mut self, state: i64) {
        self.wait_for(&format!("state {state}"), |event| {
            let SourceEvent::Samples { samples, .. } = event else { return None };
            let told = samples.iter().find(|sample| sample.metric.as_str() == "camera.state")?;
            (told.value == Some(Value::Int(state))).then_some(())
        })
        .await;
    }

    async fn wait_for_still(&mut self) -> Vec<u8> {
        self.wait_for("a still", |event| match event {
            SourceEvent::Blob { bytes, .. } => Some(bytes.to_vec()),
            _ => None,
        })
        .await
    }

    async fn command(&self, metric: &str, value: Value) {
        let command = DeviceCommand { device: self.device.clone(), metric: MetricName::new(metric).unwrap(), value };
        self.commands.send(command).await.unwrap();
    }

    async fn open(&self, stream: StreamKind) {
        let ticket = Ticket::new("0123456789abcdef0123456789abcdef").unwrap();
        let json = serde_json::to_string(&OpenVideo { ticket, stream }).unwrap();
        self.command(OPEN_METRIC, Value::Text(json.into())).await;
    }
}

#[tokio::test]
async fn a_camera_is_watched_and_its_pictures_can_be_played() {
    let Some(server) = RtspServer::start() else { return };
    let mut gateway = FakeGateway::start().await;
    let mut camera = Running::start(&server.url("test/main"), Some(&server.url("test/sub")), Some(&gateway));
    camera.wait_for_up().await;
    camera.wait_for_state(1).await;
    let still = camera.wait_for_still().await;
    assert!(still.starts_with(&[0xff, 0xd8, 0xff]) && still.len() <= protocol::video::MAX_SNAPSHOT_BYTES);

    for (stream, size) in [(StreamKind::Main, (640, 360)), (StreamKind::Sub, (320, 180))] {
        camera.open(stream).await;
        let mut uplink = gateway.accept(LIMIT).await;
        assert_eq!(uplink.path, "/api/v1/uplink/0123456789abcdef0123456789abcdef");
        let StreamMessage::Opened(opened) = uplink.message().await else { panic!("not opened") };
        assert_eq!((&opened.device, opened.stream), (&camera.device, stream));
        assert_eq!((opened.size.width, opened.size.height), size);
        assert!(opened.mime.starts_with("video/mp4; codecs=\"avc1.42c0"), "{}", opened.mime);

        let frames = uplink.frames(40).await;
        assert!(frames[0].header().is_init() && frames[1].header().is_key);
        let mut sequence = frames[1].header().sequence;
        for frame in &frames[2..] {
            sequence += 1;
            assert_eq!((frame.header().sequence, frame.header().stream_id), (sequence, opened.stream_id));
        }
        let file = server.folder.path().join(format!("{stream}.mp4"));
        fs::write(&file, frames.iter().flat_map(|frame| frame.fragment().to_vec()).collect::<Vec<_>>()).unwrap();
        let probe =
            ["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"];
        let probe = Command::new("ffprobe").args(probe).arg(&file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), "h264,39");
        assert_eq!(String::from_utf8_lossy(&probe.stderr), "");
        uplink.close().await;
    }

    camera.command(SNAPSHOT_REQUEST_METRIC, Value::Bool(true)).await;
    camera.wait_for_still().await;
}

#[tokio::test]
async fn a_black_picture_and_a_frozen_one_are_told_apart_from_a_living_one() {
    let Some(server) = RtspServer::start() else { return };
    let mut camera = Running::start(&server.url("test/main"), None, None);
    camera.wait_for_up().await;
    for (fault, state) in [("black", 2), ("freeze", 3), ("ok", 1)] {
        server.switch("test", fault);
        camera.wait_for_state(state).await;
    }
}

#[tokio::test]
async fn a_camera_that_stalls_is_down_until_pictures_come_again() {
    goes_down_and_comes_back("stall").await;
}

#[tokio::test]
async fn a_camera_that_is_switched_off_is_down_until_it_is_on_again() {
    goes_down_and_comes_back("stop").await;
}

async fn goes_down_and_comes_back(fault: &str) {
    let Some(server) = RtspServer::start() else { return };
    let mut camera = Running::start(&server.url("test/main"), None, None);
    camera.wait_for_up().await;
    server.switch("test", fault);
    camera.wait_for_state(0).await;
    camera.wait_for_down().await;
    server.switch("test", "ok");
    camera.wait_for_up().await;
    camera.wait_for_state(1).await;
}

#[tokio::test]
async fn a_viewer_is_told_when_the_camera_goes_and_comes_back() {
    let Some(server) = RtspServer::start() else { return };
    let mut gateway = FakeGateway::start().await;
    // Without a sub stream the main one stands in, under the name that was asked for.
    let camera = Running::start(&server.url("test/main"), None, Some(&gateway));
    camera.open(StreamKind::Sub).await;
    let mut uplink = gateway.accept(LIMIT).await;
    let first = uplink.message().await;
    assert_eq!((first.device(), first.stream()), (&camera.device, StreamKind::Sub));
    let first = if matches!(first, StreamMessage::Unavailable(_)) { uplink.message().await } else { first };
    let StreamMessage::Opened(first) = first else { panic!("not opened") };
    uplink.frames(3).await;

    server.switch("test", "stall");
    let StreamMessage::Unavailable(gone) = uplink.message().await else { panic!("not told") };
    assert_eq!(gone.reason, UnavailableReason::CameraOffline);
    server.switch("test", "ok");
    let StreamMessage::Opened(again) = uplink.message().await else { panic!("not opened") };
    assert_ne!((again.epoch, again.stream_id), (first.epoch, first.stream_id));
    assert!(uplink.frames(2).await[0].header().is_init());
}

#[tokio::test]
async fn h265_is_named_as_not_playable_but_has_stills_and_health() {
    let Some(server) = RtspServer::start() else { return };
    let mut gateway = FakeGateway::start().await;
    let mut camera = Running::start(&server.url("hevc/main"), None, Some(&gateway));
    camera.wait_for_up().await;
    camera.wait_for_still().await;
    camera.open(StreamKind::Main).await;
    let StreamMessage::Unavailable(message) = gateway.accept(LIMIT).await.message().await else { panic!("opened") };
    assert_eq!(message.reason, UnavailableReason::CodecNotPlayable);
    assert_eq!(message.codec.as_deref(), Some("hevc 320×180"));
}

#[tokio::test]
async fn a_worker_that_dies_or_hangs_is_replaced_and_the_viewer_goes_on() {
    let Some(server) = RtspServer::start() else { return };
    let mut gateway = FakeGateway::start().await;
    let mut camera = Running::start(&server.url("test/main"), None, Some(&gateway));
    camera.wait_for_up().await;
    camera.open(StreamKind::Main).await;
    let mut uplink = gateway.accept(LIMIT).await;
    let StreamMessage::Opened(mut last) = uplink.message().await else { panic!("not opened") };
    uplink.frames(2).await;
    for signal in ["-KILL", "-STOP"] {
        let workers = rtsp::children_named("edge-agent-camera");
        assert_eq!(workers.len(), 1, "{workers:?}");
        assert!(Command::new("kill").arg(signal).arg(workers[0].to_string()).status().unwrap().success());
        let again = loop {
            if let StreamMessage::Opened(opened) = uplink.message().await {
                break opened;
            }
        };
        assert_ne!(again.stream_id, last.stream_id, "{signal}");
        last = again;
        let frames = uplink.frames(2).await;
        assert!(frames[0].header().is_init() && frames[1].header().is_key);
        assert!(!rtsp::children_named("edge-agent-camera").contains(&workers[0]), "the old one is gone");
    }
}

#[tokio::test]
async fn a_camera_that_sends_nonsense_is_tried_again_with_patience_and_never_up() {
    let nonsense = rtsp::NonsenseServer::start().await;
    let mut camera = Running::start(&nonsense.url, None, None);
    nonsense.wait_for_connections(3, LIMIT).await;
    assert!(camera.events.try_recv().is_err(), "nothing is said of a camera that never was one");
    let workers = rtsp::children_named("edge-agent-camera");
    assert_eq!(workers.len(), 1, "the worker lives through it: {workers:?}");
}
