//! What can go wrong, and how it is put right.

use std::{sync::Arc, time::Duration};

use harness::{
    World,
    clock::WallClock,
    disk::SmallDisk,
    mosquitto::Mosquitto,
    postgres::Postgres,
    proxy::{Delivery, Link, Proxy},
};
use rand::{RngExt as _, rngs::StdRng};

use super::NODE;

/// A clock that is wrong by hours, and one that is wrong by a day, in seconds.
const HOURS_S: i32 = 3 * 3600;
const DAY_S: i32 = 24 * 3600;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    KillAgent,
    StopAgent,
    KillGateway,
    KillBroker,
    /// The database's server.
    KillServer,
    PauseGateway,
    CutLink,
    StallLink,
    /// Every message comes twice.
    DoubleMessages,
    /// Messages overtake each other.
    SwapMessages,
    FillGatewayDisk,
    FillAgentDisk,
    /// The gateway's machine, its broker with it: what was not on the disk is lost.
    CutGatewayPower,
    CutAgentPower,
    /// The agent's clock is wrong by so many seconds.
    SetClock(i32),
    /// The gateway's is.
    SetGatewayClock(i32),
}

/// What a story has besides, or this machine can have.
#[derive(Default)]
pub(super) struct Site {
    /// None: the gateway's own broker, which it starts again by itself.
    pub(super) broker: Option<Mosquitto>,
    /// None: the gateway's own database.
    pub(super) server: Option<Postgres>,
    pub(super) agent_clock: Option<WallClock>,
    pub(super) gateway_clock: Option<WallClock>,
    pub(super) agent_disk: Option<Arc<SmallDisk>>,
    pub(super) gateway_disk: Option<SmallDisk>,
}

/// What faults are done to.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) proxy: Proxy,
    pub(super) site: Site,
}

impl Fault {
    /// A fault, and how long it lasts. Cheap ones are frequent.
    pub(super) fn any(random: &mut StdRng) -> (Self, Duration) {
        let fault = match random.random_range(0..40) {
            0..4 => Self::KillAgent,
            4 => Self::StopAgent,
            5..7 => Self::KillGateway,
            7..10 => Self::KillBroker,
            10..12 => Self::PauseGateway,
            12..15 => Self::CutLink,
            15..18 => Self::StallLink,
            18..21 => Self::DoubleMessages,
            21..24 => Self::SwapMessages,
            24..26 => Self::FillGatewayDisk,
            26 => Self::FillAgentDisk,
            27 => Self::SetClock(random.random_range(-3..200)),
            28 => Self::SetClock(-HOURS_S),
            29 => Self::SetClock(DAY_S),
            30 => Self::SetGatewayClock(random.random_range(-200..200)),
            // A gateway that is behind takes everybody for ahead, and stores by its own time: that is another story.
            31 => Self::SetGatewayClock(HOURS_S),
            32..34 => Self::CutGatewayPower,
            34..36 => Self::CutAgentPower,
            _ => Self::KillServer,
        };
        let lasting = Duration::from_millis(random.random_range(10..400));
        // Of a clock nothing is noticed so soon.
        (fault, if matches!(fault, Self::SetClock(_) | Self::SetGatewayClock(_)) { 10 * lasting } else { lasting })
    }

    /// A line that is held up or cut, for so long that everything notices: keep-alives fail, the host falls silent, what was
    /// sent is sent again.
    pub(super) fn long(random: &mut StdRng) -> (Self, Duration) {
        let fault = if random.random_bool(0.5) { Self::StallLink } else { Self::CutLink };
        (fault, Duration::from_millis(random.random_range(20_000..70_000)))
    }

    /// Whether this machine can have it.
    pub(super) fn is_possible(self, site: &Site) -> bool {
        match self {
            Self::FillGatewayDisk | Self::CutGatewayPower => site.gateway_disk.is_some(),
            Self::FillAgentDisk | Self::CutAgentPower => site.agent_disk.is_some(),
            Self::SetClock(_) => site.agent_clock.is_some(),
            Self::SetGatewayClock(_) => site.gateway_clock.is_some(),
            Self::KillServer => site.server.is_some(),
            _ => true,
        }
    }

    pub(super) async fn happen(self, lasting: Duration, scene: &mut Scene) {
        let Scene { world, proxy, site } = scene;
        match self {
            Self::KillAgent => world.agent(NODE).kill(),
            Self::StopAgent => drop(world.agent(NODE).stop().await),
            Self::KillGateway => world.gateway().kill(),
            Self::KillBroker => match &mut site.broker {
                Some(broker) => broker.kill(),
                None => world.kill_broker(),
            },
            Self::KillServer => site.server.iter_mut().for_each(Postgres::kill),
            Self::PauseGateway => world.gateway().signal("STOP"),
            Self::CutLink => proxy.set(Link::Cut),
            Self::StallLink => proxy.set(Link::Stalled),
            Self::DoubleMessages => proxy.deliver(Delivery::Twice),
            Self::SwapMessages => proxy.deliver(Delivery::Swapped),
            Self::FillGatewayDisk => site.gateway_disk.iter().for_each(SmallDisk::fill),
            Self::FillAgentDisk => site.agent_disk.iter().for_each(|disk| disk.fill()),
            Self::CutGatewayPower => {
                world.gateway().kill();
                world.kill_broker();
                site.gateway_disk.iter().for_each(SmallDisk::cut_power);
            }
            Self::CutAgentPower => {
                world.agent(NODE).kill();
                site.agent_disk.iter().for_each(|disk| disk.cut_power());
            }
            Self::SetClock(ahead_s) => site.agent_clock.iter().for_each(|clock| clock.set(ahead_s)),
            Self::SetGatewayClock(ahead_s) => site.gateway_clock.iter().for_each(|clock| clock.set(ahead_s)),
        }
        tokio::time::sleep(lasting).await;
        let Scene { world, proxy, site } = scene;
        match self {
            Self::KillAgent | Self::StopAgent | Self::CutAgentPower => world.restart_agent(NODE),
            Self::KillGateway | Self::CutGatewayPower => world.restart_gateway().await,
            Self::KillBroker => {
                if let Some(broker) = &mut site.broker {
                    broker.restart().await;
                }
            }
            Self::KillServer => {
                if let Some(server) = &mut site.server {
                    server.restart().await;
                }
            }
            Self::PauseGateway => world.gateway().signal("CONT"),
            Self::CutLink => proxy.set(Link::Open),
            Self::StallLink => {
                // What was held up is lost with its connection as often as it arrives late.
                if lasting.as_millis().is_multiple_of(2) {
                    proxy.set(Link::Cut);
                }
                proxy.set(Link::Open);
            }
            Self::DoubleMessages | Self::SwapMessages => proxy.deliver(Delivery::Faithful),
            Self::FillGatewayDisk => site.gateway_disk.iter().for_each(SmallDisk::clear),
            Self::FillAgentDisk => site.agent_disk.iter().for_each(|disk| disk.clear()),
            Self::SetClock(_) => site.agent_clock.iter().for_each(|clock| clock.set(0)),
            Self::SetGatewayClock(_) => site.gateway_clock.iter().for_each(|clock| clock.set(0)),
        }
    }
}
