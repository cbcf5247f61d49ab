//! 升级: what nobody answers is told further up the tree: owner and sub-centre at once, the office after a while, the
//! centre after a while longer. Pure: `now` is an argument, and what is to be told is returned.
//!
//! How far a thing has climbed is all that must be remembered, so a gateway that was away for an hour tells on its
//! return exactly what it would have told meanwhile, and nothing twice.

use serde::{Deserialize, Serialize};

use crate::{alarm::Severity, text::Text, time::UnixMs};

/// How far up: each rung is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// 属地: the owner and the township's sub-centre.
    Ground,
    /// 市场监管所: the office that answers for the township.
    Office,
    /// 应急管理中心: the district's centre.
    Centre,
}

impl Rung {
    /// All of them, lowest first.
    pub const ALL: [Self; 3] = [Self::Ground, Self::Office, Self::Centre];

    /// Who stands there.
    pub fn words(self) -> Text {
        match self {
            Self::Ground => Text::new("使用单位和乡镇分中心", "owner and sub-centre"),
            Self::Office => Text::new("市场监管所", "the office"),
            Self::Centre => Text::new("应急管理中心", "the centre"),
        }
    }
}

/// After how long without an answer who is told, in seconds from the beginning, higher rungs never before lower ones. The
/// ground is told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The office; absent: never.
    #[serde(default)]
    pub office_s: Option<u32>,
    /// The centre; absent: never.
    #[serde(default)]
    pub centre_s: Option<u32>,
}

/// One value for each severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BySeverity<T> {
    /// 红.
    #[serde(rename = "I")]
    pub one: T,
    /// 橙.
    #[serde(rename = "II")]
    pub two: T,
    /// 黄.
    #[serde(rename = "III")]
    pub three: T,
    /// 蓝.
    #[serde(rename = "IV")]
    pub four: T,
}

impl<T> BySeverity<T> {
    /// The value of this severity.
    pub const fn of(&self, severity: Severity) -> &T {
        match severity {
            Severity::I => &self.one,
            Severity::II => &self.two,
            Severity::III => &self.three,
            Severity::IV => &self.four,
        }
    }
}

/// What is to be done now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Climb {
    /// Who is told now, lowest first.
    pub tell: Vec<Rung>,
    /// How far it has climbed afterwards; None: nobody was told yet.
    pub reached: Option<Rung>,
    /// When the next rung is due; None: there is none.
    pub next: Option<UnixMs>,
}

impl Ladder {
    /// Whether the centre is told no earlier than the office.
    pub fn is_in_order(&self) -> bool {
        match (self.office_s, self.centre_s) {
            (Some(office_s), Some(centre_s)) => office_s <= centre_s,
            _ => true,
        }
    }

    /// When a rung is due; None: never.
    pub fn due(&self, rung: Rung, since: UnixMs) -> Option<UnixMs> {
        let after_s = match rung {
            Rung::Ground => Some(0),
            Rung::Office => self.office_s,
            Rung::Centre => self.centre_s,
        };
        after_s.map(|seconds| since.plus_ms(i64::from(seconds) * 1000))
    }

    /// Who is told next when somebody has been told up to `reached`, and when; None: everybody was.
    pub fn next(&self, since: UnixMs, reached: Option<Rung>) -> Option<(Rung, UnixMs)> {
        let ahead = Rung::ALL.into_iter().filter(|rung| reached < Some(*rung));
        ahead.filter_map(|rung| Some((rung, self.due(rung, since)?))).min_by_key(|(_, due)| *due)
    }

    /// Climbs as far as the time since `since` allows, from where it stood.
    pub fn climb(&self, since: UnixMs, reached: Option<Rung>, now: UnixMs) -> Climb {
        let mut climb = Climb { tell: Vec::new(), reached, next: None };
        for rung in Rung::ALL.into_iter().filter(|rung| reached < Some(*rung)) {
            let Some(due) = self.due(rung, since) else { continue };
            if due <= now {
                climb.tell.push(rung);
                climb.reached = Some(rung);
            } else {
                climb.next = Some(climb.next.map_or(due, |next| next.min(due)));
            }
        }
        climb
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LADDER: Ladder = Ladder { office_s: Some(120), centre_s: Some(300) };
    const START: UnixMs = UnixMs(1_790_000_000_000);

    #[test]
    fn each_rung_is_told_when_it_is_due() {
        let check = |reached, after_s: i64, tell: &[Rung], next_s: Option<i64>| {
            let climb = LADDER.climb(START, reached, START.plus_ms(after_s * 1000));
            assert_eq!(climb.tell, tell, "after {after_s} s");
            assert_eq!(climb.next, next_s.map(|seconds| START.plus_ms(seconds * 1000)), "after {after_s} s");
        };
        check(None, 0, &[Rung::Ground], Some(120));
        check(Some(Rung::Ground), 119, &[], Some(120));
        check(Some(Rung::Ground), 120, &[Rung::Office], Some(300));
        check(Some(Rung::Office), 300, &[Rung::Centre], None);
        check(Some(Rung::Centre), 9000, &[], None);
        // A gateway that was away.
        check(None, 9000, &[Rung::Ground, Rung::Office, Rung::Centre], None);
    }

    #[test]
    fn what_has_no_time_is_never_told() {
        let ladder = Ladder { office_s: None, centre_s: Some(60) };
        let climb = ladder.climb(START, Some(Rung::Ground), START.plus_ms(60_000));
        assert_eq!((climb.tell, climb.next), (vec![Rung::Centre], None));
        let ladder = Ladder { office_s: None, centre_s: None };
        assert_eq!(ladder.climb(START, Some(Rung::Ground), START.plus_ms(i64::MAX / 2)).tell, []);
    }

    proptest! {
        /// However often one looks, and however long one was away between two looks, everybody is told once, in time,
        /// and in the same order.
        #[test]
        fn looking_often_and_looking_late_tell_the_same(
            office_s in prop::option::of(0_u32..100),
            more_s in prop::option::of(0_u32..100),
            looks in prop::collection::vec(0_i64..300_000, 1..12),
        ) {
            let centre_s = more_s.map(|more_s| office_s.unwrap_or(0) + more_s);
            let ladder = Ladder { office_s, centre_s };
            let mut looks = looks;
            looks.sort_unstable();
            let (mut reached, mut told) = (None, Vec::new());
            for look in &looks {
                let now = START.plus_ms(*look);
                let climb = ladder.climb(START, reached, now);
                prop_assert!(climb.next.is_none_or(|next| next > now));
                for rung in &climb.tell {
                    prop_assert!(ladder.due(*rung, START).unwrap() <= now);
                }
                told.extend(climb.tell);
                reached = climb.reached;
            }
            let once = ladder.climb(START, None, START.plus_ms(*looks.last().unwrap()));
            prop_assert_eq!(told, once.tell);
            prop_assert_eq!(reached, once.reached);
        }

        /// Sleeping until `next` misses nothing: between now and then nobody is due.
        #[test]
        fn nothing_is_due_before_the_next_look(now_ms in 0_i64..400_000, permille in 0_i64..1000) {
            let climb = LADDER.climb(START, None, START.plus_ms(now_ms));
            if let Some(next) = climb.next {
                let now = START.plus_ms(now_ms);
                let between = now.plus_ms((next.since_ms(now) - 1) * permille / 1000);
                prop_assert_eq!(LADDER.climb(START, climb.reached, between).tell, vec![]);
                prop_assert!(!LADDER.climb(START, climb.reached, next).tell.is_empty());
            }
        }
    }
}
