//! Modbus TCP equipment: PLCs, controllers, meters, and serial gear behind a gateway box.
//!
//! - `config`: the register map as it is written, and its checks.
//! - `decode`: registers to values; pure.
//! - `fault_code`: one number that stands for events; pure.
//! - `plan`: which requests read them; pure.
//! - `poll`: the connection and the rounds.
//!
//! It only reads. A system that watches special equipment must not be a way to operate it, so there is no write here
//! and a command to a Modbus device is refused.

mod config;
pub mod decode;
pub mod fault_code;
pub mod plan;
mod poll;

use std::time::Duration;

use domain::id::DeviceId;

pub use self::{
    config::{Config, DeviceConfig, MetricConfig},
    poll::run,
};
use crate::config::HostPort;

/// One connection and the devices behind it, checked and planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Modbus {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub address: HostPort,
    /// How long to wait for a connection or an answer.
    pub timeout: Duration,
    /// The devices, each read in its own rounds.
    pub devices: Vec<ModbusDevice>,
}

/// One device and how it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct ModbusDevice {
    /// Its id.
    pub id: DeviceId,
    /// The Modbus unit that answers for it.
    pub unit_id: u8,
    /// Time between the starts of two rounds.
    pub poll_interval: Duration,
    /// What one round asks.
    pub requests: Vec<plan::Request>,
}
