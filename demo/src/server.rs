//! The sockets: one Modbus TCP server a line, and the task that lets real time pass.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_modbus::{
    ExceptionCode, Response, SlaveRequest,
    server::{Service, tcp::Server},
};

use crate::district::{Answer, Config, District};

/// How often the machines move on. A lift at 2 m/s covers 20 cm in this time.
const STEP: Duration = Duration::from_millis(100);
/// A serial gateway waits this long for a device before it answers in its place.
const GATEWAY_TIMEOUT: Duration = Duration::from_millis(300);

/// The listeners of a district, bound and ready to serve.
#[derive(Debug)]
pub struct Servers {
    district: Arc<Mutex<District>>,
    listeners: Vec<TcpListener>,
}

impl Servers {
    /// Binds every line's port on loopback; port 0 takes any free one.
    pub async fn bind(config: &Config, district: District) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for line in &config.lines {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, line.port));
            let listener = TcpListener::bind(address).await.map_err(|error| {
                io::Error::new(error.kind(), format!("line `{}` cannot listen on {address}: {error}", line.name))
            })?;
            listeners.push(listener);
        }
        Ok(Self { district: Arc::new(Mutex::new(district)), listeners })
    }

    /// Where the lines listen, in the order of the configuration.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Serves until a listener fails. Dropping the future closes everything.
    pub async fn serve(self) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        for (line, listener) in self.listeners.into_iter().enumerate() {
            let service = Line { district: Arc::clone(&self.district), line };
            tasks.spawn(serve_line(listener, service));
        }
        tasks.spawn(let_time_pass(self.district));
        match tasks.join_next().await {
            Some(ended) => ended.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }
}

async fn serve_line(listener: TcpListener, service: Line) -> io::Result<()> {
    let on_connected = |stream: tokio::net::TcpStream, _| {
        let service = service.clone();
        async move {
            stream.set_nodelay(true)?;
            Ok(Some((service, stream)))
        }
    };
    let on_error = |error| tracing::debug!(%error, "a Modbus client left");
    Server::new(listener).serve(&on_connected, on_error).await
}

async fn let_time_pass(district: Arc<Mutex<District>>) -> io::Result<()> {
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let now = Instant::now();
        district.lock().unwrap_or_else(PoisonError::into_inner).step((now - last).as_secs_f64());
        last = now;
    }
}

/// What answers on one line.
#[derive(Debug, Clone)]
struct Line {
    district: Arc<Mutex<District>>,
    line: usize,
}

impl Service for Line {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Option<Response>, ExceptionCode>> + Send>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let answer = self.district.lock().unwrap_or_else(PoisonError::into_inner).ask(self.line, request.slave);
        Box::pin(async move {
            match answer {
                Answer::Registers(registers) => registers.answer(&request.request).map(Some),
                Answer::Failure => Err(ExceptionCode::ServerDeviceFailure),
                Answer::Silence => Ok(None),
                Answer::Unreachable => {
                    tokio::time::sleep(GATEWAY_TIMEOUT).await;
                    Err(ExceptionCode::GatewayTargetDevice)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio_modbus::client::{Reader, tcp};

    use super::*;
    use crate::trouble::Schedule;

    const DISTRICT: &str = r#"
        seed = 1
        [[line]]
        name = "kitchen"
        port = 0
        device = [
            { id = "cold-1", unit = 1, model = { cold_room = { setpoint_c = 3.5 } } },
            { id = "gas-1", unit = 2, model = { gas_detector = {} } },
        ]
    "#;

    #[tokio::test]
    async fn a_real_client_reads_values_and_gets_the_exceptions_of_the_specification() {
        let config: Config = DISTRICT.parse().expect("a district");
        let district = District::new(&config, &Schedule::default()).expect("a district");
        let servers = Servers::bind(&config, district).await.expect("free ports");
        let address = servers.addresses().expect("bound")[0];
        let serving = tokio::spawn(servers.serve());

        let mut client = tcp::connect_slave(address, tokio_modbus::Slave(1)).await.expect("connected");
        let registers = client.read_input_registers(0, 2).await.expect("answered").expect("no exception");
        assert!((0..80).contains(&registers[0].cast_signed()), "{registers:?}");
        let beyond = client.read_input_registers(1, 2).await.expect("answered");
        assert_eq!(beyond, Err(ExceptionCode::IllegalDataAddress));

        tokio_modbus::slave::SlaveContext::set_slave(&mut client, tokio_modbus::Slave(9));
        let nobody = client.read_input_registers(0, 1).await.expect("answered");
        assert_eq!(nobody, Err(ExceptionCode::GatewayTargetDevice));
        serving.abort();
    }
}
