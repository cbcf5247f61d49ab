//! A TCP connection that a story can cut or stall: stands between a client and a server.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::JoinHandle,
};

/// What the link does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Passes them on.
    Open,
    /// Keeps them and passes them on later; connections stay.
    Stalled,
    /// Ends every connection and lets nobody in.
    Cut,
}

/// A proxy on loopback.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: Arc<watch::Sender<Link>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes on to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let link = Arc::new(watch::Sender::new(Link::Open));
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&link)));
        Ok(Self { address, link, accepting })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the link does, for present and later connections.
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.link.send_replace(Link::Cut);
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, link: Arc<watch::Sender<Link>>) {
    while let Ok((client, _)) = listener.accept().await {
        if *link.borrow() == Link::Cut {
            continue;
        }
        tokio::spawn(connect(client, target, link.subscribe()));
    }
}

async fn connect(client: TcpStream, target: SocketAddr, link: watch::Receiver<Link>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut cut = link.clone();
    // The first end, or the cut, drops all four halves and so both connections.
    tokio::select! {
        () = pass(client_read, server_write, link.clone()) => {}
        () = pass(server_read, client_write, link) => {}
        _ = cut.wait_for(|link| *link == Link::Cut) => {}
    }
}

async fn pass(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, mut link: watch::Receiver<Link>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if link.wait_for(|link| *link != Link::Stalled).await.is_err() || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stalled_link_delivers_later_and_a_cut_one_ends() {
        let echo = TcpListener::bind(("127.0.0.1", 0)).await.expect("free port");
        let proxy = Proxy::start(echo.local_addr().expect("bound")).await.expect("free port");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await.ok();
                });
            }
        });

        let mut client = TcpStream::connect(proxy.address()).await.expect("connected");
        proxy.set(Link::Stalled);
        client.write_all(b"held").await.expect("sent");
        proxy.set(Link::Open);
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.expect("delivered");
        assert_eq!(&answer, b"held");

        proxy.set(Link::Cut);
        assert!(!matches!(client.read(&mut answer).await, Ok(1..)), "the connection has ended");
    }
}
