//! A frame and a text message of the video stream.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::video::{Frame, StreamMessage};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = Frame::parse(Bytes::copy_from_slice(bytes)) {
        let again = Frame::new(frame.header(), &frame.fragment()).expect("what was read can be written");
        assert_eq!(again, frame);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(message) = StreamMessage::parse(text)
    {
        let again = StreamMessage::parse(&message.to_text()).expect("what was written can be read");
        assert_eq!(again, message);
    }
});
