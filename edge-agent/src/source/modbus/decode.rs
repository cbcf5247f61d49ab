//! Pure decoding: registers and bits to values. No connection, no clock.

use domain::{id::MetricName, reading::Value, time::UnixMs};
use serde::Deserialize;

use super::fault_code::FaultCodes;
use crate::source::{MetricDeclaration, Sample, ValueKind};

/// The four tables of a Modbus unit; each is read by a function of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Outputs of one bit (function 1).
    Coil,
    /// Inputs of one bit (function 2).
    Discrete,
    /// Registers that can be written (function 3).
    Holding,
    /// Registers that can only be read (function 4).
    Input,
}

impl Table {
    /// Whether it holds single bits, not registers of 16.
    pub const fn is_bits(self) -> bool {
        matches!(self, Table::Coil | Table::Discrete)
    }
}

/// How a value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// A single bit: a coil, a discrete input, or a bit of a register.
    Bool,
    /// Unsigned, one register.
    U16,
    /// Two's complement, one register.
    I16,
    /// Unsigned, two registers.
    U32,
    /// Two's complement, two registers.
    I32,
    /// Unsigned, four registers. What is above 2^63 - 1 cannot be held and reads as no value.
    U64,
    /// Two's complement, four registers.
    I64,
    /// IEEE 754, two registers.
    F32,
    /// IEEE 754, four registers.
    F64,
}

impl DataType {
    /// How many registers (or single bits) it takes.
    pub const fn registers(self) -> usize {
        match self {
            DataType::Bool | DataType::U16 | DataType::I16 => 1,
            DataType::U32 | DataType::I32 | DataType::F32 => 2,
            DataType::U64 | DataType::I64 | DataType::F64 => 4,
        }
    }
}

/// In which order the bytes of a value arrive, written for a value of four bytes with A the highest; longer and shorter
/// values follow the same two choices: low or high register first, bytes within a register swapped or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WordOrder {
    /// High register first: the standard's own order.
    #[default]
    Abcd,
    /// Low register first: common for 32-bit values of PLCs.
    Cdab,
    /// High register first, bytes swapped.
    Badc,
    /// Low register first, bytes swapped.
    Dcba,
}

impl WordOrder {
    /// The registers put together to one number, highest byte first.
    fn assemble(self, registers: &[u16]) -> u64 {
        let (is_low_first, is_swapped) = match self {
            WordOrder::Abcd => (false, false),
            WordOrder::Cdab => (true, false),
            WordOrder::Badc => (false, true),
            WordOrder::Dcba => (true, true),
        };
        let append = |number: u64, register: &u16| {
            let register = if is_swapped { register.swap_bytes() } else { *register };
            number << 16 | u64::from(register)
        };
        if is_low_first { registers.iter().rev().fold(0, append) } else { registers.iter().fold(0, append) }
    }
}

/// From the raw number to the quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// What the raw number is multiplied by; not 0.
    pub scale: f64,
    /// What is added then.
    pub offset: f64,
}

impl Linear {
    /// A scale of 0.1 is applied as a division by 10, which gives 5.7 for 57 where the product is 5.7000000000000002:
    /// what the display of the equipment shows is what we store, and it compresses better.
    fn apply(self, raw: f64) -> f64 {
        let inverse = (1.0 / self.scale).round();
        let is_decimal_fraction = inverse.abs() > 1.0 && (inverse * self.scale - 1.0).abs() < 1e-12;
        let scaled = if is_decimal_fraction { raw / inverse } else { raw * self.scale };
        scaled + self.offset
    }
}

/// How a metric is made from what was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoding {
    /// A switch.
    Flag {
        /// In a register: the bit, from 0, the lowest; None when any value but 0 is true.
        bit: Option<u8>,
        /// 0 means true.
        is_inverted: bool,
    },
    /// A number.
    Number {
        /// Any type but [`DataType::Bool`].
        data_type: DataType,
        /// Order of its bytes.
        order: WordOrder,
        /// None leaves a whole number whole.
        linear: Option<Linear>,
        /// Raw numbers that mean: no value.
        no_value: Vec<i64>,
    },
}

/// One metric and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric.
    pub metric: MetricName,
    /// Which table.
    pub table: Table,
    /// Address on the wire, from 0.
    pub address: u16,
    /// What to make of it.
    pub decoding: Decoding,
    /// Unit as people write it.
    pub unit: String,
    /// The smallest change worth sending.
    pub deadband: f64,
    /// The events that its number stands for.
    pub fault_codes: Option<FaultCodes>,
}

impl Point {
    /// How many registers (or single bits) it takes.
    pub fn width(&self) -> usize {
        match &self.decoding {
            Decoding::Flag { .. } => 1,
            Decoding::Number { data_type, .. } => data_type.registers(),
        }
    }

    /// What it reports: itself, and the events that its number stands for.
    pub fn declarations(&self) -> Vec<MetricDeclaration> {
        let kind = match &self.decoding {
            Decoding::Flag { .. } => ValueKind::Bool,
            Decoding::Number { data_type: DataType::F32 | DataType::F64, .. }
            | Decoding::Number { linear: Some(_), .. } => ValueKind::Float,
            Decoding::Number { .. } => ValueKind::Int,
        };
        let unit = self.unit.clone();
        let own = MetricDeclaration { name: self.metric.clone(), kind, unit, deadband: self.deadband };
        let events = self.fault_codes.iter().flat_map(FaultCodes::events);
        let events = events.map(|event| MetricDeclaration::new(event.clone(), ValueKind::Bool));
        std::iter::once(own).chain(events).collect()
    }

    /// The samples that a value makes; None for no value.
    pub fn samples(&self, value: Option<Value>, at: UnixMs) -> Vec<Sample> {
        let sample = |metric: &MetricName, value: Option<Value>| match value {
            Some(value) => Sample::good(metric.clone(), at, value),
            None => Sample::bad(metric.clone(), at),
        };
        let mut samples = Vec::new();
        if let Some(codes) = &self.fault_codes {
            match &value {
                Some(Value::Int(number)) => {
                    let flags = codes.flags(*number).into_iter();
                    samples.extend(flags.map(|(event, is_set)| sample(&event, Some(Value::Bool(is_set)))));
                }
                _ => samples.extend(codes.events().map(|event| sample(event, None))),
            }
        }
        samples.insert(0, sample(&self.metric, value));
        samples
    }
}

impl Decoding {
    /// The value in these registers, exactly as many as the value is wide. None when the equipment says that it has no
    /// value, when it is not a finite number, or when it cannot be held.
    pub fn value_of_registers(&self, registers: &[u16]) -> Option<Value> {
        match self {
            Decoding::Flag { bit, is_inverted } => {
                let register = *registers.first()?;
                let is_set = bit.map_or(register != 0, |bit| register >> bit & 1 == 1);
                Some(Value::Bool(is_set != *is_inverted))
            }
            Decoding::Number { data_type, order, linear, no_value } => {
                let raw = raw_number(*data_type, order.assemble(registers))?;
                if matches!(raw, Value::Int(count) if no_value.contains(&count)) {
                    return None;
                }
                let Some(linear) = linear else { return Some(raw) };
                let quantity = linear.apply(raw.as_f64()?);
                quantity.is_finite().then_some(Value::Float(quantity))
            }
        }
    }

    /// The value of a coil or discrete input.
    pub fn value_of_bit(&self, bit: bool) -> Option<Value> {
        match self {
            Decoding::Flag { is_inverted, .. } => Some(Value::Bool(bit != *is_inverted)),
            Decoding::Number { .. } => None,
        }
    }
}

/// The number before scaling. The bits above the type's width are 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the bits are reinterpreted as the type says"
)]
fn raw_number(data_type: DataType, bits: u64) -> Option<Value> {
    let count = match data_type {
        DataType::Bool | DataType::U16 | DataType::U32 | DataType::U64 => i64::try_from(bits).ok()?,
        DataType::I16 => i64::from(bits as u16 as i16),
        DataType::I32 => i64::from(bits as u32 as i32),
        DataType::I64 => bits as i64,
        DataType::F32 => return finite(f64::from(f32::from_bits(bits as u32))),
        DataType::F64 => return finite(f64::from_bits(bits)),
    };
    Some(Value::Int(count))
}

fn finite(quantity: f64) -> Option<Value> {
    quantity.is_finite().then_some(Value::Float(quantity))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(data_type: DataType, order: WordOrder) -> Decoding {
        Decoding::Number { data_type, order, linear: None, no_value: vec![] }
    }

    fn scaled(data_type: DataType, scale: f64, offset: f64) -> Decoding {
        let linear = Some(Linear { scale, offset });
        Decoding::Number { data_type, order: WordOrder::Abcd, linear, no_value: vec![0x7fff] }
    }

    #[test]
    fn registers_become_values() {
        use DataType::{F32, F64, I16, I32, I64, U16, U32, U64};
        use WordOrder::{Abcd, Badc, Cdab, Dcba};

        let check = |decoding: Decoding, registers: &[u16], expected: Option<Value>| {
            assert_eq!(decoding.value_of_registers(registers), expected, "{decoding:?} of {registers:x?}");
        };
        let int = |count| Some(Value::Int(count));
        let float = |quantity| Some(Value::Float(quantity));
        check(number(U16, Abcd), &[0xffff], int(65_535));
        check(number(I16, Abcd), &[0xffff], int(-1));
        check(number(U16, Badc), &[0x1234], int(0x3412));
        check(number(U32, Abcd), &[0x1234, 0x5678], int(0x1234_5678));
        check(number(U32, Cdab), &[0x1234, 0x5678], int(0x5678_1234));
        check(number(U32, Badc), &[0x1234, 0x5678], int(0x3412_7856));
        check(number(U32, Dcba), &[0x1234, 0x5678], int(0x7856_3412));
        check(number(I32, Abcd), &[0xffff, 0xfffe], int(-2));
        check(number(U64, Abcd), &[0, 0, 1, 2], int(0x1_0002));
        check(number(U64, Cdab), &[2, 1, 0, 0], int(0x1_0002));
        check(number(U64, Abcd), &[0x8000, 0, 0, 0], None);
        check(number(I64, Abcd), &[0xffff, 0xffff, 0xffff, 0xffff], int(-1));
        check(number(F32, Abcd), &[0x41b8, 0x0000], float(23.0));
        check(number(F32, Cdab), &[0x0000, 0x41b8], float(23.0));
        check(number(F32, Abcd), &[0x7fc0, 0x0000], None);
        check(number(F32, Abcd), &[0x7f80, 0x0000], None);
        check(number(F64, Abcd), &[0x4037, 0, 0, 0], float(23.0));

        check(scaled(I16, 0.1, 0.0), &[57], float(5.7));
        check(scaled(I16, 0.1, 0.0), &[0xff4c], float(-18.0));
        check(scaled(U16, 0.01, -40.0), &[4_850], float(8.5));
        check(scaled(U16, 2.5, 0.0), &[3], float(7.5));
        check(scaled(I16, 0.1, 0.0), &[0x7fff], None);
        check(scaled(F64, 1e300, 0.0), &[0x7fe0, 0, 0, 0], None);
    }

    #[test]
    fn bits_become_flags() {
        let check = |bit: Option<u8>, is_inverted: bool, register: u16, expected: bool| {
            let decoding = Decoding::Flag { bit, is_inverted };
            assert_eq!(
                decoding.value_of_registers(&[register]),
                Some(Value::Bool(expected)),
                "{decoding:?} {register:x}"
            );
        };
        check(None, false, 0, false);
        check(None, false, 2, true);
        check(None, true, 2, false);
        check(Some(0), false, 0b0001, true);
        check(Some(15), false, 0x8000, true);
        check(Some(3), false, 0b0111, false);
        check(Some(3), true, 0b0111, true);
        assert_eq!(Decoding::Flag { bit: None, is_inverted: true }.value_of_bit(true), Some(Value::Bool(false)));
    }

    fn any_type() -> impl Strategy<Value = DataType> {
        use DataType::{F32, F64, I16, I32, I64, U16, U32, U64};
        prop::sample::select(vec![U16, I16, U32, I32, U64, I64, F32, F64])
    }

    fn any_order() -> impl Strategy<Value = WordOrder> {
        prop::sample::select(vec![WordOrder::Abcd, WordOrder::Cdab, WordOrder::Badc, WordOrder::Dcba])
    }

    proptest! {
        #[test]
        fn anything_read_is_a_finite_value_or_none(
            data_type in any_type(), order in any_order(), registers in prop::collection::vec(any::<u16>(), 0..5),
            scale in any::<f64>(), offset in any::<f64>(),
        ) {
            let linear = Some(Linear { scale, offset });
            let decoding = Decoding::Number { data_type, order, linear, no_value: vec![] };
            if let Some(value) = decoding.value_of_registers(&registers) {
                prop_assert!(value.as_f64().is_some_and(f64::is_finite));
            }
        }

        #[test]
        fn every_order_reads_what_was_written_in_it(number in any::<i32>(), order in any_order()) {
            let [a, b, c, d] = number.to_be_bytes();
            let registers = match order {
                WordOrder::Abcd => [[a, b], [c, d]],
                WordOrder::Cdab => [[c, d], [a, b]],
                WordOrder::Badc => [[b, a], [d, c]],
                WordOrder::Dcba => [[d, c], [b, a]],
            }.map(u16::from_be_bytes);
            let decoding = Decoding::Number { data_type: DataType::I32, order, linear: None, no_value: vec![] };
            prop_assert_eq!(decoding.value_of_registers(&registers), Some(Value::Int(i64::from(number))));
        }

        #[test]
        fn tenths_read_as_the_display_shows_them(raw in any::<i16>()) {
            let decoding = scaled(DataType::I16, 0.1, 0.0);
            let Some(Value::Float(quantity)) = decoding.value_of_registers(&[raw.cast_unsigned()]) else {
                prop_assert_eq!(raw, 0x7fff);
                return Ok(());
            };
            let shown = format!("{}{}.{}", if raw < 0 { "-" } else { "" }, (i32::from(raw) / 10).abs(), (i32::from(raw) % 10).abs());
            prop_assert_eq!(Ok(quantity), shown.parse::<f64>());
        }
    }
}
