//! What the database will take. Pure.

use protocol::{
    live::Storing,
    rest::{Storage, StorageProfile},
};

use super::{ProfileUsage, Retention, Usage, rollup::Step};

/// Bytes of a chunk's row and of its places in the indexes, beside the readings: 98 to 131, seen.
const ROW_BYTES: u64 = 115;
/// What a reading takes before any is in a chunk.
const USUAL_BYTES_PER_READING: f64 = 0.5;

/// How long the disk lasts at the present pace.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn forecast(usage: &Usage, retention: &Retention, storing: Storing) -> Storage {
    let reading_count: u64 = usage.profiles.iter().map(|one| one.reading_count).sum();
    let bytes: u64 = usage.profiles.iter().map(bytes_of).sum();
    let bytes_per_reading = (reading_count > 0).then(|| bytes as f64 / reading_count as f64);
    let growth = usage.readings_per_day * bytes_per_reading.unwrap_or(USUAL_BYTES_PER_READING);
    // The present mix of kinds, each kept for its days.
    let days_kept = |one: &ProfileUsage| f64::from(retention.raw_days(one.profile.as_ref()));
    let mean_days = if bytes > 0 {
        usage.profiles.iter().map(|one| bytes_of(one) as f64 * days_kept(one)).sum::<f64>() / bytes as f64
    } else {
        f64::from(retention.raw_days(None))
    };
    let steady = growth * mean_days;
    let room = usage.disk_free_bytes.map(|free| (free + usage.reusable_bytes) as f64);
    let days_until_full = room.filter(|room| growth > 0.0 && steady - bytes as f64 > *room).map(|room| room / growth);
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
        growth_bytes_per_day: growth,
        steady_bytes: steady,
        days_until_full,
        profiles: usage.profiles.iter().map(|one| profile(one, retention)).collect(),
        rollup_bytes: usage.rollup_bytes,
        rollup_minute_days: retention.rollup_days(Step::Minute),
        rollup_hour_days: retention.rollup_days(Step::Hour),
        rollup_day_days: retention.rollup_days(Step::Day),
    }
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

    fn usage(disk_free_bytes: u64) -> Usage {
        Usage {
            database_bytes: 2_000_000,
            reusable_bytes: 0,
            wal_bytes: Some(0),
            disk_free_bytes: Some(disk_free_bytes),
            open_readings: 7,
            readings_per_day: 1e6,
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

    fn of(disk_free_bytes: u64) -> Storage {
        let retention = Retention::new(&StoreConfig::default(), &Profiles::default());
        forecast(&usage(disk_free_bytes), &retention, Storing::Everything)
    }

    #[test]
    fn the_disk_lasts_until_it_is_full_or_the_oldest_readings_make_room() {
        let small = of(50_000_000);
        assert_eq!((small.bytes_per_reading, small.growth_bytes_per_day), (Some(0.5), 500_000.0));
        assert_eq!(small.days_until_full, Some(100.0));
        // 400 days of half a megabyte fit.
        assert_eq!(of(200_000_000).days_until_full, None);
    }

    #[test]
    fn an_empty_database_lasts() {
        let empty = Usage { profiles: vec![], readings_per_day: 0.0, ..usage(1) };
        let retention = Retention::new(&StoreConfig::default(), &Profiles::default());
        let storage = forecast(&empty, &retention, Storing::Everything);
        assert_eq!((storage.bytes_per_reading, storage.days_until_full), (None, None));
    }
}
