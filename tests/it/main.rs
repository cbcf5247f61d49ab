//! Black-box stories on the real binaries. One binary, so that it links once; a story a module.

mod alarm;
mod backup;
mod books;
mod browser;
mod camera;
mod chaos;
mod duty;
mod forecast;
mod notify;
mod offline;
mod pictures;
mod restart;
mod roles;
mod server_crash;
mod tidy;

use std::time::Duration;

use domain::reading::Value;
use protocol::{live::Snapshot, rest::Alarm};

/// For anything that takes a moment on a quiet machine; a story that waits so long has failed.
const LIMIT: Duration = Duration::from_secs(30);

/// The present value of a metric, as a live stream has told it.
fn value_of<'a>(snapshot: &'a Snapshot, device: &str, metric: &str) -> Option<&'a Value> {
    let device = snapshot.devices.iter().find(|it| it.id.as_str() == device)?;
    device.values.iter().find(|it| it.metric.as_str() == metric)?.point.value.as_ref()
}

/// The open alarm of a rule on a device, as a live stream has told it.
fn alarm_of(snapshot: &Snapshot, device: &str, rule: &str) -> Option<Alarm> {
    snapshot.alarms.iter().find(|it| it.device.as_str() == device && it.rule.as_str() == rule).cloned()
}
