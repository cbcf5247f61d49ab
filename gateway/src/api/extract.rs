//! Reading requests. [`May`] is the only way to a [`Scope`]: a handler that takes it runs for signed-in people with
//! that permission alone, and a handler that does not take it cannot ask for anybody's data.

use std::{
    convert::Infallible,
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequest, FromRequestParts},
    http::request::Parts,
};
use axum_extra::extract::CookieJar;
use domain::access;

use super::{AppState, error::ApiError};
use crate::store::{Scope, Session, SessionToken};

/// Name of the cookie that holds the session's token.
pub(crate) const SESSION_COOKIE: &str = "brightwatch_session";

/// A permission that a handler asks for, as a type.
pub(crate) trait Permission {
    /// Which.
    const NEEDED: access::Permission;
}

macro_rules! permission {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name;
        impl Permission for $name {
            const NEEDED: access::Permission = access::Permission::$name;
        }
    )+};
}

permission!(
    /// Look at devices, readings, alarms and pictures.
    View,
    /// Acknowledge and reset alarms.
    AcknowledgeAlarm,
    /// Shelve alarms.
    ShelveAlarm,
    /// Take devices and rules out of service.
    ManageService,
    /// Word alarm rules anew.
    AmendRule,
    /// Change the registry, enrol edge nodes.
    ManageRegistry,
    /// Change accounts.
    ManageUsers,
    /// Read who did what.
    ReadAudit,
    /// See and try the channels by which people are told.
    ManageChannels,
    /// See how much room the readings take.
    ViewStorage,
    /// Open cases and take their steps.
    HandleCase,
    /// Add notes and photos to a case.
    ReportOnCase,
    /// Write rosters, hand duty over.
    KeepRoster,
);

/// A signed-in person who may do `P`.
#[derive(Debug)]
pub(crate) struct May<P> {
    /// What the person may see.
    pub(crate) scope: Scope,
    /// The session's token: for sockets, which look the session up again.
    pub(crate) token: SessionToken,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequestParts<AppState> for May<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (session, token) = session(parts, state).await?;
        if !session.scope.may(P::NEEDED) {
            return Err(ApiError::forbidden());
        }
        Ok(Self { scope: session.scope, token, permission: PhantomData })
    }
}

/// A signed-in person, whatever the permissions: for what concerns the session itself.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// The session.
    pub(crate) session: Session,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        session(parts, state).await.map(|(session, _)| Self { session })
    }
}

async fn session(parts: &Parts, state: &AppState) -> Result<(Session, SessionToken), ApiError> {
    let cookies = CookieJar::from_headers(&parts.headers);
    let token = cookies
        .get(SESSION_COOKIE)
        .and_then(|cookie| SessionToken::parse(cookie.value()))
        .ok_or_else(ApiError::unauthenticated)?;
    let session = state.store.session(&token, state.clock.now().wall).await?;
    Ok((session.ok_or_else(ApiError::unauthenticated)?, token))
}

/// A JSON body, refused with a problem.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub(crate) struct Json<T>(pub(crate) T);

/// The query string, refused with a problem.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub(crate) struct Query<T>(pub(crate) T);

/// The parts of the path, refused as not found.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub(crate) struct Path<T>(pub(crate) T);

/// Network address of the person's program: of the proxy's peer where the configuration names the proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer =
            parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        Ok(Self(client_address(peer, forwarded.and_then(|header| header.to_str().ok()), &state.http.trusted_proxies)))
    }
}

/// The proxy adds the address it saw at the end; what stands before it, anybody may have written.
fn client_address(peer: IpAddr, forwarded_for: Option<&str>, trusted_proxies: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted_proxies.contains(&peer) {
        return peer;
    }
    forwarded_for
        .and_then(|addresses| addresses.rsplit(',').next())
        .and_then(|address| address.trim().parse().ok())
        .unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_proxy_may_speak_for_somebody_else() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let check = |peer: &str, forwarded: Option<&str>, expected: &str| {
            let address = client_address(peer.parse().unwrap(), forwarded, &[proxy]);
            assert_eq!(address, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        };
        check("192.0.2.7", None, "192.0.2.7");
        check("192.0.2.7", Some("203.0.113.9"), "192.0.2.7");
        check("10.0.0.1", Some("203.0.113.9, 192.0.2.7"), "192.0.2.7");
        check("::ffff:10.0.0.1", Some("192.0.2.7"), "192.0.2.7");
        check("10.0.0.1", Some("nonsense"), "10.0.0.1");
        check("10.0.0.1", None, "10.0.0.1");
    }
}
