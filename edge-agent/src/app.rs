//! Puts the parts together and watches over them: the only file that knows every part.

use std::{collections::HashMap, future::Future, time::Duration};

use anyhow::{Context, anyhow};
use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    config::Setup,
    node::{CommandRoutes, Node, Settings},
    source::SampleSender,
};

/// Events between all sources and the node: some seconds of a large site. The node takes them whether or not the centre
/// can be reached, so a source waits here only while the node says farewell.
const EVENTS_WAITING: usize = 1024;
/// Commands waiting for one source. More are dropped: an operator who pressed sixteen times has his answer by then.
const COMMANDS_WAITING: usize = 16;
/// For all tasks to end once they are told to. The node's own farewell takes at most two seconds.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs everything until `stop`, or until a part ends that must not.
pub async fn run(setup: Setup, stop: CancellationToken) -> anyhow::Result<()> {
    let (sender, events) = SampleSender::bounded(EVENTS_WAITING);
    let mut tasks = Tasks::default();
    let mut routes = CommandRoutes::new();
    let Setup { node, state_dir, outbox, broker, credentials, broker_ca, sources } = setup;
    info!(node.id = %node.id, version = env!("CARGO_PKG_VERSION"), "edge agent starts");
    for source in sources {
        let (commands, waiting) = mpsc::channel(COMMANDS_WAITING);
        routes.extend(source.devices().into_iter().map(|device| (device, commands.clone())));
        info!(source = source.label(), devices = source.devices().len(), "source starts");
        tasks.spawn(source.label(), source.run(sender.clone(), waiting, stop.clone()));
    }
    let node = Node::new(Settings { node, broker, credentials, broker_ca, state_dir, outbox }, routes)?;
    tasks.spawn("node".to_owned(), node.run(events, stop.clone()));

    let outcome = tokio::select! {
        // First, because parts that stop as told end at the same moment.
        biased;
        () = stop.cancelled() => Ok(()),
        ended = tasks.next_end() => Err(ended),
    };
    stop.cancel();
    timeout(FAREWELL, tasks.all_ended()).await.context("a part did not stop in time")?;
    info!("edge agent stopped");
    outcome
}

/// The parts, each a task with a name.
#[derive(Default)]
struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, String>,
}

impl Tasks {
    fn spawn(&mut self, name: String, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.set.spawn(task).id();
        self.names.insert(id, name);
    }

    /// The first part that ends by itself; none should.
    async fn next_end(&mut self) -> anyhow::Error {
        let (id, wrong) = match self.set.join_next_with_id().await {
            None => return anyhow!("nothing runs"),
            Some(Ok((id, ()))) => (id, "it ended by itself".to_owned()),
            Some(Err(wrong)) => (wrong.id(), wrong.to_string()),
        };
        anyhow!("{} failed: {wrong}", self.name(id))
    }

    async fn all_ended(&mut self) {
        while let Some(ended) = self.set.join_next().await {
            if let Err(wrong) = ended {
                error!("{} failed while stopping: {wrong}", self.name(wrong.id()));
            }
        }
    }

    fn name(&self, id: Id) -> &str {
        self.names.get(&id).map_or("a part", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_is_named_with_its_reason() {
        let mut tasks = Tasks::default();
        tasks.spawn("modbus kitchen".to_owned(), async {});
        assert_eq!(tasks.next_end().await.to_string(), "modbus kitchen failed: it ended by itself");
        tasks.spawn("camera yard".to_owned(), async { panic!("a bug") });
        let wrong = tasks.next_end().await.to_string();
        assert!(wrong.starts_with("camera yard failed: task ") && wrong.contains("a bug"), "{wrong}");
    }
}
