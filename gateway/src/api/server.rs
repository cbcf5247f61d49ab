//! Listening: plain, or TLS with rustls.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use axum::Router;
use axum_server::{
    Handle, Server,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use tokio_util::sync::CancellationToken;

use super::config::{Config, Tls};

/// How long requests that are under way may take after the gateway was told to stop. Open sockets are closed by their
/// own handlers.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How long a client may take to tell what it wants, and stay without wanting anything: nobody holds a connection for
/// nothing.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The listener failed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("cannot use certificate {} with key {}", tls.certificate_file.display(), tls.key_file.display())]
    Certificate {
        /// The files.
        tls: Tls,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Accepting connections failed for good.
    #[error("the listener failed")]
    Serve(#[source] std::io::Error),
}

/// Takes the address, so that a clash is known before anything else starts.
pub fn bind(config: &Config) -> Result<TcpListener, ServerError> {
    let listen = || {
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| ServerError::Listen { address: config.listen, source })
}

/// Serves until told to stop. With TLS the process must have a rustls provider installed.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    stop: CancellationToken,
) -> Result<(), ServerError> {
    let handle = Handle::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // Small frames leave at once: without this, a delta waits for the browser's acknowledgement of the one before, which
    // browsers hold back for up to 40 ms.
    let at_once = NoDelayAcceptor::new();
    let serving = async {
        let server = axum_server::from_tcp(listener).map_err(ServerError::Serve)?;
        match tls {
            None => {
                let server = server.acceptor(at_once);
                limited(server, handle.clone()).serve(service).await.map_err(ServerError::Serve)
            }
            Some(tls) => {
                let config = RustlsConfig::from_pem_file(&tls.certificate_file, &tls.key_file)
                    .await
                    .map_err(|source| ServerError::Certificate { tls, source })?;
                let server = server.acceptor(RustlsAcceptor::new(config).acceptor(at_once));
                limited(server, handle.clone()).serve(service).await.map_err(ServerError::Serve)
            }
        }
    };
    let stopping = async {
        stop.cancelled().await;
        handle.graceful_shutdown(Some(LAST_REQUESTS));
        std::future::pending().await
    };
    tokio::select! {
        served = serving => served,
        never = stopping => never,
    }
}

fn limited<A>(mut server: Server<SocketAddr, A>, handle: Handle<SocketAddr>) -> Server<SocketAddr, A> {
    server.http_builder().http1().header_read_timeout(HEADER_TIMEOUT);
    server.handle(handle)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn it_serves_over_tls() {
        // Fails when another test of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls =
            Tls { certificate_file: folder.path().join("certificate.pem"), key_file: folder.path().join("key.pem") };
        std::fs::write(&tls.certificate_file, made.cert.pem()).unwrap();
        std::fs::write(&tls.key_file, made.signing_key.serialize_pem()).unwrap();
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), tls: Some(tls.clone()), ..Config::default() };
        let listener = bind(&config).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(async || "hello"));
        let serving = tokio::spawn(serve(listener, config.tls, router, stop.clone()));

        let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).resolve("localhost", address).build().unwrap();
        let answer = client.get(format!("https://localhost:{}/", address.port())).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "hello");
        drop(client);
        stop.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_read_is_named() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let tls = Tls { certificate_file: "/nowhere/c.pem".into(), key_file: "/nowhere/k.pem".into() };
        let listener = bind(&Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() }).unwrap();
        let served = serve(listener, Some(tls), Router::new(), CancellationToken::new()).await;
        assert_eq!(served.unwrap_err().to_string(), "cannot use certificate /nowhere/c.pem with key /nowhere/k.pem");
    }
}
