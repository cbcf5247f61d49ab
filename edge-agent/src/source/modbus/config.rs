//! How Modbus equipment is described in the configuration, and what is checked before anything is read.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use domain::id::{DeviceId, MetricName};
use serde::Deserialize;

use super::{
    Modbus, ModbusDevice,
    decode::{DataType, Decoding, Linear, Point, Table, WordOrder},
    fault_code::{Coding, FaultCodes},
    plan,
};
use crate::config::{
    Fault, Folder,
    value::{self, HostPort},
};

/// One `[[modbus]]` entry: a TCP connection and the devices behind it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What people call it; for logs.
    pub name: String,
    /// `host:port`; the port is nearly always 502.
    pub address: HostPort,
    /// How long to wait for a connection or an answer, in milliseconds.
    #[serde(default = "default_timeout_ms", deserialize_with = "value::within::<_, 50, 60_000>")]
    pub timeout_ms: u64,
    /// How often each device is read, in milliseconds, unless the device says otherwise.
    #[serde(default = "default_poll_interval_ms", deserialize_with = "value::within::<_, 50, 3_600_000>")]
    pub poll_interval_ms: u64,
    /// The most registers to ask for at once. The standard allows 125; some gear takes less.
    #[serde(default = "default_registers_per_request", deserialize_with = "value::within::<_, 4, 125>")]
    pub registers_per_request: u64,
    /// Registers that may be read needlessly to save a request. 0 for gear that answers an exception when a register
    /// between two known ones does not exist.
    #[serde(default = "default_gap_registers", deserialize_with = "value::within::<_, 0, 100>")]
    pub gap_registers: u64,
    /// The devices behind this connection.
    #[serde(rename = "device")]
    pub devices: Vec<DeviceConfig>,
}

/// Long for a local network, short enough that a dead device is told within three polls.
fn default_timeout_ms() -> u64 {
    1_000
}

/// Fast enough for an alarm within a second of its cause.
fn default_poll_interval_ms() -> u64 {
    1_000
}

/// Below the standard's 125, which cheap gateways do not reach.
fn default_registers_per_request() -> u64 {
    100
}

/// One more request costs about as much as 16 bytes.
fn default_gap_registers() -> u64 {
    8
}

/// One `[[modbus.device]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// Its id, unique in the district.
    pub id: DeviceId,
    /// The Modbus unit (slave) that answers for it; several devices may share one.
    #[serde(default = "default_unit_id")]
    pub unit_id: u8,
    /// How often it is read, in milliseconds; the connection's interval when absent.
    #[serde(default, deserialize_with = "value::within_or_absent::<_, 50, 3_600_000>")]
    pub poll_interval_ms: Option<u64>,
    /// The order of bytes in values, unless the metric says otherwise.
    #[serde(default)]
    pub word_order: WordOrder,
    /// A file with the `[[metric]]` entries of this model of equipment; any number of devices may share it.
    pub register_map: Option<PathBuf>,
    /// What it measures, beside what the register map says.
    #[serde(rename = "metric", default)]
    pub metrics: Vec<MetricConfig>,
}

/// A register map: what a model of equipment measures, and where.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterMap {
    #[serde(rename = "metric")]
    metrics: Vec<MetricConfig>,
}

/// Most gear that speaks TCP natively answers to 1, and ignores it.
fn default_unit_id() -> u8 {
    1
}

/// One `[[modbus.device.metric]]` entry: a value in the register map.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricConfig {
    /// What is measured.
    pub name: MetricName,
    /// Which table it lies in.
    pub table: Table,
    /// Address as on the wire, from 0: what manuals write as 40001 is 0 of the table `holding`.
    pub address: u16,
    /// How it is encoded.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// For `bool` in a register: which bit, from 0, the lowest. Without it any value but 0 is true.
    #[serde(default, deserialize_with = "value::within_or_absent::<_, 0, 15>")]
    pub bit: Option<u64>,
    /// For `bool`: 0 means true.
    #[serde(default)]
    pub inverted: bool,
    /// The order of its bytes.
    pub word_order: Option<WordOrder>,
    /// What the raw number is multiplied by. With `scale` or `offset` the value is a quantity, without them a whole
    /// number stays one.
    #[serde(default, deserialize_with = "value::finite_or_absent")]
    pub scale: Option<f64>,
    /// What is added after scaling.
    #[serde(default, deserialize_with = "value::finite_or_absent")]
    pub offset: Option<f64>,
    /// Unit as people write it.
    #[serde(default)]
    pub unit: String,
    /// The smallest change worth sending, in the unit.
    #[serde(default, deserialize_with = "value::finite")]
    pub deadband: f64,
    /// The code system that says what the number means: a file of that name in `node.code_systems_dir`.
    pub code_system: Option<String>,
    /// How the number holds codes; beside `code_system` only.
    pub codes: Option<Coding>,
    /// Raw numbers by which the equipment says that it has no value, such as 32767 for a broken probe.
    #[serde(default)]
    pub no_value: Vec<i64>,
}

impl Config {
    /// Reads the register maps, checks what the keys say together, and plans the requests.
    pub fn prepare(self, folder: &Folder) -> Result<Modbus, Fault> {
        if self.devices.is_empty() {
            return Err(Fault::here("needs at least one [[modbus.device]]").under("device"));
        }
        let limits = plan::Limits { registers: self.registers_per_request, gap: self.gap_registers };
        let mut devices = Vec::with_capacity(self.devices.len());
        for (index, device) in self.devices.into_iter().enumerate() {
            let interval_ms = device.poll_interval_ms.unwrap_or(self.poll_interval_ms);
            let points = device.points(folder).map_err(|fault| fault.at(index).under("device"))?;
            devices.push(ModbusDevice {
                id: device.id,
                unit_id: device.unit_id,
                poll_interval: Duration::from_millis(interval_ms),
                requests: plan::requests(points, limits),
            });
        }
        Ok(Modbus { name: self.name, address: self.address, timeout: Duration::from_millis(self.timeout_ms), devices })
    }
}

impl DeviceConfig {
    fn points(&self, folder: &Folder) -> Result<Vec<Point>, Fault> {
        let mut points = match &self.register_map {
            None => Vec::new(),
            Some(file) => folder
                .read_toml(file, |map: RegisterMap| points(&map.metrics, self.word_order, folder))
                .map_err(|fault| fault.under("register_map"))?,
        };
        points.extend(self::points(&self.metrics, self.word_order, folder)?);
        if points.is_empty() {
            return Err(Fault::here("needs a `register_map` or at least one [[modbus.device.metric]]").under("metric"));
        }
        let mut names = HashSet::new();
        let reported = points.iter().flat_map(Point::declarations).map(|metric| metric.name);
        for name in reported {
            if names.contains(&name) {
                return Err(Fault::here(format!("`{name}` is reported twice by this device")).under("metric"));
            }
            names.insert(name);
        }
        Ok(points)
    }
}

fn points(metrics: &[MetricConfig], order: WordOrder, folder: &Folder) -> Result<Vec<Point>, Fault> {
    let point = |(index, metric): (usize, &MetricConfig)| {
        metric.point(order, folder).map_err(|fault| fault.at(index).under("metric"))
    };
    metrics.iter().enumerate().map(point).collect()
}

impl MetricConfig {
    fn point(&self, device_order: WordOrder, folder: &Folder) -> Result<Point, Fault> {
        let width = self.data_type.registers();
        if usize::from(self.address) + width > 1 << 16 {
            return Err(Fault::here("the value would end behind address 65535").under("address"));
        }
        if self.deadband < 0.0 {
            return Err(Fault::here("is negative; 0 sends every change").under("deadband"));
        }
        if self.scale == Some(0.0) {
            return Err(Fault::here("is 0, which makes every value the same").under("scale"));
        }
        let decoding = if self.data_type == DataType::Bool { self.flag()? } else { self.number(device_order)? };
        Ok(Point {
            metric: self.name.clone(),
            table: self.table,
            address: self.address,
            decoding,
            unit: self.unit.clone(),
            deadband: self.deadband,
            fault_codes: self.fault_codes(folder)?,
        })
    }

    fn fault_codes(&self, folder: &Folder) -> Result<Option<FaultCodes>, Fault> {
        let Some(name) = &self.code_system else {
            return match self.codes {
                None => Ok(None),
                Some(_) => Err(Fault::here("stands beside `code_system` only").under("codes")),
            };
        };
        let is_whole = !matches!(self.data_type, DataType::Bool | DataType::F32 | DataType::F64);
        if !is_whole || self.scale.is_some() || self.offset.is_some() {
            return Err(Fault::here("is for whole numbers without `scale` and `offset`").under("code_system"));
        }
        let system = folder.code_system(name).map_err(|fault| fault.under("code_system"))?;
        Ok(Some(FaultCodes { system: Arc::new(system), coding: self.codes.unwrap_or_default() }))
    }

    fn flag(&self) -> Result<Decoding, Fault> {
        let only_numbers = "is for numbers; `type` is `bool`";
        for (key, is_given) in [
            ("scale", self.scale.is_some()),
            ("offset", self.offset.is_some()),
            ("no_value", !self.no_value.is_empty()),
            ("word_order", self.word_order.is_some()),
        ] {
            if is_given {
                return Err(Fault::here(only_numbers).under(key));
            }
        }
        if self.table.is_bits() && self.bit.is_some() {
            return Err(Fault::here("is for the tables `holding` and `input`; a coil is a single bit").under("bit"));
        }
        let bit = self.bit.map(|bit| u8::try_from(bit).expect("checked to be at most 15 when it was read"));
        Ok(Decoding::Flag { bit, is_inverted: self.inverted })
    }

    fn number(&self, device_order: WordOrder) -> Result<Decoding, Fault> {
        if self.table.is_bits() {
            return Err(Fault::here("must be `bool`: the tables `coil` and `discrete` hold single bits").under("type"));
        }
        for (key, is_given) in [("bit", self.bit.is_some()), ("inverted", self.inverted)] {
            if is_given {
                return Err(Fault::here("is for `type = \"bool\"`").under(key));
            }
        }
        let linear = (self.scale.is_some() || self.offset.is_some())
            .then(|| Linear { scale: self.scale.unwrap_or(1.0), offset: self.offset.unwrap_or(0.0) });
        Ok(Decoding::Number {
            data_type: self.data_type,
            order: self.word_order.unwrap_or(device_order),
            linear,
            no_value: self.no_value.clone(),
        })
    }
}
