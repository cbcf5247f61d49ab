//! The connection and the rounds of reading.
//!
//! One task a connection. Devices are read one after the other, each when it is due: serial gear behind a gateway box
//! can answer only one request at a time, and much native gear takes one connection only.
//!
//! | what happens | what the centre sees |
//! |---|---|
//! | the connection cannot be made | every device behind it down, at the second failure in a row |
//! | a device does not answer | that device down, at the second failure in a row; the connection is made anew, because a late answer could be taken for the next one |
//! | a gateway box says the unit does not answer | that device down; the connection stays |
//! | any other exception | the metrics of that request have bad quality; the device stays up |

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use domain::id::MetricName;
use rand::RngExt;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_modbus::{
    ExceptionCode, Request as WireRequest, Response, Slave,
    client::{Client, Context, tcp},
    slave::SlaveContext,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Modbus, ModbusDevice,
    decode::{Point, Table},
    plan::{Answer, Request},
};
use crate::{
    backoff::Backoff,
    clock,
    source::{AgentStopped, DeviceCommand, Sample, SampleSender, SourceEvent},
};

/// Failures in a row after which a device is down: one may be a connection that the equipment closed while idle.
const FAILURES_UNTIL_DOWN: u32 = 2;
/// Delay after the first failure.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest delay: a device that came back is seen within this time.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Unknown fault codes told for each device; equipment that shows more shows noise.
const UNKNOWN_CODES_TOLD: usize = 32;

/// Reads the equipment until stopped.
pub async fn run(
    modbus: Modbus,
    out: SampleSender,
    mut commands: mpsc::Receiver<DeviceCommand>,
    stop: CancellationToken,
) {
    let mut poller = Poller::new(modbus, out);
    loop {
        let due = poller.next_due();
        tokio::select! {
            () = stop.cancelled() => return,
            Some(command) = commands.recv() => refuse(&command),
            () = sleep_until(due) => {
                let round = tokio::select! {
                    () = stop.cancelled() => return,
                    round = poller.round() => round,
                };
                if round.is_err() {
                    return;
                }
            }
        }
    }
}

fn refuse(command: &DeviceCommand) {
    warn!(device.id = %command.device, metric = %command.metric, "command refused: Modbus equipment is only read");
}

struct Poller {
    modbus: Modbus,
    out: SampleSender,
    connection: Option<Context>,
    /// One for each device, in the same order.
    rounds: Vec<Rounds>,
}

/// Where a device stands in its rounds.
struct Rounds {
    due: Instant,
    link: Link,
    backoff: Backoff,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Not read yet.
    Unknown,
    Up,
    Down,
}

/// Why a round brought nothing.
enum Failure {
    /// No connection: true for every device behind it.
    NoConnection(String),
    /// This device gave no answer, or none that can be understood. The connection is not to be used again.
    NoAnswer(String),
    /// Something between says that this device does not answer. The connection is sound.
    SaidAbsent(String),
}

/// What was already told in the log.
#[derive(Default)]
struct Told {
    /// Exceptions that still come, by what was asked.
    exceptions: HashMap<(Table, u16), ExceptionCode>,
    /// Fault codes that nobody knows.
    unknown_codes: HashSet<(MetricName, i64)>,
}

impl Poller {
    fn new(modbus: Modbus, out: SampleSender) -> Self {
        let start = Instant::now();
        let rounds = |_: &ModbusDevice| Rounds {
            due: start,
            link: Link::Unknown,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            told: Told::default(),
        };
        Self { out, connection: None, rounds: modbus.devices.iter().map(rounds).collect(), modbus }
    }

    fn next_due(&self) -> Instant {
        self.rounds.iter().map(|rounds| rounds.due).min().unwrap_or_else(Instant::now)
    }

    /// Reads the device that is due first.
    async fn round(&mut self) -> Result<(), AgentStopped> {
        let Some(index) = (0..self.rounds.len()).min_by_key(|&index| self.rounds[index].due) else { return Ok(()) };
        match self.read(index).await {
            Ok(samples) => self.succeeded(index, samples).await,
            Err(Failure::NoAnswer(reason) | Failure::SaidAbsent(reason)) => self.failed(index, &reason).await,
            Err(Failure::NoConnection(reason)) => {
                for index in 0..self.rounds.len() {
                    self.failed(index, &reason).await?;
                }
                Ok(())
            }
        }
    }

    async fn read(&mut self, index: usize) -> Result<Vec<Sample>, Failure> {
        let limit = self.modbus.timeout;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.modbus.address.host, self.modbus.address.port, limit).await?,
        };
        let device = &mut self.modbus.devices[index];
        let outcome = read_device(&mut connection, device, &mut self.rounds[index].told, limit).await;
        if !matches!(outcome, Err(Failure::NoAnswer(_))) {
            self.connection = Some(connection);
        }
        outcome
    }

    async fn succeeded(&mut self, index: usize, samples: Vec<Sample>) -> Result<(), AgentStopped> {
        let device = &self.modbus.devices[index];
        let rounds = &mut self.rounds[index];
        rounds.backoff.reset();
        // A round that took longer than the interval is not made up for: the next one starts at once, not twice.
        rounds.due = (rounds.due + device.poll_interval).max(Instant::now());
        if rounds.link != Link::Up {
            rounds.link = Link::Up;
            info!(modbus = self.modbus.name, device.id = %device.id, "device answers");
            let points = device.requests.iter().flat_map(|request| &request.points);
            let metrics = points.flat_map(Point::declarations).collect();
            self.out.send(SourceEvent::DeviceUp { device: device.id.clone(), metrics }).await?;
        }
        self.out.send(SourceEvent::Samples { device: device.id.clone(), samples }).await
    }

    async fn failed(&mut self, index: usize, reason: &str) -> Result<(), AgentStopped> {
        let device = &self.modbus.devices[index];
        let rounds = &mut self.rounds[index];
        let delay = rounds.backoff.after_failure(rand::rng().random());
        rounds.due = Instant::now() + delay;
        debug!(modbus = self.modbus.name, device.id = %device.id, failures = rounds.backoff.failures(), reason, "round failed");
        if rounds.link == Link::Down || rounds.backoff.failures() < FAILURES_UNTIL_DOWN {
            return Ok(());
        }
        rounds.link = Link::Down;
        warn!(modbus = self.modbus.name, device.id = %device.id, reason, "device does not answer; still trying");
        self.out.send(SourceEvent::DeviceDown { device: device.id.clone(), reason: reason.to_owned() }).await
    }
}

async fn connect(host: &str, port: u16, limit: Duration) -> Result<Context, Failure> {
    let failure = |reason: String| Failure::NoConnection(format!("cannot connect to {host}:{port}: {reason}"));
    let stream = match timeout(limit, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(wrong)) => return Err(failure(wrong.to_string())),
        Err(_) => return Err(failure(format!("no answer within {} ms", limit.as_millis()))),
    };
    stream.set_nodelay(true).map_err(|wrong| failure(wrong.to_string()))?;
    Ok(tcp::attach(stream))
}

async fn read_device(
    connection: &mut Context,
    device: &mut ModbusDevice,
    told: &mut Told,
    limit: Duration,
) -> Result<Vec<Sample>, Failure> {
    connection.set_slave(Slave(device.unit_id));
    let mut samples = Vec::new();
    let mut index = 0;
    while let Some(request) = device.requests.get(index) {
        match ask(connection, request, limit).await? {
            Ok(answer) => {
                told.exceptions.remove(&(request.table, request.address));
                for (metric, code) in request.unknown_codes(&answer) {
                    let has_room = told.unknown_codes.len() < UNKNOWN_CODES_TOLD;
                    if has_room && told.unknown_codes.insert((metric.clone(), code)) {
                        warn!(device.id = %device.id, %metric, code, "equipment shows a fault code that its code system does not list");
                    }
                }
                samples.extend(request.samples(&answer, clock::wall()));
            }
            Err(exception) => {
                if let Some(apart) = request.apart().filter(|_| exception == ExceptionCode::IllegalDataAddress) {
                    info!(
                        device.id = %device.id, table = ?request.table, address = request.address, count = request.count,
                        "equipment refuses the request because of an address in it; asking for each address apart"
                    );
                    device.requests.splice(index..=index, apart);
                    continue;
                }
                if told.exceptions.insert((request.table, request.address), exception) != Some(exception) {
                    warn_of_exception(device, request, exception);
                }
                samples.extend(request.bad_samples(clock::wall()));
            }
        }
        index += 1;
    }
    Ok(samples)
}

fn warn_of_exception(device: &ModbusDevice, request: &Request, exception: ExceptionCode) {
    let metrics: Vec<&str> = request.points.iter().map(|point| point.metric.as_str()).collect();
    let advice = match exception {
        ExceptionCode::IllegalFunction => "check `table`: the equipment does not have this one",
        ExceptionCode::IllegalDataAddress | ExceptionCode::IllegalDataValue => {
            "check `table`, `address` and `type` against the equipment's register list"
        }
        _ => "the equipment has trouble of its own",
    };
    warn!(
        device.id = %device.id, table = ?request.table, address = request.address, count = request.count, ?metrics,
        "equipment answers with exception {exception:?}, the metrics have bad quality; {advice}"
    );
}

/// One request and its answer, or the exception that the equipment answered with.
async fn ask(
    connection: &mut Context,
    request: &Request,
    limit: Duration,
) -> Result<Result<Answer, ExceptionCode>, Failure> {
    // `call` and not the library's `read_…`: those assert the length of the answer, which the equipment chooses.
    let (address, count) = (request.address, request.count);
    let wire_request = match request.table {
        Table::Coil => WireRequest::ReadCoils(address, count),
        Table::Discrete => WireRequest::ReadDiscreteInputs(address, count),
        Table::Holding => WireRequest::ReadHoldingRegisters(address, count),
        Table::Input => WireRequest::ReadInputRegisters(address, count),
    };
    let response = match timeout(limit, connection.call(wire_request)).await {
        Err(_) => return Err(Failure::NoAnswer(format!("no answer within {} ms", limit.as_millis()))),
        Ok(Err(wrong)) => return Err(Failure::NoAnswer(wrong.to_string())),
        Ok(Ok(response)) => response,
    };
    match response {
        Ok(Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => Ok(Ok(Answer::Bits(bits))),
        Ok(Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
            Ok(Ok(Answer::Registers(words)))
        }
        Ok(other) => Err(Failure::NoAnswer(format!("an answer to something else: {other:?}"))),
        Err(code @ (ExceptionCode::GatewayPathUnavailable | ExceptionCode::GatewayTargetDevice)) => {
            Err(Failure::SaidAbsent(format!("exception {code:?}: the unit behind the gateway box does not answer")))
        }
        Err(code) => Ok(Err(code)),
    }
}
