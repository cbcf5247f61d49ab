//! A lift (profile `elevator`, the one with the most rules) that rides up and down and gives no cause for an alarm.

use domain::{
    id::MetricName,
    reading::{Quality, Value},
    time::UnixMs,
};
use protocol::sparkplug::{
    edge_session::{BirthMetric, Sample},
    metric::{Content, DataType},
};

/// Metrics a lift can have. Those that rules watch for staleness are among the first five.
pub(crate) const METRICS: usize = 10;

/// Name, type and value in a given second.
type Metric = (&'static str, DataType, fn(i32) -> Value);

const LIFT: [Metric; METRICS] = [
    ("elevator.speed", DataType::Double, |second| Value::Float(f64::from(second * 7 % 160) / 100.0)),
    ("elevator.floor", DataType::Int32, |second| Value::Int(i64::from(second % 30))),
    ("elevator.service_mode", DataType::Int32, |_| Value::Int(0)),
    ("elevator.door_closed", DataType::Boolean, |_| Value::Bool(true)),
    ("elevator.trip_count", DataType::Int64, |second| Value::Int(i64::from(second))),
    ("elevator.car_running", DataType::Boolean, |second| Value::Bool(second % 2 == 0)),
    ("elevator.direction", DataType::Int32, |second| Value::Int(i64::from(second % 3))),
    ("elevator.in_door_zone", DataType::Boolean, |_| Value::Bool(true)),
    ("elevator.passenger_present", DataType::Boolean, |_| Value::Bool(false)),
    ("elevator.entrapment", DataType::Boolean, |_| Value::Bool(false)),
];

fn name(metric: &Metric) -> MetricName {
    MetricName::new(metric.0).expect("a valid name")
}

/// What a birth declares: the first `count` metrics.
pub(super) fn birth(at: UnixMs, count: usize) -> Vec<BirthMetric> {
    let born = |metric: &Metric| BirthMetric {
        name: name(metric),
        datatype: metric.1,
        unit: String::new(),
        at,
        content: Some(Content::Value(metric.2(0))),
        quality: Quality::Good,
    };
    LIFT.iter().take(count).map(born).collect()
}

/// What is measured in a given second: the first `count` metrics.
pub(super) fn samples(at: UnixMs, count: usize, second: usize) -> Vec<Sample> {
    let second = i32::try_from(second).expect("few seconds");
    let measured = |metric: &Metric| Sample {
        metric: name(metric),
        at,
        content: Some(Content::Value(metric.2(second))),
        quality: Quality::Good,
        is_historical: false,
    };
    LIFT.iter().take(count).map(measured).collect()
}
