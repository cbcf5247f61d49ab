//! Errors as people's programs get them: RFC 9457 problem details, in both languages. The only place that knows which
//! failure is which HTTP status.

use std::time::Duration;

use axum::{
    Json,
    extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use protocol::rest::{FieldError, Problem};
use utoipa::IntoResponses;

use crate::store::StoreError;

/// What every route may answer instead of what it promises; for the OpenAPI document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Refusal {
    /// The request is wrong; `errors` says where.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// Nobody is signed in, or the session has ended.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The account may not do this.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing in the caller's jurisdiction.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// A request that was not answered as promised.
#[derive(Debug)]
pub(crate) struct ApiError {
    problem: Box<Problem>,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// `name` is the last part of the problem's type.
    fn new(
        status: StatusCode,
        name: &'static str,
        title: &'static str,
        detail: impl Into<String>,
        detail_zh: impl Into<String>,
    ) -> Self {
        let problem = Problem {
            r#type: format!("urn:brightwatch:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            detail_zh: detail_zh.into(),
            errors: Vec::new(),
        };
        Self { problem: Box::new(problem), retry_after: None }
    }

    /// Whether it says that nobody is signed in.
    pub(crate) fn is_unauthenticated(&self) -> bool {
        self.problem.status == StatusCode::UNAUTHORIZED.as_u16()
    }

    /// 400: something in the request is wrong as a whole.
    pub(crate) fn bad_request(detail: impl Into<String>, detail_zh: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request is wrong", detail, detail_zh)
    }

    /// 400: these places of the input are wrong.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [error] => format!("{}: {}", error.at, error.message),
            _ => format!("{} places of the input are wrong", errors.len()),
        };
        let detail_zh = format!("输入有 {} 处错误", errors.len());
        let mut error = Self::bad_request(detail, detail_zh);
        error.problem.errors = errors;
        error
    }

    /// 400: this field is wrong.
    pub(crate) fn invalid_field(at: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { at: at.to_owned(), message: message.into() }])
    }

    /// 401: nobody is signed in.
    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Sign in first",
            "nobody is signed in, or the session has ended",
            "未登录或登录已失效，请重新登录",
        )
    }

    /// 401: the name or the password is wrong; which of them is not said.
    pub(crate) fn wrong_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "wrong-credentials",
            "Not signed in",
            "the account name or the password is wrong",
            "用户名或密码错误",
        )
    }

    /// 403: the account may not do this.
    pub(crate) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Not allowed",
            "this account may not do this",
            "当前账号无权进行此操作",
        )
    }

    /// 403: the request comes from a page of another site.
    pub(crate) fn foreign_origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign-origin",
            "Foreign origin",
            "requests from pages of other sites are not answered",
            "不接受来自其他网站页面的请求",
        )
    }

    /// 404: there is no such thing, or it lies outside the jurisdiction; the answer is the same.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            "there is no such thing in your jurisdiction",
            "在您的辖区内没有该对象",
        )
    }

    /// 405: the address exists, but not for this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method not allowed",
            "this address does not answer this method",
            "该地址不支持此请求方法",
        )
    }

    /// 409: it does not fit what is there.
    pub(crate) fn conflict(detail: impl Into<String>, detail_zh: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "In conflict with what is there", detail, detail_zh)
    }

    /// 413: the body is larger than this route takes.
    fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", "the body is too large", "请求内容过大")
    }

    /// 415: the body is of a kind that this route does not take.
    pub(crate) fn unsupported_media_type(right: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Unsupported media type",
            format!("the content type must be {right}"),
            format!("内容类型应为 {right}"),
        )
    }

    /// 429: too many attempts to sign in.
    pub(crate) fn too_many_attempts(retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        let error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-attempts",
            "Too many attempts",
            format!("too many attempts to sign in; try again in {seconds} s"),
            format!("登录尝试过多，请在 {seconds} 秒后重试"),
        );
        Self { retry_after: Some(retry_after), ..error }
    }

    /// 503: it does not work at this moment; trying again may help.
    pub(crate) fn unavailable(detail: impl Into<String>, detail_zh: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now", detail, detail_zh)
    }

    /// 500: our fault. The cause goes to the log with all its sources, and not to the caller.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "the gateway failed; its log says why",
            "网关内部错误，详情见网关日志",
        )
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).expect("it was made from a status");
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(retry_after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotPermitted => Self::forbidden(),
            StoreError::NotFound(_) => Self::not_found(),
            StoreError::Exists(what) => Self::conflict(format!("{what} exists already"), "名称已被占用"),
            StoreError::InUse { count, .. } => {
                Self::conflict(error.to_string(), format!("仍有 {count} 项与之关联，不能删除"))
            }
            StoreError::Dangling { what, id } => {
                Self::invalid_field(what, format!("`{id}` is not a registered {what}"))
            }
            StoreError::Open(_) | StoreError::Closed | StoreError::Moved => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store does not answer");
                Self::unavailable("the database does not answer", "数据库暂时没有响应")
            }
            StoreError::Location { .. }
            | StoreError::Migrate(_)
            | StoreError::Failed { .. }
            | StoreError::UnknownOutcome { .. }
            | StoreError::Unsettled(_)
            | StoreError::Read { .. }
            | StoreError::UnknownSeries(_)
            | StoreError::Damaged { .. } => Self::internal(&error),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::unsupported_media_type("application/json"),
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            other => Self::invalid_field("body", other.body_text()),
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large();
        }
        Self::bad_request("the body could not be read", "无法读取请求内容")
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid_field("query", rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    /// A text that cannot be an id is the id of nothing.
    fn from(_: PathRejection) -> Self {
        Self::not_found()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_says_what_and_where_in_both_languages() {
        let response = ApiError::invalid_field("name", "is empty").into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<Problem>(&body).unwrap(),
            Problem {
                r#type: "urn:brightwatch:problem:bad-request".into(),
                title: "The request is wrong".into(),
                status: 400,
                detail: "name: is empty".into(),
                detail_zh: "输入有 1 处错误".into(),
                errors: vec![FieldError { at: "name".into(), message: "is empty".into() }],
            }
        );
    }

    #[test]
    fn whoever_tries_too_often_is_told_when_to_come_back() {
        let response = ApiError::too_many_attempts(Duration::from_millis(9_001)).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "10");
    }
}
