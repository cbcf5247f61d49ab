//! Readings to take away, as a file that is written while it is sent.

mod running;

use std::{ops::Range, sync::Arc};

use axum::{
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use domain::{
    id::{DeviceId, MetricName, OwnerId, TownshipCode},
    profile::Profiles,
    registry::Registry,
    time::UnixMs,
};
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use self::running::{Note, Running};
use super::{
    AppState, covered_device,
    error::{ApiError, Refusal},
    extract::{May, Query, View},
    views,
};
use crate::{
    export::{Common, CsvFlavour, CsvWriter, ParquetWriter, Writer},
    store::{Scope, Selection, SeriesLabel},
};

/// The longest range, in milliseconds: a leap year.
const RANGE_MS_MAX: i64 = 366 * 24 * 3600 * 1000;
/// Exports at the same time: each reads as fast as its client takes, and everybody else still gets connections of the
/// store's four.
const AT_ONCE: usize = 2;

/// Exports that may run at the same time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exports(Arc<Semaphore>);

impl Default for Exports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// Comma-separated text.
    Csv,
    /// Comma-separated text for Excel: with a byte-order mark, and nothing in it is taken for a formula.
    Excel,
    /// Apache Parquet.
    Parquet,
}

/// What to take.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    /// The kind of file.
    #[param(inline)]
    format: Format,
    /// Start, inclusive: milliseconds since 1970 UTC.
    from_ms: i64,
    /// End, exclusive; at most 366 days later.
    to_ms: i64,
    /// Only this device. At most one of `device`, `township` and `owner`; without, all of the caller's jurisdiction.
    #[param(value_type = Option<String>)]
    device: Option<DeviceId>,
    /// Only this metric; with `device`.
    #[param(value_type = Option<String>)]
    metric: Option<MetricName>,
    /// Only devices of this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
    /// Only devices of this owner.
    #[param(value_type = Option<String>)]
    owner: Option<OwnerId>,
}

/// Readings as a file: one row each, by device, metric and event time.
#[utoipa::path(get, path = "/export", tag = "devices", params(ExportQuery),
    responses((status = 200, description = "The file.", body = Vec<u8>, content_type = "text/csv"), Refusal))]
pub(super) async fn export_readings(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let range = checked_range(&query)?;
    let registry = state.registrar.current();
    let (selection, name) = selected(&query, &may.scope, &registry)?;
    let permit = Arc::clone(&state.exports.0).try_acquire_owned().map_err(|_| {
        ApiError::unavailable("other exports are under way; try again in a moment", "其他导出正在进行，请稍后重试")
    })?;
    let mut labels = state.store.series_to_export(&may.scope, &selection).await?;
    labels.retain(|label| query.metric.as_ref().is_none_or(|metric| *metric == label.metric));
    let series = labels.into_iter().map(|label| (common_of(&label, &registry, &state.profiles), label)).collect();
    let (writer, media_type, ending) = match query.format {
        Format::Csv => (Writer::Csv(CsvWriter::new(CsvFlavour::Plain)), "text/csv; charset=utf-8", "csv"),
        Format::Excel => (Writer::Csv(CsvWriter::new(CsvFlavour::Excel)), "text/csv; charset=utf-8", "csv"),
        Format::Parquet => {
            let writer = ParquetWriter::new().map_err(|error| ApiError::internal(&error))?;
            (Writer::Parquet(Box::new(writer)), "application/vnd.apache.parquet", "parquet")
        }
    };
    let detail = format!("{ending} {name} [{}, {}) ms", query.from_ms, query.to_ms);
    let note = Note { store: state.store.clone(), clock: state.clock, actor: may.scope.username().to_string(), name };
    // Before the first byte: nobody takes anything without a trace. A second entry says how much it was.
    note.write("readings.export", detail.clone()).await?;
    let file_name = format!("brightwatch-{}-{}.{ending}", query.from_ms, query.to_ms);
    let running = Running { store: state.store, token: may.token, range, rest: series, writer, note, detail, permit };
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{file_name}\""));
    let disposition = disposition.map_err(|error| ApiError::internal(&error))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CONTENT_DISPOSITION, disposition),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, running.into_body()).into_response())
}

fn checked_range(query: &ExportQuery) -> Result<Range<UnixMs>, ApiError> {
    if query.from_ms >= query.to_ms {
        return Err(ApiError::invalid_field("to_ms", "it must be later than `from_ms`"));
    }
    if query.to_ms.saturating_sub(query.from_ms) > RANGE_MS_MAX {
        return Err(ApiError::invalid_field("to_ms", "it may be at most 366 days later than `from_ms`"));
    }
    Ok(UnixMs(query.from_ms)..UnixMs(query.to_ms))
}

/// What is asked for, and what the audit log calls it. What the person sees no device of is not there.
fn selected(query: &ExportQuery, scope: &Scope, registry: &Registry) -> Result<(Selection, String), ApiError> {
    let is_seen = |township: Option<&TownshipCode>, owner: Option<&OwnerId>| {
        registry.devices_with_places().any(|(_, place)| {
            scope.covers(Some(place))
                && township.is_none_or(|code| *code == place.township)
                && owner.is_none_or(|id| *id == place.owner)
        })
    };
    if query.metric.is_some() && query.device.is_none() {
        return Err(ApiError::invalid_field("metric", "it needs `device`"));
    }
    match (&query.device, &query.township, &query.owner) {
        (Some(id), None, None) => {
            covered_device(scope, registry, id)?;
            let metric = query.metric.as_ref().map(|metric| format!(" {metric}")).unwrap_or_default();
            Ok((Selection::Device(id.clone()), format!("device {id}{metric}")))
        }
        (None, Some(code), None) if is_seen(Some(code), None) => {
            Ok((Selection::Township(code.clone()), format!("township {code}")))
        }
        (None, None, Some(id)) if is_seen(None, Some(id)) => Ok((Selection::Owner(id.clone()), format!("owner {id}"))),
        (None, None, None) => Ok((Selection::Everything, "everything in the jurisdiction".into())),
        (None, Some(_), None) | (None, None, Some(_)) => Err(ApiError::not_found()),
        _ => Err(ApiError::invalid_field("device", "at most one of `device`, `township` and `owner` is possible")),
    }
}

fn common_of(label: &SeriesLabel, registry: &Registry, profiles: &Profiles) -> Common {
    let profile = registry.device(&label.device).and_then(|device| profiles.get(&device.profile));
    Common {
        device: label.device.to_string(),
        device_name: label.device_name.clone(),
        site_name: label.site_name.clone(),
        metric: label.metric.to_string(),
        unit: views::unit(profile, &label.metric).to_owned(),
    }
}
