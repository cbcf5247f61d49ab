//! A connection that a story can cut or stall: stands between an MQTT client and its broker. It can also be an unfaithful
//! carrier of what the client publishes: bring messages twice, or in another order.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
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

/// How the client's messages that nobody acknowledges are brought to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each once, in order.
    Faithful,
    /// Each twice.
    Twice,
    /// Of two that follow each other the later one first.
    Swapped,
}

/// A proxy on loopback.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: Arc<watch::Sender<Link>>,
    delivery: Arc<watch::Sender<Delivery>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes on to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let link = Arc::new(watch::Sender::new(Link::Open));
        let delivery = Arc::new(watch::Sender::new(Delivery::Faithful));
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&link), Arc::clone(&delivery)));
        Ok(Self { address, link, delivery, accepting })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the link does, for present and later connections.
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// Changes how messages are brought, on present and later connections.
    pub fn deliver(&self, delivery: Delivery) {
        self.delivery.send_replace(delivery);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.link.send_replace(Link::Cut);
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    link: Arc<watch::Sender<Link>>,
    delivery: Arc<watch::Sender<Delivery>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if *link.borrow() == Link::Cut {
            continue;
        }
        tokio::spawn(connect(client, target, link.subscribe(), delivery.subscribe()));
    }
}

async fn connect(
    client: TcpStream,
    target: SocketAddr,
    link: watch::Receiver<Link>,
    delivery: watch::Receiver<Delivery>,
) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut cut = link.clone();
    // The first end, or the cut, drops all four halves and so both connections.
    tokio::select! {
        () = carry(client_read, server_write, link.clone(), delivery) => {}
        () = pass(server_read, client_write, link) => {}
        _ = cut.wait_for(|link| *link == Link::Cut) => {}
    }
}

/// Passes on whole MQTT packets, as faithfully as is asked for.
async fn carry(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut link: watch::Receiver<Link>,
    mut delivery: watch::Receiver<Delivery>,
) {
    let (mut bytes, mut held_back) = (BytesMut::new(), None::<Bytes>);
    loop {
        let read = tokio::select! {
            read = from.read_buf(&mut bytes) => read.unwrap_or(0),
            // Nothing is held back for longer than it is asked for.
            changed = delivery.changed(), if held_back.is_some() => usize::from(changed.is_ok()),
        };
        let how = *delivery.borrow_and_update();
        let mut out = BytesMut::new();
        while let Some(packet) = take_packet(&mut bytes) {
            match how {
                Delivery::Twice if is_plain_message(&packet) => {
                    out.extend_from_slice(&packet);
                    out.extend_from_slice(&packet);
                }
                Delivery::Swapped if is_plain_message(&packet) && held_back.is_none() => held_back = Some(packet),
                Delivery::Faithful | Delivery::Twice | Delivery::Swapped => {
                    out.extend_from_slice(&packet);
                    out.extend(held_back.take());
                }
            }
        }
        if how != Delivery::Swapped {
            out.extend(held_back.take());
        }
        let is_open = link.wait_for(|link| *link != Link::Stalled).await.is_ok();
        if read == 0 || !is_open || to.write_all(&out).await.is_err() {
            return;
        }
    }
}

/// The next whole packet: a byte, a length of seven bits a byte, and so many bytes.
fn take_packet(bytes: &mut BytesMut) -> Option<Bytes> {
    let mut length = 0_usize;
    for (at, &byte) in bytes.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            let whole = at + 1 + length;
            return (bytes.len() >= whole).then(|| bytes.split_to(whole).freeze());
        }
    }
    None
}

/// Whether it is a PUBLISH that nobody acknowledges.
fn is_plain_message(packet: &[u8]) -> bool {
    packet.first().is_some_and(|head| head & 0b1111_0110 == 0b0011_0000)
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

    /// A server that answers with what it is told, and a client through a proxy.
    async fn echoing() -> (Proxy, TcpStream) {
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
        let client = TcpStream::connect(proxy.address()).await.expect("connected");
        (proxy, client)
    }

    /// A PUBLISH that nobody acknowledges, whose body is one byte.
    const fn message(body: u8) -> [u8; 3] {
        [0x30, 1, body]
    }

    async fn answered<const N: usize>(client: &mut TcpStream) -> [u8; N] {
        let mut answer = [0; N];
        client.read_exact(&mut answer).await.expect("delivered");
        answer
    }

    #[tokio::test]
    async fn a_stalled_link_delivers_later_and_a_cut_one_ends() {
        let (proxy, mut client) = echoing().await;
        proxy.set(Link::Stalled);
        client.write_all(&message(7)).await.expect("sent");
        proxy.set(Link::Open);
        assert_eq!(answered(&mut client).await, message(7));

        proxy.set(Link::Cut);
        assert!(!matches!(client.read(&mut [0; 4]).await, Ok(1..)), "the connection has ended");
    }

    #[tokio::test]
    async fn messages_come_twice_or_swapped_and_nothing_is_held_back_for_ever() {
        let (proxy, mut client) = echoing().await;
        proxy.deliver(Delivery::Twice);
        client.write_all(&message(1)).await.expect("sent");
        assert_eq!(answered(&mut client).await, [0x30, 1, 1, 0x30, 1, 1]);

        proxy.deliver(Delivery::Swapped);
        client.write_all(&[message(2), message(3)].concat()).await.expect("sent");
        assert_eq!(answered(&mut client).await, [0x30, 1, 3, 0x30, 1, 2]);
        // A packet of another kind (PINGREQ) is brought as it is, and what waited after it.
        client.write_all(&message(4)).await.expect("sent");
        client.write_all(&[0xc0, 0]).await.expect("sent");
        assert_eq!(answered(&mut client).await, [0xc0, 0, 0x30, 1, 4]);
        client.write_all(&message(5)).await.expect("sent");
        proxy.deliver(Delivery::Faithful);
        assert_eq!(answered(&mut client).await, message(5));
    }
}
