//! The edge agent: reads the equipment of one place and speaks for it towards the centre.
//!
//! One direction, one task a part; what a task may wait for is written at its top:
//!
//! ```text
//! source (modbus, camera, replay …) ──events──▶ app: shape ▶ outbox ▶ node ──Sparkplug──▶ broker
//!        ◀──────────────commands────────────────────────────────┘
//! ```
//!
//! Read in this order:
//! - [`config`]: the one file that says what stands here.
//! - [`source`]: the shape every source has; a folder a kind.
//! - [`shape`]: which samples are worth sending.
//! - [`outbox`]: what waits to be sent.
//! - [`node`]: the Sparkplug edge node.
//! - [`app`]: puts the parts together.
//! - [`cli`]: `run` and `check-config`.

pub mod app;
pub mod backoff;
pub mod cli;
mod clock;
pub mod config;
pub mod node;
pub mod outbox;
pub mod shape;
pub mod source;
