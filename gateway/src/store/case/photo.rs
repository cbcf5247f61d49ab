//! Photos of a case. They stand in the database and not in files, so that a step and its proof are committed, backed up
//! and restored together; both their size and their number are bounded.

use domain::{
    case::{CaseRefusal, CaseWhat},
    id::CaseId,
    time::UnixMs,
};
use sqlx::AnyConnection;

use super::{
    CaseRequest, CaseTrouble,
    row::{Event, SELECT_CASE, save},
    step::find,
};
use crate::store::{
    Store, audit,
    error::StoreError,
    row::Columns,
    scope::Scope,
    select::{Bound, Select},
    writer::Priority,
};

const OPERATION: &str = "storing a photo";
/// The largest photo, in bytes. The dashboard makes a telephone's picture smaller before it sends it; 4 MiB takes one that
/// another program did not.
pub const PHOTO_BYTES_MAX: usize = 4 << 20;
/// The most photos of a case.
pub const PHOTOS_MAX: i64 = 12;

/// A picture whose header was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// `image/jpeg` or `image/png`, by the picture's own header.
    pub media_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file.
    pub picture: Vec<u8>,
}

impl Store {
    /// Adds a photo to an open case in the name of a person. With the same key again it changes nothing more.
    pub async fn add_case_photo(
        &self,
        scope: &Scope,
        case: CaseId,
        photo: Photo,
        request: CaseRequest,
        at: UnixMs,
    ) -> Result<Result<(), CaseTrouble>, StoreError> {
        let (store, scope) = (self.clone(), scope.clone());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move { add(connection, &store, &scope, case, photo, &request, at).await })
                },
                |_| {},
            )
            .await
    }

    /// A photo's media type and file; None when there is none or the case is not in the scope.
    pub async fn case_photo(
        &self,
        scope: &Scope,
        case: CaseId,
        number: u32,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        const OPERATION: &str = "reading a photo";
        let mut select = Select::new(SELECT_CASE);
        select.within_sites(scope).and_equals("duty_case.id", Bound::Number(case.0));
        if select.fetch_all(self.readers(), OPERATION).await?.is_empty() {
            return Ok(None);
        }
        let row = sqlx::query("SELECT media_type, picture FROM case_photo WHERE case_id = $1 AND number = $2")
            .bind(case.0)
            .bind(i64::from(number))
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read(OPERATION))?;
        row.map(|row| Ok((row.get_as("media_type")?, row.get_as("picture")?))).transpose()
    }
}

async fn add(
    connection: &mut AnyConnection,
    store: &Store,
    scope: &Scope,
    case: CaseId,
    photo: Photo,
    request: &CaseRequest,
    at: UnixMs,
) -> Result<Result<(), CaseTrouble>, StoreError> {
    let by = scope.username().as_str();
    let mut stored = match find(connection, scope, case, &request.key, CaseWhat::PhotoAdded).await? {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(Ok(())),
        Err(trouble) => return Ok(Err(trouble)),
    };
    if !stored.case.state.is_open() {
        return Ok(Err(CaseTrouble::Refused(CaseRefusal::Closed)));
    }
    let row = sqlx::query("SELECT COUNT(*) AS photo_count FROM case_photo WHERE case_id = $1")
        .bind(case.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    let count: i64 = row.get_as("photo_count")?;
    if count >= PHOTOS_MAX {
        return Ok(Err(CaseTrouble::TooManyPhotos));
    }
    let number = count + 1;
    sqlx::query(
        "INSERT INTO case_photo (case_id, number, at_ms, by_username, media_type, width, height, picture) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(case.0)
    .bind(number)
    .bind(at.0)
    .bind(by.to_owned())
    .bind(photo.media_type)
    .bind(i64::from(photo.width))
    .bind(i64::from(photo.height))
    .bind(photo.picture)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    let event = Event::plain(at, CaseWhat::PhotoAdded).by_person(by, &request.note, &request.key);
    save(connection, &mut stored, &store.duty_policy(), &[Event { photo: Some(number), ..event }], at).await?;
    audit::note(connection, by, "case.photo", &case.to_string(), number.to_string(), at).await?;
    Ok(Ok(()))
}
