//! The gateway's own figures, `/metrics`.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;

/// Where to ask for them.
#[derive(Debug, Clone)]
pub(crate) struct FiguresPage {
    client: reqwest::Client,
    address: String,
}

/// What the bench looks at, since the gateway's start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Readings on disk.
    pub(crate) committed: u64,
    /// Readings that the pipeline had no room for.
    pub(crate) shed: u64,
    /// Messages lost before they came to the gateway.
    pub(crate) gaps: u64,
    /// Readings that could not be true, and metrics that could not be read.
    pub(crate) refused: u64,
    /// Transactions.
    pub(crate) commits: u64,
    /// What they took together, in seconds.
    pub(crate) commit_s: f64,
}

impl FiguresPage {
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(Self { client, address: format!("http://{address}/metrics") })
    }

    pub(crate) async fn read(&self) -> anyhow::Result<Figures> {
        let text = self.client.get(&self.address).send().await?.text().await.context("/metrics")?;
        Ok(parse(&text))
    }
}

/// What has not happened yet is not on the page: 0.
fn parse(text: &str) -> Figures {
    let mut figures = Figures::default();
    for (name, value) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
        let Ok(value) = value.parse::<f64>() else { continue };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counters are whole and not negative"
        )]
        let count = value as u64;
        match name.split('{').next().unwrap_or_default() {
            "gateway_readings_committed_total" => figures.committed += count,
            "gateway_readings_shed_total" => figures.shed += count,
            "gateway_sequence_gaps_total" => figures.gaps += count,
            "gateway_readings_quarantined_total" | "gateway_metrics_unread_total" => figures.refused += count,
            "gateway_commit_seconds_count" => figures.commits += count,
            "gateway_commit_seconds_sum" => figures.commit_s += value,
            _ => {}
        }
    }
    figures
}

impl Figures {
    /// What came since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            committed: self.committed - before.committed,
            shed: self.shed - before.shed,
            gaps: self.gaps - before.gaps,
            refused: self.refused - before.refused,
            commits: self.commits - before.commits,
            commit_s: self.commit_s - before.commit_s,
        }
    }

    /// Readings in a transaction, on average.
    pub(crate) fn batch(&self) -> u64 {
        self.committed / self.commits.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_read() {
        let figures = parse(
            "# TYPE gateway_readings_committed_total counter\ngateway_readings_committed_total 1200\n\n\
             gateway_commit_seconds_bucket{le=\"0.1\"} 7\ngateway_commit_seconds_sum 0.5\ngateway_commit_seconds_count 6\n",
        );
        assert_eq!((figures.committed, figures.shed, figures.batch()), (1200, 0, 200));
        assert!((figures.commit_s - 0.5).abs() < 1e-9);
    }
}
