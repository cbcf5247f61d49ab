//! Starts the real thing for black-box stories: gateway, broker, agents, Modbus equipment, cameras, PostgreSQL, and a
//! proxy that cuts what lies between them. Everything a story starts is its own: free ports, a temporary folder, and an
//! end when the story ends.
//!
//! - [`world`]: a small district of the story's own;
//! - [`eventually()`]: waits for a condition, never for a time;
//! - [`process`]: a real binary with its log;
//! - [`person`]: somebody who is signed in, with a live stream;
//! - [`modbus`]: equipment whose registers a story sets;
//! - [`inbox`]: a service that people are told by;
//! - [`camera`]: the RTSP server of the demonstration, with a clip made on the spot;
//! - [`proxy`]: a connection that can be cut or stalled, and an unfaithful carrier of MQTT messages;
//! - [`disk`]: a small disk that can be filled up;
//! - [`clock`]: a program's wall clock that a story sets;
//! - [`mosquitto`]: a broker that is the site's own;
//! - [`postgres`]: a PostgreSQL server, started as an unprivileged user;
//! - [`skipped`]: says why a story could not run here.

#![expect(clippy::missing_panics_doc, reason = "a story that cannot go on panics: that is what a harness is for")]

pub mod camera;
pub mod clock;
pub mod disk;
pub mod eventually;
pub mod inbox;
pub mod modbus;
pub mod mosquitto;
pub mod person;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod skipped;
pub mod world;

pub use eventually::eventually;
pub use world::World;
