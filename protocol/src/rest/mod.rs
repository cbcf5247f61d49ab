//! Bodies of the REST API under `/api/v1`. The OpenAPI document, and from it the dashboard's types, are generated
//! from these. Times are milliseconds since 1970 UTC; a field that may be absent says what absence means.

mod alarm;
mod audit;
mod backtest;
mod camera;
mod case;
mod device;
mod duty;
mod ledger;
mod notice;
mod overview;
mod people;
mod problem;
mod quality;
mod query;
mod registry;
mod rule;
mod storage;
mod vocabulary;

pub use alarm::*;
pub use audit::*;
pub use backtest::*;
pub use camera::*;
pub use case::*;
pub use device::*;
pub use duty::*;
pub use ledger::*;
pub use notice::*;
pub use overview::*;
pub use people::*;
pub use problem::*;
pub use quality::*;
pub use query::*;
pub use registry::*;
pub use rule::*;
pub use storage::*;
