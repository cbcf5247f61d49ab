//! The picture of an alarm, sent behind the words that told it. The words never wait for it, it takes only what others leave of
//! a minute, and it is not tried again: whoever was told finds it with the alarm.

use std::{sync::Arc, time::Duration};

use domain::{
    id::AlarmId,
    notice::{Occasion, Subject},
    registry::Registry,
};
use tokio::sync::{Semaphore, watch};

use super::{
    channel::Channel,
    config::Language,
    desk::Minute,
    message::{Message, Wording, beijing},
};
use crate::{
    clock::Clock,
    video::{Evidence, Picture},
};

/// How long a camera's answer is waited for: it comes within a second or two.
const WITHIN: Duration = Duration::from_secs(8);
/// Pictures of one channel that are waited for or sent at a time.
const UNDER_WAY_MAX: usize = 8;

/// What sends them.
#[derive(Debug, Clone)]
pub(super) struct Pictures {
    pub(super) evidence: Evidence,
    pub(super) registry: watch::Receiver<Arc<Registry>>,
    /// The channel's.
    pub(super) minute: Minute,
    under_way: Arc<Semaphore>,
}

/// A picture as a channel sends it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) picture: Picture,
    /// What the camera is called.
    pub(super) camera: String,
}

impl Pictures {
    pub(super) fn new(evidence: Evidence, registry: watch::Receiver<Arc<Registry>>, minute: Minute) -> Self {
        Self { evidence, registry, minute, under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)) }
    }

    /// Sends the picture of what a message has just told, if it told of one alarm that has one.
    pub(super) fn follow(&self, channel: &Arc<Channel>, message: Message, address: String, clock: Clock) {
        let Some(alarm) = alarm_of(&message).filter(|_| channel.carries_pictures()) else { return };
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else { return };
        let (own, channel) = (self.clone(), Arc::clone(channel));
        tokio::spawn(async move {
            own.send(&channel, alarm, &message, &address, clock).await;
            drop(permit);
        });
    }

    async fn send(&self, channel: &Channel, alarm: AlarmId, message: &Message, address: &str, clock: Clock) {
        let Some(picture) = self.evidence.soon(alarm, WITHIN).await else { return };
        let needs_quiet = !channel.captions_pictures();
        if !self.minute.take_spare(address, channel.per_minute(), needs_quiet, clock.now().mono) {
            return;
        }
        let registry = Arc::clone(&self.registry.borrow());
        let camera = registry.device(&picture.camera).map_or_else(|| picture.camera.to_string(), |it| it.name.clone());
        let outcome = match channel.send_picture(message, &Shown { picture, camera }, address).await {
            Ok(()) => "picture_sent",
            Err(failure) => {
                tracing::info!(channel = channel.name(), message.id, error = failure.why, "a picture was not sent");
                "picture_failed"
            }
        };
        let channel = channel.name().to_owned();
        metrics::counter!("gateway_notify_messages_total", "channel" => channel, "outcome" => outcome).increment(1);
    }
}

impl Shown {
    /// Of which camera, and when; in one line.
    pub(super) fn caption(&self, message: &Message, wording: &Wording) -> String {
        let (camera, taken) = (&self.camera, self.picture.taken);
        let after_ms = taken.since_ms(message.first().at);
        let seconds = after_ms.unsigned_abs() / 1000;
        match (wording.language, after_ms < 0) {
            (Language::Zh, true) => format!("{camera} {}（告警前 {seconds} 秒）", beijing(taken)),
            (Language::Zh, false) => format!("{camera} {}（告警后 {seconds} 秒）", beijing(taken)),
            (Language::En, true) => format!("{camera} {} ({seconds} s before the alarm)", beijing(taken)),
            (Language::En, false) => format!("{camera} {} ({seconds} s after the alarm)", beijing(taken)),
        }
    }
}

/// The alarm that a message tells alone, when it was raised or became graver.
fn alarm_of(message: &Message) -> Option<AlarmId> {
    let [notice] = &message.notices[..] else { return None };
    match (&notice.subject, &notice.occasion) {
        (Subject::Alarm(alarm), Occasion::Raised | Occasion::Worsened) => Some(*alarm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        alarm::Severity,
        id::DeviceId,
        notice::{Audience, Notice},
        text::Text,
        time::UnixMs,
    };

    use super::*;

    fn notice(alarm: i64, occasion: Occasion) -> Notice {
        Notice {
            subject: Subject::Alarm(AlarmId(alarm)),
            occasion,
            severity: Severity::I,
            audience: Audience::Centre,
            device: None,
            site: None,
            node: None,
            matter: Text::default(),
            at: UnixMs(1_790_784_000_000),
            title: Text::same("alarm"),
            body: Text::default(),
        }
    }

    #[test]
    fn only_what_tells_one_alarm_that_has_just_come_has_a_picture() {
        let of = |notices: Vec<Notice>| alarm_of(&Message::new(1, notices, false));
        assert_eq!(of(vec![notice(7, Occasion::Raised)]), Some(AlarmId(7)));
        assert_eq!(of(vec![notice(7, Occasion::Worsened)]), Some(AlarmId(7)));
        assert_eq!(of(vec![notice(7, Occasion::Returned)]), None);
        assert_eq!(of(vec![notice(7, Occasion::Raised), notice(8, Occasion::Raised)]), None);
    }

    #[test]
    fn a_caption_says_when_it_was_taken_and_how_far_from_the_alarm() {
        let message = Message::new(1, [notice(7, Occasion::Raised)], false);
        let caption = |language, after_ms| {
            let taken = message.first().at.plus_ms(after_ms);
            let picture = Picture { camera: DeviceId::new("c").unwrap(), taken, bytes: bytes::Bytes::new() };
            let wording = Wording { language, dashboard_url: None };
            Shown { picture, camera: "灶台".into() }.caption(&message, &wording)
        };
        assert_eq!(caption(Language::Zh, 1900), "灶台 2026-10-01 00:00:01（告警后 1 秒）");
        assert_eq!(caption(Language::En, -40_000), "灶台 2026-09-30 23:59:20 (40 s before the alarm)");
    }
}
