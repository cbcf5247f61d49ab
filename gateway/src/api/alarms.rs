//! Alarms: list, groups and detail. What is open is listed from memory in the order of need
//! (docs/decisions/2026-11-26-open-alarms-are-listed-from-memory.md), what is over from the store, newest first.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use domain::{
    alarm::{Attention, Precedence, Severity},
    id::{AlarmId, DeviceId, NodeId, RuleId, SiteId, TownshipCode},
    registry::Registry,
    time::UnixMs,
};
use protocol::rest::{Alarm, AlarmDetail, AlarmGrouping, AlarmGroups, AlarmPage, ClimbingAlarm, Point};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{May, Path, Query, View},
    views,
};
use crate::{
    live::open,
    store::{AlarmFilter, AlarmRecord},
};

/// Alarms of a page when the caller asks for no number.
const PAGE: u32 = 100;
/// The longest page.
const PAGE_MAX: u32 = 500;
const DAY_MS: i64 = 24 * 3_600_000;
/// The longest time over which closed alarms are searched, in milliseconds: a quarter, 100 000 alarms in a second.
const SEARCHED_MS_MAX: i64 = 92 * DAY_MS;
/// The longest text to search for, in characters.
const SEARCH_MAX: usize = 100;
/// Alarms climb soon when they do so within as many seconds: time enough to answer what is on screen.
const CLIMBING_WITHIN_S: u32 = 600;

/// Which alarms, by where they stand in their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AlarmSelection {
    /// Those that are not closed.
    #[default]
    Open,
    /// Those that are not closed and wait for an answer.
    Waiting,
    /// Those that are not closed and call somebody: neither shelved, nor suppressed, nor out of service.
    Calling,
    /// Those that are shelved, suppressed or out of service.
    SetAside,
    /// Those that are over.
    Closed,
    /// Open and closed ones.
    All,
}

impl AlarmSelection {
    /// What such open alarms ask of people; None: they are not only open ones.
    fn attentions(self) -> Option<Vec<Attention>> {
        match self {
            Self::Open => Some(Attention::OPEN.into()),
            Self::Waiting => Some(vec![Attention::Waiting]),
            Self::Calling => Some(vec![Attention::Waiting, Attention::Answered]),
            Self::SetAside => Some(vec![Attention::SetAside]),
            Self::Closed | Self::All => None,
        }
    }
}

/// Which alarms to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmQuery {
    /// `open` when absent.
    #[serde(default)]
    #[param(inline)]
    state: AlarmSelection,
    /// Only these severities, 1 (I) to 4 (IV), with commas between: `1,2`.
    severity: Option<String>,
    /// Only this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
    /// Only this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteId>,
    /// Only devices of this edge node.
    #[param(value_type = Option<String>)]
    edge: Option<NodeId>,
    /// Only this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// Only this rule.
    #[param(value_type = Option<String>)]
    rule: Option<RuleId>,
    /// Only where title, cause, device or site hold all of these words, at most 100 characters. With closed alarms only
    /// together with `from_ms`, and over at most 92 days.
    search: Option<String>,
    /// Only raised from then on, milliseconds since 1970 UTC; with closed alarms.
    from_ms: Option<i64>,
    /// Only raised before then; with closed alarms. Now when absent.
    to_ms: Option<i64>,
    /// Only what follows in the list: `next_after` of the page before.
    after: Option<i64>,
    /// How many at most; 1 to 500, 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl AlarmQuery {
    /// Whether it asks for less than a part of the order.
    const fn is_narrow(&self) -> bool {
        self.site.is_some() || self.edge.is_some() || self.device.is_some() || self.rule.is_some()
    }
}

/// Alarms of the caller's jurisdiction. Open ones: who waits for an answer first, the gravest of these first, the newest
/// of those first. With closed ones: newest first.
#[utoipa::path(get, path = "/alarms", tag = "alarms", params(AlarmQuery),
    responses((status = 200, body = AlarmPage), Refusal))]
pub(super) async fn list_alarms(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<AlarmQuery>,
) -> Result<Json<AlarmPage>, ApiError> {
    let severities = severities(query.severity.as_deref())?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid_field("limit", format!("1 to {PAGE_MAX} are possible")));
    }
    let Some(attentions) = query.state.attentions() else {
        return list_past(&state, &may, query, severities, limit).await.map(Json);
    };
    for (field, is_there) in [("from_ms", query.from_ms.is_some()), ("to_ms", query.to_ms.is_some())] {
        if is_there {
            return Err(ApiError::invalid_field(field, "only with closed alarms"));
        }
    }
    let words = search_words(query.search.as_deref())?;
    let registry = state.registrar.current();
    let part = open::Part { attentions, severities, township: query.township.clone() };
    let after = query.after.map_or(Precedence::FIRST, Precedence::from_number);
    // One more than asked for tells whether there is a next page.
    let enough = limit as usize + 1;
    let mut alarms = if query.is_narrow() || !words.is_empty() {
        let is_wanted = |alarm: &Alarm, told: &str| {
            words.iter().all(|word| told.contains(word.as_str())) && is_wanted(alarm, &query, &registry)
        };
        state.live.find_alarms(&may.scope, &part, after, enough, is_wanted)
    } else {
        state.live.alarms(&may.scope, &part, after, enough)
    };
    let has_more = alarms.len() > limit as usize;
    alarms.truncate(limit as usize);
    let next_after = alarms.last().filter(|_| has_more).map(|alarm| open::precedence(alarm).number());
    Ok(Json(AlarmPage { alarms: alarms.iter().map(|alarm| Alarm::clone(alarm)).collect(), next_after }))
}

/// Closed alarms, alone or with the open ones. The cursor is the number of the last one, negative because they fall.
async fn list_past(
    state: &AppState,
    may: &May<View>,
    query: AlarmQuery,
    severities: Vec<Severity>,
    limit: u32,
) -> Result<AlarmPage, ApiError> {
    let words = search_words(query.search.as_deref())?;
    let now_ms = state.clock.now().wall.0;
    let length_ms = query.from_ms.map(|from_ms| query.to_ms.unwrap_or(now_ms).saturating_sub(from_ms));
    if length_ms.is_some_and(|length_ms| length_ms < 1) {
        return Err(ApiError::invalid_field("to_ms", "it lies after from_ms"));
    }
    if !words.is_empty() && length_ms.is_none_or(|length_ms| length_ms > SEARCHED_MS_MAX) {
        let right =
            format!("alarms that are over are searched over at most {} days: say which", SEARCHED_MS_MAX / DAY_MS);
        return Err(ApiError::invalid_field("from_ms", right));
    }
    let filter = AlarmFilter {
        is_open: (query.state == AlarmSelection::Closed).then_some(false),
        severities,
        township: query.township,
        site: query.site,
        device: query.device,
        rule: query.rule,
        edge: query.edge,
        words,
        from: query.from_ms.map(UnixMs),
        to: query.to_ms.map(UnixMs),
        before: query.after.map(|after| AlarmId(after.saturating_neg())),
        limit,
    };
    let (alarms, has_more) = state.store.alarms(&may.scope, &filter).await?;
    let next_after = alarms.last().filter(|_| has_more).map(|alarm| -alarm.id.0);
    Ok(AlarmPage { alarms, next_after })
}

/// What to gather by, and which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupQuery {
    /// By what.
    #[param(inline)]
    by: AlarmGrouping,
    /// `open` when absent; `closed` and `all` are not possible.
    #[serde(default)]
    #[param(inline)]
    state: AlarmSelection,
    /// Only these severities, 1 (I) to 4 (IV), with commas between: `1,2`.
    severity: Option<String>,
    /// Only this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
}

/// Open alarms of the caller's jurisdiction, gathered by site, edge node or rule; the group that needs people first first.
#[utoipa::path(get, path = "/alarms/groups", tag = "alarms", params(GroupQuery),
    responses((status = 200, body = AlarmGroups), Refusal))]
pub(super) async fn list_alarm_groups(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<GroupQuery>,
) -> Result<Json<AlarmGroups>, ApiError> {
    let Some(attentions) = query.state.attentions() else {
        return Err(ApiError::invalid_field("state", "only open alarms are gathered"));
    };
    let part = open::Part { attentions, severities: severities(query.severity.as_deref())?, township: query.township };
    Ok(Json(state.live.alarm_groups(&may.scope, &part, query.by, &state.registrar.current())))
}

/// Which alarms that climb.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ClimbingQuery {
    /// Told further up within so many seconds; 1 to 86400, 600 when absent.
    #[param(minimum = 1, maximum = 86400)]
    within_s: Option<u32>,
}

/// Unanswered alarms of the caller's jurisdiction that are told further up soon, the soonest first; 500 at most.
#[utoipa::path(get, path = "/alarms/climbing", tag = "alarms", params(ClimbingQuery),
    responses((status = 200, body = Vec<ClimbingAlarm>), Refusal))]
pub(super) async fn list_climbing_alarms(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<ClimbingQuery>,
) -> Result<Json<Vec<ClimbingAlarm>>, ApiError> {
    let within_s = query.within_s.unwrap_or(CLIMBING_WITHIN_S);
    if !(1..=86_400).contains(&within_s) {
        return Err(ApiError::invalid_field("within_s", "1 to 86400 are possible"));
    }
    let until = state.clock.now().wall.plus_ms(i64::from(within_s) * 1000);
    Ok(Json(state.store.climbing(&may.scope, until, PAGE_MAX).await?))
}

/// An alarm with everything that happened to it.
#[utoipa::path(get, path = "/alarms/{id}", tag = "alarms",
    params(("id" = i64, Path, description = "The alarm's number.")),
    responses((status = 200, body = AlarmDetail), Refusal))]
pub(super) async fn read_alarm(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<AlarmId>,
) -> Result<Json<AlarmDetail>, ApiError> {
    let mut record = state.store.alarm(&may.scope, id).await?.ok_or_else(ApiError::not_found)?;
    // Chattering is known in memory alone.
    record.alarm.chattered_at_ms = state.live.alarm(&may.scope, id).and_then(|alarm| alarm.chattered_at_ms);
    let registry = state.registrar.current();
    let then = rule_then(&state, &registry, &record).await?;
    let rule = then.as_ref().map(|(rule, _)| rule);
    let watched = rule.and_then(|rule| rule.metric.as_ref()).map(ToString::to_string);
    let (metric, cause) = match record.cause {
        Some((metric, reading)) => (Some(metric.to_string()), Some(Point::from(&reading))),
        None => (watched, None),
    };
    Ok(Json(AlarmDetail {
        alarm: record.alarm,
        history: record.history,
        escalations: state.store.escalations(id).await?,
        next_rung: state.store.next_rung(id).await?,
        case: state.store.case_of_alarm(id, state.clock.now().wall).await?,
        similar: record.similar,
        cause,
        metric,
        source: rule.map(|rule| rule.source.clone()),
        rule_version: record.rule_version,
        guidance_zh: rule.map(|rule| rule.guidance_zh.clone()).unwrap_or_default(),
        guidance_en: rule.map(|rule| rule.guidance_en.clone()).unwrap_or_default(),
        is_rule_changed: then.as_ref().is_some_and(|(_, is_changed)| *is_changed),
        rule_then: then.map(|(rule, _)| rule),
    }))
}

/// The rule as it stood when it raised an alarm, and whether it is judged otherwise now. None: it is no longer there.
async fn rule_then(
    state: &AppState,
    registry: &Registry,
    record: &AlarmRecord,
) -> Result<Option<(protocol::rest::Rule, bool)>, ApiError> {
    let alarm = &record.alarm;
    let Some(device) = registry.device(&alarm.device) else { return Ok(None) };
    let Some(profile) = state.profiles.get(&device.profile) else { return Ok(None) };
    let Some(now) = registry.rule_on(profile, device, &alarm.rule) else { return Ok(None) };
    let wording = match record.rule_version.filter(|version| now.version != Some(*version)) {
        Some(version) => state.store.rule_wording(&profile.id, &alarm.rule, version).await?,
        None => None,
    };
    // What was written for metrics that have gone cannot be read any more: then the rule of today has to do.
    let then = wording.and_then(|text| profile.parse_rule(&text).ok());
    let then = then.map(|then| domain::profile::Rule { version: record.rule_version, ..then });
    let nameplate = state.store.nameplate_at(&device.id, UnixMs(alarm.raised_at_ms)).await?;
    let nameplate = nameplate.as_ref().unwrap_or(&device.nameplate);
    let rule = views::rule(profile, then.as_ref().unwrap_or(now), nameplate);
    let is_changed = then.is_some() || rule.ways != views::rule(profile, now, &device.nameplate).ways;
    Ok(Some((rule, is_changed)))
}

/// `1,2` as severities; nothing as all of them.
fn severities(text: Option<&str>) -> Result<Vec<Severity>, ApiError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let parse = |part: &str| part.trim().parse().ok().and_then(Severity::from_u8);
    let severities: Option<BTreeSet<Severity>> = text.split(',').map(parse).collect();
    let wrong = || ApiError::invalid_field("severity", "it is a number from 1 to 4, or several with commas between");
    severities.map(|severities| severities.into_iter().collect()).ok_or_else(wrong)
}

fn search_words(text: Option<&str>) -> Result<Vec<String>, ApiError> {
    let text = text.unwrap_or_default();
    if text.chars().count() > SEARCH_MAX {
        return Err(ApiError::invalid_field("search", format!("at most {SEARCH_MAX} characters")));
    }
    Ok(text.to_lowercase().split_whitespace().map(str::to_owned).collect())
}

/// Whether an open alarm is among those asked for, as far as neither its place in the order nor its words say.
fn is_wanted(alarm: &Alarm, query: &AlarmQuery, registry: &Registry) -> bool {
    let is_of_edge = |edge: &NodeId| registry.device(&alarm.device).is_some_and(|device| device.node == *edge);
    query.site.as_ref().is_none_or(|site| alarm.site == *site)
        && query.device.as_ref().is_none_or(|device| alarm.device == *device)
        && query.rule.as_ref().is_none_or(|rule| alarm.rule == *rule)
        && query.edge.as_ref().is_none_or(is_of_edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_numbers_with_commas() {
        assert_eq!(severities(None).unwrap(), []);
        assert_eq!(severities(Some("2, 1,2")).unwrap(), [Severity::I, Severity::II]);
        for wrong in ["", "0", "5", "I", "1,"] {
            assert!(severities(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
