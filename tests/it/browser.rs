//! A real browser on the real dashboard. Each story has a district of its own; what happens in the browser is told in
//! `dashboard/e2e/stories`, and asks for changes of the world line by line.

use std::{net::SocketAddr, process::Stdio};

use domain::{access::Role, alarm::AlarmState};
use harness::{
    World,
    camera::{Camera, NAME},
    inbox::{Inbox, Post},
    modbus::{Equipment, gas_detector},
    process::{free_port, workspace},
    skipped::{program, skipped},
    world::{Options, modbus_source},
};
use protocol::rest::{AlarmNotice, AlarmPage, DeliveryState};
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
async fn from_a_register_to_the_chat_to_the_click_that_answers() {
    let robot = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let chat = Inbox::start(robot).await.expect("a free port");
    let config = "[notify]\n\n[[notify.channel]]\nname = \"chat\"\nserves.centre = true\n\
                  via.wecom = { url_file = \"chat.url\" }\n";
    let files = vec![("chat.url", format!("http://{robot}/send?key=k"))];
    let options = Options { config: config.into(), files, ..Options::default() };
    let Some(world) = tell_with("answer", None, options, Some(&chat)).await else { return };

    // What was clicked is what the gateway knows, and what it told stands with it.
    let operator = world.sign_in(Role::CentreOperator).await;
    let page: AlarmPage = operator.get("/alarms?state=calling&severity=1").await.expect("alarms");
    let alarm = page.alarms.iter().find(|alarm| alarm.rule.as_str() == "GA-03").expect("the gas is still there");
    assert_eq!(alarm.state, AlarmState::ActiveAcknowledged);
    let told: Vec<AlarmNotice> = operator.get(&format!("/alarms/{}/deliveries", alarm.id)).await.expect("receipts");
    let sent = |notice: &AlarmNotice| notice.deliveries.iter().any(|it| it.state == DeliveryState::Sent);
    assert!(told.iter().any(|notice| notice.occasion == "raised" && sent(notice)), "{told:?}");
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
    tell_with(story, camera, Options::default(), None).await;
}

/// The world as the story leaves it; None: none can be told here.
async fn tell_with(story: &str, camera: Option<&Camera>, options: Options, chat: Option<&Inbox>) -> Option<World> {
    if let Some(reason) = obstacle() {
        skipped(reason);
        return None;
    }
    let mut world = World::start_with(options).await;
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
                let answer = grant(wish, &mut world, &equipment, chat).await + "\n";
                answers.write_all(answer.as_bytes()).await.expect("the story listens");
            }
        }
    };
    let mut said = String::new();
    let told = timeout(STORY_LIMIT, async { tokio::join!(telling, complaints.read_to_string(&mut said)) }).await;
    assert!(told.is_ok(), "`{story}` takes too long: {said}");
    let status = browser.wait().await.expect("the story ends");
    assert!(status.success(), "{said}");
    Some(world)
}

fn setting(world: &World) -> String {
    let logins = Role::ALL.map(World::login);
    let logins: std::collections::BTreeMap<_, _> = logins.into_iter().collect();
    serde_json::json!({ "base": world.base(), "logins": logins }).to_string()
}

/// Changes the world as a story wishes, and answers in one line.
async fn grant(wish: &str, world: &mut World, equipment: &Equipment, chat: Option<&Inbox>) -> String {
    match wish.split_once(' ') {
        Some(("message", of)) => {
            let chat = chat.expect("the story has a chat");
            let text = |post: &Post| post.json()["text"]["content"].as_str().unwrap_or_default().to_owned();
            let post = chat.until("the chat is told", STORY_LIMIT, |post| text(post).contains(of)).await;
            return serde_json::json!(text(&post)).to_string();
        }
        Some(("gas", percent)) => equipment.set(1, gas_detector(percent.parse().expect("a concentration"))),
        Some(("stop", "gateway")) => world.gateway().kill(),
        Some(("start", "gateway")) => world.restart_gateway().await,
        _ => panic!("no story may wish `{wish}`"),
    }
    "done".into()
}
