//! The centre's server, as a library: every part can be started by a test. `main.rs` only parses the command line.
//!
//! A reading's way: [`clock`] stamps it, and it goes through the modules in this order.

pub mod broker;
pub mod clock;
pub mod store;
