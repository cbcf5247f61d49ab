//! The speaker against a model of the host.

use std::{fmt::Write as _, time::Duration};

use domain::{id::NodeId, reading::Value, time::MonoMs};
use proptest::prelude::*;
use protocol::sparkplug::{
    command::{self, MetricRef},
    metric::{Content, DataType},
    outbox::{Incarnation, Insertion, Numbers, SEQ, StoreEpoch, seq_of},
    payload::RawValue,
    topic::GroupId,
};

use super::*;
use crate::{
    outbox::{FakeDisk, Limits as OutboxLimits},
    source::{MetricDeclaration, ValueKind},
};

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

fn after(mono_ms: u64) -> Now {
    Now { wall: NOW.plus_ms(mono_ms.cast_signed()), mono: MonoMs(mono_ms) }
}

fn speaker_on(disk: &FakeDisk) -> Speaker {
    let shaper = Shaper::new(Duration::from_secs(10));
    let age_ms = 1 << 40;
    let limits = OutboxLimits { max_bytes: 1 << 20, max_age_ms: age_ms, keep_committed_ms: age_ms, flush_ms: 1_000 };
    let outbox = Outbox::open(Box::new(disk.clone()), limits, 1, Incarnation(7), after(0)).unwrap();
    Speaker::new(EdgeSession::new(address(), None), shaper, outbox)
}

fn speaker() -> Speaker {
    speaker_on(&FakeDisk::default())
}

/// Connected, with nothing said yet.
fn connected(speaker: &mut Speaker) {
    speaker.connect(NOW);
    speaker.begin(after(0));
}

fn take(speaker: &mut Speaker, event: SourceEvent) {
    speaker.take(event, after(0));
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
    std::iter::from_fn(|| speaker.next(after(0))).map(|message| in_words(&message)).collect()
}

fn in_words(message: &Outgoing) -> String {
    let Ok(Topic::Node { verb, device, .. }) = Topic::parse(&message.topic) else { panic!("{}", message.topic) };
    let Some(device) = device else { return verb.to_string() };
    let payload = Payload::decode_within(message.payload.clone(), &Limits::default()).unwrap();
    let mut words = format!("{verb} {device}");
    for metric in payload.metrics {
        if let (true, Some(RawValue::Long(count))) = (metric.name.as_deref() != Some(SEQ), metric.value) {
            let mark = if metric.is_historical == Some(true) { "*" } else { "" };
            write!(words, " {count}{mark}").unwrap();
        }
    }
    words
}

const COUNT: &[(&str, ValueKind)] = &[("count", ValueKind::Int)];

#[test]
fn a_device_is_born_with_its_first_samples() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", COUNT));
    assert_eq!(said(&mut speaker), ["NBIRTH"], "nothing is known of the device yet");
    take(&mut speaker, value("lift-1", 0, 5));
    assert_eq!(said(&mut speaker), ["DBIRTH lift-1 5", "DDATA lift-1 5"], "what is true now, and what is to be stored");
    take(&mut speaker, value("lift-1", 1, 6));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 6"]);
}

#[test]
fn a_new_connection_hears_what_is_true_now_and_then_what_was() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 0, 0));
    said(&mut speaker);
    speaker.be_silent();
    for count in 1..4 {
        take(&mut speaker, value("lift-1", count, count));
    }
    assert_eq!(speaker.next(after(0)), None);
    connected(&mut speaker);
    assert_eq!(said(&mut speaker), ["NBIRTH", "DBIRTH lift-1 3"]);
    speaker.release_backlog(1);
    take(&mut speaker, value("lift-1", 4, 4));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 4", "DDATA lift-1 1*"], "what is fresh goes first");
    speaker.release_backlog(10);
    assert_eq!(said(&mut speaker), ["DDATA lift-1 2*", "DDATA lift-1 3*"]);
    assert!(!speaker.has_backlog());
}

#[test]
fn a_dead_device_is_told_once_after_its_last_words() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, down("lift-1"));
    assert_eq!(said(&mut speaker), ["NBIRTH"], "a device that was never up does not die");
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 0, 0));
    said(&mut speaker);
    take(&mut speaker, value("lift-1", 1, 1));
    take(&mut speaker, down("lift-1"));
    take(&mut speaker, down("lift-1"));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 1", "DDEATH lift-1"]);
    take(&mut speaker, value("lift-1", 2, 2));
    assert_eq!(said(&mut speaker), [""; 0], "a source must announce a device first");
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 3, 3));
    assert_eq!(said(&mut speaker), ["DBIRTH lift-1 3", "DDATA lift-1 3"]);
}

#[test]
fn what_a_device_said_before_it_fell_silent_is_told_although_it_is_down() {
    let disk = FakeDisk::default();
    let mut speaker = speaker_on(&disk);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 1, 1));
    take(&mut speaker, value("lift-1", 2, 2));
    take(&mut speaker, down("lift-1"));
    let expected = ["NBIRTH", "DBIRTH lift-1", "DDATA lift-1 1*", "DDATA lift-1 2*", "DDEATH lift-1"];
    connected(&mut speaker);
    speaker.release_backlog(10);
    assert_eq!(said(&mut speaker), expected);

    // The agent was killed before it could note that; now it knows the device only from its own disk.
    let mut speaker = speaker_on(&disk);
    connected(&mut speaker);
    speaker.release_backlog(10);
    assert_eq!(said(&mut speaker), expected);
}

#[test]
fn a_metric_that_was_taken_out_of_the_configuration_is_told_to_its_end() {
    let disk = FakeDisk::default();
    let mut speaker = speaker_on(&disk);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 1, 1));
    let mut speaker = speaker_on(&disk);
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", &[("floor", ValueKind::Int)]));
    let samples = vec![source::Sample::good(metric("floor"), NOW, Value::Int(9))];
    take(&mut speaker, SourceEvent::Samples { device: device("lift-1"), samples });
    speaker.release_backlog(10);
    let expected = ["NBIRTH", "DBIRTH lift-1 9", "DDATA lift-1 9", "DBIRTH lift-1 9", "DDATA lift-1 1*"];
    assert_eq!(said(&mut speaker), expected);
}

#[test]
fn a_device_that_reports_other_metrics_is_born_anew() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 0, 0));
    said(&mut speaker);
    take(&mut speaker, up("lift-1", &[("count", ValueKind::Int), ("fault", ValueKind::Bool)]));
    take(&mut speaker, value("lift-1", 1, 1));
    assert_eq!(said(&mut speaker), ["DBIRTH lift-1 1", "DDATA lift-1 1"]);
}

#[test]
fn a_sample_of_another_kind_than_declared_is_a_counted_gap() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 0, 0));
    said(&mut speaker);
    let samples = vec![source::Sample::good(metric("count"), NOW.plus_ms(1), Value::Bool(true))];
    take(&mut speaker, SourceEvent::Samples { device: device("lift-1"), samples });
    assert_eq!(said(&mut speaker), ["DDATA lift-1"], "its number is told, so that nobody waits for it");
    assert_eq!(speaker.gap_count(), 1);
    take(&mut speaker, value("lift-1", 2, 2));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 2"]);
}

#[test]
fn a_picture_goes_out_while_connected_and_the_newest_only() {
    let mut speaker = speaker();
    let picture = |content: &'static [u8]| SourceEvent::Blob {
        device: device("camera-1"),
        metric: metric("camera.snapshot"),
        at: NOW,
        bytes: Bytes::from_static(content),
    };
    take(&mut speaker, picture(b"while offline"));
    connected(&mut speaker);
    take(&mut speaker, up("camera-1", &[("count", ValueKind::Int), ("camera.snapshot", ValueKind::Blob)]));
    take(&mut speaker, value("camera-1", 0, 1));
    assert_eq!(said(&mut speaker), ["NBIRTH", "DBIRTH camera-1 1", "DDATA camera-1 1"]);
    take(&mut speaker, picture(b"first"));
    take(&mut speaker, picture(b"second"));
    let message = speaker.next(after(0)).unwrap();
    let payload = Payload::decode_within(message.payload, &Limits::default()).unwrap();
    assert_eq!(payload.metrics[0].value, Some(RawValue::Bytes(Bytes::from_static(b"second"))));
    assert_eq!(speaker.next(after(0)), None);
}

#[test]
fn a_command_reaches_its_device_and_a_rebirth_everything() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("camera-1", &[("count", ValueKind::Int), ("Video/Open", ValueKind::Text)]));
    take(&mut speaker, value("camera-1", 0, 1));
    said(&mut speaker);

    let obey = |speaker: &mut Speaker, message: Outgoing| {
        speaker.command(&Topic::parse(&message.topic).unwrap(), message.payload, after(0))
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

/// Takes what the host says.
fn hear(speaker: &mut Speaker, told: &Acknowledgement, now: Now) {
    let message = told.message(&address(), NOW);
    assert_eq!(speaker.command(&Topic::parse(&message.topic).unwrap(), message.payload, now), []);
}

fn told(epoch: u128, through: u64) -> Acknowledgement {
    let (store_epoch, incarnation) = (StoreEpoch(epoch), Incarnation(7));
    Acknowledgement { store_epoch, incarnation, through, ranges: Vec::new() }
}

fn said_at(speaker: &mut Speaker, now: Now) -> Vec<String> {
    std::iter::from_fn(|| speaker.next(now)).map(|message| in_words(&message)).collect()
}

#[test]
fn what_is_not_acknowledged_is_sent_again_and_after_a_restore_everything_since() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 1, 1));
    said(&mut speaker);
    assert_eq!(said_at(&mut speaker, after(120_000)), [""; 0], "a host that never acknowledges hears it once");
    hear(&mut speaker, &told(1, 1), after(0));
    take(&mut speaker, value("lift-1", 2, 2));
    take(&mut speaker, value("lift-1", 3, 3));
    assert_eq!(said(&mut speaker), ["DDATA lift-1 2", "DDATA lift-1 3"]);
    hear(&mut speaker, &told(1, 2), after(0));
    assert_eq!(said_at(&mut speaker, after(4_999)), [""; 0]);
    assert_eq!(said_at(&mut speaker, after(5_000)), ["DDATA lift-1 3*"]);
    hear(&mut speaker, &told(1, 3), after(5_100));
    assert_eq!(said_at(&mut speaker, after(120_000)), [""; 0]);

    hear(&mut speaker, &told(2, 1), after(120_000));
    speaker.release_backlog(10);
    assert_eq!(said_at(&mut speaker, after(120_000)), ["DDATA lift-1 2*", "DDATA lift-1 3*"]);
}

#[test]
fn what_is_fresh_waits_for_a_silent_host_a_minute_at_most() {
    let mut speaker = speaker();
    connected(&mut speaker);
    take(&mut speaker, up("lift-1", COUNT));
    take(&mut speaker, value("lift-1", 0, 0));
    said(&mut speaker);
    hear(&mut speaker, &told(1, 1), after(0));
    for count in 1..=300 {
        take(&mut speaker, value("lift-1", count, count));
    }
    assert_eq!(said(&mut speaker).len(), 256, "as many as may be under way");
    let later = said_at(&mut speaker, after(60_000));
    assert_eq!(later[..44], (257..=300).map(|count| format!("DDATA lift-1 {count}")).collect::<Vec<_>>());
    hear(&mut speaker, &told(1, 257), after(61_000));
    speaker.release_backlog(100);
    let missing: Vec<String> = (257..=300).map(|count| format!("DDATA lift-1 {count}*")).collect();
    assert_eq!(said_at(&mut speaker, after(61_000)), missing, "everything was kept");
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
        let mut speaker = speaker();
        let mut truth = [None; 3];
        let mut host: [Known; 3] = Default::default();
        let mut clock = 0;
        let listen = |speaker: &mut Speaker, host: &mut [Known; 3]| {
            for words in said(speaker) {
                let words: Vec<&str> = words.split(' ').collect();
                let Some(index) = words.get(1).and_then(|id| ids.iter().position(|other| other == id)) else {
                    *host = Default::default();
                    continue;
                };
                match words[0] {
                    "DBIRTH" => {
                        let latest = words.get(2).and_then(|count| count.parse().ok());
                        host[index] = Known { is_born: true, latest };
                    }
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
                    take(&mut speaker, up(ids[index], COUNT));
                    take(&mut speaker, value(ids[index], clock, clock));
                    truth[index] = Some(clock);
                }
                1 => {
                    take(&mut speaker, down(ids[index]));
                    truth[index] = None;
                }
                2..=4 => {
                    if truth[index].is_some() {
                        take(&mut speaker, value(ids[index], clock, clock));
                        truth[index] = Some(clock);
                    }
                }
                5 => speaker.release_backlog(2),
                6 => {
                    speaker.be_silent();
                    connected(&mut speaker);
                }
                _ => listen(&mut speaker, &mut host)?,
            }
        }
        connected(&mut speaker);
        speaker.release_backlog(1_000);
        listen(&mut speaker, &mut host)?;
        for (known, truth) in host.iter().zip(truth) {
            prop_assert_eq!((known.is_born, known.latest), (truth.is_some(), truth));
        }
    }

    /// Messages and acknowledgements get lost, the connection breaks, the agent is killed: at the end the host has
    /// stored every value once.
    #[test]
    fn every_value_is_stored_once(actions in prop::collection::vec((0_u8..12, 0_usize..3), 1..200)) {
        let disk = FakeDisk::default();
        let mut speaker = speaker_on(&disk);
        let (mut numbers, mut stored, mut taken, mut clock) = (Numbers::default(), Vec::new(), Vec::new(), 0_u64);
        let ids = ["a", "b", "c"];
        let start = |speaker: &mut Speaker| {
            connected(speaker);
            for id in ids {
                take(speaker, up(id, COUNT));
            }
        };
        let mut store = |speaker: &mut Speaker, numbers: &mut Numbers, now: Now, heard: fn(usize) -> bool| {
            let messages: Vec<Outgoing> = std::iter::from_fn(|| speaker.next(now)).collect();
            for (index, message) in messages.into_iter().enumerate() {
                let words = in_words(&message);
                let payload = Payload::decode_within(message.payload, &Limits::default()).unwrap();
                let Some(seq) = seq_of(&payload.metrics).unwrap().filter(|_| heard(index)) else { continue };
                if numbers.insert(seq) == Insertion::New {
                    stored.extend(words.split(' ').nth(2).map(|count| count.trim_end_matches('*').to_owned()));
                }
            }
        };
        start(&mut speaker);
        for (action, index) in actions {
            clock += 100;
            let now = after(clock);
            match action {
                0..=4 => {
                    take(&mut speaker, value(ids[index], clock.cast_signed(), clock.cast_signed()));
                    taken.push(clock.to_string());
                }
                5 => store(&mut speaker, &mut numbers, now, |_| true),
                6 => store(&mut speaker, &mut numbers, now, |index| index % 3 != 1),
                7 => store(&mut speaker, &mut numbers, now, |_| false),
                8 => hear(&mut speaker, &numbers.acknowledgement(StoreEpoch(1), Incarnation(7), &[]), now),
                9 => speaker.release_backlog(10),
                10 => {
                    speaker.be_silent();
                    connected(&mut speaker);
                }
                _ => {
                    speaker = speaker_on(&disk);
                    start(&mut speaker);
                }
            }
        }
        for round in 1..=4 {
            let now = after(clock + round * 61_000);
            speaker.release_backlog(1_000);
            store(&mut speaker, &mut numbers, now, |_| true);
            hear(&mut speaker, &numbers.acknowledgement(StoreEpoch(1), Incarnation(7), &[]), now);
        }
        stored.sort();
        taken.sort();
        prop_assert_eq!(stored, taken);
    }
}
