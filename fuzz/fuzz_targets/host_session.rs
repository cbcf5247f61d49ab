//! A node's messages as a host hears them: arbitrary bodies, in any order, over any time.

#![no_main]

use brightwatch_fuzz::Decisions;
use bytes::Bytes;
use domain::{id::DeviceId, time::MonoMs};
use libfuzzer_sys::fuzz_target;
use protocol::sparkplug::{
    host_session::{NodeSession, Settings},
    payload::{Limits, Payload},
    topic::NodeVerb,
};

const VERBS: [NodeVerb; 8] = [
    NodeVerb::NBirth,
    NodeVerb::DBirth,
    NodeVerb::NData,
    NodeVerb::DData,
    NodeVerb::DDeath,
    NodeVerb::NDeath,
    NodeVerb::NCmd,
    NodeVerb::DCmd,
];
const SETTINGS: Settings =
    Settings { reorder_window: 16, reorder_timeout_ms: 2_000, device_rebirth_ms: 30_000, devices_max: 3, metrics_max: 20 };

fuzz_target!(|bytes: &[u8]| {
    let mut decisions = Decisions(bytes);
    let mut session = NodeSession::new(SETTINGS);
    let mut now = MonoMs(0);
    let mut events = Vec::new();
    while !decisions.is_empty() {
        let verb = VERBS[decisions.below(VERBS.len())];
        let device = DeviceId::new(format!("d{}", decisions.below(5))).expect("a valid id");
        let device = verb.names_device().then_some(device);
        now = now.plus_ms(u64::from(decisions.byte()) * 40);
        let body = Bytes::copy_from_slice(decisions.bytes());
        if let Ok(payload) = Payload::decode_within(body, &Limits::default()) {
            session.receive(verb, device, payload, now, &mut events);
        }
        session.tick(now, &mut events);
        assert!(session.next_due().is_none_or(|due| due > now), "what is due is done");
        assert!(session.devices().count() <= SETTINGS.devices_max);
        events.clear();
    }
});
