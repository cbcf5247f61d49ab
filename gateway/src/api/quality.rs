//! Alarm quality: the figures of EEMUA 191 and ISA-18.2 over a time.

use axum::{Json, extract::State};
use domain::{
    id::{DeviceId, RuleId, TownshipCode},
    quality::{self, Measure, SLOT_MS, TARGETS, Verdict},
    registry::Registry,
    time::UnixMs,
};
use protocol::rest::{
    AlarmQuality, BadActor, DeviceQuality, OfficeQuality, OperatorQuality, QualityDelay, QualityFigures,
    QualityMeasure, QualityMeasureKind, QualityVerdict, TownshipQuality,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, Query, View},
    views,
};

const DAY_MS: i64 = 24 * 3_600_000;
/// The longest time that is counted, in milliseconds: a month.
const RANGE_MS_MAX: i64 = 31 * DAY_MS;

/// Which time, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct QualityQuery {
    /// From then on, inclusive; milliseconds since 1970 UTC. A day before `to_ms` when absent.
    from_ms: Option<i64>,
    /// Up to then, exclusive; at most 31 days later. Now when absent.
    to_ms: Option<i64>,
    /// Only this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
}

/// How well people are served by their alarms: the figures of EEMUA 191 and ISA-18.2 of the caller's jurisdiction.
#[utoipa::path(get, path = "/alarm-quality", tag = "alarms", params(QualityQuery),
    responses((status = 200, body = AlarmQuality), Refusal))]
pub(super) async fn read_alarm_quality(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<QualityQuery>,
) -> Result<Json<AlarmQuality>, ApiError> {
    let to_ms = query.to_ms.unwrap_or_else(|| state.clock.now().wall.0);
    let (from_ms, township) = (query.from_ms.unwrap_or_else(|| to_ms.saturating_sub(DAY_MS)), query.township);
    if !(1..=RANGE_MS_MAX).contains(&to_ms.saturating_sub(from_ms)) {
        return Err(ApiError::invalid_field("to_ms", "it lies after from_ms, by 31 days at most"));
    }
    let range = UnixMs(from_ms)..UnixMs(to_ms);
    let quality = state.store.alarm_quality(&may.scope, township.as_ref(), range).await?;
    let quality = quality
        .ok_or_else(|| ApiError::invalid_field("from_ms", "too much happened in this time: choose a shorter one"))?;
    let registry = state.registrar.current();
    let title = |device: &DeviceId, rule: &RuleId| {
        let profile = registry.device(device).and_then(|device| state.profiles.get(&device.profile));
        profile.and_then(|profile| profile.rule(rule)).map(|rule| rule.title.clone()).unwrap_or_default()
    };
    let bad_actors = quality.bad_actors.iter().map(|actor| {
        let title = title(&actor.device, &actor.rule);
        BadActor {
            device: actor.device.clone(),
            device_name: name_of(&registry, &actor.device),
            rule: actor.rule.clone(),
            title_zh: title.zh,
            title_en: title.en,
            call_count: actor.call_count,
            share_percent: actor.share_percent,
            chatter_count: actor.chatter_count,
            fleeting_count: actor.fleeting_count,
        }
    });
    Ok(Json(AlarmQuality {
        from_ms,
        to_ms,
        bad_actors: bad_actors.collect(),
        measures: measures(|measure| Some(quality.measured(measure))),
        whole: figures(&quality.whole),
        slot_ms: SLOT_MS,
        operators: quality.operators.iter().map(operator).collect(),
        offices: quality
            .offices
            .iter()
            .map(|(id, of_office)| OfficeQuality {
                office: id.clone(),
                measures: measures(|measure| of_office.measured(measure)),
                figures: figures(of_office),
            })
            .collect(),
        townships: quality
            .townships
            .iter()
            .map(|(code, of_township)| TownshipQuality {
                township: code.clone(),
                measures: measures(|measure| of_township.measured(measure)),
                figures: figures(of_township),
            })
            .collect(),
        devices: quality
            .devices
            .iter()
            .map(|(id, of_device)| DeviceQuality {
                device: id.clone(),
                device_name: name_of(&registry, id),
                figures: figures(of_device),
            })
            .collect(),
        slots: quality.slots,
    }))
}

/// What people call a device; its id, when it is no longer registered.
fn name_of(registry: &Registry, id: &DeviceId) -> String {
    registry.device(id).map_or_else(|| id.to_string(), |device| device.name.clone())
}

fn operator(of: &quality::Operator) -> OperatorQuality {
    OperatorQuality { operator: of.name.clone(), acknowledge: delay(of.acknowledge), close: delay(of.close) }
}

const fn delay(delay: quality::Delay) -> QualityDelay {
    QualityDelay { count: delay.count, mean_s: delay.mean_s, median_s: delay.median_s }
}

fn figures(of: &quality::Figures) -> QualityFigures {
    QualityFigures {
        call_count: of.call_count,
        per_10_min_mean: of.per_10_min_mean,
        per_10_min_peak: of.per_10_min_peak,
        flood_percent: of.flood_percent,
        by_severity: of.by_severity,
        fleeting_count: of.fleeting_count,
        chattering_count: of.chattering_count,
        standing_count: of.standing_count,
        shelved_count: of.shelved_count,
        stale_count: of.stale_count,
        acknowledge: delay(of.acknowledge),
        close: delay(of.close),
    }
}

/// What has a target, judged; `measured` says what each came to, None: it is no figure of this post.
fn measures(measured: impl Fn(Measure) -> Option<f64>) -> Vec<QualityMeasure> {
    TARGETS
        .iter()
        .filter_map(|target| {
            let value = measured(target.measure)?;
            Some(QualityMeasure {
                measure: kind(target.measure),
                value,
                target: target.target,
                worst: target.worst,
                verdict: match target.verdict(value) {
                    Verdict::Good => QualityVerdict::Good,
                    Verdict::Tolerable => QualityVerdict::Tolerable,
                    Verdict::Bad => QualityVerdict::Bad,
                },
                confidence: views::confidence(target.confidence),
            })
        })
        .collect()
}

const fn kind(measure: Measure) -> QualityMeasureKind {
    match measure {
        Measure::Per10MinMean => QualityMeasureKind::Per10MinMean,
        Measure::Per10MinPeak => QualityMeasureKind::Per10MinPeak,
        Measure::FloodPercent => QualityMeasureKind::FloodPercent,
        Measure::Top10Percent => QualityMeasureKind::Top10Percent,
        Measure::Chattering => QualityMeasureKind::Chattering,
        Measure::Fleeting => QualityMeasureKind::Fleeting,
        Measure::Stale => QualityMeasureKind::Stale,
        Measure::Standing => QualityMeasureKind::Standing,
        Measure::Shelved => QualityMeasureKind::Shelved,
        Measure::GravePercent => QualityMeasureKind::GravePercent,
    }
}
