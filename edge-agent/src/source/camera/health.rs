//! Whether a camera shows what is there: offline, online, black or frozen. Pure: what was seen and when goes in.

use std::time::Duration;

use domain::time::MonoMs;

use super::{link::Report, luma::Luma};

/// Below this mean brightness a picture may be black: darker than a closed room under infrared light.
const BLACK_MEAN: f64 = 24.0;
/// Below this deviation there is nothing to see in a picture: a dark room with one light in it has more.
const BLACK_DEVIATION: f64 = 8.0;
/// Up to this mean change two key frames are the same picture. A sensor's noise alone gives several times as much.
const FROZEN_CHANGE: f64 = 0.1;

/// `camera.state` as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraState {
    /// No pictures come.
    Offline = 0,
    /// Pictures come and change.
    Online = 1,
    /// Pictures come and show nothing.
    Black = 2,
    /// Pictures come and do not change.
    Frozen = 3,
}

/// How long something must last until it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Without a picture: offline.
    pub offline_after: Duration,
    /// Nothing but black: black.
    pub black_after: Duration,
    /// The same picture: frozen.
    pub frozen_after: Duration,
}

/// What is known of one camera's pictures.
#[derive(Debug, Clone)]
pub struct Health {
    patience: Patience,
    last_frame: Option<MonoMs>,
    black_since: Option<MonoMs>,
    frozen_since: Option<MonoMs>,
}

impl Health {
    /// A camera of which nothing was seen yet: offline.
    pub const fn new(patience: Patience) -> Self {
        Self { patience, last_frame: None, black_since: None, frozen_since: None }
    }

    /// Takes in what the worker said at `now`.
    pub fn take(&mut self, report: &Report, now: MonoMs) {
        if let Some(age_ms) = report.frame_age_ms {
            let seen = MonoMs(now.0.saturating_sub(age_ms));
            self.last_frame = self.last_frame.max(Some(seen));
        }
        if let Some(luma) = report.luma {
            keep_since(&mut self.black_since, is_black(&luma), now);
            keep_since(&mut self.frozen_since, luma.change.is_some_and(|change| change <= FROZEN_CHANGE), now);
        }
    }

    /// Time since the last picture; None: there was none yet.
    pub fn frame_age(&self, now: MonoMs) -> Option<Duration> {
        self.last_frame.map(|seen| Duration::from_millis(now.since_ms(seen)))
    }

    /// The judgement at `now`. A black picture is called black, although it does not change either.
    pub fn state(&self, now: MonoMs) -> CameraState {
        if self.frame_age(now).is_none_or(|age| age >= self.patience.offline_after) {
            return CameraState::Offline;
        }
        if has_lasted(self.black_since, self.patience.black_after, now) {
            return CameraState::Black;
        }
        if has_lasted(self.frozen_since, self.patience.frozen_after, now) && self.black_since.is_none() {
            return CameraState::Frozen;
        }
        CameraState::Online
    }
}

fn is_black(luma: &Luma) -> bool {
    luma.mean < BLACK_MEAN && luma.deviation < BLACK_DEVIATION
}

fn keep_since(since: &mut Option<MonoMs>, holds: bool, now: MonoMs) {
    *since = holds.then(|| since.unwrap_or(now));
}

fn has_lasted(since: Option<MonoMs>, patience: Duration, now: MonoMs) -> bool {
    since.is_some_and(|since| Duration::from_millis(now.since_ms(since)) >= patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        offline_after: Duration::from_secs(10),
        black_after: Duration::from_secs(5),
        frozen_after: Duration::from_secs(30),
    };
    const LIVING: Luma = Luma { mean: 110.0, deviation: 45.0, change: Some(3.0) };
    const BLACK: Luma = Luma { mean: 1.0, deviation: 0.4, change: Some(0.0) };
    const STILL: Luma = Luma { mean: 110.0, deviation: 45.0, change: Some(0.0) };
    const NIGHT: Luma = Luma { mean: 15.0, deviation: 19.0, change: Some(0.6) };

    /// A report a second with this picture, from second to second; the state after each.
    fn watch(health: &mut Health, luma: Luma, seconds: std::ops::RangeInclusive<u64>) -> Vec<CameraState> {
        let mut states = Vec::new();
        for second in seconds {
            let now = MonoMs(second * 1000);
            health.take(&Report { frame_age_ms: Some(40), main_bytes: 0, luma: Some(luma) }, now);
            states.push(health.state(now));
        }
        states.dedup();
        states
    }

    #[test]
    fn a_camera_nobody_saw_is_offline() {
        assert_eq!(Health::new(PATIENCE).state(MonoMs(0)), CameraState::Offline);
    }

    #[test]
    fn black_and_frozen_must_last_and_end_with_the_first_living_picture() {
        use CameraState::{Black, Frozen, Online};
        let mut health = Health::new(PATIENCE);
        assert_eq!(watch(&mut health, LIVING, 1..=10), [Online]);
        assert_eq!(watch(&mut health, BLACK, 11..=60), [Online, Black]);
        assert_eq!(watch(&mut health, LIVING, 61..=62), [Online]);
        assert_eq!(watch(&mut health, STILL, 63..=92), [Online]);
        assert_eq!(watch(&mut health, STILL, 93..=99), [Frozen]);
        assert_eq!(watch(&mut health, LIVING, 100..=101), [Online]);
        assert_eq!(watch(&mut health, NIGHT, 102..=200), [Online]);
    }

    #[test]
    fn silence_is_offline_whatever_was_seen_before() {
        let mut health = Health::new(PATIENCE);
        watch(&mut health, BLACK, 1..=20);
        assert_eq!(health.state(MonoMs(29_959)), CameraState::Black);
        assert_eq!(health.state(MonoMs(29_960)), CameraState::Offline);
        assert_eq!(health.frame_age(MonoMs(29_960)), Some(PATIENCE.offline_after));
    }

    #[test]
    fn an_old_report_does_not_make_a_picture_younger() {
        let mut health = Health::new(PATIENCE);
        health.take(&Report { frame_age_ms: Some(0), ..Report::default() }, MonoMs(5000));
        health.take(&Report { frame_age_ms: Some(9000), ..Report::default() }, MonoMs(6000));
        assert_eq!(health.frame_age(MonoMs(6000)), Some(Duration::from_secs(1)));
    }
}
