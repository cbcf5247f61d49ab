//! What the database will take. Pure.

use protocol::{
    live::Storing,
    rest::{Storage, StorageProfile},
};

use super::{
    ProfileUsage, Retention, Usage,
    rollup::{self, Step},
};

/// Bytes of a chunk's row and of its places in the indexes, beside the readings: reckoned from eleven numbers in the row and
/// four to six in each of two indexes.
const ROW_BYTES: u64 = 115;
/// What a reading takes before any is in a chunk.
const USUAL_BYTES_PER_READING: f64 = 0.5;

/// What the readings of one kind of device come to, if all goes on as it does.
struct Flow {
    series_count: f64,
    readings_per_day: f64,
    bytes_per_reading: f64,
    raw_days: f64,
}

impl Flow {
    fn growth(&self) -> f64 {
        self.readings_per_day * self.bytes_per_reading
    }

    /// Bytes of what is kept when the first reading is so many days old: readings, and summaries of older ones.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn bytes_after(&self, age_days: f64, retention: &Retention) -> f64 {
        let mut bytes = self.growth() * age_days.min(self.raw_days);
        let mut finer_days = self.raw_days;
        for step in Step::ALL {
            let kept_days = f64::from(retention.rollup_days(step));
            let cells_per_day =
                (self.series_count * (Step::Day.cell_ms() / step.cell_ms()) as f64).min(self.readings_per_day);
            bytes += cells_per_day * rollup::USUAL_BYTES * (age_days.min(kept_days) - finer_days).max(0.0);
            finer_days = finer_days.max(kept_days);
        }
        bytes
    }
}

/// How long the disk lasts at the present pace.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn forecast(usage: &Usage, retention: &Retention, storing: Storing) -> Storage {
    let reading_count: u64 = usage.profiles.iter().map(|one| one.reading_count).sum();
    let bytes: u64 = usage.profiles.iter().map(bytes_of).sum();
    let bytes_per_reading = (reading_count > 0).then(|| bytes as f64 / reading_count as f64);
    let flows = flows(usage, retention);
    let bytes_after = |age_days: f64| flows.iter().map(|flow| flow.bytes_after(age_days, retention)).sum::<f64>();
    let room = usage.disk_free_bytes.map(|free| (free + usage.reusable_bytes) as f64);
    let grown = |days: u32| bytes_after(usage.age_days + f64::from(days)) - bytes_after(usage.age_days);
    Storage {
        storing,
        database_bytes: usage.database_bytes,
        reusable_bytes: usage.reusable_bytes,
        wal_bytes: usage.wal_bytes,
        disk_free_bytes: usage.disk_free_bytes,
        reading_count,
        open_readings: usage.open_readings,
        bytes_per_reading,
        readings_per_day: usage.readings_per_day,
        growth_bytes_per_day: flows.iter().map(Flow::growth).sum(),
        steady_bytes: bytes_after(f64::INFINITY),
        days_until_full: room.and_then(|room| days_until(retention.longest_days(), |days| grown(days) > room)),
        profiles: usage.profiles.iter().map(|one| profile(one, retention)).collect(),
        rollup_bytes: usage.rollup_bytes,
        rollup_minute_days: retention.rollup_days(Step::Minute),
        rollup_hour_days: retention.rollup_days(Step::Hour),
        rollup_day_days: retention.rollup_days(Step::Day),
    }
}

/// The present pace, shared among the kinds of devices as their readings are among what each keeps.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn flows(usage: &Usage, retention: &Retention) -> Vec<Flow> {
    let raw_days = |one: &ProfileUsage| f64::from(retention.raw_days(one.profile.as_ref()));
    let pace = |one: &ProfileUsage| one.reading_count as f64 / usage.age_days.min(raw_days(one));
    let whole: f64 = usage.profiles.iter().map(pace).sum();
    if whole <= 0.0 {
        let raw_days = f64::from(retention.raw_days(None));
        let (readings_per_day, bytes_per_reading) = (usage.readings_per_day, USUAL_BYTES_PER_READING);
        return vec![Flow { series_count: 0.0, readings_per_day, bytes_per_reading, raw_days }];
    }
    let of_one = |one: &ProfileUsage| Flow {
        series_count: one.series_count as f64,
        readings_per_day: usage.readings_per_day * pace(one) / whole,
        bytes_per_reading: bytes_of(one) as f64 / one.reading_count.max(1) as f64,
        raw_days: raw_days(one),
    };
    usage.profiles.iter().map(of_one).collect()
}

/// How many whole days pass before it is so; None: not within `horizon` days. What is so stays so.
fn days_until(horizon: u32, is_so: impl Fn(u32) -> bool) -> Option<f64> {
    if !is_so(horizon) {
        return None;
    }
    let (mut before, mut after) = (0, horizon);
    while after - before > 1 {
        let middle = before.midpoint(after);
        if is_so(middle) { after = middle } else { before = middle }
    }
    Some(f64::from(before))
}

fn profile(one: &ProfileUsage, retention: &Retention) -> StorageProfile {
    StorageProfile {
        profile: one.profile.clone(),
        series_count: one.series_count,
        reading_count: one.reading_count,
        bytes: bytes_of(one),
        retention_days: retention.raw_days(one.profile.as_ref()),
    }
}

const fn bytes_of(one: &ProfileUsage) -> u64 {
    one.reading_bytes + one.chunk_count * ROW_BYTES
}

#[cfg(test)]
mod tests {
    use domain::profile::Profiles;

    use super::*;
    use crate::store::StoreConfig;

    /// A million readings a day for four days, half a byte each.
    fn usage(disk_free_bytes: u64) -> Usage {
        Usage {
            database_bytes: 2_000_000,
            reusable_bytes: 0,
            wal_bytes: Some(0),
            disk_free_bytes: Some(disk_free_bytes),
            open_readings: 7,
            readings_per_day: 1e6,
            age_days: 4.0,
            profiles: vec![ProfileUsage {
                profile: None,
                series_count: 10,
                chunk_count: 1_000,
                reading_count: 4_000_000,
                reading_bytes: 1_885_000,
            }],
            rollup_bytes: 0,
        }
    }

    fn of(usage: &Usage) -> Storage {
        forecast(usage, &Retention::new(&StoreConfig::default(), &Profiles::default()), Storing::Everything)
    }

    #[test]
    fn the_disk_lasts_until_it_is_full_or_the_oldest_readings_make_room() {
        let small = of(&usage(50_000_000));
        assert_eq!((small.bytes_per_reading, small.growth_bytes_per_day), (Some(0.5), 500_000.0));
        assert_eq!(small.days_until_full, Some(100.0));
        // 400 days of half a megabyte, 700 of 14 400 minutes, 2560 of 240 hours and 7300 of 10 days.
        let steady = 200e6 + rollup::USUAL_BYTES * (700.0 * 14_400.0 + 2560.0 * 240.0 + 7300.0 * 10.0);
        assert!((small.steady_bytes - steady).abs() < 1.0, "{} is not {steady}", small.steady_bytes);
        assert_eq!(of(&usage(400_000_000)).days_until_full, None);
        // The readings fit, and some of the summaries: the disk is full when 10 million bytes of minutes are there.
        let days = 400.0 - 4.0 + (10e6 / (14_400.0 * rollup::USUAL_BYTES)).floor();
        assert_eq!(of(&usage(198_000_000 + 10_000_000)).days_until_full, Some(days));
    }

    #[test]
    fn what_is_kept_for_longer_counts_no_more_than_it_brings() {
        // Both bring half a million readings a day; one is kept for ten days, and that for long now.
        let brief =
            "id = \"brief\"\ncategory = \"kitchen\"\nretention_days = 10\n[title]\nzh = \"短\"\nen = \"Brief\"\n";
        let profiles = Profiles::parse([("brief.toml".to_owned(), brief.to_owned())]).unwrap();
        let retention = Retention::new(&StoreConfig::default(), &profiles);
        let one = |profile, days: u64| ProfileUsage {
            profile,
            series_count: 5,
            chunk_count: 0,
            reading_count: 500_000 * days,
            reading_bytes: 250_000 * days,
        };
        let brief = domain::id::ProfileId::new("brief").unwrap();
        let both = Usage { age_days: 100.0, profiles: vec![one(None, 100), one(Some(brief), 10)], ..usage(1 << 40) };
        let flows = flows(&both, &retention);
        assert!(flows.iter().all(|flow| (flow.readings_per_day - 500_000.0).abs() < 1.0));
        assert_eq!(flows.iter().map(|flow| flow.raw_days).collect::<Vec<_>>(), [400.0, 10.0]);
    }

    #[test]
    fn an_empty_database_lasts() {
        let empty = Usage { profiles: vec![], readings_per_day: 0.0, ..usage(1) };
        let storage = of(&empty);
        assert_eq!((storage.bytes_per_reading, storage.days_until_full), (None, None));
    }
}
