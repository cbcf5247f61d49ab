//! A lift (profile `elevator`, the one with the most rules) that rides up and down and gives no cause for an alarm. Where
//! more metrics are asked for than it has, the others are measurements that no rule reads.

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
pub(super) const METRICS: usize = 50;

/// Name, type and value in a given second.
type Metric = (&'static str, DataType, fn(i32) -> Value);

const LIFT: [Metric; 10] = [
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

/// The first `count` metrics.
fn metrics(count: usize) -> impl Iterator<Item = (MetricName, DataType, fn(i32) -> Value)> {
    let name = |text: &str| MetricName::new(text).expect("a valid name");
    let own = LIFT.iter().map(move |&(text, datatype, value)| (name(text), datatype, value));
    let measurement: fn(i32) -> Value = |second| Value::Float(f64::from(second * 3 % 100) / 10.0);
    let others = (LIFT.len()..METRICS)
        .map(move |number| (name(&format!("elevator.channel_{number}")), DataType::Double, measurement));
    own.chain(others).take(count)
}

/// What a birth declares: the first `count` metrics.
pub(super) fn birth(at: UnixMs, count: usize) -> Vec<BirthMetric> {
    let born = |(name, datatype, value): (MetricName, DataType, fn(i32) -> Value)| BirthMetric {
        name,
        datatype,
        unit: String::new(),
        at,
        content: Some(Content::Value(value(0))),
        quality: Quality::Good,
    };
    metrics(count).map(born).collect()
}

/// What is measured in a given second: the first `count` metrics.
pub(super) fn samples(at: UnixMs, count: usize, second: usize) -> Vec<Sample> {
    let second = i32::try_from(second).expect("few seconds");
    let measured = |(metric, _, value): (MetricName, DataType, fn(i32) -> Value)| Sample {
        metric,
        at,
        content: Some(Content::Value(value(second))),
        quality: Quality::Good,
        is_historical: false,
    };
    metrics(count).map(measured).collect()
}
