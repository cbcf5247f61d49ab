//! When to ask which node for its births: spread, so that a whole district that comes back at once is not asked at once.
//! Pure.

use std::collections::{HashMap, VecDeque};

use domain::{id::NodeId, time::MonoMs};
use protocol::sparkplug::topic::NodeAddress;

/// Requests a second, over all nodes. A birth of 100 metrics is some 5 KB: 50 of them are 2 Mbit/s on the centre's line.
const REQUESTS_PER_S: u64 = 50;
/// A node is not asked again within so many milliseconds: it needs the time to answer.
const NODE_PAUSE_MS: u64 = 5_000;
/// Nodes waiting to be asked; one more asks again by itself with its next message.
const WAITING_MAX: usize = 10_000;

/// Who is to be asked, and when the last were.
#[derive(Debug, Default)]
pub(super) struct Rebirths {
    waiting: VecDeque<NodeAddress>,
    asked: HashMap<NodeId, MonoMs>,
    /// Milliseconds of credit; a request costs `1000 / REQUESTS_PER_S`.
    credit_ms: u64,
    credited: MonoMs,
}

impl Rebirths {
    /// Notes that a node should be asked.
    pub(super) fn want(&mut self, address: &NodeAddress) {
        if self.waiting.len() < WAITING_MAX && !self.waiting.contains(address) {
            self.waiting.push_back(address.clone());
        }
    }

    /// Those to be asked now.
    pub(super) fn due(&mut self, now: MonoMs) -> Vec<NodeAddress> {
        const COST_MS: u64 = 1000 / REQUESTS_PER_S;
        self.credit_ms = (self.credit_ms + now.since_ms(self.credited)).min(1000);
        self.credited = now;
        self.asked.retain(|_, at| now.since_ms(*at) < NODE_PAUSE_MS);
        let mut due = Vec::new();
        for _ in 0..self.waiting.len() {
            if self.credit_ms < COST_MS {
                break;
            }
            let Some(address) = self.waiting.pop_front() else { break };
            if self.asked.contains_key(&address.node) {
                self.waiting.push_back(address);
                continue;
            }
            self.credit_ms -= COST_MS;
            self.asked.insert(address.node.clone(), now);
            due.push(address);
        }
        due
    }

    /// The node has answered, or is gone.
    pub(super) fn settled(&mut self, node: &NodeId) {
        self.waiting.retain(|address| address.node != *node);
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
        assert_eq!(rebirths.due(MonoMs(1000 + NODE_PAUSE_MS)).len(), 1);
        rebirths.want(&address(1));
        rebirths.settled(&address(1).node);
        assert!(rebirths.due(MonoMs(20_000)).is_empty());
    }
}
