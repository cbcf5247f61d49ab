//! The body of a `STATE` message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::{host_state::HostState, topic::HostId};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(state) = HostState::parse(bytes) {
        let host = HostId::new("h").expect("a valid host");
        let again = HostState::parse(&state.message(&host).payload).expect("what was written can be read");
        assert_eq!(again, state);
    }
});
