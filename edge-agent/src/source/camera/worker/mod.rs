//! `edge-agent-camera`: the process that libav runs in, one a camera. It reads what a stranger's camera sends,
//! so it may crash or hang; the agent then starts another, and no other source notices.
//!
//! Threads: one per stream (all libav calls, [`session`]), one that writes standard output ([`outlet`]), one that reads
//! the agent's orders, and the main one, which reports once a second and gives the process up when libav hangs. When
//! the agent closes the pipes, the process ends.

mod h264;
mod memory;
mod mp4;
mod outlet;
mod picture;
mod remux;
mod session;
mod timing;
mod view;
mod watchdog;

use std::{
    io::{self, BufRead},
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use protocol::video::{StreamKind, UnavailableReason};

use self::{
    outlet::{AgentGone, Outlet},
    session::{Eye, SessionError, Stream},
    view::View,
    watchdog::Watchdog,
};
use super::{
    RtspUrl,
    link::{FromWorker, Job, Report, ToWorker},
};
use crate::backoff::Backoff;

/// How often the worker says how the camera is.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Delay after the first failure to open a camera, and the longest: a camera that was restarted is back in half a minute.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A session that lasted this long was a good one: the next failure counts as the first.
const GOOD_SESSION: Duration = Duration::from_secs(30);
/// Exit status when libav hangs in a call that cannot be interrupted (sysexits: internal software error).
const EXIT_HUNG: u8 = 70;

/// Works until the agent closes the pipes or libav hangs.
pub fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(wrong) => {
            eprintln!("{wrong:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut orders = io::stdin().lock().lines();
    let Some(first) = orders.next() else { return Ok(ExitCode::SUCCESS) };
    let ToWorker::Watch(job) = serde_json::from_str(&first?)? else {
        anyhow::bail!("the first order must say what to watch");
    };
    drop(orders);
    ffmpeg_next::init()?;
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);

    if let Err(wrong) = memory::let_go_of_start() {
        eprintln!("the start's memory is kept: {wrong}");
    }

    let outlet = Outlet::start(io::stdout())?;
    let streams = streams(&job, &outlet);
    for (kind, stream) in &streams {
        let (kind, stream) = (*kind, Arc::clone(stream));
        thread::Builder::new().name(kind.to_string()).spawn(move || keep_open(kind, &stream))?;
    }
    let order_streams = streams.clone();
    thread::Builder::new().name("orders".into()).spawn(move || {
        if let Err(wrong) = take_orders(&order_streams) {
            eprintln!("{wrong:#}");
        }
        // The agent has gone or speaks nonsense. Threads may hang in libav: nobody waits for them.
        std::process::exit(0);
    })?;
    Ok(report(&streams, &outlet, Duration::from_millis(job.still_interval_ms)))
}

type Streams = Vec<(StreamKind, Arc<Stream>)>;

/// Health is judged by the sub stream where there is one: the smaller picture says as much and costs less.
fn streams(job: &Job, outlet: &Outlet) -> Streams {
    let silence = Duration::from_millis(job.silence_ms);
    let stream = |kind, url: &RtspUrl, is_judged: bool| {
        let eye = Eye { outlet: outlet.clone(), luma: Mutex::default(), wants_still: AtomicBool::new(true) };
        let stream = Stream {
            url: url.clone(),
            silence,
            view: Mutex::new(View::new(job.device.clone(), kind, outlet.clone())),
            watchdog: Watchdog::new(silence),
            bytes: AtomicU64::new(0),
            last_picture: Mutex::default(),
            eye: is_judged.then_some(eye),
        };
        (kind, Arc::new(stream))
    };
    let main = stream(StreamKind::Main, &job.main_url, job.sub_url.is_none());
    let sub = job.sub_url.as_ref().map(|url| stream(StreamKind::Sub, url, true));
    [Some(main), sub].into_iter().flatten().collect()
}

/// Opens a stream again and again, until the agent is gone.
fn keep_open(kind: StreamKind, stream: &Stream) -> AgentGone {
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        let started = Instant::now();
        let Err(ended) = session::run(stream);
        if let SessionError::AgentGone(gone) = ended {
            return gone;
        }
        let is_set_anew = matches!(ended, SessionError::FormatChanged);
        eprintln!("{kind} stream: {:#}", anyhow::Error::from(ended));
        if is_set_anew {
            continue;
        }
        let outcome = lock(&stream.view).end(UnavailableReason::CameraOffline, None);
        if let Err(gone) = outcome {
            return gone;
        }
        if started.elapsed() > GOOD_SESSION {
            backoff.reset();
        }
        let delay = backoff.after_failure(rand::random());
        stream.watchdog.allow(delay + REPORT_INTERVAL);
        thread::sleep(delay);
    }
}

/// Does what the agent asks for until it closes the pipe.
fn take_orders(streams: &Streams) -> anyhow::Result<()> {
    // A camera without a sub stream answers for it with its main stream; the agent asks for what there is.
    let stream_of = |kind| streams.iter().find(|(which, _)| *which == kind).map(|(_, stream)| stream);
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            ToWorker::Watch(_) => anyhow::bail!("what to watch was already said"),
            ToWorker::Open { stream } => {
                if let Some(stream) = stream_of(stream) {
                    lock(&stream.view).open()?;
                }
            }
            ToWorker::Close { stream } => {
                if let Some(stream) = stream_of(stream) {
                    lock(&stream.view).close();
                }
            }
            ToWorker::TakeStill => want_still(streams),
        }
    }
    Ok(())
}

/// Reports once a second and asks for the regular stills, until the agent is gone or libav hangs.
fn report(streams: &Streams, outlet: &Outlet, still_interval: Duration) -> ExitCode {
    let mut last_still = Instant::now();
    loop {
        thread::sleep(REPORT_INTERVAL);
        if last_still.elapsed() >= still_interval {
            last_still = Instant::now();
            want_still(streams);
        }
        let mut report = Report::default();
        for (kind, stream) in streams {
            if stream.watchdog.is_hopeless() {
                eprintln!("{kind} stream: libav hangs");
                return ExitCode::from(EXIT_HUNG);
            }
            if *kind == StreamKind::Main {
                report.main_bytes = stream.bytes.load(Ordering::Relaxed);
            }
            if let Some(eye) = &stream.eye {
                let age = lock(&stream.last_picture).map(|at| at.elapsed().as_millis());
                report.frame_age_ms = age.map(|age| u64::try_from(age).unwrap_or(u64::MAX));
                report.luma = lock(&eye.luma).take();
            }
        }
        if outlet.send(&FromWorker::Report(report)).is_err() {
            return ExitCode::SUCCESS;
        }
    }
}

fn want_still(streams: &Streams) {
    for eye in streams.iter().filter_map(|(_, stream)| stream.eye.as_ref()) {
        eye.wants_still.store(true, Ordering::Relaxed);
    }
}

/// A thread that panicked while it held the lock left nothing half done here: all is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
