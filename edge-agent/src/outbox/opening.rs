//! What a former run left behind: which segments there are, where the numbers stand, and what is missing at the end.

use std::{collections::VecDeque, io};

use domain::time::{Now, UnixMs};
use protocol::sparkplug::outbox::{Gap, Seq, Why};
use tracing::warn;

use super::{
    Content,
    disk::Disk,
    queue::Segment,
    reader::Reader,
    record::{MAGIC, Names, Record, State},
};

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Oldest first; the last one can be appended to.
    pub(super) segments: VecDeque<Segment>,
    /// The names in the last segment.
    pub(super) names: Names,
    /// Where the outbox stands, brought up to the last message.
    pub(super) state: State,
    /// Numbers that may have been given to messages that are not here.
    pub(super) gap: Option<Gap>,
    /// The reports in the last segment: number, and the first number that is lost.
    pub(super) reports: Vec<(Seq, u64)>,
}

/// Name of the segment that begins with this number. Names sort as the numbers do.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:016x}.{ENDING}")
}

const ENDING: &str = "log";
/// More than the beginning of a segment with its first state.
const HEAD_BYTES: u64 = 128;

fn first_number(file: &str) -> Option<u64> {
    u64::from_str_radix(file.strip_suffix(ENDING)?.strip_suffix('.')?, 16).ok()
}

/// The segments of a folder, oldest first.
pub(super) fn list(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let mut firsts: Vec<u64> = disk.names()?.iter().filter_map(|name| first_number(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Reads the last segment whole, mends its end, and looks into the others. None: there is nothing.
pub(super) fn find(disk: &mut dyn Disk, boot: u128, now: Now) -> io::Result<Option<Found>> {
    let mut firsts = list(disk)?;
    let last = loop {
        let Some(first) = firsts.pop() else { return Ok(None) };
        if let Some(last) = read_last(disk, first)? {
            break last;
        }
        warn!(segment = file_name(first), "a segment without a readable beginning is removed");
        disk.remove(&file_name(first))?;
    };
    let Last { segment, names, mut state, at, is_torn, reports } = last;
    let mut segments = VecDeque::new();
    for first in firsts {
        let file = file_name(first);
        let begins = beginning(disk, &file)?;
        if begins.is_some_and(|begins| begins.incarnation != state.incarnation) {
            disk.remove(&file)?;
            continue;
        }
        // Of a damaged beginning nothing is known; it must not count as old for that.
        let begins = begins.unwrap_or(state);
        segments.push_back(Segment { bytes: disk.length(&file)?, ..Segment::new(first, &begins) });
    }
    segments.push_back(segment);

    let gap = |last_seq, why| {
        let (readings, at_most_ms) = (None, None);
        let (from_ms, to_ms) = (at.0, now.wall.0.max(at.0));
        Gap { first_seq: state.next, last_seq, from_ms, to_ms, readings, at_most_ms, why }
    };
    let gap = if state.boot != boot && state.reserved >= state.next {
        Some(gap(state.reserved, Why::PowerCut))
    } else {
        is_torn.then(|| gap(state.next, Why::Torn))
    };
    state.next = gap.map_or(state.next, |gap| gap.last_seq + 1);
    Ok(Some(Found { segments, names, state, gap, reports }))
}

/// The first state of a segment; None when it is damaged.
fn beginning(disk: &dyn Disk, file: &str) -> io::Result<Option<State>> {
    let head = disk.read(file, 0, HEAD_BYTES)?;
    let body = head.strip_prefix(MAGIC).and_then(|head| super::record::unframe(head).ok()?);
    let record = body.and_then(|(body, _)| super::record::decode(body, &mut Names::default()).ok());
    Ok(match record {
        Some(Record::State(state)) => Some(state),
        Some(Record::Entry(..)) | None => None,
    })
}

struct Last {
    segment: Segment,
    names: Names,
    state: State,
    /// Time of the last reading, or of the last state after it.
    at: UnixMs,
    is_torn: bool,
    reports: Vec<(Seq, u64)>,
}

fn read_last(disk: &mut dyn Disk, first: u64) -> io::Result<Option<Last>> {
    let file = file_name(first);
    let (Some(begins), Some(mut reader)) = (beginning(disk, &file)?, Reader::open(disk, &file)?) else {
        return Ok(None);
    };
    let (mut state, mut at, mut reports) = (begins, begins.wall, Vec::new());
    let is_torn = loop {
        match reader.next() {
            Ok(Some((Record::State(next), _))) => (state, at) = (next, next.wall),
            Ok(Some((Record::Entry(seq, content), _))) => {
                state.next = seq.next().get().max(Seq::FIRST.get());
                match &content {
                    Content::Samples { samples, .. } => {
                        state.produced += samples.len() as u64;
                        at = samples.last().map_or(at, |sample| sample.at);
                    }
                    Content::Gap(gap) => reports.push((seq, gap.first_seq)),
                }
            }
            Ok(None) => break false,
            Err(damaged) => {
                warn!(segment = file, position = reader.position(), "{damaged}; the rest is cut off");
                break true;
            }
        }
    };
    if is_torn {
        disk.truncate(&file, reader.position())?;
    }
    let segment = Segment { bytes: reader.position(), ..Segment::new(first, &begins) };
    Ok(Some(Last { segment, names: reader.into_names(), state, at, is_torn, reports }))
}
