//! Messages that an edge will never send: which, from when, and why.

use serde::{Deserialize, Serialize};

use super::{super::payload::Metric, GAP, OutboxError, Seq, text, text_metric};

/// Numbers that were given up before they were committed, or may have been. Reported under a number of its own, so that
/// the report is acknowledged like any message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// First number.
    pub first_seq: u64,
    /// Last number, not below the first.
    pub last_seq: u64,
    /// Time of the oldest lost reading, or of the last one before the gap; milliseconds since 1970 UTC by the edge's clock.
    pub from_ms: i64,
    /// Time of the newest lost reading, or of the first one that cannot be in the gap.
    pub to_ms: i64,
    /// How many readings; None: nobody can know. 0: the numbers stood for none, and nothing is lost.
    pub readings: Option<u64>,
    /// At most so much of the time between is missing, in milliseconds; None: all of it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_ms: Option<u64>,
    /// Why.
    pub why: Why,
}

/// Why messages were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// They waited longer than the edge is told to keep them.
    TooOld,
    /// The outbox or the disk was full.
    Full,
    /// A record was not written whole before the agent or the machine stopped.
    Torn,
    /// The disk gave back something else than was written.
    Corrupt,
    /// The machine lost power within the interval between two writes to disk. Some of the numbers may never have been
    /// given, and others may have reached the host.
    PowerCut,
}

impl Why {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::TooOld => "too_old",
            Why::Full => "full",
            Why::Torn => "torn",
            Why::Corrupt => "corrupt",
            Why::PowerCut => "power_cut",
        }
    }
}

impl Gap {
    /// The metric that reports it.
    pub fn metric(&self) -> Metric {
        text_metric(GAP, self.to_json())
    }

    /// Reads a data message's metrics. None: it reports no gap.
    ///
    /// # Errors
    /// [`OutboxError`] when it reports one that makes no sense.
    pub fn read(metrics: &[Metric]) -> Result<Option<Self>, OutboxError> {
        text(metrics, GAP)?.map(Self::from_json).transpose()
    }

    /// As compact JSON.
    pub fn to_json(&self) -> String {
        // Numbers and a word: there is nothing in it that JSON could not hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// [`OutboxError::Gap`] when it makes no sense.
    pub fn from_json(text: &str) -> Result<Self, OutboxError> {
        let gap: Self = serde_json::from_str(text).map_err(|_| OutboxError::Gap)?;
        let is_sound =
            Seq::new(gap.first_seq).is_some() && Seq::new(gap.last_seq).is_some() && gap.first_seq <= gap.last_seq;
        if is_sound { Ok(gap) } else { Err(OutboxError::Gap) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP_OF_TEN: Gap = Gap {
        first_seq: 3,
        last_seq: 12,
        from_ms: 1_000,
        to_ms: 2_000,
        readings: Some(40),
        at_most_ms: None,
        why: Why::Full,
    };

    #[test]
    fn it_is_compact_json() {
        let metric = GAP_OF_TEN.metric();
        let expected = r#"{"first_seq":3,"last_seq":12,"from_ms":1000,"to_ms":2000,"readings":40,"why":"full"}"#;
        assert_eq!(text(std::slice::from_ref(&metric), GAP), Ok(Some(expected)));
        assert_eq!(Gap::read(&[metric]), Ok(Some(GAP_OF_TEN)));
        assert_eq!(Gap::read(&[]), Ok(None));
    }

    #[test]
    fn every_reason_is_written_as_it_is_called() {
        for why in [Why::TooOld, Why::Full, Why::Torn, Why::Corrupt, Why::PowerCut] {
            assert_eq!(serde_json::to_value(why).unwrap(), why.as_str());
            let gap = Gap { why, readings: None, at_most_ms: Some(2_000), ..GAP_OF_TEN };
            assert_eq!(Gap::read(&[gap.metric()]), Ok(Some(gap)));
        }
    }

    #[test]
    fn a_report_without_sense_is_refused() {
        let check = |gap: Gap| assert_eq!(Gap::read(&[gap.metric()]), Err(OutboxError::Gap), "{gap:?}");
        check(Gap { first_seq: 0, ..GAP_OF_TEN });
        check(Gap { first_seq: 13, ..GAP_OF_TEN });
        check(Gap { last_seq: u64::MAX, ..GAP_OF_TEN });
        assert_eq!(Gap::read(&[text_metric(GAP, "{}".to_owned())]), Err(OutboxError::Gap));
    }
}
