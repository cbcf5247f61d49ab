//! From a register to the message in a group chat, and to the answer; and through the death of the gateway.

use std::{collections::BTreeMap, net::SocketAddr};

use domain::{access::Role, alarm::AlarmState};
use harness::{
    World, eventually,
    inbox::{Inbox, Post},
    modbus::{Equipment, gas_detector},
    process::free_port,
    world::{Options, modbus_source},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::rest::{AlarmDetail, AlarmNotice, DeadChannels, DeliveryState, DeviceDraft};
use sha2::Sha256;

use super::{LIMIT, alarm_of, value_of};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A gateway that tells the centre by a chat robot and the township by a program.
fn options(robot: SocketAddr, program: SocketAddr) -> Options {
    let config = format!(
        "[notify]\ntimeout_s = 60\n\n[[notify.channel]]\nname = \"chat\"\nserves.centre = true\n\
         via.wecom = {{ url_file = \"chat.url\" }}\n\n[[notify.channel]]\nname = \"program\"\n\
         serves.townships = [\"500156001\"]\nvia.webhook = {{ url = \"http://{program}/hook\", secret_file = \"key\" }}\n"
    );
    let files = vec![("chat.url", format!("http://{robot}/send?key=k")), ("key", KEY.to_owned())];
    Options { config, files, ..Options::default() }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn text(post: &Post) -> String {
    post.json()["text"]["content"].as_str().unwrap_or_default().to_owned()
}

async fn with_gas(world: &mut World) -> Equipment {
    let equipment = Equipment::start().await.expect("a free port");
    equipment.set(1, gas_detector(0.5));
    let broker = world.mqtt_address();
    world.start_agent("edge-north", broker, &modbus_source(equipment.address(), &[("gas-north", 1, "gas-detector")]));
    equipment
}

#[tokio::test]
async fn a_register_reaches_the_chat_and_the_program_and_the_alarm_says_who_was_told() {
    // Given a gas detector, a chat robot of the centre and a program of the township.
    let (robot, program) = (loopback(free_port()), loopback(free_port()));
    let chat = Inbox::start(robot).await.expect("a free port");
    let hook = Inbox::start(program).await.expect("a free port");
    let mut world = World::start_with(options(robot, program)).await;
    let equipment = with_gas(&mut world).await;

    // When gas reaches the third level.
    equipment.set(1, gas_detector(60.0));

    // Then the chat is told, everybody by name, with the reason and the place.
    let post = chat.until("the chat is told", LIMIT, |post| text(post).contains("60")).await;
    assert_eq!(post.json()["text"]["mentioned_list"][0], "@all");
    assert!(text(&post).contains("I级（红）告警") && text(&post).contains("gas-north"), "{}", text(&post));

    // And the program, signed as the contract says.
    let post = hook.until("the program is told", LIMIT, |post| !post.body.is_empty()).await;
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any key will do");
    mac.update(format!("{}.", post.headers["x-brightwatch-timestamp"]).as_bytes());
    mac.update(&post.body);
    let signature = post.headers["x-brightwatch-signature"].strip_prefix("sha256=").expect("its kind is named");
    let digest: Vec<u8> = (0..signature.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hexadecimal digits"))
        .collect();
    mac.verify_slice(&digest).expect("the signature is right");
    assert_eq!(post.json()["notices"][0]["audience"]["id"], "500156001");

    // When somebody answers the alarm that the message names, then it is answered, and shows who was told.
    let operator = world.sign_in(Role::CentreOperator).await;
    let id = post.json()["notices"][0]["subject"]["id"].clone();
    let mut live = operator.live().await.expect("a live stream");
    let alarm = live.until("it is on screen", LIMIT, |now| alarm_of(now, "gas-north", "GA-03")).await;
    assert_eq!(id, alarm.id.0);
    let answered = operator.acknowledge(&alarm, "已通知疏散").await.expect("acknowledged");
    assert_eq!(answered.state, AlarmState::ActiveAcknowledged);
    let told: Vec<AlarmNotice> = eventually("both are noted as sent", LIMIT, async || {
        let told: Vec<AlarmNotice> = operator.get(&format!("/alarms/{}/deliveries", alarm.id)).await.ok()?;
        let sent = told.iter().flat_map(|notice| &notice.deliveries).filter(|it| it.state == DeliveryState::Sent);
        (sent.count() == 2).then_some(told)
    })
    .await;
    for (notice, it) in told.iter().flat_map(|notice| notice.deliveries.iter().map(move |it| (notice, it))) {
        let took_ms = it.sent_at_ms.unwrap_or_default() - notice.at_ms;
        println!("{} had it {took_ms} ms after the batch was closed", it.channel);
    }
    // The owner and the office have no channel, which is seen too.
    assert_eq!(told.iter().filter(|notice| notice.deliveries.is_empty()).count(), 2, "{told:?}");
}

#[tokio::test]
async fn a_dead_channel_is_an_alarm_that_another_tells_of_and_that_lasts_until_it_works_again() {
    // Given a gateway that stands in the registry, a chat of the centre, and a program of the township that is not there.
    let (robot, program) = (loopback(free_port()), loopback(free_port()));
    let chat = Inbox::start(robot).await.expect("a free port");
    let mut options = options(robot, program);
    options.config = options.config.replace("[notify]\n", "[notify]\ndead_after_s = 1\n");
    let mut world = World::start_with(options).await;
    let admin = world.sign_in(Role::Admin).await;
    let own = DeviceDraft {
        id: "gateway".parse().expect("an id"),
        name: "监测网关".into(),
        site: "north-kitchen".parse().expect("an id"),
        profile: "gateway".parse().expect("an id"),
        node: "gateway".parse().expect("an id"),
        nameplate: BTreeMap::new(),
    };
    admin.put("/registry/devices/gateway", &own).await.expect("registered");
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    live.until("no channel is dead", LIMIT, |now| value_of(now, "gateway", "gateway.dead_channel_count").map(drop))
        .await;

    // When something has to be told to the township.
    let equipment = with_gas(&mut world).await;
    equipment.set(1, gas_detector(60.0));

    // Then the program's silence is an ordinary alarm, which the chat tells of, and is on everybody's screen.
    let alarm = live.until("the channel is an alarm", LIMIT, |now| alarm_of(now, "gateway", "GW-01")).await;
    chat.until("the chat is told", LIMIT, |post| text(post).contains("通知渠道失效 · 北区示例厨房")).await;
    let dead: DeadChannels = operator.get("/notify/dead").await.expect("an officer may know");
    assert_eq!(dead.channels, ["program"]);

    // A restart forgets nothing, and when the program is there again, it is over.
    world.restart_gateway().await;
    let dead: DeadChannels = operator.get("/notify/dead").await.expect("an officer may know");
    assert_eq!(dead.channels, ["program"], "nothing has got through");
    let hook = Inbox::start(program).await.expect("a free port");
    hook.until("the program is told what waited", LIMIT, |post| !post.body.is_empty()).await;
    eventually("the alarm's condition has gone", LIMIT, async || {
        let detail: AlarmDetail = operator.get(&format!("/alarms/{}", alarm.id)).await.ok()?;
        detail.alarm.returned_at_ms
    })
    .await;
    let dead: DeadChannels = operator.get("/notify/dead").await.expect("an officer may know");
    assert!(dead.channels.is_empty());
}

#[tokio::test]
async fn a_gateway_killed_before_or_while_telling_tells_after_its_start() {
    // Given a chat that does not answer and a program that is not there.
    let (robot, program) = (loopback(free_port()), loopback(free_port()));
    let chat = Inbox::start(robot).await.expect("a free port");
    chat.set_mute(true);
    let mut world = World::start_with(options(robot, program)).await;
    let equipment = with_gas(&mut world).await;

    // When an alarm is committed, and the gateway is killed with one message under way and one not sent at all.
    equipment.set(1, gas_detector(60.0));
    chat.until("the chat is asked", LIMIT, |post| text(post).contains("60")).await;
    // Killed before that is noted, it could not know that nothing arrived.
    let operator = world.sign_in(Role::CentreOperator).await;
    let mut live = operator.live().await.expect("a live stream");
    let alarm = live.until("it is on screen", LIMIT, |now| alarm_of(now, "gas-north", "GA-03")).await;
    eventually("it is noted that the program is not there", LIMIT, async || {
        let told: Vec<AlarmNotice> = operator.get(&format!("/alarms/{}/deliveries", alarm.id)).await.ok()?;
        let mut failed = told.iter().flat_map(|notice| &notice.deliveries).filter(|it| it.last_error.is_some());
        failed.next().map(|_| ())
    })
    .await;
    world.gateway().kill();
    let hook = Inbox::start(program).await.expect("a free port");
    chat.set_mute(false);
    world.restart_gateway().await;

    // Then both are told: the chat with the mark that it may know already, the program without.
    let again = chat.until("the chat is told again", LIMIT, |post| text(post).contains("可能重复")).await;
    assert!(text(&again).contains("60"), "{}", text(&again));
    let post = hook.until("the program is told", LIMIT, |post| !post.body.is_empty()).await;
    assert_eq!(post.json()["is_maybe_repeated"], false);
    assert_eq!(post.json()["notices"][0]["occasion"], "raised");
    // Once; that its edge node was away is news of its own.
    let of_it = |post: &&Post| post.json()["notices"][0]["subject"]["id"] == alarm.id.0;
    assert_eq!(hook.posts().iter().filter(of_it).count(), 1);
}
