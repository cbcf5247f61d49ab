//! Tells edge nodes which of their messages are on disk: after each commit, coalesced, so that a node hears at most some
//! acknowledgements a second; at once after its birth; and again when it repeats itself.
//!
//! The pipeline only leaves a note here and never waits. What is told is read from the store at the moment of telling,
//! so that a note too many or too few never tells a wrong thing.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    id::NodeId,
    time::{MonoMs, UnixMs},
};
use metrics::counter;
use protocol::sparkplug::{outbox::Seq, topic::NodeAddress};
use rumqttc::AsyncClient;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::receive::try_publish;
use crate::{
    clock::Clock,
    store::{OutboxId, OutboxProgress, Store},
};

/// A node is told at most so often, in milliseconds,
const PAUSE_MS: u64 = 200;
/// unless so many of its messages are committed since: half of what it may have in flight.
const HALF_WINDOW: usize = 128;
/// Numbers of one node that an acknowledgement is about at most: what it may have in flight.
const CONCERNS_MAX: usize = 2 * HALF_WINDOW;
/// How often what is due is looked for, while anything waits. A hundred nodes are told with one look.
const ROUND: Duration = Duration::from_millis(20);
/// Acknowledgements of one round: well below what the connection's queue holds, so that commands find room too.
const ROUND_MAX: usize = 128;

/// Where commits, births and repetitions are noted. Cheap to clone.
#[derive(Clone)]
pub struct Acknowledger {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    clock: Clock,
    due: Mutex<Due>,
    wake: Notify,
    /// Messages that could not be stored, until ingest has heard of it.
    refused: Mutex<Vec<(OutboxId, Vec<Seq>)>>,
}

/// Who is to be told. Pure.
#[derive(Debug, Default)]
struct Due {
    by_node: HashMap<NodeId, Listener>,
    /// The nodes with news.
    waiting: Vec<NodeId>,
}

#[derive(Debug)]
struct Listener {
    address: NodeAddress,
    outbox: OutboxId,
    /// Messages committed since it was told.
    news: usize,
    /// Numbers that it waits to hear of, the latest.
    concerns: VecDeque<Seq>,
    is_waiting: bool,
    told: Option<MonoMs>,
}

/// Who is to be told now, and what above all.
#[derive(Debug, PartialEq, Eq)]
struct Telling {
    address: NodeAddress,
    outbox: OutboxId,
    concerns: Vec<Seq>,
}

impl Acknowledger {
    /// Reads what is committed from the store.
    pub fn new(store: Store, clock: Clock) -> Self {
        let (due, wake) = (Mutex::default(), Notify::new());
        Self { shared: Arc::new(Shared { store, clock, due, wake, refused: Mutex::default() }) }
    }

    /// A batch is on disk.
    pub fn committed(&self, progress: &[OutboxProgress]) {
        let mut due = self.due();
        for one in progress {
            due.committed(&one.outbox, &one.numbers);
        }
        drop(due);
        self.shared.wake.notify_one();
    }

    /// A batch was judged and could not be stored: its numbered messages are to be taken when they come again.
    pub fn refused(&self, progress: &[OutboxProgress]) {
        let numbered = progress.iter().filter(|one| !one.numbers.is_empty());
        self.refusals().extend(numbered.map(|one| (one.outbox.clone(), one.numbers.clone())));
    }

    /// What was refused since the last time. No more than what nodes may have in flight: they send again seconds later.
    pub(super) fn take_refused(&self) -> Vec<(OutboxId, Vec<Seq>)> {
        std::mem::take(&mut *self.refusals())
    }

    fn refusals(&self) -> MutexGuard<'_, Vec<(OutboxId, Vec<Seq>)>> {
        self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node was born, and is told at once.
    pub(super) fn born(&self, address: &NodeAddress, outbox: OutboxId) {
        self.due().born(address, outbox);
        self.shared.wake.notify_one();
    }

    /// A node has sent again what is committed: it has not heard so.
    pub(super) fn repeat(&self, node: &NodeId, repeated: &[Seq]) {
        self.due().repeat(node, repeated);
        self.shared.wake.notify_one();
    }

    /// Tells them, until `stop`.
    pub(super) async fn run(self, voice: AsyncClient, stop: CancellationToken) {
        while stop.run_until_cancelled(self.shared.wake.notified()).await.is_some() {
            loop {
                let now = self.shared.clock.now();
                let told = self.due().take(now.mono);
                self.tell(told, &voice, now.wall);
                let is_more_waiting = !self.due().waiting.is_empty();
                if !is_more_waiting || stop.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_none() {
                    break;
                }
            }
        }
    }

    /// Those for whom the connection has no room are told later: a node that does not hear sends everything again.
    fn tell(&self, told: Vec<Telling>, voice: &AsyncClient, at: UnixMs) {
        let told_count = counter!("gateway_acknowledgements_total");
        let mut told = told.into_iter();
        while let Some(telling) = told.next() {
            let acknowledgement = self.shared.store.acknowledgement(&telling.outbox, &telling.concerns);
            if try_publish(voice, &acknowledgement.message(&telling.address, at)).is_err() {
                self.due().put_back(std::iter::once(telling).chain(told));
                return;
            }
            told_count.increment(1);
        }
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.shared.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Due {
    fn born(&mut self, address: &NodeAddress, outbox: OutboxId) {
        let node = address.node.clone();
        let was_waiting = self.by_node.get(&node).is_some_and(|listener| listener.is_waiting);
        let (address, concerns) = (address.clone(), VecDeque::new());
        let listener = Listener { address, outbox, news: 0, concerns, is_waiting: true, told: None };
        self.by_node.insert(node.clone(), listener);
        if !was_waiting {
            self.waiting.push(node);
        }
    }

    fn committed(&mut self, outbox: &OutboxId, numbers: &[Seq]) {
        // Another run of numbers than that of its present birth: it would not know what is meant.
        let Some(listener) = self.by_node.get_mut(&outbox.node).filter(|listener| listener.outbox == *outbox) else {
            return;
        };
        listener.news += numbers.len();
        listener.concern(numbers.iter().copied());
        if !std::mem::replace(&mut listener.is_waiting, true) {
            self.waiting.push(outbox.node.clone());
        }
    }

    fn repeat(&mut self, node: &NodeId, repeated: &[Seq]) {
        let Some(listener) = self.by_node.get_mut(node) else { return };
        listener.concern(repeated.iter().copied());
        if !std::mem::replace(&mut listener.is_waiting, true) {
            self.waiting.push(node.clone());
        }
    }

    /// Those to be told now.
    fn take(&mut self, now: MonoMs) -> Vec<Telling> {
        let mut told = Vec::new();
        let by_node = &mut self.by_node;
        self.waiting.retain(|node| {
            let Some(listener) = by_node.get_mut(node) else { return false };
            let is_due =
                listener.news >= HALF_WINDOW || listener.told.is_none_or(|told| now.since_ms(told) >= PAUSE_MS);
            if !is_due || told.len() >= ROUND_MAX {
                return true;
            }
            (listener.news, listener.is_waiting, listener.told) = (0, false, Some(now));
            told.push(Telling {
                address: listener.address.clone(),
                outbox: listener.outbox.clone(),
                concerns: std::mem::take(&mut listener.concerns).into(),
            });
            false
        });
        told
    }

    /// Takes back those who could not be told. Their pause has begun anew.
    fn put_back(&mut self, untold: impl Iterator<Item = Telling>) {
        for Telling { outbox, concerns, .. } in untold {
            // Born anew in between: it is told as such.
            let Some(listener) = self.by_node.get_mut(&outbox.node).filter(|listener| listener.outbox == outbox) else {
                continue;
            };
            let newer = std::mem::replace(&mut listener.concerns, concerns.into());
            listener.concern(newer);
            if !std::mem::replace(&mut listener.is_waiting, true) {
                self.waiting.push(outbox.node);
            }
        }
    }
}

impl Listener {
    fn concern(&mut self, numbers: impl IntoIterator<Item = Seq>) {
        self.concerns.extend(numbers);
        let excess = self.concerns.len().saturating_sub(CONCERNS_MAX);
        self.concerns.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use protocol::sparkplug::{outbox::Incarnation, topic::GroupId};
    use rumqttc::{MqttOptions, QoS};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::store::StoreConfig;

    fn address(node: u64) -> NodeAddress {
        NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new(format!("edge-{node}")).unwrap() }
    }

    fn numbers(count: usize) -> Vec<Seq> {
        (1..=count as u64).map(|number| Seq::new(number).unwrap()).collect()
    }

    fn outbox(node: u64, incarnation: u128) -> OutboxId {
        OutboxId { node: address(node).node, incarnation: Incarnation(incarnation) }
    }

    #[test]
    fn a_node_is_told_five_times_a_second_whatever_is_committed() {
        let mut due = Due::default();
        due.born(&address(1), outbox(1, 1));
        let mut told = 0;
        for millisecond in 0..1000 {
            due.committed(&outbox(1, 1), &numbers(1));
            due.repeat(&address(1).node, &numbers(1));
            // Sixty messages in two hundred milliseconds are less than half a window.
            if millisecond % 4 == 0 {
                due.by_node.get_mut("edge-1").unwrap().news = 0;
            }
            told += due.take(MonoMs(millisecond)).len();
        }
        assert_eq!(told, 5);
    }

    #[test]
    fn half_a_window_is_told_at_once() {
        let mut due = Due::default();
        due.born(&address(1), outbox(1, 1));
        assert_eq!(due.take(MonoMs(0)).len(), 1);
        due.committed(&outbox(1, 1), &numbers(HALF_WINDOW - 1));
        assert!(due.take(MonoMs(1)).is_empty());
        due.committed(&outbox(1, 1), &numbers(1));
        let concerns = [numbers(HALF_WINDOW - 1), numbers(1)].concat();
        assert_eq!(due.take(MonoMs(1)), [Telling { address: address(1), outbox: outbox(1, 1), concerns }]);
        assert!(due.waiting.is_empty());
    }

    #[test]
    fn only_the_present_run_of_a_node_that_was_born_is_told() {
        let mut due = Due::default();
        due.committed(&outbox(1, 1), &numbers(1));
        due.repeat(&address(1).node, &numbers(1));
        assert!(due.take(MonoMs(0)).is_empty(), "nobody was born");
        due.born(&address(1), outbox(1, 2));
        due.born(&address(1), outbox(1, 2));
        assert_eq!(due.take(MonoMs(0)).len(), 1);
        due.committed(&outbox(1, 1), &numbers(HALF_WINDOW));
        assert!(due.take(MonoMs(1000)).is_empty());
    }

    #[test]
    fn a_whole_district_is_told_over_some_rounds() {
        let mut due = Due::default();
        (0..300).for_each(|node| due.born(&address(node), outbox(node, 1)));
        let told: Vec<usize> = (0..4).map(|round| due.take(MonoMs(round)).len()).collect();
        assert_eq!(told, [ROUND_MAX, ROUND_MAX, 300 - 2 * ROUND_MAX, 0]);
    }
    #[test]
    fn who_could_not_be_told_is_told_after_the_pause_of_all_that_concerns_it() {
        let mut due = Due::default();
        due.born(&address(1), outbox(1, 1));
        due.born(&address(2), outbox(2, 1));
        due.take(MonoMs(0));
        due.committed(&outbox(1, 1), &numbers(2)[..1]);
        due.committed(&outbox(2, 1), &numbers(1));
        let untold = due.take(MonoMs(PAUSE_MS));
        assert_eq!(untold.len(), 2);
        due.committed(&outbox(1, 1), &numbers(2)[1..]);
        due.born(&address(2), outbox(2, 2));
        due.put_back(untold.into_iter());
        let told = due.take(MonoMs(PAUSE_MS + 1));
        assert_eq!(told, [Telling { address: address(2), outbox: outbox(2, 2), concerns: Vec::new() }]);
        let told = due.take(MonoMs(2 * PAUSE_MS));
        assert_eq!(told, [Telling { address: address(1), outbox: outbox(1, 1), concerns: numbers(2) }]);
        assert!(due.waiting.is_empty());
    }
    /// Takes one connection of MQTT, and hears what comes until `wanted` is in it.
    async fn hear(listener: TcpListener, wanted: &[u8]) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 64];
        assert!(socket.read(&mut heard).await.unwrap() > 0, "CONNECT");
        socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        while !heard.windows(wanted.len()).any(|part| part == wanted) {
            assert!(socket.read_buf(&mut heard).await.unwrap() > 0, "the connection ended");
        }
    }

    #[tokio::test]
    async fn a_full_connection_does_not_swallow_an_acknowledgement() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&StoreConfig::default(), folder.path()).await.unwrap();
        let acknowledger = Acknowledger::new(store, Clock::start());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = MqttOptions::new("gateway", "127.0.0.1", listener.local_addr().unwrap().port());
        let (voice, mut connection) = AsyncClient::new(options, 1);
        voice.try_publish("filler", QoS::AtMostOnce, false, Vec::new()).unwrap();

        let stop = CancellationToken::new();
        let telling = tokio::spawn(acknowledger.clone().run(voice, stop.clone()));
        acknowledger.born(&address(1), outbox(1, 1));
        while acknowledger.due().by_node["edge-1"].told.is_none() {
            tokio::task::yield_now().await;
        }
        let speaking = async { while connection.poll().await.is_ok() {} };
        tokio::select! {
            () = hear(listener, b"NCMD/edge-1") => {}
            () = speaking => panic!("the connection ended"),
            () = tokio::time::sleep(Duration::from_secs(30)) => panic!("nobody was told"),
        }
        stop.cancel();
        telling.await.unwrap();
    }
}
