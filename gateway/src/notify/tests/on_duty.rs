//! Who is told first: those whom the roster names.

use std::collections::BTreeSet;

use domain::{
    access::Role,
    alarm::{AlarmState, Severity, Transition, What},
    id::{CaseId, UserId, UserName},
    notice::{Audience, Notice, Occasion, Subject},
};
use protocol::rest::{DeliveryState, Shift, User};

use super::{
    house::{House, Running, TOWNSHIP, notice, now, owner, read, registry, step, township},
    service::{Act, Service},
};
use crate::{
    notify::{
        Channels,
        route::{Known, Routes},
    },
    store::{Contact, KnownTarget, NoticeId},
};

/// An officer of the sub-centre, reached by telephone if at all.
fn officer(account: i64, name: &str, phone: &str) -> Contact {
    let user = User {
        id: UserId(account),
        username: name.parse().unwrap(),
        display_name: name.into(),
        role: Role::TownshipOfficer,
        office: None,
        township: Some(TOWNSHIP.parse().unwrap()),
        owner: None,
        is_disabled: false,
        created_at_ms: 0,
        last_sign_in_at_ms: None,
    };
    Contact { account: UserId(account), user, phone: phone.into(), email: String::new(), quiet_hours: None }
}

fn shift(person: &str, username: Option<&str>, phone: &str) -> Shift {
    Shift {
        id: 1,
        post: format!("township:{TOWNSHIP}").parse().unwrap(),
        from_ms: 0,
        to_ms: i64::MAX,
        person: person.into(),
        phone: phone.into(),
        username: username.map(|name| name.parse().unwrap()),
    }
}

/// To which addresses a notice goes when these are on duty, by a channel of text messages and a chat.
fn told(on_duty: &[Shift], dead: &[&str], notice: &Notice) -> Vec<String> {
    told_with("", on_duty, dead, notice)
}

/// The same with a further setting of the channel of text messages.
fn told_with(setting: &str, on_duty: &[Shift], dead: &[&str], notice: &Notice) -> Vec<String> {
    told_knowing(Known::default(), setting, on_duty, dead, notice)
}

/// The same of a notice that was sent to somewhere before, or tells of a person's work.
fn told_knowing(known: Known<'_>, setting: &str, on_duty: &[Shift], dead: &[&str], notice: &Notice) -> Vec<String> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wecom"), "http://127.0.0.1:9/").unwrap();
    let channels = format!("[[channel]]\n{setting}")
        + r#"
        name = "sms"
        serves = { centre = true, townships = ["*"], owners = ["*"] }
        via.sms.url = "http://127.0.0.1:9/{{phone}}/{{text}}"
        [[channel]]
        name = "chat"
        serves.townships = ["*"]
        via.wecom.url_file = "wecom"
        "#;
    let config = read(folder.path(), &channels);
    let registry = registry();
    let channels = Channels::build(&config, &registry, None).unwrap();
    let contacts = [officer(1, "wang", "13800000001"), officer(2, "li", "13800000002"), officer(3, "sun", "")];
    let dead: BTreeSet<String> = dead.iter().map(|name| (*name).to_owned()).collect();
    let routes =
        Routes { channels: &channels.list, contacts: &contacts, registry: &registry, on_duty, dead: &dead, now: now() };
    let deliveries = routes.deliveries(NoticeId(1), notice, known);
    deliveries.into_iter().map(|one| if one.address.is_empty() { one.channel } else { one.address }).collect()
}

#[test]
fn those_on_duty_are_told_alone_unless_life_is_in_danger_or_nobody_answered() {
    let mild = notice(1, Severity::III, township());
    let everybody = ["13800000001", "13800000002", "chat"];
    assert_eq!(told(&[], &[], &mild), everybody, "no roster");
    let li = [shift("Li", Some("li"), "")];
    assert_eq!(told(&li, &[], &mild), ["13800000002", "chat"], "the chat is everybody's");
    assert_eq!(told(&li, &[], &notice(1, Severity::II, township())), ["13800000002", "chat"]);
    let grave = notice(1, Severity::I, township());
    assert_eq!(told(&li, &[], &grave), ["13800000002", "13800000001", "chat"], "those on duty first");
    let unanswered = Notice { occasion: Occasion::Escalated { step: 1 }, ..mild.clone() };
    assert_eq!(told(&li, &[], &unanswered).len(), 3);
    assert_eq!(told(&li, &[], &notice(1, Severity::III, owner())), ["02377720000"], "owners keep no roster");
    let elsewhere = [Shift { post: "centre".parse().unwrap(), ..li[0].clone() }];
    assert_eq!(told(&elsewhere, &[], &mild), everybody);
}

#[test]
fn when_nobody_on_duty_can_be_reached_everybody_is_told() {
    let mild = notice(1, Severity::III, township());
    assert_eq!(told(&[shift("Sun", Some("sun"), "")], &[], &mild).len(), 3, "an account without a number");
    assert_eq!(told(&[shift("Zhao", None, "023-7772 0000")], &[], &mild).len(), 3, "the telephone on the desk");
    let li = [shift("Li", Some("li"), "")];
    assert_eq!(told(&li, &["sms"], &mild).len(), 3, "nothing gets through by telephone");
    let quiet = "quiet_hours = [0, 23.9999999]";
    assert_eq!(told_with(quiet, &li, &[], &mild).len(), 3, "others may be on duty when it goes");
    assert_eq!(told_with(quiet, &li, &[], &notice(1, Severity::II, township())).len(), 2, "that one goes at once");
    let by_roster = [shift("Zhao", None, "138 0000 0009"), shift("Sun", Some("sun"), "")];
    assert_eq!(told(&by_roster, &[], &mild), ["13800000009", "chat"], "one of the two can");
    let both = [shift("Li", Some("li"), "13800000002")];
    assert_eq!(told(&both, &[], &mild), ["13800000002", "chat"], "the same number once");
}

/// A number that was told, or whose service has refused it.
fn by_text(number: &str, is_lost: bool) -> KnownTarget {
    KnownTarget { channel: "sms".into(), address: number.into(), is_lost }
}

#[test]
fn who_cannot_be_reached_does_not_count_as_told() {
    let mild = notice(1, Severity::III, township());
    let both = [shift("Wang", Some("wang"), ""), shift("Li", Some("li"), "")];
    let chat = KnownTarget { channel: "chat".into(), address: String::new(), is_lost: false };
    let again = |on_duty: &[Shift], targets: &[KnownTarget]| {
        told_knowing(Known { targets, assignee: None }, "", on_duty, &[], &mild)
    };
    let one_refused = [by_text("13800000001", true), by_text("13800000002", false), chat.clone()];
    assert_eq!(again(&both, &one_refused), [""; 0], "the other one on duty is told");
    let refused = [by_text("13800000002", true), chat.clone()];
    assert_eq!(again(&both[1..], &refused), ["13800000001"], "nobody on duty is: the colleagues are, and nobody twice");
    let all = [by_text("13800000001", true), by_text("13800000002", true), chat];
    assert_eq!(again(&both, &all), [""; 0], "there is nobody left");
    let of_owner = |targets: &[KnownTarget]| {
        told_knowing(Known { targets, assignee: None }, "", &[], &[], &notice(1, Severity::III, owner()))
    };
    assert_eq!(of_owner(&[]), ["02377720000"], "the registry's number");
    assert_eq!(of_owner(&[by_text("02377720000", true)]), [""; 0], "once");
}

#[test]
fn a_case_of_one_person_is_told_to_that_person() {
    let given = Notice {
        occasion: Occasion::CaseAssigned,
        subject: Subject::Case(CaseId(3)),
        ..notice(1, Severity::III, township())
    };
    let li: UserName = "Li".parse().unwrap();
    let for_li = Known { targets: &[], assignee: Some(&li) };
    assert_eq!(told(&[], &[], &given), ["13800000001", "13800000002", "chat"], "nobody is named: the post");
    assert_eq!(told_knowing(for_li, "", &[], &[], &given), ["13800000002", "chat"]);
    let wang_on_duty = [shift("Wang", Some("wang"), "")];
    assert_eq!(told_knowing(for_li, "", &wang_on_duty, &[], &given), ["13800000002", "chat"]);
    let quiet = "quiet_hours = [0, 23.9999999]";
    assert_eq!(told_knowing(for_li, quiet, &[], &[], &given), ["13800000002", "chat"], "when the night is over");
    let sun: UserName = "sun".parse().unwrap();
    let for_sun = Known { targets: &[], assignee: Some(&sun) };
    assert_eq!(told_knowing(for_sun, "", &[], &[], &given).len(), 3, "no number: the post has to know");
    let by_roster = [shift("Sun", Some("sun"), "138 0000 0009")];
    assert_eq!(told_knowing(for_sun, "", &by_roster, &[], &given), ["13800000009", "chat"]);
    let refused = Known { targets: &[by_text("13800000002", true)], assignee: Some(&li) };
    assert_eq!(told_knowing(refused, "", &[], &[], &given), ["13800000001", "chat"]);
}

#[test]
fn that_a_channel_is_dead_reaches_somebody_by_whatever_works() {
    let gone = |name: &str| Notice {
        subject: Subject::Channel(name.into()),
        occasion: Occasion::ChannelDead,
        ..notice(1, Severity::II, Audience::Centre)
    };
    // Nobody of the centre can be reached: the only channel that serves it is the dead one. The chat is the townships'.
    assert_eq!(told(&[], &["sms"], &gone("sms")), ["chat"]);
    assert_eq!(
        told(&[], &["chat"], &gone("chat")),
        [""; 0],
        "text messages serve the centre, where nobody has a number"
    );
    assert_eq!(told(&[], &["sms", "chat"], &gone("sms")), [""; 0], "nothing works");
    assert_eq!(told(&[], &["sms"], &notice(1, Severity::II, Audience::Centre)), [""; 0], "an alarm keeps to its ways");
}

/// A sub-centre of two officers, of whom Li is on duty, and a channel that writes to their telephones by this service.
async fn li_on_duty_beside_wang(house: &House, service: &Service) -> Running {
    for (name, phone) in [("wang", "13800000001"), ("li", "13800000002")] {
        house.person(name, Role::TownshipOfficer, TOWNSHIP, phone, "").await;
    }
    house.on_duty("li").await;
    li_on_duty_beside_wang_again(house, service).await
}

/// The same after a stop.
async fn li_on_duty_beside_wang_again(house: &House, service: &Service) -> Running {
    house
        .start(&format!(
            "[[channel]]\nname = \"sms\"\nserves.townships = [\"*\"]\nvia.sms.url = \"{}/{{{{phone}}}}/{{{{text}}}}\"\n",
            service.url("")
        ))
        .await
}

#[tokio::test]
async fn when_the_service_refuses_the_number_on_duty_the_colleagues_are_told_at_once() {
    let house = House::build().await;
    let service = Service::start(Act::Answer(200, "taken")).await;
    service.next([Act::Answer(400, "no such number")]);
    let running = li_on_duty_beside_wang(&house, &service).await;
    house.tell([notice(1, Severity::III, township())]).await;
    let deliveries = house.until_sent(1).await;
    let told: Vec<_> = deliveries.iter().map(|one| (one.person.as_deref().unwrap_or_default(), one.state)).collect();
    assert_eq!(told, [("li", DeliveryState::Failed), ("wang", DeliveryState::Sent)]);
    running.stop().await;
}

#[tokio::test]
async fn when_what_was_for_the_officer_on_duty_is_given_up_the_colleagues_are_told_unless_somebody_has_answered() {
    let house = House::build().await;
    let service = Service::start(Act::Answer(503, "")).await;
    let alarm =
        |alarm, rule: &str, state| Transition { rule: rule.parse().unwrap(), ..step(alarm, What::Raised, state) };
    house
        .commit([
            alarm(1, "FR-01", AlarmState::ActiveUnacknowledged),
            alarm(2, "FR-02", AlarmState::ActiveAcknowledged),
        ])
        .await;
    let running = li_on_duty_beside_wang(&house, &service).await;
    house.tell([1, 2].map(|alarm| notice(alarm, Severity::II, township()))).await;
    let is_tried = |all: &[protocol::rest::Delivery]| all.len() == 2 && all.iter().all(|one| one.attempts > 0);
    house.until("both were tried", is_tried).await;
    running.stop().await;
    house.store.age_deliveries(25 * 3_600_000).await.unwrap();
    let running = li_on_duty_beside_wang_again(&house, &service).await;
    let deliveries = house.until("Wang is told", |all| all.len() == 3).await;
    let told: Vec<_> = deliveries.iter().map(|one| (one.person.as_deref().unwrap_or_default(), one.state)).collect();
    let lost = ("li", DeliveryState::GivenUp);
    assert_eq!(told, [lost, lost, ("wang", DeliveryState::Waiting)]);
    running.stop().await;
}

#[tokio::test]
async fn the_officer_on_duty_alone_hears_of_a_mild_alarm_and_everybody_of_a_danger_to_life() {
    let (house, service) = (House::build().await, Service::start(Act::Answer(200, "taken")).await);
    let running = li_on_duty_beside_wang(&house, &service).await;
    house.tell([notice(1, Severity::III, township())]).await;
    let deliveries = house.until_sent(1).await;
    assert_eq!((deliveries.len(), deliveries[0].person.as_deref()), (1, Some("li")));
    house.tell([notice(2, Severity::I, township()), notice(3, Severity::I, Audience::Centre)]).await;
    let deliveries = house.until_sent(3).await;
    let mut people: Vec<_> = deliveries[1..].iter().filter_map(|one| one.person.as_deref()).collect();
    people.sort_unstable();
    assert_eq!(people, ["li", "wang"]);
    running.stop().await;
}
