//! Somebody else's node that falls silent without a word: how often it usually reports, learned from what it sends, and when
//! its silence has lasted too long. Pure.
//!
//! Nodes with an outbox of ours keep their connection alive every ten seconds, so that their broker knows. What another node
//! keeps alive by, or whether something between answers for it, nobody knows; how often it reports is there to be seen.

use domain::time::MonoMs;

/// A node is gone after so many of its report intervals without a message; after one less it is asked for its births, which
/// whoever is there answers at once, changed values or not.
const GONE_AFTER: u64 = 3;
/// Never sooner than after so many milliseconds, however often it reports: one MQTT reconnection, with a pause before it.
const GONE_MIN_MS: u64 = 15_000;
/// A node that reports more rarely than this many milliseconds apart is not judged by its silence.
const INTERVAL_MAX_MS: u64 = 1_200_000;
/// An interval is learned from so many milliseconds at least, and from so many messages.
const LEARN_MS: u64 = 60_000;
const LEARN_COUNT: u32 = 8;
/// The longest pause counts for so many milliseconds at least, and for twice that at most: a node that is set to report more
/// often is judged by that soon, and one whose devices take turns is not judged by the busiest.
const SPAN_MS: u64 = 600_000;

/// What its silence means now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is to be asked for its births.
    Ask,
    /// It is gone.
    Gone,
}

/// When one node was heard, and how long it usually pauses.
#[derive(Debug)]
pub(super) struct Silence {
    /// Anything of it, births included.
    heard: MonoMs,
    /// Values of its own accord; None: not since it came.
    reported: Option<MonoMs>,
    /// The span that is under way, and the one before.
    span: Option<Span>,
    before: Option<Span>,
    is_asked: bool,
}

/// What a stretch of time taught.
#[derive(Debug, Clone, Copy)]
struct Span {
    began: MonoMs,
    longest_ms: u64,
    count: u32,
}

impl Silence {
    pub(super) const fn new(now: MonoMs) -> Self {
        Self { heard: now, reported: None, span: None, before: None, is_asked: false }
    }

    /// It told values of its own accord.
    pub(super) fn reported(&mut self, now: MonoMs) {
        self.heard(now);
        let span = self.span.get_or_insert(Span { began: now, longest_ms: 0, count: 0 });
        let pause_ms = self.reported.map_or(0, |last| now.since_ms(last));
        span.longest_ms = span.longest_ms.max(pause_ms);
        span.count = span.count.saturating_add(1);
        if now.since_ms(span.began) >= SPAN_MS && span.count >= LEARN_COUNT {
            self.before = self.span.take();
        }
        self.reported = Some(now);
    }

    /// It said something: values, or births that it may have been asked for.
    pub(super) fn heard(&mut self, now: MonoMs) {
        self.heard = now;
        self.is_asked = false;
    }

    /// It has come anew, or nobody could hear it meanwhile: how long that was teaches nothing, and silence counts from now.
    pub(super) fn begin_anew(&mut self, now: MonoMs) {
        self.heard(now);
        self.reported = None;
    }

    /// After how many milliseconds of silence it is gone; None: that is not known yet, or too long to say anything.
    pub(super) fn gone_after_ms(&self) -> Option<u64> {
        let learned = |span: &Span| {
            let lasted_ms = self.reported.map_or(0, |last| last.since_ms(span.began));
            span.count >= LEARN_COUNT && lasted_ms >= LEARN_MS
        };
        let interval_ms = match (self.before, self.span) {
            (Some(before), Some(span)) => before.longest_ms.max(span.longest_ms),
            (Some(before), None) => before.longest_ms,
            (None, span) => span.filter(learned)?.longest_ms,
        };
        (interval_ms <= INTERVAL_MAX_MS).then(|| (interval_ms * GONE_AFTER).max(GONE_MIN_MS))
    }

    /// What its silence means now; None: nothing yet.
    pub(super) fn judge(&mut self, now: MonoMs) -> Option<Verdict> {
        let (silent_ms, gone_after_ms) = (now.since_ms(self.heard), self.gone_after_ms()?);
        if silent_ms >= gone_after_ms {
            return Some(Verdict::Gone);
        }
        let is_to_be_asked = !self.is_asked && silent_ms >= gone_after_ms / GONE_AFTER * (GONE_AFTER - 1);
        self.is_asked |= is_to_be_asked;
        is_to_be_asked.then_some(Verdict::Ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;

    /// A node that reports at these seconds.
    fn reporting(at_s: impl IntoIterator<Item = u64>) -> Silence {
        let mut silence = Silence::new(MonoMs(0));
        at_s.into_iter().for_each(|second| silence.reported(MonoMs(second * SECOND)));
        silence
    }

    #[test]
    fn three_report_intervals_are_too_long_and_after_two_it_is_asked() {
        let mut silence = reporting((0..=10).map(|report| report * 30));
        assert_eq!(silence.gone_after_ms(), Some(90 * SECOND));
        let mut judge = |second: u64| silence.judge(MonoMs((300 + second) * SECOND));
        assert_eq!([59, 60, 61, 89, 90].map(&mut judge), [None, Some(Verdict::Ask), None, None, Some(Verdict::Gone)]);
    }

    #[test]
    fn whoever_answers_is_there() {
        let mut silence = reporting((0..=10).map(|report| report * 30));
        assert_eq!(silence.judge(MonoMs(360 * SECOND)), Some(Verdict::Ask));
        silence.heard(MonoMs(361 * SECOND));
        assert_eq!(silence.judge(MonoMs(400 * SECOND)), None);
        assert_eq!(silence.judge(MonoMs(421 * SECOND)), Some(Verdict::Ask), "it is asked again and again");
        silence.heard(MonoMs(422 * SECOND));
        silence.reported(MonoMs(423 * SECOND));
        assert_eq!(silence.gone_after_ms(), Some(369 * SECOND), "it pauses for longer than was known");
    }

    #[test]
    fn often_is_not_sooner_than_a_reconnection_and_rarely_says_nothing() {
        assert_eq!(reporting(0..=70).gone_after_ms(), Some(GONE_MIN_MS));
        assert_eq!(reporting((0..=10).map(|report| report * 1800)).gone_after_ms(), None);
        assert_eq!(reporting((0..=6).map(|report| report * 30)).gone_after_ms(), None, "too few to know");
        assert_eq!(reporting((0..=20).map(|report| report * 2)).gone_after_ms(), None, "too short to know");
    }

    #[test]
    fn devices_that_report_together_are_not_judged_by_the_pauses_between_them() {
        // Twenty devices every minute, all within a second.
        let bursts = (0..30).flat_map(|minute| std::iter::repeat_n(minute * 60, 20));
        assert_eq!(reporting(bursts).gone_after_ms(), Some(180 * SECOND));
        // And one burst alone teaches nothing.
        assert_eq!(reporting(std::iter::repeat_n(0, 20)).gone_after_ms(), None);
    }

    #[test]
    fn a_long_pause_is_forgotten_when_it_reports_more_often_again() {
        let mut silence = reporting((0..=10).map(|report| report * 120));
        assert_eq!(silence.gone_after_ms(), Some(360 * SECOND));
        (1210..3000).step_by(10).for_each(|second| silence.reported(MonoMs(second * SECOND)));
        assert_eq!(silence.gone_after_ms(), Some(30 * SECOND));
    }

    #[test]
    fn an_outage_teaches_nothing() {
        let mut silence = reporting((0..=10).map(|report| report * 30));
        silence.begin_anew(MonoMs(9_000 * SECOND));
        silence.reported(MonoMs(9_010 * SECOND));
        assert_eq!(silence.gone_after_ms(), Some(90 * SECOND));
    }
}
