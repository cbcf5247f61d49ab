//! How patient and how generous the host is.

/// How patient and how generous the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many messages may wait for a missing one, 1..=100.
    pub reorder_window: u8,
    /// How long they wait, in milliseconds (tck-id-operational-behavior-host-reordering-param).
    pub reorder_timeout_ms: u64,
    /// How long after a node's rebirth its devices may take to be born again, in milliseconds.
    pub device_rebirth_ms: u64,
    /// Greatest number of devices of one node.
    pub devices_max: usize,
    /// Greatest number of metrics of one node and its devices together.
    pub metrics_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reorder_window: 16,
            reorder_timeout_ms: 2_000,
            device_rebirth_ms: 30_000,
            devices_max: 2_000,
            metrics_max: 50_000,
        }
    }
}
