//! What people have to be told of a case, written with what made it true.

use std::collections::BTreeMap;

use domain::{
    id::UserName,
    notice::{self, CaseNews, Locality, Matter},
    roster::Assignee,
    time::UnixMs,
};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::row::Stored;
use crate::store::{
    NoticeId, Store,
    error::StoreError,
    notice as notices,
    row::{Columns, lists},
};

impl Store {
    /// Which person each of these notices tells of a case that was given to that person; of the others, nothing. For the
    /// gateway, not for people.
    pub async fn assignees_told(&self, notices: &[NoticeId]) -> Result<BTreeMap<NoticeId, UserName>, StoreError> {
        const OPERATION: &str = "reading who was given a case";
        let mut found = BTreeMap::new();
        for (ids, list) in lists(notices, 0) {
            // Notice and time line were written together, so that both bear the same moment.
            let sql = format!(
                "SELECT notice.id, case_event.assignee FROM notice JOIN case_event \
                 ON case_event.case_id = CAST(notice.subject_id AS BIGINT) AND case_event.what = 'assigned' \
                 AND case_event.at_ms = notice.at_ms WHERE notice.occasion = 'case_assigned' AND notice.id IN {list} \
                 ORDER BY case_event.number"
            );
            let select = ids.iter().fold(sqlx::query(AssertSqlSafe(sql)), |select, id| select.bind(id.0));
            for row in &select.fetch_all(self.readers()).await.map_err(StoreError::read(OPERATION))? {
                if let Some(Assignee::Person(name)) = row.id_or_none("assignee")? {
                    found.insert(NoticeId(row.get_as("id")?), name);
                }
            }
        }
        Ok(found)
    }
}

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
