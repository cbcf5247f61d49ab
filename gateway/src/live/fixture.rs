//! Alarms for tests.

use domain::{
    alarm::{AlarmState, Severity},
    id::{AlarmId, DeviceId, RuleId, SiteId, TownshipCode},
};
use protocol::rest::{Alarm, SeverityNumber};

/// An alarm in 凤山街道.
pub(crate) fn alarm(number: i64, device: &str, closed_at_ms: Option<i64>) -> Alarm {
    Alarm {
        id: AlarmId(number),
        device: DeviceId::new(device).unwrap(),
        device_name: device.into(),
        site: SiteId::new("a").unwrap(),
        site_name: "a".into(),
        township: TownshipCode::new("500156001").unwrap(),
        rule: RuleId::new("FR-01").unwrap(),
        title_zh: String::new(),
        title_en: String::new(),
        severity: SeverityNumber(Severity::III),
        state: AlarmState::ActiveUnacknowledged,
        is_latching: false,
        set_aside: None,
        raised_at_ms: 1,
        cause_zh: String::new(),
        cause_en: String::new(),
        returned_at_ms: None,
        acknowledged_at_ms: None,
        acknowledged_by: None,
        closed_at_ms,
        occurrence_count: 1,
        late_ms: 0,
        chattered_at_ms: None,
        is_stored: true,
    }
}
