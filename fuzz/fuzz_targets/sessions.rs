//! Our edge, a network that loses, repeats and swaps, our host. Births exchange the aliases of a device's two metrics,
//! which our edge never does and the specification allows. Each value says which metric it was measured for.

#![no_main]

use brightwatch_fuzz::Decisions;
use domain::{
    id::{DeviceId, MetricName, NodeId},
    reading::{Quality, Value},
    time::{MonoMs, UnixMs},
};
use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::{
    Outgoing,
    edge_session::{BirthMetric, EdgeSession, Sample},
    host_session::{Event, NodeSession, Settings},
    metric::{Content, DataType},
    payload::{Limits, Payload},
    topic::{GroupId, NodeAddress, NodeVerb, Topic},
};

const NOW: UnixMs = UnixMs(1_790_000_000_000);
/// Two metrics of each of two devices; the value's last digit is the place in this list.
const METRICS: [&str; 4] = ["d0.a", "d0.b", "d1.a", "d1.b"];
/// More messages than that run the sequence around unseen, which no host can notice.
const MESSAGES_MAX: usize = 120;

fn device(index: usize) -> DeviceId {
    DeviceId::new(format!("d{index}")).expect("a valid id")
}

/// The metrics of a device at the `round`th message.
fn metrics(index: usize, round: i64) -> Vec<BirthMetric> {
    let places = [2 * index, 2 * index + 1];
    places
        .map(|place| BirthMetric {
            name: MetricName::new(METRICS[place]).expect("a valid name"),
            datatype: DataType::Int64,
            unit: String::new(),
            at: NOW,
            content: Some(Content::Value(Value::Int(round * 10 + place as i64))),
            quality: Quality::Good,
        })
        .into()
}

fn play(decisions: &mut Decisions<'_>) -> Vec<Outgoing> {
    let group = GroupId::new("g").expect("a valid group");
    let mut edge = EdgeSession::new(NodeAddress { group, node: NodeId::new("n").expect("a valid id") }, None);
    edge.connect(NOW);
    let mut out = vec![edge.node_birth(NOW, &[]).expect("connected")];
    let mut is_exchanged = [false; 2];
    for round in 0..decisions.below(MESSAGES_MAX) {
        let choice = decisions.byte();
        let index = usize::from(choice & 1);
        let metrics = metrics(index, round as i64);
        let message = if choice & 2 == 0 || !edge.is_device_born(&device(index)) {
            is_exchanged[index] ^= true;
            edge.device_birth(NOW, &device(index), &metrics)
        } else {
            let samples: Vec<_> = metrics
                .into_iter()
                .map(|metric| Sample {
                    metric: metric.name,
                    at: metric.at,
                    content: metric.content,
                    quality: metric.quality,
                    is_historical: false,
                })
                .collect();
            edge.device_data(NOW, &device(index), &samples)
        };
        let mut message = message.expect("born and declared");
        if is_exchanged[index] {
            exchange_aliases(&mut message);
        }
        out.push(message);
    }
    out
}

fn read(message: &Outgoing) -> (NodeVerb, Option<DeviceId>, Payload) {
    let Ok(Topic::Node { verb, device, .. }) = Topic::parse(&message.topic) else { panic!("{}", message.topic) };
    let payload = Payload::decode_within(message.payload.clone(), &Limits::default()).expect("our own payload");
    (verb, device, payload)
}

/// The aliases of a message are those of two metrics of one device: the two change places.
fn exchange_aliases(message: &mut Outgoing) {
    let (_, _, mut payload) = read(message);
    let aliases: Vec<_> = payload.metrics.iter().map(|metric| metric.alias).rev().collect();
    for (metric, alias) in payload.metrics.iter_mut().zip(aliases) {
        metric.alias = alias;
    }
    message.payload = payload.to_bytes();
}

fn damage(messages: &mut Vec<Outgoing>, decisions: &mut Decisions<'_>) {
    for index in 0..messages.len() {
        if index >= messages.len() || decisions.is_empty() {
            return;
        }
        let accident = decisions.below(6);
        let other = (index + decisions.below(40)).min(messages.len() - 1);
        match accident {
            0 => drop(messages.remove(index)),
            1 if messages.len() < MESSAGES_MAX => messages.insert(other, messages[index].clone()),
            2 => messages.swap(index, other),
            _ => {}
        }
    }
}

fn check(events: &mut Vec<Event>) {
    for event in events.drain(..) {
        let (Event::DeviceBorn { metrics, .. } | Event::Data { metrics, .. }) = event else { continue };
        for heard in metrics {
            let Ok(Some(Content::Value(Value::Int(value)))) = heard.content else { panic!("{heard:?}") };
            assert_eq!(METRICS[(value % 10) as usize], heard.name.as_str());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut decisions = Decisions(bytes);
    let mut messages = play(&mut decisions);
    damage(&mut messages, &mut decisions);
    let mut host = NodeSession::new(Settings::default());
    let mut now = MonoMs(0);
    let mut events = Vec::new();
    for message in &messages {
        let (verb, device, payload) = read(message);
        host.receive(verb, device, payload, now, &mut events);
        check(&mut events);
        now = now.plus_ms(u64::from(decisions.byte()) * 10);
        host.tick(now, &mut events);
        check(&mut events);
    }
});
