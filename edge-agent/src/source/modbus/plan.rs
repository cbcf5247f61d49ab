//! Which requests read a device, and what is made of the answers; pure. Neighbouring points are read together, because
//! a request costs a round trip.

use domain::{id::MetricName, reading::Value, time::UnixMs};

use super::decode::{Point, Table};
use crate::source::Sample;

/// What the equipment takes in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most registers in one request.
    pub registers: u64,
    /// Registers that may be read needlessly to join two points.
    pub gap: u64,
}

/// The most coils or discrete inputs in one request, by the standard (MODBUS Application Protocol V1.1b3, §6.1).
const BITS_PER_REQUEST: usize = 2_000;

/// One request and what is made from its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which table it reads.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// How many registers or bits.
    pub count: u16,
    /// The points within, each lying wholly between `address` and `address + count`.
    pub points: Vec<Point>,
}

/// Groups points into requests: as few as the limits allow when taken in the order of their addresses.
pub fn requests(mut points: Vec<Point>, limits: Limits) -> Vec<Request> {
    points.sort_by_key(|point| (point.table, point.address));
    let mut requests: Vec<Request> = Vec::new();
    for point in points {
        match requests.last_mut().filter(|request| request.can_take(&point, limits)) {
            Some(request) => request.take(point),
            None => requests.push(Request::of(point)),
        }
    }
    requests
}

/// What the equipment answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// From `holding` and `input`.
    Registers(Vec<u16>),
    /// From `coil` and `discrete`.
    Bits(Vec<bool>),
}

impl Request {
    /// The samples in an answer. What the answer does not hold is a bad sample: equipment may answer less than asked.
    pub fn samples(&self, answer: &Answer, at: UnixMs) -> Vec<Sample> {
        self.points.iter().flat_map(|point| point.samples(self.value(point, answer), at)).collect()
    }

    /// The samples when there is no answer to this request.
    pub fn bad_samples(&self, at: UnixMs) -> Vec<Sample> {
        self.points.iter().flat_map(|point| point.samples(None, at)).collect()
    }

    /// Fault codes in an answer that nobody knows, each with its metric.
    pub fn unknown_codes(&self, answer: &Answer) -> Vec<(MetricName, i64)> {
        let mut unknown = Vec::new();
        for point in &self.points {
            if let (Some(codes), Some(Value::Int(number))) = (&point.fault_codes, self.value(point, answer)) {
                unknown.extend(codes.unknown(number).into_iter().map(|code| (point.metric.clone(), code)));
            }
        }
        unknown
    }

    fn value(&self, point: &Point, answer: &Answer) -> Option<Value> {
        let start = usize::from(point.address.checked_sub(self.address)?);
        match answer {
            Answer::Registers(registers) => {
                point.decoding.value_of_registers(registers.get(start..start + point.width())?)
            }
            Answer::Bits(bits) => point.decoding.value_of_bit(*bits.get(start)?),
        }
    }

    /// The same points, one request for each address: when equipment refuses a request because of one address in it,
    /// the others can still be read. None when there is only one address.
    pub fn apart(&self) -> Option<Vec<Request>> {
        let mut requests: Vec<Request> = Vec::new();
        for point in &self.points {
            match requests.last_mut().filter(|request| request.address == point.address) {
                Some(request) => request.take(point.clone()),
                None => requests.push(Request::of(point.clone())),
            }
        }
        (requests.len() > 1).then_some(requests)
    }

    fn of(point: Point) -> Self {
        let count = u16::try_from(point.width()).expect("a value is at most four registers wide");
        Self { table: point.table, address: point.address, count, points: vec![point] }
    }

    fn end(&self) -> usize {
        usize::from(self.address) + usize::from(self.count)
    }

    fn can_take(&self, point: &Point, limits: Limits) -> bool {
        let longest = if self.table.is_bits() { BITS_PER_REQUEST } else { whole(limits.registers) };
        let start = usize::from(point.address);
        self.table == point.table
            && start.saturating_sub(self.end()) <= whole(limits.gap)
            && start + point.width() - usize::from(self.address) <= longest
    }

    fn take(&mut self, point: Point) {
        let end = self.end().max(usize::from(point.address) + point.width());
        self.count = u16::try_from(end - usize::from(self.address)).expect("bounded by the standard's 2000");
        self.points.push(point);
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::decode::{DataType, Decoding, WordOrder},
        *,
    };

    const LIMITS: Limits = Limits { registers: 100, gap: 8 };

    fn point(table: Table, address: u16, data_type: DataType) -> Point {
        let decoding = if data_type == DataType::Bool {
            Decoding::Flag { bit: None, is_inverted: false }
        } else {
            Decoding::Number { data_type, order: WordOrder::Abcd, linear: None, no_value: vec![] }
        };
        let metric = MetricName::new(format!("{table:?}.{address}")).unwrap();
        Point { metric, table, address, decoding, unit: String::new(), deadband: 0.0, fault_codes: None }
    }

    #[test]
    fn neighbours_are_read_together() {
        use DataType::{Bool, F32, U16};
        use Table::{Coil, Holding, Input};
        let check = |points: &[(Table, u16, DataType)], expected: &[(Table, u16, u16)]| {
            let points = points.iter().map(|&(table, address, data_type)| point(table, address, data_type)).collect();
            let made: Vec<_> = requests(points, LIMITS)
                .iter()
                .map(|request| (request.table, request.address, request.count))
                .collect();
            assert_eq!(made, expected);
        };
        check(&[(Holding, 0, U16), (Holding, 1, F32)], &[(Holding, 0, 3)]);
        check(&[(Holding, 9, U16), (Holding, 0, U16)], &[(Holding, 0, 10)]);
        check(&[(Holding, 0, U16), (Holding, 10, U16)], &[(Holding, 0, 1), (Holding, 10, 1)]);
        check(&[(Holding, 0, U16), (Input, 1, U16)], &[(Holding, 0, 1), (Input, 1, 1)]);
        check(&[(Holding, 5, U16), (Holding, 5, U16), (Holding, 4, F32)], &[(Holding, 4, 2)]);
        check(&[(Coil, 65_535, Bool)], &[(Coil, 65_535, 1)]);
    }

    #[test]
    fn an_answer_becomes_samples_and_a_short_one_bad_samples() {
        use DataType::{F32, U16};
        let points =
            vec![point(Table::Holding, 10, U16), point(Table::Holding, 11, F32), point(Table::Holding, 11, U16)];
        let [request] = &requests(points, LIMITS)[..] else { panic!("one request") };
        let at = UnixMs(5);
        let values = |answer: Answer| -> Vec<Option<Value>> {
            request.samples(&answer, at).into_iter().map(|sample| sample.value).collect()
        };
        let whole = Answer::Registers(vec![7, 0x41b8, 0]);
        assert_eq!(values(whole), [Some(Value::Int(7)), Some(Value::Float(23.0)), Some(Value::Int(0x41b8))]);
        assert_eq!(values(Answer::Registers(vec![7, 1])), [Some(Value::Int(7)), None, Some(Value::Int(1))]);
        assert_eq!(values(Answer::Bits(vec![true; 3])), [None, None, None]);
        assert_eq!(request.bad_samples(at).len(), 3);

        let apart = request.apart().unwrap();
        assert_eq!(apart.iter().map(|part| (part.address, part.count)).collect::<Vec<_>>(), [(10, 1), (11, 2)]);
        assert_eq!(apart[1].apart(), None);
    }

    proptest! {
        #[test]
        fn every_point_is_read_once_and_wholly_within_its_request(
            addresses in prop::collection::vec((0_u16..500, any::<bool>()), 1..80), gap in 0_u64..20, registers in 4_u64..126,
        ) {
            let points: Vec<Point> = addresses.iter().map(|&(address, is_wide)| {
                point(Table::Input, address, if is_wide { DataType::F64 } else { DataType::U16 })
            }).collect();
            let made = requests(points.clone(), Limits { registers, gap });
            prop_assert_eq!(made.iter().map(|request| request.points.len()).sum::<usize>(), points.len());
            for request in &made {
                prop_assert!(u64::from(request.count) <= registers);
                for point in &request.points {
                    prop_assert!(point.address >= request.address);
                    prop_assert!(usize::from(point.address) + point.width() <= request.end());
                }
            }
        }
    }
}
