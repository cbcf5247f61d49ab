//! What a heard metric is worth as a reading. Pure.

use domain::{
    id::ProfileId,
    profile::Profiles,
    reading::{Quality, Value},
    time::{Credibility, FUTURE_TOLERANCE_MS, UnixMs, credibility},
};
use protocol::sparkplug::{host_session::Heard, metric::Content};

/// In what kind of message a metric came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// The present is told again: what is known already is not news.
    Birth,
    /// Something was measured.
    Data,
}

/// What becomes of a heard metric.
#[derive(Debug, PartialEq)]
pub(super) enum Judged {
    /// A reading: its event time, value and quality.
    Reading(UnixMs, Option<Value>, Quality),
    /// A metric that can be commanded and was never measured.
    Nothing,
    /// A file: not for the journal.
    Blob(UnixMs, bytes::Bytes),
    /// Its value is not of any kind that is stored: kept out, and why.
    Quarantined(String),
    /// It is told later, with a time that cannot be: nobody knows when it was.
    Timeless(String),
}

/// Judges a metric that was received at `received` for a device of `profile` (None: not registered), of a node whose clock
/// is known to be behind or not.
pub(super) fn judge(
    heard: &Heard,
    telling: Telling,
    profile: Option<&ProfileId>,
    profiles: &Profiles,
    received: UnixMs,
    is_clock_behind: bool,
) -> Judged {
    let said = heard.at.unwrap_or(received);
    let (event_time, is_suspect) = match credibility(said, received) {
        // It is measured now. Its own time is kept all the same, should ours be the clock that is wrong.
        Credibility::Credible => {
            (said, is_clock_behind && !heard.is_historical && received.since_ms(said) > FUTURE_TOLERANCE_MS)
        }
        // Kept under the time of its arrival: under its own it would be the series' latest for ever.
        Credibility::ClockSuspect => (received, true),
        // A machine that began without a clock measures all the same, and now: it must be judged.
        Credibility::Impossible if !heard.is_historical => (received, true),
        Credibility::Impossible => {
            return Judged::Timeless(format!("{}: its time {} ms cannot be", heard.name, said.0));
        }
    };
    let value = match &heard.content {
        Ok(Some(Content::Value(value))) => Some(value.clone()),
        Ok(Some(Content::Bytes(bytes))) => return Judged::Blob(event_time, bytes.clone()),
        // What could not be measured says so by its quality; without one, there is nothing to say.
        Ok(None) if telling == Telling::Birth && heard.quality != Quality::Bad => return Judged::Nothing,
        Ok(None) => None,
        Err(error) => return Judged::Quarantined(format!("{}: {error}", heard.name)),
    };
    let quality = quality(heard, value.as_ref(), profile, profiles, is_suspect);
    Judged::Reading(event_time, value, quality)
}

fn quality(
    heard: &Heard,
    value: Option<&Value>,
    profile: Option<&ProfileId>,
    profiles: &Profiles,
    is_suspect: bool,
) -> Quality {
    let Some(value) = value.filter(|_| heard.quality != Quality::Bad) else { return Quality::Bad };
    let quality = match (profile, value) {
        (Some(profile), _) => profiles.quality_of(profile, &heard.name, value),
        (None, Value::Float(quantity)) if !quantity.is_finite() => Quality::Bad,
        (None, _) => Quality::Good,
    };
    if quality == Quality::Good && is_suspect { Quality::ClockSuspect } else { quality.max(heard.quality) }
}

#[cfg(test)]
mod tests {
    use domain::id::MetricName;

    use super::*;

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    fn check(at: Option<i64>, value: Option<f64>, expected: Option<(i64, Quality)>) {
        check_told((false, false), at, value, expected);
    }

    fn check_told(
        (is_historical, is_behind): (bool, bool),
        at: Option<i64>,
        value: Option<f64>,
        expected: Option<(i64, Quality)>,
    ) {
        let heard = Heard {
            place: 0,
            name: MetricName::new("temperature").unwrap(),
            at: at.map(UnixMs),
            content: Ok(value.map(|value| Content::Value(Value::Float(value)))),
            quality: Quality::Good,
            is_historical,
        };
        let profiles = Profiles::parse(Vec::<(String, String)>::new()).unwrap();
        let judged = match judge(&heard, Telling::Data, None, &profiles, NOW, is_behind) {
            Judged::Reading(event_time, _, quality) => Some((event_time.0, quality)),
            Judged::Nothing | Judged::Blob(..) | Judged::Quarantined(_) | Judged::Timeless(_) => None,
        };
        assert_eq!(judged, expected, "{at:?} {value:?}");
    }

    #[test]
    fn time_and_value_decide_the_quality() {
        check(Some(NOW.0 - 5), Some(4.0), Some((NOW.0 - 5, Quality::Good)));
        check(None, Some(4.0), Some((NOW.0, Quality::Good)));
        check(Some(NOW.0 + FUTURE_TOLERANCE_MS + 1), Some(4.0), Some((NOW.0, Quality::ClockSuspect)));
        check(Some(NOW.0), Some(f64::NAN), Some((NOW.0, Quality::Bad)));
        check(Some(NOW.0), None, Some((NOW.0, Quality::Bad)));
        check(Some(0), Some(4.0), Some((NOW.0, Quality::ClockSuspect)));
        let (now, past) = ((false, true), (true, true));
        check_told((true, false), Some(0), Some(4.0), None);
        check_told((true, false), Some(NOW.0 - 5), Some(4.0), Some((NOW.0 - 5, Quality::Good)));
        let hour_ago = NOW.0 - 3_600_000;
        check(Some(hour_ago), Some(4.0), Some((hour_ago, Quality::Good)));
        check_told(now, Some(hour_ago), Some(4.0), Some((hour_ago, Quality::ClockSuspect)));
        check_told(now, Some(NOW.0 - 5), Some(4.0), Some((NOW.0 - 5, Quality::Good)));
        check_told(past, Some(hour_ago), Some(4.0), Some((hour_ago, Quality::Good)));
    }
}
