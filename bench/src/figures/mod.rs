//! One file a figure: each sets up what it needs, measures, and prints its table.

pub(crate) mod agent;
pub(crate) mod alarms;
pub(crate) mod fanout;
pub(crate) mod history;
pub(crate) mod latency;
pub(crate) mod limits;
pub(crate) mod memory;
pub(crate) mod nab;
pub(crate) mod picture;
pub(crate) mod rules;
pub(crate) mod soak;
pub(crate) mod storage;
pub(crate) mod throughput;
