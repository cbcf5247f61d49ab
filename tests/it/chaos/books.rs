//! The two books that must agree: what the agent took, by its own outbox, and what is stored, by the API.

use std::{collections::BTreeMap, process::Command};

use harness::{World, person::Person, process::binary};
use protocol::rest::History;
use serde_json::Value as Json;

use super::NODE;

/// A history is asked for in pieces of this length, in milliseconds, which hold fewer readings than its limit.
const PIECE_MS: i64 = 120_000;
const POINTS_MAX: usize = 5_000;

/// Values and times of each series, in order of time.
pub(super) type Readings = BTreeMap<(String, String), Vec<(i64, String)>>;

/// What the agent numbered up to a moment, and the gaps that it reports.
pub(super) fn taken(world: &World, until_ms: i64) -> (Readings, Vec<Json>) {
    let config = world.folder().join(format!("{NODE}.toml"));
    let output = Command::new(binary("edge-agent")).arg("outbox").arg("--config").arg(config).output();
    let output = output.expect("the agent's command line starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut readings, mut gaps) = (Readings::new(), Vec::new());
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let line: Json = serde_json::from_str(line).expect("a line of JSON");
        let Some(at_ms) = line["at_ms"].as_i64() else {
            gaps.push(line);
            continue;
        };
        let text = |key: &str| line[key].as_str().expect("a text").to_owned();
        if at_ms < until_ms {
            readings.entry((text("device"), text("metric"))).or_default().push((at_ms, line["value"].to_string()));
        }
    }
    for series in readings.values_mut() {
        series.sort();
    }
    (readings, gaps)
}

/// What is stored of the same series.
pub(super) async fn stored(operator: &Person, of: &Readings, until_ms: i64) -> Readings {
    let mut readings = Readings::new();
    for ((device, metric), expected) in of {
        let mut series = Vec::new();
        let mut from_ms = expected.first().map_or(until_ms, |(at_ms, _)| *at_ms - PIECE_MS);
        while from_ms < until_ms {
            let to_ms = (from_ms + PIECE_MS).min(until_ms);
            let query = format!("metric={metric}&from_ms={from_ms}&to_ms={to_ms}&buckets={POINTS_MAX}");
            let history: History =
                operator.get(&format!("/devices/{device}/history?{query}")).await.expect("a history");
            assert!(history.buckets.is_empty(), "more readings than a piece can hold");
            let value = |value| serde_json::to_value(value).expect("a value").to_string();
            series.extend(history.points.into_iter().map(|point| (point.at_ms, value(point.value))));
            from_ms = to_ms;
        }
        series.sort();
        readings.insert((device.clone(), metric.clone()), series);
    }
    readings
}

/// The first series that differs, with what is missing and what is too many. While its disk was full the agent could number
/// nothing, and what it sent then is in no book of its own: such moments, if any, may hold more.
pub(super) fn difference(taken: &Readings, stored: &Readings, unnumbered: &[std::ops::Range<i64>]) -> Option<String> {
    let is_unnumbered = |at_ms: i64| unnumbered.iter().any(|moments| moments.contains(&at_ms));
    taken.iter().find_map(|(key, series)| {
        // Both are sorted: one walk tells them apart, equal readings counted.
        let (mut missing, mut strange) = (Vec::new(), Vec::new());
        let (mut expected, mut found) = (series.iter().peekable(), stored[key].iter().peekable());
        loop {
            match (expected.peek(), found.peek()) {
                (Some(one), Some(other)) if one == other => {
                    expected.next();
                    found.next();
                }
                (Some(one), other) if other.is_none_or(|other| one < other) => missing.extend(expected.next()),
                (_, Some(_)) => strange.extend(found.next().filter(|(at_ms, _)| !is_unnumbered(*at_ms))),
                (_, None) => break,
            }
        }
        let (taken, stored) = (series.len(), stored[key].len());
        missing.truncate(5);
        strange.truncate(5);
        (!missing.is_empty() || !strange.is_empty())
            .then(|| format!("{key:?}: {taken} taken, {stored} stored; missing {missing:?}; not taken {strange:?}"))
    })
}
