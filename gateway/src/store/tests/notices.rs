//! What people have to be told, and what became of it.

use std::sync::Arc;

use domain::{
    alarm::{AlarmState, Severity, What},
    id::{AlarmId, DeviceId, OwnerId, SiteId, TownshipCode},
    notice::{Audience, Notice, Occasion, Subject},
    text::Text,
};

use super::fixture::{Fixture, START, batch, definition, transition};
use crate::store::BatchCommit;

/// What is told of an alarm at the school.
fn notice(alarm: i64, audience: Audience) -> Notice {
    Notice {
        subject: Subject::Alarm(AlarmId(alarm)),
        occasion: Occasion::Raised,
        severity: Severity::II,
        audience,
        device: Some(DeviceId::new("school-fridge").unwrap()),
        site: Some(SiteId::new("school-kitchen").unwrap()),
        at: START,
        title: Text::new("告警", "alarm"),
        body: Text::new("原因", "cause"),
    }
}

pub(super) async fn what_people_have_to_be_told_is_committed_with_what_made_it_true(fixture: Fixture) {
    let store = fixture.open_district().await;
    let mut changes = store.notice_changes();
    let audiences = [
        Audience::Owner(OwnerId::new("school").unwrap()),
        Audience::Township(TownshipCode::new("500156001").unwrap()),
        Audience::Centre,
    ];
    let notices: Vec<Notice> = audiences.map(|audience| notice(1, audience)).into();
    let raised = || vec![transition(1, "school-fridge", What::Raised, AlarmState::ActiveUnacknowledged)];

    // A batch that fails tells nobody.
    let twice = vec![definition(4, "school-fridge", "humidity"), definition(4, "school-fridge", "pressure")];
    let refused = BatchCommit { new_series: twice, transitions: raised(), notices: notices.clone(), ..batch([]) };
    store.commit_batch(Arc::new(refused)).await.unwrap_err();
    assert_eq!(store.notices_to_address(9).await.unwrap(), []);
    assert!(!changes.has_changed().unwrap());

    let commit = BatchCommit { transitions: raised(), notices: notices.clone(), ..batch([]) };
    store.commit_batch(Arc::new(commit)).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let escalated = Notice {
        subject: Subject::Channel("centre-wecom".into()),
        occasion: Occasion::Escalated { step: 2 },
        device: None,
        site: None,
        ..notice(1, Audience::Centre)
    };
    store.write_notices(vec![escalated.clone()]).await.unwrap();
    assert!(changes.has_changed().unwrap());
    drop(store);

    let found = fixture.open().await.notices_to_address(9).await.unwrap();
    let found: Vec<Notice> = found.into_iter().map(|(_, notice)| notice).collect();
    assert_eq!(found, [notices, vec![escalated]].concat());
}
