//! Cases: list, detail, and what people do with them. The store decides on the case as it is then; a repeated key is
//! answered, not repeated.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    case::{CaseInput, CaseRefusal},
    id::{CaseId, TownshipCode},
    roster::Post,
};
use protocol::rest::{
    AddAlarm, Assignees, CaseDetail, CaseNote, CasePage, CaseStep, CaseStepKind, OpenCase, Problem, SeverityNumber,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    AppState,
    actions::{KEY_LENGTH, NOTE_MAX},
    duty,
    error::{ApiError, Refusal},
    extract::{self, HandleCase, May, Path, Query, ReportOnCase, View},
};
use crate::{
    duty::photo::{self, PhotoError},
    store::{ALARMS_MAX, CaseDeed, CaseFilter, CaseRecord, CaseRequest, CaseSelection, CaseTrouble, PHOTOS_MAX, Scope},
};

/// Cases of a page when the caller asks for no number.
const PAGE: u32 = 100;
/// The longest page.
const PAGE_MAX: u32 = 500;

/// Which cases, by where they stand.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CaseState {
    /// Those with work left.
    #[default]
    Open,
    /// Those whose present step is overdue.
    Overdue,
    /// Those that are over.
    Closed,
}

/// Which cases to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseQuery {
    /// `open` when absent.
    #[serde(default)]
    #[param(inline)]
    state: CaseState,
    /// Only this severity, 1 (I) to 4 (IV).
    #[param(minimum = 1, maximum = 4)]
    severity: Option<u8>,
    /// Only this township.
    #[param(value_type = Option<String>)]
    township: Option<TownshipCode>,
    /// Only those in which people are trapped.
    #[serde(default)]
    is_trapped: bool,
    /// Only those that the caller accepted or is assigned to in person.
    #[serde(default)]
    is_mine: bool,
    /// Of closed ones: only cases with a smaller number, `next_before` of the page before.
    before: Option<i64>,
    /// How many at most; 1 to 500, 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Cases of the caller's jurisdiction: open ones with the most overdue first, closed ones newest first.
#[utoipa::path(get, path = "/cases", tag = "cases", params(CaseQuery), responses((status = 200, body = CasePage), Refusal))]
pub(super) async fn list_cases(
    State(state): State<AppState>,
    may: May<View>,
    Query(query): Query<CaseQuery>,
) -> Result<Json<CasePage>, ApiError> {
    let severity = query.severity.map(SeverityNumber::try_from).transpose();
    let severity = severity.map_err(|wrong| ApiError::invalid_field("severity", wrong))?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid_field("limit", format!("1 to {PAGE_MAX} are possible")));
    }
    let filter = CaseFilter {
        selection: match query.state {
            CaseState::Open => CaseSelection::Open,
            CaseState::Overdue => CaseSelection::Overdue,
            CaseState::Closed => CaseSelection::Closed,
        },
        severity: severity.map(|SeverityNumber(severity)| severity),
        township: query.township,
        is_trapped: query.is_trapped,
        of_person: query.is_mine.then(|| may.scope.username().clone()),
        before: query.before.map(CaseId),
        limit,
    };
    Ok(Json(state.store.cases(&may.scope, &filter, state.clock.now().wall).await?))
}

/// Opens a case from open alarms of one site. With the same key again it answers the case that the first request opened.
#[utoipa::path(post, path = "/cases", tag = "cases", request_body = OpenCase, responses(
    (status = 201, body = CaseDetail),
    (status = 409, description = "An alarm is over or in another case, or they lie at several sites.", body = Problem,
        content_type = "application/problem+json"),
    Refusal,
))]
pub(super) async fn open_case(
    State(state): State<AppState>,
    may: May<HandleCase>,
    extract::Json(body): extract::Json<OpenCase>,
) -> Result<(StatusCode, Json<CaseDetail>), ApiError> {
    let request = checked(body.note, body.idempotency_key)?;
    let at = state.clock.now().wall;
    let id = state.store.open_case(&may.scope, body.alarms, body.assignee, request, at).await?.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(detail(&state, &may.scope, id).await?)))
}

/// A case with everything that belongs to it.
#[utoipa::path(get, path = "/cases/{id}", tag = "cases",
    params(("id" = i64, Path, description = "The case's number.")),
    responses((status = 200, body = CaseDetail), Refusal))]
pub(super) async fn read_case(
    State(state): State<AppState>,
    may: May<View>,
    Path(id): Path<CaseId>,
) -> Result<Json<CaseDetail>, ApiError> {
    Ok(Json(detail(&state, &may.scope, id).await?))
}

/// Whose a case can be made: posts and people that answer for its place.
#[utoipa::path(get, path = "/cases/{id}/assignees", tag = "cases",
    params(("id" = i64, Path, description = "The case's number.")),
    responses((status = 200, body = Assignees), Refusal))]
pub(super) async fn list_assignees(
    State(state): State<AppState>,
    may: May<HandleCase>,
    Path(id): Path<CaseId>,
) -> Result<Json<Assignees>, ApiError> {
    let record = state.store.case(&may.scope, id, state.clock.now().wall).await?.ok_or_else(ApiError::not_found)?;
    let people = state.store.case_officers(&record.place).await?;
    Ok(Json(Assignees { posts: duty::on_duty_at(&state, &posts_of(&state, &record)).await?, people }))
}

/// Takes a step: assign, accept, arrive, handle, return, verify, close; in an entrapment also contact and free.
#[utoipa::path(post, path = "/cases/{id}/steps", tag = "cases",
    params(("id" = i64, Path, description = "The case's number.")), request_body = CaseStep,
    responses(
        (status = 200, body = CaseDetail),
        (status = 409, description = "The step does not fit where the case stands.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn take_step(
    State(state): State<AppState>,
    may: May<HandleCase>,
    Path(id): Path<CaseId>,
    extract::Json(body): extract::Json<CaseStep>,
) -> Result<Json<CaseDetail>, ApiError> {
    within(&state, &may.scope, id).await?;
    let input = input_of(&body)?;
    let request = checked(body.note, body.idempotency_key)?;
    act(&state, &may.scope, id, CaseDeed::Step(input), request).await
}

/// Writes something down in a case that is open.
#[utoipa::path(post, path = "/cases/{id}/notes", tag = "cases",
    params(("id" = i64, Path, description = "The case's number.")), request_body = CaseNote,
    responses(
        (status = 200, body = CaseDetail),
        (status = 409, description = "The case is closed.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn add_note(
    State(state): State<AppState>,
    may: May<ReportOnCase>,
    Path(id): Path<CaseId>,
    extract::Json(body): extract::Json<CaseNote>,
) -> Result<Json<CaseDetail>, ApiError> {
    within(&state, &may.scope, id).await?;
    needed(&body.note)?;
    let request = checked(body.note, body.idempotency_key)?;
    act(&state, &may.scope, id, CaseDeed::Note, request).await
}

/// Puts another open alarm of its site to a case.
#[utoipa::path(post, path = "/cases/{id}/alarms", tag = "cases",
    params(("id" = i64, Path, description = "The case's number.")), request_body = AddAlarm,
    responses(
        (status = 200, body = CaseDetail),
        (status = 409, description = "The alarm is over, in a case, or of another site.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn add_alarm(
    State(state): State<AppState>,
    may: May<HandleCase>,
    Path(id): Path<CaseId>,
    extract::Json(body): extract::Json<AddAlarm>,
) -> Result<Json<CaseDetail>, ApiError> {
    within(&state, &may.scope, id).await?;
    let request = checked(String::new(), body.idempotency_key)?;
    act(&state, &may.scope, id, CaseDeed::AddAlarm(body.alarm), request).await
}

/// What comes with a photo.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PhotoQuery {
    /// Made once per key press. 8 to 64 characters.
    idempotency_key: String,
    /// What to say with it, at most 1000 characters.
    #[serde(default)]
    note: String,
}

/// Adds a photo (JPEG or PNG, at most 4 MiB) to a case that is open.
#[utoipa::path(post, path = "/cases/{id}/photos", tag = "cases",
    params(("id" = i64, Path, description = "The case's number."), PhotoQuery),
    request_body(content = Vec<u8>, content_type = "image/jpeg"),
    responses(
        (status = 200, body = CaseDetail),
        (status = 409, description = "The case is closed, or has twelve photos.", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "It is larger than 4 MiB.", body = Problem,
            content_type = "application/problem+json"),
        Refusal,
    ))]
pub(super) async fn add_photo(
    State(state): State<AppState>,
    may: May<ReportOnCase>,
    Path(id): Path<CaseId>,
    Query(query): Query<PhotoQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<CaseDetail>, ApiError> {
    within(&state, &may.scope, id).await?;
    let request = checked(query.note, query.idempotency_key)?;
    let photo = photo::check(body?.to_vec()).map_err(|wrong| {
        ApiError::bad_request(
            wrong.to_string(),
            match wrong {
                PhotoError::Size => "照片应为 4 MiB 以内",
                PhotoError::Kind => "照片应为 JPEG 或 PNG 文件",
                PhotoError::Dimensions => "照片的边长不得超过 16384 像素，总数不得超过 1.2 亿像素",
            },
        )
    })?;
    let at = state.clock.now().wall;
    state.store.add_case_photo(&may.scope, id, photo, request, at).await?.map_err(refused)?;
    Ok(Json(detail(&state, &may.scope, id).await?))
}

/// A photo of a case. It never changes.
#[utoipa::path(get, path = "/cases/{id}/photos/{number}", tag = "cases",
    params(
        ("id" = i64, Path, description = "The case's number."),
        ("number" = u32, Path, description = "The photo's number within the case."),
    ),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), Refusal))]
pub(super) async fn read_photo(
    State(state): State<AppState>,
    may: May<View>,
    Path((id, number)): Path<(CaseId, u32)>,
) -> Result<Response, ApiError> {
    let photo = state.store.case_photo(&may.scope, id, number).await?;
    let (media_type, picture) = photo.ok_or_else(ApiError::not_found)?;
    let media_type = HeaderValue::try_from(media_type).map_err(|error| ApiError::internal(&error))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
    Ok((headers, picture).into_response())
}

/// Outside the jurisdiction a case does not exist, whatever else is wrong with the request.
async fn within(state: &AppState, scope: &Scope, id: CaseId) -> Result<(), ApiError> {
    state.store.case(scope, id, state.clock.now().wall).await?.map(drop).ok_or_else(ApiError::not_found)
}

async fn act(
    state: &AppState,
    scope: &Scope,
    id: CaseId,
    deed: CaseDeed,
    request: CaseRequest,
) -> Result<Json<CaseDetail>, ApiError> {
    state.store.act_on_case(scope, id, deed, request, state.clock.now().wall).await?.map_err(refused)?;
    Ok(Json(detail(state, scope, id).await?))
}

async fn detail(state: &AppState, scope: &Scope, id: CaseId) -> Result<CaseDetail, ApiError> {
    let record = state.store.case(scope, id, state.clock.now().wall).await?.ok_or_else(ApiError::not_found)?;
    let on_duty = duty::on_duty_at(state, &posts_of(state, &record)).await?;
    let CaseRecord { case, place: _, alarms, history, photos } = record;
    Ok(CaseDetail { case, alarms, history, photos, on_duty })
}

/// The posts that answer for a case's place, the nearest first.
fn posts_of(state: &AppState, record: &CaseRecord) -> Vec<Post> {
    let registry = state.registrar.current();
    let township = &record.place.township;
    let office = registry.office_of(township).map(|office| Post::Office(office.id.clone()));
    [Some(Post::Township(township.clone())), office, Some(Post::Centre)].into_iter().flatten().collect()
}

fn checked(note: String, key: String) -> Result<CaseRequest, ApiError> {
    if note.chars().count() > NOTE_MAX {
        return Err(ApiError::invalid_field("note", format!("at most {NOTE_MAX} characters")));
    }
    if !KEY_LENGTH.contains(&key.chars().count()) {
        return Err(ApiError::invalid_field("idempotency_key", "8 to 64 characters"));
    }
    Ok(CaseRequest { note, key })
}

fn needed(note: &str) -> Result<(), ApiError> {
    if note.trim().is_empty() {
        return Err(ApiError::invalid_field("note", "a note is needed"));
    }
    Ok(())
}

fn input_of(body: &CaseStep) -> Result<CaseInput, ApiError> {
    Ok(match body.step {
        CaseStepKind::Assign => {
            let to = body.assignee.clone();
            CaseInput::Assign(to.ok_or_else(|| ApiError::invalid_field("assignee", "whose it is to be is needed"))?)
        }
        CaseStepKind::Accept => CaseInput::Accept,
        CaseStepKind::Contact => CaseInput::Contact,
        CaseStepKind::Arrive => CaseInput::Arrive,
        CaseStepKind::Free => CaseInput::Free,
        CaseStepKind::Handle => {
            needed(&body.note)?;
            CaseInput::Handle(body.cause.ok_or_else(|| ApiError::invalid_field("cause", "the cause is needed"))?)
        }
        CaseStepKind::FalseAlarm => {
            needed(&body.note)?;
            CaseInput::FalseAlarm
        }
        CaseStepKind::Return => {
            needed(&body.note)?;
            CaseInput::Return
        }
        CaseStepKind::Verify => CaseInput::Verify,
        CaseStepKind::Close => CaseInput::Close,
    })
}

/// What becomes of a request that changes nothing.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(trouble: CaseTrouble) -> ApiError {
    let zh = match &trouble {
        CaseTrouble::NotFound => return ApiError::not_found(),
        CaseTrouble::AlarmCount => return ApiError::invalid_field("alarms", format!("1 to {ALARMS_MAX} alarms")),
        CaseTrouble::ForeignAssignee(_) => return ApiError::invalid_field("assignee", trouble.to_string()),
        CaseTrouble::KeyReused => "该操作标识已用于其他操作".to_owned(),
        CaseTrouble::AlarmClosed(alarm) => format!("告警 {alarm} 已关闭"),
        CaseTrouble::AlarmTaken { alarm, case } => format!("告警 {alarm} 已在处置单 {case} 中"),
        CaseTrouble::SeveralSites => "一张处置单只能包含同一场所的告警".to_owned(),
        CaseTrouble::TooManyPhotos => format!("一张处置单最多 {PHOTOS_MAX} 张照片"),
        CaseTrouble::Refused(refusal) => refused_zh(*refusal).to_owned(),
    };
    ApiError::conflict(trouble.to_string(), zh)
}

const fn refused_zh(refusal: CaseRefusal) -> &'static str {
    match refusal {
        CaseRefusal::Closed => "该处置单已关闭",
        CaseRefusal::OutOfTurn => "处置单当前状态不能进行此步骤",
        CaseRefusal::SameAssignee => "已指派给该处理人",
        CaseRefusal::NotOnSite => "I、II 级处置单须到场后处置",
        CaseRefusal::NoEntrapment => "只有困人处置单有此步骤",
        CaseRefusal::AlreadyNoted => "已记录，无需重复",
        CaseRefusal::StillTrapped => "被困人员尚未救出",
        CaseRefusal::OwnWork => "须由他人核验",
        CaseRefusal::AlarmActive => "关联告警的条件仍然存在",
    }
}
