//! What an outbox says in births, data and commands, and the numbers that a host keeps of it.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::{
    outbox::{Acknowledgement, Gap, Hello, Numbers, Seq, seq_of},
    payload::{Limits, Payload},
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(payload) = Payload::decode_within(Bytes::copy_from_slice(bytes), &Limits::default()) {
        let metrics = payload.metrics;
        if let Ok(Some(hello)) = Hello::read(&metrics) {
            assert_eq!(Hello::read(&hello.metrics()), Ok(Some(hello)));
        }
        if let Ok(Some(seq)) = seq_of(&metrics) {
            assert_eq!(seq_of(&[seq.metric()]), Ok(Some(seq)));
        }
        if let Ok(Some(gap)) = Gap::read(&metrics) {
            assert_eq!(Gap::read(&[gap.metric()]), Ok(Some(gap)));
        }
        if let Ok(Some(told)) = Acknowledgement::read(&metrics) {
            assert_eq!(Acknowledgement::read(&told.metrics()), Ok(Some(told)));
        }
    }
    if let Ok(mut numbers) = Numbers::decode(bytes) {
        assert_eq!(Numbers::decode(&numbers.encode()), Ok(numbers.clone()));
        let floor = numbers.ranges().first().and_then(|&(first, _)| Seq::new(first)).unwrap_or(Seq::MAX);
        numbers.raise_floor(floor);
        assert!(numbers.contains(Seq::new(numbers.through().max(1)).expect("within bounds")));
    }
});
