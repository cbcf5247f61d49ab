//! Tells the RTSP server which camera is black, frozen or gone, as the schedule says.
//!
//! The server (demo/rtsp/rtsp-server) takes `POST /CAMERA/MODE` on its control port; its cameras bear the ids of the
//! devices.

use std::{
    io,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::trouble::{Kind, Player, Schedule, Troubles};

const STEP: Duration = Duration::from_millis(500);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The cameras that the schedule names.
#[derive(Debug)]
pub struct Cameras {
    cameras: Vec<Camera>,
}

#[derive(Debug)]
struct Camera {
    device: String,
    player: Player,
    /// What the RTSP server was last told; it starts with `ok`.
    mode: &'static str,
}

impl Cameras {
    /// All in order at the start.
    pub fn new(schedule: &Schedule, seed: u64) -> Self {
        let mut devices: Vec<&str> = schedule
            .entries()
            .iter()
            .filter(|entry| entry.kind.is_of_camera())
            .map(|entry| entry.device.as_str())
            .collect();
        devices.sort_unstable();
        devices.dedup();
        let cameras = devices
            .into_iter()
            .map(|device| Camera { device: device.to_owned(), player: schedule.play(device, seed), mode: "ok" })
            .collect();
        Self { cameras }
    }

    /// Plays the schedule for ever. What the server refuses or does not hear is told again at the next step.
    pub async fn play(mut self, control_port: Option<u16>) {
        let Some(port) = control_port else { return std::future::pending().await };
        let started = Instant::now();
        let mut steps = tokio::time::interval(STEP);
        loop {
            steps.tick().await;
            for camera in &mut self.cameras {
                let mode = mode(&camera.player.at(started.elapsed().as_secs_f64()));
                if mode == camera.mode {
                    continue;
                }
                match tokio::time::timeout(REQUEST_TIMEOUT, switch(port, &camera.device, mode)).await {
                    Ok(Ok(())) => camera.mode = mode,
                    Ok(Err(error)) => tracing::warn!(camera = camera.device, mode, %error, "the RTSP server refused"),
                    Err(_) => tracing::warn!(camera = camera.device, mode, "the RTSP server does not answer"),
                }
            }
        }
    }
}

/// The gravest trouble decides.
fn mode(troubles: &Troubles) -> &'static str {
    let modes = [
        (Kind::CameraStopped, "stop"),
        (Kind::CameraStalled, "stall"),
        (Kind::CameraBlack, "black"),
        (Kind::CameraFrozen, "freeze"),
    ];
    modes.into_iter().find(|(kind, _)| troubles.is_active(*kind)).map_or("ok", |(_, mode)| mode)
}

/// One request without a body on loopback: less than an HTTP client's set-up would be.
async fn switch(port: u16, camera: &str, mode: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("POST /{camera}/{mode} HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).await?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(io::Error::other(answer.lines().next().unwrap_or("no answer").to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn the_gravest_trouble_decides_what_a_camera_shows() {
        assert_eq!(mode(&Troubles::default()), "ok");
        assert_eq!(mode(&Troubles::of(&[(Kind::CameraBlack, 0.0)])), "black");
        assert_eq!(mode(&Troubles::of(&[(Kind::CameraBlack, 0.0), (Kind::CameraStopped, 0.0)])), "stop");
    }

    #[tokio::test]
    async fn a_camera_in_trouble_is_switched_by_its_name() {
        let schedule = "[[trouble]]\ndevice = \"camera-1\"\nkind = \"camera_frozen\"\nfirst_after_s = 0\nlasts_s = 60";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let playing = tokio::spawn(Cameras::new(&schedule.parse().unwrap(), 1).play(Some(port)));

        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 64];
        let length = stream.read(&mut request).await.unwrap();
        assert!(request[..length].starts_with(b"POST /camera-1/freeze HTTP/1.0\r\n"));
        playing.abort();
    }
}
