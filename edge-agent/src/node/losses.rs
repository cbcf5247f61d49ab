//! When messages are lost, told once at its beginning and once at its end.

use tracing::{error, warn};

/// What is known of losses.
#[derive(Debug, Default)]
pub(super) struct Losses {
    count: u64,
    is_losing: bool,
}

impl Losses {
    /// Notes the number of messages lost since the start; called again and again.
    pub(super) fn note(&mut self, count: u64) {
        let is_losing = count > self.count;
        match (self.is_losing, is_losing) {
            (false, true) => error!(lost = count, "messages are being lost: the outbox is full, or a source is wrong"),
            (true, false) => warn!(lost = count, "no more messages are being lost"),
            (true, true) | (false, false) => {}
        }
        self.count = count;
        self.is_losing = is_losing;
    }
}
