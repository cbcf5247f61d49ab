//! `gateway serve`.

use std::path::Path;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{app, config::Config, ops::logging};

/// Serves until the process is told to stop.
pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    logging::init(&config.log)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another provider of cryptography is installed"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signals(stop.clone()));
        app::serve(config, stop).await
    })
}

/// The first SIGTERM or SIGINT ends in order; a second ends at once.
async fn stop_on_signals(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard; only SIGKILL ends this process");
        return;
    };
    for is_second in [false, true] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if is_second {
            std::process::exit(1);
        }
        stop.cancel();
    }
}
