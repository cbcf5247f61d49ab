//! Signing in and out, and one's own password.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use protocol::rest::{Me, PasswordChange, Problem, SignIn};

use super::{
    AppState,
    error::{ApiError, Refusal},
    extract::{ClientAddress, Json, SESSION_COOKIE, SignedIn},
};
use crate::{
    identity::IdentityError,
    store::{Session, SessionToken},
};

/// Signs in and sets the session cookie.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignIn, security(()), responses(
    (status = 200, body = Me),
    (status = 429, description = "Too many attempts; `Retry-After` says when to try again.", body = Problem,
        content_type = "application/problem+json"),
    Refusal,
))]
pub(super) async fn sign_in(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    cookies: CookieJar,
    Json(credentials): Json<SignIn>,
) -> Result<impl IntoResponse, ApiError> {
    let (token, session) = state.identity.sign_in(credentials, address).await?;
    Ok((cookies.add(session_cookie(&token, &state)), axum::Json(me(session, &state))))
}

/// Who is signed in, and what this person may do. Nobody is an answer too, not a refusal.
#[utoipa::path(get, path = "/session", tag = "session", security(()), responses(
    (status = 200, body = Me),
    (status = 204, description = "Nobody is signed in."),
    Refusal,
))]
pub(super) async fn read_session(
    State(state): State<AppState>,
    signed_in: Result<SignedIn, ApiError>,
) -> Result<Response, ApiError> {
    match signed_in {
        Ok(SignedIn { session }) => Ok(axum::Json(me(session, &state)).into_response()),
        Err(refusal) if refusal.is_unauthenticated() => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) => Err(error),
    }
}

/// Signs out. The sockets of the session close.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204, description = "Signed out."), Refusal))]
pub(super) async fn sign_out(
    State(state): State<AppState>,
    signed_in: SignedIn,
    cookies: CookieJar,
) -> Result<impl IntoResponse, ApiError> {
    state.identity.sign_out(&signed_in.session).await?;
    Ok((cookies.remove(Cookie::build(SESSION_COOKIE).path("/")), StatusCode::NO_CONTENT))
}

/// Changes one's own password. All other sessions of the account end.
#[utoipa::path(put, path = "/session/password", tag = "session", request_body = PasswordChange, responses(
    (status = 204, description = "Changed."),
    (status = 429, description = "Too many attempts; `Retry-After` says when to try again.", body = Problem,
        content_type = "application/problem+json"),
    Refusal,
))]
pub(super) async fn change_password(
    State(state): State<AppState>,
    signed_in: SignedIn,
    ClientAddress(address): ClientAddress,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    match state.identity.change_own_password(&signed_in.session, change, address).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // 401 would say that the session is over.
        Err(IdentityError::WrongCredentials) => Err(ApiError::invalid_field("current", "this is not your password")),
        Err(IdentityError::Weak(weak)) => Err(ApiError::invalid_field("new", weak.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn me(session: Session, state: &AppState) -> Me {
    Me {
        permissions: session.user.role.permissions().to_vec(),
        user: session.user,
        is_demo: state.about.is_demo,
        gateway_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The cookie lasts until the browser is closed; how long the session lasts is decided here, not by the browser.
fn session_cookie(token: &SessionToken, state: &AppState) -> Cookie<'static> {
    Cookie::build((SESSION_COOKIE, token.reveal()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.http.is_secure())
        .build()
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::WrongCredentials => Self::wrong_credentials(),
            IdentityError::TooMany { retry_after } => Self::too_many_attempts(retry_after),
            IdentityError::Busy => {
                Self::unavailable("too many people are signing in; try again", "正在登录的人过多，请稍后重试")
            }
            IdentityError::Weak(weak) => Self::invalid_field("password", weak.to_string()),
            IdentityError::Draft(wrong) => Self::invalid_field(wrong.field(), wrong.to_string()),
            IdentityError::LastAdmin => Self::conflict(
                "this is the last administrator that can sign in",
                "这是最后一个可登录的管理员，不能停用或降级",
            ),
            IdentityError::Store(error) => error.into(),
            IdentityError::Hash(_) => Self::internal(&error),
        }
    }
}
