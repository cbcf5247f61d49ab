//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::time::UnixMs;

/// The wall clock now. A clock that stands before 1970 reads as 1970: the gateway quarantines both alike.
pub(crate) fn wall() -> UnixMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
