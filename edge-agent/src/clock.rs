//! The one place that reads the clocks.

use std::{
    sync::LazyLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use domain::time::{MonoMs, Now, UnixMs};

/// The wall clock now. A clock that stands before 1970 reads as 1970: the gateway quarantines both alike.
pub(crate) fn wall() -> UnixMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Both clocks now.
pub(crate) fn now() -> Now {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Now { wall: wall(), mono: MonoMs(u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)) }
}

/// Whether the wall clock follows a time server, as the kernel was told by whatever program does it (chrony,
/// systemd-timesyncd, ntpd). None: the kernel does not say.
#[expect(unsafe_code, reason = "no safe library asks the kernel; the structure is filled by it and only read here")]
pub(crate) fn is_synced() -> Option<bool> {
    // SAFETY: all zeros are a valid timex, and with no modes set nothing is changed.
    let (state, status) = unsafe {
        let mut asked: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut asked), asked.status)
    };
    (state >= 0).then_some(state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0)
}
