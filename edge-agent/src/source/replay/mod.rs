//! Plays a recording of readings as if they were measured now: for demonstrations, training and fault finding.
//!
//! - `config`: which file, how fast.
//! - `recording`: the CSV file; pure.
//! - `play`: row after row at its time.

mod config;
mod play;
pub mod recording;

use std::sync::Arc;

pub use self::{config::Config, play::run};

/// A recording and how to play it.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// What people call it.
    pub name: String,
    /// How many times faster than recorded; finite and above 0.
    pub speed: f64,
    /// Whether it starts again at its end.
    pub repeat: bool,
    /// What was recorded.
    pub recording: Arc<recording::Recording>,
}
