//! The kinds of channels, one file each. Each says purely what is to be sent and what an answer means; the sending itself
//! is in `http`, `email` and `siren`.

mod dingtalk;
mod email;
mod feishu;
mod http;
mod siren;
mod sms;
mod webhook;
mod wecom;

use std::time::Duration;

use domain::{
    alarm::Severity,
    notice::{Audience, Notice, Subject},
    profile::Daily,
};

#[cfg(test)]
pub(super) use self::webhook::signature;
use self::{email::Email, http::Client, siren::Siren, sms::Sms};
pub(super) use self::{
    email::is_address,
    sms::{is_mobile, is_phone},
};
use super::{
    SetUpError,
    attempt::Failure,
    config::{ChannelConfig, Config, Serves, Via},
    message::{Message, Wording},
    picture::Shown,
};
use crate::{broker::Access, clock::Clock, store::Contact};

/// The one address of a channel that has a single place.
const PLACE: &str = "";

/// What the service calls a message that it took; None: it gives no name.
pub(super) type Receipt = Option<String>;

/// A channel, ready to send.
#[derive(Debug)]
pub(super) struct Channel {
    name: String,
    serves: Serves,
    mildest: Severity,
    per_minute: Option<u32>,
    quiet: Option<Daily>,
    wording: Wording,
    timeout: Duration,
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Wecom(Client, wecom::Robot),
    Dingtalk(Client, dingtalk::Robot),
    Feishu(Client, feishu::Robot),
    Webhook(Client, webhook::Webhook),
    Email(Box<Email>),
    Sms(Client, Box<Sms>),
    Siren(Siren),
}

impl Channel {
    pub(super) fn build(one: &ChannelConfig, config: &Config, broker: Option<&Access>) -> Result<Self, SetUpError> {
        let timeout = Duration::from_secs(config.timeout_s);
        let client = |ca_file| Client::build(one, config, ca_file);
        let carrier = match &one.via {
            Via::Wecom(robot) => Carrier::Wecom(client(None)?, wecom::Robot::build(one, robot)?),
            Via::Dingtalk(robot) => Carrier::Dingtalk(client(None)?, dingtalk::Robot::build(one, robot)?),
            Via::Feishu(robot) => Carrier::Feishu(client(None)?, feishu::Robot::build(one, robot)?),
            Via::Webhook(webhook) => {
                Carrier::Webhook(client(webhook.ca_file.as_deref())?, webhook::Webhook::build(one, webhook)?)
            }
            Via::Email(email) => Carrier::Email(Box::new(Email::build(one, email, timeout)?)),
            Via::Sms(sms) => Carrier::Sms(client(sms.ca_file.as_deref())?, Box::new(Sms::build(one, sms)?)),
            Via::Siren(_) => Carrier::Siren(Siren::new(broker.cloned())),
        };
        let dashboard_url = config.dashboard_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self {
            name: one.name.clone(),
            serves: one.serves.clone(),
            mildest: one.mildest,
            per_minute: one.per_minute.or(carrier.usual_limit()),
            quiet: one.quiet(),
            wording: Wording { language: config.language, dashboard_url },
            timeout,
            carrier,
        })
    }

    /// Its name in the configuration.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its kind, as the configuration calls it.
    pub(super) const fn kind(&self) -> &'static str {
        match self.carrier {
            Carrier::Wecom(..) => "wecom",
            Carrier::Dingtalk(..) => "dingtalk",
            Carrier::Feishu(..) => "feishu",
            Carrier::Webhook(..) => "webhook",
            Carrier::Email(_) => "email",
            Carrier::Sms(..) => "sms",
            Carrier::Siren(_) => "siren",
        }
    }

    pub(super) const fn serves(&self) -> &Serves {
        &self.serves
    }

    pub(super) const fn mildest(&self) -> Severity {
        self.mildest
    }

    /// Messages a minute to one target; None: any number.
    pub(super) const fn per_minute(&self) -> Option<u32> {
        self.per_minute
    }

    /// The address of the robot that it is, by which the service counts; None: it is none. A secret.
    pub(super) fn robot(&self) -> Option<&str> {
        match &self.carrier {
            Carrier::Wecom(_, robot) => Some(&robot.url),
            Carrier::Dingtalk(_, robot) => Some(&robot.url),
            Carrier::Feishu(_, robot) => Some(&robot.url),
            Carrier::Webhook(..) | Carrier::Email(_) | Carrier::Sms(..) | Carrier::Siren(_) => None,
        }
    }

    /// When severity III and IV wait.
    pub(super) const fn quiet(&self) -> Option<Daily> {
        self.quiet
    }

    /// Whether it carries a notice. What is about the channel itself goes by others; a test is addressed by whoever
    /// makes it.
    pub(super) fn carries(&self, notice: &Notice) -> bool {
        notice.severity <= self.mildest && !self.is_subject_of(notice) && self.serves.reaches(&notice.audience)
    }

    /// Whether a notice is about the channel itself.
    pub(super) fn is_subject_of(&self, notice: &Notice) -> bool {
        matches!(&notice.subject, Subject::Channel(name) if *name == self.name)
    }

    /// Where a notice to this audience goes, people apart.
    pub(super) fn places(&self, audience: &Audience) -> Vec<String> {
        match (&self.carrier, audience) {
            (Carrier::Siren(_), Audience::Township(code)) => vec![code.to_string()],
            (Carrier::Siren(_), _) => Vec::new(),
            _ => self.own_addresses(),
        }
    }

    /// The addresses that it has without people.
    pub(super) fn own_addresses(&self) -> Vec<String> {
        match &self.carrier {
            Carrier::Wecom(..) | Carrier::Dingtalk(..) | Carrier::Feishu(..) | Carrier::Webhook(..) => {
                vec![PLACE.to_owned()]
            }
            Carrier::Email(email) => email.to().to_vec(),
            Carrier::Sms(_, sms) => sms.to().to_vec(),
            Carrier::Siren(_) => {
                let named = self.serves.townships.iter().filter(|code| *code != "*").cloned();
                let named: Vec<String> = named.collect();
                if named.is_empty() { vec![siren::TEST_TOWNSHIP.to_owned()] } else { named }
            }
        }
    }

    /// Where it reaches a person; None: it does not go to people, or this one has no such address.
    pub(super) fn address_of(&self, contact: &Contact) -> Option<String> {
        let address = match self.carrier {
            Carrier::Email(_) => &contact.email,
            Carrier::Sms(..) => &contact.phone,
            _ => return None,
        };
        (!address.is_empty()).then(|| address.clone())
    }

    /// What it needs of a person.
    pub(super) const fn address_word(&self) -> &'static str {
        match self.carrier {
            Carrier::Email(_) => "e-mail address",
            _ => "telephone number",
        }
    }

    /// Sends a message and says what became of it.
    pub(super) async fn send(&self, message: &Message, address: &str, clock: Clock) -> Result<Receipt, Failure> {
        let (wording, now) = (&self.wording, clock.now().wall);
        let sending = async {
            match &self.carrier {
                Carrier::Wecom(client, robot) => wecom::taken(&client.send(robot.request(message, wording)).await?),
                Carrier::Dingtalk(client, robot) => {
                    dingtalk::taken(&client.send(robot.request(message, wording, now)).await?)
                }
                Carrier::Feishu(client, robot) => {
                    feishu::taken(&client.send(robot.request(message, wording, now)).await?)
                }
                Carrier::Webhook(client, webhook) => {
                    webhook::taken(&client.send(webhook.request(message, wording, now)).await?)
                }
                Carrier::Email(email) => email.send(message, wording, address).await,
                Carrier::Sms(client, sms) => sms.taken(&client.send(sms.request(message, wording, address)).await?),
                Carrier::Siren(siren) => siren.send(message, address).await,
            }
        };
        match tokio::time::timeout(self.timeout, sending).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(Failure::unknown(format!("no answer within {} s", self.timeout.as_secs()))),
        }
    }
}

impl Channel {
    /// Whether it can carry a picture; where not, the message's link leads to it.
    pub(super) const fn carries_pictures(&self) -> bool {
        matches!(self.carrier, Carrier::Wecom(..) | Carrier::Email(_))
    }

    /// Whether a picture goes with words of its own.
    pub(super) const fn captions_pictures(&self) -> bool {
        matches!(self.carrier, Carrier::Email(_))
    }

    /// Sends the picture of what a message has told.
    pub(super) async fn send_picture(&self, message: &Message, shown: &Shown, address: &str) -> Result<(), Failure> {
        let sending = async {
            match &self.carrier {
                Carrier::Wecom(client, robot) => wecom::taken(&client.send(robot.picture(&shown.picture.bytes)).await?),
                Carrier::Email(email) => email.send_picture(message, shown, &self.wording, address).await,
                _ => Err(Failure::refused("it carries no pictures")),
            }
        };
        match tokio::time::timeout(self.timeout, sending).await {
            Ok(outcome) => outcome.map(drop),
            Err(_elapsed) => Err(Failure::unknown(format!("no answer within {} s", self.timeout.as_secs()))),
        }
    }
}

impl Carrier {
    /// What the service allows in a minute, as it is known; None: it says nothing.
    const fn usual_limit(&self) -> Option<u32> {
        match self {
            // Both services refuse the twenty-first message of a minute.
            Self::Wecom(..) | Self::Dingtalk(..) => Some(20),
            Self::Feishu(..) => Some(100),
            // A person's telephone, not a service's limit: more than ten a minute nobody reads.
            Self::Sms(..) | Self::Email(_) => Some(10),
            Self::Webhook(..) | Self::Siren(_) => None,
        }
    }
}

/// Whether everybody in a chat is called by name: life is in danger, and it is no news of its end.
fn calls_everybody(message: &Message) -> bool {
    use domain::notice::Occasion::{CaseClosed, ChannelWorks, Returned, Test};
    let first = message.first();
    first.severity == Severity::I && !matches!(first.occasion, Returned | CaseClosed | ChannelWorks | Test)
}
