//! `[notify]` of gateway.toml: by which channels who is told of what. Secrets stand in files, never here.

use std::path::{Path, PathBuf};

use domain::{
    alarm::Severity,
    notice::{Audience, Policy},
    profile::Daily,
    registry::Registry,
};
use serde::{Deserialize, Serialize};

use super::SetUpError;

/// Section `[notify]` of gateway.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// In which language.
    pub language: Language,
    /// Where people reach the dashboard, such as `https://brightwatch.example`; messages then name the page of their
    /// alarm. None: they do not.
    pub dashboard_url: Option<String>,
    /// An HTTP proxy for the channels that speak HTTP, such as `http://proxy:3128`. None: none, whatever the environment
    /// says.
    pub proxy: Option<String>,
    /// Of one site, messages to the same target follow each other by so many seconds at least; what comes meanwhile goes
    /// as one. 30: one look at the telephone. Severity I never waits.
    pub group_s: u64,
    /// An attempt is given up after so many seconds. 10: a service that takes longer is as good as dead.
    pub timeout_s: u64,
    /// What could not be delivered for so many hours is given up, and stays visible as such. 24: until the next shift of
    /// the same people.
    pub give_up_h: u32,
    /// A channel on which nothing got through for so many seconds is dead: that itself is told by the others. 120: longer
    /// than a restart of anything.
    pub dead_after_s: u64,
    /// Who is told of which alarms at once.
    pub tell: Tell,
    /// The channels.
    pub channel: Vec<ChannelConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            language: Language::Zh,
            dashboard_url: None,
            proxy: None,
            group_s: 30,
            timeout_s: 10,
            give_up_h: 24,
            dead_after_s: 120,
            tell: Tell::default(),
            channel: Vec::new(),
        }
    }
}

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// 中文.
    Zh,
    /// English.
    En,
}

/// The mildest severity that each is told of at once; see [`Policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tell {
    /// The owner of the equipment.
    pub owner: Severity,
    /// The sub-centre of its township.
    pub township: Severity,
    /// The office that answers for the township.
    pub office: Severity,
    /// The centre.
    pub centre: Severity,
    /// The end of an alarm is told from this severity up.
    pub returned: Severity,
}

impl Default for Tell {
    fn default() -> Self {
        let Policy { owner, township, office, centre, returned } = Policy::default();
        Self { owner, township, office, centre, returned }
    }
}

impl From<Tell> for Policy {
    fn from(tell: Tell) -> Self {
        let Tell { owner, township, office, centre, returned } = tell;
        Self { owner, township, office, centre, returned }
    }
}

/// One channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Its name, unique; receipts carry it.
    pub name: String,
    /// Whom it reaches.
    #[serde(default)]
    pub serves: Serves,
    /// The mildest severity that it carries.
    #[serde(default = "every_severity")]
    pub mildest: Severity,
    /// At most so many messages a minute to one target; what is more goes as one. Severity I is never held back. None:
    /// what its kind allows.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// From and to an hour of Beijing time, such as `[22, 7]`: severity III and IV wait until it is over.
    #[serde(default)]
    pub quiet_hours: Option<[f64; 2]>,
    /// How it sends.
    pub via: Via,
}

const fn every_severity() -> Severity {
    Severity::IV
}

/// Whom a channel reaches. `"*"` in a list: all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Serves {
    /// The centre.
    pub centre: bool,
    /// Offices, by id.
    pub offices: Vec<String>,
    /// Townships, by code.
    pub townships: Vec<String>,
    /// Owners, by id.
    pub owners: Vec<String>,
}

impl Serves {
    /// Whether it reaches them.
    pub fn reaches(&self, audience: &Audience) -> bool {
        let holds = |list: &[String], id: &str| list.iter().any(|entry| entry == "*" || entry == id);
        match audience {
            Audience::Owner(id) => holds(&self.owners, id.as_str()),
            Audience::Township(code) => holds(&self.townships, code.as_str()),
            Audience::Office(id) => holds(&self.offices, id.as_str()),
            Audience::Centre => self.centre,
        }
    }

    /// Whom it reaches, as `centre`, `office:furong`, `township:*`.
    pub fn words(&self) -> Vec<String> {
        let of = |kind: &'static str, list: &[String]| -> Vec<String> {
            list.iter().map(|id| format!("{kind}:{id}")).collect()
        };
        let centre = self.centre.then(|| "centre".to_owned()).into_iter();
        let offices = of("office", &self.offices);
        centre.chain(offices).chain(of("township", &self.townships)).chain(of("owner", &self.owners)).collect()
    }
}

/// How a channel sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// 企业微信: a robot in a group chat.
    Wecom(RobotConfig),
    /// 钉钉: a robot in a group chat.
    Dingtalk(RobotConfig),
    /// 飞书: a robot in a group chat.
    Feishu(RobotConfig),
    /// A program of the site's own.
    Webhook(WebhookConfig),
    /// E-mail to people, and to fixed addresses.
    Email(EmailConfig),
    /// Text messages to people's telephones, by an HTTP gateway.
    Sms(SmsConfig),
    /// Sirens at the broker, one topic a township.
    Siren(SirenConfig),
}

/// A robot in a group chat.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotConfig {
    /// A file whose first line is the robot's address. Who has it can speak as the robot, so it is a secret.
    pub url_file: PathBuf,
    /// A file whose first line is the secret for signing. None: the robot asks for no signature; 企业微信 never does.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

/// A program of the site's own; `docs/ref/notify.md` is the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where it listens.
    pub url: String,
    /// A file whose first line is the key of the signature, 16 characters at least.
    pub secret_file: PathBuf,
    /// PEM certificates to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A mail server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Its name.
    pub server: String,
    /// Its port. None: 465 with `tls`, 587 with `starttls`, 25 with `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is secured.
    #[serde(default)]
    pub encryption: Encryption,
    /// Who sends.
    #[serde(default)]
    pub username: Option<String>,
    /// A file whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The sender's address, such as `明哨 <alarm@example.cn>`.
    pub from: String,
    /// Addresses that get everything the channel carries; people of the audience are added.
    #[serde(default)]
    pub to: Vec<String>,
    /// PEM certificates to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// How a connection to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// From the first byte.
    #[default]
    Tls,
    /// After the greeting; without it nothing is sent.
    Starttls,
    /// Not at all: only for a server on the same machine or a closed network.
    None,
}

/// An HTTP gateway for text messages. `{{phone}}`, `{{text}}`, `{{severity}}`, `{{message}}` and `{{secret}}` in `url`,
/// `headers` and `body` are replaced, each quoted as its place asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// The address that is asked.
    pub url: String,
    /// GET or POST.
    #[serde(default = "post")]
    pub method: SmsMethod,
    /// Header lines.
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, String>,
    /// The body; empty: none.
    #[serde(default)]
    pub body: String,
    /// How the body is written.
    #[serde(default)]
    pub body_kind: BodyKind,
    /// A file whose first line stands for `{{secret}}`.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// What an answer with status 2xx holds when the message was taken; empty: the status says it all.
    #[serde(default)]
    pub taken_when_body_contains: String,
    /// Numbers that get everything the channel carries; people of the audience are added.
    #[serde(default)]
    pub to: Vec<String>,
    /// The longest text in characters. 200: three text messages.
    #[serde(default = "sms_characters")]
    pub characters_max: usize,
    /// PEM certificates to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

const fn post() -> SmsMethod {
    SmsMethod::Post
}

const fn sms_characters() -> usize {
    200
}

/// How the gateway for text messages is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SmsMethod {
    /// Everything stands in the address.
    Get,
    /// With a body.
    Post,
}

/// How a body is written, which decides how what is put into it is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// `application/json`; placeholders stand within quotes.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// Sirens at the gateway's broker.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SirenConfig {}

impl ChannelConfig {
    pub(super) fn quiet(&self) -> Option<Daily> {
        self.quiet_hours.map(|[from, to]| Daily::new(from, to))
    }

    pub(super) fn wrong(&self, key: &'static str, problem: impl Into<String>) -> SetUpError {
        SetUpError::Key { channel: self.name.clone(), key, problem: problem.into() }
    }

    /// The first line of a file that holds a secret.
    pub(super) fn secret(&self, key: &'static str, path: &Path) -> Result<String, SetUpError> {
        let text = std::fs::read_to_string(path).map_err(|source| SetUpError::File {
            channel: self.name.clone(),
            key,
            path: path.to_owned(),
            source,
        })?;
        match text.lines().next().map(str::trim) {
            Some(line) if !line.is_empty() => Ok(line.to_owned()),
            _ => Err(self.wrong(key, format!("the first line of {} is empty", path.display()))),
        }
    }

    fn check(&self, registry: &Registry) -> Result<(), SetUpError> {
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if self.name.is_empty() || self.name.len() > 32 || !self.name.chars().all(is_name) {
            return Err(self.wrong("name", "1 to 32 letters, digits, `-`, `_` and `.` make a name"));
        }
        let strange = |list: &[String], is_known: &dyn Fn(&str) -> bool| {
            list.iter().find(|id| id.as_str() != "*" && !is_known(id)).cloned()
        };
        let is_office = |id: &str| registry.offices().any(|office| office.id.as_str() == id);
        let is_township = |code: &str| registry.townships().any(|township| township.code.as_str() == code);
        if let Some(id) = strange(&self.serves.offices, &is_office) {
            return Err(self.wrong("serves.offices", format!("there is no office `{id}`; \"*\" stands for all")));
        }
        if let Some(code) = strange(&self.serves.townships, &is_township) {
            return Err(self.wrong("serves.townships", format!("there is no township `{code}`; \"*\" stands for all")));
        }
        if self.serves.words().is_empty() {
            return Err(self.wrong("serves", "it serves nobody: set centre, offices, townships or owners"));
        }
        if self.per_minute == Some(0) {
            return Err(self.wrong("per_minute", "nothing could be sent; at least 1"));
        }
        if self.quiet_hours.is_some_and(|hours| !hours.iter().all(|hour| (0.0..=24.0).contains(hour))) {
            return Err(self.wrong("quiet_hours", "two hours from 0 to 24 are needed, such as [22, 7]"));
        }
        Ok(())
    }
}

impl Config {
    /// Files that the section names, to be found from the folder of the configuration.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.channel
            .iter_mut()
            .flat_map(|channel| match &mut channel.via {
                Via::Wecom(robot) | Via::Dingtalk(robot) | Via::Feishu(robot) => {
                    vec![Some(&mut robot.url_file), robot.secret_file.as_mut()]
                }
                Via::Webhook(webhook) => vec![Some(&mut webhook.secret_file), webhook.ca_file.as_mut()],
                Via::Email(email) => vec![email.password_file.as_mut(), email.ca_file.as_mut()],
                Via::Sms(sms) => vec![sms.secret_file.as_mut(), sms.ca_file.as_mut()],
                Via::Siren(_) => vec![],
            })
            .flatten()
    }

    pub(super) fn check(&self, registry: &Registry) -> Result<(), SetUpError> {
        for (key, value) in [("timeout_s", self.timeout_s), ("give_up_h", self.give_up_h.into())] {
            if value == 0 {
                return Err(SetUpError::Section { key, problem: "at least 1".into() });
            }
        }
        for (at, channel) in self.channel.iter().enumerate() {
            channel.check(registry)?;
            if self.channel[..at].iter().any(|earlier| earlier.name == channel.name) {
                return Err(channel.wrong("name", "two channels have it"));
            }
        }
        Ok(())
    }
}
