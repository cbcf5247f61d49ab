//! The speaker against a model of the host.

use std::{fmt::Write as _, time::Duration};

use domain::{id::NodeId, reading::Value};
use proptest::prelude::*;
use protocol::sparkplug::{
    command::{self, MetricRef},
    metric::DataType,
    payload::RawValue,
    topic::GroupId,
};

use super::*;
use crate::source::{MetricDeclaration, ValueKind};

const NOW: UnixMs = UnixMs(1_790_000_000_000);

fn address() -> NodeAddress {
    NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new("edge-1").unwrap() }
}

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

fn metric(name: &str) -> MetricName {
    MetricName::new(name).unwrap()
}

fn speaker(outbox_messages: usize) -> Speaker {
    let shaper = Shaper::new(Duration::from_secs(10));
    Speaker::new(EdgeSession::new(address(), None), shaper, Outbox::new(outbox_messages))
}

/// Connected, with nothing said yet.
fn connected(speaker: &mut Speaker) {
    speaker.connect(NOW);
    speaker.begin();
}

fn up(id: &str, metrics: &[(&str, ValueKind)]) -> SourceEvent {
    let metrics = metrics.iter().map(|&(name, kind)| MetricDeclaration::new(metric(name), kind)).collect();
    SourceEvent::DeviceUp { device: device(id), metrics }
}

fn value(id: &str, at: i64, count: i64) -> SourceEvent {
    let samples = vec![source::Sample::good(metric("count"), NOW.plus_ms(at), Value::Int(count))];
    SourceEvent::Samples { device: device(id), samples }
}

fn down(id: &str) -> SourceEvent {
    SourceEvent::DeviceDown { device: device(id), reason: "it is silent".to_owned() }
}

/// Everything there is to say now: `NBIRTH`, `DDATA lift-1 5`; history has a star.
fn said(speaker: &mut Speaker) -> Vec<String> {
    std::iter::from_fn(|| speaker.next(NOW)).map(|message| in_words(&message)).collect()
}

fn in_words(message: &Outgoing) -> String {
    let Ok(Topic::Node { verb, device, .. }) = Topic::parse(&message.topic) else { panic!("{}", message.topic) };
    let Some(device) = device else { return verb.to_string() };
    let payload = Payload::decode_within(message.payload.clone(), &Limits::default()).unwrap();
    let mut words = format!("{verb} {device}");
    for metric in payload.metrics {
        if let Some(RawValue::Long(count)) = metric.value {
            let mark = if metric.is_historical == Some(true) { "*" } else { "" };
            write!(words, " {count}{mark}").unwrap();
        }
    }
    words
}

const COUNT: &[(&str, ValueKind)] = &[("count", ValueKind::Int)];

#[test]
fn a_device_is_born_with_its_first_samples() {
    let mut speaker = speaker(10);
    connected(&mut speaker);
    speaker.take(up("lift-1", COUNT));
    assert_eq!(said(&mut speaker), ["NBIRTH"], "nothing is known of the device yet");
    speaker.take(value("lift-1", 0, 5));
    assert_eq!(said(&mut speaker), ["DBIRTH lift-1 5"], "the birth says it; data would say it twice");
    speaker.take(value("lift-1", 1, 6));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 6"]);
}

#[test]
fn a_new_connection_hears_what_is_true_now_and_then_what_was() {
    let mut speaker = speaker(10);
    connected(&mut speaker);
    speaker.take(up("lift-1", COUNT));
    speaker.take(value("lift-1", 0, 0));
    said(&mut speaker);
    speaker.be_silent();
    for count in 1..4 {
        speaker.take(value("lift-1", count, count));
    }
    assert_eq!(speaker.next(NOW), None);
    connected(&mut speaker);
    assert_eq!(said(&mut speaker), ["NBIRTH", "DBIRTH lift-1 3"]);
    speaker.release_backlog(1);
    speaker.take(value("lift-1", 4, 4));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 4", "DDATA lift-1 1*"], "what is fresh goes first");
    speaker.release_backlog(10);
    assert_eq!(said(&mut speaker), ["DDATA lift-1 2*"]);
    assert!(!speaker.has_backlog());
}

#[test]
fn a_dead_device_is_told_once_and_its_history_waits_for_it() {
    let mut speaker = speaker(10);
    connected(&mut speaker);
    speaker.take(down("lift-1"));
    assert_eq!(said(&mut speaker), ["NBIRTH"], "a device that was never up does not die");
    speaker.take(up("lift-1", COUNT));
    speaker.take(value("lift-1", 0, 0));
    said(&mut speaker);
    speaker.take(value("lift-1", 1, 1));
    speaker.take(down("lift-1"));
    speaker.take(down("lift-1"));
    assert_eq!(said(&mut speaker), ["DDEATH lift-1"]);
    speaker.release_backlog(10);
    speaker.take(value("lift-1", 2, 2));
    assert_eq!(said(&mut speaker), [""; 0], "a source must announce a device first");
    speaker.take(up("lift-1", COUNT));
    speaker.take(value("lift-1", 3, 3));
    assert_eq!(said(&mut speaker), ["DBIRTH lift-1 3"]);
    speaker.release_backlog(10);
    assert_eq!(said(&mut speaker), ["DDATA lift-1 1*"]);
}

#[test]
fn a_device_that_reports_other_metrics_is_born_anew() {
    let mut speaker = speaker(10);
    connected(&mut speaker);
    speaker.take(up("lift-1", COUNT));
    speaker.take(value("lift-1", 0, 0));
    said(&mut speaker);
    speaker.take(up("lift-1", &[("count", ValueKind::Int), ("fault", ValueKind::Bool)]));
    speaker.take(value("lift-1", 1, 1));
    assert_eq!(said(&mut speaker), ["DBIRTH lift-1 1"]);
}

#[test]
fn a_sample_of_another_kind_than_declared_is_a_counted_gap() {
    let mut speaker = speaker(10);
    connected(&mut speaker);
    speaker.take(up("lift-1", COUNT));
    speaker.take(value("lift-1", 0, 0));
    said(&mut speaker);
    let samples = vec![source::Sample::good(metric("count"), NOW.plus_ms(1), Value::Bool(true))];
    speaker.take(SourceEvent::Samples { device: device("lift-1"), samples });
    assert_eq!(said(&mut speaker), [""; 0]);
    assert_eq!(speaker.outbox.gap_count(), 1);
    speaker.take(value("lift-1", 2, 2));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 2"]);
}

#[test]
fn a_picture_goes_out_while_connected_and_the_newest_only() {
    let mut speaker = speaker(10);
    let picture = |content: &'static [u8]| SourceEvent::Blob {
        device: device("camera-1"),
        metric: metric("camera.snapshot"),
        at: NOW,
        bytes: Bytes::from_static(content),
    };
    speaker.take(picture(b"while offline"));
    connected(&mut speaker);
    speaker.take(up("camera-1", &[("count", ValueKind::Int), ("camera.snapshot", ValueKind::Blob)]));
    speaker.take(value("camera-1", 0, 1));
    assert_eq!(said(&mut speaker), ["NBIRTH", "DBIRTH camera-1 1"]);
    speaker.take(picture(b"first"));
    speaker.take(picture(b"second"));
    let message = speaker.next(NOW).unwrap();
    let payload = Payload::decode_within(message.payload, &Limits::default()).unwrap();
    assert_eq!(payload.metrics[0].value, Some(RawValue::Bytes(Bytes::from_static(b"second"))));
    assert_eq!(speaker.next(NOW), None);
}

#[test]
fn a_command_reaches_its_device_and_a_rebirth_everything() {
    let mut speaker = speaker(10);
    connected(&mut speaker);
    speaker.take(up("camera-1", &[("count", ValueKind::Int), ("Video/Open", ValueKind::Text)]));
    speaker.take(value("camera-1", 0, 1));
    said(&mut speaker);

    let obey = |speaker: &mut Speaker, message: Outgoing| {
        speaker.command(&Topic::parse(&message.topic).unwrap(), message.payload)
    };
    let open = |address: &NodeAddress, metric_name: &str| {
        let name = MetricRef::Name(metric(metric_name));
        let content = Content::Value(Value::Text("{}".into()));
        command::write(address, Some(&device("camera-1")), &name, DataType::String, &content, NOW).unwrap()
    };
    let expected =
        DeviceCommand { device: device("camera-1"), metric: metric("Video/Open"), value: Value::Text("{}".into()) };
    assert_eq!(obey(&mut speaker, open(&address(), "Video/Open")), [expected]);
    assert_eq!(obey(&mut speaker, open(&address(), "Video/Close")), []);
    let other = NodeAddress { node: NodeId::new("edge-2").unwrap(), ..address() };
    assert_eq!(obey(&mut speaker, open(&other, "Video/Open")), []);
    assert_eq!(obey(&mut speaker, command::rebirth(&address(), NOW)), []);
    assert_eq!(said(&mut speaker), ["NBIRTH", "DBIRTH camera-1 1"]);
}

/// What a model of a host knows of one device.
#[derive(Default)]
struct Known {
    is_born: bool,
    latest: Option<i64>,
}

proptest! {
    /// Whatever happens in whatever order: once everything is said, the host knows which devices are up and their
    /// latest value, and nothing was said of a device that is not born.
    #[test]
    fn the_host_ends_up_knowing_what_is_true(actions in prop::collection::vec((0_u8..8, 0_usize..3), 1..120)) {
        let ids = ["a", "b", "c"];
        let mut speaker = speaker(4);
        let mut truth = [None; 3];
        let mut host: [Known; 3] = Default::default();
        let mut clock = 0;
        let hear = |speaker: &mut Speaker, host: &mut [Known; 3]| {
            for words in said(speaker) {
                let words: Vec<&str> = words.split(' ').collect();
                let Some(index) = words.get(1).and_then(|id| ids.iter().position(|other| other == id)) else {
                    *host = Default::default();
                    continue;
                };
                match words[0] {
                    "DBIRTH" => host[index] = Known { is_born: true, latest: words[2].parse().ok() },
                    "DDEATH" => host[index] = Known::default(),
                    _ => {
                        prop_assert!(host[index].is_born, "{words:?} of a device that is not born");
                        if !words[2].ends_with('*') {
                            host[index].latest = words[2].parse().ok();
                        }
                    }
                }
            }
            Ok(())
        };
        for (action, index) in actions {
            clock += 1;
            match action {
                0 => {
                    speaker.take(up(ids[index], COUNT));
                    speaker.take(value(ids[index], clock, clock));
                    truth[index] = Some(clock);
                }
                1 => {
                    speaker.take(down(ids[index]));
                    truth[index] = None;
                }
                2..=4 => {
                    if truth[index].is_some() {
                        speaker.take(value(ids[index], clock, clock));
                        truth[index] = Some(clock);
                    }
                }
                5 => speaker.release_backlog(2),
                6 => {
                    speaker.be_silent();
                    connected(&mut speaker);
                }
                _ => hear(&mut speaker, &mut host)?,
            }
        }
        connected(&mut speaker);
        hear(&mut speaker, &mut host)?;
        for (known, truth) in host.iter().zip(truth) {
            prop_assert_eq!((known.is_born, known.latest), (truth.is_some(), truth));
        }
    }
}
