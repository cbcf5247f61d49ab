//! What an outbox holds, for people and their programs: lines of JSON.

use domain::{
    id::{DeviceId, MetricName, NodeId},
    reading::{Quality, Value},
};
use protocol::sparkplug::outbox::Gap;
use serde::Serialize;

use super::{Content, Entry};
use crate::source::Sample;

#[derive(Serialize)]
struct ReadingLine<'a> {
    seq: Option<u64>,
    device: &'a DeviceId,
    metric: &'a MetricName,
    at_ms: i64,
    value: Option<&'a Value>,
    quality: Quality,
}

#[derive(Serialize)]
struct GapLine<'a> {
    seq: Option<u64>,
    gap: &'a Gap,
}

/// A line for each reading of a message, or one for a report. The node's own readings stand under its id.
pub fn lines(entry: &Entry, node: &NodeId) -> Vec<String> {
    let seq = entry.seq.map(protocol::sparkplug::outbox::Seq::get);
    match &entry.content {
        Content::Gap(gap) => vec![json(&GapLine { seq, gap })],
        Content::Samples { device, samples } => {
            let device = device.clone().unwrap_or_else(|| node.as_device());
            let line = |sample: &Sample| {
                let Sample { metric, at, value, quality } = sample;
                json(&ReadingLine {
                    seq,
                    device: &device,
                    metric,
                    at_ms: at.0,
                    value: value.as_ref(),
                    quality: *quality,
                })
            };
            samples.iter().map(line).collect()
        }
    }
}

fn json(line: &impl Serialize) -> String {
    // Names, numbers and texts: there is nothing in it that JSON could not hold; what is not a number becomes null.
    serde_json::to_string(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::time::UnixMs;
    use protocol::sparkplug::outbox::{Seq, Why};

    use super::*;

    #[test]
    fn a_reading_and_a_gap_are_a_line_each() {
        let node = NodeId::new("edge-1").unwrap();
        let sample = Sample::good(MetricName::new("edge.cpu_percent").unwrap(), UnixMs(5), Value::Float(1.5));
        let content = Content::Samples { device: None, samples: vec![sample] };
        let entry = Entry { seq: Some(Seq::FIRST), content, bytes: 0 };
        let expected =
            r#"{"seq":1,"device":"edge-1","metric":"edge.cpu_percent","at_ms":5,"value":1.5,"quality":"good"}"#;
        assert_eq!(lines(&entry, &node), [expected]);
        let gap =
            Gap { first_seq: 1, last_seq: 2, from_ms: 3, to_ms: 4, readings: None, at_most_ms: None, why: Why::Full };
        let entry = Entry { seq: None, content: Content::Gap(gap), bytes: 0 };
        assert!(lines(&entry, &node)[0].starts_with(r#"{"seq":null,"gap":{"first_seq":1,"#));
    }
}
