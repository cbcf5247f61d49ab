//! How the controllers of the demonstration lay their values out in Modbus registers.
//!
//! Makers differ in scale, word order and register kind, and so do these machines: that is what a register map of an
//! edge agent has to cope with.

use tokio_modbus::{ExceptionCode, Request, Response};

/// All that one Modbus unit offers. An address beyond the end of a list does not exist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registers {
    /// Function 2.
    pub discrete_inputs: Vec<bool>,
    /// Function 1.
    pub coils: Vec<bool>,
    /// Function 4.
    pub input: Vec<u16>,
    /// Function 3.
    pub holding: Vec<u16>,
}

impl Registers {
    /// Answers a read; the machines take no orders.
    ///
    /// # Errors
    /// The exceptions of the specification, for an address that does not exist and for anything but a read.
    pub fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        match *request {
            Request::ReadCoils(address, count) => part(&self.coils, address, count).map(Response::ReadCoils),
            Request::ReadDiscreteInputs(address, count) => {
                part(&self.discrete_inputs, address, count).map(Response::ReadDiscreteInputs)
            }
            Request::ReadInputRegisters(address, count) => {
                part(&self.input, address, count).map(Response::ReadInputRegisters)
            }
            Request::ReadHoldingRegisters(address, count) => {
                part(&self.holding, address, count).map(Response::ReadHoldingRegisters)
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

fn part<T: Clone>(list: &[T], address: u16, count: u16) -> Result<Vec<T>, ExceptionCode> {
    let from = usize::from(address);
    list.get(from..from + usize::from(count)).map(<[T]>::to_vec).ok_or(ExceptionCode::IllegalDataAddress)
}

/// A signed register in tenths of the unit; beyond ±3 276.7 it sticks at the end, as the controllers do.
pub fn tenths(value: f64) -> u16 {
    scaled(value, 10.0)
}

/// A signed register in thousandths of the unit.
pub fn thousandths(value: f64) -> u16 {
    scaled(value, 1000.0)
}

/// A signed register in whole units.
pub fn whole(value: f64) -> u16 {
    scaled(value, 1.0)
}

#[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates, as the controllers do")]
fn scaled(value: f64, factor: f64) -> u16 {
    ((value * factor).round() as i16).cast_unsigned()
}

/// A single-precision number in two registers, high word first (`ABCD`).
#[expect(clippy::cast_possible_truncation, reason = "the controllers hold single precision")]
pub fn float_high_first(value: f64) -> [u16; 2] {
    words((value as f32).to_bits())
}

/// A single-precision number in two registers, low word first (`CDAB`).
pub fn float_low_first(value: f64) -> [u16; 2] {
    let [high, low] = float_high_first(value);
    [low, high]
}

/// A 32-bit count in two registers, high word first.
pub fn words(count: u32) -> [u16; 2] {
    let [a, b, c, d] = count.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// Flags in one register, the first in bit 0.
pub fn bits(flags: &[bool]) -> u16 {
    flags.iter().enumerate().filter(|(_, flag)| **flag).fold(0, |word, (position, _)| word | 1 << position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_laid_out_as_the_register_maps_expect() {
        assert_eq!(tenths(-18.04), 0xFF4C);
        assert_eq!(tenths(99_999.0), 0x7FFF);
        assert_eq!(thousandths(0.75), 750);
        assert_eq!(whole(-50.4), (-50_i16).cast_unsigned());
        assert_eq!(float_high_first(1.0), [0x3F80, 0]);
        assert_eq!(float_low_first(1.0), [0, 0x3F80]);
        assert_eq!(words(70_000), [1, 4464]);
        assert_eq!(bits(&[true, false, true]), 0b101);
    }
}
