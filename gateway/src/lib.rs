//! The centre's server, as a library: every part can be started by a test. `main.rs` only parses the command line.
//!
//! A reading goes through the modules in this order: [`ingest`] decodes and checks it, [`pipeline`] judges it, [`store`]
//! makes it true, [`live`] shows it, [`duty`] sees that somebody answers. [`ledger`] counts what became of it. `docs/ARCHITECTURE.md` walks the whole way. [`video`] carries cameras' pictures past
//! all that, from edge to player.
//!
//! [`app`] builds, starts and stops all of it. Around it: [`identity`] knows who somebody is, [`registry`] who is responsible for what, [`api`] answers people and
//! their programs, [`control`] the command line ([`cli`]), [`ops`] those who run the gateway. [`config`] is what they
//! may set, [`broker`] what edge nodes connect to, [`backup`] all of it in one folder, and back, [`export`] readings as
//! a file for other programs.

pub mod api;
pub mod app;
pub mod backtest;
pub mod backup;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod duty;
pub mod export;
pub mod identity;
pub mod ingest;
pub mod ledger;
pub mod live;
pub mod notify;
pub mod ops;
pub mod pipeline;
pub mod registry;
mod stage;
pub mod store;
pub mod video;
