//! Modbus equipment whose registers a story sets: a real server, without physics.

use std::{
    collections::BTreeMap,
    future::{Ready, ready},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use demo::register::{Registers, bits, tenths};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_modbus::{
    ExceptionCode, Response, SlaveRequest,
    server::{Service, tcp::Server},
};

/// What a unit does when it is read.
#[derive(Debug, Clone)]
enum Unit {
    Answering(Registers),
    Failing(ExceptionCode),
}

/// A gas detector of `registers/gas-detector.toml` that shows this concentration.
pub fn gas_detector(concentration_lel: f64) -> Registers {
    let input = vec![tenths(concentration_lel)];
    Registers { input, discrete_inputs: vec![false, false], ..Registers::default() }
}

/// A cold store of `registers/cold-store.toml` with its door shut.
pub fn cold_store(temperature_c: f64) -> Registers {
    Registers { input: vec![tenths(temperature_c), bits(&[false, true, false])], ..Registers::default() }
}

/// A lift of `registers/elevator-chongqing-platform.toml`, empty and idle at the third floor, with this fault code.
pub fn elevator(fault_code: u16) -> Registers {
    const NORMAL: u16 = 1;
    let flags = bits(&[true, true, false, false]);
    Registers { input: vec![NORMAL, 0, 0, 3, flags, 0, 0, 7, fault_code], ..Registers::default() }
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

    /// Sets what a unit shows from now on.
    pub fn set(&self, unit: u8, registers: Registers) {
        self.replace(unit, Unit::Answering(registers));
    }

    /// Takes a unit off the line: it is then answered for by exception 0x0B.
    pub fn remove(&self, unit: u8) {
        self.units.lock().unwrap_or_else(PoisonError::into_inner).remove(&unit);
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
            (Some(Unit::Answering(registers)), request) => registers.answer(&request),
        })
    }
}
