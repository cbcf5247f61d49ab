//! Telling people: who was told of an alarm, and how the channels are doing.

use domain::{
    id::{OfficeId, OwnerId, TownshipCode},
    notice::Audience,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SeverityNumber, vocabulary::SeveritySchema};

/// Something that somebody had to be told of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmNotice {
    /// When it became true, by the gateway's clock.
    pub at_ms: i64,
    /// Why: `raised`, `worsened`, `recurred`, `resumed`, `returned`, `escalated`.
    pub occasion: String,
    /// Which step of an escalation; 0: it is none.
    pub step: u8,
    /// How bad the alarm was then.
    #[schema(value_type = SeveritySchema)]
    pub severity: SeverityNumber,
    /// Who was to be told.
    pub audience: NoticeAudience,
    /// By which channels, and what became of it; empty: no channel reaches them.
    pub deliveries: Vec<Delivery>,
}

/// Who is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoticeAudience {
    /// Whose equipment it is.
    Owner {
        /// Which owner.
        #[schema(value_type = String)]
        id: OwnerId,
    },
    /// The sub-centre of a township.
    Township {
        /// Which township.
        #[schema(value_type = String)]
        id: TownshipCode,
    },
    /// An office.
    Office {
        /// Which office.
        #[schema(value_type = String)]
        id: OfficeId,
    },
    /// The district's centre.
    Centre,
}

impl From<Audience> for NoticeAudience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Owner(id) => Self::Owner { id },
            Audience::Township(id) => Self::Township { id },
            Audience::Office(id) => Self::Office { id },
            Audience::Centre => Self::Centre,
        }
    }
}

/// One notice on its way to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The channel's name.
    pub channel: String,
    /// Whom it goes to; None: the channel's own place.
    pub person: Option<String>,
    /// Where to, most of it hidden; empty: the channel has one place.
    pub address: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// An earlier attempt may have arrived, so that it may have been received twice.
    pub is_maybe_repeated: bool,
    /// Since when it waits, or waited.
    pub created_at_ms: i64,
    /// When it was tried last; None: not yet.
    pub tried_at_ms: Option<i64>,
    /// When the service took it; None: it did not.
    pub sent_at_ms: Option<i64>,
    /// What went wrong last; None: nothing.
    pub last_error: Option<String>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried, or tried again.
    Waiting,
    /// The service has taken it.
    Sent,
    /// The service will never take it.
    Failed,
    /// It was tried for too long.
    GivenUp,
    /// The news of a mild alarm was over before it was told: its condition had gone, somebody had answered, or it was shelved,
    /// suppressed or out of service. Should the condition come back unanswered, it waits again.
    Over,
}

/// A channel by which people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifyChannel {
    /// Its name in the configuration.
    pub name: String,
    /// `wecom`, `dingtalk`, `feishu`, `webhook`, `email`, `sms` or `siren`.
    pub kind: String,
    /// How it is doing.
    pub state: ChannelState,
    /// Deliveries that wait or are under way.
    pub waiting: u64,
    /// Deliveries that were given up or refused, ever.
    pub given_up: u64,
    /// When one got through last; None: never.
    pub last_sent_at_ms: Option<i64>,
    /// When one failed last since the gateway's start; None: none did.
    pub last_failed_at_ms: Option<i64>,
    /// What went wrong last since the gateway's start; None: nothing.
    pub last_error: Option<String>,
    /// Whom it reaches: `centre`, `office:ID`, `township:CODE`, `owner:ID`; `*` for all.
    pub serves: Vec<String>,
    /// The mildest severity that it carries.
    #[schema(value_type = SeveritySchema)]
    pub mildest: SeverityNumber,
}

/// How a channel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// Nothing was sent since the gateway's start.
    Untried,
    /// The last message got through.
    Works,
    /// The last message did not get through.
    Failing,
    /// Nothing has got through for long: others tell of it.
    Dead,
}

/// `PUT /session/contact`: where a person is reached, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactDraft {
    /// Telephone number for text messages, digits, perhaps a `+` before; empty: none.
    pub phone: String,
    /// Mail address; empty: none.
    pub email: String,
    /// When severity III and IV wait, but while the person is on duty; None: at no time.
    #[serde(default)]
    pub quiet_hours: Option<QuietHours>,
}

/// A span of every day in Beijing; over midnight when it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From this minute of the day, 0 to 1439.
    pub from_min: u16,
    /// Until this minute of the day, 0 to 1439, exclusive.
    pub to_min: u16,
}

/// `GET /notify/dead`: which ways of telling people do not work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadChannels {
    /// The names of the channels on which nothing gets through, in order.
    pub channels: Vec<String>,
}

/// An address with most of it hidden: `138****5678`, `w***@example.cn`. What is short, such as a township, stays.
pub fn masked(address: &str) -> String {
    if let Some((name, domain)) = address.split_once('@') {
        let first: String = name.chars().take(1).collect();
        return format!("{first}***@{domain}");
    }
    let characters: Vec<char> = address.chars().collect();
    if characters.len() < 10 {
        return address.to_owned();
    }
    let (first, last) = (&characters[..3], &characters[characters.len() - 4..]);
    format!("{}****{}", first.iter().collect::<String>(), last.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_recognised_by_who_knows_it_and_by_nobody_else() {
        assert_eq!(masked("13812345678"), "138****5678");
        assert_eq!(masked("wang@example.cn"), "w***@example.cn");
        assert_eq!((masked("500156001"), masked("")), ("500156001".into(), String::new()));
    }
}
