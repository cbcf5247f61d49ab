//! The agent against real equipment and a real broker: a Modbus TCP server in this process, mosquitto beside it.

#![allow(clippy::unwrap_used, reason = "an assertion, here")]

mod config;
mod modbus;
mod node;
mod process;
mod replay;
mod support;
