//! The centre's server, as a library: every part can be started by a test. `main.rs` only parses the command line.
//!
//! A reading goes through the modules in this order: [`ingest`] decodes and checks it, [`pipeline`] judges it, [`store`]
//! makes it true, [`live`] shows it. `docs/ARCHITECTURE.md` walks the whole way.

pub mod clock;
pub mod ingest;
pub mod live;
pub mod pipeline;
pub mod store;
