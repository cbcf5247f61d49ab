//! A camera: the RTSP server of the demonstration with a short clip made on the spot.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    eventually,
    process::{Process, free_port, workspace},
    skipped::program,
};

/// The one camera that the server has.
pub const NAME: &str = "camera-1";

/// A running RTSP server with [`NAME`] at `/camera-1/main` and `/camera-1/sub`.
#[derive(Debug)]
pub struct Camera {
    rtsp_port: u16,
    control_port: u16,
    server: Process,
    _folder: TempDir,
}

impl Camera {
    /// Starts it; None where ffmpeg or the RTSP server's packages are not installed.
    ///
    /// # Panics
    /// When an installed server does not start.
    pub async fn start() -> io::Result<Option<Self>> {
        if program("ffmpeg").is_none() || !has_rtsp_packages() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("brightwatch-camera-").tempdir()?;
        make_clips(folder.path())?;
        let (rtsp_port, control_port) = (free_port(), free_port());
        let server = Process::start(
            "rtsp-server",
            Command::new(workspace().join("demo/rtsp/rtsp-server")).arg("--footage").arg(folder.path()).args([
                "--port",
                &rtsp_port.to_string(),
                "--control-port",
                &control_port.to_string(),
            ]),
            folder.path(),
        )?;
        eventually("the RTSP server listens", Duration::from_secs(20), async || {
            server.log().contains("rtsp_port").then_some(())
        })
        .await;
        Ok(Some(Self { rtsp_port, control_port, server, _folder: folder }))
    }

    /// Where a stream is: `main` or `sub`.
    pub fn url(&self, stream: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{NAME}/{stream}", self.rtsp_port)
    }

    /// Makes the camera `ok`, `freeze`, `black`, `stall` or `stop`.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn switch(&self, mode: &str) {
        let address = format!("http://127.0.0.1:{}/{NAME}/{mode}", self.control_port);
        let answer = reqwest::Client::new().post(address).send().await.expect("the control port answers");
        assert!(answer.status().is_success(), "the camera cannot be made {mode}");
    }

    /// Stops the server at once.
    pub fn kill(&mut self) {
        self.server.kill();
    }
}

fn has_rtsp_packages() -> bool {
    let import = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
    Command::new("/usr/bin/python3")
        .args(["-c", import])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A moving test picture, a still and a black one, encoded as `demo/rtsp/prepare-footage` does.
fn make_clips(folder: &Path) -> io::Result<()> {
    for (stream, size) in [("main", "1280x720"), ("sub", "640x360")] {
        for (name, picture) in [
            (format!("{NAME}.{stream}"), format!("testsrc2=size={size}:rate=15:duration=10")),
            (format!("{NAME}.{stream}.frozen"), format!("testsrc2=size={size}:rate=15:duration=2,loop=30:1:0")),
            (format!("black.{stream}"), format!("color=black:size={size}:rate=15:duration=2")),
        ] {
            let made = Command::new("ffmpeg")
                .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", &picture, "-frames:v"])
                .arg(if name.ends_with(".frozen") || name.starts_with("black") { "30" } else { "150" })
                .args(["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-bf", "0", "-g", "30"])
                .args(["-keyint_min", "30", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-x264-params", "aud=1"])
                .args(["-f", "h264"])
                .arg(folder.join(format!("{name}.h264")))
                .status()?;
            assert!(made.success(), "ffmpeg makes {name}");
        }
    }
    Ok(())
}
