use domain::{id::NodeId, reading::Value};

use super::*;
use crate::sparkplug::{payload::Limits, topic::GroupId};

const NOW: UnixMs = UnixMs(1_790_000_000_000);

fn session() -> EdgeSession {
    let group = GroupId::new("500156001").unwrap();
    EdgeSession::new(NodeAddress { group, node: NodeId::new("edge-1").unwrap() }, None)
}

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

fn name(text: &str) -> MetricName {
    MetricName::new(text).unwrap()
}

fn double(text: &str, value: f64) -> BirthMetric {
    BirthMetric {
        name: name(text),
        datatype: DataType::Double,
        unit: "°C".into(),
        at: NOW.plus_ms(-5),
        content: Some(Content::Value(Value::Float(value))),
        quality: Quality::Good,
    }
}

fn sample(text: &str, at: UnixMs, value: f64) -> Sample {
    Sample {
        metric: name(text),
        at,
        content: Some(Content::Value(Value::Float(value))),
        quality: Quality::Good,
        is_historical: false,
    }
}

fn body(message: &Outgoing) -> Payload {
    Payload::decode_within(message.payload.clone(), &Limits::default()).unwrap()
}

fn metric<'a>(payload: &'a Payload, text: &str) -> &'a Metric {
    payload.metrics.iter().find(|metric| metric.name.as_deref() == Some(text)).unwrap()
}

fn born() -> EdgeSession {
    let mut session = session();
    session.connect(NOW);
    session.node_birth(NOW, &[double("load", 0.5)]).unwrap();
    session.device_birth(NOW, &device("store-1"), &[double("temperature", -18.0)]).unwrap();
    session
}

#[test]
fn tck_id_payloads_ndeath_will_message() {
    let will = session().connect(NOW);
    assert_eq!(will.topic, "spBv1.0/500156001/NDEATH/edge-1");
    assert_eq!(will.qos, Qos::AtLeastOnce); // tck-id-payloads-ndeath-will-message-qos
    assert!(!will.is_retained); // tck-id-payloads-ndeath-will-message-retain
    let payload = body(&will);
    assert_eq!(payload.seq, None); // tck-id-payloads-ndeath-seq
    assert_eq!(metric(&payload, "bdSeq").value, Some(RawValue::Long(0))); // tck-id-payloads-ndeath-bdseq
    assert_eq!(metric(&payload, "bdSeq").datatype, Some(DataType::Int64.code()));
}

#[test]
fn tck_id_topics_nbirth_bdseq_increment() {
    let bd_seq_of = |message: &Outgoing| metric(&body(message), "bdSeq").value.clone();
    let mut session = session();
    for expected in (0..=255_u64).chain([0, 1]) {
        let will = session.connect(NOW);
        let birth = session.node_birth(NOW, &[]).unwrap();
        assert_eq!(bd_seq_of(&will), Some(RawValue::Long(expected)));
        assert_eq!(bd_seq_of(&birth), bd_seq_of(&will)); // tck-id-topics-nbirth-bdseq-matching
    }
    let mut restarted = EdgeSession::new(session.address().clone(), session.bd_seq());
    assert_eq!(bd_seq_of(&restarted.connect(NOW)), Some(RawValue::Long(2)));
}

#[test]
fn tck_id_payloads_nbirth_seq() {
    let mut session = session();
    session.connect(NOW);
    let birth = session.node_birth(NOW, &[double("load", 0.5)]).unwrap();
    assert_eq!(birth.topic, "spBv1.0/500156001/NBIRTH/edge-1"); // tck-id-topics-nbirth-topic
    assert_eq!(birth.qos, Qos::AtMostOnce); // tck-id-payloads-nbirth-qos
    assert!(!birth.is_retained); // tck-id-payloads-nbirth-retain
    assert_eq!(body(&birth).seq, Some(0)); // tck-id-payloads-sequence-num-zero-nbirth
    assert_eq!(body(&birth).timestamp, Some(NOW.0.cast_unsigned())); // tck-id-payloads-nbirth-timestamp
}

#[test]
fn tck_id_payloads_nbirth_rebirth_req() {
    let mut session = session();
    session.connect(NOW);
    let payload = body(&session.node_birth(NOW, &[]).unwrap());
    let rebirth = metric(&payload, "Node Control/Rebirth");
    assert_eq!(rebirth.datatype, Some(DataType::Boolean.code()));
    assert_eq!(rebirth.value, Some(RawValue::Boolean(false)));
    assert_eq!(rebirth.alias, None); // tck-id-operational-behavior-data-commands-rebirth-name-aliases
}

#[test]
fn tck_id_message_flow_device_birth_publish_nbirth_wait() {
    let mut session = session();
    assert_eq!(session.device_birth(NOW, &device("d"), &[]), Err(SessionError::NodeNotBorn));
    session.connect(NOW);
    assert_eq!(session.device_birth(NOW, &device("d"), &[]), Err(SessionError::NodeNotBorn));
    assert_eq!(session.node_data(NOW, &[]), Err(SessionError::NodeNotBorn));
    session.node_birth(NOW, &[]).unwrap();
    assert_eq!(session.device_data(NOW, &device("d"), &[]), Err(SessionError::DeviceNotBorn(device("d"))));
    assert!(session.device_birth(NOW, &device("d"), &[]).is_ok());
    session.connect(NOW);
    assert!(!session.is_born() && !session.is_device_born(&device("d")), "a new connection starts from nothing");
}

#[test]
fn tck_id_payloads_sequence_num_incrementing() {
    let mut session = born();
    let store = device("store-1");
    let mut expected = 2_u64;
    let mut check = |message: Outgoing| {
        assert_eq!(body(&message).seq, Some(expected % 256), "{}", message.topic);
        expected += 1;
    };
    for _ in 0..300 {
        check(session.node_data(NOW, &[sample("load", NOW, 0.6)]).unwrap()); // tck-id-payloads-ndata-seq-inc
        check(session.device_data(NOW, &store, &[sample("temperature", NOW, 1.0)]).unwrap()); // …-ddata-seq-inc
        check(session.device_death(NOW, &store).unwrap()); // tck-id-payloads-ddeath-seq-inc
        check(session.device_birth(NOW, &store, &[double("temperature", 2.0)]).unwrap()); // …-dbirth-seq-inc
    }
}

#[test]
fn a_refused_message_spends_no_sequence_number() {
    let mut session = born();
    let store = device("store-1");
    assert_eq!(
        session.device_data(NOW, &store, &[sample("humidity", NOW, 1.0)]),
        Err(SessionError::Undeclared(name("humidity")))
    );
    let text = Content::Value(Value::Text("warm".into()));
    let wrong = Sample { content: Some(text), ..sample("temperature", NOW, 0.0) };
    assert!(matches!(session.device_data(NOW, &store, &[wrong]), Err(SessionError::Content { .. })));
    assert_eq!(body(&session.device_data(NOW, &store, &[]).unwrap()).seq, Some(2));
}

#[test]
fn tck_id_payloads_alias_uniqueness() {
    let mut session = session();
    session.connect(NOW);
    let mut aliases = Vec::new();
    let node_birth = body(&session.node_birth(NOW, &[double("a", 1.0), double("b", 1.0)]).unwrap());
    let one = body(&session.device_birth(NOW, &device("d1"), &[double("a", 1.0)]).unwrap());
    let two = body(&session.device_birth(NOW, &device("d2"), &[double("a", 1.0)]).unwrap());
    for metric in [node_birth.metrics, one.metrics, two.metrics].concat() {
        assert!(metric.name.is_some()); // tck-id-payloads-alias-birth-requirement
        aliases.extend(metric.alias);
    }
    let count = aliases.len();
    aliases.sort_unstable();
    aliases.dedup();
    assert_eq!((aliases.len(), count), (4, 4));
}

#[test]
fn tck_id_payloads_alias_data_cmd_requirement() {
    let mut session = born();
    let payload = body(&session.device_data(NOW, &device("store-1"), &[sample("temperature", NOW, 1.0)]).unwrap());
    assert_eq!((payload.metrics[0].name.as_deref(), payload.metrics[0].alias), (None, Some(2)));
    assert_eq!(payload.metrics[0].timestamp, Some(NOW.0.cast_unsigned())); // …-name-birth-data-requirement
}

#[test]
fn tck_id_operational_behavior_data_commands_rebirth_action_3() {
    let mut session = born();
    let alias = |payload: &Payload| metric(payload, "temperature").alias;
    let store = device("store-1");
    session.device_data(NOW, &store, &[]).unwrap();
    let birth = body(&session.node_birth(NOW, &[double("load", 0.5)]).unwrap());
    assert_eq!(metric(&birth, "bdSeq").value, Some(RawValue::Long(0)), "the same connection, the same number");
    assert_eq!(birth.seq, Some(0));
    assert!(!session.is_device_born(&store), "every device is to be born again"); // …-rebirth-action-2
    let again = body(&session.device_birth(NOW, &store, &[double("new", 0.0), double("temperature", 1.0)]).unwrap());
    assert_eq!(alias(&again), Some(2), "a series keeps its alias");
    assert_eq!(metric(&again, "new").alias, Some(3));
}

#[test]
fn tck_id_operational_behavior_data_publish_dbirth_order() {
    let mut session = born();
    let store = device("store-1");
    let samples = [
        sample("temperature", NOW.plus_ms(2), 2.0),
        sample("temperature", NOW, 0.0),
        sample("temperature", NOW.plus_ms(1), 1.0),
    ];
    let payload = body(&session.device_data(NOW, &store, &samples).unwrap());
    let values: Vec<_> = payload.metrics.iter().map(|metric| metric.value.clone().unwrap()).collect();
    assert_eq!(values, [0.0, 1.0, 2.0].map(RawValue::Double));
}

#[test]
fn what_could_not_be_measured_is_null_and_bad() {
    let mut session = born();
    let bad = Sample { content: None, quality: Quality::Bad, is_historical: true, ..sample("temperature", NOW, 0.0) };
    let payload = body(&session.device_data(NOW, &device("store-1"), &[bad]).unwrap());
    assert_eq!(payload.metrics[0].value, None);
    assert_eq!(payload.metrics[0].is_null, Some(true));
    assert_eq!(payload.metrics[0].is_historical, Some(true));
    assert_eq!(metric::quality_of(&payload.metrics[0]), Quality::Bad);
}

#[test]
fn tck_id_operational_behavior_edge_node_intentional_disconnect_ndeath() {
    let mut session = born();
    let death = session.death(NOW);
    assert_eq!(death.topic, "spBv1.0/500156001/NDEATH/edge-1");
    assert_eq!(metric(&body(&death), "bdSeq").value, Some(RawValue::Long(0)));
    assert_eq!(session.node_data(NOW, &[]), Err(SessionError::NodeNotBorn));
}

#[test]
fn the_protocols_own_metrics_cannot_be_declared() {
    let mut session = session();
    session.connect(NOW);
    assert_eq!(session.node_birth(NOW, &[double("bdSeq", 1.0)]), Err(SessionError::Reserved(name("bdSeq"))));
}

#[test]
fn tck_id_operational_behavior_data_commands_rebirth_action_1() {
    let session = born();
    let command = |value| Payload {
        metrics: vec![Metric {
            name: Some(REBIRTH.into()),
            value: Some(RawValue::Boolean(value)),
            ..Metric::default()
        }],
        ..Payload::default()
    };
    assert_eq!(session.read_command(None, &command(true)), [Ok(Command::Rebirth)]);
    assert_eq!(session.read_command(None, &command(false)), []);
    assert_eq!(session.read_command(Some(&device("store-1")), &command(true)), [Err(CommandError::Undeclared)]);
}

#[test]
fn a_command_is_understood_by_alias_and_by_name_for_its_own_device_only() {
    let session = born();
    let store = device("store-1");
    let command = |name: Option<&str>, alias, value| Payload {
        metrics: vec![Metric { name: name.map(str::to_owned), alias, value: Some(value), ..Metric::default() }],
        ..Payload::default()
    };
    let expected = Command::Write {
        device: Some(store.clone()),
        metric: name("temperature"),
        content: Some(Content::Value(Value::Float(4.0))),
    };
    let by_alias = command(None, Some(2), RawValue::Double(4.0));
    assert_eq!(session.read_command(Some(&store), &by_alias), [Ok(expected.clone())]);
    let by_name = command(Some("temperature"), None, RawValue::Double(4.0));
    assert_eq!(session.read_command(Some(&store), &by_name), [Ok(expected)]);
    let of_the_node = command(None, Some(1), RawValue::Double(4.0));
    assert_eq!(session.read_command(Some(&store), &of_the_node), [Err(CommandError::Undeclared)]);
    let unknown = command(None, Some(99), RawValue::Double(4.0));
    assert_eq!(session.read_command(None, &unknown), [Err(CommandError::Undeclared)]);
    let wrong = command(Some("temperature"), None, RawValue::Boolean(true));
    assert!(matches!(session.read_command(Some(&store), &wrong)[..], [Err(CommandError::Content { .. })]));
}

#[test]
fn an_outbox_is_said_in_births_and_numbers_its_messages() {
    use outbox::{Incarnation, Why};

    let hello = Hello { incarnation: Incarnation(5), floor: Seq::new(3).unwrap() };
    let mut session = session();
    session.keep_outbox(hello);
    session.connect(NOW);
    let birth = body(&session.node_birth(NOW, &[double("load", 0.5)]).unwrap());
    assert_eq!(Hello::read(&birth.metrics), Ok(Some(hello)));
    let birth = body(&session.device_birth(NOW, &device("store-1"), &[double("temperature", -18.0)]).unwrap());
    assert_eq!(metric(&birth, outbox::SEQ).is_null, Some(true));

    let (four, samples) = (Seq::new(4).unwrap(), [sample("temperature", NOW, -17.0)]);
    let data = body(&session.numbered_data(NOW, four, Some(&device("store-1")), &samples).unwrap());
    assert_eq!(outbox::seq_of(&data.metrics), Ok(Some(four)));
    assert_eq!((data.metrics.len(), data.seq), (2, Some(2)));
    let gap = Gap { first_seq: 1, last_seq: 2, from_ms: 0, to_ms: 1, readings: None, at_most_ms: None, why: Why::Full };
    let data = body(&session.gap(NOW, four.next(), &gap).unwrap());
    assert_eq!(outbox::seq_of(&data.metrics), Ok(Some(four.next())));
    assert_eq!(Gap::read(&data.metrics), Ok(Some(gap)));

    let reserved = session.node_birth(NOW, &[double("Outbox/Floor", 1.0)]).unwrap_err();
    assert_eq!(reserved.to_string(), "metric Outbox/Floor belongs to the protocol");
    let reserved = session.device_birth(NOW, &device("store-1"), &[double("Outbox/Seq", 1.0)]).unwrap_err();
    assert_eq!(reserved.to_string(), "metric Outbox/Seq belongs to the protocol");
}
