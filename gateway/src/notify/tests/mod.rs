//! Telling people by local services that speak the channels' protocols, with a real store and a real broker. Nothing here
//! asserts how long something takes.

mod failing;
mod house;
mod mail;
mod on_duty;
mod pictures;
mod service;
mod siren;
mod telling;
