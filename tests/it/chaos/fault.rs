//! What can go wrong, and how it is put right.

use std::time::Duration;

use harness::{
    World,
    clock::WallClock,
    disk::SmallDisk,
    mosquitto::Mosquitto,
    proxy::{Delivery, Link, Proxy},
};
use rand::{RngExt as _, rngs::StdRng};

use super::NODE;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    KillAgent,
    StopAgent,
    KillGateway,
    KillBroker,
    PauseGateway,
    CutLink,
    StallLink,
    /// Every message comes twice.
    DoubleMessages,
    /// Messages overtake each other.
    SwapMessages,
    FillGatewayDisk,
    FillAgentDisk,
    /// The agent's clock is wrong by so many seconds; within what is believed of a clock.
    SetClock(i32),
}

/// What faults are done to.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) proxy: Proxy,
    /// None: the gateway's own broker, which it starts again by itself.
    pub(super) broker: Option<Mosquitto>,
    /// None: this machine cannot.
    pub(super) clock: Option<WallClock>,
    pub(super) gateway_disk: Option<SmallDisk>,
    pub(super) agent_disk: Option<SmallDisk>,
}

impl Fault {
    /// A fault, and how long it lasts. Cheap ones are frequent.
    pub(super) fn any(random: &mut StdRng) -> (Self, Duration) {
        let fault = match random.random_range(0..30) {
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
            _ => Self::SetClock(random.random_range(-3..200)),
        };
        (fault, Duration::from_millis(random.random_range(10..400)))
    }

    /// A line that is held up or cut, for so long that everything notices: keep-alives fail, the host falls silent, what was
    /// sent is sent again.
    pub(super) fn long(random: &mut StdRng) -> (Self, Duration) {
        let fault = if random.random_bool(0.5) { Self::StallLink } else { Self::CutLink };
        (fault, Duration::from_millis(random.random_range(20_000..70_000)))
    }

    /// Whether this machine can have it.
    pub(super) fn is_possible(self, scene: &Scene) -> bool {
        match self {
            Self::FillGatewayDisk => scene.gateway_disk.is_some(),
            Self::FillAgentDisk => scene.agent_disk.is_some(),
            Self::SetClock(_) => scene.clock.is_some(),
            _ => true,
        }
    }

    pub(super) async fn happen(self, lasting: Duration, scene: &mut Scene) {
        let Scene { world, proxy, broker, .. } = scene;
        match self {
            Self::KillAgent => world.agent(NODE).kill(),
            Self::StopAgent => drop(world.agent(NODE).stop().await),
            Self::KillGateway => world.gateway().kill(),
            Self::KillBroker => match broker {
                Some(broker) => broker.kill(),
                None => world.kill_broker(),
            },
            Self::PauseGateway => world.gateway().signal("STOP"),
            Self::CutLink => proxy.set(Link::Cut),
            Self::StallLink => proxy.set(Link::Stalled),
            Self::DoubleMessages => proxy.deliver(Delivery::Twice),
            Self::SwapMessages => proxy.deliver(Delivery::Swapped),
            Self::FillGatewayDisk => scene.gateway_disk.iter().for_each(SmallDisk::fill),
            Self::FillAgentDisk => scene.agent_disk.iter().for_each(SmallDisk::fill),
            Self::SetClock(ahead_s) => scene.clock.iter().for_each(|clock| clock.set(ahead_s)),
        }
        tokio::time::sleep(lasting).await;
        let Scene { world, proxy, broker, .. } = scene;
        match self {
            Self::KillAgent | Self::StopAgent => world.restart_agent(NODE),
            Self::KillGateway => world.restart_gateway().await,
            Self::KillBroker => {
                if let Some(broker) = broker {
                    broker.restart().await;
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
            Self::FillGatewayDisk => scene.gateway_disk.iter().for_each(SmallDisk::clear),
            Self::FillAgentDisk => scene.agent_disk.iter().for_each(SmallDisk::clear),
            Self::SetClock(_) => scene.clock.iter().for_each(|clock| clock.set(0)),
        }
    }
}
