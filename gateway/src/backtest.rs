//! A rule over a device's stored history: when it would have fired, and when the one it would replace would have.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    backtest::{self, Column, Firing, Untestable},
    id::MetricName,
    profile::{Profile, ProfileError, Rule},
    registry::Device,
    time::UnixMs,
};
use protocol::rest::{RuleFiring, RuleTest, RuleTestOutcome, RuleTestReport};

use crate::store::{Store, StoreError};

/// The longest stretch of history, in milliseconds: a leap year.
const LONGEST_MS: i64 = 366 * 24 * 3600 * 1000;
/// Firings listed; all are counted.
const FIRINGS_MAX: usize = 200;

/// Why a rule was not tested.
#[derive(Debug, thiserror::Error)]
pub enum BackTestError {
    /// It ends before it begins, or is too long.
    #[error("`to_ms` must be later than `from_ms`, by at most 366 days")]
    WrongRange,
    /// The proposed rule is not one.
    #[error(transparent)]
    WrongRule(#[from] ProfileError),
    /// The rule is not about readings.
    #[error(transparent)]
    Untestable(#[from] Untestable),
    /// History could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

/// Tests a rule in the wording that is judged at present, and in the proposed one. The caller has made sure that whoever asks may see the device.
///
/// # Errors
/// [`BackTestError`] says what is wrong with the question.
pub async fn run(
    store: &Store,
    profile: &Profile,
    device: &Device,
    present: &Rule,
    test: &RuleTest,
) -> Result<RuleTestReport, BackTestError> {
    let present = present.clone();
    let length_ms = test.to_ms.saturating_sub(test.from_ms);
    if !(1..=LONGEST_MS).contains(&length_ms) {
        return Err(BackTestError::WrongRange);
    }
    let proposed = test.definition.as_deref().map(|text| profile.parse_rule(text)).transpose()?;
    let end = UnixMs(test.to_ms);
    let mut columns = BTreeMap::new();
    let rules = [Some(&present), proposed.as_ref()].into_iter().flatten();
    let metrics: BTreeSet<MetricName> = rules.flat_map(Rule::metrics).collect();
    for metric in metrics {
        let readings = store.usable_readings(&device.id, &metric, UnixMs(test.from_ms)..end).await?;
        columns.insert(metric, Column::new(readings));
    }
    let (profile, nameplate) = (profile.clone(), device.nameplate.clone());
    let judged = tokio::task::spawn_blocking(move || {
        let outcome = |rule: &Rule| {
            let firings = backtest::test(&profile, rule, &nameplate, &columns, end)?;
            Ok::<_, Untestable>(outcome_of(&firings, end))
        };
        Ok::<_, Untestable>(RuleTestReport {
            reading_count: columns.values().map(|column| column.len() as u64).sum(),
            present: outcome(&present)?,
            proposed: proposed.as_ref().map(outcome).transpose()?,
        })
    });
    Ok(judged.await.map_err(|_| BackTestError::Stopping)??)
}

fn outcome_of(firings: &[Firing], end: UnixMs) -> RuleTestOutcome {
    let newest = firings.len().saturating_sub(FIRINGS_MAX);
    RuleTestOutcome {
        count: firings.len() as u64,
        active_ms: firings.iter().map(|firing| firing.returned_at.unwrap_or(end).since_ms(firing.raised_at)).sum(),
        firings: firings[newest..]
            .iter()
            .map(|firing| RuleFiring {
                raised_at_ms: firing.raised_at.0,
                returned_at_ms: firing.returned_at.map(|at| at.0),
            })
            .collect(),
    }
}
