//! Registry, profiles and rules as the API shows them. Pure: what a person may see is decided before these are called.

use std::collections::BTreeMap;

use domain::{
    id::{MetricName, RuleId},
    profile::{self, Condition, Profiles},
    registry::{self, Reach, Registry},
    states::{StateHistory, StateSpan, StateTotal},
};
use protocol::rest;

pub(super) use crate::video::is_camera;

/// A registered device with the names of what it belongs to.
pub(super) fn device_summary(
    device: &registry::Device,
    registry: &Registry,
    profiles: &Profiles,
) -> Option<rest::DeviceSummary> {
    let site = registry.site(&device.site)?;
    let owner = registry.owner(&site.owner)?;
    Some(rest::DeviceSummary {
        id: device.id.clone(),
        name: device.name.clone(),
        profile: device.profile.clone(),
        site: site.id.clone(),
        site_name: site.name.clone(),
        township: site.township.clone(),
        owner: owner.id.clone(),
        owner_name: owner.name.clone(),
        node: device.node.clone(),
        is_camera: is_camera(device),
        is_on_file: profiles.are_on_file(&device.profile),
        nameplate: device.nameplate.clone(),
    })
}

/// What a device measures by its profile, and then what else it sends; each with its latest reading.
pub(super) fn metrics(profile: Option<&profile::Profile>, values: &[protocol::live::MetricLive]) -> Vec<rest::Metric> {
    let latest = |name: &domain::id::MetricName| {
        values.iter().find(|value| value.metric == *name).map(|value| value.point.clone())
    };
    let known = profile.map_or(&[][..], |profile| &profile.metrics);
    let of_profile = known.iter().map(|metric| rest::Metric {
        name: metric.name.clone(),
        title_zh: metric.title.zh.clone(),
        title_en: metric.title.en.clone(),
        unit: metric.unit.clone(),
        decimals: metric.decimals,
        states: metric.states.iter().map(state_name).collect(),
        stale_after_s: metric.stale_after_s,
        latest: latest(&metric.name),
    });
    let others = values.iter().filter(|value| known.iter().all(|metric| metric.name != value.metric));
    let of_others = others.map(|value| rest::Metric {
        name: value.metric.clone(),
        title_zh: value.metric.to_string(),
        title_en: value.metric.to_string(),
        unit: String::new(),
        decimals: 2,
        states: Vec::new(),
        stale_after_s: UNKNOWN_STALE_AFTER_S,
        latest: Some(value.point.clone()),
    });
    of_profile.chain(of_others).collect()
}

/// When a value that no profile knows is called stale, in seconds: five minutes, longer than any usual interval.
const UNKNOWN_STALE_AFTER_S: u64 = 300;

/// How long a reading of a metric counts as present, in seconds.
pub(super) fn stale_after_s(profile: Option<&profile::Profile>, metric: &MetricName) -> u64 {
    let known = profile.and_then(|profile| profile.metrics.iter().find(|known| known.name == *metric));
    known.map_or(UNKNOWN_STALE_AFTER_S, |metric| metric.stale_after_s)
}

/// What a metric is measured in; empty: nothing, or nobody knows.
pub(super) fn unit<'p>(profile: Option<&'p profile::Profile>, metric: &MetricName) -> &'p str {
    let known = profile.and_then(|profile| profile.metrics.iter().find(|known| known.name == *metric));
    known.map_or("", |metric| &metric.unit)
}

/// How long each value of a state held.
pub(super) fn state_history(
    told: StateHistory,
    metric: MetricName,
    (from_ms, to_ms): (i64, i64),
    stale_after_s: u64,
) -> rest::StateHistory {
    let span = |span: StateSpan| rest::StateSpan { from_ms: span.from.0, to_ms: span.to.0, value: span.value };
    let total = |total: StateTotal| rest::StateTotal { value: total.value, ms: total.ms, count: total.count };
    rest::StateHistory {
        metric,
        from_ms,
        to_ms,
        stale_after_s,
        spans: told.spans.into_iter().map(span).collect(),
        left_out_count: told.left_out_count,
        totals: told.totals.into_iter().map(total).collect(),
        others_ms: told.others_ms,
        unknown_ms: told.unknown_ms,
    }
}

fn state_name(state: &profile::StateName) -> rest::StateName {
    rest::StateName { code: state.code, zh: state.zh.clone(), en: state.en.clone() }
}

/// The rules of its kind as they are judged on a device.
pub(super) fn rules_on(profile: &profile::Profile, device: &registry::Device, registry: &Registry) -> Vec<rest::Rule> {
    profile.rules.iter().filter_map(|rule| rule_on(profile, device, registry, &rule.id)).collect()
}

/// One of them; None: the kind has no such rule.
pub(super) fn rule_on(
    profile: &profile::Profile,
    device: &registry::Device,
    registry: &Registry,
    id: &RuleId,
) -> Option<rest::Rule> {
    let judged = registry.rule_on(profile, device, id)?;
    let mut amendments = registry.amendments_on(device, id);
    let nearest = amendments.next();
    let before = amendments.next().map_or_else(|| profile.rule(id), |further| Some(&*further.rule));
    let amended = nearest.zip(before).map(|(amended, before)| rest::Amended {
        reach: match amended.reach {
            Reach::Device(_) => rest::AmendmentReach::Device,
            Reach::Site(_) => rest::AmendmentReach::Site,
            Reach::Everywhere => rest::AmendmentReach::Everywhere,
        },
        by: amended.by.clone(),
        at_ms: amended.at.0,
        why: amended.why.clone(),
        was: before.definition.clone(),
        was_version: before.version,
    });
    Some(rest::Rule { amended, ..rule(profile, judged, &device.nameplate) })
}

/// A rule with the numbers of a nameplate.
pub(super) fn rule(profile: &profile::Profile, rule: &profile::Rule, nameplate: &BTreeMap<String, f64>) -> rest::Rule {
    let resolved = rule.resolve(nameplate);
    let told = rule.words(profile, nameplate);
    rest::Rule {
        id: rule.id.to_string(),
        title_zh: rule.title.zh.clone(),
        title_en: rule.title.en.clone(),
        kind: kind(&rule.condition),
        severity: rest::SeverityNumber(rule.severity),
        metric: rule.condition.metric().cloned(),
        ways: told.ways.into_iter().map(way).collect(),
        besides: told.besides.into_iter().map(Into::into).collect(),
        missing: told.missing,
        amended: None,
        definition: rule.definition.clone(),
        version: rule.version,
        on_delay_s: resolved.on_delay_s,
        off_delay_s: resolved.off_delay_s,
        source: rule_source(&rule.source),
        guidance_zh: rule.guidance.zh.clone(),
        guidance_en: rule.guidance.en.clone(),
    }
}

const fn kind(condition: &Condition) -> rest::RuleKind {
    match condition {
        Condition::Limit { .. } => rest::RuleKind::Limit,
        Condition::Levels { .. } => rest::RuleKind::Levels,
        Condition::Deviation { .. } => rest::RuleKind::Deviation,
        Condition::Rate { .. } => rest::RuleKind::Rate,
        Condition::Stuck { .. } => rest::RuleKind::Stuck,
        Condition::Anomaly { .. } => rest::RuleKind::Anomaly,
        Condition::Due { .. } => rest::RuleKind::Due,
        Condition::Expression(_) => rest::RuleKind::Expression,
        Condition::State { .. } => rest::RuleKind::State,
        Condition::Combination { .. } => rest::RuleKind::Combination,
        Condition::Stale { .. } => rest::RuleKind::Stale,
        Condition::Offline => rest::RuleKind::Offline,
    }
}

fn way(way: profile::Way) -> rest::RuleWay {
    let limit = |limit: profile::Limit| rest::RuleLimit {
        metric: limit.metric,
        side: match limit.side {
            profile::Side::Above => rest::LimitSide::Above,
            profile::Side::AtLeast => rest::LimitSide::AtLeast,
            profile::Side::Below => rest::LimitSide::Below,
        },
        value: limit.value,
        deadband: limit.deadband,
        is_alone: limit.is_alone,
    };
    rest::RuleWay {
        words: way.words.into(),
        for_s: way.for_s,
        severity: rest::SeverityNumber(way.severity),
        limits: way.limits.into_iter().map(limit).collect(),
    }
}

/// Where a rule comes from, the edition with it.
pub(super) fn rule_source(source: &profile::Source) -> rest::RuleSource {
    let edition = source.edition.as_ref().map(|edition| format!(" ({edition})")).unwrap_or_default();
    rest::RuleSource {
        citation_zh: format!("{}{edition}", source.citation.zh),
        citation_en: format!("{}{edition}", source.citation.en),
        confidence: confidence(source.confidence),
    }
}

/// How far a source was checked.
pub(super) const fn confidence(confidence: profile::Confidence) -> rest::Confidence {
    match confidence {
        profile::Confidence::Verified => rest::Confidence::Verified,
        profile::Confidence::Unverified => rest::Confidence::Unverified,
        profile::Confidence::Proposal => rest::Confidence::Proposal,
    }
}

/// The kinds of devices.
pub(super) fn profiles(profiles: &Profiles) -> Vec<rest::Profile> {
    profiles
        .iter()
        .map(|profile| rest::Profile {
            id: profile.id.clone(),
            title_zh: profile.title.zh.clone(),
            title_en: profile.title.en.clone(),
            category: profile.category.clone(),
            nameplate_keys: nameplate_keys(profile),
        })
        .collect()
}

fn nameplate_keys(profile: &profile::Profile) -> Vec<rest::NameplateKey> {
    let key = |key: &str| {
        let needs = |rule: &&profile::Rule| {
            let of_key = |setting: &&profile::Setting| setting.nameplate.as_deref() == Some(key);
            rule.settings().into_iter().filter(of_key).any(|setting| setting.default.is_none())
        };
        let needing: Vec<&profile::Rule> = profile.rules.iter().filter(needs).collect();
        rest::NameplateKey {
            key: key.to_owned(),
            severity: needing.iter().map(|rule| rule.severity).min().map(rest::SeverityNumber),
            needed_by: needing.iter().map(|rule| rule.id.clone()).collect(),
        }
    };
    profile.nameplate_keys().into_iter().map(key).collect()
}

/// A township with its office.
pub(super) fn township(township: &registry::Township, registry: &Registry) -> rest::Township {
    rest::Township {
        code: township.code.clone(),
        name_zh: township.name_zh.clone(),
        name_en: township.name_en.clone(),
        latitude_deg: township.latitude_deg,
        longitude_deg: township.longitude_deg,
        office: registry.office_of(&township.code).map(|office| office.id.clone()),
    }
}

/// An owner as it is read and written.
pub(super) fn owner(owner: &registry::Owner) -> rest::Owner {
    rest::Owner { id: owner.id.clone(), name: owner.name.clone(), phone: owner.phone.clone() }
}

/// A site as it is read and written.
pub(super) fn site(site: &registry::Site) -> rest::Site {
    rest::Site {
        id: site.id.clone(),
        name: site.name.clone(),
        township: site.township.clone(),
        owner: site.owner.clone(),
        address: site.address.clone(),
    }
}

/// A device as it is read and written.
pub(super) fn device_draft(device: &registry::Device) -> rest::DeviceDraft {
    rest::DeviceDraft {
        id: device.id.clone(),
        name: device.name.clone(),
        site: device.site.clone(),
        profile: device.profile.clone(),
        node: device.node.clone(),
        nameplate: device.nameplate.clone(),
    }
}
