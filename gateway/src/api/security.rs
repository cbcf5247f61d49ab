//! What keeps a browser from being turned against the person in front of it: where a request may come from, and what
//! a page may do.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, UPGRADE,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{AppState, error::ApiError};

/// What a page of the dashboard may load and do: only what this gateway serves. Inline styles are allowed because the
/// component library writes them; inline scripts are not. `blob:` is how a player hands fragments to a video element.
const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; \
    worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Two years, in seconds: what browsers ask of a host before they believe it.
const STRICT_TRANSPORT: &str = "max-age=63072000";

/// Headers of every answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// Writes the headers.
pub(super) async fn add_headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(super::PREFIX);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if state.http.is_secure() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
    }
    if is_api {
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

/// Refuses what another site's page makes a browser send: everything that changes something, and WebSockets, for which
/// browsers apply no same-origin rule of their own. Programs that are no browsers send no `Origin` and pass.
pub(super) async fn check_origin(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let needs_check = !request.method().is_safe() || is_upgrade(request.method(), request.headers());
    // HTTP/2 names the host in the request line instead.
    let host = request.uri().authority().map(Authority::as_str);
    if needs_check && !is_own_origin(request.headers(), host, &state.http.allowed_origins) {
        return ApiError::foreign_origin().into_response();
    }
    next.run(request).await
}

fn is_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    // Over HTTP/2 a WebSocket is opened by CONNECT (RFC 8441).
    method == Method::CONNECT || headers.contains_key(UPGRADE)
}

fn is_own_origin(headers: &HeaderMap, host: Option<&str>, allowed_origins: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = host.or_else(|| headers.get(HOST)?.to_str().ok());
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    origin_host.zip(host).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host))
        || allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_gateway_may_act() {
        let check = |origin: Option<&'static str>, host: &'static str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(
                is_own_origin(&headers, None, &["https://portal.example".into()]),
                expected,
                "{origin:?} {host}"
            );
        };
        check(None, "gateway:8080", true);
        check(Some("http://gateway:8080"), "gateway:8080", true);
        check(Some("https://Gateway"), "gateway", true);
        check(Some("https://portal.example"), "gateway", true);
        check(Some("http://gateway:8081"), "gateway:8080", false);
        check(Some("http://gateway:8080.evil.example"), "gateway:8080", false);
        check(Some("null"), "gateway:8080", false);
        check(Some("https://evil.example"), "gateway", false);
    }
}
