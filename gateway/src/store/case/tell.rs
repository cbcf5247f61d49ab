//! What people have to be told of a case, written with what made it true.

use std::collections::BTreeMap;

use domain::{
    case::Case,
    id::{AlarmId, CaseId, DeviceId, UserName},
    notice::{self, CaseNews, Locality, Matter},
    roster::Assignee,
    text::Text,
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

const OPERATION: &str = "telling of a case";

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
    let (policy, case) = (store.duty_policy(), &stored.case);
    let gravest = gravest_alarm(connection, stored.id).await?;
    let alarms: Vec<AlarmId> = gravest.iter().map(|(alarm, _)| *alarm).collect();
    let told = notices::last_words(connection, &alarms).await?.into_values().next().unwrap_or_default();
    let matter = Matter {
        case: stored.id,
        severity: case.severity,
        title: &stored.title,
        state: case.state,
        limit_ms: policy.limit_ms(case),
        due: policy.due(case),
        whose: &whose(connection, case).await?,
        device: gravest.as_ref().map(|(_, device)| device),
        told: &told,
    };
    notices::write(connection, &notice::of_case(&matter, &locality, news, at)).await
}

/// What a case is about, and on which device.
async fn gravest_alarm(
    connection: &mut AnyConnection,
    case: CaseId,
) -> Result<Option<(AlarmId, DeviceId)>, StoreError> {
    let row = sqlx::query(
        "SELECT alarm.id, alarm.device_id FROM case_alarm JOIN alarm ON alarm.id = case_alarm.alarm_id \
         WHERE case_alarm.case_id = $1 ORDER BY alarm.severity, alarm.id DESC LIMIT 1",
    )
    .bind(case.0)
    .fetch_optional(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    row.map(|row| Ok((AlarmId(row.get_as("id")?), row.id("device_id")?))).transpose()
}

/// Whose a case is, in words: who accepted it, else whom it was given to. Empty: nobody's.
async fn whose(connection: &mut AnyConnection, case: &Case) -> Result<Text, StoreError> {
    let person = match (&case.handler, &case.assignee) {
        (Some(name), _) | (None, Some(Assignee::Person(name))) => name,
        (None, Some(Assignee::Post(post))) => return Ok(post.words()),
        (None, None) => return Ok(Text::default()),
    };
    let row = sqlx::query("SELECT display_name FROM account WHERE lower(username) = lower($1)")
        .bind(person.as_str().to_owned())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    let name: Option<String> = row.map(|row| row.get_as("display_name")).transpose()?;
    Ok(Text::same(name.unwrap_or_else(|| person.to_string())))
}
