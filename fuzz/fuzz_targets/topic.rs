//! The text of an MQTT topic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::topic::Topic;

fuzz_target!(|text: &str| {
    if let Ok(topic) = Topic::parse(text) {
        assert_eq!(topic.to_string(), text);
    }
});
