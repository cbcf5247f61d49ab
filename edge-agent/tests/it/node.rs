//! The whole agent, with a real broker between it and a host that decodes what it says.

use domain::reading::{Quality, Value};
use edge_agent::app;
use protocol::sparkplug::{
    outbox::SEQ,
    topic::NodeVerb::{DBirth, DData, DDeath, NBirth, NData, NDeath},
};
use rumqttc::MqttOptions;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{
    LIMIT, Site,
    broker::Broker,
    equipment::{Equipment, Mood},
    host::Host,
};

const GROUP: &str = "500156001";

fn site(broker: &str, equipment: u16) -> Site {
    Site::new(&format!(
        r#"
        [node]
        id = "edge-1"
        group = "{GROUP}"
        [broker]
        {broker}
        [[modbus]]
        name = "line"
        address = "127.0.0.1:{equipment}"
        timeout_ms = 200
        poll_interval_ms = 50
        [[modbus.device]]
        id = "store-1"
        metric = [
            {{ name = "cold_store.temperature", table = "holding", address = 0, type = "i16", scale = 0.1, unit = "°C", deadband = 0.5 }},
            {{ name = "cold_store.door_open", table = "holding", address = 1, type = "bool" }},
        ]
        "#
    ))
}

struct Agent {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Agent {
    fn start(site: &Site) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = site.load().unwrap();
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(app::run(setup, stop.clone())), stop }
    }

    async fn stops(self) {
        self.stop.cancel();
        timeout(LIMIT, self.task).await.expect("it stops in time").unwrap().unwrap();
    }
}

fn url(broker: &Broker) -> String {
    format!("url = \"mqtt://127.0.0.1:{}\"", broker.port)
}

#[tokio::test]
async fn is_born_with_values_speaks_and_dies_in_good_order() {
    let broker = Broker::start().await;
    let equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let mut host = Host::on(broker.port).await;
    let site = site(&url(&broker), equipment.port);
    let agent = Agent::start(&site);

    let node_birth = host.next().await;
    assert!(node_birth.is(NBirth, None), "{node_birth:?}");
    assert_eq!(node_birth.seq, Some(0));
    let bd_seq = node_birth.value("bdSeq");
    assert_eq!(bd_seq, Some(Value::Int(0)));
    assert_eq!(node_birth.value("edge.agent_version"), Some(Value::Text(env!("CARGO_PKG_VERSION").into())));
    assert!(node_birth.value("edge.memory_mib").and_then(|value| value.as_f64()).is_some_and(|mib| mib > 0.5));
    assert_eq!(node_birth.value("edge.outbox_gap_count"), Some(Value::Int(0)));

    let birth = host.until(|heard| heard.is(DBirth, Some("store-1"))).await;
    assert_eq!(birth.value("cold_store.temperature"), Some(Value::Float(3.5)));
    assert_eq!(birth.value("cold_store.door_open"), Some(Value::Bool(false)));

    let first = host.until(|heard| heard.verb == DData).await;
    assert_eq!(first.value("cold_store.temperature"), Some(Value::Float(3.5)), "the birth's values have a number too");

    equipment.set(1, 0, 38);
    equipment.set(1, 1, 1);
    let data = host.until(|heard| heard.verb == DData).await;
    // A change of 0.3 lies within the deadband.
    assert_eq!(data.metrics.len(), 2, "{data:?}");
    assert_eq!(data.value("cold_store.door_open"), Some(Value::Bool(true)));
    assert_ne!(data.value(SEQ), first.value(SEQ));
    assert!(!data.metrics[0].is_historical);
    equipment.set(1, 0, 91);
    let data = host.until(|heard| heard.verb == DData && heard.metric("cold_store.temperature").is_some()).await;
    assert_eq!(data.value("cold_store.temperature"), Some(Value::Float(9.1)));

    agent.stops().await;
    let death = host.until(|heard| heard.verb == NDeath).await;
    assert_eq!(death.value("bdSeq"), bd_seq);

    let again = Agent::start(&site);
    let birth = host.until(|heard| heard.verb == NBirth).await;
    assert_eq!(birth.value("bdSeq"), Some(Value::Int(1)), "a restart does not repeat the number");
    again.stops().await;
}

#[tokio::test]
async fn a_device_that_cannot_be_read_dies_and_is_born_again() {
    let broker = Broker::start().await;
    let mut equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let mut host = Host::on(broker.port).await;
    let agent = Agent::start(&site(&url(&broker), equipment.port));
    host.until(|heard| heard.is(DBirth, Some("store-1"))).await;

    host.until(|heard| heard.verb == DData).await;

    equipment.set_mood(1, Mood::Refuses(tokio_modbus::ExceptionCode::ServerDeviceFailure));
    let bad = host.until(|heard| heard.verb == DData).await;
    assert_eq!((bad.metrics[0].quality, &bad.metrics[0].value), (Quality::Bad, &None));

    equipment.switch_off().await;
    host.until(|heard| heard.is(DDeath, Some("store-1"))).await;
    equipment.set_mood(1, Mood::Answers);
    equipment.switch_on().await;
    let birth = host.until(|heard| heard.verb != NData).await;
    assert!(birth.is(DBirth, Some("store-1")), "nothing is said between death and birth: {birth:?}");
    agent.stops().await;
}

#[tokio::test]
async fn a_rebirth_says_everything_again_and_sequence_numbers_have_no_gap() {
    let broker = Broker::start().await;
    let equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let mut host = Host::on(broker.port).await;
    let agent = Agent::start(&site(&url(&broker), equipment.port));
    host.until(|heard| heard.is(DBirth, Some("store-1"))).await;

    host.ask_for_rebirth(GROUP, "edge-1").await;
    let node_birth = host.until(|heard| heard.verb == NBirth).await;
    assert_eq!(node_birth.value("bdSeq"), Some(Value::Int(0)), "the same connection");
    let mut expected = node_birth.seq;
    assert_eq!(expected, Some(0));
    let (mut births, mut doors) = (0, 0);
    while doors < 40 {
        equipment.set(1, 1, u16::from(doors % 2 == 0));
        let heard = host.next().await;
        expected = expected.map(|seq| (seq + 1) % 256);
        assert_eq!(heard.seq, expected, "{heard:?}");
        births += usize::from(heard.verb == DBirth);
        doors += usize::from(heard.verb == DData);
    }
    assert_eq!(births, 1);
    agent.stops().await;
}

#[tokio::test]
async fn what_happens_while_the_broker_is_away_arrives_as_history() {
    let mut broker = Broker::start().await;
    let equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let mut host = Host::on(broker.port).await;
    // Born only when somebody listens: otherwise it might say everything before its host is back.
    let broker_keys = format!("{}\nprimary_host = \"brightwatch\"", url(&broker));
    let agent = Agent::start(&site(&broker_keys, equipment.port));
    host.say_state("brightwatch", true, 1_000).await;
    host.until(|heard| heard.is(DBirth, Some("store-1"))).await;

    broker.kill();
    for temperature in [100, 200, 300] {
        equipment.set(1, 0, temperature);
        let before = equipment.requests(1);
        crate::support::eventually("the change is read", || equipment.requests(1) >= before + 2).await;
    }
    broker.restart().await;
    host.is_back().await;
    host.say_state("brightwatch", true, 2_000).await;

    let birth = host.until(|heard| heard.verb == NBirth).await;
    assert_ne!(birth.value("bdSeq"), Some(Value::Int(0)), "every attempt to connect has a number of its own");
    let birth = host.until(|heard| heard.is(DBirth, Some("store-1"))).await;
    assert_eq!(birth.value("cold_store.temperature"), Some(Value::Float(30.0)), "what is true now goes first");
    for expected in [10.0, 20.0] {
        host.until(|heard| {
            let temperature = heard.metric("cold_store.temperature").filter(|metric| metric.is_historical);
            heard.verb == DData && temperature.is_some_and(|metric| metric.value == Some(Value::Float(expected)))
        })
        .await;
    }
    agent.stops().await;
}

#[tokio::test]
async fn is_born_only_while_its_host_is_there() {
    let broker = Broker::start().await;
    let equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let mut host = Host::on(broker.port).await;
    host.say_state("brightwatch", false, 1_000).await;
    let broker_keys = format!("{}\nprimary_host = \"brightwatch\"", url(&broker));
    let agent = Agent::start(&site(&broker_keys, equipment.port));
    let before = equipment.requests(1);
    crate::support::eventually("the equipment is read", || equipment.requests(1) > before + 5).await;

    host.say_state("brightwatch", true, 2_000).await;
    let birth = host.next().await;
    assert!(birth.is(NBirth, None), "nothing before the birth: {birth:?}");
    host.say_state("brightwatch", false, 1_500).await;
    host.until(|heard| heard.is(DBirth, Some("store-1"))).await;

    host.say_state("brightwatch", false, 2_000).await;
    let death = host.until(|heard| heard.verb == NDeath).await;
    assert_eq!(death.value("bdSeq"), birth.value("bdSeq"));
    host.say_state("brightwatch", true, 3_000).await;
    let birth = host.until(|heard| heard.verb == NBirth).await;
    assert_eq!(birth.value("bdSeq"), Some(Value::Int(1)), "a new connection");
    agent.stops().await;
}

#[tokio::test]
async fn a_command_that_nothing_takes_disturbs_nothing() {
    let broker = Broker::start().await;
    let equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let mut host = Host::on(broker.port).await;
    let agent = Agent::start(&site(&url(&broker), equipment.port));
    host.until(|heard| heard.is(DBirth, Some("store-1"))).await;
    host.command(GROUP, "edge-1", "store-1", "cold_store.door_open").await;
    host.command(GROUP, "edge-1", "store-1", "unknown").await;
    host.command(GROUP, "edge-1", "store-9", "unknown").await;
    for payload in [&b""[..], &[0xff; 40], &[0x12, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
        for topic in ["NCMD/edge-1", "DCMD/edge-1/store-1"] {
            host.say_raw(&format!("spBv1.0/{GROUP}/{topic}"), payload).await;
        }
    }
    host.ask_for_rebirth(GROUP, "edge-1").await;
    host.until(|heard| heard.verb == NBirth).await;
    agent.stops().await;
}

#[tokio::test]
async fn signs_in_as_itself_over_tls() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let broker = Broker::with(|folder| {
        std::fs::write(folder.join("broker.pem"), certified.cert.pem()).unwrap();
        std::fs::write(folder.join("broker.key"), certified.signing_key.serialize_pem()).unwrap();
        let made = std::process::Command::new("mosquitto_passwd")
            .arg("-c")
            .arg("-b")
            .arg(folder.join("passwords"))
            .args(["edge-1", "correct horse"])
            .status();
        assert!(made.unwrap().success());
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            "certfile {}\nkeyfile {}\nallow_anonymous false\npassword_file {}",
            file("broker.pem"),
            file("broker.key"),
            file("passwords")
        )
    })
    .await;
    let equipment = Equipment::start(&[(1, &[35, 0])]).await;
    let keys =
        format!("url = \"mqtts://localhost:{}\"\nca_file = \"ca.pem\"\npassword_file = \"password\"", broker.port);
    let site = site(&keys, equipment.port);
    site.write("ca.pem", &certified.cert.pem());
    site.write("password", "correct horse\n");

    let mut options = MqttOptions::new("host", "localhost", broker.port);
    options.set_credentials("edge-1", "correct horse");
    let ca = certified.cert.pem().into_bytes();
    let tls = rumqttc::TlsConfiguration::Simple { ca, alpn: None, client_auth: None };
    options.set_transport(rumqttc::Transport::tls_with_config(tls));
    let mut host = Host::connect(options).await;
    let agent = Agent::start(&site);
    host.until(|heard| heard.is(DBirth, Some("store-1"))).await;
    agent.stops().await;
}
