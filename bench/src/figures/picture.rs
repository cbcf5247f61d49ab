//! The first picture of a camera, and what relaying it costs.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::StreamExt as _;
use harness::{
    camera::Camera,
    person::{Person, Socket},
    process::Process,
};
use protocol::video::Frame;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    process::{Cost, children, program, proportional_mib, resident_mib},
    station::{Station, TOWNSHIP, registry_device, registry_head},
    table::{Table, Targets, number},
};

const NODE: &str = "bench-camera-node";
const CAMERA: &str = "bench-camera";
const TARGET_S: f64 = 1.0;
const AGENT_TARGET_MIB: f64 = 40.0;
/// From the agent's start to the first picture anybody sees.
const START_LIMIT: Duration = Duration::from_mins(1);
const PICTURE_LIMIT: Duration = Duration::from_secs(20);
/// First pictures of each kind; the middle one is told.
const TRIES: usize = 5;
/// Longer than gateway and agent keep a stream that nobody watches.
const FORGOTTEN: Duration = Duration::from_secs(8);
const MORE_VIEWERS: usize = 20;

/// Measures with one camera of 1280 × 720, 15 pictures a second.
pub(crate) async fn measure(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let Some(camera) = Camera::start().await? else {
        println!(
            "\nSKIPPED first picture, relayed stream, agent's memory: ffmpeg or the RTSP server's packages are missing"
        );
        return Ok(());
    };
    let registry = registry_head()
        + &registry_device(NODE, "bench", "edge_node", NODE, "")
        + &registry_device(CAMERA, "bench", "kitchen_camera", NODE, "");
    let station = Station::start(&registry).await?;
    let agent = start_agent(&station, &camera).await?;
    let Some(from_start) = first_after_start(&station.person).await? else {
        println!("\nSKIPPED first picture, relayed stream, agent's memory: no picture came from the agent");
        return Ok(());
    };

    let mut cold = Vec::new();
    for _ in 0..TRIES {
        tokio::time::sleep(FORGOTTEN).await;
        cold.push(first_picture(&station.person).await?.0);
    }
    let watching = keep_watching(&station.person, 1).await?;
    let mut warm = Vec::new();
    for _ in 0..TRIES {
        warm.push(first_picture(&station.person).await?.0);
    }
    let (cold, warm) = (middle(cold), middle(warm));
    targets.at_most("first picture, warm", warm, TARGET_S, "s");

    let mut table = Table::new("Pictures: one camera, 1280 × 720 at 15/s, H.264", &["", "figure", ""]);
    table.row(["first picture after the agent's start".into(), number(from_start), "s".into()]);
    table.row(["first picture, cold: nobody watched this camera".into(), number(cold), "s".into()]);
    table.row(["first picture, warm: somebody watches it already".into(), number(warm), "s".into()]);

    let one = costs(&station, &agent, duration).await?;
    let more = keep_watching(&station.person, MORE_VIEWERS).await?;
    let many = costs(&station, &agent, duration).await?;
    drop((watching, more));
    tokio::time::sleep(FORGOTTEN).await;
    let none = costs(&station, &agent, duration).await?;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let each = (many.gateway - one.gateway) / MORE_VIEWERS as f64;
    let mut row = |what: &str, cores: f64| table.row([what.into(), number(cores * 1000.0), "millicores".into()]);
    row("gateway, nobody watches", none.gateway);
    row("gateway, one stream relayed to one viewer", one.gateway - none.gateway);
    row("gateway, each viewer more", each);
    row("agent, nobody watches (health and stills)", none.agent);
    row("agent, one stream sent", one.agent - none.agent);

    let workers = children(agent.id());
    let memory = resident_mib(agent.id())?;
    let sum =
        |measure: fn(u32) -> anyhow::Result<f64>| workers.iter().map(|&id| measure(id)).sum::<anyhow::Result<f64>>();
    let of_workers = sum(resident_mib)?;
    let mut row = |what: &str, mib: f64| table.row([what.into(), number(mib), "MiB".into()]);
    row("agent's resident memory", memory);
    row("  its own part of it (PSS)", proportional_mib(agent.id())?);
    row(&format!("its {} process(es) that speak to the camera", workers.len()), of_workers);
    row("  their own part of it (PSS)", sum(proportional_mib)?);
    targets.at_most("agent with one camera, its camera process included", memory + of_workers, AGENT_TARGET_MIB, "MiB");
    table.print();
    Ok(())
}

async fn start_agent(station: &Station, camera: &Camera) -> anyhow::Result<Process> {
    let folder = station.folder();
    let credential = station.enrol(NODE).await?;
    fs::write(folder.join("node.password"), credential.password)?;
    let (main, sub) = (camera.url("main"), camera.url("sub"));
    let text = format!(
        r#"[node]
id = "{NODE}"
group = "{TOWNSHIP}"
[gateway]
url = "ws://{http}"
[broker]
url = "mqtt://{mqtt}"
password_file = "node.password"
[[camera]]
id = "{CAMERA}"
main_url = "{main}"
sub_url = "{sub}"
"#,
        http = station.http,
        mqtt = station.mqtt,
    );
    let config = folder.join("edge-agent.toml");
    fs::write(&config, text)?;
    let mut start = Command::new(program("edge-agent")?);
    start.arg("run").arg("--config").arg(&config);
    Ok(Process::start("edge-agent", &mut start, folder)?)
}

/// Seconds from now, the agent's start, to the first picture; None: there never was one.
async fn first_after_start(person: &Person) -> anyhow::Result<Option<f64>> {
    let started = Instant::now();
    while started.elapsed() < START_LIMIT {
        match first_picture(person).await {
            Ok(_) => return Ok(Some(started.elapsed().as_secs_f64())),
            // The node is not born yet.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    Ok(None)
}

/// Opens the stream and waits for the first piece of MP4 that can be shown. Seconds, and the open stream.
async fn first_picture(person: &Person) -> anyhow::Result<(f64, Socket)> {
    let started = Instant::now();
    let mut socket = person.socket(&format!("/cameras/{CAMERA}/live?stream=main")).await?;
    let waiting = async {
        loop {
            match socket.next().await.context("the stream has ended")?? {
                Message::Binary(message) if is_picture(message.clone()) => return anyhow::Ok(()),
                Message::Close(_) => bail!("the gateway closed the stream"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PICTURE_LIMIT, waiting).await.context("no picture")??;
    Ok((started.elapsed().as_secs_f64(), socket))
}

fn is_picture(message: Bytes) -> bool {
    Frame::parse(message).is_ok_and(|frame| frame.header().is_key)
}

/// People who look on until the set is dropped.
async fn keep_watching(person: &Person, count: usize) -> anyhow::Result<JoinSet<()>> {
    let mut people = JoinSet::new();
    for _ in 0..count {
        let (_, mut socket) = first_picture(person).await?;
        people.spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
    }
    Ok(people)
}

/// Cores that gateway and agent keep busy.
struct Costs {
    gateway: f64,
    agent: f64,
}

async fn costs(station: &Station, agent: &Process, duration: Duration) -> anyhow::Result<Costs> {
    let mut of_agent = children(agent.id());
    of_agent.push(agent.id());
    let (started, of_gateway, of_agent) = (Instant::now(), Cost::of(&[station.gateway()])?, Cost::of(&of_agent)?);
    tokio::time::sleep(duration).await;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Costs { gateway: of_gateway.seconds()? / seconds, agent: of_agent.seconds()? / seconds })
}

fn middle(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}
