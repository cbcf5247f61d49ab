//! `/healthz`: the process answers. `/readyz`: it can do its work, and what is missing if not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use serde::Serialize;

/// The parts without which the gateway cannot do its work, and how each is doing. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, State>>>,
}

/// How a part is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Works,
    /// Something is amiss, but the gateway does its work.
    Limps(String),
    Fails(String),
}

/// The answer of `/readyz`.
#[derive(Debug, PartialEq, Serialize)]
struct Readiness {
    is_ready: bool,
    /// `ok`, `degraded: …`, or what is wrong, by part.
    parts: BTreeMap<&'static str, String>,
}

impl Health {
    /// Notes that a part works.
    pub fn works(&self, part: &'static str) {
        self.set(part, State::Works);
    }

    /// Notes that something is amiss with a part, and what, although the gateway can do its work.
    pub fn limps(&self, part: &'static str, why: impl Into<String>) {
        self.set(part, State::Limps(why.into()));
    }

    /// Notes that a part does not work, and why. A part that has not started yet is noted like this too.
    pub fn fails(&self, part: &'static str, why: impl Into<String>) {
        self.set(part, State::Fails(why.into()));
    }

    /// Whether every part works.
    pub fn is_ready(&self) -> bool {
        self.readiness().is_ready
    }

    fn set(&self, part: &'static str, state: State) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(part, state);
    }

    fn readiness(&self) -> Readiness {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        Readiness {
            is_ready: !parts.values().any(|state| matches!(state, State::Fails(_))),
            parts: parts
                .iter()
                .map(|(&part, state)| match state {
                    State::Works => (part, "ok".to_owned()),
                    State::Limps(why) => (part, format!("degraded: {why}")),
                    State::Fails(why) => (part, why.clone()),
                })
                .collect(),
        }
    }
}

/// `/healthz` and `/readyz`, open to everybody: they tell nothing about people or places.
pub fn routes(health: Health) -> Router {
    let readyz = move || async move {
        let readiness = health.readiness();
        let status = if readiness.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(readiness)).into_response()
    };
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readyz))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_that_fails_makes_the_gateway_not_ready() {
        let health = Health::default();
        health.works("store");
        health.fails("broker", "not connected");
        assert_eq!(
            health.readiness(),
            Readiness {
                is_ready: false,
                parts: [("store", "ok".to_owned()), ("broker", "not connected".to_owned())].into()
            }
        );
        health.works("broker");
        assert!(health.readiness().is_ready);
        health.limps("notify", "dead: sms");
        assert!(health.readiness().is_ready);
        assert_eq!(health.readiness().parts["notify"], "degraded: dead: sms");
    }
}
