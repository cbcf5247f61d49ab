//! Alarms as people read them, within a scope, and as a start does. What happens to them is written by `transition`.

use domain::{
    alarm::{Call, OpenAlarm, RECALL_MS, SetAside, Severity},
    id::{AlarmId, DeviceId, MetricName, NodeId, RuleId, SiteId, TownshipCode},
    reading::Reading,
    text::Text,
    time::UnixMs,
};
use protocol::rest::{self, SeverityNumber};
use sqlx::any::AnyRow;

use super::{
    Store,
    error::StoreError,
    row::Columns,
    scope::Scope,
    select::{Bound, Select},
};

/// Calls that a start takes up: three of each of the sources that are followed would be more, and are no flood of minutes.
const CALLS_MAX: i64 = 100_000;
/// The longest page of alarms.
const PAGE_MAX: u32 = 500;

/// An alarm joined with the names of its place. A removed device keeps its row, so that its alarms stay visible.
pub(super) const SELECT_ALARM: &str = "SELECT alarm.*, device.name AS device_name, site.id AS site_id, \
     site.name AS site_name, site.township_code \
     FROM alarm JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id";

/// What is searched: what people see of an alarm. Both engines lower the letters of ASCII; other letters that have a case are
/// not in use here.
const SEARCHED: &str = "(LOWER(alarm.title_zh || ' ' || alarm.title_en || ' ' || alarm.cause_zh || ' ' || \
     alarm.cause_en || ' ' || alarm.rule_id || ' ' || alarm.device_id || ' ' || device.name || ' ' || site.name) LIKE ";

/// A word as a pattern in which nothing has a meaning of its own.
fn like(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Which alarms to list. Everything that is None does not narrow the list.
#[derive(Debug, Clone, Default)]
pub struct AlarmFilter {
    /// Open or closed ones only.
    pub is_open: Option<bool>,
    /// Of these severities only; empty: of any.
    pub severities: Vec<Severity>,
    /// In this township only.
    pub township: Option<TownshipCode>,
    /// At this site only.
    pub site: Option<SiteId>,
    /// Of this device only.
    pub device: Option<DeviceId>,
    /// Of this rule only.
    pub rule: Option<RuleId>,
    /// Of devices of this edge node only.
    pub edge: Option<NodeId>,
    /// Whose title, cause, device or site hold each of these words, in lower case.
    pub words: Vec<String>,
    /// Raised from then on only, by event time.
    pub from: Option<UnixMs>,
    /// Raised before then only.
    pub to: Option<UnixMs>,
    /// Older than this one only: the page after the one that ended with it.
    pub before: Option<AlarmId>,
    /// At most so many, 1 to 500.
    pub limit: u32,
}

/// An alarm with everything that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmRecord {
    /// The list entry.
    pub alarm: rest::Alarm,
    /// What happened, oldest first.
    pub history: Vec<rest::AlarmEvent>,
    /// The metric and the reading that raised it; None: a timer or the device's link did.
    pub cause: Option<(MetricName, Reading)>,
    /// Which wording of its rule raised it; None: raised before they were counted.
    pub rule_version: Option<u32>,
    /// The last ones of the same rule on the same device that are over, newest first.
    pub similar: Vec<rest::SimilarAlarm>,
}

impl Store {
    /// A page of alarms, newest first, and whether there are older ones.
    pub async fn alarms(&self, scope: &Scope, filter: &AlarmFilter) -> Result<(Vec<rest::Alarm>, bool), StoreError> {
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let mut select = Select::new(SELECT_ALARM);
        select.within(scope);
        if let Some(is_open) = filter.is_open {
            select.and(if is_open { "alarm.closed_at_ms IS NULL" } else { "alarm.closed_at_ms IS NOT NULL" });
        }
        if !filter.severities.is_empty() {
            let numbers = filter.severities.iter().map(|severity| Bound::Number(i64::from(*severity as u8)));
            select.and_one_of("alarm.severity", numbers);
        }
        if let Some(township) = &filter.township {
            select.and_equals("site.township_code", Bound::Text(township.as_str().into()));
        }
        if let Some(site) = &filter.site {
            select.and_equals("device.site_id", Bound::Text(site.as_str().into()));
        }
        if let Some(device) = &filter.device {
            select.and_equals("alarm.device_id", Bound::Text(device.as_str().into()));
        }
        if let Some(rule) = &filter.rule {
            select.and_equals("alarm.rule_id", Bound::Text(rule.as_str().into()));
        }
        if let Some(edge) = &filter.edge {
            select.and_equals("device.node_id", Bound::Text(edge.as_str().into()));
        }
        if let Some(from) = filter.from {
            select.and_from("alarm.raised_at_ms", Bound::Number(from.0));
        }
        if let Some(to) = filter.to {
            select.and_below("alarm.raised_at_ms", Bound::Number(to.0));
        }
        for word in &filter.words {
            select.and_with([SEARCHED, " ESCAPE '\\')"], &[Bound::Text(like(word))]);
        }
        if let Some(before) = filter.before {
            select.and_below("alarm.id", Bound::Number(before.0));
        }
        // One more than asked for tells whether there is a next page. Of a stretch of time only that is read, by its index: in
        // the order of the numbers everything newer would be gone through first.
        let order =
            if filter.from.is_some() { "ORDER BY alarm.id + 0 DESC LIMIT" } else { "ORDER BY alarm.id DESC LIMIT" };
        select.finish(order, Bound::Number(i64::from(limit) + 1));

        let rows = select.fetch_all(self.readers(), "listing alarms").await?;
        let mut alarms: Vec<rest::Alarm> = rows.iter().map(alarm_of).collect::<Result<_, _>>()?;
        let has_more = alarms.len() > limit as usize;
        alarms.truncate(limit as usize);
        Ok((alarms, has_more))
    }

    /// Whether there is such an alarm in the scope, open or over.
    pub async fn has_alarm(&self, scope: &Scope, id: AlarmId) -> Result<bool, StoreError> {
        let mut select = Select::new(
            "SELECT alarm.id FROM alarm JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id",
        );
        select.within(scope).and_equals("alarm.id", Bound::Number(id.0));
        Ok(!select.fetch_all(self.readers(), "looking an alarm up").await?.is_empty())
    }

    /// One alarm; None when there is none or it is not in the scope.
    pub async fn alarm(&self, scope: &Scope, id: AlarmId) -> Result<Option<AlarmRecord>, StoreError> {
        const OPERATION: &str = "reading an alarm";
        let mut select = Select::new(SELECT_ALARM);
        select.within(scope).and_equals("alarm.id", Bound::Number(id.0));
        let Some(row) = select.fetch_all(self.readers(), OPERATION).await?.into_iter().next() else {
            return Ok(None);
        };
        let events = sqlx::query("SELECT * FROM alarm_event WHERE alarm_id = $1 ORDER BY number")
            .bind(id.0)
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        let metric: Option<MetricName> = row.id_or_none("cause_metric")?;
        let reading = row.reading_or_none("cause_reading")?;
        let alarm = alarm_of(&row)?;
        let similar = self.similar_alarms(&alarm).await?;
        Ok(Some(AlarmRecord {
            alarm,
            similar,
            history: events.iter().map(event_of).collect::<Result<_, _>>()?,
            cause: metric.zip(reading),
            rule_version: row.get_as::<Option<i64>>("rule_version")?.and_then(|version| u32::try_from(version).ok()),
        }))
    }
}

/// All open alarms, for the engine at start.
pub(super) async fn load_open(store: &Store) -> Result<(Vec<OpenAlarm>, AlarmId), StoreError> {
    const OPERATION: &str = "reading the open alarms";
    let rows = sqlx::query("SELECT * FROM alarm WHERE closed_at_ms IS NULL ORDER BY id")
        .fetch_all(store.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
    let open = rows.iter().map(open_alarm_of).collect::<Result<_, _>>()?;
    let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS next_id FROM alarm")
        .fetch_one(store.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
    Ok((open, AlarmId(row.get_as("next_id")?)))
}

/// When conditions came within the last minutes of the last process, in their order: the newest [`CALLS_MAX`].
pub(super) async fn load_calls(store: &Store) -> Result<Vec<Call>, StoreError> {
    let rows = sqlx::query(
        "SELECT alarm_event.alarm_id, alarm_event.at_ms, alarm.device_id, alarm.rule_id FROM alarm_event \
         JOIN alarm ON alarm.id = alarm_event.alarm_id WHERE alarm_event.what IN ('raised', 'reoccurred') \
         AND alarm_event.at_ms > (SELECT COALESCE(MAX(at_ms), 0) FROM alarm_event) - $1 \
         ORDER BY alarm_event.at_ms DESC, alarm_event.alarm_id DESC, alarm_event.number DESC LIMIT $2",
    )
    .bind(RECALL_MS.cast_signed())
    .bind(CALLS_MAX)
    .fetch_all(store.readers())
    .await
    .map_err(StoreError::read("reading the latest calls"))?;
    let call = |row: &AnyRow| {
        Ok(Call {
            alarm: AlarmId(row.get_as("alarm_id")?),
            device: row.id("device_id")?,
            rule: row.id("rule_id")?,
            at: row.time("at_ms")?,
        })
    };
    rows.iter().rev().map(call).collect()
}

pub(super) fn severity_of(row: &AnyRow) -> Result<Severity, StoreError> {
    let number: u8 = row.number("severity")?;
    Severity::from_u8(number).ok_or_else(|| StoreError::damaged("severity")(number))
}

fn set_aside_of(row: &AnyRow) -> Result<Option<SetAside>, StoreError> {
    let Some(why) = row.get_as("set_aside_why")? else { return Ok(None) };
    Ok(Some(SetAside { by: row.id_or_none("set_aside_by")?, why, until: row.time_or_none("set_aside_until_ms")? }))
}

fn open_alarm_of(row: &AnyRow) -> Result<OpenAlarm, StoreError> {
    Ok(OpenAlarm {
        id: AlarmId(row.get_as("id")?),
        device: row.id("device_id")?,
        rule: row.id("rule_id")?,
        severity: severity_of(row)?,
        is_latching: row.flag("is_latching")?,
        title: Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? },
        cause: Text { zh: row.get_as("cause_zh")?, en: row.get_as("cause_en")? },
        state: row.word("state")?,
        set_aside: set_aside_of(row)?,
        raised_at: row.time("raised_at_ms")?,
        returned_at: row.time_or_none("returned_at_ms")?,
        acknowledged_at: row.time_or_none("acknowledged_at_ms")?,
        acknowledged_by: row.id_or_none("acknowledged_by")?,
        occurrence_count: row.number("occurrence_count")?,
        late_ms: row.number("late_ms")?,
    })
}

pub(super) fn alarm_of(row: &AnyRow) -> Result<rest::Alarm, StoreError> {
    Ok(rest::Alarm {
        id: AlarmId(row.get_as("id")?),
        device: row.id("device_id")?,
        device_name: row.get_as("device_name")?,
        site: row.id("site_id")?,
        site_name: row.get_as("site_name")?,
        township: row.id("township_code")?,
        rule: row.id("rule_id")?,
        title_zh: row.get_as("title_zh")?,
        title_en: row.get_as("title_en")?,
        severity: SeverityNumber(severity_of(row)?),
        state: row.word("state")?,
        is_latching: row.flag("is_latching")?,
        set_aside: set_aside_of(row)?.map(Into::into),
        raised_at_ms: row.get_as("raised_at_ms")?,
        cause_zh: row.get_as("cause_zh")?,
        cause_en: row.get_as("cause_en")?,
        returned_at_ms: row.get_as("returned_at_ms")?,
        acknowledged_at_ms: row.get_as("acknowledged_at_ms")?,
        acknowledged_by: row.get_as("acknowledged_by")?,
        closed_at_ms: row.get_as("closed_at_ms")?,
        occurrence_count: row.number("occurrence_count")?,
        late_ms: row.number("late_ms")?,
        chattered_at_ms: None,
        is_stored: true,
    })
}

fn event_of(row: &AnyRow) -> Result<rest::AlarmEvent, StoreError> {
    Ok(rest::AlarmEvent {
        at_ms: row.get_as("at_ms")?,
        what: row.word("what")?,
        by: row.get_as("by_username")?,
        note: row.get_as("note")?,
        state: row.get_as::<Option<String>>("state")?.map(|_| row.word("state")).transpose()?,
        severity: row.get_as::<Option<i64>>("severity")?.map(|_| severity_of(row)).transpose()?.map(SeverityNumber),
        until_ms: row.get_as("until_ms")?,
        cause: row.reading_or_none("cause_reading")?.as_ref().map(rest::Point::from),
    })
}
