//! What a browser is told and refused.

use protocol::rest::Problem;
use reqwest::{Method, StatusCode, header};

use crate::{
    district::{District, PASSWORD},
    program::Program,
};

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_gives_a_cookie_that_scripts_and_other_sites_never_see() {
    let district = District::start().await;
    let nobody = Program::nobody(&district);
    let sign_in = |password: &str| {
        let body = format!(r#"{{"username": "OF-owner", "password": "{password}"}}"#);
        nobody.request(Method::POST, "/session").header(header::CONTENT_TYPE, "application/json").body(body).send()
    };
    let refused = sign_in("not the right one").await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let problem: Problem = refused.json().await.unwrap();
    assert_eq!(problem.r#type, "urn:brightwatch:problem:wrong-credentials");

    let accepted = sign_in(PASSWORD).await.unwrap();
    assert_eq!(accepted.status(), StatusCode::OK);
    let cookie = accepted.headers()[header::SET_COOKIE].to_str().unwrap();
    let (token, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(token.len(), "brightwatch_session=".len() + 64);
    let mut attributes: Vec<_> = attributes.split("; ").collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Strict"]);

    for _ in 0..5 {
        sign_in("not the right one").await.unwrap();
    }
    let throttled = sign_in(PASSWORD).await.unwrap();
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS, "even the right one has to wait now");
    assert!(throttled.headers().contains_key(header::RETRY_AFTER));
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_are_refused() {
    let district = District::start().await;
    let person = Program::of(&district, domain::access::Role::Admin).await;
    let own = format!("http://{}", district.address);
    let status = async |method: Method, path: &str, origin: &str, is_socket: bool| {
        let mut request = person.request(method, path).header(header::ORIGIN, origin);
        if is_socket {
            request = request
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
        request.send().await.unwrap().status().as_u16()
    };
    let foreign = "https://elsewhere.example";
    assert_eq!(status(Method::POST, "/cameras/camera-inside/snapshot", foreign, false).await, 403);
    assert_eq!(status(Method::POST, "/cameras/camera-inside/snapshot", &own, false).await, 202);
    assert_eq!(status(Method::GET, "/live", foreign, true).await, 403);
    assert_eq!(status(Method::GET, "/live", "null", true).await, 403);
    assert_eq!(status(Method::GET, "/live", &own, true).await, 101);
    assert_eq!(status(Method::DELETE, "/session", foreign, false).await, 403);
    assert_eq!(status(Method::GET, "/session", foreign, false).await, 200, "and it was not ended");
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_the_browser_what_a_page_may_do() {
    let district = District::start().await;
    for path in ["/", "/devices/some-page", "/healthz", "/api/v1/overview", "/api/v1/openapi.json"] {
        let answer = district.client.get(format!("http://{}{path}", district.address)).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self';"), "{path}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{path}");
        let is_api = path.starts_with("/api");
        assert_eq!(headers.get(header::CACHE_CONTROL).is_some_and(|value| value == "no-store"), is_api, "{path}");
    }
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_a_problem() {
    let district = District::start().await;
    let admin = Program::of(&district, domain::access::Role::Admin).await;
    let check = async |request: reqwest::RequestBuilder, status: u16, name: &str| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{name}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{name}");
        let problem: Problem = answer.json().await.unwrap();
        assert_eq!(problem.r#type, format!("urn:brightwatch:problem:{name}"));
        assert!(!problem.detail_zh.is_empty());
        problem
    };
    check(admin.request(Method::GET, "/nothing-here"), 404, "not-found").await;
    check(admin.request(Method::PATCH, "/session"), 405, "method-not-allowed").await;
    check(admin.request(Method::GET, "/devices/not%2Fan%2Fid"), 404, "not-found").await;
    check(admin.request(Method::POST, "/users").body("{}"), 415, "unsupported-media-type").await;
    let json = |path: &str, body: String| {
        admin.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json").body(body)
    };
    check(json("/users", "{".into()), 400, "bad-request").await;
    check(json("/users", format!("\"{}\"", "x".repeat(100_000))), 413, "too-large").await;
    let problem = check(admin.request(Method::GET, "/alarms?severity=9"), 400, "bad-request").await;
    assert_eq!(problem.errors[0].at, "severity");
    let problem = check(admin.request(Method::GET, "/alarms?colour=red"), 400, "bad-request").await;
    assert!(problem.errors[0].message.contains("unknown field `colour`"), "{problem:?}");
    check(admin.request(Method::GET, "/live"), 400, "bad-request").await;
    district.stop().await;
}
