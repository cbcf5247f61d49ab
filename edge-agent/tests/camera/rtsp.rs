//! Real cameras to read: the demo's RTSP server on footage made here, and a server that is no camera at all.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener, time};
use tokio_util::task::AbortOnDropHandle;

const SYSTEM_PYTHON: &str = "/usr/bin/python3";

/// The demo's RTSP server with one H.264 camera `test` and one H.265 camera `hevc`, each with two streams.
pub(crate) struct RtspServer {
    process: Child,
    rtsp_port: u16,
    control_port: u16,
    pub(crate) folder: TempDir,
}

impl RtspServer {
    /// None, with a line that says so, where the server's parts or ffmpeg are not installed.
    pub(crate) fn start() -> Option<Self> {
        let imports = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
        let has_gstreamer = is_ok(Command::new(SYSTEM_PYTHON).args(["-c", imports]));
        if !has_gstreamer || !is_ok(Command::new("ffmpeg").arg("-version")) {
            println!("SKIPPED: needs ffmpeg, python3-gi and gir1.2-gst-rtsp-server-1.0");
            return None;
        }
        let folder = TempDir::new().unwrap();
        make_footage(folder.path());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/rtsp/rtsp-server");
        let mut process = Command::new(SYSTEM_PYTHON)
            .arg(script)
            .args(["--port", "0", "--control-port", "0", "--footage"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ports: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        Some(Self { process, rtsp_port: port("rtsp_port"), control_port: port("control_port"), folder })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.rtsp_port)
    }

    pub(crate) fn switch(&self, camera: &str, mode: &str) {
        let mut control = TcpStream::connect(("127.0.0.1", self.control_port)).unwrap();
        write!(control, "POST /{camera}/{mode} HTTP/1.0\r\n\r\n").unwrap();
        let mut status = String::new();
        BufReader::new(control).read_line(&mut status).unwrap();
        assert!(status.contains("200"), "{status}");
    }
}

impl Drop for RtspServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_ok(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Small clips of two seconds with a moving, a still and a black picture.
fn make_footage(folder: &Path) {
    for (stream, size) in [("main", "640x360"), ("sub", "320x180")] {
        let h264 =
            "-c:v libx264 -preset ultrafast -profile:v main -bf 0 -g 30 -sc_threshold 0 -x264-params aud=1 -f h264";
        encode(folder, &format!("testsrc2=size={size}:rate=15:duration=4"), h264, &format!("test.{stream}.h264"));
        let still = format!("testsrc2=size={size}:rate=15:duration=0.06,loop=29:1:0,setpts=N/15/TB");
        encode(folder, &still, h264, &format!("test.{stream}.frozen.h264"));
        encode(folder, &format!("color=black:size={size}:rate=15:duration=2"), h264, &format!("black.{stream}.h264"));
    }
    let h265 =
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:aud=1:repeat-headers=1:keyint=30:bframes=0 -f hevc";
    encode(folder, "testsrc2=size=320x180:rate=15:duration=2", h265, "hevc.main.h265");
}

fn encode(folder: &Path, source: &str, codec: &str, name: &str) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]);
    assert!(ffmpeg.args(codec.split(' ')).arg(folder.join(name)).status().unwrap().success(), "{name}");
}

/// Accepts every connection and sends something that only begins like RTSP.
pub(crate) struct NonsenseServer {
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl NonsenseServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("rtsp://{}/stream", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let nonsense: Vec<u8> =
                    (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
                let answer =
                    [&b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4294967295\r\n\r\n$\0\xff\xff"[..], &nonsense];
                let _ = socket.write_all(&answer.concat()).await;
            }
        });
        Self { url, connections, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) async fn wait_for_connections(&self, count: usize, limit: Duration) {
        let search = async {
            while self.connections.load(Ordering::SeqCst) < count {
                time::sleep(Duration::from_millis(20)).await;
            }
        };
        time::timeout(limit, search).await.expect("the camera is tried again");
    }
}

/// Process ids of this process's children whose command line holds `word`.
pub(crate) fn children_named(word: &str) -> Vec<u32> {
    let me = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let parent = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let parent = parent.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1).map(str::to_owned);
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        parent.as_deref() == Some(&me) && line.contains(word)
    })
    .collect()
}
