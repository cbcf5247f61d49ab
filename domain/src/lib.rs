//! The pure core of Brightwatch: what the words mean and how decisions are taken.
//!
//! Nothing here knows a socket, a database, a thread or the time of day: `now` is always an argument, and a
//! decision returns what should happen instead of doing it. The compiler guards this: the crate depends on no
//! async runtime and no I/O library.
//!
//! Read in this order:
//! - [`id`]: the names of things, a type per kind.
//! - [`time`]: wall-clock milliseconds, and what makes a time believable.
//! - [`text`]: words in both languages.
//! - [`reading`]: a value, its quality, and where it belongs.
//! - [`registry`]: township, office, owner, site, device: who is responsible for what.
//! - [`access`]: role and jurisdiction: who may see what.
//! - [`profile`]: what a kind of device measures, and its default rules with their sources.
//! - [`code_system`]: what a source's raw fault codes mean.
//! - [`alarm`]: the life cycle of one occurrence of a rule on a device.
//! - [`case`]: the work that answers alarms, step by step, with time limits.
//! - [`escalation`]: what nobody answers is told further up.
//! - [`roster`]: who is on duty where.
//! - [`notice`]: who has to be told of what.
//! - [`quality`]: how well people are served by their alarms: the figures of EEMUA 191 and ISA-18.2.
//! - [`detector`]: is a reading unlike everything its series has shown, and in which way.
//! - [`backtest`]: a rule over stored history: when it would have fired.
//! - [`states`]: how long each value of a state held.
//! - [`engine`]: readings and timers in, alarm transitions out.
//! - [`document`]: reading the TOML that describes all this, with errors that name the line.

pub mod access;
pub mod alarm;
pub mod backtest;
pub mod case;
pub mod code_system;
pub mod detector;
pub mod document;
pub mod engine;
pub mod escalation;
pub mod id;
pub mod notice;
pub mod profile;
pub mod quality;
pub mod reading;
pub mod registry;
pub mod roster;
pub mod states;
pub mod text;
pub mod time;
