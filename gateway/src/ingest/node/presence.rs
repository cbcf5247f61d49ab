//! Whether the node is there when it does not say so itself: after the gateway was away, and in silence.

use domain::time::Now;
use protocol::{rest::LinkState, sparkplug::host_session::Event};

use super::{Node, Outcome, Surroundings};
use crate::ingest::silence::Verdict;

/// How long a node may take to answer after the gateway lost its own connection, in milliseconds; then it is offline.
const ANSWER_WITHIN_MS: u64 = 30_000;

impl Node {
    /// The gateway's own connection was lost: the session starts over, and a node that does not answer is offline.
    pub(in crate::ingest) fn host_reconnected(&mut self, now: Now) {
        self.session.forget();
        self.outboxes.forget_birth();
        self.silence.begin_anew(now.mono);
        self.heard_until.get_or_insert(self.heard_before);
        if self.status.link == LinkState::Online {
            self.unheard_since_ms.get_or_insert(now.mono.0);
        }
    }

    /// After how many milliseconds of silence it is gone; None: that is not known, or its own broker tells.
    pub(in crate::ingest) fn gone_after_ms(&self) -> Option<u64> {
        self.silence.gone_after_ms().filter(|_| self.outboxes.incarnation().is_none())
    }

    /// Does what is due without a message. `is_listening`: had it said something, it would have been heard.
    pub(in crate::ingest) fn tick(&mut self, now: Now, is_listening: bool, around: &mut Surroundings<'_>) -> Outcome {
        let mut events = Vec::new();
        self.session.tick(now.mono, &mut events);
        if self.unheard_since_ms.is_some_and(|since| now.mono.0.saturating_sub(since) >= ANSWER_WITHIN_MS) {
            self.unheard_since_ms = None;
            events.push(Event::NodeDied);
        }
        if !is_listening {
            self.silence.heard(now.mono);
        }
        let silence = self.judge_silence(now);
        if silence == Some(Verdict::Gone) {
            tracing::warn!(node.id = %self.address.node, "it is silent, and does not say why");
            self.session.forget();
            self.outboxes.forget_birth();
            events.push(Event::NodeDied);
        }
        let mut out = self.digest(events, now, around);
        out.needs_rebirth |= silence == Some(Verdict::Ask);
        out
    }

    /// What its silence means. A node with an outbox keeps its connection alive, so that its broker knows better.
    fn judge_silence(&mut self, now: Now) -> Option<Verdict> {
        let is_judged = self.status.link == LinkState::Online
            && self.outboxes.incarnation().is_none()
            && self.unheard_since_ms.is_none();
        is_judged.then(|| self.silence.judge(now.mono)).flatten()
    }
}
