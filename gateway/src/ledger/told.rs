//! What the ledger counts as figures for Prometheus, node by node; the number of nodes with a name of their own is bounded.

use std::collections::HashSet;

use domain::id::NodeId;
use metrics::counter;
use protocol::rest::{GapWhy, LedgerFigures};

use crate::store::{LedgerEntry, OutboxProgress, gap_why, word_of};

/// Nodes with a label of their own: more than a district has. Each is a dozen lines of a page that is made anew whenever it
/// is read.
const NODES_MAX: usize = 256;
/// The label of those that are more.
const OTHERS: &str = "others";

/// Which nodes have a label.
#[derive(Debug, Default)]
pub(super) struct Told {
    labelled: HashSet<NodeId>,
}

impl Told {
    /// Counts that were written to the ledger.
    pub(super) fn written(&mut self, entries: &[LedgerEntry]) {
        for LedgerEntry { node, figures, .. } in entries {
            let node = self.label(node);
            let LedgerFigures { produced_readings, sent_messages, received_messages, committed_readings, .. } =
                *figures;
            let LedgerFigures { duplicate_messages, shed_messages, .. } = *figures;
            counter!("gateway_node_readings_produced_total", "node" => node.clone()).increment(produced_readings);
            counter!("gateway_node_messages_sent_total", "node" => node.clone()).increment(sent_messages);
            counter!("gateway_node_messages_received_total", "node" => node.clone()).increment(received_messages);
            counter!("gateway_node_readings_committed_total", "node" => node.clone()).increment(committed_readings);
            counter!("gateway_node_messages_duplicate_total", "node" => node.clone()).increment(duplicate_messages);
            counter!("gateway_node_messages_shed_total", "node" => node).increment(shed_messages);
        }
    }

    /// Gaps that outboxes reported, with what committed them. How many messages they mean is in the ledger: some of their
    /// numbers may be committed, or stood for nothing.
    pub(super) fn reported(&mut self, progresses: &[OutboxProgress]) {
        for progress in progresses.iter().filter(|progress| !progress.gaps.is_empty()) {
            let node = self.label(&progress.outbox.node);
            for gap in &progress.gaps {
                let (node, why) = (node.clone(), word_of(&gap_why(gap.why)));
                counter!("gateway_node_gaps_reported_total", "node" => node, "why" => why).increment(1);
            }
        }
    }

    /// Messages of a node without an outbox that are lost; None: nobody knows how many, which is not counted.
    pub(super) fn lost(&mut self, node: &NodeId, why: GapWhy, messages: Option<u64>) {
        let node = self.label(node);
        counter!("gateway_node_messages_missing_total", "node" => node, "why" => word_of(&why))
            .increment(messages.unwrap_or(0));
    }

    fn label(&mut self, node: &NodeId) -> String {
        let is_known = self.labelled.contains(node);
        if !is_known && self.labelled.len() >= NODES_MAX {
            return OTHERS.to_owned();
        }
        if !is_known {
            self.labelled.insert(node.clone());
        }
        node.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_bounded() {
        let mut told = Told::default();
        let node = |number: usize| NodeId::new(format!("edge-{number}")).unwrap();
        for number in 0..NODES_MAX {
            assert_eq!(told.label(&node(number)), format!("edge-{number}"));
        }
        assert_eq!(told.label(&node(NODES_MAX)), OTHERS);
        assert_eq!(told.label(&node(3)), "edge-3", "who has a name keeps it");
    }
}
