//! Modbus equipment whose registers a story sets: a real server, without physics.

use std::{
    collections::BTreeMap,
    future::{Ready, ready},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{Service, tcp::Server},
};

/// What a unit does when it is read.
#[derive(Debug, Clone)]
enum Unit {
    Input(Vec<u16>),
    Failing(ExceptionCode),
}

type Units = Arc<Mutex<BTreeMap<u8, Unit>>>;

/// A server on loopback; it ends with its story.
#[derive(Debug)]
pub struct Equipment {
    address: SocketAddr,
    units: Units,
    serving: JoinHandle<()>,
}

impl Equipment {
    /// Listens on a free port, with no units yet: those answer as a serial gateway would for them (exception 0x0B).
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let units = Units::default();
        let service = Answers(Arc::clone(&units));
        let serving = tokio::spawn(async move {
            let on_connected = |stream, _| {
                let service = service.clone();
                async move { Ok(Some((service, stream))) }
            };
            // Ends only with its listener, and that with the story.
            Server::new(listener).serve(&on_connected, |_| ()).await.ok();
        });
        Ok(Self { address, units, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the input registers of a unit, from address 0.
    pub fn set(&self, unit: u8, input: &[u16]) {
        self.replace(unit, Unit::Input(input.to_vec()));
    }

    /// Makes a unit answer with an exception.
    pub fn fail(&self, unit: u8, exception: ExceptionCode) {
        self.replace(unit, Unit::Failing(exception));
    }

    fn replace(&self, number: u8, unit: Unit) {
        self.units.lock().unwrap_or_else(PoisonError::into_inner).insert(number, unit);
    }
}

impl Drop for Equipment {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Debug, Clone)]
struct Answers(Units);

impl Service for Answers {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready(match (units.get(&request.slave), request.request) {
            (None, _) => Err(ExceptionCode::GatewayTargetDevice),
            (Some(Unit::Failing(exception)), _) => Err(*exception),
            (Some(Unit::Input(registers)), Request::ReadInputRegisters(address, count)) => {
                let from = usize::from(address);
                match registers.get(from..from + usize::from(count)) {
                    Some(part) => Ok(Response::ReadInputRegisters(part.to_vec())),
                    None => Err(ExceptionCode::IllegalDataAddress),
                }
            }
            (Some(Unit::Input(_)), _) => Err(ExceptionCode::IllegalFunction),
        })
    }
}
