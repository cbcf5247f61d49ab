//! What the people who run the gateway look at: [`logging`], [`health`] and [`metrics`].

pub mod health;
pub mod logging;
pub mod metrics;
