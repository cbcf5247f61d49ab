//! One jurisdiction's stream of deltas: numbered, kept for a while so that a client that lost its socket can go on
//! where it was. Pure.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use domain::time::MonoMs;

/// How much of the past a stream keeps.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Oldest delta kept, in milliseconds.
    pub age_ms: u64,
    /// Most bytes kept.
    pub bytes: usize,
}

/// What a client that has seen everything up to a sequence gets next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// These deltas, in order; none: nothing new.
    Deltas(Vec<Utf8Bytes>),
    /// What it missed is gone: send a snapshot.
    Lost,
}

/// The numbered deltas of one jurisdiction.
#[derive(Debug)]
pub struct Stream {
    keep: Keep,
    /// Sequence of the newest delta, or of the snapshot before the first.
    sequence: u64,
    ring: VecDeque<(u64, MonoMs, Utf8Bytes)>,
    ring_bytes: usize,
}

impl Stream {
    /// An empty stream whose first delta will be `sequence + 1`.
    pub fn starting_after(sequence: u64, keep: Keep) -> Self {
        Self { keep, sequence, ring: VecDeque::new(), ring_bytes: 0 }
    }

    /// Sequence of the newest delta.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Appends a delta that was serialised with sequence `self.sequence() + 1`, and drops what is too old or too much
    /// before it: the newest stays however long it is, else everybody would be sent a snapshot, longer still.
    pub fn push(&mut self, frame: Utf8Bytes, now: MonoMs) {
        self.sequence += 1;
        self.ring_bytes += frame.len();
        self.ring.push_back((self.sequence, now, frame));
        while self.ring.len() > 1
            && let Some((_, at, oldest)) = self.ring.front()
        {
            if now.since_ms(*at) <= self.keep.age_ms && self.ring_bytes <= self.keep.bytes {
                break;
            }
            self.ring_bytes -= oldest.len();
            self.ring.pop_front();
        }
    }

    /// Forgets all deltas and skips a number, so that every client gets a snapshot next.
    pub fn restart(&mut self) {
        self.ring.clear();
        self.ring_bytes = 0;
        self.sequence += 1;
    }

    /// What comes after `seen`.
    pub fn after(&self, seen: u64) -> Next {
        if seen == self.sequence {
            return Next::Deltas(Vec::new());
        }
        match self.ring.front() {
            Some((oldest, ..)) if seen < self.sequence && *oldest <= seen + 1 => {
                let known = usize::try_from(seen + 1 - oldest).expect("a ring holds less than usize::MAX deltas");
                Next::Deltas(self.ring.iter().skip(known).map(|(.., frame)| frame.clone()).collect())
            }
            _ => Next::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_of(frames: &[&'static str]) -> Stream {
        let mut stream = Stream::starting_after(100, Keep { age_ms: 60_000, bytes: 10 });
        for (n, frame) in frames.iter().enumerate() {
            stream.push(Utf8Bytes::from_static(frame), MonoMs(n as u64 * 1000));
        }
        stream
    }

    fn deltas(frames: &[&'static str]) -> Next {
        Next::Deltas(frames.iter().map(|frame| Utf8Bytes::from_static(frame)).collect())
    }

    #[test]
    fn a_client_gets_exactly_what_it_missed() {
        let stream = stream_of(&["a", "b", "c"]);
        assert_eq!(stream.after(100), deltas(&["a", "b", "c"]));
        assert_eq!(stream.after(102), deltas(&["c"]));
        assert_eq!(stream.after(103), deltas(&[]));
    }

    #[test]
    fn a_client_from_before_the_ring_or_from_the_future_gets_a_snapshot() {
        let stream = stream_of(&["aaaa", "bbbb", "cccc"]);
        assert_eq!(stream.after(100), Next::Lost, "the first was dropped for size");
        assert_eq!(stream.after(101), deltas(&["bbbb", "cccc"]));
        assert_eq!(stream.after(104), Next::Lost);
        assert_eq!(stream.after(u64::MAX), Next::Lost);
    }

    #[test]
    fn a_delta_longer_than_what_is_kept_is_sent_all_the_same() {
        let stream = stream_of(&["a", "longer than ten bytes"]);
        assert_eq!(stream.after(100), Next::Lost);
        assert_eq!(stream.after(101), deltas(&["longer than ten bytes"]));
    }

    #[test]
    fn old_deltas_are_dropped() {
        let mut stream = stream_of(&["a", "b"]);
        stream.push(Utf8Bytes::from_static("c"), MonoMs(60_500));
        assert_eq!(stream.after(100), Next::Lost);
        assert_eq!(stream.after(101), deltas(&["b", "c"]));
    }

    #[test]
    fn after_a_restart_everyone_gets_a_snapshot() {
        let mut stream = stream_of(&["a", "b"]);
        stream.restart();
        assert_eq!(stream.after(102), Next::Lost);
        assert_eq!(stream.after(103), deltas(&[]));
    }
}
