//! The agent's end of one worker process.

use std::{io, path::Path, process::Stdio, time::Duration};

use bytes::BytesMut;
use domain::id::DeviceId;
use futures_util::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};
use tokio_util::{
    codec::{Decoder, FramedRead, LinesCodec},
    task::AbortOnDropHandle,
};
use tracing::warn;

use super::link::{FromWorker, Job, LinkError, ToWorker};

/// The worker's program; it stands beside the agent's.
pub(super) const PROGRAM: &str = "edge-agent-camera";
/// How long a worker may take to read an order from its pipe; it reads on a thread of its own.
const ORDER_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest line of a worker's log that is passed on, in bytes.
const MAX_LOG_LINE_BYTES: usize = 1000;

/// How the worker's C library keeps memory (mallopt(3)). libav asks for whole pictures and gives them back at once: those
/// are to go back to the kernel, and not to wait in a heap of each thread for the next. The names are glibc's; another
/// C library ignores them.
const THRIFT: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

/// A running worker. Dropping it kills the process.
pub(super) struct Worker {
    child: Child,
    orders: ChildStdin,
    pieces: FramedRead<ChildStdout, PieceDecoder>,
    _log: AbortOnDropHandle<()>,
}

impl Worker {
    /// Starts `program` as a worker and tells it what to watch.
    pub(super) async fn start(program: &Path, job: &Job) -> io::Result<Self> {
        let mut child = Command::new(program)
            .envs(THRIFT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let orders = child.stdin.take().ok_or_else(missing)?;
        let log = AbortOnDropHandle::new(tokio::spawn(pass_on_log(job.device.clone(), stderr)));
        let mut worker = Self { child, orders, pieces: FramedRead::new(stdout, PieceDecoder), _log: log };
        worker.order(&ToWorker::Watch(job.clone())).await?;
        Ok(worker)
    }

    /// Gives an order.
    pub(super) async fn order(&mut self, order: &ToWorker) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        timeout(ORDER_TIMEOUT, self.orders.write_all(&line)).await?
    }

    /// The next piece; None: the worker ended. May be given up and called again without loss.
    pub(super) async fn next(&mut self) -> Option<Result<FromWorker, LinkError>> {
        self.pieces.next().await
    }

    /// Ends the process and waits until it is gone.
    pub(super) async fn end(mut self) {
        if let Err(wrong) = self.child.kill().await {
            warn!(error = %wrong, "cannot end a camera worker");
        }
    }
}

async fn pass_on_log(device: DeviceId, stderr: ChildStderr) {
    let mut lines = FramedRead::new(stderr, LinesCodec::new_with_max_length(MAX_LOG_LINE_BYTES));
    while let Some(line) = lines.next().await {
        // A line that is too long or no text is left out; the codec goes on behind it.
        if let Ok(line) = line {
            warn!(device.id = %device, "camera worker: {line}");
        }
    }
}

/// [`FromWorker::decode`] as tokio's codecs want it.
struct PieceDecoder;

impl Decoder for PieceDecoder {
    type Item = FromWorker;
    type Error = LinkError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<FromWorker>, LinkError> {
        FromWorker::decode(buffer)
    }
}
