//! Messages of a real edge session, checked: who may speak for whom, what is news, what is kept when there is no room.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::{
    engine::Link,
    id::{DeviceId, MetricName, NodeId, OwnerId, ProfileId, SiteId, TownshipCode},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, Now, UnixMs},
};
use protocol::{
    rest::{GapWhy, LedgerGap},
    sparkplug::{
        Outgoing,
        edge_session::{BirthMetric, EdgeSession, Sample},
        metric::{Content, DataType},
        outbox::{Hello, Incarnation, Seq},
        payload::Limits,
        topic::{GroupId, NodeAddress},
    },
};

use super::{Ingested, SeriesIndex, nodes::Nodes};
use crate::{ledger::Ledger, store::OutboxState};

mod outbox;

const START: UnixMs = UnixMs(1_790_000_000_000);

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

fn now(after_ms: u64) -> Now {
    Now { wall: START.plus_ms(i64::try_from(after_ms).unwrap()), mono: MonoMs(after_ms) }
}

/// Node edge-1 with fridge-1, node edge-2 with fridge-2.
fn registry() -> Registry {
    registry_with("edge-2")
}

/// The same with fridge-2 at `node`.
fn registry_with(node: &str) -> Registry {
    let township = Township {
        code: TownshipCode::new("500156001").unwrap(),
        name_zh: "凤山街道".into(),
        name_en: "Fengshan".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let owner = Owner { id: OwnerId::new("inn").unwrap(), name: "Inn".into(), phone: String::new() };
    let site = Site {
        id: SiteId::new("kitchen").unwrap(),
        name: "Kitchen".into(),
        township: township.code.clone(),
        owner: owner.id.clone(),
        address: String::new(),
    };
    let registered = |id: &str, node: &str| Device {
        id: device(id),
        name: id.into(),
        site: site.id.clone(),
        profile: ProfileId::new("fridge").unwrap(),
        node: NodeId::new(node).unwrap(),
        nameplate: BTreeMap::new(),
    };
    let devices = vec![
        registered("edge-1", "edge-1"),
        registered("fridge-1", "edge-1"),
        registered("edge-2", "edge-2"),
        registered("fridge-2", node),
    ];
    Registry::build(vec![township], vec![], vec![owner], vec![site.clone()], devices).unwrap()
}

struct Fixture {
    nodes: Nodes,
    registry: Arc<ArcSwap<Registry>>,
    series: Arc<SeriesIndex>,
    ledger: Ledger,
    edge: EdgeSession,
}

impl Fixture {
    /// Node edge-1, connected and born.
    fn born() -> Self {
        let series = Arc::new(SeriesIndex::default());
        let registry = Arc::new(ArcSwap::from_pointee(registry()));
        let ledger = Ledger::default();
        let nodes = Self::nodes(&registry, &series, ledger.clone(), &[], vec![]);
        let address = NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new("edge-1").unwrap() };
        let mut fixture = Self { nodes, series, registry, ledger, edge: EdgeSession::new(address, None) };
        fixture.edge.connect(START);
        let birth = fixture.edge.node_birth(START, &[]).unwrap();
        fixture.hear(&birth, 0);
        fixture
    }

    fn nodes(
        registry: &Arc<ArcSwap<Registry>>,
        series: &Arc<SeriesIndex>,
        ledger: Ledger,
        stored: &[Reading],
        outboxes: Vec<OutboxState>,
    ) -> Nodes {
        let profiles = Arc::new(Profiles::parse(Vec::<(String, String)>::new()).unwrap());
        Nodes::new(Arc::clone(registry), profiles, Arc::clone(series), ledger, Limits::default(), stored, outboxes)
    }

    fn hear(&mut self, message: &Outgoing, after_ms: u64) -> Vec<Ingested> {
        self.nodes.receive(&message.topic, message.payload.clone(), now(after_ms)).ingested
    }

    fn device_birth(&mut self, id: &str, value: f64, after_ms: u64) -> Vec<Ingested> {
        let metric = BirthMetric {
            name: MetricName::new("temperature").unwrap(),
            datatype: DataType::Double,
            at: now(after_ms).wall,
            content: Some(Content::Value(Value::Float(value))),
            quality: Quality::Good,
            unit: String::new(),
        };
        let birth = self.edge.device_birth(now(after_ms).wall, &device(id), &[metric]).unwrap();
        self.hear(&birth, after_ms)
    }

    fn data(&mut self, id: &str, value: f64, after_ms: u64) -> Outgoing {
        let sample = Sample {
            metric: MetricName::new("temperature").unwrap(),
            at: now(after_ms).wall,
            content: Some(Content::Value(Value::Float(value))),
            quality: Quality::Good,
            is_historical: false,
        };
        self.edge.device_data(now(after_ms).wall, &device(id), &[sample]).unwrap()
    }

    /// The temperatures among the readings of a device.
    fn temperatures(&self, messages: &[Ingested], id: &str) -> Vec<Value> {
        let series = self.series.resolve(&device(id), &MetricName::new("temperature").unwrap());
        let readings = messages.iter().flat_map(|message| &message.readings);
        readings.filter(|reading| reading.series == series).filter_map(|reading| reading.value.clone()).collect()
    }

    fn note(&self, messages: &[Ingested], name: &str) -> Option<Value> {
        let series = self.series.resolve(&device("edge-1"), &MetricName::new(name).unwrap());
        let readings = messages.iter().flat_map(|message| &message.readings);
        readings.filter(|reading| reading.series == series).filter_map(|reading| reading.value.clone()).next_back()
    }
}

fn links(messages: &[Ingested]) -> Vec<(&str, Link)> {
    let links = messages.iter().flat_map(|message| &message.links);
    links.map(|change| (change.device.as_str(), change.link)).collect()
}

#[test]
fn a_device_of_the_node_is_online_and_its_readings_go_on() {
    let mut fixture = Fixture::born();
    let birth = fixture.device_birth("fridge-1", 4.0, 10);
    assert_eq!(links(&birth), [("fridge-1", Link::Online)]);
    assert_eq!(fixture.temperatures(&birth, "fridge-1"), [Value::Float(4.0)]);
    assert!(birth[0].discovered.is_empty());
    let data = fixture.data("fridge-1", 4.5, 20);
    let data = fixture.hear(&data, 20);
    assert_eq!(fixture.temperatures(&data, "fridge-1"), [Value::Float(4.5)]);
}

#[test]
fn a_device_of_another_node_is_refused_and_reported() {
    let mut fixture = Fixture::born();
    let birth = fixture.device_birth("fridge-2", 4.0, 10);
    assert!(links(&birth).is_empty());
    assert!(fixture.temperatures(&birth, "fridge-2").is_empty());
    assert_eq!(fixture.note(&birth, "edge.refused_birth"), Some(Value::Bool(true)));
    let refusal = fixture.nodes.statuses()[0].last_refusal.clone();
    assert_eq!(refusal.as_deref(), Some("it speaks for fridge-2, which is registered to node edge-2"));
    let data = fixture.data("fridge-2", 4.5, 20);
    let data = fixture.hear(&data, 20);
    assert!(fixture.temperatures(&data, "fridge-2").is_empty());
}

#[test]
fn an_unregistered_device_is_discovered_and_its_readings_are_kept() {
    let mut fixture = Fixture::born();
    let birth = fixture.device_birth("stranger", 4.0, 10);
    assert_eq!(birth[0].discovered[0].device, device("stranger"));
    assert_eq!(fixture.temperatures(&birth, "stranger"), [Value::Float(4.0)]);
}

#[test]
fn a_birth_that_tells_the_same_again_is_no_news() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-1", 4.0, 10);
    let again = fixture.edge.node_birth(now(20).wall, &[]).unwrap();
    fixture.hear(&again, 20);
    let same = fixture.device_birth("fridge-1", 4.0, 10);
    assert!(fixture.temperatures(&same, "fridge-1").is_empty());
    let newer = fixture.device_birth("fridge-1", 4.2, 30);
    assert_eq!(fixture.temperatures(&newer, "fridge-1"), [Value::Float(4.2)]);
}

#[test]
fn a_node_that_dies_takes_its_devices_along() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-1", 4.0, 10);
    fixture.device_birth("stranger", 4.0, 10);
    let death = fixture.edge.death(now(20).wall);
    let death = fixture.hear(&death, 20);
    assert_eq!(links(&death), [("fridge-1", Link::Offline), ("stranger", Link::Offline), ("edge-1", Link::Offline)]);
}

#[test]
fn a_lost_message_is_counted_and_the_births_are_asked_for() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-1", 4.0, 10);
    let _lost = fixture.data("fridge-1", 4.1, 20);
    let after_the_gap = fixture.data("fridge-1", 4.2, 30);
    fixture.hear(&after_the_gap, 30);
    fixture.nodes.tick(now(5_000));
    assert_eq!(fixture.nodes.statuses()[0].gap_count, 1);
    let requests = fixture.nodes.rebirth_requests(now(5_000));
    assert_eq!(requests[0].topic, "spBv1.0/500156001/NCMD/edge-1");
}

#[test]
fn what_is_shed_keeps_its_comings_and_goings() {
    let mut fixture = Fixture::born();
    let birth = fixture.device_birth("fridge-1", 4.0, 10);
    for message in birth {
        fixture.nodes.shed(message);
    }
    let data = fixture.data("fridge-1", 4.5, 20);
    let data = fixture.hear(&data, 20);
    assert_eq!(links(&data), [("fridge-1", Link::Online)]);
}

#[test]
fn a_node_that_does_not_answer_a_returned_gateway_is_offline() {
    let mut fixture = Fixture::born();
    fixture.nodes.host_reconnected(now(1_000));
    assert!(fixture.nodes.tick(now(20_000)).ingested.is_empty());
    let late = fixture.nodes.tick(now(31_000)).ingested;
    assert_eq!(links(&late), [("edge-1", Link::Offline)]);
}

impl Fixture {
    /// Ticks up to that moment, as often as the gateway does; what came of the last.
    fn listen(&mut self, from_ms: u64, to_ms: u64) -> Vec<Ingested> {
        let mut heard = Vec::new();
        for at in (from_ms..=to_ms).step_by(500) {
            heard.extend(self.nodes.tick(now(at)).ingested);
        }
        heard
    }

    /// A reading every 10 s for two minutes; then silence.
    fn reports_for_two_minutes(&mut self) {
        self.nodes.host_reconnected(now(0));
        let birth = self.edge.node_birth(now(5).wall, &[]).unwrap();
        self.hear(&birth, 5);
        self.device_birth("fridge-1", 4.0, 10);
        for at in (10_000..=120_000).step_by(10_000) {
            assert_eq!(links(&self.listen(at - 9_500, at)), []);
            let data = self.data("fridge-1", 4.5, at);
            self.hear(&data, at);
        }
        self.nodes.rebirth_requests(now(120_000));
    }
}

#[test]
fn a_foreign_node_that_falls_silent_is_asked_after_two_intervals_and_gone_after_three() {
    let mut fixture = Fixture::born();
    fixture.reports_for_two_minutes();
    assert_eq!(fixture.nodes.gone_after_ms(&NodeId::new("edge-1").unwrap()), Some(30_000));
    assert_eq!(links(&fixture.listen(120_500, 139_500)), []);
    assert!(fixture.nodes.rebirth_requests(now(139_500)).is_empty());
    assert_eq!(links(&fixture.listen(140_000, 149_500)), []);
    assert_eq!(fixture.nodes.rebirth_requests(now(149_500)).len(), 1, "is it there?");
    assert_eq!(links(&fixture.listen(150_000, 150_000)), [("fridge-1", Link::Offline), ("edge-1", Link::Offline)]);
    assert_eq!(links(&fixture.listen(150_500, 400_000)), [], "once");
    // It speaks again: its births are asked for, and it is back.
    let data = fixture.data("fridge-1", 4.6, 400_500);
    fixture.hear(&data, 400_500);
    assert_eq!(fixture.nodes.rebirth_requests(now(401_000)).len(), 1);
    let birth = fixture.edge.node_birth(now(401_500).wall, &[]).unwrap();
    let born = fixture.hear(&birth, 401_500);
    assert_eq!(links(&born), [("edge-1", Link::Online)]);
}

#[test]
fn a_node_that_answers_is_not_gone_however_little_it_has_to_say() {
    let mut fixture = Fixture::born();
    fixture.reports_for_two_minutes();
    for at in (140_000..=300_000).step_by(20_000) {
        assert_eq!(links(&fixture.listen(at - 19_500, at)), []);
        assert_eq!(fixture.nodes.rebirth_requests(now(at)).len(), 1, "{at}");
        let birth = fixture.edge.node_birth(now(at).wall, &[]).unwrap();
        fixture.hear(&birth, at);
        fixture.device_birth("fridge-1", 4.5, at);
    }
}

#[test]
fn while_the_gateway_cannot_hear_nobody_is_silent() {
    let mut fixture = Fixture::born();
    fixture.reports_for_two_minutes();
    fixture.nodes.host_lost();
    assert_eq!(links(&fixture.listen(120_500, 900_000)), []);

    // It was stopped, and what was said meanwhile waits at the broker.
    let mut fixture = Fixture::born();
    fixture.reports_for_two_minutes();
    assert_eq!(links(&fixture.listen(500_000, 519_500)), []);
}

#[test]
fn a_clock_that_is_wrong_is_noted() {
    let mut fixture = Fixture::born();
    let birth = fixture.edge.node_birth(START.plus_ms(90_000), &[]).unwrap();
    let heard = fixture.hear(&birth, 100);
    assert_eq!(fixture.note(&heard, "edge.clock_skew_ms"), Some(Value::Int(89_900)));
}

#[test]
fn what_a_clock_that_is_behind_says_now_is_not_taken_for_the_past() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-1", 4.0, 0);
    let hour_ago = START.plus_ms(-3_600_000);
    let mut said = |is_historical, after_ms: u64| {
        let at = hour_ago.plus_ms(after_ms.cast_signed());
        let sample = Sample {
            metric: MetricName::new("temperature").unwrap(),
            at,
            content: Some(Content::Value(Value::Float(9.0))),
            quality: Quality::Good,
            is_historical,
        };
        let message = fixture.edge.device_data(at, &device("fridge-1"), &[sample]).unwrap();
        let heard = fixture.hear(&message, after_ms);
        let told = heard.into_iter().find(|message| !message.readings.is_empty()).unwrap();
        let series = fixture.series.resolve(&device("fridge-1"), &MetricName::new("temperature").unwrap());
        let reading = told.readings.iter().find(|reading| reading.series == series).unwrap();
        assert_eq!((reading.event_time, told.is_historical), (at, is_historical));
        reading.quality
    };
    assert_eq!(said(false, 1_000), Quality::Good, "it may have been held up");
    assert_eq!(said(false, 60_000), Quality::Good);
    assert_eq!(said(false, 61_000), Quality::ClockSuspect);
    assert_eq!(said(true, 62_000), Quality::Good, "what waited is of the past");
}

#[test]
fn rubbish_costs_its_sender_a_line_and_nothing_else() {
    let mut fixture = Fixture::born();
    let rubbish: [(&str, &[u8]); 4] = [
        ("spBv1.0/500156001/DDATA/edge-1/fridge-1", b"\xff\xff\xff\xff"),
        ("spBv1.0/500156001/NBIRTH", b""),
        ("spBv1.0/500156001/PARTY/edge-1", b""),
        ("spBv1.0/STATE/somebody", b"ONLINE"),
    ];
    for (topic, body) in rubbish {
        assert!(fixture.nodes.receive(topic, Bytes::from_static(body), now(10)).ingested.is_empty(), "{topic}");
    }
    assert_eq!(fixture.device_birth("fridge-1", 4.0, 20).len(), 1);
}

#[test]
fn a_device_that_was_refused_and_is_now_registered_here_is_asked_for() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-2", 4.0, 10);
    fixture.registry.store(Arc::new(registry_with("edge-1")));
    let data = fixture.data("fridge-2", 4.5, 20);
    let data = fixture.hear(&data, 20);
    assert!(fixture.temperatures(&data, "fridge-2").is_empty(), "its link was never told");
    assert_eq!(fixture.nodes.rebirth_requests(now(5_000)).len(), 1);
    let birth = fixture.edge.node_birth(now(5_100).wall, &[]).unwrap();
    fixture.hear(&birth, 5_100);
    let birth = fixture.device_birth("fridge-2", 5.0, 5_200);
    assert_eq!(links(&birth), [("fridge-2", Link::Online)]);
}

#[test]
fn a_node_writes_nothing_of_what_the_gateway_notes_about_it() {
    let mut fixture = Fixture::born();
    let metric = |name: &str| BirthMetric {
        name: MetricName::new(name).unwrap(),
        datatype: DataType::Boolean,
        at: now(10).wall,
        content: Some(Content::Value(Value::Bool(true))),
        quality: Quality::Good,
        unit: String::new(),
    };
    let birth = fixture.edge.node_birth(now(10).wall, &[metric("edge.duplicate_id"), metric("edge.door")]).unwrap();
    let heard = fixture.hear(&birth, 10);
    assert_eq!(fixture.note(&heard, "edge.duplicate_id"), None);
    assert_eq!(fixture.note(&heard, "edge.door"), Some(Value::Bool(true)));
}

#[test]
fn a_metric_that_is_only_commanded_is_no_reading() {
    let mut fixture = Fixture::born();
    let metric = |name: &str, quality| BirthMetric {
        name: MetricName::new(name).unwrap(),
        datatype: DataType::Boolean,
        at: now(10).wall,
        content: None,
        quality,
        unit: String::new(),
    };
    let metrics = [metric("reset", Quality::Good), metric("door", Quality::Bad)];
    let birth = fixture.edge.device_birth(now(10).wall, &device("fridge-1"), &metrics).unwrap();
    let readings: Vec<_> = fixture.hear(&birth, 10).into_iter().flat_map(|message| message.readings).collect();
    let door = fixture.series.find(&device("fridge-1"), &MetricName::new("door").unwrap());
    assert_eq!(readings.iter().map(|reading| Some(reading.series)).collect::<Vec<_>>(), [door]);
    assert_eq!(fixture.series.find(&device("fridge-1"), &MetricName::new("reset").unwrap()), None);
}

#[test]
fn strangers_are_let_in_up_to_a_number() {
    let mut fixture = Fixture::born();
    let mut discovered = 0;
    for number in 0..2_100 {
        let id = device(&format!("stranger-{number}"));
        let birth = fixture.edge.device_birth(now(10).wall, &id, &[]).unwrap();
        discovered += fixture.hear(&birth, 10).iter().map(|message| message.discovered.len()).sum::<usize>();
        let death = fixture.edge.device_death(now(10).wall, &id).unwrap();
        fixture.hear(&death, 10);
    }
    assert_eq!(discovered, 2_000);
    assert_eq!(fixture.device_birth("fridge-1", 4.0, 20).len(), 1);
}

#[test]
fn a_node_that_never_answers_is_named() {
    let mut fixture = Fixture::born();
    fixture.nodes.host_reconnected(now(0));
    let mut named = Vec::new();
    for second in 1..60 {
        let data = fixture.edge.node_data(now(second * 1000).wall, &[]).unwrap();
        fixture.hear(&data, second * 1000);
        fixture.nodes.rebirth_requests(now(second * 1000));
        named.extend(fixture.nodes.deaf(now(second * 1000)).iter().map(ToString::to_string));
    }
    assert_eq!(named.iter().filter(|id| *id == "edge-1").count(), 1);
}

#[test]
fn commands_go_where_the_node_was_born_last() {
    let mut fixture = Fixture::born();
    let group = GroupId::new("500156002").unwrap();
    let mut moved = EdgeSession::new(NodeAddress { group, ..fixture.edge.address().clone() }, Some(0));
    moved.connect(START);
    let birth = moved.node_birth(START, &[]).unwrap();
    fixture.hear(&birth, 10);
    fixture.nodes.want_rebirth(&NodeId::new("edge-1").unwrap());
    assert_eq!(fixture.nodes.rebirth_requests(now(5_000))[0].topic, "spBv1.0/500156002/NCMD/edge-1");
}

/// Why, from and to when after the start, how many messages and readings.
type Told = (GapWhy, i64, i64, Option<u64>, Option<u64>);

fn told(gaps: &[LedgerGap]) -> Vec<Told> {
    let told = |gap: &LedgerGap| (gap.why, gap.from_ms - START.0, gap.to_ms - START.0, gap.messages, gap.readings);
    gaps.iter().map(told).collect()
}

#[test]
fn what_a_foreign_node_said_while_nobody_heard_is_a_gap() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-1", 4.0, 1_000);
    fixture.nodes.host_lost();
    fixture.nodes.host_reconnected(now(3_601_000));
    let birth = fixture.edge.node_birth(now(3_602_000).wall, &[]).unwrap();
    fixture.hear(&birth, 3_602_000);
    assert_eq!(told(&fixture.ledger.gaps()), [(GapWhy::Unheard, 1_000, 3_602_000, None, None)]);
    fixture.hear(&birth, 3_603_000);
    assert_eq!(told(&fixture.ledger.gaps()), [], "a rebirth is no gap");
    let death = fixture.edge.death(START);
    fixture.hear(&death, 3_604_000);
    fixture.edge.connect(START);
    let birth = fixture.edge.node_birth(START, &[]).unwrap();
    fixture.hear(&birth, 7_200_000);
    let gap = (GapWhy::Unheard, 3_603_000, 7_200_000, None, None);
    assert_eq!(told(&fixture.ledger.gaps()), [gap], "what it said before it died was heard");

    // A new process knows from the store until when its predecessor heard it.
    let note = MetricName::new("edge.duplicate_id").unwrap();
    let series = fixture.series.resolve(&device("edge-1"), &note);
    let (event_time, value, quality) = (START.plus_ms(7_290_000), Some(Value::Bool(false)), Quality::Good);
    let stored = [Reading { series, event_time, value, quality }];
    fixture.nodes = Fixture::nodes(&fixture.registry, &fixture.series, fixture.ledger.clone(), &stored, vec![]);
    fixture.hear(&birth, 9_000_000);
    assert_eq!(told(&fixture.ledger.gaps()), [(GapWhy::Unheard, 7_290_000, 9_000_000, None, None)]);

    fixture.nodes.host_reconnected(now(9_100_000));
    fixture.edge.keep_outbox(Hello { incarnation: Incarnation(1), floor: Seq::FIRST });
    let birth = fixture.edge.node_birth(START, &[]).unwrap();
    fixture.hear(&birth, 9_200_000);
    assert_eq!(told(&fixture.ledger.gaps()), [], "a node with an outbox tells it again");
}

#[test]
fn a_machine_without_a_clock_is_judged_by_ours_and_its_past_is_counted_as_lost() {
    let mut fixture = Fixture::born();
    fixture.device_birth("fridge-1", 4.0, 0);
    let mut said = |is_historical, after_ms| {
        let sample = Sample {
            metric: MetricName::new("temperature").unwrap(),
            at: UnixMs(5_000),
            content: Some(Content::Value(Value::Float(9.0))),
            quality: Quality::Good,
            is_historical,
        };
        let message = fixture.edge.device_data(UnixMs(5_000), &device("fridge-1"), &[sample]).unwrap();
        let heard = fixture.hear(&message, after_ms);
        let readings: Vec<_> = heard.into_iter().flat_map(|message| message.readings).collect();
        let series = fixture.series.resolve(&device("fridge-1"), &MetricName::new("temperature").unwrap());
        let of_fridge = readings.into_iter().filter(|reading| reading.series == series);
        of_fridge.map(|reading| (reading.event_time, reading.quality)).collect::<Vec<_>>()
    };
    assert_eq!(said(false, 1_000), [(START.plus_ms(1_000), Quality::ClockSuspect)]);
    assert_eq!(said(true, 2_000), []);
    assert_eq!(told(&fixture.ledger.gaps()), [(GapWhy::Clock, 2_000, 2_000, Some(1), Some(1))]);
}
