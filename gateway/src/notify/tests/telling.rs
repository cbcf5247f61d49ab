//! What arrives where, and in which words.

use domain::{access::Role, alarm::Severity, notice::Audience, registry::Registry};
use protocol::rest::{ChannelState, DeliveryState};

use super::{
    house::{House, TOWNSHIP, notice, owner, reached, read, registry, township},
    service::{Act, Service},
};
use crate::notify::{Channels, TestError, channel::signature};

const TAKEN: Act = Act::Answer(200, r#"{"errcode":0,"errmsg":"ok","code":0,"msg":"success"}"#);

#[tokio::test]
async fn robots_and_webhook_tell_the_centre_each_in_its_own_way() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/wecom?key=k"));
    house.file("dingtalk", &service.url("/dingtalk?access_token=t"));
    house.file("feishu", &service.url("/feishu"));
    house.file("secret", "0123456789abcdef\n");
    let running = house
        .start(&format!(
            r#"
            dashboard_url = "https://bw.example/"
            [[channel]]
            name = "w"
            serves.centre = true
            via.wecom = {{ url_file = "wecom" }}
            [[channel]]
            name = "d"
            serves.centre = true
            via.dingtalk = {{ url_file = "dingtalk", secret_file = "secret" }}
            [[channel]]
            name = "f"
            serves.centre = true
            via.feishu = {{ url_file = "feishu", secret_file = "secret" }}
            [[channel]]
            name = "h"
            serves.centre = true
            via.webhook = {{ url = "{}", secret_file = "secret" }}
            "#,
            service.url("/hook")
        ))
        .await;
    house.tell([notice(7, Severity::I, Audience::Centre)]).await;
    let deliveries = house.until_sent(4).await;
    assert!(deliveries.iter().all(|one| one.attempts == 1 && !one.is_maybe_repeated));

    let asked = service.asked();
    let of = |path: &str| asked.iter().find(|asked| asked.uri.starts_with(path)).unwrap();
    let wecom = of("/wecom").json();
    let text = wecom["text"]["content"].as_str().unwrap();
    assert!(text.starts_with("🔴 告警 7\n原因：60 %LEL > 50 %LEL\n时间："), "{text}");
    assert!(text.ends_with("https://bw.example/alarms/7"), "{text}");
    assert_eq!(wecom["text"]["mentioned_list"][0], "@all");

    let dingtalk = of("/dingtalk");
    assert!(dingtalk.uri.contains("access_token=t&timestamp=") && dingtalk.uri.contains("&sign="), "{}", dingtalk.uri);
    assert_eq!(dingtalk.json()["at"]["isAtAll"], true);
    let feishu = of("/feishu").json();
    assert!(feishu["content"]["text"].as_str().unwrap().starts_with("<at user_id=\"all\">所有人</at> 告警 7"));
    assert!(feishu["sign"].is_string() && feishu["timestamp"].is_string());

    // The receiver checks the signature as the contract says.
    let hook = of("/hook");
    let expected = signature("0123456789abcdef", hook.headers["x-brightwatch-timestamp"].parse().unwrap(), &hook.body);
    assert_eq!(hook.headers["x-brightwatch-signature"], format!("sha256={expected}"));
    assert_eq!(hook.json()["notices"][0]["subject"]["id"], 7);
    assert_eq!(hook.headers["x-brightwatch-message"], hook.json()["message"].to_string());

    let channels = running.notifier.channels(&house.admin).await.unwrap();
    assert!(channels.iter().all(|channel| channel.state == ChannelState::Works && channel.waiting == 0));
    running.stop().await;
}

#[tokio::test]
async fn text_messages_go_to_the_people_of_the_audience() {
    let house = House::build().await;
    let service = Service::start(Act::Answer(200, r#"{"result":"taken"}"#)).await;
    house.person("wang", Role::TownshipOfficer, TOWNSHIP, "13800000001", "").await;
    house.person("elsewhere", Role::TownshipOfficer, "500156003", "13800000002", "").await;
    house.person("unreachable", Role::TownshipOfficer, TOWNSHIP, "", "u@example.cn").await;
    house.file("secret", "s3cret");
    let running = house
        .start(&format!(
            r#"
            [[channel]]
            name = "sms"
            serves = {{ townships = ["*"], owners = ["*"] }}
            via.sms = {{ url = "{}/send?to={{{{phone}}}}", headers = {{ authorization = "Bearer {{{{secret}}}}" }}, body = '{{"text":"{{{{text}}}}"}}', secret_file = "secret", taken_when_body_contains = "taken" }}
            "#,
            service.url("")
        ))
        .await;
    house.tell([notice(1, Severity::I, township()), notice(1, Severity::I, owner())]).await;
    let deliveries = house.until_sent(2).await;
    let mut told: Vec<_> = deliveries.iter().map(|one| (one.address.as_str(), one.person.as_deref())).collect();
    told.sort();
    // The owner has no account, but the registry has a number.
    assert_eq!(told, [("023****0000", None), ("138****0001", Some("wang"))]);
    let asked = service.asked();
    let to_wang = asked.iter().find(|asked| asked.uri.ends_with("?to=13800000001")).unwrap();
    assert_eq!(to_wang.headers["authorization"], "Bearer s3cret");
    assert_eq!(to_wang.json()["text"], "紧急：告警 1。原因：60 %LEL > 50 %LEL");

    // What the gateway does not take is not sent, although the status is 200.
    service.next([Act::Answer(200, r#"{"result":"no such number"}"#)]);
    house.tell([notice(2, Severity::I, township())]).await;
    let deliveries = house.until("it was tried", |all| all.len() == 3 && all[2].attempts == 1).await;
    assert_eq!(deliveries[2].state, DeliveryState::Waiting);
    running.stop().await;
}

#[tokio::test]
async fn several_at_one_site_are_one_message_and_severity_one_is_not_among_them() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    let running = house
        .start("[[channel]]\nname = \"w\"\nserves = { centre = true, townships = [\"*\"] }\nvia.wecom = { url_file = \"wecom\" }\n")
        .await;
    let mut notices: Vec<_> = (1..=5).map(|alarm| notice(alarm, Severity::III, Audience::Centre)).collect();
    notices.push(notice(6, Severity::I, Audience::Centre));
    // The same to another audience of the same chat.
    notices.push(domain::notice::Notice { audience: township(), ..notices[5].clone() });
    house.tell(notices).await;
    house.until_sent(7).await;
    let texts: Vec<String> =
        service.asked().iter().map(|asked| asked.json()["text"]["content"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    assert!(texts.iter().any(|text| text.starts_with("告警 1 等 5 条\n")), "{texts:#?}");
    assert!(texts.iter().any(|text| text.starts_with("🔴 告警 6\n")), "{texts:#?}");
    running.stop().await;
}

#[tokio::test]
async fn a_test_message_goes_to_the_place_or_to_who_asks_and_is_audited() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/"));
    let running = house
        .start(&format!(
            "[[channel]]\nname = \"w\"\nserves.centre = true\nmildest = \"I\"\nvia.wecom = {{ url_file = \"wecom\" }}\n\
             [[channel]]\nname = \"s\"\nserves.centre = true\nvia.sms.url = \"{}/{{{{phone}}}}/{{{{text}}}}\"\n",
            service.url("")
        ))
        .await;
    let test = async |name: &str| running.notifier.test(&house.admin, name, super::house::now()).await;
    test("w").await.unwrap();
    house.until_sent(1).await;
    assert!(service.asked()[0].body.contains("测试消息"));
    assert!(matches!(test("s").await, Err(TestError::NoAddress("telephone number"))));
    assert!(matches!(test("x").await, Err(TestError::NoChannel)));
    house.store.put_contact(&house.admin, None, reached("13912345678", ""), super::house::now()).await.unwrap();
    test("s").await.unwrap();
    house.until_sent(2).await;
    assert!(service.asked()[1].uri.starts_with("/13912345678/"));
    let log = house.store.audit_log(&house.admin, None, 9).await.unwrap();
    let noted: Vec<_> = log.iter().map(|entry| (entry.action.as_str(), entry.object.as_str())).take(3).collect();
    assert_eq!(noted, [("channel.test", "s"), ("user.contact", "admin"), ("channel.test", "w")]);
    running.stop().await;
}

#[test]
fn a_wrong_channel_says_what_would_be_right() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "short").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let check = |via: &str, expected: &str| {
        let config = read(folder.path(), &format!("[[channel]]\nname = \"c\"\nserves.centre = true\n{via}"));
        let error = Channels::build(&config, &registry(), None).unwrap_err().to_string();
        let folder = format!("{}/", folder.path().display());
        assert_eq!(error.replace(&folder, ""), format!("notify.channel `c`: {expected}"));
    };
    check("via.wecom.url_file = \"none\"", "via.wecom.url_file: cannot read none");
    check("via.wecom.url_file = \"empty\"", "via.wecom.url_file: the first line of empty is empty");
    check("via.wecom.url_file = \"short\"", "via.wecom.url_file: an address that begins with https:// is needed");
    check(
        "via.webhook = { url = \"http://x\", secret_file = \"short\" }",
        "via.webhook.secret_file: the key needs 16 characters at least",
    );
    check("via.sms = { url = \"http://x/{{phone}}\" }", "via.sms: {{phone}} and {{text}} must stand somewhere");
    check(
        "via.sms = { url = \"http://x/{{phone}}\", body = '{\"t\":{{text}}}' }",
        "via.sms.body: filled in, it is no JSON: expected value at line 1 column 6",
    );
    check(
        "via.email = { server = \"x\", from = \"a@b.cn\", username = \"u\" }",
        "via.email: username and password_file come together",
    );
    check(
        "via.email = { server = \"x\", from = \"a@b.cn\", username = \"u\", password_file = \"short\", encryption = \"none\" }",
        "via.email.encryption: a password is not sent over a connection that anybody can read",
    );
    check(
        "serves.townships = [\"1\"]\nvia.siren = {}",
        "serves.townships: there is no township `1`; \"*\" stands for all",
    );

    let twice = "[[channel]]\nname = \"c\"\nserves.centre = true\nvia.siren = {}\n".repeat(2);
    let error = Channels::build(&read(folder.path(), &twice), &Registry::default(), None).unwrap_err();
    assert_eq!(error.to_string(), "notify.channel `c`: name: two channels have it");
}
