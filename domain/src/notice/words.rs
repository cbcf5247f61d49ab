//! The words in which people are told of an alarm. The time is not among them: whoever shows it knows the zone.

use super::Occasion;
use crate::{
    alarm::{AlarmState, Severity, Transition},
    profile::{Confidence, Rule},
    registry::{Device, Registry, Site},
    text::Text,
};

/// What is told.
#[derive(Debug)]
pub(super) struct Matter<'a> {
    pub(super) registry: &'a Registry,
    pub(super) device: &'a Device,
    pub(super) site: &'a Site,
    /// None: the rule has left its profile.
    pub(super) rule: Option<&'a Rule>,
    /// The step that says why.
    pub(super) told: &'a Transition,
    /// The step after which it stands as it stands.
    pub(super) last: &'a Transition,
    pub(super) occasion: Occasion,
}

impl Severity {
    /// `I级（红）`, `I (red)`.
    pub fn words(self) -> Text {
        match self {
            Self::I => Text::new("I级（红）", "I (red)"),
            Self::II => Text::new("II级（橙）", "II (orange)"),
            Self::III => Text::new("III级（黄）", "III (yellow)"),
            Self::IV => Text::new("IV级（蓝）", "IV (blue)"),
        }
    }
}

/// The little that the alarm itself says, when what was told of it is not kept any more.
pub fn in_short(cause: &Text, device_name: &str) -> Text {
    let mut lines = Lines::default();
    lines.add("原因", "Cause", cause);
    lines.add("设备", "Device", &Text::same(device_name));
    lines.text
}

/// Title and body.
pub(super) fn of_alarm(matter: &Matter<'_>) -> (Text, Text) {
    let Matter { device, site, last, .. } = matter;
    let severity = last.severity.words();
    let (zh, en) = occasion_words(matter.occasion, last);
    let title = Text::new(
        format!("{}{zh}：{} · {} {}", severity.zh, last.title.zh, site.name, device.name),
        format!("{} {en}: {} · {} {}", severity.en, last.title.en, site.name, device.name),
    );
    (title, body(matter))
}

/// What happened, to stand behind the severity.
fn occasion_words(occasion: Occasion, last: &Transition) -> (&'static str, &'static str) {
    let is_active = matches!(last.state, AlarmState::ActiveUnacknowledged | AlarmState::ActiveAcknowledged);
    match occasion {
        Occasion::Raised if is_active => ("告警", "alarm"),
        Occasion::Raised => ("告警（已恢复，待确认）", "alarm (over, waits for an answer)"),
        Occasion::Worsened => ("告警升级", "alarm, worse than before"),
        Occasion::Recurred => ("告警再次发生", "alarm, there again"),
        Occasion::Resumed => ("告警恢复提醒", "alarm, calling again"),
        Occasion::Returned => ("告警恢复", "alarm over"),
        Occasion::Escalated { .. } => ("告警上报", "alarm, unanswered"),
        Occasion::CaseAssigned
        | Occasion::CaseOverdue
        | Occasion::CaseMilestone
        | Occasion::CaseClosed
        | Occasion::ChannelDead
        | Occasion::ChannelWorks
        | Occasion::Test => ("通知", "notice"),
    }
}

fn body(matter: &Matter<'_>) -> Text {
    let Matter { registry, device, site, rule, told, last, occasion } = matter;
    let mut lines = Lines::default();
    lines.add("原因", "Cause", &told.cause);
    if told.late_ms > 0 {
        let minutes = told.late_ms.div_ceil(60_000);
        lines.add("迟到", "Late by", &Text::new(format!("{minutes} 分钟"), format!("{minutes} min")));
    }
    lines.add("设备", "Device", &Text::same(format!("{}（{}）", device.name, device.id)));
    let township = registry.township(&site.township);
    let (zh, en) = township.map_or(("", ""), |township| (township.name_zh.as_str(), township.name_en.as_str()));
    let place = |township: &str, comma: &str| {
        let parts = [site.name.as_str(), township, site.address.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(comma)
    };
    lines.add("场所", "Site", &Text::new(place(zh, "，"), place(en, ", ")));
    if *occasion != Occasion::Returned
        && let Some(rule) = rule
    {
        lines.add("处置", "Do first", &rule.guidance);
        // Only what was read in the document itself may be called regulation.
        if rule.source.confidence == Confidence::Verified {
            lines.add("依据", "Regulation", &rule.source.citation);
        }
    }
    lines.add("编号", "Number", &Text::same(last.alarm.to_string()));
    lines.text
}

/// A span of time, in the unit in which people speak of it.
pub(super) fn span(ms: i64) -> Text {
    let minute = 60_000;
    match ms.max(0) {
        ms if ms < 2 * minute => Text::new(format!("{} 秒", ms / 1000), format!("{} s", ms / 1000)),
        ms if ms < 120 * minute => Text::new(format!("{} 分钟", ms / minute), format!("{} min", ms / minute)),
        ms => Text::new(format!("{} 小时", ms / (60 * minute)), format!("{} h", ms / (60 * minute))),
    }
}

/// Lines of a body.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: Text,
}

impl Lines {
    /// A line, unless there is nothing to say.
    pub(super) fn add(&mut self, zh: &str, en: &str, words: &Text) {
        let add = |text: &mut String, line: String| {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
        };
        if !words.zh.is_empty() {
            add(&mut self.text.zh, format!("{zh}：{}", words.zh));
            add(&mut self.text.en, format!("{en}: {}", words.en));
        }
    }

    /// Lines that stand already.
    pub(super) fn append(&mut self, lines: &Text) {
        if lines.zh.is_empty() {
            return;
        }
        for (text, more) in [(&mut self.text.zh, &lines.zh), (&mut self.text.en, &lines.en)] {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(more);
        }
    }
}
