//! The OpenAPI document: what the handlers say of themselves, and this frame around it.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use super::extract::SESSION_COOKIE;

/// What is not written beside a handler.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Brightwatch",
        description = "Real-time monitoring of bright kitchens and special equipment. Times are milliseconds since \
                       1970 UTC. Errors are problem details (RFC 9457). What lies outside the caller's jurisdiction \
                       is answered as if it did not exist.",
    ),
    servers((url = "/api/v1")),
    security(("session" = [])),
    modifiers(&SessionCookie),
)]
pub(super) struct Frame;

struct SessionCookie;

impl Modify for SessionCookie {
    fn modify(&self, document: &mut Document) {
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE)));
        document.components.get_or_insert_default().add_security_scheme("session", cookie);
    }
}

/// The document as text, ending with a line break.
pub fn document() -> String {
    let mut text = super::routes().into_openapi().to_pretty_json().expect("a document of plain data always serialises");
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "openapi", security(()),
    responses((status = 200, description = "The OpenAPI document.", content_type = "application/json")))]
pub(super) async fn read_openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], document()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_fresh() {
        let committed = include_str!("../../../docs/ref/openapi.json");
        assert!(document() == committed, "run `cargo run -p gateway -- openapi > docs/ref/openapi.json`");
    }
}
