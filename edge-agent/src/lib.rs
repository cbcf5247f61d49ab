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
//! - [`cli`]: `run` and `check-config`.

pub mod backoff;
pub mod cli;
mod clock;
pub mod config;
pub mod source;
