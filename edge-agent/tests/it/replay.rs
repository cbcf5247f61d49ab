//! A recording played through the source.

use std::collections::BTreeMap;

use domain::reading::{Quality, Value};
use edge_agent::source::{SampleSender, SourceEvent};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{LIMIT, Site};

#[tokio::test]
async fn every_row_is_played_in_order_and_the_devices_are_down_at_the_end() {
    let site = Site::new(
        r#"
        node = { id = "edge-1", group = "500156001" }
        broker = { url = "mqtt://127.0.0.1:1883" }
        replay = [{ name = "kitchen", file = "kitchen.csv", speed = 10_000.0 }]
        "#,
    );
    let recording = include_str!("../../src/source/replay/testdata/kitchen-morning.csv");
    site.write("kitchen.csv", recording);
    let source = site.load().unwrap().sources.remove(0);
    let (sender, mut events) = SampleSender::bounded(8);
    let (_commands, waiting) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let task = tokio::spawn(source.run(sender, waiting, stop.clone()));

    let (mut up, mut down, mut bad, mut last_at) = (BTreeMap::new(), 0, 0, 0);
    let mut temperatures = Vec::new();
    while down < 2 {
        match timeout(LIMIT, events.recv()).await.unwrap().unwrap() {
            SourceEvent::DeviceUp { device, metrics } => {
                up.insert(device.to_string(), metrics.len());
            }
            SourceEvent::Samples { device, samples } => {
                assert!(up.contains_key(device.as_str()), "a device is up before its samples");
                for sample in samples {
                    assert!(sample.at.0 >= last_at);
                    last_at = sample.at.0;
                    bad += usize::from(sample.quality == Quality::Bad);
                    if sample.metric.as_str() == "cold_store.temperature" {
                        temperatures.extend(sample.value);
                    }
                }
            }
            SourceEvent::DeviceDown { .. } => down += 1,
            SourceEvent::Blob { .. } => panic!("a recording holds no pictures"),
        }
    }
    assert_eq!(up, BTreeMap::from([("cold-store-1".to_owned(), 2), ("freezer-1".to_owned(), 1)]));
    let recorded = recording.lines().filter(|line| line.contains("cold_store.temperature"));
    let recorded: Vec<Value> =
        recorded.map(|line| Value::Float(line.split(',').nth(3).unwrap().parse().unwrap())).collect();
    assert_eq!(temperatures, recorded);
    assert_eq!(bad, 1);
    stop.cancel();
    timeout(LIMIT, task).await.unwrap().unwrap();
}
