//! Which samples are worth sending: changes beyond the deadband at once, everything else at the periodic refresh.
//! Pure: the time is that of the samples.

use std::{collections::HashMap, time::Duration};

use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
};

use crate::source::Sample;

/// Remembers what was sent last.
#[derive(Debug)]
pub struct Shaper {
    refresh_ms: i64,
    devices: HashMap<DeviceId, HashMap<MetricName, Series>>,
}

#[derive(Debug)]
struct Series {
    deadband: f64,
    sent: Option<Sample>,
}

impl Shaper {
    /// Sends what is unchanged after `refresh`.
    pub fn new(refresh: Duration) -> Self {
        Self { refresh_ms: i64::try_from(refresh.as_millis()).unwrap_or(i64::MAX), devices: HashMap::new() }
    }

    /// A device came up: what it says first is sent whatever it said before.
    pub fn device_up(&mut self, device: &DeviceId, deadbands: impl IntoIterator<Item = (MetricName, f64)>) {
        let series = deadbands.into_iter().map(|(metric, deadband)| (metric, Series { deadband, sent: None }));
        self.devices.insert(device.clone(), series.collect());
    }

    /// The samples of these that are to be sent, in the same order.
    pub fn select(&mut self, device: &DeviceId, samples: Vec<Sample>) -> Vec<Sample> {
        let Some(known) = self.devices.get_mut(device) else { return samples };
        let refresh_ms = self.refresh_ms;
        let mut selected = samples;
        selected.retain(|sample| known.get_mut(&sample.metric).is_none_or(|series| series.takes(sample, refresh_ms)));
        selected
    }
}

impl Series {
    fn takes(&mut self, sample: &Sample, refresh_ms: i64) -> bool {
        let is_taken = match &self.sent {
            None => true,
            Some(sent) => {
                let age_ms = sample.at.since_ms(sent.at);
                // A clock that was set back makes the age negative: sending anew gives the series a time that is now.
                let is_due = age_ms < 0 || age_ms >= refresh_ms;
                is_due || sample.quality != sent.quality || self.is_change(sent.value.as_ref(), sample.value.as_ref())
            }
        };
        if is_taken {
            self.sent = Some(sample.clone());
        }
        is_taken
    }

    fn is_change(&self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (Some(Value::Float(old)), Some(Value::Float(new))) => changes_by(old - new, self.deadband),
            // A deadband on counts is rare and small; both fit a float exactly where it matters.
            (Some(old @ Value::Int(_)), Some(new @ Value::Int(_))) if self.deadband > 0.0 => {
                let difference = old.as_f64().zip(new.as_f64()).map_or(f64::INFINITY, |(old, new)| old - new);
                changes_by(difference, self.deadband)
            }
            (old, new) => old != new,
        }
    }
}

/// Half a millionth is forgiven, so that a step of exactly the deadband counts although 3.3 - 3.2 is below 0.1.
fn changes_by(difference: f64, deadband: f64) -> bool {
    if deadband > 0.0 { difference.abs() >= deadband * (1.0 - 5e-7) } else { difference != 0.0 }
}

#[cfg(test)]
mod tests {
    use domain::{reading::Quality, time::UnixMs};
    use proptest::prelude::*;

    use super::*;

    fn metric() -> MetricName {
        MetricName::new("cold_store.temperature").unwrap()
    }

    fn device() -> DeviceId {
        DeviceId::new("store-1").unwrap()
    }

    fn shaper(deadband: f64) -> Shaper {
        let mut shaper = Shaper::new(Duration::from_secs(10));
        shaper.device_up(&device(), [(metric(), deadband)]);
        shaper
    }

    fn sent(shaper: &mut Shaper, at_ms: i64, value: Option<Value>) -> bool {
        let quality = if value.is_some() { Quality::Good } else { Quality::Bad };
        let sample = Sample { metric: metric(), at: UnixMs(at_ms), value, quality };
        !shaper.select(&device(), vec![sample]).is_empty()
    }

    #[test]
    fn changes_are_sent_at_once_and_the_rest_at_the_refresh() {
        let float = |quantity| Some(Value::Float(quantity));
        let check = |deadband: f64, steps: &[(i64, Option<Value>, bool)]| {
            let mut shaper = shaper(deadband);
            for (at_ms, value, expected) in steps {
                assert_eq!(sent(&mut shaper, *at_ms, value.clone()), *expected, "{value:?} at {at_ms}");
            }
        };
        check(
            0.1,
            &[
                (0, float(3.2), true),
                (1_000, float(3.25), false),
                (2_000, float(3.3), true),
                (11_999, float(3.3), false),
                (12_000, float(3.3), true),
                (13_000, None, true),
                (14_000, None, false),
                (15_000, float(3.3), true),
            ],
        );
        check(0.0, &[(0, float(1.0), true), (1, float(1.0), false), (2, float(1.000_001), true)]);
        check(0.0, &[(0, Some(Value::Bool(false)), true), (1, Some(Value::Bool(true)), true)]);
        check(
            5.0,
            &[(0, Some(Value::Int(10)), true), (1, Some(Value::Int(14)), false), (2, Some(Value::Int(15)), true)],
        );
        check(0.1, &[(60_000, float(1.0), true), (1_000, float(1.0), true), (1_001, float(1.0), false)]);
    }

    #[test]
    fn a_device_that_came_back_says_everything_again() {
        let mut shaper = shaper(0.1);
        assert!(sent(&mut shaper, 0, Some(Value::Float(1.0))));
        shaper.device_up(&device(), [(metric(), 0.1)]);
        assert!(sent(&mut shaper, 1, Some(Value::Float(1.0))));
    }

    proptest! {
        /// What the centre has is never further from the truth than the deadband, nor older than the refresh.
        #[test]
        fn the_centre_is_never_off_by_more_than_the_deadband(
            values in prop::collection::vec((0_i64..4_000, -50.0_f64..50.0), 1..60), deadband in 0.01_f64..5.0,
        ) {
            let mut shaper = shaper(deadband);
            let (mut now, mut centre) = (0, (f64::NAN, i64::MIN / 2));
            for (step_ms, value) in values {
                now += step_ms;
                if sent(&mut shaper, now, Some(Value::Float(value))) {
                    centre = (value, now);
                }
                prop_assert!((centre.0 - value).abs() < deadband * 1.000_001);
                prop_assert!(now - centre.1 < 10_000);
            }
        }
    }
}
