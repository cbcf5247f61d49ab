//! Playing: waits for each moment of the recording and sends its samples, stamped with the present time.

use std::collections::HashSet;

use domain::id::DeviceId;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Replay;
use crate::{
    clock,
    source::{AgentStopped, DeviceCommand, SampleSender, SourceEvent},
};

/// Plays until stopped.
pub async fn run(
    replay: Replay,
    out: SampleSender,
    mut commands: mpsc::Receiver<DeviceCommand>,
    stop: CancellationToken,
) {
    let refuse = async {
        while let Some(command) = commands.recv().await {
            warn!(device.id = %command.device, metric = %command.metric, "command refused: a recording takes none");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = refuse => {}
        played = play(&replay, &out) => if played.is_ok() { stop.cancelled().await },
    }
}

async fn play(replay: &Replay, out: &SampleSender) -> Result<(), AgentStopped> {
    let mut born: HashSet<DeviceId> = HashSet::new();
    loop {
        let start = Instant::now();
        for moment in replay.recording.moments() {
            sleep_until(start + moment.after.div_f64(replay.speed)).await;
            for (device, samples) in moment.samples(clock::wall()) {
                if born.insert(device.clone()) {
                    let metrics = replay.recording.metrics(&device).to_vec();
                    out.send(SourceEvent::DeviceUp { device: device.clone(), metrics }).await?;
                }
                out.send(SourceEvent::Samples { device, samples }).await?;
            }
        }
        if !replay.repeat {
            break;
        }
        // A recording of a single moment would otherwise repeat without a pause.
        sleep_until((start + SHORTEST_REPEAT).max(Instant::now())).await;
    }
    info!(replay = replay.name, "the recording is over");
    for device in replay.recording.devices().cloned() {
        out.send(SourceEvent::DeviceDown { device, reason: "the recording is over".to_owned() }).await?;
    }
    Ok(())
}

/// The least time from one start of a repeated recording to the next.
const SHORTEST_REPEAT: std::time::Duration = std::time::Duration::from_secs(1);
