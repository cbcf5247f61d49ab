//! Where the worker's threads put what goes to the agent: one bounded queue, one thread that writes it out.

use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use bytes::Bytes;

use crate::source::camera::link::FromWorker;

/// Pieces that may wait for the pipe. The agent takes what comes at once; should it hang, the worker's threads wait
/// here, the camera's watchdog notices, and the process ends.
const WAITING_PIECES: usize = 64;

/// A handle to the way out.
#[derive(Debug, Clone)]
pub(super) struct Outlet(SyncSender<Bytes>);

/// The agent does not read any more: there is nobody to work for.
#[derive(Debug, thiserror::Error)]
#[error("the agent does not read any more")]
pub(super) struct AgentGone;

impl Outlet {
    /// Starts the writing thread. It ends when the agent is gone, or with the last handle.
    pub(super) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (tx, rx) = sync_channel(WAITING_PIECES);
        thread::Builder::new().name("outlet".into()).spawn(move || write_all(to, &rx))?;
        Ok(Self(tx))
    }

    /// Queues a piece; waits when the queue is full.
    pub(super) fn send(&self, piece: &FromWorker) -> Result<(), AgentGone> {
        self.0.send(piece.encode()).map_err(|_| AgentGone)
    }
}

fn write_all(mut to: impl Write, pieces: &Receiver<Bytes>) {
    for piece in pieces {
        if to.write_all(&piece).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}
