//! A broker without a gateway, and a plain subscription to it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use anyhow::Context as _;
use bytes::BytesMut;
use harness::{
    eventually,
    process::{Process, free_port},
};
use protocol::rest::NodeCredential;
use rumqttc::{
    QoS,
    mqttbytes::v4::{Connect, Subscribe},
};
use tempfile::TempDir;

use crate::{
    load::{self, Shape},
    station::folder,
};

const START_LIMIT: Duration = Duration::from_secs(10);

/// Mosquitto, open to everybody on loopback.
pub(crate) struct LoneBroker {
    pub(crate) address: SocketAddr,
    process: Process,
    // Last, so that it outlives the process.
    _folder: TempDir,
}

impl LoneBroker {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = folder()?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\nset_tcp_nodelay true\nlog_type error\n",
            address.port()
        );
        fs::write(&config, text)?;
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let mut start = Command::new("mosquitto");
        let process = Process::start("mosquitto", start.arg("-c").arg(&config).env("PATH", path), folder.path())?;
        eventually("mosquitto listens", START_LIMIT, async || TcpStream::connect(address).ok()).await;
        Ok(Self { address, process, _folder: folder })
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Names without passwords: nobody asks.
    #[expect(clippy::unused_self, reason = "only an open broker takes them")]
    pub(crate) fn credentials(&self, shape: Shape) -> Vec<NodeCredential> {
        let nodes = (0..shape.nodes).map(load::node_id);
        nodes.map(|node| NodeCredential { username: node.to_string(), node, password: String::new() }).collect()
    }
}

/// A connection that everything under Sparkplug's namespace comes to.
pub(crate) fn subscribe(broker: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect(broker)?;
    let mut connect = Connect::new("bench-subscriber");
    connect.keep_alive = 0;
    let mut bytes = BytesMut::new();
    let subscribe = Subscribe { pkid: 1, ..Subscribe::new("spBv1.0/#", QoS::AtMostOnce) };
    let encoded = connect.write(&mut bytes).and_then(|_| subscribe.write(&mut bytes));
    encoded.map_err(|error| anyhow::anyhow!("SUBSCRIBE cannot be encoded: {error:?}"))?;
    socket.write_all(&bytes)?;
    // CONNACK of four bytes, SUBACK of five.
    let mut answer = [0; 9];
    socket.read_exact(&mut answer).context("the broker does not answer")?;
    Ok(socket)
}
