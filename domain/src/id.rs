//! Names of things: one type per kind, so that a site can never be passed where a device is meant.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, or longer than the kind allows.
    #[error("`{text}` has {length} characters; 1 to {limit} are allowed")]
    Length {
        /// The offending text, cut to 80 characters.
        text: String,
        /// Its length in characters.
        length: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// Holds a character that the kind does not allow.
    #[error("`{text}` holds `{character}`; {allowed}")]
    Character {
        /// The offending text.
        text: String,
        /// The first character that is not allowed.
        character: char,
        /// What would be right, in words.
        allowed: &'static str,
    },
}

fn check(text: &str, limit: usize, allowed: &'static str, is_allowed: fn(char) -> bool) -> Result<(), IdError> {
    let length = text.chars().count();
    if length == 0 || length > limit {
        return Err(IdError::Length { text: text.chars().take(80).collect(), length, limit });
    }
    match text.chars().find(|&character| !is_allowed(character)) {
        None => Ok(()),
        Some(character) => Err(IdError::Character { text: text.to_owned(), character, allowed }),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $limit:expr, $allowed:expr, $is_allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and wraps it.
            ///
            /// # Errors
            /// [`IdError`] names the length or the character that is wrong.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(text, $limit, $allowed, $is_allowed)?;
                Ok(Self(text.into()))
            }

            /// The text as it stands in topics, addresses and tables.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

const SLUG: &str = "letters, digits, `_`, `-` and `.` are allowed";
fn is_slug(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

text_id!(
    /// 设备: a device, unique in the district; also its Sparkplug device id. An edge node is a device too, under its
    /// node id.
    DeviceId, 64, SLUG, is_slug
);
text_id!(
    /// One edge-agent process, or third-party gear in its place; unique in the district; its Sparkplug edge node id.
    NodeId, 64, SLUG, is_slug
);
text_id!(
    /// 场所: a kitchen, a lift machine room, a boiler house.
    SiteId, 64, SLUG, is_slug
);
text_id!(
    /// 使用单位: who owns or uses the equipment of a site.
    OwnerId, 64, SLUG, is_slug
);
text_id!(
    /// 市场监管所: a market-supervision office.
    OfficeId, 64, SLUG, is_slug
);
text_id!(
    /// 乡镇街道: the nine-digit administrative code of a township or sub-district.
    TownshipCode, 9, "nine digits are required", |character| character.is_ascii_digit()
);
text_id!(
    /// A kind of device, such as `cold_store`.
    ProfileId, 64, SLUG, is_slug
);
text_id!(
    /// A rule within the district, such as `FR-01`.
    RuleId, 64, SLUG, is_slug
);
text_id!(
    /// What is measured, such as `cold_store.temperature`. Third-party gear may use blanks, slashes and any script.
    MetricName, 128, "control characters are not allowed", |character| !character.is_control()
);
text_id!(
    /// The name a person signs in with.
    UserName, 32, SLUG, is_slug
);

impl NodeId {
    /// The node seen as a device: its own health metrics and alarms hang there.
    pub fn as_device(&self) -> DeviceId {
        DeviceId(self.0.clone())
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number_id!(
    /// One (device, metric) pair as the store numbers it, from 1 upwards without holes.
    SeriesId(u32)
);
number_id!(
    /// One occurrence of a rule on a device, numbered from 1 upwards in the order of raising.
    AlarmId(i64)
);
number_id!(
    /// 处置单: one piece of work, numbered from 1 upwards in the order of opening.
    CaseId(i64)
);
number_id!(
    /// A person's account.
    UserId(i64)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_is_wrong_with_a_text() {
        assert_eq!(DeviceId::new("lift-01").unwrap().as_str(), "lift-01");
        assert_eq!(
            DeviceId::new("lift/01").unwrap_err().to_string(),
            "`lift/01` holds `/`; letters, digits, `_`, `-` and `.` are allowed"
        );
        assert_eq!(DeviceId::new("").unwrap_err().to_string(), "`` has 0 characters; 1 to 64 are allowed");
        assert!(TownshipCode::new("50015600A").is_err());
        assert!(MetricName::new("Node Control/Rebirth").is_ok());
        assert!(MetricName::new("a\u{0}b").is_err());
    }
}
