//! What stands here now: every device with what it reports and the latest sample of each metric. Births are made from
//! it. Pure.

use std::collections::BTreeMap;

use domain::{
    id::{DeviceId, MetricName},
    reading::{Quality, Value},
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
    /// It is to be born although it is down, so that what it said before can be told.
    is_wanted: bool,
    /// While it is down: it was born without all that is to be told.
    is_birth_short: bool,
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
}

impl Board {
    pub(super) fn device_up(&mut self, device: DeviceId, metrics: Vec<MetricDeclaration>) {
        let series = |declaration: MetricDeclaration| (declaration.name.clone(), Series { declaration, latest: None });
        let series = metrics.into_iter().map(series).collect();
        self.devices
            .insert(device, Device { presence: Presence::Announced, is_wanted: false, is_birth_short: false, series });
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
            Presence::Announced | Presence::Down => device.is_wanted && (device.is_birth_short || !is_born(id)),
        };
        self.devices.iter().find(is_due).map(|(id, _)| id.clone())
    }

    /// A device whose death is due.
    pub(super) fn next_death(&self, is_born: impl Fn(&DeviceId) -> bool) -> Option<DeviceId> {
        let is_due =
            |(id, device): &(&DeviceId, &Device)| device.presence == Presence::Down && !device.is_wanted && is_born(id);
        self.devices.iter().find(is_due).map(|(id, _)| id.clone())
    }

    /// The birth of a device with its present values; from now on it counts as born. What is down has none.
    pub(super) fn birth(&mut self, device: &DeviceId, now: UnixMs) -> Vec<BirthMetric> {
        let Some(device) = self.devices.get_mut(device) else { return Vec::new() };
        let is_up = matches!(device.presence, Presence::Unborn | Presence::Up);
        device.is_birth_short = false;
        if is_up {
            device.presence = Presence::Up;
        }
        device.series.values().map(|series| series.birth(is_up, now)).collect()
    }

    /// These samples, from before, are to be told: their device must be born, and with these metrics. They may be
    /// unknown because the device is down, was taken out of the configuration, or reported other things then.
    pub(super) fn want(&mut self, device: &DeviceId, samples: &[Sample]) {
        let device = self.devices.entry(device.clone()).or_insert_with(|| Device {
            presence: Presence::Down,
            is_wanted: true,
            is_birth_short: false,
            series: BTreeMap::new(),
        });
        device.is_wanted = true;
        let known = device.series.len();
        for sample in samples {
            let declaration = || MetricDeclaration::new(sample.metric.clone(), kind_of(sample.value.as_ref()));
            let series = || Series { declaration: declaration(), latest: None };
            device.series.entry(sample.metric.clone()).or_insert_with(series);
        }
        match (device.series.len() > known, device.presence) {
            (true, Presence::Up) => device.presence = Presence::Unborn,
            (true, Presence::Announced | Presence::Down) => device.is_birth_short = true,
            (true, Presence::Unborn) | (false, _) => {}
        }
    }

    /// Nothing from before waits any more: devices that are down may die.
    pub(super) fn want_none(&mut self) {
        for device in self.devices.values_mut() {
            device.is_wanted = false;
        }
    }

    /// The device can never be born with what it reports: not before it comes up anew.
    pub(super) fn give_up(&mut self, device: &DeviceId) {
        self.devices.remove(device);
    }
}

impl Series {
    fn birth(&self, is_up: bool, now: UnixMs) -> BirthMetric {
        let latest = self.latest.as_ref().filter(|_| is_up);
        let unmeasured = if is_up { Quality::Good } else { Quality::Bad };
        BirthMetric {
            name: self.declaration.name.clone(),
            datatype: datatype(self.declaration.kind),
            unit: self.declaration.unit.clone(),
            at: latest.map_or(now, |sample| sample.at),
            content: latest.and_then(|sample| sample.value.clone()).map(Content::Value),
            quality: latest.map_or(unmeasured, |sample| sample.quality),
        }
    }
}

/// What a metric was, as far as one value shows; most things that can fail to be read are quantities.
fn kind_of(value: Option<&Value>) -> ValueKind {
    match value {
        Some(Value::Bool(_)) => ValueKind::Bool,
        Some(Value::Int(_)) => ValueKind::Int,
        Some(Value::Float(_)) | None => ValueKind::Float,
        Some(Value::Text(_)) => ValueKind::Text,
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
