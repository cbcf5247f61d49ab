use domain::{
    id::NodeId,
    reading::{Quality, Value},
    time::UnixMs,
};
use proptest::prelude::*;

use super::*;
use crate::sparkplug::{
    Outgoing,
    edge_session::{BirthMetric, EdgeSession, Sample},
    metric::Content,
    payload::{Limits, Metric, RawValue},
    topic::{GroupId, NodeAddress, Topic},
};

const NOW: UnixMs = UnixMs(1_790_000_000_000);

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

fn name(text: &str) -> MetricName {
    MetricName::new(text).unwrap()
}

fn birth_metric(text: &str, value: i64) -> BirthMetric {
    BirthMetric {
        name: name(text),
        datatype: DataType::Int64,
        unit: String::new(),
        at: NOW,
        content: Some(Content::Value(Value::Int(value))),
        quality: Quality::Good,
    }
}

fn sample(text: &str, value: i64) -> Sample {
    Sample {
        metric: name(text),
        at: NOW,
        content: Some(Content::Value(Value::Int(value))),
        quality: Quality::Good,
        is_historical: false,
    }
}

fn edge() -> EdgeSession {
    let group = GroupId::new("500156001").unwrap();
    EdgeSession::new(NodeAddress { group, node: NodeId::new("edge-1").unwrap() }, None)
}

/// A host session with the clock in hand.
struct Host {
    session: NodeSession,
    now: MonoMs,
}

impl Host {
    fn new() -> Self {
        Self { session: NodeSession::new(Settings::default()), now: MonoMs(0) }
    }

    fn hear(&mut self, message: &Outgoing) -> Vec<Event> {
        let Ok(Topic::Node { verb, device, .. }) = Topic::parse(&message.topic) else { panic!("{}", message.topic) };
        let payload = Payload::decode_within(message.payload.clone(), &Limits::default()).unwrap();
        self.hear_payload(verb, device, payload)
    }

    fn hear_payload(&mut self, verb: NodeVerb, device: Option<DeviceId>, payload: Payload) -> Vec<Event> {
        let mut events = Vec::new();
        self.session.receive(verb, device, payload, self.now, &mut events);
        events
    }

    fn wait(&mut self, milliseconds: u64) -> Vec<Event> {
        self.now = self.now.plus_ms(milliseconds);
        let mut events = Vec::new();
        self.session.tick(self.now, &mut events);
        events
    }
}

/// A node with the metric `load` and the device `lift` with the metrics `floor` and `trips`, heard by a host.
fn born() -> (EdgeSession, Host) {
    let (mut edge, mut host) = (edge(), Host::new());
    edge.connect(NOW);
    host.hear(&edge.node_birth(NOW, &[birth_metric("load", 1)]).unwrap());
    let metrics = [birth_metric("floor", 1), birth_metric("trips", 100)];
    host.hear(&edge.device_birth(NOW, &device("lift"), &metrics).unwrap());
    (edge, host)
}

fn values(events: &[Event]) -> Vec<(&str, i64)> {
    let metrics = events.iter().flat_map(|event| match event {
        Event::NodeBorn { metrics, .. } | Event::DeviceBorn { metrics, .. } | Event::Data { metrics, .. } => {
            metrics.as_slice()
        }
        _ => &[],
    });
    metrics
        .map(|heard| match &heard.content {
            Ok(Some(Content::Value(Value::Int(number)))) => (heard.name.as_str(), *number),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn floor(edge: &mut EdgeSession, value: i64) -> Outgoing {
    edge.device_data(NOW, &device("lift"), &[sample("floor", value)]).unwrap()
}

#[test]
fn births_name_what_data_calls_by_alias() {
    let (mut edge, mut host) = (edge(), Host::new());
    edge.connect(NOW);
    let events = host.hear(&edge.node_birth(NOW, &[birth_metric("load", 7)]).unwrap());
    assert!(matches!(events[..], [Event::NodeBorn { bd_seq: Some(0), is_rebirth: false, .. }]));
    assert_eq!(values(&events), [("load", 7)], "bdSeq and Node Control/Rebirth belong to the protocol");
    host.hear(&edge.device_birth(NOW, &device("lift"), &[birth_metric("floor", 1)]).unwrap());
    assert_eq!(values(&host.hear(&floor(&mut edge, 3))), [("floor", 3)]);
    assert_eq!(values(&host.hear(&edge.node_data(NOW, &[sample("load", 8)]).unwrap())), [("load", 8)]);
    assert_eq!(host.session.link(), Link::Online);
    assert_eq!(host.session.devices().collect::<Vec<_>>(), [&device("lift")]);
    let events = host.hear(&edge.device_death(NOW, &device("lift")).unwrap());
    assert_eq!(events, [Event::DeviceDied { device: device("lift") }]);
}

#[test]
fn tck_id_operational_behavior_host_reordering_success() {
    let (mut edge, mut host) = born();
    let messages: Vec<_> = (0..5).map(|value| floor(&mut edge, value)).collect();
    let mut heard = Vec::new();
    for index in [0, 2, 4, 1, 3] {
        heard.extend(values(&host.hear(&messages[index])).iter().map(|(_, value)| *value).collect::<Vec<_>>());
    }
    assert_eq!(heard, [0, 1, 2, 3, 4]);
    assert_eq!(host.session.next_due(), None);
}

#[test]
fn tck_id_operational_behavior_host_reordering_rebirth() {
    let (mut edge, mut host) = born();
    floor(&mut edge, 1);
    let late = floor(&mut edge, 2);
    assert_eq!(host.hear(&late), []);
    assert_eq!(host.session.next_due(), Some(MonoMs(2_000))); // …-host-reordering-start
    assert_eq!(host.wait(1_999), []);
    let events = host.wait(1);
    assert_eq!(events[..2], [Event::Gap { lost: 1 }, Event::RebirthNeeded(RebirthReason::Gap)]);
    assert_eq!(values(&events), [], "a lost birth may have given the alias to another metric");
    assert!(matches!(events[2], Event::Unread { reason: Unread::Uncertain, .. }));

    host.hear(&edge.node_birth(NOW, &[birth_metric("load", 1)]).unwrap());
    host.hear(&edge.device_birth(NOW, &device("lift"), &[birth_metric("floor", 9)]).unwrap());
    assert_eq!(values(&host.hear(&floor(&mut edge, 4))), [("floor", 4)]);
}

#[test]
fn what_waits_for_its_turn_at_a_birth_or_a_death_is_taken_and_the_missing_counted() {
    for is_death in [false, true] {
        let (mut edge, mut host) = born();
        floor(&mut edge, 1);
        floor(&mut edge, 2);
        // It names itself, so that no lost birth can have changed what it means.
        let mut late = Payload::decode_within(floor(&mut edge, 3).payload, &Limits::default()).unwrap();
        for metric in &mut late.metrics {
            (metric.alias, metric.name) = (None, Some("floor".to_owned()));
            metric.datatype = Some(DataType::Int64.code());
        }
        let mut events = Vec::new();
        host.session.receive(NodeVerb::DData, Some(device("lift")), late, host.now, &mut events);
        assert_eq!(events, []);
        let end = if is_death { edge.death(NOW) } else { edge.node_birth(NOW, &[birth_metric("load", 1)]).unwrap() };
        let events = host.hear(&end);
        assert_eq!(events[0], Event::Gap { lost: 2 }, "{events:?}");
        assert_eq!(values(&events)[0], ("floor", 3), "{events:?}");
        assert!(!events.iter().any(|event| matches!(event, Event::RebirthNeeded(_))));
    }
}

#[test]
fn a_jump_beyond_the_window_is_a_gap_at_once() {
    let (mut edge, mut host) = born();
    for _ in 0..40 {
        floor(&mut edge, 0);
    }
    let events = host.hear(&floor(&mut edge, 1));
    assert_eq!(events[..2], [Event::Gap { lost: 40 }, Event::RebirthNeeded(RebirthReason::Gap)]);
    // The next in order is no second gap.
    assert!(!host.hear(&floor(&mut edge, 1)).iter().any(|event| matches!(event, Event::Gap { .. })));
}

#[test]
fn after_a_gap_a_device_is_certain_again_from_its_own_birth_on() {
    let (mut edge, mut host) = born();
    for _ in 0..40 {
        floor(&mut edge, 0);
    }
    host.hear(&floor(&mut edge, 1));
    host.hear(&edge.device_birth(NOW, &device("lift"), &[birth_metric("floor", 2)]).unwrap());
    assert_eq!(values(&host.hear(&floor(&mut edge, 3))), [("floor", 3)]);
    let events = host.hear(&edge.node_data(NOW, &[sample("load", 8)]).unwrap());
    assert!(matches!(events[..], [Event::Unread { reason: Unread::Uncertain, .. }]), "the node itself is not");
}

#[test]
fn a_repeated_message_is_taken_once() {
    let (mut edge, mut host) = born();
    let message = floor(&mut edge, 1);
    assert_eq!(values(&host.hear(&message)), [("floor", 1)]);
    assert_eq!(host.hear(&message), [Event::Ignored(Ignored::Late)]);
}

#[test]
fn tck_id_operational_behavior_edge_node_termination_host_action_ndeath_node_offline() {
    let (mut edge, mut host) = born();
    assert_eq!(host.hear(&edge.death(NOW)), [Event::NodeDied]);
    assert_eq!(host.session.link(), Link::Offline);
    assert_eq!(host.session.devices().count(), 0, "a node's death is that of its devices");
    assert_eq!(host.hear(&edge.death(NOW)), [Event::Ignored(Ignored::RepeatedDeath)]);
}

#[test]
fn a_late_will_of_an_older_session_kills_nobody() {
    let (mut edge, mut host) = (edge(), Host::new());
    let old_will = edge.connect(NOW);
    let will = edge.connect(NOW);
    host.hear(&edge.node_birth(NOW, &[]).unwrap());
    assert_eq!(host.hear(&old_will), [Event::Ignored(Ignored::StaleDeath)]);
    assert_eq!(host.session.link(), Link::Online);
    assert_eq!(host.hear(&will), [Event::NodeDied]);
}

#[test]
fn a_death_ahead_of_its_birth_counts() {
    let (mut edge, mut host) = (edge(), Host::new());
    edge.connect(NOW);
    host.hear(&edge.node_birth(NOW, &[]).unwrap());
    let ahead = edge.connect(NOW);
    assert_eq!(host.hear(&ahead), [Event::NodeDied]);
}

#[test]
fn whoever_speaks_unborn_is_asked_for_its_birth() {
    let (mut edge, _) = born();
    let mut host = Host::new();
    let expected = [Event::Ignored(Ignored::NotBorn), Event::RebirthNeeded(RebirthReason::NodeNotBorn)];
    assert_eq!(host.hear(&floor(&mut edge, 1)), expected);
    assert_eq!(host.hear(&edge.node_data(NOW, &[sample("load", 1)]).unwrap()), expected);
    host.hear(&edge.node_birth(NOW, &[]).unwrap());
    let unborn = edge.device_birth(NOW, &device("lift"), &[birth_metric("floor", 1)]).unwrap();
    let first = floor(&mut edge, 1);
    assert_eq!(host.hear(&first), [], "the device's birth may still come");
    assert_eq!(values(&host.hear(&unborn)), [("floor", 1), ("floor", 1)]);
}

#[test]
fn a_host_that_lost_its_connection_knows_nothing() {
    let (mut edge, mut host) = born();
    host.session.forget();
    assert_eq!(host.session.link(), Link::Unknown);
    assert!(host.hear(&floor(&mut edge, 1)).contains(&Event::RebirthNeeded(RebirthReason::NodeNotBorn)));
}

#[test]
fn a_rebirth_keeps_devices_alive_until_their_own() {
    let (mut edge, mut host) = born();
    let events = host.hear(&edge.node_birth(NOW, &[]).unwrap());
    assert!(matches!(events[..], [Event::NodeBorn { is_rebirth: true, .. }]));
    assert_eq!(host.wait(29_999), []);
    assert_eq!(host.wait(1), [Event::DeviceDied { device: device("lift") }]);
    assert_eq!(host.session.next_due(), None);
}

#[test]
fn a_device_without_its_node_is_heard_by_name_only() {
    let mut host = Host::new();
    let metric = |name: Option<&str>, alias| Metric {
        name: name.map(str::to_owned),
        alias,
        datatype: Some(DataType::Int32.code()),
        value: Some(RawValue::Int(5)),
        ..Metric::default()
    };
    let payload = |metric, seq| Payload { metrics: vec![metric], seq, ..Payload::default() };
    let birth = payload(metric(Some("floor"), Some(1)), Some(0));
    let events = host.hear_payload(NodeVerb::DBirth, Some(device("lift")), birth);
    assert_eq!(values(&events), [("floor", 5)]);
    assert_eq!(events.last(), Some(&Event::RebirthNeeded(RebirthReason::NodeNotBorn)));
    assert_eq!(host.session.link(), Link::Unknown);
    let by_name = payload(metric(Some("floor"), None), Some(9));
    assert_eq!(values(&host.hear_payload(NodeVerb::DData, Some(device("lift")), by_name)), [("floor", 5)]);
    let by_alias = payload(metric(None, Some(1)), Some(10));
    let events = host.hear_payload(NodeVerb::DData, Some(device("lift")), by_alias);
    assert!(matches!(events[..], [Event::Unread { reason: Unread::Uncertain, .. }]));
    let death = host.hear_payload(NodeVerb::DDeath, Some(device("lift")), Payload::default());
    assert_eq!(death, [Event::DeviceDied { device: device("lift") }]);
}

#[test]
fn what_a_birth_gives_twice_means_nothing() {
    let mut host = Host::new();
    let metric = |name: Option<&str>, alias| Metric {
        name: name.map(str::to_owned),
        alias,
        datatype: Some(DataType::Int32.code()),
        value: Some(RawValue::Int(5)),
        ..Metric::default()
    };
    let metrics = vec![metric(Some("a"), Some(1)), metric(Some("b"), Some(1)), metric(Some("a"), Some(2))];
    let birth = Payload { metrics, seq: Some(0), ..Payload::default() };
    let events = host.hear_payload(NodeVerb::NBirth, None, birth);
    assert_eq!(values(&events), [("a", 5), ("b", 5)]);
    assert_eq!(events[1], Event::Unread { device: None, reason: Unread::Twice(name("a")) });
    let data = Payload { metrics: vec![metric(None, Some(1))], seq: Some(1), ..Payload::default() };
    let events = host.hear_payload(NodeVerb::NData, None, data);
    assert_eq!(
        events,
        [Event::Unread { device: None, reason: Unread::Alias(1) }, Event::RebirthNeeded(RebirthReason::Undeclared)]
    );
}

#[test]
fn a_grouped_birth_and_data_without_groups_are_the_same_metrics() {
    let mut host = Host::new();
    let lift = device("lift");
    let metric = |name: &str| Metric {
        name: Some(name.to_owned()),
        datatype: Some(DataType::Int32.code()),
        value: Some(RawValue::Int(5)),
        ..Metric::default()
    };
    let payload =
        |names: &[&str]| Payload { metrics: names.iter().map(|name| metric(name)).collect(), ..Payload::default() };
    let mut hear = |verb, names: &[&str]| {
        let events = host.hear_payload(verb, Some(lift.clone()), payload(names));
        values(&events).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(hear(NodeVerb::DBirth, &["ATTR/site", "DATA/floor", "CMD/reset"]), ["ATTR/site", "floor", "CMD/reset"]);
    assert_eq!(hear(NodeVerb::DData, &["floor"]), ["floor"]);
    assert_eq!(hear(NodeVerb::DData, &["DATA/floor"]), ["floor"]);
    let target = host.session.command_target(Some(&lift), &name("reset"));
    assert_eq!(target, Some((MetricRef::Name(name("reset")), DataType::Int32)));

    let mut host = Host::new();
    let events = host.hear_payload(NodeVerb::DBirth, Some(lift), payload(&["DATA/floor", "floor"]));
    assert_eq!(values(&events), [("DATA/floor", 5), ("floor", 5)], "not all in groups: names are as they are");
}

#[test]
fn a_metric_never_changes_its_kind_between_births() {
    let (_, mut host) = born();
    let metric = Metric {
        name: Some("floor".into()),
        datatype: Some(DataType::Double.code()),
        value: Some(RawValue::Double(1.0)),
        ..Metric::default()
    };
    let data = Payload { metrics: vec![metric], seq: Some(2), ..Payload::default() };
    let events = host.hear_payload(NodeVerb::DData, Some(device("lift")), data);
    assert_eq!(events, [Event::Unread { device: Some(device("lift")), reason: Unread::Kind(name("floor")) }]);
}

#[test]
fn a_node_cannot_grow_without_bound() {
    let settings = Settings { devices_max: 2, metrics_max: 3, ..Settings::default() };
    let mut host = Host { session: NodeSession::new(settings), now: MonoMs(0) };
    let mut edge = edge();
    edge.connect(NOW);
    host.hear(&edge.node_birth(NOW, &[]).unwrap());
    let many = [birth_metric("a", 1), birth_metric("b", 1)];
    host.hear(&edge.device_birth(NOW, &device("d1"), &many).unwrap());
    let events = host.hear(&edge.device_birth(NOW, &device("d2"), &many).unwrap());
    assert_eq!(events, [Event::Ignored(Ignored::TooMany)]);
    assert_eq!(values(&host.hear(&edge.device_birth(NOW, &device("d2"), &many[..1]).unwrap())), [("a", 1)]);
    let events = host.hear(&edge.device_birth(NOW, &device("d3"), &[]).unwrap());
    assert_eq!(events, [Event::Ignored(Ignored::TooMany)]);
}

#[test]
fn tck_id_operational_behavior_data_commands_dcmd_metric_name() {
    let (_, host) = born();
    let lift = device("lift");
    assert_eq!(host.session.command_target(Some(&lift), &name("trips")), Some((MetricRef::Alias(3), DataType::Int64)));
    assert_eq!(host.session.command_target(Some(&lift), &name("load")), None);
    assert_eq!(host.session.command_target(None, &name("load")), Some((MetricRef::Alias(1), DataType::Int64)));
}

/// What an edge does next in the model below.
#[derive(Debug, Clone)]
enum Step {
    Data(usize),
    DeviceBirth(usize),
    DeviceDeath(usize),
    Rebirth,
    Reconnect,
}

const DEVICES: [&str; 2] = ["d0", "d1"];

/// Plays the steps on a strict edge. Each value says which metric it belongs to and grows with every message.
fn play(steps: &[Step]) -> Vec<Outgoing> {
    let mut edge = edge();
    let mut clock = 0;
    edge.connect(NOW);
    let mut out = Vec::new();
    out.extend(edge.node_birth(NOW, &[birth_metric("n", 0)]).ok());
    for step in steps {
        clock += 10;
        let metrics = |index: usize| -> Vec<_> {
            let names = if index == 0 { [("d0.a", 1), ("d0.b", 2)] } else { [("d1.a", 3), ("d1.b", 4)] };
            names.iter().map(|(text, digit)| birth_metric(text, clock + digit)).collect()
        };
        match step {
            Step::Data(index) => {
                let samples: Vec<_> = metrics(*index)
                    .into_iter()
                    .map(|metric| Sample {
                        metric: metric.name,
                        at: metric.at,
                        content: metric.content,
                        quality: metric.quality,
                        is_historical: false,
                    })
                    .collect();
                out.extend(edge.device_data(NOW, &device(DEVICES[*index]), &samples).ok());
            }
            Step::DeviceBirth(index) => {
                out.extend(edge.device_birth(NOW, &device(DEVICES[*index]), &metrics(*index)).ok());
            }
            Step::DeviceDeath(index) => out.extend(edge.device_death(NOW, &device(DEVICES[*index])).ok()),
            Step::Rebirth => out.extend(edge.node_birth(NOW, &[birth_metric("n", clock)]).ok()),
            Step::Reconnect => {
                out.push(edge.connect(NOW));
                out.extend(edge.node_birth(NOW, &[birth_metric("n", clock)]).ok());
            }
        }
    }
    out
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2_usize).prop_map(Step::Data),
        3 => (0..2_usize).prop_map(Step::DeviceBirth),
        1 => (0..2_usize).prop_map(Step::DeviceDeath),
        1 => Just(Step::Rebirth),
        1 => Just(Step::Reconnect),
    ]
}

/// Whatever is heard belongs to the metric that was measured: the last digit of a value tells which.
fn assert_nothing_is_confused(events: &[Event]) {
    for (metric, value) in values(events) {
        let expected = match metric {
            "n" => 0,
            "d0.a" => 1,
            "d0.b" => 2,
            "d1.a" => 3,
            "d1.b" => 4,
            other => panic!("{other}"),
        };
        assert_eq!(value % 10, expected, "{metric} {value}");
    }
}

/// A legal but nasty edge: every other birth of a device exchanges the aliases of its two metrics.
fn exchange_aliases(messages: &mut [Outgoing]) {
    let mut is_exchanged = [false; 2];
    for message in messages {
        let Ok(Topic::Node { verb, device: Some(device), .. }) = Topic::parse(&message.topic) else { continue };
        let flag = &mut is_exchanged[usize::from(device.as_str() == DEVICES[1])];
        *flag ^= verb == NodeVerb::DBirth;
        let mut payload = Payload::decode_within(message.payload.clone(), &Limits::default()).unwrap();
        for metric in payload.metrics.iter_mut().filter(|_| *flag) {
            // The aliases of a device's two metrics are 2 and 3, or 4 and 5.
            metric.alias = metric.alias.map(|alias| alias ^ 1);
        }
        message.payload = payload.to_bytes();
    }
}

/// Loses, repeats and swaps messages.
fn damage(messages: &mut Vec<Outgoing>, accidents: &[(u8, usize, u64)]) {
    for (index, (accident, distance, _)) in accidents.iter().enumerate() {
        if index >= messages.len() {
            break;
        }
        let other = (index + distance).min(messages.len() - 1);
        match accident {
            0 => drop(messages.remove(index)),
            1 => messages.insert(other, messages[index].clone()),
            2 => messages.swap(index, other),
            _ => {}
        }
    }
}

fn any_accidents() -> impl Strategy<Value = Vec<(u8, usize, u64)>> {
    proptest::collection::vec((0..6_u8, 0..40_usize, 0..3_000_u64), 120)
}

/// Lets a host hear the messages with pauses between them, and checks each value.
fn hear_all(messages: &[Outgoing], accidents: &[(u8, usize, u64)]) {
    let mut host = Host::new();
    for (message, (_, _, wait_ms)) in messages.iter().zip(accidents.iter().cycle()) {
        assert_nothing_is_confused(&host.hear(message));
        assert_nothing_is_confused(&host.wait(*wait_ms));
    }
}

proptest! {
    #[test]
    fn in_order_everything_is_heard(steps in proptest::collection::vec(any_step(), 0..200)) {
        let mut host = Host::new();
        for message in play(&steps) {
            for event in host.hear(&message) {
                assert_nothing_is_confused(std::slice::from_ref(&event));
                let is_expected = matches!(
                    event,
                    Event::NodeBorn { .. } | Event::DeviceBorn { .. } | Event::DeviceDied { .. } | Event::Data { .. }
                ) || event == Event::Ignored(Ignored::StaleDeath)
                    || event == Event::NodeDied;
                prop_assert!(is_expected, "{:?}", event);
            }
        }
    }

    #[test]
    fn lost_repeated_and_swapped_messages_confuse_nothing(
        steps in proptest::collection::vec(any_step(), 0..120),
        accidents in any_accidents(),
    ) {
        let mut messages = play(&steps);
        damage(&mut messages, &accidents);
        hear_all(&messages, &accidents);
    }

    #[test]
    fn nothing_is_confused_even_when_births_exchange_aliases(
        steps in proptest::collection::vec(
            prop_oneof![3 => (0..2_usize).prop_map(Step::Data), 1 => (0..2_usize).prop_map(Step::DeviceBirth)],
            0..100,
        ),
        accidents in any_accidents(),
    ) {
        let births = [Step::DeviceBirth(0), Step::DeviceBirth(1)];
        let mut messages = play(&[births.to_vec(), steps].concat());
        exchange_aliases(&mut messages);
        damage(&mut messages, &accidents);
        hear_all(&messages, &accidents);
    }

    #[test]
    fn swaps_within_the_window_lose_nothing(
        count in 1..100_i64,
        keys in proptest::collection::vec(any::<u8>(), 100),
    ) {
        let (mut edge, mut host) = born();
        let mut messages: Vec<_> =
            (0..count).zip(keys).enumerate().map(|(at, (value, key))| (at / 8, key, floor(&mut edge, value))).collect();
        // Shuffled within blocks of 8: at most 14 ahead of the expected one.
        messages.sort_by_key(|(block, key, _)| (*block, *key));
        let mut heard = Vec::new();
        for (_, _, message) in &messages {
            heard.extend(values(&host.hear(message)).into_iter().map(|(_, value)| value));
        }
        prop_assert_eq!(heard, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_payloads_never_panic(
        messages in proptest::collection::vec(
            (
                0..8_usize,
                proptest::option::of(0..300_u64),
                proptest::collection::vec((proptest::option::of(".{0,3}"), proptest::option::of(0..4_u64), any::<Option<u32>>()), 0..5),
            ),
            0..40,
        ),
    ) {
        let verbs = [
            NodeVerb::NBirth, NodeVerb::NDeath, NodeVerb::DBirth, NodeVerb::DDeath,
            NodeVerb::NData, NodeVerb::DData, NodeVerb::NCmd, NodeVerb::DCmd,
        ];
        let mut host = Host::new();
        for (verb, seq, metrics) in messages {
            let metrics = metrics
                .into_iter()
                .map(|(name, alias, datatype)| Metric {
                    name, alias, datatype, value: Some(RawValue::Int(1)), ..Metric::default()
                })
                .collect();
            let device = verbs[verb].names_device().then(|| device("lift"));
            host.hear_payload(verbs[verb], device, Payload { metrics, seq, ..Payload::default() });
            host.wait(500);
        }
    }
}
