//! Hears what is said to the nodes, and forgets it: what is not read would stop the broker in the end.

use std::{
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::net::{RecvFlags, recv};

/// Pause between two rounds. Acknowledgements come five times a second at most.
const PAUSE: Duration = Duration::from_millis(100);

/// Hears as long as it lives.
pub(super) struct Ear {
    is_over: Arc<AtomicBool>,
}

impl Ear {
    /// Begins.
    pub(super) fn of(sockets: Vec<TcpStream>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&is_over);
        thread::spawn(move || {
            let mut forgotten = vec![0; 64 * 1024];
            while !end.load(Ordering::Relaxed) {
                for socket in &sockets {
                    // Not the socket's own mode, which its speaker shares.
                    while recv(socket, &mut forgotten[..], RecvFlags::DONTWAIT).is_ok_and(|(length, _)| length > 0) {}
                }
                thread::sleep(PAUSE);
            }
        });
        Self { is_over }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
