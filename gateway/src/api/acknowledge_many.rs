//! Answering many alarms at once, such as a group in a flood. Each is decided, stored and audited by itself.

use axum::{Json, extract::State};
use domain::{alarm::Severity, engine::Deed, id::AlarmId};
use futures_util::future::join_all;
use protocol::rest::{AcknowledgeMany, AcknowledgedMany, Alarm, RefusedAlarm};

use super::{
    AppState,
    actions::{check_request, refused_zh},
    error::{ApiError, Refusal},
    extract::{self, May},
};
use crate::pipeline::{ActionOutcome, ActionRefused};

/// Alarms answered at once: as many as fit into one batch beside what others do.
const ALARMS_MAX: usize = 200;

/// Acknowledges many alarms: those that the person names, because only they were seen. One of severity I is refused here:
/// it is answered by itself. With the same key again it answers what became of the first request.
#[utoipa::path(post, path = "/alarms/acknowledge", tag = "alarms", request_body = AcknowledgeMany,
    responses((status = 200, body = AcknowledgedMany), Refusal))]
pub(super) async fn acknowledge_alarms(
    State(state): State<AppState>,
    may: May<extract::AcknowledgeAlarm>,
    extract::Json(body): extract::Json<AcknowledgeMany>,
) -> Result<Json<AcknowledgedMany>, ApiError> {
    let AcknowledgeMany { mut alarms, note, idempotency_key } = body;
    check_request(&note, &idempotency_key)?;
    alarms.sort_unstable();
    alarms.dedup();
    if !(1..=ALARMS_MAX).contains(&alarms.len()) {
        return Err(ApiError::invalid_field("alarms", format!("1 to {ALARMS_MAX} alarms are possible")));
    }
    // Before anything is done: outside the jurisdiction an alarm does not exist.
    let mut severities = Vec::with_capacity(alarms.len());
    for &id in &alarms {
        let open = state.live.alarm(&may.scope, id);
        if open.is_none() && !state.store.has_alarm(&may.scope, id).await? {
            return Err(ApiError::not_found());
        }
        severities.push(open.map(|alarm| alarm.severity.0));
    }
    let answers = alarms.into_iter().zip(severities).map(async |(id, severity)| {
        if severity == Some(Severity::I) {
            return (id, Err(by_itself(id)));
        }
        let done = state.pipeline.act(&may.scope, Deed::Acknowledge(id), note.clone(), idempotency_key.clone()).await;
        (id, done.map_err(|refused| refusal(id, &refused)))
    });
    let mut outcome = AcknowledgedMany { acknowledged: Vec::new(), pending: Vec::new(), refused: Vec::new() };
    for (id, answer) in join_all(answers).await {
        match answer {
            Ok(ActionOutcome::Alarm(alarm)) => outcome.acknowledged.push(Alarm::clone(&alarm)),
            Ok(ActionOutcome::Service | ActionOutcome::Pending) => outcome.pending.push(id),
            Err(refused) => outcome.refused.push(refused),
        }
    }
    Ok(Json(outcome))
}

fn by_itself(alarm: AlarmId) -> RefusedAlarm {
    RefusedAlarm {
        alarm,
        detail: "an alarm of severity I is acknowledged by itself".into(),
        detail_zh: "I 级告警须逐条确认".into(),
    }
}

fn refusal(alarm: AlarmId, refused: &ActionRefused) -> RefusedAlarm {
    let detail_zh = match refused {
        ActionRefused::Impossible(error) => refused_zh(*error),
        ActionRefused::Stopping => "网关正在停止",
    };
    RefusedAlarm { alarm, detail: refused.to_string(), detail_zh: detail_zh.into() }
}
