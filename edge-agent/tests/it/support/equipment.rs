//! A Modbus TCP server whose registers and moods the test decides.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_modbus::{
    ExceptionCode, Request, Response, SlaveRequest,
    server::{Service, tcp::Server},
};

/// How a unit behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Reads its registers; an address beyond them is an exception.
    Answers,
    /// Answers everything with this exception.
    Refuses(ExceptionCode),
    /// Says nothing.
    Silent,
    /// Answers with one register less than asked.
    Short,
}

#[derive(Debug, Clone)]
struct Unit {
    mood: Mood,
    holding: Vec<u16>,
    discrete: Vec<bool>,
    requests: usize,
}

type Units = Arc<Mutex<BTreeMap<u8, Unit>>>;

/// The server.
pub(crate) struct Equipment {
    pub(crate) port: u16,
    units: Units,
    task: Option<JoinHandle<()>>,
}

impl Equipment {
    /// A server with these units, each with its holding registers.
    pub(crate) async fn start(units: &[(u8, &[u16])]) -> Self {
        let unit = |holding: &[u16]| Unit {
            mood: Mood::Answers,
            holding: holding.to_vec(),
            discrete: vec![true, false],
            requests: 0,
        };
        let units = units.iter().map(|&(id, holding)| (id, unit(holding))).collect();
        let mut equipment = Self { port: 0, units: Arc::new(Mutex::new(units)), task: None };
        equipment.switch_on().await;
        equipment
    }

    pub(crate) async fn switch_on(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let line = Line(Arc::clone(&self.units));
        self.task = Some(tokio::spawn(async move {
            let on_connected = |stream: TcpStream, _| {
                let line = line.clone();
                async move { Ok(Some((line, stream))) }
            };
            Server::new(listener).serve(&on_connected, |_| {}).await.unwrap();
        }));
    }

    /// Closes the listener and every connection.
    pub(crate) async fn switch_off(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    pub(crate) fn set(&self, unit: u8, register: usize, value: u16) {
        self.units.lock().unwrap().get_mut(&unit).unwrap().holding[register] = value;
    }

    pub(crate) fn set_mood(&self, unit: u8, mood: Mood) {
        self.units.lock().unwrap().get_mut(&unit).unwrap().mood = mood;
    }

    /// Requests that the unit got so far.
    pub(crate) fn requests(&self, unit: u8) -> usize {
        self.units.lock().unwrap()[&unit].requests
    }
}

#[derive(Clone)]
struct Line(Units);

impl Service for Line {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Option<Response>, ExceptionCode>> + Send>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let answer = answer(&mut self.0.lock().unwrap(), &request);
        Box::pin(async move { answer })
    }
}

fn answer(units: &mut BTreeMap<u8, Unit>, request: &SlaveRequest<'_>) -> Result<Option<Response>, ExceptionCode> {
    let unit = units.get_mut(&request.slave).ok_or(ExceptionCode::GatewayTargetDevice)?;
    unit.requests += 1;
    let missing = match unit.mood {
        Mood::Answers => 0,
        Mood::Short => 1,
        Mood::Silent => return Ok(None),
        Mood::Refuses(code) => return Err(code),
    };
    match request.request {
        Request::ReadHoldingRegisters(address, count) => {
            let registers = slice(&unit.holding, address, count)?;
            Ok(Some(Response::ReadHoldingRegisters(registers[..registers.len() - missing].to_vec())))
        }
        Request::ReadDiscreteInputs(address, count) => {
            Ok(Some(Response::ReadDiscreteInputs(slice(&unit.discrete, address, count)?.to_vec())))
        }
        _ => Err(ExceptionCode::IllegalFunction),
    }
}

fn slice<T>(list: &[T], address: u16, count: u16) -> Result<&[T], ExceptionCode> {
    let start = usize::from(address);
    list.get(start..start + usize::from(count)).ok_or(ExceptionCode::IllegalDataAddress)
}
