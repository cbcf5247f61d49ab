//! Against a real mosquitto. What is denied is proven by its not arriving, with a later message as the witness.

use std::time::Duration;

use domain::id::NodeId;
use protocol::sparkplug::topic::{GroupId, NodeAddress};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use tempfile::TempDir;

use super::{access::Connection, *};

const LIMIT: Duration = Duration::from_secs(20);

fn node(id: &str) -> NodeAddress {
    NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new(id).unwrap() }
}

fn config() -> Config {
    Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() }
}

struct House {
    broker: Broker,
    data_dir: TempDir,
    stop: CancellationToken,
}

impl House {
    async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &config()).await
    }

    async fn start_in(data_dir: TempDir, config: &Config) -> Self {
        let stop = CancellationToken::new();
        let broker = Broker::start(config, &ExternalConfig::default(), data_dir.path(), stop.clone()).await.unwrap();
        Self { broker, data_dir, stop }
    }

    async fn stop(self) -> TempDir {
        self.stop.cancel();
        self.broker.stopped().await;
        self.data_dir
    }

    fn enrolment(&self) -> &Enrolment {
        self.broker.enrolment.as_ref().unwrap()
    }

    fn port(&self) -> u16 {
        Running::load(self.data_dir.path()).unwrap().unwrap().address.port()
    }

    async fn node(&self, id: &str) -> Client {
        let credential = self.enrolment().enrol(&node(id)).await.unwrap();
        Client::connect(self.port(), &credential).await.unwrap()
    }

    /// The gateway's own ear.
    async fn ingest(&self) -> Client {
        let mut client = Client::start(self.broker.access.options(Connection::Ingest, "x"));
        client.wait(|packet| matches!(packet, Packet::ConnAck(_))).await.unwrap();
        client.subscribe("spBv1.0/#").await;
        client
    }
}

struct Client {
    client: AsyncClient,
    events: EventLoop,
}

impl Client {
    fn start(mut options: MqttOptions) -> Self {
        options.set_keep_alive(Duration::from_secs(5));
        let (client, events) = AsyncClient::new(options, 64);
        Self { client, events }
    }

    async fn connect(port: u16, credential: &Credential) -> Result<Self, String> {
        let mut options = MqttOptions::new("chosen-by-the-client", "127.0.0.1", port);
        options.set_credentials(&credential.username, &credential.password);
        let mut client = Self::start(options);
        client.wait(|packet| matches!(packet, Packet::ConnAck(_))).await?;
        Ok(client)
    }

    async fn wait(&mut self, is_it: impl Fn(&Packet) -> bool) -> Result<Packet, String> {
        let wait = async {
            loop {
                match self.events.poll().await {
                    Ok(Event::Incoming(packet)) if is_it(&packet) => return Ok(packet),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("the broker answers")
    }

    async fn subscribe(&mut self, filter: &str) -> bool {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
        let packet = self.wait(|packet| matches!(packet, Packet::SubAck(_))).await.unwrap();
        let Packet::SubAck(answer) = packet else { unreachable!() };
        matches!(answer.return_codes[0], rumqttc::SubscribeReasonCode::Success(_))
    }

    /// Publishes and waits until the broker has it.
    async fn publish(&mut self, topic: &str) {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, "x").unwrap();
        self.wait(|packet| matches!(packet, Packet::PubAck(_))).await.unwrap();
    }

    /// The topics heard up to and including `last`.
    async fn heard_until(&mut self, last: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.last().map(String::as_str) != Some(last) {
            let Packet::Publish(publish) = self.wait(|packet| matches!(packet, Packet::Publish(_))).await.unwrap()
            else {
                unreachable!()
            };
            heard.push(publish.topic);
        }
        heard
    }
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_node_speaks_for_itself_only() {
    let house = House::start().await;
    let mut ear = house.ingest().await;
    let mut edge = house.node("edge-1").await;
    for denied in [
        "spBv1.0/500156001/NBIRTH/edge-2",
        "spBv1.0/500156001/DDATA/edge-2/lift",
        "spBv1.0/500156002/NBIRTH/edge-1",
        "spBv1.0/500156001/NCMD/edge-1",
        "spBv1.0/500156001/DCMD/edge-2/lift",
        "spBv1.0/STATE/brightwatch",
        "spBv1.0/500156001/DDATA/edge-1/lift/more",
        "$CONTROL/dynamic-security/v1",
        "elsewhere",
    ] {
        edge.publish(denied).await;
    }
    let allowed = [
        "spBv1.0/500156001/NBIRTH/edge-1",
        "spBv1.0/500156001/DBIRTH/edge-1/lift",
        "spBv1.0/500156001/DDATA/edge-1/lift",
        "spBv1.0/500156001/NDATA/edge-1",
        "spBv1.0/500156001/DDEATH/edge-1/lift",
        "spBv1.0/500156001/NDEATH/edge-1",
    ];
    for topic in allowed {
        edge.publish(topic).await;
    }
    assert_eq!(ear.heard_until(allowed[5]).await, allowed);
    house.stop().await;
}

#[tokio::test]
async fn a_node_hears_its_own_commands_only() {
    let house = House::start().await;
    let mut edge = house.node("edge-1").await;
    for (filter, is_allowed) in [
        ("spBv1.0/500156001/NCMD/edge-1", true),
        ("spBv1.0/500156001/NCMD/edge-1/#", true),
        ("spBv1.0/500156001/DCMD/edge-1/+", true),
        ("spBv1.0/500156001/DCMD/edge-1/#", true),
        ("spBv1.0/500156001/DCMD/edge-1/lift", true),
        ("spBv1.0/STATE/brightwatch", true),
        ("spBv1.0/STATE/+", true),
        ("spBv1.0/500156001/NCMD/edge-2", false),
        ("spBv1.0/500156001/NCMD/+", false),
        ("spBv1.0/500156001/DCMD/+/+", false),
        ("spBv1.0/500156001/NDATA/edge-1", false),
        ("spBv1.0/+/DDATA/#", false),
        ("spBv1.0/#", false),
        ("#", false),
        ("$CONTROL/dynamic-security/v1/response", false),
        ("$SYS/#", false),
    ] {
        assert_eq!(edge.subscribe(filter).await, is_allowed, "{filter}");
    }
    let mut commander = Client::start(house.broker.access.options(Connection::Publish, "y"));
    commander.wait(|packet| matches!(packet, Packet::ConnAck(_))).await.unwrap();
    commander.publish("spBv1.0/500156001/NCMD/edge-2").await;
    commander.publish("spBv1.0/500156001/DDATA/edge-1/lift").await;
    commander.publish("spBv1.0/500156001/NCMD/edge-1").await;
    let last = "spBv1.0/500156001/NCMD/edge-1";
    assert!(edge.heard_until(last).await.iter().all(|topic| topic == last));
    house.stop().await;
}

#[tokio::test]
async fn nobody_connects_without_a_credential() {
    let house = House::start().await;
    let mut anonymous = Client::start(MqttOptions::new("anybody", "127.0.0.1", house.port()));
    assert!(anonymous.wait(|packet| matches!(packet, Packet::ConnAck(_))).await.is_err());
    let wrong = Credential { username: "brightwatch-ingest".into(), password: "guess".into() };
    assert!(Client::connect(house.port(), &wrong).await.is_err());
    house.stop().await;
}

#[tokio::test]
async fn a_revoked_node_is_put_out_at_once() {
    let house = House::start().await;
    let credential = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    let mut edge = Client::connect(house.port(), &credential).await.unwrap();
    assert_eq!(house.enrolment().enrolled().await.unwrap(), [NodeId::new("edge-1").unwrap()].into());
    house.enrolment().revoke(&node("edge-1").node).await.unwrap();
    assert!(edge.wait(|_| false).await.is_err(), "its connection ends");
    assert!(Client::connect(house.port(), &credential).await.is_err());
    assert!(house.enrolment().enrolled().await.unwrap().is_empty());
    let again = house.enrolment().revoke(&node("edge-1").node).await;
    assert!(matches!(again, Err(EnrolError::NotEnrolled(_))));
    house.stop().await;
}

#[tokio::test]
async fn a_node_can_be_made_to_connect_anew() {
    let house = House::start().await;
    let credential = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    let mut edge = Client::connect(house.port(), &credential).await.unwrap();
    house.enrolment().reconnect(&node("edge-1").node).await.unwrap();
    assert!(edge.wait(|_| false).await.is_err(), "its connection ends");
    assert!(Client::connect(house.port(), &credential).await.is_ok());
    let stranger = house.enrolment().reconnect(&node("stranger").node).await;
    assert!(matches!(stranger, Err(EnrolError::Control(ControlError::Refused { .. }))));
    house.stop().await;
}

#[tokio::test]
async fn a_new_credential_ends_the_old_one() {
    let house = House::start().await;
    let old = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    let new = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    assert!(Client::connect(house.port(), &old).await.is_err());
    assert!(Client::connect(house.port(), &new).await.is_ok());
    assert!(matches!(house.enrolment().enrol(&node("brightwatch-x")).await, Err(EnrolError::Reserved)));
    house.stop().await;
}

#[tokio::test]
async fn nobody_puts_out_another_by_borrowing_its_client_id() {
    let house = House::start().await;
    let mut takeovers = house.broker.takeovers.subscribe();
    let mut victim = house.node("edge-1").await;
    let credential = house.enrolment().enrol(&node("edge-2")).await.unwrap();
    // Both ask for the client id "chosen-by-the-client".
    let _thief = Client::connect(house.port(), &credential).await.unwrap();
    victim.publish("spBv1.0/500156001/NDATA/edge-1").await;
    // Under its own name a second connection does take over, and that is reported.
    let _twin = Client::connect(house.port(), &credential).await.unwrap();
    assert_eq!(tokio::time::timeout(LIMIT, takeovers.recv()).await.unwrap().unwrap().as_ref(), "edge-2");
    house.stop().await;
}

#[tokio::test]
async fn a_dead_broker_is_restarted_with_all_credentials() {
    let house = House::start().await;
    let credential = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    let first = Running::load(house.data_dir.path()).unwrap().unwrap().pid;
    rustix::process::kill_process(rustix::process::Pid::from_raw(first).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    let mut status = house.broker.status.clone();
    tokio::time::timeout(LIMIT, status.wait_for(|status| matches!(status, Status::Down(_)))).await.unwrap().unwrap();
    eventually("the broker comes back", async || Client::connect(house.port(), &credential).await.is_ok()).await;
    assert_eq!(*house.broker.status.borrow(), Status::Up);
    assert_ne!(Running::load(house.data_dir.path()).unwrap().unwrap().pid, first);
    house.stop().await;
}

#[tokio::test]
async fn credentials_outlive_a_restart_of_the_gateway() {
    let house = House::start().await;
    let credential = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    let data_dir = house.stop().await;
    let house = House::start_in(data_dir, &config()).await;
    assert!(Client::connect(house.port(), &credential).await.is_ok());
    house.stop().await;
}

#[tokio::test]
async fn an_orphan_is_replaced_and_a_living_gateway_is_not() {
    let house = House::start().await;
    let busy =
        Broker::start(&config(), &ExternalConfig::default(), house.data_dir.path(), CancellationToken::new()).await;
    assert!(matches!(busy, Err(BrokerError::InUse(_))));

    // What a killed gateway leaves behind: its mosquitto, on the same port, and the process file.
    let address = SocketAddr::from(([127, 0, 0, 1], house.port()));
    let data_dir = house.stop().await;
    let folder = data_dir.path().join(FOLDER);
    let installation = install::find(&config()).unwrap();
    let (takeovers, _) = broadcast::channel(1);
    let orphan = Child::start(&installation, &folder, data_dir.path(), address, takeovers).unwrap();
    let secrets = Secrets::load(data_dir.path()).unwrap().unwrap();
    let enrolment = Enrolment::new(address, secrets.admin);
    let orphan = orphan.until_ready(async || enrolment.is_reachable().await).await.unwrap();
    let orphan_pid = Running::load(data_dir.path()).unwrap().unwrap().pid;

    let reaper = tokio::spawn(async move {
        let mut orphan = orphan;
        orphan.died().await
    });
    let house = House::start_in(data_dir, &Config { listen: address, ..config() }).await;
    assert_ne!(Running::load(house.data_dir.path()).unwrap().unwrap().pid, orphan_pid);
    reaper.await.unwrap();
    house.stop().await;
}

#[tokio::test]
async fn nodes_enrolled_at_once_are_all_let_in() {
    let house = House::start().await;
    let enrolment = house.enrolment().clone();
    let errands = (0..8).map(|number| {
        let enrolment = enrolment.clone();
        tokio::spawn(async move { enrolment.enrol(&node(&format!("edge-{number}"))).await })
    });
    for errand in errands.collect::<Vec<_>>() {
        let credential = errand.await.unwrap().unwrap();
        assert!(Client::connect(house.port(), &credential).await.is_ok());
    }
    house.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_told_in_mosquittos_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let config = Config { listen: taken.local_addr().unwrap(), ..config() };
    let started = Broker::start(&config, &ExternalConfig::default(), data_dir.path(), CancellationToken::new()).await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn a_plain_listener_on_the_network_needs_to_be_asked_for() {
    let data_dir = tempfile::tempdir().unwrap();
    let config = Config { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..config() };
    let started = Broker::start(&config, &ExternalConfig::default(), data_dir.path(), CancellationToken::new()).await;
    assert!(matches!(started, Err(BrokerError::PlainNetwork(_))));
}

#[tokio::test]
async fn a_will_of_a_node_reaches_the_gateway() {
    let house = House::start().await;
    let mut ear = house.ingest().await;
    let credential = house.enrolment().enrol(&node("edge-1")).await.unwrap();
    let mut options = MqttOptions::new("x", "127.0.0.1", house.port());
    options.set_credentials(&credential.username, &credential.password);
    options.set_last_will(LastWill::new("spBv1.0/500156001/NDEATH/edge-1", "x", QoS::AtLeastOnce, false));
    let mut edge = Client::start(options);
    edge.wait(|packet| matches!(packet, Packet::ConnAck(_))).await.unwrap();
    drop(edge);
    assert_eq!(ear.heard_until("spBv1.0/500156001/NDEATH/edge-1").await.len(), 1);
    house.stop().await;
}
