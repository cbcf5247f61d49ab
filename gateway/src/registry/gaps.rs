//! What keeps rules from being judged on a device, as people are told: when it is registered, and wherever it is shown.

use domain::{
    id::DeviceId,
    profile::{self, Profiles},
    registry::{Device, Registry},
};
use protocol::rest::{Gap, ImportReport, ImportedGap, SeverityNumber};

/// Gaps that a report lists; all are counted.
const LISTED_MAX: usize = 200;

/// The gaps of a device, the gravest rule's first.
pub fn gaps_of(device: &Device, profiles: &Profiles, registry: &Registry) -> Vec<Gap> {
    let profile = profiles.get(&device.profile);
    let body = |gap: &profile::Gap| {
        let rule = gap.rule().and_then(|id| registry.rule_on(profile?, device, id));
        Gap {
            rule: gap.rule().cloned(),
            severity: rule.map(|rule| SeverityNumber(rule.severity)),
            key: gap.key().map(str::to_owned),
            words: gap.words().into(),
        }
    };
    let mut gaps: Vec<Gap> = profiles.gaps(device, registry).iter().map(body).collect();
    gaps.sort_by_key(|gap| gap.severity.map_or(u8::MAX, u8::from));
    gaps
}

/// Adds to a report what keeps rules from being judged on these devices.
pub(super) fn note(report: &mut ImportReport, profiles: &Profiles, registry: &Registry, devices: &[DeviceId]) {
    for device in devices.iter().filter_map(|id| registry.device(id)) {
        for gap in gaps_of(device, profiles, registry) {
            report.gap_count += 1;
            if report.gaps.len() < LISTED_MAX {
                report.gaps.push(ImportedGap { device: device.id.clone(), gap });
            }
        }
    }
}
