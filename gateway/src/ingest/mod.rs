//! Sparkplug host application: bytes from the broker → checked readings, births and deaths.

mod message;
mod series;

pub use self::{
    message::{Blob, Ingested},
    series::SeriesIndex,
};
