//! The picture of an alarm goes behind its words, where the channel can carry one.

use domain::{alarm::Severity, notice::Audience, time::UnixMs};

use super::{
    house::{House, LIMIT, notice},
    service::{Act, Asked, Service},
};

const TAKEN: Act = Act::Answer(200, r#"{"errcode":0,"errmsg":"ok","code":0,"msg":"success"}"#);

#[tokio::test]
async fn a_chat_gets_the_picture_behind_the_words_and_others_a_link() {
    let (house, service) = (House::build().await, Service::start(TAKEN).await);
    house.file("wecom", &service.url("/wecom"));
    house.file("feishu", &service.url("/feishu"));
    for (taken, jpeg) in [(1, &b"before"[..]), (2, b"moment")] {
        house.picture(7, "camera-1", UnixMs(taken), jpeg);
    }
    let _running = house
        .start(
            "[[channel]]\nname = \"w\"\nserves.centre = true\nvia.wecom = { url_file = \"wecom\" }\n\
             [[channel]]\nname = \"f\"\nserves.centre = true\nvia.feishu = { url_file = \"feishu\" }\n",
        )
        .await;
    house.tell([notice(7, Severity::I, Audience::Centre)]).await;

    let asked = tokio::time::timeout(LIMIT, async {
        loop {
            let asked = service.asked();
            if asked.len() >= 3 {
                return asked;
            }
            tokio::task::yield_now().await;
        }
    });
    let asked = asked.await.expect("two messages and a picture");
    let of_wecom: Vec<_> = asked.iter().filter(|asked| asked.uri == "/wecom").map(Asked::json).collect();
    let kinds: Vec<_> = of_wecom.iter().map(|body| body["msgtype"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image"], "the words first");
    let image = &of_wecom[1]["image"];
    assert_eq!((image["base64"].as_str(), image["md5"].as_str()), (Some("bW9tZW50"), Some(MD5_OF_MOMENT)));
}

/// By `printf moment | md5sum`.
const MD5_OF_MOMENT: &str = "673d4f049f0db3d188488f447477968a";
