//! What people have to be told: written within the transaction that made it true, and from there on its way.

use std::collections::BTreeMap;

use domain::{
    alarm::Severity,
    id::{AlarmId, CaseId},
    notice::{self, Audience, Notice, Occasion, Subject},
    text::Text,
};
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};
use tokio::sync::watch;

use super::{
    Store,
    error::StoreError,
    row::{Columns, lists, write_rows},
    writer::Priority,
};

const OPERATION: &str = "writing what people have to be told";

/// Number of a notice, rising in the order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub i64);

impl Store {
    /// Notices for which nobody has looked yet by which channels they go, the gravest first, of these the oldest. For the
    /// gateway, not for people.
    pub async fn notices_to_address(&self, limit: u32) -> Result<Vec<(NoticeId, Notice)>, StoreError> {
        let rows = sqlx::query("SELECT * FROM notice WHERE addressed_at_ms IS NULL ORDER BY severity, id LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading what people have to be told"))?;
        rows.iter().map(|row| Ok((NoticeId(row.get_as("id")?), notice_of(row)?))).collect()
    }

    /// Writes notices on their own. What made them true is to be written with [`write()`], in its transaction.
    pub async fn write_notices(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        let store = self.clone();
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| Box::pin(async move { write(connection, &notices).await }),
                move |()| store.notices_have_come(),
            )
            .await
    }

    /// Changes whenever notices were committed.
    pub fn notice_changes(&self) -> watch::Receiver<u64> {
        self.notice_counter().subscribe()
    }

    /// To be called when a transaction that wrote notices is committed: whoever sends them does not look otherwise.
    pub(in crate::store) fn notices_have_come(&self) {
        self.notice_counter().send_modify(|count| *count += 1);
    }
}

/// What was told of each of these alarms when it called last: cause, place, guidance. For news about it that come later.
pub(super) async fn last_words(
    connection: &mut AnyConnection,
    alarms: &[AlarmId],
) -> Result<BTreeMap<AlarmId, Text>, StoreError> {
    let mut words = BTreeMap::new();
    for (ids, list) in lists(alarms, 0) {
        let sql = format!(
            "SELECT alarm.id, alarm.cause_zh, alarm.cause_en, device.name AS device_name, called.body_zh, called.body_en \
             FROM alarm LEFT JOIN device ON device.id = alarm.device_id LEFT JOIN notice AS called ON called.id = \
             (SELECT MAX(id) FROM notice WHERE subject_kind = 'alarm' AND subject_id = CAST(alarm.id AS TEXT) \
             AND occasion NOT IN ('escalated', 'returned')) WHERE alarm.id IN {list}"
        );
        let select = ids.iter().fold(sqlx::query(AssertSqlSafe(sql)), |select, id| select.bind(id.0));
        for row in &select.fetch_all(&mut *connection).await.map_err(StoreError::failed(OPERATION))? {
            let told = if let Some(zh) = row.get_as::<Option<String>>("body_zh")? {
                Text { zh, en: row.get_as("body_en")? }
            } else {
                let cause = Text { zh: row.get_as("cause_zh")?, en: row.get_as("cause_en")? };
                let device: Option<String> = row.get_as("device_name")?;
                notice::in_short(&cause, &device.unwrap_or_default())
            };
            words.insert(AlarmId(row.get_as("id")?), told);
        }
    }
    Ok(words)
}

/// Writes notices within a transaction. Once it is committed, [`Store::notices_have_come`] sets them on their way.
pub(in crate::store) async fn write(connection: &mut AnyConnection, notices: &[Notice]) -> Result<(), StoreError> {
    let sql = |values: &str| {
        format!(
            "INSERT INTO notice (subject_kind, subject_id, occasion, step, severity, audience_kind, audience_id, \
             device_id, site_id, node_id, matter_zh, matter_en, at_ms, title_zh, title_en, body_zh, body_en) VALUES {values}"
        )
    };
    write_rows(connection, notices, 17, sql, |insert, row| {
        let (subject_kind, subject) = subject_columns(&row.subject);
        let (audience_kind, audience) = audience_columns(&row.audience);
        insert
            .bind(subject_kind)
            .bind(subject)
            .bind(row.occasion.word())
            .bind(i64::from(row.occasion.step()))
            .bind(i64::from(row.severity as u8))
            .bind(audience_kind)
            .bind(audience)
            .bind(row.device.as_ref().map(ToString::to_string))
            .bind(row.site.as_ref().map(ToString::to_string))
            .bind(row.node.as_ref().map(ToString::to_string))
            .bind(row.matter.zh.as_str())
            .bind(row.matter.en.as_str())
            .bind(row.at.0)
            .bind(row.title.zh.as_str())
            .bind(row.title.en.as_str())
            .bind(row.body.zh.as_str())
            .bind(row.body.en.as_str())
    })
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

/// Writes one notice of which somebody else says where it goes, within a transaction.
pub(super) async fn write_addressed(connection: &mut AnyConnection, notice: &Notice) -> Result<NoticeId, StoreError> {
    write(connection, std::slice::from_ref(notice)).await?;
    let (kind, subject) = subject_columns(&notice.subject);
    // The writer is alone, so that the newest of this subject is the one just written.
    let row = sqlx::query(
        "UPDATE notice SET addressed_at_ms = $3 WHERE id = \
         (SELECT MAX(id) FROM notice WHERE subject_kind = $1 AND subject_id = $2) RETURNING id",
    )
    .bind(kind)
    .bind(subject)
    .bind(notice.at.0)
    .fetch_one(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    Ok(NoticeId(row.get_as("id")?))
}

/// How a subject is stored: its kind and its id.
fn subject_columns(subject: &Subject) -> (&'static str, String) {
    match subject {
        Subject::Alarm(id) => ("alarm", id.to_string()),
        Subject::Case(id) => ("case", id.to_string()),
        Subject::Channel(name) => ("channel", name.clone()),
    }
}

fn audience_columns(audience: &Audience) -> (&'static str, String) {
    match audience {
        Audience::Owner(id) => ("owner", id.to_string()),
        Audience::Township(code) => ("township", code.to_string()),
        Audience::Office(id) => ("office", id.to_string()),
        Audience::Centre => ("centre", String::new()),
    }
}

/// The notice of a row with all columns of `notice`.
pub(super) fn notice_of(row: &AnyRow) -> Result<Notice, StoreError> {
    let severity: u8 = row.number("severity")?;
    let (occasion, step): (String, u8) = (row.get_as("occasion")?, row.number("step")?);
    Ok(Notice {
        subject: subject_of(row)?,
        occasion: Occasion::of_word(&occasion, step).ok_or_else(|| StoreError::damaged("occasion")(occasion))?,
        severity: Severity::from_u8(severity).ok_or_else(|| StoreError::damaged("severity")(severity))?,
        audience: audience_of(row)?,
        device: row.id_or_none("device_id")?,
        site: row.id_or_none("site_id")?,
        node: row.id_or_none("node_id")?,
        matter: Text { zh: row.get_as("matter_zh")?, en: row.get_as("matter_en")? },
        at: row.time("at_ms")?,
        title: Text { zh: row.get_as("title_zh")?, en: row.get_as("title_en")? },
        body: Text { zh: row.get_as("body_zh")?, en: row.get_as("body_en")? },
    })
}

fn subject_of(row: &AnyRow) -> Result<Subject, StoreError> {
    let (kind, id): (String, String) = (row.get_as("subject_kind")?, row.get_as("subject_id")?);
    let number = || id.parse().map_err(StoreError::damaged("subject_id"));
    match kind.as_str() {
        "alarm" => Ok(Subject::Alarm(AlarmId(number()?))),
        "case" => Ok(Subject::Case(CaseId(number()?))),
        "channel" => Ok(Subject::Channel(id)),
        _ => Err(StoreError::damaged("subject_kind")(kind)),
    }
}

fn audience_of(row: &AnyRow) -> Result<Audience, StoreError> {
    let kind: String = row.get_as("audience_kind")?;
    match kind.as_str() {
        "owner" => Ok(Audience::Owner(row.id("audience_id")?)),
        "township" => Ok(Audience::Township(row.id("audience_id")?)),
        "office" => Ok(Audience::Office(row.id("audience_id")?)),
        "centre" => Ok(Audience::Centre),
        _ => Err(StoreError::damaged("audience_kind")(kind)),
    }
}
