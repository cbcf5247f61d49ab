//! The dashboard, embedded in the binary. Unknown paths get its front page: which page that means is decided by the
//! dashboard itself.

use axum::{
    http::{
        HeaderValue, Method, StatusCode, Uri,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{Html, IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `npm run build` made. Debug builds read the folder when asked, release builds hold its files.
#[derive(RustEmbed)]
#[folder = "../dashboard/dist"]
#[allow_missing = true]
struct Files;

/// Where the build puts files whose names change with their content.
const HASHED: &str = "assets/";

/// Shown where the front page should be when the gateway was built without it.
const NOT_BUILT: &str = include_str!("dashboard_not_built.html");

/// Answers every path that is nobody else's.
pub(super) async fn serve(method: Method, uri: Uri, headers: axum::http::HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty()) {
        return answer(file, path, &headers);
    }
    if path.starts_with(HASHED) {
        // A page of an older build asks for its parts: the front page in their place would only confuse it.
        return StatusCode::NOT_FOUND.into_response();
    }
    match Files::get("index.html") {
        Some(front_page) => answer(front_page, "index.html", &headers),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

fn answer(file: EmbeddedFile, path: &str, headers: &axum::http::HeaderMap) -> Response {
    let tag = format!("\"{:x}\"", u128::from_be_bytes(first_half(file.metadata.sha256_hash())));
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let caching = [
        (CACHE_CONTROL, HeaderValue::from_static(cache)),
        (ETAG, HeaderValue::try_from(&tag).expect("hexadecimal digits in quotes are a header value")),
    ];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, file.metadata.mimetype().to_owned())], file.data.into_owned()).into_response()
}

fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}
