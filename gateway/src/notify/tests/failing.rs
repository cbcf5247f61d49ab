//! Services that are busy, broken, slow or gone; and a gateway that is.

use domain::{
    alarm::{AlarmState, Severity, Transition, What},
    id::{AlarmId, RuleId},
    notice::Audience,
};
use protocol::rest::{ChannelState, DeliveryState};

use super::{
    house::{House, notice, step},
    service::{Act, Service},
};
use crate::{clock::Clock, store::Attempt};

const TAKEN: Act = Act::Answer(200, r#"{"errcode":0,"errmsg":"ok"}"#);

fn wecom(settings: &str) -> String {
    format!("{settings}\n[[channel]]\nname = \"w\"\nserves.centre = true\nvia.wecom = {{ url_file = \"wecom\" }}\n")
}

fn webhook(name: &str, url: &str) -> String {
    format!(
        "[[channel]]\nname = \"{name}\"\nserves.centre = true\n\
         via.webhook = {{ url = \"{url}\", secret_file = \"secret\" }}\n"
    )
}

#[tokio::test]
async fn a_busy_or_broken_service_is_asked_again_and_told_once() {
    let too_many = Act::Answer(200, r#"{"errcode":-1,"errmsg":"system busy"}"#);
    for trouble in [Act::Busy(1), Act::Answer(500, ""), Act::Answer(404, ""), Act::Answer(302, ""), too_many] {
        let (house, service) = (House::build().await, Service::start(TAKEN).await);
        house.file("wecom", &service.url("/"));
        service.next([trouble.clone()]);
        let running = house.start(&wecom("")).await;
        house.tell([notice(1, Severity::II, Audience::Centre)]).await;
        let delivery = house.until_sent(1).await.remove(0);
        assert_eq!((delivery.attempts, delivery.is_maybe_repeated), (2, false), "{trouble:?}");
        let bodies: Vec<String> = service.asked().into_iter().map(|asked| asked.body).collect();
        assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]), "{trouble:?}");
        running.stop().await;
    }
}

#[tokio::test]
async fn what_a_service_will_never_take_is_not_asked_again() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    service.next([Act::Answer(400, ""), Act::Answer(200, r#"{"errcode":40058,"errmsg":"invalid"}"#)]);
    let running = house.start(&wecom("")).await;
    house.tell([notice(1, Severity::I, Audience::Centre), notice(2, Severity::I, Audience::Centre)]).await;
    house.until("both failed", |all| all.len() == 2 && all.iter().all(|one| one.state == DeliveryState::Failed)).await;
    // The channel itself works.
    house.tell([notice(3, Severity::I, Audience::Centre)]).await;
    house.until_sent(1).await;
    running.stop().await;
}

#[tokio::test]
async fn what_may_have_arrived_goes_again_and_says_so() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    service.next([Act::Hang]);
    let running = house.start(&wecom("timeout_s = 1")).await;
    house.tell([notice(1, Severity::II, Audience::Centre)]).await;
    let delivery = house.until_sent(1).await.remove(0);
    assert!(delivery.is_maybe_repeated);
    let asked = service.asked();
    assert!(!asked[0].body.contains("可能重复") && asked[1].body.contains("可能重复"), "{asked:#?}");
    running.stop().await;
}

#[tokio::test]
async fn a_channel_that_hangs_holds_up_no_other_and_severity_one_goes_past_what_hangs() {
    let (house, slow, quick) = (House::build().await, Service::start(Act::Hang).await, Service::start(TAKEN).await);
    house.file("secret", "0123456789abcdef");
    let config = [webhook("slow", &slow.url("/")), webhook("quick", &quick.url("/"))].concat();
    let running = house.start(&config).await;
    let of = |alarm: i64, severity| {
        let site = Some(format!("site-{alarm}").parse().unwrap());
        domain::notice::Notice { site, ..notice(alarm, severity, Audience::Centre) }
    };
    house.tell((1..=20).map(|alarm| of(alarm, Severity::III))).await;
    quick.until_asked(20).await;
    // As many as may hang do so; what endangers life is tried all the same.
    slow.until_asked(8).await;
    house.tell([of(21, Severity::I)]).await;
    let asked = slow.until_asked(9).await;
    assert_eq!(asked[8].json()["notices"][0]["subject"]["id"], 21);
    running.kill().await;
}

#[tokio::test]
async fn a_dead_channel_is_told_by_another_and_takes_what_waits_when_it_works_again() {
    let (house, other) = (House::build().await, Service::start(Act::Answer(204, "")).await);
    // A port that refuses.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    house.file("secret", "0123456789abcdef");
    let config = [
        "dead_after_s = 0\n".into(),
        webhook("gone", &format!("http://{address}/")),
        webhook("other", &other.url("/")),
    ];
    let running = house.start(&config.concat()).await;
    house.tell([notice(1, Severity::III, Audience::Centre)]).await;
    let asked = other.until_asked(2).await;
    let told = asked.iter().find(|asked| asked.json()["notices"][0]["occasion"] == "channel_dead").unwrap().json();
    assert_eq!(told["notices"][0]["subject"]["id"], "gone");
    assert_eq!(told["title"], "通知渠道失效：gone");
    let state = async || {
        let channels = running.notifier.channels(&house.admin).await.unwrap();
        (channels[0].state, channels[0].waiting, channels[0].last_error.clone())
    };
    let (dead, waiting, error) = state().await;
    assert_eq!((dead, waiting), (ChannelState::Dead, 1));
    assert!(error.is_some_and(|error| error.contains("refused")), "the reason is shown");
    assert!(running.health.is_ready(), "a dead channel does not make the gateway useless");

    let back = Service::start_at(address, Act::Answer(204, "")).await;
    let asked = back.until_asked(1).await;
    assert_eq!(asked[0].json()["is_maybe_repeated"], false, "what was refused has surely not arrived");
    let asked = other.until_asked(3).await;
    assert_eq!(asked[2].json()["notices"][0]["occasion"], "channel_works");
    assert_eq!(state().await.0, ChannelState::Works);
    running.stop().await;
}

#[tokio::test]
async fn what_a_killed_gateway_had_committed_is_told_by_the_next_and_marked_where_it_may_have_been() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    // Killed between commit and addressing.
    house.tell([notice(1, Severity::I, Audience::Centre)]).await;
    let running = house.start(&wecom("")).await;
    house.until_sent(1).await;
    running.stop().await;

    // Killed between addressing and sending, and between sending and noting.
    let hanging = Service::start(Act::Hang).await;
    house.file("wecom", &hanging.url("/"));
    let running = house.start(&wecom("")).await;
    house.tell([notice(2, Severity::I, Audience::Centre)]).await;
    hanging.until_asked(1).await;
    running.kill().await;

    house.file("wecom", &service.url("/"));
    let running = house.start(&wecom("")).await;
    let deliveries = house.until_sent(2).await;
    assert_eq!(deliveries.iter().map(|one| one.is_maybe_repeated).collect::<Vec<_>>(), [false, true]);
    let asked = service.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].body.contains("可能重复"), "{}", asked[1].body);
    running.stop().await;
}

#[tokio::test]
async fn what_waits_for_too_long_or_for_a_channel_that_is_gone_is_given_up_visibly() {
    let (house, service) = (House::build().await, Service::start(Act::Answer(503, "")).await);
    house.file("wecom", &service.url("/"));
    let running = house.start(&wecom("")).await;
    house.tell([notice(1, Severity::II, Audience::Centre)]).await;
    service.until_asked(1).await;
    running.stop().await;
    // A day later.
    house.store.age_deliveries(25 * 3_600_000).await.unwrap();
    let running = house.start(&wecom("")).await;
    let given_up = |all: &[protocol::rest::Delivery]| all.iter().all(|one| one.state == DeliveryState::GivenUp);
    let delivery = house.until("it is given up", given_up).await.remove(0);
    assert!(delivery.last_error.is_some());
    assert_eq!(running.notifier.channels(&house.admin).await.unwrap()[0].given_up, 1);

    service.until_asked(1).await;
    house.tell([notice(2, Severity::II, Audience::Centre)]).await;
    service.until_asked(2).await;
    running.stop().await;
    let running = house.start("").await;
    let deliveries = house.until("both are given up", given_up).await;
    assert_eq!(deliveries[1].last_error.as_deref(), Some("the channel is not configured"));
    running.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_neither_holds_a_message_back_nor_gives_it_up() {
    let hours = |hours: i64| hours * 3_600_000;
    for set_by_ms in [-hours(2), hours(25)] {
        let (house, service) = (House::build().await, Service::start(Act::Answer(503, "")).await);
        house.file("wecom", &service.url("/"));
        let clock = Clock::start();
        let running = house.start_by(&wecom(""), clock).await;
        house.tell([notice(1, Severity::I, Audience::Centre)]).await;
        service.until_asked(1).await;
        clock.set_by_ms(set_by_ms);
        service.until_asked(2).await;
        let waits = house.until("it was tried twice", |all| all.iter().any(|one| one.attempts == 2)).await.remove(0);
        assert_eq!(waits.state, DeliveryState::Waiting, "set by {set_by_ms} ms");
        running.stop().await;
        // The next process begins with the clock as it is now; duty has noted by how much it was set.
        house.store.shift_duty_clock(set_by_ms).await.unwrap();
        let later = Clock::start_at(clock.now().wall);
        service.next([TAKEN]);
        let running = house.start_by(&wecom(""), later).await;
        house.until_sent(1).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_service_with_a_wrong_certificate_is_told_nothing() {
    let house = House::build().await;
    let (service, certificate) = Service::start_secure(Act::Answer(204, "")).await;
    let (_other, other_certificate) = Service::start_secure(Act::Answer(204, "")).await;
    house.file("secret", "0123456789abcdef");
    let config = |host: &str| {
        let url = format!("https://{host}:{}/", service.port());
        format!(
            "[[channel]]\nname = \"h\"\nserves.centre = true\n\
             via.webhook = {{ url = \"{url}\", secret_file = \"secret\", ca_file = \"ca.pem\" }}\n"
        )
    };
    house.tell([notice(1, Severity::I, Audience::Centre)]).await;
    for (trusted, host) in [(&other_certificate, "localhost"), (&certificate, "127.0.0.1")] {
        house.file("ca.pem", trusted);
        let before = house.deliveries().await.first().map_or(0, |one| one.attempts);
        let running = house.start(&config(host)).await;
        let tried = house
            .until("it was tried", |all| all.iter().any(|one| one.attempts > before && one.last_error.is_some()))
            .await;
        assert!(tried[0].last_error.as_deref().is_some_and(|why| why.contains("certificate")), "{:?}", tried[0]);
        running.stop().await;
    }
    assert!(service.asked().is_empty());
    house.file("ca.pem", &certificate);
    let running = house.start(&config("localhost")).await;
    house.until_sent(1).await;
    assert_eq!(service.asked().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_attempt_that_the_store_knows_of_alone_goes_again_marked() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    service.next([Act::Answer(500, "")]);
    let running = house.start(&wecom("")).await;
    house.tell([notice(1, Severity::II, Audience::Centre)]).await;
    service.until_asked(1).await;
    running.stop().await;
    let (waiting, _) = house
        .store
        .waiting_deliveries("w", super::house::now().plus_ms(9_000_000), super::house::now(), 9)
        .await
        .unwrap();
    let attempt = Attempt { message: 1, deliveries: waiting.iter().map(|one| one.id).collect() };
    house.store.begin_attempts(vec![attempt], super::house::now()).await.unwrap();
    let running = house.start(&wecom("")).await;
    assert!(house.until_sent(1).await[0].is_maybe_repeated);
    running.stop().await;
}

#[tokio::test]
async fn a_mild_alarm_that_is_over_before_the_quiet_hours_end_calls_nobody() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    let raised = step(1, What::Raised, AlarmState::ActiveUnacknowledged);
    let burning = Transition { alarm: AlarmId(2), rule: RuleId::new("FR-02").unwrap(), ..raised.clone() };
    house.commit([raised, burning]).await;
    let quiet = wecom("").replace("serves", "quiet_hours = [0, 23.9999999]\nserves");
    let running = house.start(&quiet).await;
    house.tell([notice(1, Severity::III, Audience::Centre), notice(2, Severity::III, Audience::Centre)]).await;
    house.tell([notice(3, Severity::II, Audience::Centre)]).await;
    house.until_sent(1).await;
    running.stop().await;

    house.commit([step(1, What::Returned, AlarmState::ReturnedUnacknowledged)]).await;
    let running = house.start(&wecom("")).await;
    let deliveries = house.until_sent(2).await;
    assert_eq!(deliveries.iter().filter(|one| one.state == DeliveryState::Over).count(), 1);
    let asked = service.asked();
    assert!(asked.len() == 2 && asked[1].body.contains("告警 2"), "{asked:#?}");
    running.stop().await;
}
