//! What happened to alarms in a time, handed page by page to the figures of alarm quality.

use std::ops::Range;

use domain::{
    id::{AlarmId, TownshipCode},
    quality::{Assessment, Quality, Standing, Step},
    time::UnixMs,
};
use sqlx::any::AnyRow;

use super::{
    Store,
    alarm::severity_of,
    error::StoreError,
    row::Columns,
    scope::Scope,
    select::{Bound, Select},
};

const OPERATION: &str = "reading what happened to alarms";
/// Rows fetched at once: bounds memory to a few megabytes.
const PAGE: i64 = 5_000;
/// Most steps that are counted: ten times what a district in constant flood makes in a month. Reading them takes seconds.
const STEPS_MAX: u64 = 1_000_000;

const SELECT_STEP: &str = "SELECT alarm_event.alarm_id, alarm_event.number, alarm_event.at_ms, alarm_event.what, \
     alarm_event.state, COALESCE(alarm_event.severity, alarm.severity) AS severity, alarm.device_id, alarm.rule_id, \
     alarm.raised_at_ms, alarm_event.by_username, site.township_code \
     FROM alarm_event JOIN alarm ON alarm.id = alarm_event.alarm_id \
     JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id";

/// The first two parameters are the moment. What was set aside keeps when its condition last came.
const SELECT_STANDING: &str = "SELECT alarm.device_id, site.township_code, \
     (SELECT state FROM alarm_event WHERE alarm_id = alarm.id AND at_ms < $1 AND state IS NOT NULL \
      ORDER BY number DESC LIMIT 1) AS state_then, \
     (SELECT at_ms FROM alarm_event WHERE alarm_id = alarm.id AND at_ms < $1 AND what IN ('raised', 'reoccurred') \
      ORDER BY number DESC LIMIT 1) AS active_since_ms \
     FROM alarm JOIN device ON device.id = alarm.device_id JOIN site ON site.id = device.site_id \
     WHERE (alarm.closed_at_ms IS NULL OR alarm.closed_at_ms >= $1)";

impl Store {
    /// The figures of a time, from `range.start`, inclusive, to `range.end`, exclusive, of a jurisdiction or of one
    /// township in it. None: too much happened to be counted; a shorter time can be.
    pub async fn alarm_quality(
        &self,
        scope: &Scope,
        township: Option<&TownshipCode>,
        range: Range<UnixMs>,
    ) -> Result<Option<Quality>, StoreError> {
        let mut assessment = Assessment::over(range.clone(), self.offices_by_township());
        // After which step to go on: time, alarm and number.
        let mut after = [range.start.0, -1, 0];
        let mut count = 0;
        loop {
            let mut select = Select::new(SELECT_STEP);
            within(&mut select, scope, township);
            select
                .and_after("(alarm_event.at_ms, alarm_event.alarm_id, alarm_event.number)", after.map(Bound::Number))
                .and_below("alarm_event.at_ms", Bound::Number(range.end.0))
                .finish(
                    "ORDER BY alarm_event.at_ms, alarm_event.alarm_id, alarm_event.number LIMIT",
                    Bound::Number(PAGE),
                );
            let rows = select.fetch_all(self.readers(), OPERATION).await?;
            for row in &rows {
                let step = step_of(row)?;
                after = [step.at.0, step.alarm.0, row.get_as("number")?];
                assessment.take(&step);
            }
            count += rows.len() as u64;
            if count > STEPS_MAX {
                return Ok(None);
            }
            if rows.len() < usize::try_from(PAGE).expect("a page is short") {
                break;
            }
        }
        let standing = self.standing_at(scope, township, range.end).await?;
        Ok(Some(assessment.finish(standing)))
    }

    /// The alarms that were open at a moment.
    async fn standing_at(
        &self,
        scope: &Scope,
        township: Option<&TownshipCode>,
        at: UnixMs,
    ) -> Result<Vec<Standing>, StoreError> {
        let mut select = Select::with_condition(SELECT_STANDING, [Bound::Number(at.0)]);
        within(&mut select, scope, township);
        let rows = select.fetch_all(self.readers(), OPERATION).await?;
        let standing = rows.iter().filter_map(|row| standing_of(row).transpose());
        standing.collect()
    }
}

fn within(select: &mut Select, scope: &Scope, township: Option<&TownshipCode>) {
    select.within(scope);
    if let Some(township) = township {
        select.and_equals("site.township_code", Bound::Text(township.as_str().into()));
    }
}

fn step_of(row: &AnyRow) -> Result<Step, StoreError> {
    Ok(Step {
        alarm: AlarmId(row.get_as("alarm_id")?),
        device: row.id("device_id")?,
        rule: row.id("rule_id")?,
        township: row.id("township_code")?,
        severity: severity_of(row)?,
        what: row.word("what")?,
        state: row.get_as::<Option<String>>("state")?.map(|_| row.word("state")).transpose()?,
        at: row.time("at_ms")?,
        raised_at: row.time("raised_at_ms")?,
        by: row.get_as("by_username")?,
    })
}

/// None: nothing had happened to it by then.
fn standing_of(row: &AnyRow) -> Result<Option<Standing>, StoreError> {
    let Some(active_since) = row.time_or_none("active_since_ms")? else { return Ok(None) };
    if row.get_as::<Option<String>>("state_then")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Standing {
        device: row.id("device_id")?,
        township: row.id("township_code")?,
        state: row.word("state_then")?,
        active_since,
    }))
}
