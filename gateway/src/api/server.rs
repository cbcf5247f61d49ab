//! Listening: plain, or TLS with rustls.

use std::{net::TcpListener, time::Duration};

use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use tokio_util::sync::CancellationToken;

use super::config::{Config, Tls};

/// How long requests that are under way may take after the gateway was told to stop. Open sockets are closed by their
/// own handlers.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// The listener failed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: std::net::SocketAddr,
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
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let serving = async {
        match tls {
            None => axum_server::from_tcp(listener)
                .map_err(ServerError::Serve)?
                .handle(handle.clone())
                .serve(service)
                .await
                .map_err(ServerError::Serve),
            Some(tls) => {
                let config = RustlsConfig::from_pem_file(&tls.certificate_file, &tls.key_file)
                    .await
                    .map_err(|source| ServerError::Certificate { tls, source })?;
                axum_server::from_tcp_rustls(listener, config)
                    .map_err(ServerError::Serve)?
                    .handle(handle.clone())
                    .serve(service)
                    .await
                    .map_err(ServerError::Serve)
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
