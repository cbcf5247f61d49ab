//! What is told while people work: an alarm that nobody answers, and a case that is given to somebody, late, or over.

use super::{
    Audience, Notice, Occasion, Subject,
    words::{Lines, span},
};
use crate::{
    alarm::Severity,
    case::{CaseState, Milestone},
    escalation::{Ladder, Rung},
    id::{AlarmId, CaseId, DeviceId, NodeId, OfficeId, SiteId},
    registry::Place,
    roster::Post,
    text::Text,
    time::UnixMs,
};

/// Where it is, and who answers for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locality {
    /// The site.
    pub site: SiteId,
    /// Its name.
    pub site_name: String,
    /// Township and owner.
    pub place: Place,
    /// The office that answers for the township; None: none does.
    pub office: Option<OfficeId>,
}

impl Locality {
    /// Who stands on a rung. Where there is no office, the centre stands in for it.
    pub fn audiences(&self, rung: Rung) -> Vec<Audience> {
        let Place { township, owner } = &self.place;
        match (rung, &self.office) {
            (Rung::Ground, _) => vec![Audience::Owner(owner.clone()), Audience::Township(township.clone())],
            (Rung::Office, Some(office)) => vec![Audience::Office(office.clone())],
            (Rung::Office, None) | (Rung::Centre, _) => vec![Audience::Centre],
        }
    }
}

/// An alarm that nobody has answered.
#[derive(Debug)]
pub struct Unanswered<'a> {
    /// Which.
    pub alarm: AlarmId,
    /// Of which device.
    pub device: &'a DeviceId,
    /// What people call that.
    pub device_name: &'a str,
    /// Which edge node speaks for it; None: it has left the registry.
    pub node: Option<&'a NodeId>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is called.
    pub title: &'a Text,
    /// What was told of it when it called last: cause, place, guidance.
    pub told: &'a Text,
    /// Whether its condition has gone meanwhile.
    pub has_returned: bool,
    /// Since when nobody answers.
    pub since: UnixMs,
    /// By which it climbs.
    pub ladder: &'a Ladder,
}

/// What the colleagues of those on duty at the sub-centre are told when an alarm climbs above the ground for the first
/// time: of all but a danger to life, only those on duty had heard.
pub fn of_unanswered_to_colleagues(unanswered: &Unanswered<'_>, at: &Locality, now: UnixMs) -> Option<Notice> {
    let township = Audience::Township(at.place.township.clone());
    (unanswered.severity > Severity::I).then(|| told_of_unanswered(unanswered, at, Rung::Office, township, now))
}

/// What a rung is told of an alarm that nobody answered. The ground heard of it when it was raised.
pub fn of_unanswered(unanswered: &Unanswered<'_>, at: &Locality, rung: Rung, now: UnixMs) -> Vec<Notice> {
    if rung == Rung::Ground {
        return Vec::new();
    }
    let told = |audience| told_of_unanswered(unanswered, at, rung, audience, now);
    at.audiences(rung).into_iter().map(told).collect()
}

fn told_of_unanswered(
    unanswered: &Unanswered<'_>,
    at: &Locality,
    rung: Rung,
    audience: Audience,
    now: UnixMs,
) -> Notice {
    let Unanswered { alarm, device, device_name, node, severity, title, told, has_returned, since, ladder } =
        unanswered;
    let words = severity.words();
    let step = if rung == Rung::Centre { 2 } else { 1 };
    let (waited, to) = (span(now.since_ms(*since)), rung.words());
    let mut lines = Lines::default();
    let limit = ladder.due(rung, *since).map(|due| span(due.since_ms(*since))).unwrap_or_default();
    lines.add(
        "未确认",
        "Unanswered",
        &Text::new(
            format!("已 {}无人确认（时限 {}），现上报{}", waited.zh, limit.zh, to.zh),
            format!("for {} (the limit is {}), so that {} is told now", waited.en, limit.en, to.en),
        ),
    );
    if let Some((next, due)) = ladder.next(*since, Some(rung)) {
        let (in_time, next) = (span(due.since_ms(now)), next.words());
        let text = Text::new(
            format!("{}后仍无人确认则上报{}", in_time.zh, next.zh),
            format!("{} in {}, unless somebody answers", next.en, in_time.en),
        );
        lines.add("下一步", "Next", &text);
    }
    lines.append(told);
    let over = if *has_returned { Text::new("（已恢复）", ", over meanwhile") } else { Text::default() };
    Notice {
        subject: Subject::Alarm(*alarm),
        occasion: Occasion::Escalated { step },
        severity: *severity,
        audience,
        device: Some((*device).clone()),
        site: Some(at.site.clone()),
        node: node.cloned(),
        matter: (*title).clone(),
        at: now,
        title: Text::new(
            format!("{}告警上报{}：{} · {} {device_name}", words.zh, over.zh, title.zh, at.site_name),
            format!("{} alarm, unanswered{}: {} · {} {device_name}", words.en, over.en, title.en, at.site_name),
        ),
        body: lines.text,
    }
}

/// A case, as far as its notices speak of it.
#[derive(Debug)]
pub struct Matter<'a> {
    /// Which.
    pub case: CaseId,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub title: &'a Text,
    /// Where it stands.
    pub state: CaseState,
    /// How long its present step may take, in milliseconds; None: it has none.
    pub limit_ms: Option<i64>,
    /// Until when that must be done; None: it has none.
    pub due: Option<UnixMs>,
    /// Whose it is; empty: nobody's.
    pub whose: &'a Text,
    /// The device of its gravest alarm; None: it has left the registry.
    pub device: Option<&'a DeviceId>,
    /// What was told of that alarm when it called last: cause, place, guidance.
    pub told: &'a Text,
}

/// What of a case is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseNews<'a> {
    /// It was given to a post, or to a person there.
    Assigned {
        /// Where.
        post: &'a Post,
        /// The person's name; None: whoever is on duty.
        person: Option<&'a str>,
    },
    /// The time limit of its step has passed.
    Overdue(Rung),
    /// A milestone of an entrapment was reached.
    Milestone(&'a Milestone),
    /// People have been trapped for so long that the law calls it an accident.
    Accident,
    /// It is over.
    Closed,
}

/// What has happened to a case, for everybody who has to know. A case that is over is told to the ground, which has to live
/// with it.
pub fn of_case(matter: &Matter<'_>, at: &Locality, news: CaseNews<'_>, now: UnixMs) -> Vec<Notice> {
    let mut lines = Lines::default();
    let (occasion, zh, en, audiences) = match news {
        CaseNews::Assigned { post, person } => {
            let audience = match post {
                Post::Centre => Audience::Centre,
                Post::Office(id) => Audience::Office(id.clone()),
                Post::Township(code) => Audience::Township(code.clone()),
            };
            match person {
                Some(name) => lines.add("处理人", "For", &Text::same(name)),
                None => lines.add("处理人", "For", &Text::new("值班人员", "whoever is on duty")),
            }
            (Occasion::CaseAssigned, "处置单待接单", "case, to be accepted", vec![audience])
        }
        CaseNews::Overdue(rung) => {
            lines.add("超时步骤", "Overdue", &overdue(matter, now));
            lines.add("责任人", "Whose", &whose(matter));
            lines.add("上报", "Told", &rung.words());
            (Occasion::CaseOverdue, "处置单超时", "case, overdue", at.audiences(rung))
        }
        CaseNews::Milestone(milestone) => {
            lines.add("事项", "Now", &milestone.what);
            lines.add("责任人", "Whose", &whose(matter));
            (Occasion::CaseMilestone, "电梯困人救援", "people trapped", everybody(at, &milestone.tell))
        }
        CaseNews::Accident => {
            let words = Text::new(
                "困人已满 2 小时，依法属一般事故（国务院令第 549 号第六十四条），须在 1 小时内报告",
                "trapped for 2 hours: by law a general accident (State Council order 549, art. 64), to be reported within 1 hour",
            );
            lines.add("事故", "Accident", &words);
            lines.add("责任人", "Whose", &whose(matter));
            (Occasion::CaseOverdue, "电梯困人已成事故", "entrapment, an accident now", everybody(at, &Rung::ALL))
        }
        CaseNews::Closed => {
            lines.add("结果", "Outcome", &Text::new("已核验并归档", "verified and filed"));
            (Occasion::CaseClosed, "处置单已关闭", "case, closed", at.audiences(Rung::Ground))
        }
    };
    if news != CaseNews::Closed {
        lines.append(matter.told);
    }
    let Matter { case, severity, title, device, .. } = matter;
    let words = severity.words();
    let heading = Text::new(
        format!("{}{zh}：#{case} {} · {}", words.zh, title.zh, at.site_name),
        format!("{} {en}: #{case} {} · {}", words.en, title.en, at.site_name),
    );
    let told = |audience| Notice {
        subject: Subject::Case(*case),
        occasion,
        severity: *severity,
        audience,
        device: device.cloned(),
        site: Some(at.site.clone()),
        node: None,
        matter: (*title).clone(),
        at: now,
        title: heading.clone(),
        body: lines.text.clone(),
    };
    audiences.into_iter().map(told).collect()
}

/// Who stands on these rungs, each once.
fn everybody(at: &Locality, rungs: &[Rung]) -> Vec<Audience> {
    let mut audiences: Vec<Audience> = Vec::new();
    for audience in rungs.iter().flat_map(|rung| at.audiences(*rung)) {
        if !audiences.contains(&audience) {
            audiences.push(audience);
        }
    }
    audiences
}

/// Which step is overdue, its limit, and by how much.
fn overdue(matter: &Matter<'_>, now: UnixMs) -> Text {
    let step = matter.state.next_step().unwrap_or_default();
    let (Some(limit_ms), Some(due)) = (matter.limit_ms, matter.due) else { return step };
    let (limit, late) = (span(limit_ms), span(now.since_ms(due)));
    Text::new(
        format!("{}，限 {}，已超 {}", step.zh, limit.zh, late.zh),
        format!("{} within {}, {} late", step.en, limit.en, late.en),
    )
}

fn whose(matter: &Matter<'_>) -> Text {
    if matter.whose.zh.is_empty() { Text::new("无（未指派）", "nobody's yet") } else { matter.whose.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{OwnerId, TownshipCode};

    fn locality(office: Option<&str>) -> Locality {
        Locality {
            site: SiteId::new("tower").unwrap(),
            site_name: "Tower".into(),
            place: Place { township: TownshipCode::new("500156001").unwrap(), owner: OwnerId::new("inn").unwrap() },
            office: office.map(|id| OfficeId::new(id).unwrap()),
        }
    }

    fn audiences(notices: &[Notice]) -> Vec<Audience> {
        notices.iter().map(|notice| notice.audience.clone()).collect()
    }

    const LADDER: Ladder = Ladder { office_s: Some(120), centre_s: Some(300) };

    #[test]
    fn a_rung_without_anybody_is_the_centres() {
        let unanswered = Unanswered {
            alarm: AlarmId(7),
            device: &DeviceId::new("lift").unwrap(),
            device_name: "1 号梯",
            node: None,
            severity: Severity::I,
            title: &Text::new("困人", "Trapped"),
            told: &Text::new("原因：困人信号\n处置：先通话", "Cause: trapped\nDo first: speak with them"),
            has_returned: false,
            since: UnixMs(0),
            ladder: &LADDER,
        };
        let tell = |office, rung| of_unanswered(&unanswered, &locality(office), rung, UnixMs(150_000));
        assert_eq!(tell(Some("furong"), Rung::Ground), []);
        let office = tell(Some("furong"), Rung::Office);
        assert_eq!(audiences(&office), [Audience::Office(OfficeId::new("furong").unwrap())]);
        assert_eq!(office[0].title.en, "I (red) alarm, unanswered: Trapped · Tower 1 号梯");
        assert_eq!(
            office[0].body.zh,
            "未确认：已 2 分钟无人确认（时限 2 分钟），现上报市场监管所\n\
             下一步：2 分钟后仍无人确认则上报应急管理中心\n原因：困人信号\n处置：先通话"
        );
        assert_eq!(office[0].occasion, Occasion::Escalated { step: 1 });
        let centre = &tell(Some("furong"), Rung::Centre)[0];
        assert_eq!(
            centre.body.en,
            "Unanswered: for 2 min (the limit is 5 min), so that the centre is told now\n\
             Cause: trapped\nDo first: speak with them"
        );
        assert_eq!(audiences(&tell(None, Rung::Office)), [Audience::Centre]);
        // Of a danger to life the colleagues have heard.
        assert_eq!(of_unanswered_to_colleagues(&unanswered, &locality(None), UnixMs(150_000)), None);
        let mild = Unanswered { severity: Severity::III, ..unanswered };
        let told = of_unanswered_to_colleagues(&mild, &locality(Some("furong")), UnixMs(150_000)).unwrap();
        assert_eq!(told.audience, Audience::Township(TownshipCode::new("500156001").unwrap()));
        assert_eq!(told.occasion, Occasion::Escalated { step: 1 });
    }

    #[test]
    fn a_case_says_what_is_late_whose_it_is_and_what_it_is_about() {
        let matter = Matter {
            case: CaseId(3),
            severity: Severity::I,
            title: &Text::new("困人", "Trapped"),
            state: CaseState::Assigned,
            limit_ms: Some(180_000),
            due: Some(UnixMs(180_000)),
            whose: &Text::same("张三"),
            device: None,
            told: &Text::new("原因：困人信号", "Cause: trapped"),
        };
        let tell = |office, news| of_case(&matter, &locality(office), news, UnixMs(420_000));
        let overdue = &tell(Some("furong"), CaseNews::Overdue(Rung::Office))[0];
        assert_eq!(
            overdue.body.zh,
            "超时步骤：接单，限 3 分钟，已超 4 分钟\n责任人：张三\n上报：市场监管所\n原因：困人信号"
        );
        // The law's accident, and what is told on the way there: to everybody once.
        assert_eq!(tell(Some("furong"), CaseNews::Accident).len(), 4);
        assert_eq!(tell(None, CaseNews::Accident).len(), 3);
        let milestone = &crate::case::Policy::default().entrapment.milestones()[2];
        let notices = tell(Some("furong"), CaseNews::Milestone(milestone));
        assert_eq!((notices.len(), notices[0].occasion), (4, Occasion::CaseMilestone));
        assert!(notices[0].body.zh.starts_with("事项：被困已满 60 分钟：报告区值班领导，联系消防救援\n"));
        let post = Post::Township(TownshipCode::new("500156001").unwrap());
        let notices = tell(None, CaseNews::Assigned { post: &post, person: Some("Zhang") });
        assert_eq!(notices[0].title.zh, "I级（红）处置单待接单：#3 困人 · Tower");
        assert_eq!(notices[0].body.en, "For: Zhang\nCause: trapped");
    }
}
