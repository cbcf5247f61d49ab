//! Whether the centre hears this node, in three words for the log.

use tracing::{info, warn};

/// How the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkMode {
    /// The centre has everything up to now.
    Live,
    /// The centre has what is fresh; what is older follows.
    CatchingUp,
    /// The centre hears nothing; everything waits here.
    Offline,
}

impl LinkMode {
    /// The mode in which a born node with or without a backlog is.
    pub(super) fn of(is_born: bool, has_backlog: bool) -> Self {
        match (is_born, has_backlog) {
            (false, _) => LinkMode::Offline,
            (true, true) => LinkMode::CatchingUp,
            (true, false) => LinkMode::Live,
        }
    }

    /// Notes the mode of now; tells the log when it changed.
    pub(super) fn become_now(&mut self, now: LinkMode) {
        if *self == now {
            return;
        }
        *self = now;
        match now {
            LinkMode::Live => info!("link: live"),
            LinkMode::CatchingUp => info!("link: catching up with what waited here"),
            LinkMode::Offline => warn!("link: offline, samples wait here"),
        }
    }
}
