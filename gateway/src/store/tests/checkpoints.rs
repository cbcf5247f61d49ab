//! What the rules remember is kept, bounds the journal, and is never taken for what it is not.

use std::sync::Arc;

use domain::reading::Value;

use super::fixture::{Fixture, batch, reading};
use crate::store::{CheckpointShard, JournalId, Store};

async fn commit(store: &Store, second: i64) -> JournalId {
    store.commit_batch(Arc::new(batch([reading(1, second * 1000, Value::Float(4.5))]))).await.unwrap()
}

pub(super) async fn portions_come_back_and_the_batches_since(fixture: Fixture) {
    let store = fixture.open_district().await;
    let first = commit(&store, 1).await;
    store.write_checkpoint(first, vec![(3, Some(vec![1, 2])), (4, None), (255, Some(vec![9]))]).await.unwrap();
    let second = commit(&store, 2).await;
    store.write_checkpoint(second, vec![(3, Some(vec![1, 2, 3]))]).await.unwrap();
    let third = commit(&store, 3).await;
    drop(store);

    let store = fixture.open().await;
    let shard = |shard, through, state: &[u8]| CheckpointShard { shard, through, state: state.to_vec() };
    assert_eq!(store.load_checkpoint().await.unwrap(), [shard(3, second, &[1, 2, 3]), shard(255, first, &[9])]);
    let since = store.batches_after(first).await.unwrap();
    assert_eq!(since.iter().map(|batch| batch.journal).collect::<Vec<_>>(), [second, third]);
    assert_eq!(since[0].readings, [reading(1, 2000, Value::Float(4.5))]);
    assert!(store.batches_after(third).await.unwrap().is_empty());
}

pub(super) async fn the_journal_is_kept_as_far_as_a_replay_needs_it(fixture: Fixture) {
    let store = fixture.open_district().await;
    let first = commit(&store, 1).await;
    store.write_checkpoint(first, vec![(3, Some(vec![1])), (4, Some(vec![2]))]).await.unwrap();
    let second = commit(&store, 2).await;
    let third = commit(&store, 3).await;
    assert_eq!(store.seal_all().await.unwrap().trimmed_through, first, "everything is sealed, and yet needed");
    assert_eq!(store.batches_after(first).await.unwrap().len(), 2);

    store.write_checkpoint(second, vec![(3, Some(vec![1]))]).await.unwrap();
    assert_eq!(store.seal_all().await.unwrap().trimmed_through, first, "by the oldest portion");
    // A portion in which nothing stands any more holds nothing up.
    store.write_checkpoint(third, vec![(3, Some(vec![1])), (4, None)]).await.unwrap();
    assert_eq!(store.seal_all().await.unwrap().trimmed_through, third);
    drop(store);

    // Numbers go on behind what the portions know, though no row of the journal is left.
    let store = fixture.open().await;
    assert!(commit(&store, 4).await > third);
    assert_eq!(store.batches_after(third).await.unwrap().len(), 1);
}

pub(super) async fn a_damaged_portion_is_passed_over(fixture: Fixture) {
    let store = fixture.open_district().await;
    let through = commit(&store, 1).await;
    store.write_checkpoint(through, vec![(3, Some(vec![1; 40])), (4, Some(vec![2; 40]))]).await.unwrap();
    drop(store);
    let damage = "UPDATE engine_checkpoint SET state = substr(state, 1, 10) WHERE shard = 3";
    fixture.execute(damage).await.unwrap();
    let store = fixture.open().await;
    let found = store.load_checkpoint().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].shard, &found[0].state[..]), (4, &[2; 40][..]));
    // It is written anew by the next round, like any other.
    store.write_checkpoint(through, vec![(3, Some(vec![7]))]).await.unwrap();
    assert_eq!(store.load_checkpoint().await.unwrap()[0].state, [7]);
}
