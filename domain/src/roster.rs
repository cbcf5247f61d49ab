//! 值班: who is on duty where, from when to when, and where nobody is. Pure: `now` is an argument.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    id::{IdError, OfficeId, TownshipCode, UserName},
    text::Text,
    time::UnixMs,
};

/// 岗位: where somebody is on duty. Written as `centre`, `office:furong`, `township:500156001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Post {
    /// 应急管理中心: the district's centre.
    Centre,
    /// 市场监管所: an office.
    Office(OfficeId),
    /// 乡镇分中心: a township's sub-centre.
    Township(TownshipCode),
}

impl Post {
    /// Who is meant, where the place says which.
    pub fn words(&self) -> Text {
        match self {
            Self::Centre => Text::new("指挥中心值班人员", "whoever is on duty at the centre"),
            Self::Office(_) => Text::new("市场监管所值班人员", "whoever is on duty at the office"),
            Self::Township(_) => Text::new("乡镇分中心值班人员", "whoever is on duty at the sub-centre"),
        }
    }
}

/// 处理人: whose work a case is. Written as a [`Post`], or as `person:zhang`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Assignee {
    /// Whoever is on duty there.
    Post(Post),
    /// One person.
    Person(UserName),
}

/// Why a text names neither a post nor a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// It does not begin as one.
    #[error("`{text}` is no {wanted}; right are {examples}")]
    Kind {
        /// The offending text, cut to 80 characters.
        text: String,
        /// What was wanted.
        wanted: &'static str,
        /// What would be right.
        examples: &'static str,
    },
    /// The part behind the colon is no id.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Centre => f.write_str("centre"),
            Self::Office(id) => write!(f, "office:{id}"),
            Self::Township(code) => write!(f, "township:{code}"),
        }
    }
}

impl FromStr for Post {
    type Err = PostError;

    fn from_str(text: &str) -> Result<Self, PostError> {
        match text.split_once(':') {
            None if text == "centre" => Ok(Self::Centre),
            Some(("office", id)) => Ok(Self::Office(OfficeId::new(id)?)),
            Some(("township", code)) => Ok(Self::Township(TownshipCode::new(code)?)),
            _ => Err(PostError::Kind {
                text: text.chars().take(80).collect(),
                wanted: "post",
                examples: "`centre`, `office:furong`, `township:500156001`",
            }),
        }
    }
}

impl fmt::Display for Assignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post(post) => post.fmt(f),
            Self::Person(name) => write!(f, "person:{name}"),
        }
    }
}

impl FromStr for Assignee {
    type Err = PostError;

    fn from_str(text: &str) -> Result<Self, PostError> {
        match text.strip_prefix("person:") {
            Some(name) => Ok(Self::Person(UserName::new(name)?)),
            None => text.parse().map(Self::Post),
        }
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = PostError;
            fn try_from(text: String) -> Result<Self, PostError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(Post);
as_text!(Assignee);

/// 班次: one person's time on duty at a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Where.
    pub post: Post,
    /// From when, inclusive.
    pub from: UnixMs,
    /// Until when, exclusive; later than `from`.
    pub to: UnixMs,
    /// Who.
    pub person: String,
    /// Where that person can be called; empty: nowhere.
    pub phone: String,
    /// The person's account; None: the person has none.
    pub username: Option<UserName>,
}

/// The longest shift, in milliseconds: 7 days, a whole week on call.
pub const SHIFT_MAX_MS: i64 = 7 * 24 * 3_600_000;

/// Why a shift cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShiftError {
    /// It ends before it begins, or at the same moment.
    #[error("a shift must end after it begins")]
    Order,
    /// It is longer than [`SHIFT_MAX_MS`].
    #[error("a shift is at most 7 days long")]
    Length,
}

impl Shift {
    /// Whether the times can be a shift.
    ///
    /// # Errors
    /// [`ShiftError`] says what is wrong with them.
    pub const fn check_times(from: UnixMs, to: UnixMs) -> Result<(), ShiftError> {
        let length = to.since_ms(from);
        if length <= 0 {
            return Err(ShiftError::Order);
        }
        if length > SHIFT_MAX_MS {
            return Err(ShiftError::Length);
        }
        Ok(())
    }

    /// Whether the person is on duty at that moment.
    pub const fn covers(&self, at: UnixMs) -> bool {
        self.from.0 <= at.0 && at.0 < self.to.0
    }
}

/// The stretches of `window` in which none of `shifts` (all of one post, in any order) has anybody on duty.
pub fn holes<'a>(shifts: impl IntoIterator<Item = &'a Shift>, window: Range<UnixMs>) -> Vec<Range<UnixMs>> {
    let mut times: Vec<(UnixMs, UnixMs)> = shifts.into_iter().map(|shift| (shift.from, shift.to)).collect();
    times.sort_unstable();
    let mut holes = Vec::new();
    let mut covered = window.start;
    for (from, to) in times {
        if covered >= window.end {
            break;
        }
        if from > covered {
            holes.push(covered..from.min(window.end));
        }
        covered = covered.max(to);
    }
    if covered < window.end {
        holes.push(covered..window.end);
    }
    holes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shift(from: i64, to: i64) -> Shift {
        let person = "Zhang".to_owned();
        Shift { post: Post::Centre, from: UnixMs(from), to: UnixMs(to), person, phone: String::new(), username: None }
    }

    #[test]
    fn posts_and_people_are_written_and_read_alike() {
        for text in ["centre", "office:furong", "township:500156001"] {
            assert_eq!(text.parse::<Post>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Assignee>().unwrap().to_string(), text);
        }
        assert_eq!("person:zhang".parse::<Assignee>().unwrap().to_string(), "person:zhang");
        assert_eq!(
            "centre:x".parse::<Post>().unwrap_err().to_string(),
            "`centre:x` is no post; right are `centre`, `office:furong`, `township:500156001`"
        );
        assert!("township:12".parse::<Post>().is_ok());
        assert!("township:x".parse::<Post>().is_err() && "person:".parse::<Assignee>().is_err());
    }

    #[test]
    fn a_hole_is_where_nobody_is() {
        let shifts = [shift(10, 20), shift(15, 30), shift(40, 50)];
        let holes = holes(&shifts, UnixMs(0)..UnixMs(60));
        assert_eq!(holes, [UnixMs(0)..UnixMs(10), UnixMs(30)..UnixMs(40), UnixMs(50)..UnixMs(60)]);
    }

    #[test]
    fn times_of_a_shift_are_checked() {
        let check = |from, to| Shift::check_times(UnixMs(from), UnixMs(to));
        assert_eq!(check(0, 1), Ok(()));
        assert_eq!(check(1, 1), Err(ShiftError::Order));
        assert_eq!(check(i64::MAX, i64::MIN), Err(ShiftError::Order));
        assert_eq!(check(0, SHIFT_MAX_MS), Ok(()));
        assert_eq!(check(0, SHIFT_MAX_MS + 1), Err(ShiftError::Length));
    }

    proptest! {
        #[test]
        fn every_moment_is_either_covered_or_in_a_hole(
            times in prop::collection::vec((0_i64..40, 1_i64..12), 0..8),
            start in 0_i64..30,
            length in 0_i64..30,
        ) {
            let shifts: Vec<Shift> = times.iter().map(|(from, length)| shift(*from, from + length)).collect();
            let holes = holes(&shifts, UnixMs(start)..UnixMs(start + length));
            for at in (start..start + length).map(UnixMs) {
                let is_covered = shifts.iter().any(|shift| shift.covers(at));
                let is_in_hole = holes.iter().filter(|hole| hole.contains(&at)).count();
                prop_assert_eq!(is_in_hole, usize::from(!is_covered));
            }
            prop_assert!(holes.iter().all(|hole| hole.start < hole.end));
        }
    }
}
