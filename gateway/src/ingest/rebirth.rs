//! When to ask which node for its births: spread, so that a whole district that comes back at once is not asked at once;
//! and which nodes never answer. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use domain::{id::NodeId, time::MonoMs};
use protocol::sparkplug::topic::NodeAddress;

/// Requests a second, over all nodes. A birth of 100 metrics is some 5 KB: 50 of them are 2 Mbit/s on the centre's line.
const REQUESTS_PER_S: u64 = 50;
/// A node is not asked again within so many milliseconds: it needs the time to answer. Doubles with each request that
/// it leaves unanswered, up to [`PAUSE_MAX_MS`].
const PAUSE_MS: u64 = 5_000;
const PAUSE_MAX_MS: u64 = 300_000;
/// Nodes waiting to be asked; one more asks again by itself with its next message.
const WAITING_MAX: usize = 10_000;
/// A node that speaks on but left so many requests unanswered does not know them, as some clients do not.
const UNANSWERED_MAX: u32 = 3;
/// A node that does not know requests is put out at most so often, in milliseconds: most tell their births when they
/// connect anew, but not all.
const PUT_OUT_PAUSE_MS: u64 = 3_600_000;

/// Who is to be asked, and who was.
#[derive(Debug, Default)]
pub(super) struct Rebirths {
    waiting: VecDeque<NodeAddress>,
    /// The nodes in `waiting`.
    wanted: HashSet<NodeId>,
    asked: HashMap<NodeId, Asked>,
    put_out: HashMap<NodeId, MonoMs>,
    /// Milliseconds of credit; a request costs `1000 / REQUESTS_PER_S`.
    credit_ms: u64,
    credited: MonoMs,
}

/// A node that was asked and has not answered.
#[derive(Debug, Clone, Copy)]
struct Asked {
    last: MonoMs,
    unanswered: u32,
}

impl Asked {
    fn pause_ms(self) -> u64 {
        (PAUSE_MS << (self.unanswered - 1).min(10)).min(PAUSE_MAX_MS)
    }
}

impl Rebirths {
    /// Notes that a node should be asked.
    pub(super) fn want(&mut self, address: &NodeAddress) {
        if self.waiting.len() < WAITING_MAX && self.wanted.insert(address.node.clone()) {
            self.waiting.push_back(address.clone());
        }
    }

    /// Those to be asked now.
    pub(super) fn due(&mut self, now: MonoMs) -> Vec<NodeAddress> {
        const COST_MS: u64 = 1000 / REQUESTS_PER_S;
        self.credit_ms = (self.credit_ms + now.since_ms(self.credited)).min(1000);
        self.credited = now;
        let mut due = Vec::new();
        for _ in 0..self.waiting.len() {
            if self.credit_ms < COST_MS {
                break;
            }
            let Some(address) = self.waiting.pop_front() else { break };
            let before = self.asked.get(&address.node).copied();
            if before.is_some_and(|asked| now.since_ms(asked.last) < asked.pause_ms()) {
                self.waiting.push_back(address);
                continue;
            }
            self.credit_ms -= COST_MS;
            self.wanted.remove(&address.node);
            let unanswered = before.map_or(0, |asked| asked.unanswered) + 1;
            self.asked.insert(address.node.clone(), Asked { last: now, unanswered });
            due.push(address);
        }
        due
    }

    /// The nodes that speak, and have to be asked again, but never answer: to be put out, so that they connect anew.
    /// Each is named once, and then not for an hour.
    pub(super) fn deaf(&mut self, now: MonoMs) -> Vec<NodeId> {
        self.put_out.retain(|_, at| now.since_ms(*at) < PUT_OUT_PAUSE_MS);
        let asked = self.asked.iter().filter(|(_, asked)| asked.unanswered >= UNANSWERED_MAX);
        let deaf: Vec<NodeId> = asked
            .map(|(node, _)| node)
            .filter(|node| self.wanted.contains(*node) && !self.put_out.contains_key(*node))
            .cloned()
            .collect();
        self.put_out.extend(deaf.iter().map(|node| (node.clone(), now)));
        deaf
    }

    /// The node has answered, or is gone.
    pub(super) fn settled(&mut self, node: &NodeId) {
        self.asked.remove(node);
        if self.wanted.remove(node) {
            self.waiting.retain(|address| address.node != *node);
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::sparkplug::topic::GroupId;

    use super::*;

    fn address(number: u64) -> NodeAddress {
        NodeAddress { group: GroupId::new("500156001").unwrap(), node: NodeId::new(format!("edge-{number}")).unwrap() }
    }

    #[test]
    fn a_district_that_comes_back_is_asked_at_fifty_a_second() {
        let mut rebirths = Rebirths::default();
        (0..200).for_each(|number| rebirths.want(&address(number)));
        let asked: Vec<usize> = (1..=5).map(|second| rebirths.due(MonoMs(second * 1000)).len()).collect();
        assert_eq!(asked, [50, 50, 50, 50, 0]);
    }

    #[test]
    fn a_node_is_given_time_to_answer() {
        let mut rebirths = Rebirths::default();
        rebirths.want(&address(1));
        assert_eq!(rebirths.due(MonoMs(1000)).len(), 1);
        rebirths.want(&address(1));
        assert!(rebirths.due(MonoMs(2000)).is_empty());
        assert_eq!(rebirths.due(MonoMs(1000 + PAUSE_MS)).len(), 1);
        rebirths.want(&address(1));
        rebirths.settled(&address(1).node);
        assert!(rebirths.due(MonoMs(20_000)).is_empty());
    }

    #[test]
    fn a_node_that_never_answers_is_asked_less_and_less_and_put_out_once_an_hour() {
        let mut rebirths = Rebirths::default();
        let (mut asked_s, mut put_out_s) = (Vec::new(), Vec::new());
        for second in 1..4_000 {
            let now = MonoMs(second * 1000);
            rebirths.want(&address(1));
            asked_s.extend(rebirths.due(now).iter().map(|_| second));
            rebirths.want(&address(1));
            put_out_s.extend(rebirths.deaf(now).iter().map(|_| second));
        }
        assert_eq!(asked_s[..8], [1, 6, 16, 36, 76, 156, 316, 616]);
        assert_eq!(asked_s[8] - asked_s[7], 300);
        assert_eq!(put_out_s, [16, 3616]);
        rebirths.settled(&address(1).node);
        assert!(rebirths.deaf(MonoMs(10_000_000)).is_empty());
    }
}
