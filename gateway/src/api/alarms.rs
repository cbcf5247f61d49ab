//! Alarms: list, groups and detail. What is open is listed from memory in the order of need
//! (docs/decisions/2026-11-26-open-alarms-are-listed-from-memory.md), what is over from the store, newest first.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use domain::{
    alarm::{Attention, Precedence, Severity},
    id::{AlarmId, DeviceId, NodeId, RuleId, SiteId, TownshipCode},
    registry::Registry,
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
use crate::{live::open, store::AlarmFilter};

/// Alarms of a page when the caller asks for no number.
const PAGE: u32 = 100;
/// The longest page.
const PAGE_MAX: u32 = 500;
/// Open alarms that are looked through at a time for what their order does not tell: a millisecond of work.
const PORTION: usize = 2000;
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
    /// Only devices of this edge node; for open alarms.
    #[param(value_type = Option<String>)]
    edge: Option<NodeId>,
    /// Only this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// Only this rule.
    #[param(value_type = Option<String>)]
    rule: Option<RuleId>,
    /// Only where title, cause, device or site hold all of these words, at most 100 characters; for open alarms.
    search: Option<String>,
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
    let words = search_words(query.search.as_deref())?;
    let registry = state.registrar.current();
    let part = open::Part { attentions, severities, township: query.township.clone() };
    let mut after = query.after.map_or(Precedence::FIRST, Precedence::from_number);
    // One more than asked for tells whether there is a next page. What the order does not tell is looked at here, portion by
    // portion, so that the live stream need not wait for a search.
    let enough = limit as usize + 1;
    let portion = if query.is_narrow() || !words.is_empty() { PORTION } else { enough };
    let mut alarms: Vec<Arc<Alarm>> = Vec::new();
    loop {
        let candidates = state.live.alarms(&may.scope, &part, after, portion);
        let is_last = candidates.len() < portion;
        after = candidates.last().map_or(after, |alarm| open::precedence(alarm));
        for alarm in candidates.into_iter().filter(|alarm| is_wanted(alarm, &query, &words, &registry)) {
            // Somebody may have answered it between two portions, and moved it from the one to the other.
            alarms.retain(|known| known.id != alarm.id);
            alarms.push(alarm);
            if alarms.len() == enough {
                break;
            }
        }
        if is_last || alarms.len() == enough {
            break;
        }
        tokio::task::yield_now().await;
    }
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
    for (field, is_there) in [("edge", query.edge.is_some()), ("search", query.search.is_some())] {
        if is_there {
            return Err(ApiError::invalid_field(field, "only open alarms can be chosen by it"));
        }
    }
    let filter = AlarmFilter {
        is_open: (query.state == AlarmSelection::Closed).then_some(false),
        severities,
        township: query.township,
        site: query.site,
        device: query.device,
        rule: query.rule,
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
    let profile = registry.device(&record.alarm.device).and_then(|device| state.profiles.get(&device.profile));
    let rule = profile.and_then(|profile| profile.rule(&record.alarm.rule));
    let watched = rule.and_then(|rule| rule.condition.metric()).map(ToString::to_string);
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
        source: rule.map(|rule| views::rule_source(&rule.source)),
        rule_version: record.rule_version,
        guidance_zh: rule.map(|rule| rule.guidance.zh.clone()).unwrap_or_default(),
        guidance_en: rule.map(|rule| rule.guidance.en.clone()).unwrap_or_default(),
    }))
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

/// Whether an open alarm is among those asked for, as far as its place in the order does not say.
fn is_wanted(alarm: &Alarm, query: &AlarmQuery, words: &[String], registry: &Registry) -> bool {
    let is_of_edge = |edge: &NodeId| registry.device(&alarm.device).is_some_and(|device| device.node == *edge);
    query.site.as_ref().is_none_or(|site| alarm.site == *site)
        && query.device.as_ref().is_none_or(|device| alarm.device == *device)
        && query.rule.as_ref().is_none_or(|rule| alarm.rule == *rule)
        && query.edge.as_ref().is_none_or(is_of_edge)
        && (words.is_empty() || holds(alarm, words))
}

fn holds(alarm: &Alarm, words: &[String]) -> bool {
    let told = [
        alarm.device.as_str(),
        &alarm.device_name,
        &alarm.site_name,
        &alarm.title_zh,
        &alarm.title_en,
        alarm.rule.as_str(),
        &alarm.cause_zh,
        &alarm.cause_en,
    ];
    words.iter().all(|word| told.iter().any(|text| contains(text, word)))
}

/// Whether a text holds a word in lower case, whatever the text's own case is. Most of what is looked through has none, or is
/// in the letters of ASCII, which can be compared where they stand.
fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() {
        return text.as_bytes().windows(word.len().max(1)).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    }
    text.contains(word) || text.chars().any(char::is_uppercase) && text.to_lowercase().contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        assert!(contains("Cold store A", "store a") && contains("冷库 A1", "a1") && !contains("冷库", "库房"));
        assert!(
            !contains("Cold", "cold store")
                && !contains("", "a")
                && !contains("EL-04", "梯")
                && contains("El-04", "l-0")
        );
    }

    #[test]
    fn severities_are_numbers_with_commas() {
        assert_eq!(severities(None).unwrap(), []);
        assert_eq!(severities(Some("2, 1,2")).unwrap(), [Severity::I, Severity::II]);
        for wrong in ["", "0", "5", "I", "1,"] {
            assert!(severities(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
