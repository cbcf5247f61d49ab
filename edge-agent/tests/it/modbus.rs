//! The Modbus source against a real server: what equipment does, and what the agent hears of it.

use domain::{
    id::DeviceId,
    reading::{Quality, Value},
};
use edge_agent::source::{DeviceCommand, SampleSender, SourceEvent};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_modbus::ExceptionCode;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{
    LIMIT, Site,
    equipment::{Equipment, Mood},
    eventually, free_port,
};

/// A source at work.
struct Running {
    events: mpsc::Receiver<SourceEvent>,
    commands: mpsc::Sender<DeviceCommand>,
    stop: Option<DropGuard>,
    task: JoinHandle<()>,
}

fn run(port: u16, devices: &str) -> Running {
    let site = Site::new(&format!(
        r#"
        node = {{ id = "edge-1", group = "500156001" }}
        broker = {{ url = "mqtt://127.0.0.1:1883" }}
        [[modbus]]
        name = "line"
        address = "127.0.0.1:{port}"
        timeout_ms = 200
        poll_interval_ms = 50
        {devices}
        "#
    ));
    let source = site.load().unwrap().sources.remove(0);
    let (sender, events) = SampleSender::bounded(64);
    let (commands, waiting) = mpsc::channel(4);
    let stop = CancellationToken::new();
    let task = tokio::spawn(source.run(sender, waiting, stop.clone()));
    Running { events, commands, stop: Some(stop.drop_guard()), task }
}

impl Running {
    async fn until<T>(&mut self, mut fits: impl FnMut(SourceEvent) -> Option<T>) -> T {
        loop {
            let event = timeout(LIMIT, self.events.recv()).await.expect("an event comes in time").expect("it runs");
            if let Some(found) = fits(event) {
                return found;
            }
        }
    }

    async fn is_up(&mut self, device: &str) -> usize {
        self.until(|event| match event {
            SourceEvent::DeviceUp { device: id, metrics } if id.as_str() == device => Some(metrics.len()),
            _ => None,
        })
        .await
    }

    async fn is_down(&mut self, device: &str) -> String {
        self.until(|event| match event {
            SourceEvent::DeviceDown { device: id, reason } if id.as_str() == device => Some(reason),
            SourceEvent::DeviceDown { device: other, .. } => panic!("{other} is down"),
            _ => None,
        })
        .await
    }

    /// The values of the next round of a device: None where the quality is bad.
    async fn values(&mut self, device: &str) -> Vec<(String, Option<Value>)> {
        self.until(|event| match event {
            SourceEvent::Samples { device: id, samples } if id.as_str() == device => Some(
                samples
                    .into_iter()
                    .map(|sample| {
                        assert_eq!(sample.quality == Quality::Good, sample.value.is_some());
                        (sample.metric.to_string(), sample.value)
                    })
                    .collect(),
            ),
            SourceEvent::DeviceDown { device, reason } => panic!("{device} is down: {reason}"),
            _ => None,
        })
        .await
    }

    async fn value(&mut self, device: &str, metric: &str) -> Option<Value> {
        self.values(device).await.into_iter().find(|(name, _)| name == metric).expect("the metric is read").1
    }

    async fn value_becomes(&mut self, device: &str, metric: &str, expected: Option<Value>) {
        while self.value(device, metric).await != expected {}
    }

    async fn stops(mut self) {
        drop(self.stop.take());
        // A source may be waiting for room in the queue.
        drop(self.events);
        timeout(LIMIT, self.task).await.expect("it stops in time").unwrap();
    }
}

const STORE: &str = r#"
    [[modbus.device]]
    id = "store-1"
    metric = [
        { name = "temperature", table = "holding", address = 0, type = "i16", scale = 0.1, unit = "°C" },
        { name = "door_open", table = "holding", address = 1, type = "bool", bit = 2 },
        { name = "compressor_running", table = "discrete", address = 0, type = "bool" },
        { name = "pressure", table = "holding", address = 2, type = "f32", word_order = "CDAB" },
    ]
"#;

fn float(quantity: f64) -> Value {
    Value::Float(quantity)
}

#[tokio::test]
async fn registers_arrive_as_values() {
    let equipment = Equipment::start(&[(1, &[0xff4c, 0b100, 0x0000, 0x3fc0])]).await;
    let mut source = run(equipment.port, STORE);
    assert_eq!(source.is_up("store-1").await, 4);
    let values: Vec<(String, Option<Value>)> = [
        ("compressor_running", Some(Value::Bool(true))),
        ("temperature", Some(float(-18.0))),
        ("door_open", Some(Value::Bool(true))),
        ("pressure", Some(float(1.5))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    assert_eq!(source.values("store-1").await, values);
    equipment.set(1, 0, 35);
    source.value_becomes("store-1", "temperature", Some(float(3.5))).await;
    source.stops().await;
}

#[tokio::test]
async fn equipment_without_power_is_down_and_comes_back() {
    let mut equipment = Equipment::start(&[(1, &[30, 0, 0, 0])]).await;
    let mut source = run(equipment.port, STORE);
    source.is_up("store-1").await;
    equipment.switch_off().await;
    let reason = source.is_down("store-1").await;
    assert!(reason.contains("cannot connect to 127.0.0.1"), "{reason}");
    equipment.switch_on().await;
    source.is_up("store-1").await;
    assert_eq!(source.value("store-1", "temperature").await, Some(float(3.0)));
    source.stops().await;
}

#[tokio::test]
async fn equipment_that_was_never_there_is_down_too() {
    let mut source = run(free_port(), STORE);
    source.is_down("store-1").await;
    source.stops().await;
}

const TWO_UNITS: &str = r#"
    [[modbus.device]]
    id = "store-1"
    unit_id = 1
    metric = [{ name = "temperature", table = "holding", address = 0, type = "i16" }]
    [[modbus.device]]
    id = "store-2"
    unit_id = 2
    metric = [{ name = "temperature", table = "holding", address = 0, type = "i16" }]
"#;

#[tokio::test]
async fn a_silent_unit_is_down_and_its_neighbour_is_not_disturbed() {
    let equipment = Equipment::start(&[(1, &[1]), (2, &[2])]).await;
    let mut source = run(equipment.port, TWO_UNITS);
    source.is_up("store-1").await;
    source.is_up("store-2").await;
    equipment.set_mood(1, Mood::Silent);
    let reason = source.is_down("store-1").await;
    assert!(reason.contains("no answer within 200 ms"), "{reason}");
    equipment.set(2, 0, 22);
    source.value_becomes("store-2", "temperature", Some(Value::Int(22))).await;
    equipment.set_mood(1, Mood::Answers);
    source.is_up("store-1").await;
    source.stops().await;
}

#[tokio::test]
async fn a_unit_that_the_gateway_box_cannot_reach_is_down() {
    let equipment = Equipment::start(&[(2, &[2])]).await;
    let mut source = run(equipment.port, TWO_UNITS);
    let reason = source.is_down("store-1").await;
    assert!(reason.contains("GatewayTargetDevice"), "{reason}");
    assert_eq!(source.value("store-2", "temperature").await, Some(Value::Int(2)));
    source.stops().await;
}

#[tokio::test]
async fn an_exception_makes_the_metrics_bad_and_leaves_the_device_up() {
    let equipment = Equipment::start(&[(1, &[30, 0, 0, 0])]).await;
    let mut source = run(equipment.port, STORE);
    source.is_up("store-1").await;
    equipment.set_mood(1, Mood::Refuses(ExceptionCode::ServerDeviceFailure));
    source.value_becomes("store-1", "temperature", None).await;
    assert!(source.values("store-1").await.iter().all(|(_, value)| value.is_none()));
    equipment.set_mood(1, Mood::Answers);
    source.value_becomes("store-1", "temperature", Some(float(3.0))).await;
    source.stops().await;
}

#[tokio::test]
async fn a_wrong_address_spoils_only_its_own_metric() {
    let equipment = Equipment::start(&[(1, &[30, 5])]).await;
    let devices = r#"
        [[modbus.device]]
        id = "store-1"
        metric = [
            { name = "right", table = "holding", address = 0, type = "i16" },
            { name = "also_right", table = "holding", address = 1, type = "i16" },
            { name = "wrong_address", table = "holding", address = 2, type = "f32" },
            { name = "wrong_table", table = "input", address = 0, type = "i16" },
        ]
    "#;
    let mut source = run(equipment.port, devices);
    assert_eq!(source.is_up("store-1").await, 4);
    let mut values = source.values("store-1").await;
    values.sort_by(|left, right| left.0.cmp(&right.0));
    let expected = [("also_right", Some(5)), ("right", Some(30)), ("wrong_address", None), ("wrong_table", None)];
    assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value.map(Value::Int))));
    source.stops().await;
}

#[tokio::test]
async fn neighbouring_registers_are_read_in_one_request() {
    let equipment = Equipment::start(&[(1, &[30, 0, 0, 0])]).await;
    let once_an_hour = STORE.replace("id =", "poll_interval_ms = 3_600_000\nid =");
    let mut source = run(equipment.port, &once_an_hour);
    assert_eq!(source.values("store-1").await.len(), 4);
    assert_eq!(equipment.requests(1), 2, "one for the holding registers, one for the discrete inputs");
    source.stops().await;
}

#[tokio::test]
async fn an_answer_shorter_than_asked_is_bad_where_it_ends() {
    let equipment = Equipment::start(&[(1, &[30, 4, 0, 0])]).await;
    equipment.set_mood(1, Mood::Short);
    let mut source = run(equipment.port, STORE);
    source.is_up("store-1").await;
    let values = source.values("store-1").await;
    assert_eq!(values[1], ("temperature".to_owned(), Some(float(3.0))));
    assert_eq!(values[3], ("pressure".to_owned(), None));
    source.stops().await;
}

#[tokio::test]
async fn equipment_that_talks_nonsense_is_down() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let babble = tokio::spawn(async move {
        let answers: [&[u8]; 5] = [
            &[0; 300],
            &[0xff; 300],
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            &[0, 0, 0, 0, 0, 3, 1, 3, 200],
            &[0, 0, 0, 0, 0, 1, 1],
        ];
        for answer in answers.iter().cycle() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 12];
            let _ = stream.read_exact(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    let mut source = run(port, STORE);
    source.is_down("store-1").await;
    source.stops().await;
    babble.abort();
}

#[tokio::test]
async fn a_command_changes_nothing_on_the_equipment() {
    let equipment = Equipment::start(&[(1, &[30, 0, 0, 0])]).await;
    let mut source = run(equipment.port, STORE);
    source.is_up("store-1").await;
    let device = DeviceId::new("store-1").unwrap();
    let metric = domain::id::MetricName::new("temperature").unwrap();
    source.commands.send(DeviceCommand { device, metric, value: Value::Float(9.0) }).await.unwrap();
    let before = equipment.requests(1);
    while equipment.requests(1) < before + 6 {
        assert_eq!(source.value("store-1", "temperature").await, Some(float(3.0)));
    }
    source.stops().await;
}

#[tokio::test]
async fn a_source_whose_agent_is_gone_ends() {
    let equipment = Equipment::start(&[(1, &[30, 0, 0, 0])]).await;
    let source = run(equipment.port, STORE);
    drop(source.events);
    eventually("the source ends", || source.task.is_finished()).await;
}
