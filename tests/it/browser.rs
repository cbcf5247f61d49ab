//! A real browser on the real dashboard. Each story has a district of its own; what happens in the browser is told in
//! `dashboard/e2e/stories`, and asks for changes of the world line by line.

use std::process::Stdio;

use domain::access::Role;
use harness::{
    World,
    camera::{Camera, NAME},
    modbus::{Equipment, gas_detector},
    process::workspace,
    skipped::{program, skipped},
    world::modbus_source,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
    time::timeout,
};

/// The longest story looks at every page on every screen.
const STORY_LIMIT: std::time::Duration = std::time::Duration::from_mins(8);

#[tokio::test]
async fn an_alarm_arrives_and_is_answered_with_one_key() {
    tell("alarm", None).await;
}

#[tokio::test]
async fn everybody_sees_their_own_on_screen() {
    tell("jurisdiction", None).await;
}

#[tokio::test]
async fn a_lost_gateway_is_said_and_the_screen_heals() {
    tell("connection", None).await;
}

#[tokio::test]
async fn every_page_comes_up_in_both_languages_on_every_screen() {
    tell("pages", None).await;
}

#[tokio::test]
async fn a_live_picture_plays_in_the_browser() {
    let Some(camera) = Camera::start().await.expect("a temporary folder") else {
        return skipped("ffmpeg or the RTSP server's packages are not installed");
    };
    tell("camera", Some(&camera)).await;
}

/// Why no browser story can be told here.
fn obstacle() -> Option<&'static str> {
    if program("node").is_none() {
        return Some("Node.js is not installed");
    }
    if std::env::var_os("CHROMIUM").is_none() && program("chromium").is_none() {
        return Some("Chromium is not installed");
    }
    if !workspace().join("dashboard/node_modules/playwright-core").is_dir() {
        return Some("the dashboard's packages are not installed (make lint installs them)");
    }
    if !workspace().join("dashboard/dist/index.html").is_file() {
        return Some("the dashboard is not built (npm --prefix dashboard run build)");
    }
    None
}

async fn tell(story: &str, camera: Option<&Camera>) {
    if let Some(reason) = obstacle() {
        return skipped(reason);
    }
    let mut world = World::start().await;
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    let detector = modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]);
    let camera = camera.map(|camera| {
        let (main, sub) = (camera.url("main"), camera.url("sub"));
        format!("[[camera]]\nid = \"{NAME}\"\nmain_url = \"{main}\"\nsub_url = \"{sub}\"\n")
    });
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &(detector + &camera.unwrap_or_default()));

    let mut browser = Command::new("node")
        .arg(workspace().join("dashboard/e2e/run.mjs"))
        .arg(story)
        .env("BRIGHTWATCH_STORY", setting(&world))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node.js starts");
    let mut answers = browser.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(browser.stdout.take().expect("a pipe")).lines();
    let mut complaints = browser.stderr.take().expect("a pipe");
    let telling = async {
        while let Some(line) = lines.next_line().await.expect("readable lines") {
            if let Some(wish) = line.strip_prefix("ASK ") {
                grant(wish, &mut world, &equipment).await;
                answers.write_all(b"done\n").await.expect("the story listens");
            }
        }
    };
    let mut said = String::new();
    let told = timeout(STORY_LIMIT, async { tokio::join!(telling, complaints.read_to_string(&mut said)) }).await;
    assert!(told.is_ok(), "`{story}` takes too long: {said}");
    let status = browser.wait().await.expect("the story ends");
    assert!(status.success(), "{said}");
}

fn setting(world: &World) -> String {
    let logins = Role::ALL.map(World::login);
    let logins: std::collections::BTreeMap<_, _> = logins.into_iter().collect();
    serde_json::json!({ "base": world.base(), "logins": logins }).to_string()
}

/// Changes the world as a story wishes.
async fn grant(wish: &str, world: &mut World, equipment: &Equipment) {
    match wish.split_once(' ') {
        Some(("gas", percent)) => equipment.set(1, gas_detector(percent.parse().expect("a concentration"))),
        Some(("stop", "gateway")) => world.gateway().kill(),
        Some(("start", "gateway")) => world.restart_gateway().await,
        _ => panic!("no story may wish `{wish}`"),
    }
}
