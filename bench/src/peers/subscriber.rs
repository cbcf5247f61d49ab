//! A minimal subscriber: reads what nodes publish, finds each reading's series by its alias, and gathers rows.

use std::{
    collections::HashMap,
    io::Read as _,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use protocol::sparkplug::payload::{Limits, Payload, RawValue};
use rumqttc::mqttbytes::v4::Packet;
use tokio::sync::mpsc;

use crate::lone_broker;

/// Messages that may wait for the database.
const QUEUE: usize = 20_000;
/// Rows of one write: large enough that a statement's own cost hardly counts.
const ROWS_MAX: usize = 10_000;
const BLOCK_BYTES: usize = 64 * 1024;
/// Nothing more comes within this: what has come is written.
const LINGER: Duration = Duration::from_millis(2);

/// One reading: its series' place among the names, when, what.
pub(super) struct Row {
    pub(super) series: u32,
    pub(super) at_ms: i64,
    pub(super) value: f64,
}

/// What the nodes publish, as rows.
pub(super) struct Subscriber {
    messages: mpsc::Receiver<(String, Bytes)>,
    names: Vec<String>,
    /// By device and alias: the place of the series' name.
    series: HashMap<String, HashMap<u64, u32>>,
}

impl Subscriber {
    /// Subscribes.
    pub(super) fn start(broker: SocketAddr) -> anyhow::Result<Self> {
        let socket = lone_broker::subscribe(broker)?;
        let (sender, messages) = mpsc::channel(QUEUE);
        thread::spawn(move || hear(socket, &sender));
        Ok(Self { messages, names: Vec::new(), series: HashMap::new() })
    }

    /// `device:metric` of every series.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next rows; at least one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(ROWS_MAX + 64);
        while rows.is_empty() {
            let (topic, payload) = self.messages.recv().await.context("the broker has gone")?;
            self.take(&topic, payload, &mut rows)?;
        }
        while rows.len() < ROWS_MAX {
            match tokio::time::timeout(LINGER, self.messages.recv()).await {
                Ok(Some((topic, payload))) => self.take(&topic, payload, &mut rows)?,
                Ok(None) | Err(_) => break,
            }
        }
        Ok(rows)
    }

    fn take(&mut self, topic: &str, payload: Bytes, rows: &mut Vec<Row>) -> anyhow::Result<()> {
        let (head, device) = topic.rsplit_once('/').context("a topic without levels")?;
        let payload = Payload::decode_within(payload, &Limits::default())?;
        if head.contains("/DBIRTH/") {
            let aliases = self.series.entry(device.to_owned()).or_default();
            for metric in payload.metrics {
                let (Some(name), Some(alias)) = (metric.name, metric.alias) else { continue };
                let place = u32::try_from(self.names.len()).context("too many series")?;
                aliases.insert(alias, place);
                self.names.push(format!("{device}:{name}"));
            }
        } else if head.contains("/DDATA/")
            && let Some(aliases) = self.series.get(device)
        {
            rows.extend(payload.metrics.iter().filter_map(|metric| {
                let series = *aliases.get(&metric.alias?)?;
                let at_ms = i64::try_from(metric.timestamp?).ok()?;
                Some(Row { series, at_ms, value: number(metric.value.as_ref()?)? })
            }));
        }
        Ok(())
    }
}

fn number(value: &RawValue) -> Option<f64> {
    match value {
        RawValue::Int(bits) => Some(f64::from(bits.cast_signed())),
        #[expect(clippy::cast_precision_loss, reason = "the load counts no further")]
        RawValue::Long(bits) => Some(bits.cast_signed() as f64),
        RawValue::Float(value) => Some(f64::from(*value)),
        RawValue::Double(value) => Some(*value),
        RawValue::Boolean(value) => Some(f64::from(u8::from(*value))),
        RawValue::Text(_)
        | RawValue::Bytes(_)
        | RawValue::DataSet(_)
        | RawValue::Template(_)
        | RawValue::Extension(_) => None,
    }
}

/// Passes publications on until the socket, or who reads them, ends.
fn hear(mut socket: TcpStream, messages: &mpsc::Sender<(String, Bytes)>) {
    let mut bytes = BytesMut::with_capacity(2 * BLOCK_BYTES);
    let mut block = vec![0; BLOCK_BYTES];
    while let Ok(length) = socket.read(&mut block) {
        if length == 0 {
            return;
        }
        bytes.extend_from_slice(&block[..length]);
        while let Ok(packet) = Packet::read(&mut bytes, 1 << 20) {
            if let Packet::Publish(publish) = packet
                && messages.blocking_send((publish.topic, publish.payload)).is_err()
            {
                return;
            }
        }
    }
}
