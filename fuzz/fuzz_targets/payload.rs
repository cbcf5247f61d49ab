//! The body of a Sparkplug B message: bounds, and reading what was written.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::{
    metric::{self, DataType},
    payload::{Limits, Payload},
};

const LIMITS: Limits = Limits { payload_bytes_max: 8192, metrics_max: 100 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(payload) = Payload::decode_within(Bytes::copy_from_slice(bytes), &LIMITS) else { return };
    assert!(bytes.len() <= LIMITS.payload_bytes_max && payload.metrics.len() <= LIMITS.metrics_max);
    for metric in &payload.metrics {
        metric::quality_of(metric);
        metric::unit_of(metric);
        let Some(raw) = &metric.value else { continue };
        let datatype = metric.datatype.and_then(DataType::from_code).or_else(|| metric::datatype_of_field(raw));
        if let Some(datatype) = datatype
            && let Ok(content) = metric::read(datatype, raw)
        {
            assert_eq!(content.kind(), datatype.kind());
            let again = metric::write(datatype, &content).expect("what was read can be written");
            let reread = metric::read(datatype, &again).expect("what was written can be read");
            // A Float that came in the field for doubles is read in full and written in half.
            if datatype != DataType::Float {
                // By their text: a number that is not one is not equal to itself.
                assert_eq!(format!("{reread:?}"), format!("{content:?}"));
            }
        }
    }
    let written = payload.to_bytes();
    let limits = Limits { payload_bytes_max: usize::MAX, ..LIMITS };
    let again = Payload::decode_within(written.clone(), &limits).expect("what was written can be read");
    assert_eq!(again.to_bytes(), written);
});
