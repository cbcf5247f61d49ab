//! Every number of the detector, one set for every series; `docs/design/anomaly.md` says how they were chosen.

/// Readings that "usual" is made of: two weeks at one every five minutes.
pub(super) const LONG: f64 = 4000.0;
/// Readings of a short mean: long enough that one wild reading is not an episode.
pub(super) const SHORT: f64 = 3.0;
/// Readings the departure from an hour's usual value is averaged over.
pub(super) const SEASON_SHORT: f64 = 4.0;
/// An hour's own spread counts as at least this part of that of all hours: a few alike readings do not make it nothing.
pub(super) const HOUR_SPREAD_SHARE: f64 = 0.1;
/// Readings of the shorter and the longer mean whose difference is a change of level.
pub(super) const CHANGE_SHORT: f64 = 24.0;
/// The longer one, four times the shorter and one.
pub(super) const CHANGE_LONG: f64 = 97.0;
/// The longer mean beside a single reading, for a jump.
pub(super) const JUMP_LONG: f64 = 5.0;
/// Readings of a window whose spread or roughness is judged.
pub(super) const SPREAD_SHORT: f64 = 24.0;

/// How much ten times the ordinary strength adds to the evidence of one view.
pub(super) const VIEW_EXCESS: f64 = 1.0;
/// The same for either mean of all views.
pub(super) const TOGETHER_EXCESS: f64 = 2.0;
/// A reading beyond all others counts from this part of the range so far …
pub(super) const RECORD_TOLERANCE: f64 = 0.01;
/// … and so much for ten times that.
pub(super) const RECORD_WEIGHT: f64 = 1.0;
/// From this evidence on the broken record is the reason given: about a tenth of the range beyond.
pub(super) const RECORD_TELLING: f64 = 1.0;

/// This much of what the same hour brought on both of the last two days is taken off.
pub(super) const HABIT_SHARE: f64 = 0.5;

/// Evidence below which nothing is said, in powers of ten.
pub(super) const LEAST_EVIDENCE: f64 = 0.5;
/// Evidence at which the score is one half: one in two thousand.
pub(super) const HALF_SCORE_EVIDENCE: f64 = 3.3;
/// Within the quiet time only what is this much rarer passes, in powers of ten.
pub(super) const QUIET_MARGIN: f64 = 0.3;
/// The quiet time is this part of all readings so far (one tenth) …
pub(super) const QUIET_SHARE: u32 = 10;
/// … but at least and at most so many readings.
pub(super) const QUIET_SHORTEST: u32 = 30;
/// A week at one reading every five minutes.
pub(super) const QUIET_LONGEST: u32 = 2016;
/// The longer a series is known, the more chances of a rare reading it has had: ten times as long asks this much more.
pub(super) const AGE_WEIGHT: f64 = 0.15;
/// The age from which and the age at which that counts nothing, in readings.
pub(super) const AGE_YOUNGEST: f64 = 300.0;
/// At this age evidence counts as it is.
pub(super) const AGE_NEUTRAL: f64 = 1000.0;
