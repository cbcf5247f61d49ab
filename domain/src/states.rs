//! How long each value of a state held: from one reading to the next, and no longer than a reading counts as present.
//! What nobody can know is told apart and added to no value. Pure.

use std::ops::Range;

use crate::{reading::Value, time::UnixMs};

/// Different values that are told one by one; a state has a handful. More are added up together.
const VALUES_MAX: usize = 64;

/// A stretch of time with one value.
#[derive(Debug, Clone, PartialEq)]
pub struct StateSpan {
    /// When it began, inclusive.
    pub from: UnixMs,
    /// When it ended, exclusive.
    pub to: UnixMs,
    /// The value; None: nobody knows.
    pub value: Option<Value>,
}

/// What a value adds up to.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTotal {
    /// The value.
    pub value: Value,
    /// How long it held, in milliseconds.
    pub ms: i64,
    /// How many times it began, within the range or before it.
    pub count: u64,
}

/// The states of one series over a range. The spans follow one another without gaps, and all figures add up to the range.
#[derive(Debug, Clone, PartialEq)]
pub struct StateHistory {
    /// The stretches, in order of time; two that follow one another differ.
    pub spans: Vec<StateSpan>,
    /// Stretches beyond those that were asked for; they are in the totals.
    pub left_out_count: u64,
    /// Each value, the one that held longest first.
    pub totals: Vec<StateTotal>,
    /// How long values held beyond the 64 that are told one by one, in milliseconds.
    pub others_ms: i64,
    /// How long nobody knows, in milliseconds.
    pub unknown_ms: i64,
}

/// Turns readings into states.
#[derive(Debug)]
pub struct StateRecorder {
    range: Range<UnixMs>,
    stale_after_ms: i64,
    spans_max: usize,
    /// Up to where all is told.
    position: UnixMs,
    /// What was read last, and until when it counts.
    current: Option<(Value, UnixMs)>,
    open: Option<StateSpan>,
    history: StateHistory,
}

impl StateRecorder {
    /// Over a range, in which a reading counts as present for `stale_after_ms`. At most `spans_max` stretches are kept.
    pub fn new(range: Range<UnixMs>, stale_after_ms: i64, spans_max: usize) -> Self {
        let history =
            StateHistory { spans: Vec::new(), left_out_count: 0, totals: Vec::new(), others_ms: 0, unknown_ms: 0 };
        let (position, stale_after_ms) = (range.start, stale_after_ms.max(0));
        Self { range, stale_after_ms, spans_max, position, current: None, open: None, history }
    }

    /// Takes a reading, in order of time; one from before the range says how it begins. None: not measured, or not to be
    /// trusted.
    pub fn take(&mut self, at: UnixMs, value: Option<Value>) {
        self.tell_until(at.min(self.range.end));
        self.current = value.map(|value| (value, at.plus_ms(self.stale_after_ms)));
    }

    /// Tells what is left up to `now`, beyond which nothing is known yet, or to the end of the range.
    pub fn finish(mut self, now: UnixMs) -> StateHistory {
        self.tell_until(now.min(self.range.end));
        self.current = None;
        self.tell_until(self.range.end);
        self.close();
        self.history.totals.sort_by_key(|total| std::cmp::Reverse(total.ms));
        self.history
    }

    fn tell_until(&mut self, until: UnixMs) {
        if let Some((value, present_until)) = self.current.clone() {
            self.tell(until.min(present_until), Some(value));
        }
        self.tell(until, None);
    }

    /// The time from the position to `until` had this value.
    fn tell(&mut self, until: UnixMs, value: Option<Value>) {
        if until <= self.position {
            return;
        }
        let ms = until.since_ms(self.position);
        let goes_on = self.open.as_ref().is_some_and(|open| is_same(open.value.as_ref(), value.as_ref()));
        self.add(value.as_ref(), ms, u64::from(!goes_on));
        match &mut self.open {
            Some(open) if goes_on => open.to = until,
            _ => {
                self.close();
                self.open = Some(StateSpan { from: self.position, to: until, value });
            }
        }
        self.position = until;
    }

    fn add(&mut self, value: Option<&Value>, ms: i64, count: u64) {
        let Some(value) = value else {
            self.history.unknown_ms += ms;
            return;
        };
        let totals = &mut self.history.totals;
        if let Some(total) = totals.iter_mut().find(|total| is_same(Some(&total.value), Some(value))) {
            total.ms += ms;
            total.count += count;
        } else if totals.len() < VALUES_MAX {
            totals.push(StateTotal { value: value.clone(), ms, count });
        } else {
            self.history.others_ms += ms;
        }
    }

    fn close(&mut self) {
        let Some(span) = self.open.take() else { return };
        if self.history.spans.len() < self.spans_max {
            self.history.spans.push(span);
        } else {
            self.history.left_out_count += 1;
        }
    }
}

/// Equal, and what is not a number is equal to itself.
fn is_same(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Float(left)), Some(Value::Float(right))) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from: i64, to: i64, value: Option<i64>) -> StateSpan {
        StateSpan { from: UnixMs(from), to: UnixMs(to), value: value.map(Value::Int) }
    }

    fn history(readings: &[(i64, Option<i64>)], spans_max: usize, now: i64) -> StateHistory {
        let mut recorder = StateRecorder::new(UnixMs(100)..UnixMs(200), 30, spans_max);
        for &(at, value) in readings {
            recorder.take(UnixMs(at), value.map(Value::Int));
        }
        recorder.finish(UnixMs(now))
    }

    #[test]
    fn a_value_holds_until_the_next_reading_or_until_it_is_stale() {
        let told = history(&[(90, Some(1)), (110, Some(1)), (120, Some(2)), (125, None), (130, Some(2))], 99, 999);
        let spans = [
            span(100, 120, Some(1)),
            span(120, 125, Some(2)),
            span(125, 130, None),
            span(130, 160, Some(2)),
            span(160, 200, None),
        ];
        assert_eq!(told.spans, spans);
        let total = |value, ms, count| StateTotal { value: Value::Int(value), ms, count };
        assert_eq!(told.totals, [total(2, 35, 2), total(1, 20, 1)]);
        assert_eq!((told.unknown_ms, told.others_ms, told.left_out_count), (45, 0, 0));
    }

    #[test]
    fn nothing_is_said_of_the_future_or_of_the_time_before_the_first_reading() {
        assert_eq!(history(&[], 9, 999).spans, [span(100, 200, None)]);
        assert_eq!(history(&[(60, Some(1))], 9, 999).spans, [span(100, 200, None)]);
        let told = history(&[(110, Some(1)), (130, Some(1))], 9, 140);
        assert_eq!(told.spans, [span(100, 110, None), span(110, 140, Some(1)), span(140, 200, None)]);
        assert_eq!(history(&[(300, Some(1))], 9, 999).spans, [span(100, 200, None)]);
    }

    #[test]
    fn stretches_that_are_left_out_are_counted_and_added_up() {
        let told = history(&[(100, Some(1)), (110, Some(2)), (120, Some(1)), (130, Some(2))], 2, 999);
        assert_eq!((told.spans.len(), told.left_out_count), (2, 3));
        assert_eq!(told.totals.iter().map(|total| total.ms).sum::<i64>() + told.unknown_ms, 100);
    }

    proptest! {
        #[test]
        fn every_millisecond_is_told_once(
            steps in prop::collection::vec((0_i64..40, prop::option::of(0_i64..4)), 0..40),
            stale in 0_i64..50, now in 0_i64..400, spans_max in 0_usize..50,
        ) {
            let range = UnixMs(100)..UnixMs(300);
            let mut recorder = StateRecorder::new(range.clone(), stale, spans_max);
            let mut at = UnixMs(50);
            let mut readings = Vec::new();
            for (step, value) in steps {
                at = at.plus_ms(step);
                readings.push((at, value));
                recorder.take(at, value.map(Value::Int));
            }
            let told = recorder.finish(UnixMs(now));

            // Millisecond by millisecond, as the words of this module say it.
            let value_at = |at: i64| {
                let (taken, value) = readings.iter().rev().find(|(taken, _)| taken.0 <= at)?;
                let is_present = at < taken.0 + stale && (at < now || readings.iter().any(|(later, _)| later.0 > at));
                value.filter(|_| is_present)
            };
            let mut expected = [0_i64; 4];
            let mut unknown = 0;
            for at in range.start.0..range.end.0 {
                match value_at(at) {
                    Some(value) => expected[usize::try_from(value).unwrap()] += 1,
                    None => unknown += 1,
                }
            }
            prop_assert_eq!(told.unknown_ms, unknown);
            for total in &told.totals {
                let Value::Int(value) = total.value else { unreachable!() };
                prop_assert_eq!(total.ms, expected[usize::try_from(value).unwrap()]);
            }
            prop_assert_eq!(told.totals.iter().map(|total| total.ms).sum::<i64>() + told.unknown_ms, 200);
            let mut position = range.start;
            for span in &told.spans {
                prop_assert_eq!(span.from, position);
                prop_assert!(span.to > span.from);
                position = span.to;
            }
            prop_assert!(told.left_out_count > 0 || position == range.end);
        }
    }
}
