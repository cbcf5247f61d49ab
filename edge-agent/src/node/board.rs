//! What stands here now: every device with what it reports and the latest sample of each metric. Births are made from
//! it. Pure.

use std::collections::BTreeMap;

use domain::{
    id::{DeviceId, MetricName},
    reading::Quality,
    time::UnixMs,
};
use protocol::sparkplug::{
    edge_session::BirthMetric,
    metric::{Content, DataType},
};

use crate::source::{MetricDeclaration, Sample, ValueKind};

/// All devices that came up since the start.
#[derive(Debug, Default)]
pub(super) struct Board {
    devices: BTreeMap<DeviceId, Device>,
}

#[derive(Debug)]
struct Device {
    presence: Presence,
    series: BTreeMap<MetricName, Series>,
}

/// Whether a device is to be spoken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Up, but nothing is known of it yet: a birth must carry values.
    Announced,
    /// Up, and its birth is to be sent whether or not it was born before: it may report other metrics now.
    Unborn,
    /// Up, and born in the present session unless the session was renewed.
    Up,
    /// Cannot be read.
    Down,
}

#[derive(Debug)]
struct Series {
    declaration: MetricDeclaration,
    latest: Option<Sample>,
    /// Time of the sample that the birth carried.
    born_at: Option<UnixMs>,
}

impl Board {
    pub(super) fn device_up(&mut self, device: DeviceId, metrics: Vec<MetricDeclaration>) {
        let series = |declaration: MetricDeclaration| {
            (declaration.name.clone(), Series { declaration, latest: None, born_at: None })
        };
        let series = metrics.into_iter().map(series).collect();
        self.devices.insert(device, Device { presence: Presence::Announced, series });
    }

    /// Notes the latest samples. False when the device is not up: a source must announce it first.
    pub(super) fn note(&mut self, device: &DeviceId, samples: &[Sample]) -> bool {
        let Some(device) = self.devices.get_mut(device).filter(|device| device.presence != Presence::Down) else {
            return false;
        };
        if device.presence == Presence::Announced {
            device.presence = Presence::Unborn;
        }
        for sample in samples {
            if let Some(series) = device.series.get_mut(&sample.metric) {
                series.latest = Some(sample.clone());
            }
        }
        true
    }

    pub(super) fn device_down(&mut self, device: &DeviceId) {
        if let Some(device) = self.devices.get_mut(device) {
            device.presence = Presence::Down;
        }
    }

    /// A device whose birth is due, given which ones are born in the present session.
    pub(super) fn next_birth(&self, is_born: impl Fn(&DeviceId) -> bool) -> Option<DeviceId> {
        let is_due = |(id, device): &(&DeviceId, &Device)| match device.presence {
            Presence::Unborn => true,
            Presence::Up => !is_born(id),
            Presence::Announced | Presence::Down => false,
        };
        self.devices.iter().find(is_due).map(|(id, _)| id.clone())
    }

    /// A device whose death is due.
    pub(super) fn next_death(&self, is_born: impl Fn(&DeviceId) -> bool) -> Option<DeviceId> {
        let is_due = |(id, device): &(&DeviceId, &Device)| device.presence == Presence::Down && is_born(id);
        self.devices.iter().find(is_due).map(|(id, _)| id.clone())
    }

    /// The birth of a device with its present values; from now on it counts as born with them.
    pub(super) fn birth(&mut self, device: &DeviceId, now: UnixMs) -> Vec<BirthMetric> {
        let Some(device) = self.devices.get_mut(device) else { return Vec::new() };
        device.presence = Presence::Up;
        device.series.values_mut().map(|series| series.birth(now)).collect()
    }

    /// Whether the birth already carried this sample.
    pub(super) fn is_in_birth(&self, device: &DeviceId, sample: &Sample) -> bool {
        let series = self.devices.get(device).and_then(|device| device.series.get(&sample.metric));
        series.is_some_and(|series| series.born_at == Some(sample.at))
    }

    /// The device can never be born with what it reports: not before it comes up anew.
    pub(super) fn give_up(&mut self, device: &DeviceId) {
        self.devices.remove(device);
    }
}

impl Series {
    fn birth(&mut self, now: UnixMs) -> BirthMetric {
        self.born_at = self.latest.as_ref().map(|sample| sample.at);
        BirthMetric {
            name: self.declaration.name.clone(),
            datatype: datatype(self.declaration.kind),
            unit: self.declaration.unit.clone(),
            at: self.born_at.unwrap_or(now),
            content: self.latest.as_ref().and_then(|sample| sample.value.clone()).map(Content::Value),
            quality: self.latest.as_ref().map_or(Quality::Good, |sample| sample.quality),
        }
    }
}

fn datatype(kind: ValueKind) -> DataType {
    match kind {
        ValueKind::Bool => DataType::Boolean,
        ValueKind::Int => DataType::Int64,
        ValueKind::Float => DataType::Double,
        ValueKind::Text => DataType::String,
        ValueKind::Blob => DataType::Bytes,
    }
}
