//! What the people who run the gateway look at: [`logging`], [`health`], [`metrics`], and the [`control`] socket
//! through which the command line reaches a running gateway.

pub mod health;
pub mod logging;
pub mod metrics;
