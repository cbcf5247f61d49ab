//! `/metrics` for Prometheus, on a listener of its own that is loopback unless somebody decides otherwise: figures tell
//! how a district works, and whoever scrapes them signs in nowhere.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::header::CONTENT_TYPE,
    middleware::Next,
    response::Response,
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Section `[metrics]` of gateway.toml.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where `/metrics` is served.
    pub listen: SocketAddr,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

/// Metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Somebody set them up before, or the buckets are wrong.
    #[error("cannot set up metrics")]
    SetUp(#[source] metrics_exporter_prometheus::BuildError),
    /// The listener failed.
    #[error("cannot serve metrics")]
    Serve(#[source] std::io::Error),
}

/// Buckets of all durations, in seconds: from a tenth of a millisecond to the longest time-out.
const SECONDS: [f64; 14] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0, 30.0];
/// How often figures that nobody scraped are folded together.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Makes everything after this call count into the recorder behind the handle. Once per process.
pub fn install() -> Result<PrometheusHandle, MetricsError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(MetricsError::SetUp)
}

/// Counts a request of the API and how long it took. What matches no route counts as one, so that nobody can make
/// figures without end.
pub async fn count_request(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = request.method().to_string();
    let started = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("gateway_request_seconds", "path" => path.clone(), "method" => method.clone())
        .record(started.elapsed());
    metrics::counter!("gateway_requests_total", "path" => path, "method" => method, "status" => status).increment(1);
    response
}

/// Serves the figures until it is told to stop.
pub async fn serve(
    listener: TcpListener,
    handle: PrometheusHandle,
    stop: CancellationToken,
) -> Result<(), MetricsError> {
    let render = {
        let handle = handle.clone();
        move || {
            let text = handle.render();
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text) }
        }
    };
    let router = Router::new().route("/metrics", get(render));
    let upkeep = async {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            handle.run_upkeep();
        }
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        served = axum::serve(listener, router).into_future() => served.map_err(MetricsError::Serve),
        () = upkeep => Ok(()),
    }
}
