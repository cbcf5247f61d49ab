//! What people have to be told of a case, written with what made it true.

use domain::{
    notice::{self, CaseNews, Locality, Matter},
    time::UnixMs,
};
use sqlx::AnyConnection;

use super::row::Stored;
use crate::store::{Store, error::StoreError, notice as notices};

/// Writes what has happened to a case for everybody who has to know.
pub(super) async fn tell(
    connection: &mut AnyConnection,
    store: &Store,
    stored: &Stored,
    news: CaseNews<'_>,
    at: UnixMs,
) -> Result<(), StoreError> {
    let locality = Locality {
        site: stored.site.clone(),
        site_name: stored.site_name.clone(),
        place: stored.place.clone(),
        office: store.office_of(&stored.place.township),
    };
    let matter = Matter { case: stored.id, severity: stored.case.severity, title: &stored.title };
    notices::write(connection, &notice::of_case(&matter, &locality, news, at)).await
}
