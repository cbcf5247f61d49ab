//! Numbered messages against a plain model: whatever comes twice, in disorder, while there is no room, or around a crash of
//! the gateway, each is committed once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::{
    rest::LedgerFigures,
    sparkplug::outbox::{Hello, Incarnation, Insertion, Numbers, Seq},
};

use super::*;
use crate::store::{OutboxId, OutboxState};

/// Messages that the edge has.
const MESSAGES: u64 = 24;

#[derive(Debug, Clone)]
enum Step {
    /// The edge sends a message, perhaps again; the pipeline has room for it or not.
    Send { number: u64, has_room: bool },
    /// A batch is committed.
    Commit,
    /// The gateway is killed: what is not committed is gone.
    Crash,
    /// The edge tells its births again.
    Rebirth,
    /// The broker loses a message of the edge.
    Lose(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 1..=MESSAGES;
    let step = prop_oneof![
        10 => (number.clone(), prop::bool::weighted(0.8)).prop_map(|(number, has_room)| Step::Send { number, has_room }),
        3 => Just(Step::Commit),
        1 => Just(Step::Crash),
        1 => Just(Step::Rebirth),
        1 => number.prop_map(Step::Lose),
    ];
    prop::collection::vec(step, 0..120)
}

/// The edge, ingest, and a store that is a map.
struct World {
    fixture: Fixture,
    at_ms: u64,
    in_flight: Vec<Ingested>,
    numbers: Numbers,
    /// How often the reading of each message was committed.
    committed: BTreeMap<i64, u32>,
}

impl World {
    fn new() -> Self {
        let mut fixture = Fixture::born();
        fixture.edge.keep_outbox(Hello { incarnation: Incarnation(1), floor: Seq::FIRST });
        let (in_flight, numbers, committed) = (vec![], Numbers::default(), BTreeMap::new());
        let mut world = Self { fixture, at_ms: 0, in_flight, numbers, committed };
        world.rebirth();
        world
    }

    fn rebirth(&mut self) {
        self.at_ms += 10;
        let birth = self.fixture.edge.node_birth(now(self.at_ms).wall, &[]).unwrap();
        let births = [birth, {
            let metric = BirthMetric {
                name: MetricName::new("temperature").unwrap(),
                datatype: DataType::Int64,
                at: now(self.at_ms).wall,
                content: Some(Content::Value(Value::Int(-1))),
                quality: Quality::Good,
                unit: String::new(),
            };
            self.fixture.edge.device_birth(now(self.at_ms).wall, &device("fridge-1"), &[metric]).unwrap()
        }];
        for birth in births {
            self.hear(&birth, true);
        }
    }

    fn message(&mut self, number: u64) -> Outgoing {
        self.at_ms += 10;
        let sample = Sample {
            metric: MetricName::new("temperature").unwrap(),
            at: START.plus_ms(i64::try_from(number).unwrap()),
            content: Some(Content::Value(Value::Int(i64::try_from(number).unwrap()))),
            quality: Quality::Good,
            is_historical: false,
        };
        let (at, seq) = (now(self.at_ms).wall, Seq::new(number).unwrap());
        self.fixture.edge.numbered_data(at, seq, Some(&device("fridge-1")), &[sample]).unwrap()
    }

    fn hear(&mut self, message: &Outgoing, has_room: bool) {
        for heard in self.fixture.hear(message, self.at_ms) {
            if has_room || !heard.comes_again() {
                self.fixture.nodes.gone_on(&heard);
                self.in_flight.push(heard);
            } else {
                self.fixture.nodes.shed(heard);
            }
        }
    }

    /// What ingest lets through twice would be counted twice here.
    fn commit(&mut self) {
        let of_messages = self.fixture.series.resolve(&device("fridge-1"), &MetricName::new("temperature").unwrap());
        for message in std::mem::take(&mut self.in_flight) {
            for seq in message.outbox.iter().flat_map(|outbox| &outbox.numbers) {
                assert_eq!(self.numbers.insert(*seq), Insertion::New);
            }
            for reading in message.readings.iter().filter(|reading| reading.series == of_messages) {
                let Some(Value::Int(number)) = reading.value else { panic!("{reading:?}") };
                *self.committed.entry(number).or_default() += 1;
            }
        }
    }

    fn crash(&mut self) {
        self.in_flight.clear();
        let outbox = OutboxId { node: NodeId::new("edge-1").unwrap(), incarnation: Incarnation(1) };
        let committed = OutboxState { outbox, numbers: self.numbers.clone(), reading_count: 0 };
        self.fixture.nodes = Fixture::nodes(
            &self.fixture.registry,
            &self.fixture.series,
            self.fixture.ledger.clone(),
            &[],
            vec![committed],
        );
    }

    /// A rebirth whenever ingest asks, and again what is not committed, as an edge does it.
    fn end(&mut self) {
        for _ in 0..2 {
            self.rebirth();
            for number in 1..=MESSAGES {
                if !self.numbers.contains(Seq::new(number).unwrap()) {
                    let message = self.message(number);
                    self.hear(&message, true);
                }
            }
            self.commit();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_message_is_committed_once(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Send { number, has_room } => {
                    let message = world.message(number);
                    world.hear(&message, has_room);
                }
                Step::Commit => world.commit(),
                Step::Crash => world.crash(),
                Step::Rebirth => world.rebirth(),
                Step::Lose(number) => _ = world.message(number),
            }
        }
        world.end();
        let all: Vec<i64> = (1..=i64::try_from(MESSAGES).unwrap()).collect();
        prop_assert_eq!(world.committed.keys().copied().collect::<Vec<_>>(), all);
        prop_assert!(world.committed.values().all(|times| *times == 1), "{:?}", world.committed);
        prop_assert_eq!(world.numbers.through(), MESSAGES);
    }
}

#[test]
fn a_birth_with_an_outbox_is_shown_and_not_stored() {
    let mut world = World::new();
    let told: Vec<_> =
        world.in_flight.iter().flat_map(|message| &message.present).map(|one| one.value.clone()).collect();
    assert_eq!(told, [Some(Value::Int(-1))]);
    world.commit();
    assert!(world.committed.is_empty());
}

#[test]
fn the_ledger_knows_what_was_repeated_and_what_was_shed() {
    let mut world = World::new();
    for (number, has_room) in [(1, true), (1, true), (2, false), (2, true), (3, true)] {
        let message = world.message(number);
        world.hear(&message, has_room);
    }
    let figures = world.fixture.ledger.total();
    let expected = LedgerFigures {
        received_messages: 5,
        received_readings: 4,
        duplicate_messages: 1,
        shed_messages: 1,
        shed_readings: 1,
        ..LedgerFigures::default()
    };
    assert_eq!(figures, expected);
}
