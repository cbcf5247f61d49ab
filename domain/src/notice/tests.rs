//! Who is told of what happened to an alarm.

use std::collections::BTreeMap;

use super::*;
use crate::{
    alarm::{
        AlarmState::{self, ActiveAcknowledged, ActiveUnacknowledged, Closed, ReturnedUnacknowledged, Shelved},
        OpenAlarm, Transition, What,
    },
    id::{NodeId, ProfileId, RuleId},
    profile::Profiles,
    registry::{Device, Office, Owner, Registry, Site, Township},
};

const AT: UnixMs = UnixMs(1_790_000_000_000);
const EVERYBODY: [&str; 4] = ["owner", "township", "office", "centre"];

fn registry() -> Registry {
    let code = TownshipCode::new("500156001").unwrap();
    let township = Township {
        code: code.clone(),
        name_zh: "凤山街道".into(),
        name_en: "Fengshan".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let office = Office {
        id: OfficeId::new("furong").unwrap(),
        name_zh: String::new(),
        name_en: String::new(),
        townships: vec![code.clone()],
    };
    let owner = Owner { id: OwnerId::new("school").unwrap(), name: "实验小学".into(), phone: String::new() };
    let site = Site {
        id: SiteId::new("canteen").unwrap(),
        name: "食堂".into(),
        township: code,
        owner: owner.id.clone(),
        address: "芙蓉中路 1 号".into(),
    };
    let device = Device {
        id: DeviceId::new("fridge").unwrap(),
        name: "一号冷库".into(),
        site: site.id.clone(),
        profile: ProfileId::new("cold_store").unwrap(),
        node: NodeId::new("edge").unwrap(),
        nameplate: BTreeMap::new(),
    };
    Registry::build(vec![township], vec![office], vec![owner], vec![site], vec![device]).unwrap()
}

fn step(what: What, state: AlarmState, severity: Severity) -> Transition {
    Transition {
        alarm: AlarmId(7),
        device: DeviceId::new("fridge").unwrap(),
        rule: RuleId::new("FR-01").unwrap(),
        severity,
        is_latching: false,
        title: Text::new("冷藏温度高", "Cold store too warm"),
        cause: Text::same(format!("cause of {what:?}")),
        what,
        state,
        set_aside: None,
        at: AT,
        event_time: AT,
        late_ms: 0,
        rule_version: None,
        by: None,
        note: String::new(),
        reading: None,
    }
}

fn notices(before: Option<&OpenAlarm>, steps: &[Transition]) -> Vec<Notice> {
    let (registry, profiles) = (registry(), Profiles::parse([]).unwrap());
    let telling = Telling { registry: &registry, profiles: &profiles, policy: &Policy::default() };
    notices_of(&telling, steps, |_| before)
}

fn told(before: Option<(AlarmState, Severity)>, steps: &[Transition]) -> Vec<(Occasion, &'static str)> {
    let before = before.map(|(state, severity)| {
        let mut open = OpenAlarm::raised_by(&step(What::Raised, state, severity));
        let has_gone = !matches!(state, ActiveUnacknowledged | ActiveAcknowledged | Shelved | AlarmState::Suppressed);
        open.returned_at = has_gone.then_some(AT);
        open
    });
    let named = |notice: Notice| {
        let audience = match notice.audience {
            Audience::Owner(_) => "owner",
            Audience::Township(_) => "township",
            Audience::Office(_) => "office",
            Audience::Centre => "centre",
        };
        (notice.occasion, audience)
    };
    notices(before.as_ref(), steps).into_iter().map(named).collect()
}

fn all(occasion: Occasion, audiences: &[&'static str]) -> Vec<(Occasion, &'static str)> {
    audiences.iter().map(|audience| (occasion, *audience)).collect()
}

#[test]
fn a_raised_alarm_is_told_to_whom_its_severity_concerns() {
    let raised = |severity| told(None, &[step(What::Raised, ActiveUnacknowledged, severity)]);
    assert_eq!(raised(Severity::I), all(Occasion::Raised, &EVERYBODY));
    assert_eq!(raised(Severity::II), all(Occasion::Raised, &EVERYBODY));
    assert_eq!(raised(Severity::III), all(Occasion::Raised, &["owner", "township"]));
    assert_eq!(raised(Severity::IV), all(Occasion::Raised, &["owner", "township"]));
}

#[test]
fn what_calls_nobody_is_told_to_nobody() {
    let silent = [
        // Behind a suppression, or on the shelf.
        (None, vec![step(What::Raised, AlarmState::Suppressed, Severity::I)]),
        (Some((Shelved, Severity::II)), vec![step(What::Returned, Shelved, Severity::II)]),
        (Some((Shelved, Severity::III)), vec![step(What::SeverityChanged, Shelved, Severity::II)]),
        // A past alarm of severity IV is recorded and closed.
        (
            None,
            vec![
                step(What::Raised, ActiveUnacknowledged, Severity::IV),
                step(What::Returned, ReturnedUnacknowledged, Severity::IV),
                step(What::Closed, Closed, Severity::IV),
            ],
        ),
        // What people did they know.
        (Some((ActiveUnacknowledged, Severity::I)), vec![step(What::Acknowledged, ActiveAcknowledged, Severity::I)]),
        // It flutters, and nobody has answered the first call yet.
        (Some((ReturnedUnacknowledged, Severity::I)), vec![step(What::Reoccurred, ActiveUnacknowledged, Severity::I)]),
        // Better than it was; and the end of a mild one.
        (
            Some((ActiveUnacknowledged, Severity::I)),
            vec![step(What::SeverityChanged, ActiveUnacknowledged, Severity::III)],
        ),
        (
            Some((ActiveUnacknowledged, Severity::III)),
            vec![step(What::Returned, ReturnedUnacknowledged, Severity::III)],
        ),
    ];
    for (before, steps) in silent {
        assert_eq!(told(before, &steps), [], "{before:?} {steps:?}");
    }
}

#[test]
fn what_becomes_of_an_alarm_is_told_when_somebody_must_look_again() {
    let check = |before, what, state, severity, occasion, audiences: &[&'static str]| {
        assert_eq!(told(Some(before), &[step(what, state, severity)]), all(occasion, audiences), "{before:?} {what:?}");
    };
    let (raised, mild) = ((ActiveUnacknowledged, Severity::II), (ActiveAcknowledged, Severity::III));
    check(mild, What::SeverityChanged, ActiveUnacknowledged, Severity::II, Occasion::Worsened, &EVERYBODY);
    check(raised, What::Returned, ReturnedUnacknowledged, Severity::II, Occasion::Returned, &EVERYBODY);
    let answered = (ActiveAcknowledged, Severity::II);
    check(answered, What::Returned, Closed, Severity::II, Occasion::Returned, &EVERYBODY);
    let latched = (AlarmState::LatchedAcknowledged, Severity::I);
    check(latched, What::Reoccurred, ActiveUnacknowledged, Severity::I, Occasion::Recurred, &EVERYBODY);
    let shelved = (Shelved, Severity::III);
    check(shelved, What::Unshelved, ActiveUnacknowledged, Severity::III, Occasion::Resumed, &["owner", "township"]);
    // What has become a danger to life leaves the shelf.
    check(shelved, What::SeverityChanged, ActiveUnacknowledged, Severity::I, Occasion::Resumed, &EVERYBODY);
}

#[test]
fn a_past_alarm_of_severity_two_is_told_once_as_what_it_is() {
    let steps = [
        step(What::Raised, ActiveUnacknowledged, Severity::II),
        step(What::Returned, ReturnedUnacknowledged, Severity::II),
    ];
    let notices = notices(None, &steps);
    assert_eq!(notices.len(), 4);
    assert_eq!(notices[0].occasion, Occasion::Raised);
    assert_eq!(notices[0].title.zh, "II级（橙）告警（已恢复，待确认）：冷藏温度高 · 食堂 一号冷库");
    assert!(notices[0].body.en.contains("cause of Raised"), "{}", notices[0].body.en);
}

#[test]
fn a_notice_says_what_where_and_why() {
    let late = Transition { late_ms: 200_000, ..step(What::Raised, ActiveUnacknowledged, Severity::I) };
    let notice = &notices(None, &[late])[0];
    assert_eq!(notice.title.zh, "I级（红）告警：冷藏温度高 · 食堂 一号冷库");
    assert_eq!(
        notice.body.zh,
        "原因：cause of Raised\n迟到：4 分钟\n设备：一号冷库（fridge）\n场所：食堂，凤山街道，芙蓉中路 1 号\n编号：7"
    );
    assert_eq!(notice.title.en, "I (red) alarm: Cold store too warm · 食堂 一号冷库");
    assert_eq!((notice.device.as_ref().map(DeviceId::as_str), notice.severity), (Some("fridge"), Severity::I));
}

#[test]
fn what_is_in_no_registry_concerns_nobody() {
    let stranger = Transition {
        device: DeviceId::new("stranger").unwrap(),
        ..step(What::Raised, ActiveUnacknowledged, Severity::I)
    };
    assert_eq!(notices(None, &[stranger]), []);
}
