//! Which alarms have pictures kept, of which cameras, which stills, and whose go when there is no more room. Pure.

use std::collections::BTreeMap;

use domain::{
    alarm::Severity,
    id::{AlarmId, DeviceId},
    registry::Registry,
    time::{MonoMs, UnixMs},
};
use protocol::rest;

use crate::video::is_camera;

/// Cameras that are asked for one alarm. A kitchen has one to three; what a fourth shows is seen live.
const CAMERAS_MAX: usize = 3;
/// A still from longer before an alarm is not kept with it, in milliseconds: an hour. Its own time is always shown.
const BEFORE_MS_MAX: i64 = 3_600_000;
/// A still that came so lately is the moment's still of every alarm, in milliseconds: a flood of alarms asks a camera every
/// five seconds and no more often.
const FRESH_MS: u64 = 5_000;
/// A camera that was asked and has sent nothing is asked again after so long, in milliseconds: commands may be lost.
pub(super) const ASK_AGAIN_MS: u64 = 5_000;
/// It is waited for so long, in milliseconds: a poor line carries a still in ten seconds.
pub(super) const PATIENCE_MS: u64 = 30_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// No more of a disk is kept free than this part of it: a small one would never have pictures.
const DISK_PART: u64 = 8;

/// Whether an alarm has pictures kept: it is grave, or about a camera.
pub(super) fn deserves(alarm: &rest::Alarm, registry: &Registry) -> bool {
    let is_grave = matches!(alarm.severity.0, Severity::I | Severity::II);
    // What was never stored may lend its number to another alarm after a restart.
    let is_sure = alarm.is_stored && alarm.closed_at_ms.is_none();
    is_sure && (is_grave || registry.device(&alarm.device).is_some_and(is_camera))
}

/// The cameras that show an alarm's site: the one that it is about first, then those that somebody speaks for.
pub(super) fn cameras(
    alarm: &rest::Alarm,
    registry: &Registry,
    is_offline: impl Fn(&DeviceId) -> bool,
) -> Vec<DeviceId> {
    let Some(device) = registry.device(&alarm.device) else { return Vec::new() };
    let of_site = registry.devices_of_site(&device.site).filter(|device| is_camera(device));
    let mut cameras: Vec<DeviceId> = of_site.map(|device| device.id.clone()).collect();
    cameras.sort_by_cached_key(|camera| (*camera != alarm.device, is_offline(camera)));
    cameras.truncate(CAMERAS_MAX);
    cameras
}

/// What is known of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Since when nobody speaks for it; None: somebody does, or nothing is known yet.
    pub(super) offline_since: Option<UnixMs>,
    /// When its newest still was taken.
    pub(super) taken: Option<UnixMs>,
    /// When that came, if it came to this process.
    pub(super) came: Option<MonoMs>,
}

/// What is done about one camera of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The newest still is kept.
    pub(super) keeps_newest: bool,
    pub(super) then: Then,
}

/// And after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is asked for one of this moment.
    Ask,
    /// It is noted since when it can show nothing.
    NoteOffline(UnixMs),
    /// The newest is of this moment.
    Nothing,
}

/// What is done about one camera of an alarm that was raised at `raised`, by the edge's clock.
pub(super) fn step(seen: Seen, raised: UnixMs, now: MonoMs) -> Step {
    let keeps_newest = seen.taken.is_some_and(|taken| raised.since_ms(taken) <= BEFORE_MS_MAX);
    let is_fresh = keeps_newest && seen.came.is_some_and(|came| now.since_ms(came) < FRESH_MS);
    let then = match seen.offline_since {
        _ if is_fresh => Then::Nothing,
        Some(since) => Then::NoteOffline(since),
        None => Then::Ask,
    };
    Step { keeps_newest, then }
}

/// Whether a camera that was asked at this time may still answer.
pub(super) fn is_awaited(asked: UnixMs, now: UnixMs) -> bool {
    now.since_ms(asked) < PATIENCE_MS.cast_signed()
}

/// What one alarm's folder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) bytes: u64,
    /// The latest moment of anything in it.
    pub(super) at: UnixMs,
}

/// The alarms whose stills go: what is older than so many days, and then the oldest until all take no more than so many bytes.
pub(super) fn too_many(entries: &BTreeMap<AlarmId, Entry>, days: u32, bytes_max: u64, now: UnixMs) -> Vec<AlarmId> {
    let is_old = |entry: &Entry| now.since_ms(entry.at) > i64::from(days) * DAY_MS;
    let mut left: u64 = entries.values().filter(|entry| !is_old(entry)).map(|entry| entry.bytes).sum();
    let mut going = Vec::new();
    // Numbers of alarms rise with time.
    for (alarm, entry) in entries {
        if is_old(entry) {
            going.push(*alarm);
        } else if left > bytes_max {
            left -= entry.bytes;
            going.push(*alarm);
        }
    }
    going
}

/// Whether a disk has so little room, in bytes, that pictures are given up for what else is to be written.
pub(super) fn lacks_room(free: u64, disk: u64, keeps_free: u64) -> bool {
    free < keeps_free.min(disk / DISK_PART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::evidence::tests::{alarm, registry};

    fn names(cameras: &[DeviceId]) -> Vec<&str> {
        cameras.iter().map(DeviceId::as_str).collect()
    }

    #[test]
    fn grave_alarms_and_those_of_cameras_have_pictures() {
        let registry = registry();
        for (device, severity, is_so) in [
            ("stove", Severity::I, true),
            ("stove", Severity::II, true),
            ("stove", Severity::III, false),
            ("camera-2", Severity::IV, true),
            ("unknown", Severity::III, false),
        ] {
            assert_eq!(deserves(&alarm(1, device, severity, 0), &registry), is_so, "{device} {severity:?}");
        }
        let raised = alarm(1, "stove", Severity::I, 0);
        assert!(
            !deserves(&rest::Alarm { is_stored: false, ..raised.clone() }, &registry),
            "its number may be another's"
        );
        assert!(
            !deserves(&rest::Alarm { closed_at_ms: Some(1), ..raised }, &registry),
            "what is past is not to be seen"
        );
    }

    #[test]
    fn three_cameras_of_the_site_are_asked_its_own_first_and_those_that_can_answer() {
        let registry = registry();
        let of = |device| cameras(&alarm(1, device, Severity::I, 0), &registry, |camera| camera.as_str() == "camera-1");
        assert_eq!(names(&of("stove")), ["camera-2", "camera-3", "camera-4"]);
        assert_eq!(names(&of("camera-1")), ["camera-1", "camera-2", "camera-3"]);
        assert_eq!(names(&of("elsewhere")), Vec::<&str>::new());
        assert_eq!(names(&of("unknown")), Vec::<&str>::new());
    }

    #[test]
    fn the_last_still_before_is_kept_and_one_of_the_moment_asked_for() {
        const RAISED: UnixMs = UnixMs(1_790_000_000_000);
        let now = MonoMs(100_000);
        let seen = |taken_before_ms: Option<i64>, came_before_ms: Option<u64>| Seen {
            offline_since: None,
            taken: taken_before_ms.map(|before| RAISED.plus_ms(-before)),
            came: came_before_ms.map(|before| MonoMs(now.0 - before)),
        };
        let of = |seen| {
            let Step { keeps_newest, then } = step(seen, RAISED, now);
            (keeps_newest, then)
        };
        assert_eq!(of(seen(None, None)), (false, Then::Ask));
        assert_eq!(of(seen(Some(40_000), Some(39_000))), (true, Then::Ask));
        assert_eq!(of(seen(Some(3_600_001), None)), (false, Then::Ask), "of another situation");
        assert_eq!(of(seen(Some(600), Some(400))), (true, Then::Nothing), "a flood asks no more often");
        assert_eq!(of(seen(Some(600), None)), (true, Then::Ask), "of an earlier process, who knows how old");
        // Long after: the one that is there is nearer to the moment than any that comes.
        assert_eq!(of(seen(Some(-7_200_000), Some(30_000))), (true, Then::Ask));
        let offline = |seen| Seen { offline_since: Some(UnixMs(7)), ..seen };
        assert_eq!(of(offline(seen(Some(40_000), Some(39_000)))), (true, Then::NoteOffline(UnixMs(7))));
        assert_eq!(of(offline(seen(None, None))), (false, Then::NoteOffline(UnixMs(7))));
        assert_eq!(of(offline(seen(Some(600), Some(400)))), (true, Then::Nothing));
    }

    #[test]
    fn what_is_old_goes_and_then_the_oldest() {
        let day = |number: i64| UnixMs(number * DAY_MS);
        let entries: BTreeMap<AlarmId, Entry> =
            (1..=5).map(|id| (AlarmId(id), Entry { bytes: 100, at: day(id) })).collect();
        let going = |days, bytes_max| {
            too_many(&entries, days, bytes_max, day(6)).iter().map(|alarm| alarm.0).collect::<Vec<_>>()
        };
        assert_eq!(going(5, 500), Vec::<i64>::new());
        assert_eq!(going(3, 500), [1, 2]);
        assert_eq!(going(5, 250), [1, 2, 3]);
        assert_eq!(going(4, 250), [1, 2, 3], "what is old counts no more");
        assert_eq!(going(5, 0), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_disk_is_short_of_room_by_what_is_asked_for_or_an_eighth_of_a_small_one() {
        let of = |free| (lacks_room(free, 1_000_000, 1000), lacks_room(free, 800, 1000));
        assert_eq!(of(1000), (false, false));
        assert_eq!(of(999), (true, false));
        assert_eq!(of(99), (true, true));
        assert!(!lacks_room(0, 800, 0), "nothing is to be kept free");
    }
}
