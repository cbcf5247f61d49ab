//! The demonstration district: equipment that behaves physically, behind a real Modbus TCP server.
//!
//! - [`equipment`]: the machines; each a pure model (state, elapsed time, seeded chance), no I/O, no clock;
//! - [`trouble`]: what may go wrong, and the schedule that makes it come and go;
//! - [`register`]: how a machine's controller lays its values out in Modbus registers;
//! - [`district`]: all machines of the configuration, stepped together and asked for registers;
//! - [`server`]: the sockets, where real time passes;
//! - [`camera`]: tells the RTSP server which camera is in trouble.
//!
//! Nothing here is used by the gateway or the edge agent: to them this is equipment like any other.

pub mod camera;
pub mod district;
pub mod equipment;
pub mod register;
pub mod server;
pub mod trouble;
