//! Parts that start and stop together.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a stage may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tasks with one stop signal.
pub(crate) struct Stage {
    name: &'static str,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<&'static str>>,
}

impl Stage {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// Tells the stage's tasks to end.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Adds a task that ends only when told to.
    pub(crate) fn run(&mut self, part: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            Ok(part)
        });
    }

    /// Adds a task that may fail.
    pub(crate) fn run_fallible<E>(
        &mut self,
        part: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.tasks.spawn(async move {
            task.await.map_err(|error| anyhow::Error::new(error).context(format!("{part} failed")))?;
            Ok(part)
        });
    }

    /// Adds tasks that run already.
    pub(crate) fn adopt(&mut self, part: &'static str, mut tasks: JoinSet<()>) {
        self.tasks.spawn(async move {
            while let Some(ended) = tasks.join_next().await {
                ended.map_err(|error| anyhow::Error::new(error).context(format!("{part} failed")))?;
            }
            Ok(part)
        });
    }

    /// Waits until a task ends although nobody told it to, and says why.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(Ok(part))) => anyhow::anyhow!("{part} has ended"),
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => anyhow::Error::new(panic).context(format!("a part of {} failed", self.name)),
        }
    }

    /// Tells all tasks to end and waits until they have.
    pub(crate) async fn finish(mut self) {
        self.stop.cancel();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(error) | Ok(Err(error)) = ended.map_err(anyhow::Error::new) {
                    tracing::error!(error = %format!("{error:#}"), stage = self.name, "a part failed while stopping");
                }
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::error!(stage = self.name, "did not end in time and is cut off");
        }
    }
}
