//! What is told while people work: an alarm that nobody answers, and a case that is given to somebody, late, or over.

use super::{Audience, Notice, Occasion, Subject};
use crate::{
    alarm::Severity,
    escalation::Rung,
    id::{AlarmId, CaseId, DeviceId, OfficeId, SiteId},
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
    /// How bad it is.
    pub severity: Severity,
    /// What it is called.
    pub title: &'a Text,
    /// Since when nobody answers.
    pub since: UnixMs,
}

/// What the colleagues of those on duty at the sub-centre are told when an alarm climbs above the ground for the first
/// time: of all but a danger to life, only those on duty had heard.
pub fn of_unanswered_to_colleagues(unanswered: &Unanswered<'_>, at: &Locality, now: UnixMs) -> Option<Notice> {
    let township = Audience::Township(at.place.township.clone());
    (unanswered.severity > Severity::I).then(|| told_of_unanswered(unanswered, at, 1, township, now))
}

/// What a rung is told of an alarm that nobody answered. The ground heard of it when it was raised.
pub fn of_unanswered(unanswered: &Unanswered<'_>, at: &Locality, rung: Rung, now: UnixMs) -> Vec<Notice> {
    let step = match rung {
        Rung::Ground => return Vec::new(),
        Rung::Office => 1,
        Rung::Centre => 2,
    };
    let told = |audience| told_of_unanswered(unanswered, at, step, audience, now);
    at.audiences(rung).into_iter().map(told).collect()
}

fn told_of_unanswered(unanswered: &Unanswered<'_>, at: &Locality, step: u8, audience: Audience, now: UnixMs) -> Notice {
    let Unanswered { alarm, device, severity, title, since } = unanswered;
    let words = severity.words();
    let minutes = now.since_ms(*since) / 60_000;
    Notice {
        subject: Subject::Alarm(*alarm),
        occasion: Occasion::Escalated { step },
        severity: *severity,
        audience,
        device: Some((*device).clone()),
        site: Some(at.site.clone()),
        at: now,
        title: Text::new(
            format!("{}告警上报：{} · {}", words.zh, title.zh, at.site_name),
            format!("{} alarm, unanswered: {} · {}", words.en, title.en, at.site_name),
        ),
        body: Text::new(format!("已 {minutes} 分钟无人确认"), format!("nobody has answered for {minutes} min")),
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
    /// People have been trapped for so long that the law calls it an accident.
    Accident,
    /// It is over.
    Closed,
}

/// What has happened to a case, for everybody who has to know. A case that is over is told to the ground, which has to live
/// with it.
pub fn of_case(matter: &Matter<'_>, at: &Locality, news: CaseNews<'_>, now: UnixMs) -> Vec<Notice> {
    let Matter { case, severity, title } = matter;
    let (occasion, zh, en, audiences, body) = match news {
        CaseNews::Assigned { post, person } => {
            let audience = match post {
                Post::Centre => Audience::Centre,
                Post::Office(id) => Audience::Office(id.clone()),
                Post::Township(code) => Audience::Township(code.clone()),
            };
            let body = match person {
                Some(name) => Text::new(format!("处理人：{name}"), format!("for {name}")),
                None => Text::new("请值班人员接单", "for whoever is on duty"),
            };
            (Occasion::CaseAssigned, "处置单待接单", "case, to be accepted", vec![audience], body)
        }
        CaseNews::Overdue(rung) => {
            let body = Text::new("本步骤已超时", "its step is overdue");
            (Occasion::CaseOverdue, "处置单超时", "case, overdue", at.audiences(rung), body)
        }
        CaseNews::Accident => {
            let everybody = Rung::ALL.into_iter().flat_map(|rung| at.audiences(rung));
            let mut audiences: Vec<Audience> = everybody.collect();
            audiences.dedup();
            let body = Text::new(
                "困人已满 2 小时，依法属一般事故（国务院令第 549 号第六十四条），须在 1 小时内报告",
                "trapped for 2 hours: by law a general accident (State Council order 549, art. 64), to be reported within 1 hour",
            );
            (Occasion::CaseOverdue, "电梯困人已成事故", "entrapment, an accident now", audiences, body)
        }
        CaseNews::Closed => {
            let body = Text::new("已核验并归档", "verified and filed");
            (Occasion::CaseClosed, "处置单已关闭", "case, closed", at.audiences(Rung::Ground), body)
        }
    };
    let words = severity.words();
    let title = Text::new(
        format!("{}{zh}：#{case} {} · {}", words.zh, title.zh, at.site_name),
        format!("{} {en}: #{case} {} · {}", words.en, title.en, at.site_name),
    );
    let told = |audience| Notice {
        subject: Subject::Case(*case),
        occasion,
        severity: *severity,
        audience,
        device: None,
        site: Some(at.site.clone()),
        at: now,
        title: title.clone(),
        body: body.clone(),
    };
    audiences.into_iter().map(told).collect()
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

    #[test]
    fn a_rung_without_anybody_is_the_centres() {
        let unanswered = Unanswered {
            alarm: AlarmId(7),
            device: &DeviceId::new("lift").unwrap(),
            severity: Severity::I,
            title: &Text::new("困人", "Trapped"),
            since: UnixMs(0),
        };
        let tell = |office, rung| of_unanswered(&unanswered, &locality(office), rung, UnixMs(150_000));
        assert_eq!(tell(Some("furong"), Rung::Ground), []);
        let office = tell(Some("furong"), Rung::Office);
        assert_eq!(audiences(&office), [Audience::Office(OfficeId::new("furong").unwrap())]);
        assert_eq!(office[0].title.en, "I (red) alarm, unanswered: Trapped · Tower");
        assert_eq!(office[0].body.zh, "已 2 分钟无人确认");
        assert_eq!(office[0].occasion, Occasion::Escalated { step: 1 });
        assert_eq!(audiences(&tell(None, Rung::Office)), [Audience::Centre]);
        // Of a danger to life the colleagues have heard.
        assert_eq!(of_unanswered_to_colleagues(&unanswered, &locality(None), UnixMs(150_000)), None);
        let mild = Unanswered { severity: Severity::III, ..unanswered };
        let told = of_unanswered_to_colleagues(&mild, &locality(Some("furong")), UnixMs(150_000)).unwrap();
        assert_eq!(told.audience, Audience::Township(TownshipCode::new("500156001").unwrap()));
        assert_eq!(told.occasion, Occasion::Escalated { step: 1 });
    }

    #[test]
    fn an_accident_is_told_to_everybody_once() {
        let matter = Matter { case: CaseId(3), severity: Severity::I, title: &Text::new("困人", "Trapped") };
        let tell = |office| audiences(&of_case(&matter, &locality(office), CaseNews::Accident, UnixMs(0)));
        assert_eq!(tell(Some("furong")).len(), 4);
        assert_eq!(tell(None).len(), 3);
        let post = Post::Township(TownshipCode::new("500156001").unwrap());
        let assigned = CaseNews::Assigned { post: &post, person: Some("Zhang") };
        let notices = of_case(&matter, &locality(None), assigned, UnixMs(0));
        assert_eq!(notices[0].title.zh, "I级（红）处置单待接单：#3 困人 · Tower");
        assert_eq!(notices[0].body.en, "for Zhang");
    }
}
