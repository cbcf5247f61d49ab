//! The relay by itself, and the hub with real sockets.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{
    Router,
    extract::{Path, State, WebSocketUpgrade, ws::Message},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use domain::{
    access::{Jurisdiction, Role},
    id::{DeviceId, NodeId, OwnerId, ProfileId, SiteId, TownshipCode},
    reading::Value,
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, UnixMs},
};
use futures_util::{SinkExt, StreamExt};
use protocol::video::{
    Frame, FrameHeader, OpenVideo, Opened, PictureSize, SNAPSHOT_METRIC, StreamKind, StreamMessage, UnavailableReason,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use super::{
    CameraCommand, Config, Hub, Snapshots, UPLINK_MESSAGE_BYTES_MAX, Viewer, WatchRefused,
    relay::{Misfit, Relay},
    ticket::StreamKey,
    viewer::Seat,
};
use crate::{clock::Clock, ingest::Blob, store::Scope};

const LIMIT: Duration = Duration::from_secs(20);

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

fn opened(camera: &str, stream: StreamKind, stream_id: u32) -> StreamMessage {
    StreamMessage::Opened(Opened {
        device: device(camera),
        stream,
        stream_id,
        epoch: 1,
        mime: "video/mp4; codecs=\"avc1.64001f\"".into(),
        size: PictureSize { width: 1280, height: 720 },
    })
}

/// Every fifth picture is a key frame: 1, 6, 11 …
fn frame(stream_id: u32, sequence: u64) -> Frame {
    let is_key = sequence % 5 == 1;
    Frame::new(FrameHeader { stream_id, sequence, is_key, captured_ms: 0 }, b"moof").unwrap()
}

/// Camera `camera-1` in township 500156001, which may be moved elsewhere.
fn registry(township: &str) -> Registry {
    let townships = ["500156001", "500156002"].map(|code| Township {
        code: TownshipCode::new(code).unwrap(),
        name_zh: code.into(),
        name_en: code.into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    });
    let owner = Owner { id: OwnerId::new("school").unwrap(), name: "School".into(), phone: String::new() };
    let site = Site {
        id: SiteId::new("kitchen").unwrap(),
        name: "Kitchen".into(),
        township: TownshipCode::new(township).unwrap(),
        owner: owner.id.clone(),
        address: String::new(),
    };
    let camera = Device {
        id: device("camera-1"),
        name: "Camera".into(),
        site: site.id.clone(),
        profile: ProfileId::new("kitchen_camera").unwrap(),
        node: NodeId::new("edge-1").unwrap(),
        nameplate: [].into(),
    };
    Registry::build(townships.into(), vec![], vec![owner], vec![site], vec![camera]).unwrap()
}

fn centre() -> Scope {
    Scope::for_tests(Role::CentreOperator, Jurisdiction::District)
}

fn officer(township: &str) -> Scope {
    let codes = Arc::new([TownshipCode::new(township).unwrap()].into());
    Scope::for_tests(Role::TownshipOfficer, Jurisdiction::Townships { codes })
}

fn relay() -> Relay {
    let mut relay = Relay::new(StreamKey { device: device("camera-1"), stream: StreamKind::Main }, MonoMs(0));
    relay.attach(1, CancellationToken::new());
    relay
}

#[test]
fn an_uplink_that_shows_anything_but_its_ticket_is_refused() {
    let mut fresh = relay();
    assert!(matches!(fresh.take_message(opened("camera-2", StreamKind::Main, 7)), Err(Misfit::OtherStream { .. })));
    assert!(matches!(fresh.take_message(opened("camera-1", StreamKind::Sub, 7)), Err(Misfit::OtherStream { .. })));
    assert!(matches!(fresh.take_frame(frame(7, 0)), Err(Misfit::StreamId(7))), "before any message");

    let mut named = relay();
    named.take_message(opened("camera-1", StreamKind::Main, 7)).unwrap();
    assert!(matches!(named.take_frame(frame(8, 0)), Err(Misfit::StreamId(8))), "another stream's");
    assert!(matches!(named.take_frame(frame(7, 1)), Err(Misfit::Order { .. })), "before the initialisation segment");
    named.take_frame(frame(7, 0)).unwrap();
    assert!(matches!(named.take_frame(frame(7, 0)), Err(Misfit::Order { .. })), "twice");
    named.take_frame(frame(7, 1)).unwrap();
    named.take_frame(frame(7, 3)).unwrap();
    assert!(matches!(named.take_frame(frame(7, 2)), Err(Misfit::Order { before: 3, got: 2 })));
}

#[test]
fn an_edge_that_does_not_answer_is_asked_again_with_patience() {
    let mut relay = Relay::new(StreamKey { device: device("camera-1"), stream: StreamKind::Main }, MonoMs(0));
    assert!(!relay.ask(MonoMs(0)), "nobody watches");
    relay.take_seat(1, Arc::new(Seat::new(centre())));
    let asked: Vec<u64> = (0..60_000).filter(|&at| relay.ask(MonoMs(at))).collect();
    assert_eq!(asked, [0, 5_000, 11_000, 19_000, 31_000, 50_000]);

    relay.attach(1, CancellationToken::new());
    assert!(!relay.ask(MonoMs(100_000)));
    relay.detach(1, MonoMs(100_000));
    assert!(!relay.ask(MonoMs(100_999)) && relay.ask(MonoMs(101_000)));
}

#[test]
fn a_newer_uplink_replaces_the_older_and_outlives_it() {
    let mut relay = relay();
    let (second, third) = (CancellationToken::new(), CancellationToken::new());
    relay.attach(2, second.clone());
    relay.attach(3, third.clone());
    relay.detach(2, MonoMs(0));
    assert!(second.is_cancelled() && !third.is_cancelled());
    assert!(!relay.ask(MonoMs(60_000)), "the third pushes");
    drop(relay);
    assert!(third.is_cancelled());
}

/// A gateway with nothing but a hub behind one route.
struct Harness {
    hub: Hub,
    registry: Arc<ArcSwap<Registry>>,
    commands: mpsc::Receiver<CameraCommand>,
    address: String,
    _stop: DropGuard,
    _tasks: [AbortOnDropHandle<()>; 2],
}

async fn dial(
    State((hub, stop)): State<(Hub, CancellationToken)>,
    Path(ticket): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    match hub.redeem(&ticket) {
        Some(uplink) => upgrade
            .max_message_size(UPLINK_MESSAGE_BYTES_MAX)
            .on_upgrade(move |socket| uplink.serve(socket, stop))
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Harness {
    async fn start(config: Config) -> Self {
        let registry = Arc::new(ArcSwap::from_pointee(registry("500156001")));
        let (commands_tx, commands) = mpsc::channel(8);
        let hub = Hub::new(config, Clock::start(), Arc::clone(&registry), commands_tx);
        let stop = CancellationToken::new();
        let routes = Router::new().route("/uplink/{ticket}", any(dial)).with_state((hub.clone(), stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}/uplink", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let running = tokio::spawn(hub.clone().run(stop.clone()));
        let tasks = [serving, running].map(AbortOnDropHandle::new);
        Self { hub, registry, commands, address, _stop: stop.drop_guard(), _tasks: tasks }
    }

    /// Waits for the command that asks the edge for a stream.
    async fn asked(&mut self) -> OpenVideo {
        let command = timeout(LIMIT, self.commands.recv()).await.expect("the edge is asked").unwrap();
        assert_eq!((command.device.as_str(), command.metric.as_str()), ("camera-1", "Video/Open"));
        let Value::Text(json) = command.value else { panic!("not a text") };
        serde_json::from_str(&json).unwrap()
    }

    async fn edge(&self, open: &OpenVideo) -> Result<Edge, tungstenite::Error> {
        let url = format!("{}/{}", self.address, open.ticket.reveal());
        Ok(Edge(tokio_tungstenite::connect_async(url).await?.0))
    }
}

/// The edge's end of an uplink.
struct Edge(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

impl Edge {
    async fn say(&mut self, message: &StreamMessage) {
        self.0.send(tungstenite::Message::text(message.to_text())).await.unwrap();
    }

    async fn push(&mut self, frame: &Frame) {
        self.0.send(tungstenite::Message::Binary(frame.message().clone())).await.unwrap();
    }

    /// Waits until the gateway hangs up.
    async fn hung_up(mut self) {
        let search = async { while let Some(Ok(_)) = self.0.next().await {} };
        timeout(LIMIT, search).await.expect("the gateway hangs up");
    }
}

async fn next(viewer: &mut Viewer) -> Message {
    timeout(LIMIT, viewer.next()).await.expect("something comes").expect("the viewer may stay")
}

async fn next_frame(viewer: &mut Viewer) -> Frame {
    loop {
        if let Message::Binary(bytes) = next(viewer).await {
            return Frame::parse(bytes).unwrap();
        }
    }
}

async fn next_message(viewer: &mut Viewer) -> StreamMessage {
    loop {
        if let Message::Text(text) = next(viewer).await {
            return StreamMessage::parse(&text).unwrap();
        }
    }
}

#[tokio::test]
async fn pictures_go_from_the_edge_to_all_who_watch() {
    let mut harness = Harness::start(Config { linger_s: 0, ..Config::default() }).await;
    let mut first = harness.hub.watch(&centre(), &device("camera-1"), StreamKind::Main).unwrap();
    let open = harness.asked().await;
    let mut edge = harness.edge(&open).await.unwrap();
    assert!(harness.edge(&open).await.is_err(), "a ticket is good once");

    let message = opened("camera-1", StreamKind::Main, 7);
    edge.say(&message).await;
    for sequence in 0..=8 {
        edge.push(&frame(7, sequence)).await;
    }
    assert_eq!(next_message(&mut first).await, message);
    for sequence in 0..=8 {
        assert_eq!(next_frame(&mut first).await, frame(7, sequence));
    }

    // One who joins is given the stream's name, its initialisation segment and the group so far.
    let mut second = harness.hub.watch(&officer("500156001"), &device("camera-1"), StreamKind::Main).unwrap();
    assert_eq!(next_message(&mut second).await, message);
    for sequence in [0, 6, 7, 8] {
        assert_eq!(next_frame(&mut second).await, frame(7, sequence));
    }
    edge.push(&frame(7, 9)).await;
    for viewer in [&mut first, &mut second] {
        assert_eq!(next_frame(viewer).await, frame(7, 9));
    }

    drop((first, second));
    edge.hung_up().await;
    assert!(harness.commands.try_recv().is_err(), "the edge was asked once");
}

#[tokio::test]
async fn an_uplink_that_misbehaves_is_cut_off_and_the_edge_asked_again() {
    let mut harness = Harness::start(Config::default()).await;
    let mut viewer = harness.hub.watch(&centre(), &device("camera-1"), StreamKind::Sub).unwrap();
    let open = harness.asked().await;
    let mut edge = harness.edge(&open).await.unwrap();
    edge.say(&opened("camera-1", StreamKind::Sub, 7)).await;
    edge.push(&frame(7, 0)).await;
    assert!(next_frame(&mut viewer).await.header().is_init());
    // A foreign camera's picture never reaches the viewer.
    edge.say(&opened("camera-2", StreamKind::Sub, 9)).await;
    edge.hung_up().await;

    let again = harness.asked().await;
    assert_ne!(again.ticket, open.ticket);
    let mut edge = harness.edge(&again).await.unwrap();
    edge.say(&opened("camera-1", StreamKind::Sub, 11)).await;
    let StreamMessage::Opened(shown) = next_message(&mut viewer).await else { panic!("not opened") };
    assert_eq!((shown.device, shown.stream_id), (device("camera-1"), 11));
    // What is no message at all cuts off as well.
    edge.0.send(tungstenite::Message::Binary(vec![0; 100].into())).await.unwrap();
    edge.hung_up().await;
}

#[tokio::test]
async fn a_viewer_is_told_that_the_edge_does_not_answer() {
    let harness = Harness::start(Config::default()).await;
    let mut viewer = harness.hub.watch(&centre(), &device("camera-1"), StreamKind::Main).unwrap();
    let StreamMessage::Unavailable(message) = next_message(&mut viewer).await else { panic!("pictures?") };
    assert_eq!((message.device, message.reason), (device("camera-1"), UnavailableReason::EdgeUnreachable));
}

#[tokio::test]
async fn only_who_is_responsible_watches_and_only_as_long() {
    let harness = Harness::start(Config { viewers_max: 1, ..Config::default() }).await;
    let watch = |scope: &Scope, camera: &str| harness.hub.watch(scope, &device(camera), StreamKind::Main);
    let refused = |scope: &Scope, camera: &str| watch(scope, camera).err();
    assert_eq!(refused(&officer("500156002"), "camera-1"), Some(WatchRefused::NotFound));
    assert_eq!(refused(&officer("500156001"), "camera-9"), Some(WatchRefused::NotFound));

    let mut viewer = watch(&officer("500156001"), "camera-1").unwrap();
    assert_eq!(refused(&centre(), "camera-1"), Some(WatchRefused::TooMany));
    harness.registry.store(Arc::new(registry("500156002")));
    assert_eq!(timeout(LIMIT, viewer.next()).await.expect("the watching ends"), None);
    drop(viewer);
    assert!(watch(&officer("500156002"), "camera-1").is_ok());
}

#[tokio::test]
async fn the_newest_still_is_kept_for_those_responsible() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let current = Arc::new(ArcSwap::from_pointee(registry("500156001")));
    let (commands_tx, mut commands) = mpsc::channel(8);
    let open = || Snapshots::open(folder.path(), clock, Arc::clone(&current), commands_tx.clone()).unwrap();
    let snapshots = open();
    let (stills, still_rx) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let running = tokio::spawn(snapshots.clone().run(still_rx, stop));

    let jpeg = |fill: u8| [&[0xff, 0xd8, 0xff][..], &[fill; 100]].concat();
    let blob = |camera: &str, at: i64, bytes: Vec<u8>| Blob {
        device: device(camera),
        metric: domain::id::MetricName::new(SNAPSHOT_METRIC).unwrap(),
        at: UnixMs(at),
        bytes: bytes.into(),
    };
    stills.send(blob("camera-1", 1_790_000_000_123, jpeg(1))).await.unwrap();
    stills.send(blob("camera-1", 1_790_000_000_124, jpeg(2))).await.unwrap(); // too soon after the first
    stills.send(blob("camera-2", 1_790_000_000_125, b"<html>".to_vec())).await.unwrap();
    stills.send(blob("camera-2", 1_790_000_000_125, jpeg(0).repeat(3000))).await.unwrap();
    drop(stills);
    running.await.unwrap();

    // What was kept is known again after a restart.
    for snapshots in [snapshots, open()] {
        let expected = Some((UnixMs(1_790_000_000_123), jpeg(1).into()));
        assert_eq!(snapshots.newest(&officer("500156001"), &device("camera-1")).await.unwrap(), expected);
        assert_eq!(snapshots.newest(&officer("500156002"), &device("camera-1")).await.unwrap(), None);
        assert_eq!(snapshots.newest(&centre(), &device("camera-2")).await.unwrap(), None);

        assert!(!snapshots.request(&officer("500156002"), &device("camera-1")));
        assert!(snapshots.request(&officer("500156001"), &device("camera-1")));
        assert!(snapshots.request(&officer("500156001"), &device("camera-1")), "asked already");
        assert_eq!(commands.try_recv().unwrap().metric.as_str(), "Video/Snapshot");
        assert!(commands.try_recv().is_err());
    }
}
