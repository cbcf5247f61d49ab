//! What is sent: one notice, or several as one, in words. Pure.

use std::collections::BTreeSet;

use domain::{
    alarm::Severity,
    id::UserName,
    notice::{Audience, Notice, Occasion, Subject},
    text::Text,
    time::UnixMs,
};
use jiff::{Timestamp, tz::TimeZone};

use super::config::Language;

/// Notices that a message of several names; the rest is counted.
const NAMED_MAX: usize = 10;
/// Kinds of matters that it counts by name.
const KINDS_MAX: usize = 5;

/// One message, the same for every kind of channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its number: the same whenever it is tried again.
    pub(super) id: i64,
    /// What it says, the gravest first; at least one, none twice.
    pub(super) notices: Vec<Notice>,
    /// An earlier attempt may have arrived.
    pub(super) is_maybe_repeated: bool,
}

/// How it is worded.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    pub(super) language: Language,
    /// Without a slash at its end.
    pub(super) dashboard_url: Option<String>,
}

impl Message {
    /// What it says, the gravest first, then the earliest; what is said to several audiences at one target is said once.
    pub(super) fn new(id: i64, notices: impl IntoIterator<Item = Notice>, is_maybe_repeated: bool) -> Self {
        let mut kept: Vec<Notice> = Vec::new();
        for notice in notices {
            if !kept.iter().any(|other| is_same(other, &notice)) {
                kept.push(notice);
            }
        }
        // What may explain the others stands before those of its severity.
        kept.sort_by_key(|notice| (notice.severity, !notice.is_about_node(), notice.at));
        Self { id, notices: kept, is_maybe_repeated }
    }

    /// The gravest thing it says.
    pub(super) fn first(&self) -> &Notice {
        self.notices.first().expect("a message says something")
    }

    /// How grave it is.
    pub(super) fn severity(&self) -> Severity {
        self.first().severity
    }

    /// One line.
    pub(super) fn title(&self, wording: &Wording) -> String {
        let first = wording.of(&self.first().title);
        let count = self.notices.len();
        let mark = match (self.is_maybe_repeated, wording.language) {
            (false, _) => "",
            (true, Language::Zh) => "（可能重复）",
            (true, Language::En) => " (may be repeated)",
        };
        match (count, wording.language) {
            (1, _) => format!("{first}{mark}"),
            (_, Language::Zh) => format!("{first} 等 {count} 条{mark}"),
            (_, Language::En) => format!("{first} and {} more{mark}", count - 1),
        }
    }

    /// What else there is to say, a line each.
    pub(super) fn body(&self, wording: &Wording) -> String {
        let mut lines = Vec::new();
        let one = self.first();
        if self.notices.len() == 1 {
            let body = wording.of(&one.body);
            lines.extend((!body.is_empty()).then(|| body.to_owned()));
            lines.push(match wording.language {
                Language::Zh => format!("时间：{}", beijing(one.at)),
                Language::En => format!("Time: {} (Beijing)", beijing(one.at)),
            });
        } else {
            lines.extend(self.summary(wording));
            let named = self.notices.iter().take(NAMED_MAX);
            lines.extend(named.map(|notice| format!("{} {}", &beijing(notice.at)[11..], wording.of(&notice.title))));
            if self.notices.len() > NAMED_MAX {
                let rest = self.notices.len() - NAMED_MAX;
                lines.push(match wording.language {
                    Language::Zh => format!("……另有 {rest} 条，见监测平台"),
                    Language::En => format!("... and {rest} more: see the dashboard"),
                });
            }
        }
        if let Some(url) = &wording.dashboard_url {
            lines.push(match (&one.subject, self.notices.len()) {
                (Subject::Alarm(alarm), 1) => format!("{url}/alarms/{alarm}"),
                _ => format!("{url}/alarms"),
            });
        }
        lines.join("\n")
    }

    /// What a message of several has in common, and how many there are of each kind; None: they are of no kind.
    fn summary(&self, wording: &Wording) -> Option<String> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for notice in &self.notices {
            let matter = wording.of(&notice.matter);
            match counts.iter_mut().find(|(known, _)| *known == matter) {
                Some((_, count)) => *count += 1,
                None => counts.push((matter, 1)),
            }
        }
        counts.retain(|(matter, _)| !matter.is_empty());
        if counts.is_empty() {
            return None;
        }
        // Alike ones in the order of the gravest of each.
        let more = counts.len().saturating_sub(KINDS_MAX);
        let counts: Vec<String> =
            counts.iter().take(KINDS_MAX).map(|(matter, count)| format!("{matter} ×{count}")).collect();
        let devices: BTreeSet<_> = self.notices.iter().filter_map(|notice| notice.device.as_ref()).collect();
        let sites: BTreeSet<_> = self.notices.iter().filter_map(|notice| notice.site.as_ref()).collect();
        let (devices, sites) = (devices.len(), sites.len());
        let mut nodes = self.notices.iter().map(|notice| notice.node.as_ref());
        let node = nodes.next().flatten().filter(|first| nodes.all(|node| node == Some(*first)));
        let kinds = counts.join(if wording.language == Language::Zh { "、" } else { ", " });
        Some(match wording.language {
            Language::Zh => {
                let node = node.map(|node| format!("同属边缘节点 {node}，")).unwrap_or_default();
                let more = if more > 0 { format!(" 等 {} 类", counts.len() + more) } else { String::new() };
                let places =
                    if devices > 0 { format!("{sites} 处场所 {devices} 台设备：") } else { String::new() };
                format!("合计：{node}{places}{kinds}{more}")
            }
            Language::En => {
                let node = node.map(|node| format!("all of edge node {node}, ")).unwrap_or_default();
                let more = if more > 0 { format!(" and {more} other kinds") } else { String::new() };
                let places = if devices > 0 { format!("{devices} devices at {sites} sites: ") } else { String::new() };
                format!("In all: {node}{places}{kinds}{more}")
            }
        })
    }

    /// Title and body, at most so many bytes of UTF-8.
    pub(super) fn text(&self, wording: &Wording, bytes_max: usize) -> String {
        let mut text = format!("{}\n{}", self.title(wording), self.body(wording));
        if text.len() > bytes_max {
            text.truncate(text.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8())));
            text.push('…');
        }
        text
    }
}

impl Wording {
    pub(super) fn of<'a>(&self, text: &'a Text) -> &'a str {
        match self.language {
            Language::Zh => &text.zh,
            Language::En => &text.en,
        }
    }
}

/// Whether two notices tell the same, to whomever.
pub(super) fn is_same(one: &Notice, other: &Notice) -> bool {
    one.subject == other.subject && one.occasion == other.occasion && one.at == other.at && one.title == other.title
}

/// `2026-11-26 19:00:28`, in Beijing.
pub(super) fn beijing(at: UnixMs) -> String {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What is told when somebody tries a channel.
pub(super) fn test_notice(channel: &str, by: &UserName, at: UnixMs) -> Notice {
    Notice {
        subject: Subject::Channel(channel.to_owned()),
        occasion: Occasion::Test,
        severity: Severity::IV,
        audience: Audience::Centre,
        device: None,
        site: None,
        node: None,
        matter: Text::default(),
        at,
        title: Text::new("测试消息，无需处理", "Test message, nothing to be done"),
        body: Text::new(format!("渠道：{channel}\n发送人：{by}"), format!("Channel: {channel}\nSent by: {by}")),
    }
}

/// What is told when a channel has died, or works again.
pub(super) fn channel_notice(channel: &str, occasion: Occasion, why: &str, at: UnixMs) -> Notice {
    let (title, body) = match occasion {
        Occasion::ChannelDead => (
            Text::new(format!("通知渠道失效：{channel}"), format!("Channel is dead: {channel}")),
            Text::new(
                format!("原因：{why}\n影响：经此渠道的通知暂时无法送达，恢复后自动补发"),
                format!("Cause: {why}\nWhat goes by it waits, and is sent when it works again"),
            ),
        ),
        _ => {
            (Text::new(format!("通知渠道恢复：{channel}"), format!("Channel works again: {channel}")), Text::default())
        }
    };
    Notice {
        subject: Subject::Channel(channel.to_owned()),
        occasion,
        severity: Severity::II,
        audience: Audience::Centre,
        device: None,
        site: None,
        node: None,
        matter: Text::default(),
        at,
        title,
        body,
    }
}

#[cfg(test)]
mod tests {
    use domain::id::AlarmId;

    use super::*;

    fn notice(alarm: i64, severity: Severity, audience: Audience) -> Notice {
        Notice {
            subject: Subject::Alarm(AlarmId(alarm)),
            occasion: Occasion::Raised,
            severity,
            audience,
            device: None,
            site: None,
            node: None,
            matter: Text::new("超限", "too high"),
            at: UnixMs(1_790_784_000_000 + alarm),
            title: Text::new(format!("告警{alarm}"), format!("alarm {alarm}")),
            body: Text::new("原因：9.1 °C > 8 °C", "Cause: 9.1 °C > 8 °C"),
        }
    }

    fn wording(language: Language) -> Wording {
        Wording { language, dashboard_url: Some("https://bw.example".into()) }
    }

    #[test]
    fn one_notice_is_said_in_full_and_once_for_all_audiences() {
        let several = [notice(7, Severity::I, Audience::Centre); 1].into_iter().chain([notice(
            7,
            Severity::I,
            Audience::Township("500156001".parse().unwrap()),
        )]);
        let message = Message::new(3, several, false);
        assert_eq!(
            message.text(&wording(Language::Zh), 2048),
            "告警7\n原因：9.1 °C > 8 °C\n时间：2026-10-01 00:00:00\nhttps://bw.example/alarms/7"
        );
        assert_eq!(message.title(&wording(Language::En)), "alarm 7");
    }

    #[test]
    fn several_are_named_the_gravest_first_and_the_rest_counted() {
        let severity = |alarm| if alarm == 9 { Severity::II } else { Severity::III };
        let message = Message::new(3, (1..=12).map(|alarm| notice(alarm, severity(alarm), Audience::Centre)), true);
        let wording = wording(Language::Zh);
        assert_eq!(message.title(&wording), "告警9 等 12 条（可能重复）");
        let body = message.body(&wording);
        let beginning = "合计：超限 ×12\n00:00:00 告警9\n00:00:00 告警1\n";
        assert!(body.starts_with(beginning), "{body}");
        assert!(body.ends_with("……另有 2 条，见监测平台\nhttps://bw.example/alarms"), "{body}");
    }

    #[test]
    fn a_message_of_several_says_what_explains_them_and_how_many_of_each_there_are() {
        let of = |alarm, device: &str, site: &str, matter: &str| Notice {
            device: Some(device.parse().unwrap()),
            site: Some(site.parse().unwrap()),
            node: Some("edge-7".parse().unwrap()),
            matter: Text::same(matter),
            ..notice(alarm, Severity::III, Audience::Centre)
        };
        let several = [
            of(1, "fridge-1", "a", "冷藏温度高"),
            of(2, "fridge-2", "b", "冷藏温度高"),
            of(3, "edge-7", "a", "边缘节点离线"),
        ];
        let body = Message::new(3, several.clone(), false).body(&wording(Language::Zh));
        let summary = "合计：同属边缘节点 edge-7，2 处场所 3 台设备：边缘节点离线 ×1、冷藏温度高 ×2\n";
        assert!(body.starts_with(&format!("{summary}00:00:00 告警3\n")), "the node explains its devices: {body}");
        let elsewhere = Notice { node: Some("edge-8".parse().unwrap()), ..several[0].clone() };
        let body = Message::new(3, [several[1].clone(), elsewhere], false).body(&wording(Language::En));
        assert!(body.starts_with("In all: 2 devices at 2 sites: 冷藏温度高 ×2\n"), "{body}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = Notice { body: Text::same("灶".repeat(1000)), ..notice(1, Severity::I, Audience::Centre) };
        let text = Message::new(1, [long], false).text(&wording(Language::Zh), 2048);
        assert!(text.len() <= 2048 && text.ends_with("灶…"), "{}", text.len());
    }
}
