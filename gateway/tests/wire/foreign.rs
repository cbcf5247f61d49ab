//! Other people's Sparkplug clients as edge nodes; and their decoders on what our own edge encodes.
//! `tests/foreign/README.md` says who they are and what is odd about each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use bytes::Bytes;
use domain::{
    engine::Link,
    reading::{Quality, Value},
    time::UnixMs,
};
use protocol::sparkplug::{
    edge_session::{BirthMetric, EdgeSession},
    metric::{Content, DataType},
};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::support::{Credential, DEVICE, GROUP, Gateway, LIMIT, NODE, address, device, metric, node};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/foreign")
}

/// The folder with the installed clients; installs them the first time.
fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let setup = std::process::Command::new(scripts().join("setup")).status().expect("tests/foreign/setup runs");
        assert!(setup.success(), "tests/foreign/setup failed");
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("foreign")
    })
}

/// A foreign program: how to start one of our scripts with it.
fn program(name: &str, script: &str) -> Command {
    let folder = installed();
    let script = scripts().join(script);
    if script.extension().is_some_and(|extension| extension == "cjs") {
        let mut command = Command::new("node");
        command.arg(script).env("NODE_PATH", folder.join(name).join("node_modules"));
        command
    } else {
        let mut command = Command::new(folder.join(name).join("bin/python"));
        command.arg(script);
        command
    }
}

/// A foreign edge node.
struct Foreign {
    process: Child,
    orders: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

impl Foreign {
    fn start(mut command: Command, credential: &Credential) -> Self {
        let mut process = command
            .env("BROKER_HOST", &credential.host)
            .env("BROKER_PORT", &credential.port)
            .env("USERNAME", &credential.username)
            .env("PASSWORD", &credential.password)
            .env("GROUP", GROUP)
            .env("NODE", NODE)
            .env("DEVICE", DEVICE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let told = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, orders, told }
    }

    async fn order(&mut self, line: &str) {
        self.orders.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// What the program says next that the gateway told it.
    async fn told(&mut self) -> Json {
        let line = timeout(LIMIT, self.told.next_line()).await.expect("the node was told something").unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn float(value: f64) -> (Value, Quality) {
    (Value::Float(value), Quality::Good)
}

/// Births, values in both languages of the world, and data.
async fn check_birth_and_data(gateway: &mut Gateway, foreign: &mut Foreign) {
    gateway.hear_until("the device is there", |gateway| gateway.link(&device()) == Some(Link::Online)).await;
    assert_eq!(gateway.reading("temperature"), Some(float(1.5)));
    assert_eq!(gateway.reading("running"), Some((Value::Bool(true), Quality::Good)));
    assert_eq!(gateway.reading("label"), Some((Value::Text("3 楼".into()), Quality::Good)));
    foreign.order("data 7.25").await;
    gateway.hear_until("data", |gateway| gateway.reading("temperature") == Some(float(7.25))).await;
}

async fn check_node(name: &str, script: &str) {
    let mut gateway = Gateway::start().await;
    let credential = gateway.enrol().await;
    let mut foreign = Foreign::start(program(name, script), &credential);
    check_birth_and_data(&mut gateway, &mut foreign).await;
    assert_eq!(gateway.link(&node().as_device()), Some(Link::Online));
    assert_eq!(gateway.reading("trips"), Some((Value::Int(-3), Quality::Good)));

    gateway.ingest.send_device_command(&device(), &metric("setpoint"), Value::Float(9.5)).unwrap();
    assert_eq!(foreign.told().await, json!({ "device": DEVICE, "metrics": [["setpoint", 9.5]] }));
    gateway.ingest.request_rebirth(&node());
    assert_eq!(foreign.told().await, json!({ "node": [["Node Control/Rebirth", true]] }));

    foreign.order("device-death").await;
    gateway.hear_until("the device is gone", |gateway| gateway.link(&device()) == Some(Link::Offline)).await;
    foreign.order("stop").await;
    let itself = node().as_device();
    gateway.hear_until("the node is gone", |gateway| gateway.link(&itself) == Some(Link::Offline)).await;
    let status = gateway.ingest.nodes().remove(0);
    assert_eq!((status.gap_count, status.last_refusal), (0, None));

    // It comes again, and this time it is killed.
    let mut again = Foreign::start(program(name, script), &credential);
    gateway.hear_until("the node is back", |gateway| gateway.link(&device()) == Some(Link::Online)).await;
    again.process.kill().await.unwrap();
    gateway.hear_until("its will is heard", |gateway| gateway.link(&itself) == Some(Link::Offline)).await;
    assert_eq!(gateway.link(&device()), Some(Link::Offline));
    gateway.stop().await;
}

#[tokio::test]
async fn sparkplug_client_of_npm() {
    check_node("sparkplug-client", "sparkplug_client.cjs").await;
}

#[tokio::test]
async fn pysparkplug_of_pypi() {
    check_node("pysparkplug", "pysparkplug_node.py").await;
}

#[tokio::test]
async fn mqtt_spb_wrapper_of_pypi() {
    let mut gateway = Gateway::start().await;
    let credential = gateway.enrol().await;
    let mut foreign = Foreign::start(program("mqtt-spb-wrapper", "mqtt_spb_wrapper_node.py"), &credential);
    check_birth_and_data(&mut gateway, &mut foreign).await;
    gateway.ingest.send_device_command(&device(), &metric("setpoint"), Value::Float(9.5)).unwrap();
    assert_eq!(foreign.told().await, json!({ "device": DEVICE, "metrics": [["setpoint", 9.5]] }));
    foreign.order("stop").await;
    gateway.hear_until("the device is gone", |gateway| gateway.link(&device()) == Some(Link::Offline)).await;

    let mut again = Foreign::start(program("mqtt-spb-wrapper", "mqtt_spb_wrapper_node.py"), &credential);
    gateway.hear_until("the device is back", |gateway| gateway.link(&device()) == Some(Link::Online)).await;
    again.process.kill().await.unwrap();
    gateway.hear_until("its will is heard", |gateway| gateway.link(&device()) == Some(Link::Offline)).await;
    gateway.stop().await;
}

const NOW: UnixMs = UnixMs(1_790_000_000_123);

/// What our own edge says in a birth: one metric of each datatype.
fn our_birth() -> Bytes {
    let mut edge = EdgeSession::new(address(), None);
    edge.connect(NOW);
    let value = |name: &str, datatype, content| BirthMetric {
        name: metric(name),
        datatype,
        unit: "°C".into(),
        at: NOW,
        content: Some(content),
        quality: Quality::Good,
    };
    let int = |name: &str, datatype, number| value(name, datatype, Content::Value(Value::Int(number)));
    let mut metrics = vec![
        int("int8", DataType::Int8, -8),
        int("int16", DataType::Int16, -16),
        int("int32", DataType::Int32, -32),
        int("int64", DataType::Int64, -64),
        int("uint8", DataType::UInt8, 200),
        int("uint16", DataType::UInt16, 60_000),
        int("uint32", DataType::UInt32, 4_000_000_000),
        int("uint64", DataType::UInt64, i64::MAX),
        int("datetime", DataType::DateTime, NOW.0),
        value("float", DataType::Float, Content::Value(Value::Float(0.5))),
        value("double", DataType::Double, Content::Value(Value::Float(-18.1))),
        value("boolean", DataType::Boolean, Content::Value(Value::Bool(true))),
        value("string", DataType::String, Content::Value(Value::Text("3 楼".into()))),
        value("bytes", DataType::Bytes, Content::Bytes(Bytes::from_static(&[0, 255]))),
    ];
    metrics.push(BirthMetric { content: None, quality: Quality::Bad, ..metrics[10].clone() });
    metrics[14].name = metric("unmeasured");
    edge.node_birth(NOW, &metrics).unwrap().payload
}

async fn decoded_by(name: &str, script: &str, payload: &[u8]) -> Json {
    let mut command = program(name, script);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(payload).await.unwrap();
    let output = timeout(LIMIT, process.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values by name.
fn by_name(decoded: &Json, value: impl Fn(&Json) -> Json) -> BTreeMap<String, Json> {
    let metrics = decoded["metrics"].as_array().unwrap();
    metrics.iter().map(|metric| (metric["name"].as_str().unwrap().to_owned(), value(metric))).collect()
}

#[tokio::test]
async fn our_birth_is_read_by_sparkplug_payload_of_npm() {
    let decoded = decoded_by("sparkplug-client", "decode_sparkplug_payload.cjs", &our_birth()).await;
    let values = by_name(&decoded, |metric| metric["value"].clone());
    let expected = json!({
        "int8": -8, "int16": -16, "int32": -32, "int64": "-64", "uint8": 200, "uint16": 60_000,
        // This library looks for a UInt32 in the 64-bit field; the specification has it in the 32-bit one.
        "uint32": null, "uint64": "9223372036854775807", "datetime": "1790000000123",
        "float": 0.5, "double": -18.1, "boolean": true, "string": "3 楼", "bytes": "00ff", "unmeasured": null,
        "bdSeq": "0", "Node Control/Rebirth": false,
    });
    assert_eq!(serde_json::to_value(values).unwrap(), expected);
    let unmeasured = &by_name(&decoded, Clone::clone)["unmeasured"];
    assert_eq!(unmeasured["properties"]["Quality"], json!({ "type": "Int32", "value": 0 }));
    assert_eq!(unmeasured["properties"]["engUnit"], json!({ "type": "String", "value": "°C" }));
    assert_eq!((&decoded["timestamp"], &decoded["seq"]), (&json!("1790000000123"), &json!("0")));
}

#[tokio::test]
async fn our_birth_is_read_by_pysparkplug_of_pypi() {
    let decoded = decoded_by("pysparkplug", "decode_pysparkplug.py", &our_birth()).await;
    let metrics = by_name(&decoded, Clone::clone);
    let check = |name: &str, datatype: u32, field: &str, value: Json| {
        assert_eq!((&metrics[name]["datatype"], &metrics[name][field]), (&json!(datatype), &value), "{name}");
    };
    check("int8", 1, "int_value", json!(0xFFFF_FFF8_u32));
    check("int16", 2, "int_value", json!(0xFFFF_FFF0_u32));
    check("int32", 3, "int_value", json!(0xFFFF_FFE0_u32));
    check("int64", 4, "long_value", json!("18446744073709551552"));
    check("uint64", 8, "long_value", json!("9223372036854775807"));
    check("datetime", 13, "long_value", json!("1790000000123"));
    check("float", 9, "float_value", json!(0.5));
    check("double", 10, "double_value", json!(-18.1));
    check("boolean", 11, "boolean_value", json!(true));
    check("string", 12, "string_value", json!("3 楼"));
    check("bytes", 17, "bytes_value", json!("AP8="));
    assert_eq!(metrics["unmeasured"]["is_null"], true);
    assert_eq!(decoded["seq"], "0");
}
