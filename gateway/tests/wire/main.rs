//! From real MQTT clients through a real broker into ingest: one binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "all of this is a test; clippy knows that of modules only")]

mod foreign;
mod ours;
mod support;
