//! The two books that must agree: what the agent took, by its own outbox, and what is stored, by the API.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use domain::reading::Quality;
use harness::{
    World,
    modbus::{Equipment, cold_store, gas_detector},
    person::Person,
    process::binary,
};
use protocol::rest::History;
use serde_json::Value as Json;
use tokio::{sync::watch, task::JoinHandle};

/// For the agent to find everything again and to tell what it kept; it waits up to 15 s between two attempts.
pub(crate) const HEALING: Duration = Duration::from_mins(3);

/// A history is asked for in pieces of this length, in milliseconds, which hold fewer readings than its limit.
const PIECE_MS: i64 = 120_000;
const POINTS_MAX: usize = 5_000;

/// A clock that is ahead by more is one that nobody believes, in milliseconds: half a day.
const AHEAD_MS: i64 = 12 * 3_600_000;

/// Values and times of each series, in order of time.
pub(crate) type Readings = BTreeMap<(String, String), Vec<(i64, String)>>;

/// One of the two books, up to a moment.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) readings: Readings,
    /// Those that were taken by a clock far ahead, and are stored under the moment of their arrival: only values can be
    /// compared.
    ahead: Readings,
}

impl Book {
    /// How many readings it holds.
    pub(crate) fn len(&self) -> usize {
        self.readings.values().chain(self.ahead.values()).map(Vec::len).sum()
    }

    fn sort(&mut self) {
        self.readings.values_mut().for_each(|series| series.sort());
        // By value: their times say nothing.
        self.ahead.values_mut().for_each(|series| series.sort_by(|one, other| one.1.cmp(&other.1)));
    }
}

/// What the agent numbered up to a moment, and the gaps that it reports.
pub(crate) fn taken(world: &World, node: &str, until_ms: i64) -> (Book, Vec<Json>) {
    let config = world.folder().join(format!("{node}.toml"));
    let output = Command::new(binary("edge-agent")).arg("outbox").arg("--config").arg(config).output();
    let output = output.expect("the agent's command line starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut book, mut gaps) = (Book::default(), Vec::new());
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let line: Json = serde_json::from_str(line).expect("a line of JSON");
        let Some(at_ms) = line["at_ms"].as_i64() else {
            gaps.push(line);
            continue;
        };
        let text = |key: &str| line[key].as_str().expect("a text").to_owned();
        let page = match at_ms {
            _ if at_ms < until_ms => &mut book.readings,
            _ if at_ms > until_ms + AHEAD_MS => &mut book.ahead,
            _ => continue,
        };
        page.entry((text("device"), text("metric"))).or_default().push((at_ms, line["value"].to_string()));
    }
    book.sort();
    (book, gaps)
}

/// What is stored of the same series.
pub(crate) async fn stored(operator: &Person, taken: &Book, until_ms: i64) -> Book {
    let mut book = Book::default();
    let end_ms = now_ms();
    for (key, expected) in &taken.readings {
        let (device, metric) = key;
        let mut series = Vec::new();
        let mut from_ms = expected.first().map_or(until_ms, |(at_ms, _)| *at_ms - PIECE_MS);
        while from_ms < end_ms {
            let to_ms = (from_ms + PIECE_MS).min(end_ms);
            let query = format!("metric={metric}&from_ms={from_ms}&to_ms={to_ms}&buckets={POINTS_MAX}");
            let history: History =
                operator.get(&format!("/devices/{device}/history?{query}")).await.expect("a history");
            assert!(history.buckets.is_empty(), "more readings than a piece can hold");
            for point in history.points {
                let value = serde_json::to_value(point.value).expect("a value").to_string();
                let reading = (point.at_ms, value);
                // A clock that is behind is suspect as well, but its time is kept.
                if point.quality == Quality::ClockSuspect && expected.binary_search(&reading).is_err() {
                    book.ahead.entry(key.clone()).or_default().push(reading);
                } else if point.at_ms < until_ms {
                    series.push(reading);
                }
            }
            from_ms = to_ms;
        }
        book.readings.insert(key.clone(), series);
    }
    book.sort();
    book
}

/// The first series that differs, with what is missing and what is too many. While its disk was full the agent could number
/// nothing, and what it sent then is in no book of its own: such moments, if any, may hold more.
pub(crate) fn difference(taken: &Book, stored: &Book, unnumbered: &[std::ops::Range<i64>]) -> Option<String> {
    let is_unnumbered = |at_ms: i64| unnumbered.iter().any(|moments| moments.contains(&at_ms));
    let by_time = taken.readings.iter().find_map(|(key, series)| {
        // Both are sorted: one walk tells them apart, equal readings counted.
        let (mut missing, mut strange) = (Vec::new(), Vec::new());
        let (mut expected, mut found) = (series.iter().peekable(), stored.readings[key].iter().peekable());
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
        let (taken, stored) = (series.len(), stored.readings[key].len());
        missing.truncate(5);
        strange.truncate(5);
        (!missing.is_empty() || !strange.is_empty())
            .then(|| format!("{key:?}: {taken} taken, {stored} stored; missing {missing:?}; not taken {strange:?}"))
    });
    by_time.or_else(|| {
        let values = |book: &Book, key| -> Vec<String> {
            book.ahead.get(key).into_iter().flatten().map(|(_, value)| value.clone()).collect()
        };
        taken.readings.keys().find_map(|key| {
            let (one, other) = (values(taken, key), values(stored, key));
            (one != other).then(|| format!("{key:?}, by a clock ahead: {one:?} taken, {other:?} stored"))
        })
    })
}

/// The present moment, in milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time")
}

/// Waits until all that the agent of a node took before `until_ms` is stored, and nothing else, and nothing is said to be
/// lost; answers how many readings that are.
///
/// # Panics
/// When that does not come about.
pub(crate) async fn until_equal(world: &World, node: &str, operator: &Person, until_ms: i64) -> usize {
    let healing = Instant::now();
    loop {
        let (taken, gaps) = taken(world, node, until_ms);
        let stored = stored(operator, &taken, until_ms).await;
        let difference = difference(&taken, &stored, &[]);
        if difference.is_none() || healing.elapsed() >= HEALING {
            assert_eq!(difference, None);
            assert_eq!(gaps, Vec::<Json>::new());
            return taken.len();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Lets a gas detector (unit 1, from `gas` % LEL upwards) and a cold store (unit 2) change all the time.
pub(crate) fn liven(equipment: &Arc<Equipment>, gas: watch::Receiver<f64>) -> JoinHandle<()> {
    let equipment = Arc::clone(equipment);
    tokio::spawn(async move {
        for step in 0_u32.. {
            let tenth = f64::from(step % 50) / 10.0;
            equipment.set(1, gas_detector(*gas.borrow() + tenth));
            equipment.set(2, cold_store(tenth));
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    })
}
