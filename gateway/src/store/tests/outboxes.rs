//! Numbers of messages are committed with their readings, and with nothing else.

use std::sync::Arc;

use domain::{access::Role, id::NodeId, reading::Value};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use protocol::{
    rest::{GapWhy, LedgerFigures, LedgerGap},
    sparkplug::outbox::{Gap, Incarnation, Insertion, Numbers, Seq, Why},
};

use super::fixture::{Fixture, START, batch, reading, sign_in};
use crate::store::{BatchCommit, LedgerEntry, LedgerPage, OutboxId, OutboxProgress, Store, StoreError};

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn outbox(node: u64) -> OutboxId {
    OutboxId { node: NodeId::new(format!("node-{node}")).unwrap(), incarnation: Incarnation(u128::from(node)) }
}

fn progress(node: u64, numbers: &[u64]) -> OutboxProgress {
    let numbers: Vec<Seq> = numbers.iter().copied().map(seq).collect();
    OutboxProgress { outbox: outbox(node), floor: None, reading_count: numbers.len() as u64, numbers, gaps: vec![] }
}

/// A gap at the fixture's beginning.
const fn gap(why: Why) -> Gap {
    let (from_ms, to_ms) = (START.0, START.0);
    Gap { first_seq: 1, last_seq: 1, from_ms, to_ms, readings: None, at_most_ms: None, why }
}

async fn commit(store: &Store, outboxes: Vec<OutboxProgress>) -> Result<(), StoreError> {
    store.commit_batch(Arc::new(BatchCommit { outboxes, ..batch([]) })).await.map(drop)
}

/// Of each outbox the numbers up to 40 that are committed, and how many readings.
fn committed(store: &Store) -> Vec<(String, Vec<u64>, u64)> {
    let numbers = |set: &Numbers| (1..=40).filter(|number| set.contains(seq(*number))).collect();
    let outboxes = store.outboxes();
    outboxes.iter().map(|one| (one.outbox.node.to_string(), numbers(&one.numbers), one.reading_count)).collect()
}

pub(super) async fn numbers_are_committed_with_their_readings_or_not_at_all(fixture: Fixture) {
    let store = fixture.open_district().await;
    let good = BatchCommit { outboxes: vec![progress(1, &[1, 2, 5])], ..batch([reading(1, 0, Value::Int(1))]) };
    store.commit_batch(Arc::new(good)).await.unwrap();
    let refused = BatchCommit { outboxes: vec![progress(1, &[3])], ..batch([reading(9, 0, Value::Int(1))]) };
    assert!(store.commit_batch(Arc::new(refused)).await.is_err());
    let twice = [(4, "school-fridge", "humidity"), (4, "school-fridge", "pressure")];
    let new_series = twice.map(|(id, device, metric)| super::fixture::definition(id, device, metric)).into();
    let failed = BatchCommit { new_series, outboxes: vec![progress(2, &[1])], ..batch([]) };
    assert!(matches!(store.commit_batch(Arc::new(failed)).await, Err(StoreError::Failed { .. })));

    let expected = [("node-1".to_owned(), vec![1, 2, 5], 3)];
    assert_eq!(committed(&store), expected);
    let told = store.acknowledgement(&outbox(1), &[]);
    assert_eq!((told.through, told.ranges), (2, vec![(5, 5)]));
    let epoch = store.epoch();
    drop(store);
    let store = fixture.open().await;
    assert_eq!(committed(&store), expected);
    assert_eq!(store.epoch(), epoch);
    assert_eq!(store.acknowledgement(&outbox(2), &[]).through, 0, "nobody has heard of it");
}

pub(super) async fn a_settled_batch_counts_its_numbers_once(fixture: Fixture) {
    let store = fixture.open_district().await;
    let offered = Arc::new(BatchCommit { outboxes: vec![progress(1, &[1, 2])], ..batch([]) });
    let journal = store.commit_batch(Arc::clone(&offered)).await.unwrap();
    drop(store);
    // As if the process had ended before it knew that the batch was stored.
    let store = fixture.open().await;
    assert_eq!(committed(&store), [("node-1".to_owned(), vec![1, 2], 2)]);
    // As if the connection had broken before the commit: it is committed now.
    let lost = store.next_journal();
    assert!(lost > journal);
    *store.unsettled() = Some(lost);
    let next = Arc::new(BatchCommit { outboxes: vec![progress(1, &[4]), progress(2, &[1])], ..batch([]) });
    store.settle_batch(lost, next).await.unwrap();
    let expected = [("node-1".to_owned(), vec![1, 2, 4], 3), ("node-2".to_owned(), vec![1], 1)];
    assert_eq!(committed(&store), expected);
    drop(store);
    assert_eq!(committed(&fixture.open().await), expected);
}

pub(super) async fn a_restore_begins_a_new_history(fixture: Fixture) {
    let store = fixture.open_district().await;
    let before = store.epoch();
    let epoch = store.new_epoch().await.unwrap();
    assert_ne!(epoch, before);
    assert_eq!(store.acknowledgement(&outbox(1), &[]).store_epoch, epoch);
    drop(store);
    assert_eq!(fixture.open().await.epoch(), epoch);
}

pub(super) async fn a_node_with_new_disks_again_and_again_does_not_grow(fixture: Fixture) {
    let store = fixture.open_district().await;
    for incarnation in 1..=7 {
        let outbox = OutboxId { incarnation: Incarnation(incarnation), ..outbox(1) };
        let received = START.plus_ms(i64::try_from(incarnation).unwrap());
        let outboxes = vec![OutboxProgress { outbox, ..progress(1, &[1]) }];
        store.commit_batch(Arc::new(BatchCommit { received, outboxes, ..batch([]) })).await.unwrap();
    }
    store.fold_outboxes().await.unwrap();
    let kept = |store: &Store| store.outboxes().iter().map(|one| one.outbox.incarnation.0).collect::<Vec<_>>();
    assert_eq!(kept(&store), [4, 5, 6, 7]);
    drop(store);
    assert_eq!(kept(&fixture.open().await), [4, 5, 6, 7]);
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(u64, Vec<u64>, Option<u64>)>),
    Fold,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let numbers = prop::collection::btree_set(1_u64..40, 0..6).prop_map(Vec::from_iter);
    let of_node = (1_u64..4, numbers, prop::option::weighted(0.1, 1_u64..20));
    let commit = prop::collection::vec(of_node, 1..4).prop_map(Step::Commit);
    prop::collection::vec(prop_oneof![6 => commit, 2 => Just(Step::Fold), 1 => Just(Step::Crash)], 60)
}

/// Random progress, folds and crashes against one plain set a node.
pub(super) async fn committed_numbers_survive_folds_and_crashes(fixture: Fixture) {
    let mut store = fixture.open_district().await;
    let mut runner = TestRunner::deterministic();
    let steps = steps().new_tree(&mut runner).expect("nothing is filtered").current();
    let mut model: [(Numbers, u64); 3] = Default::default();
    for step in steps {
        match step {
            Step::Commit(progresses) => {
                let mut outboxes: Vec<OutboxProgress> = Vec::new();
                for (node, numbers, floor) in progresses {
                    if outboxes.iter().any(|one| one.outbox == outbox(node)) {
                        continue;
                    }
                    let (set, reading_count) = &mut model[usize::try_from(node).unwrap() - 1];
                    if let Some(floor) = floor {
                        set.raise_floor(seq(floor));
                    }
                    let new: Vec<u64> =
                        numbers.into_iter().filter(|number| set.insert(seq(*number)) == Insertion::New).collect();
                    *reading_count += new.len() as u64;
                    outboxes.push(OutboxProgress { floor: floor.map(seq), ..progress(node, &new) });
                }
                commit(&store, outboxes).await.unwrap();
            }
            Step::Fold => store.fold_outboxes().await.unwrap(),
            Step::Crash => {
                drop(store);
                store = fixture.open().await;
            }
        }
        for one in store.outboxes() {
            let (numbers, reading_count) = &model[usize::try_from(one.outbox.incarnation.0).unwrap() - 1];
            assert_eq!((&one.numbers, one.reading_count), (numbers, *reading_count));
        }
    }
    assert!(model.iter().all(|(numbers, _)| numbers.through() > 0));
}

pub(super) async fn the_ledger_adds_up_and_is_scoped(fixture: Fixture) {
    let store = fixture.open_district().await;
    let node = |id: &str| NodeId::new(id).unwrap();
    let entry = |id: &str, hours: i64, readings| LedgerEntry {
        node: node(id),
        hour: START.plus_ms(hours * 3_600_000),
        figures: LedgerFigures { committed_readings: readings, ..LedgerFigures::default() },
    };
    let lost = |id: &str, messages, to_ms| LedgerGap {
        node: node(id),
        why: GapWhy::Order,
        from_ms: START.0,
        to_ms,
        first_seq: None,
        last_seq: None,
        messages: Some(messages),
        readings: None,
        at_most_ms: None,
        noted_at_ms: START.0,
    };
    // Nodes are devices too: these are those of the fixture.
    let (school, hotel) = ("school-fridge", "hotel-fridge");
    store.add_to_ledger(vec![entry(school, 0, 5), entry(hotel, 0, 7)], vec![lost(hotel, 2, START.0)]).await.unwrap();
    store
        .add_to_ledger(vec![entry(school, 0, 10), entry(school, 1, 1)], vec![lost(hotel, 3, START.0 + 9)])
        .await
        .unwrap();
    // What an outbox reports is written with the number of the report.
    let gap = Gap { first_seq: 3, last_seq: 6, readings: Some(40), ..gap(Why::Full) };
    let reported = OutboxProgress {
        outbox: OutboxId { node: node(school), incarnation: Incarnation(1) },
        gaps: vec![gap],
        ..progress(1, &[7])
    };
    commit(&store, vec![reported]).await.unwrap();

    let day = START..START.plus_ms(86_400_000);
    let admin = sign_in(&store, Role::Admin, "").await;
    let page = store.ledger(&admin, None, day.clone()).await.unwrap();
    let figures: Vec<_> = page
        .nodes
        .iter()
        .map(|(node, figures)| {
            (node.as_str(), figures.committed_readings, figures.lost_messages, figures.lost_readings)
        })
        .collect();
    assert_eq!(figures, [(hotel, 7, 3, 0), (school, 16, 4, 40)]);
    let hours: Vec<_> = page.hours.iter().map(|hour| hour.figures.committed_readings).collect();
    assert_eq!(hours.iter().sum::<u64>(), 23);
    let gaps: Vec<_> =
        page.gaps.iter().map(|gap| (gap.node.as_str(), gap.why, gap.to_ms - START.0, gap.first_seq)).collect();
    assert_eq!(gaps, [(hotel, GapWhy::Order, 9, None), (school, GapWhy::Full, 0, Some(3))]);

    let owner = sign_in(&store, Role::Owner, "hotel").await;
    let page = store.ledger(&owner, None, day.clone()).await.unwrap();
    assert_eq!(page.nodes.iter().map(|(node, _)| node.as_str()).collect::<Vec<_>>(), [hotel]);
    assert_eq!(page.gaps.len(), 1);
    let other = store.ledger(&owner, Some(&node(school)), day.clone()).await.unwrap();
    assert!(other.nodes.is_empty() && other.hours.is_empty() && other.gaps.is_empty());

    store.trim_ledger(START.plus_ms(1)).await.unwrap();
    let page = store.ledger(&admin, None, day).await.unwrap();
    assert_eq!(page.nodes.iter().map(|(_, figures)| figures.committed_readings).collect::<Vec<_>>(), [1]);
}

pub(super) async fn what_is_lost_is_counted_once_and_without_what_is_stored(fixture: Fixture) {
    let store = fixture.open_district().await;
    let (school, day) = (NodeId::new("school-fridge").unwrap(), START.plus_ms(-1)..START.plus_ms(86_400_000));
    let outbox = OutboxId { node: school.clone(), incarnation: Incarnation(1) };
    let of_school = |numbers: &[u64]| OutboxProgress { outbox: outbox.clone(), ..progress(1, numbers) };
    let admin = sign_in(&store, Role::Admin, "").await;

    // Of ten messages that the node gave up, three are here; of what a power cut skipped, nobody knows anything.
    commit(&store, vec![of_school(&[1, 2, 5, 9])]).await.unwrap();
    let full = Gap { first_seq: 3, last_seq: 12, readings: Some(40), ..gap(Why::Full) };
    commit(&store, vec![OutboxProgress { gaps: vec![full], ..of_school(&[13]) }]).await.unwrap();
    let cut = Gap { first_seq: 14, last_seq: 8_000, at_most_ms: Some(2_000), ..gap(Why::PowerCut) };
    commit(&store, vec![OutboxProgress { gaps: vec![cut], ..of_school(&[8_001]) }]).await.unwrap();
    let reports = Gap { first_seq: 8_002, last_seq: 8_002, readings: Some(0), ..gap(Why::Full) };
    commit(&store, vec![OutboxProgress { gaps: vec![reports, full], ..of_school(&[8_003]) }]).await.unwrap();
    assert_eq!(store.acknowledgement(&outbox, &[]).through, 8_003, "nothing holds it up");
    let gaps = |page: &LedgerPage| {
        let mut gaps: Vec<_> = page.gaps.iter().map(|gap| (gap.why, gap.messages, gap.at_most_ms)).collect();
        gaps.sort_unstable();
        gaps
    };
    let page = store.ledger(&admin, None, day.clone()).await.unwrap();
    let reported = [(GapWhy::Full, Some(8), None), (GapWhy::PowerCut, None, Some(2_000))];
    assert_eq!(gaps(&page), reported);
    let lost = page.nodes[0].1;
    assert_eq!((lost.lost_messages, lost.lost_readings, lost.uncounted_gaps), (8, 40, 1));

    // What the node does not hold any more, never reported, and is not here.
    store.fold_outboxes().await.unwrap();
    drop(store);
    let store = fixture.open().await;
    let admin = sign_in(&store, Role::Admin, "again").await;
    let floor = |floor| OutboxProgress { floor: Some(seq(floor)), ..of_school(&[]) };
    commit(&store, vec![of_school(&[8_006])]).await.unwrap();
    commit(&store, vec![floor(8_009)]).await.unwrap();
    commit(&store, vec![floor(8_009)]).await.unwrap();
    let page = store.ledger(&admin, None, day.clone()).await.unwrap();
    let unreported = (GapWhy::Unreported, Some(4), None);
    assert_eq!(gaps(&page), [reported[0], reported[1], unreported]);
    assert_eq!(page.nodes[0].1.lost_messages, 12);
    let told = page.gaps.iter().find(|gap| gap.why == GapWhy::Unreported).unwrap();
    assert_eq!((told.first_seq, told.last_seq), (Some(8_004), Some(8_008)));

    // A node that comes from another gateway has a past of which this store cannot judge.
    let mut strange = floor(500);
    strange.outbox.incarnation = Incarnation(2);
    commit(&store, vec![strange]).await.unwrap();
    let page = store.ledger(&admin, None, day).await.unwrap();
    assert_eq!((page.gaps.len(), page.nodes[0].1.lost_messages), (4, 12));
}
