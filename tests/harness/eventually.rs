//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How often a condition is asked again. Short beside what is waited for, long beside what asking costs.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks until there is an answer, at most for `limit`; then panics and says what was waited for.
///
/// The limit is a bound for a broken system, not a measurement: make it generous.
pub async fn eventually<T>(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = condition().await {
            return answer;
        }
        assert!(started.elapsed() < limit, "waited {} s in vain: {what}", limit.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}
