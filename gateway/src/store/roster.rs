//! 值班表: who is on duty where, and what one shift leaves to the next.

use domain::{
    access::{Jurisdiction, Permission, Role},
    roster::{self, Post},
    time::UnixMs,
};
use protocol::rest;
use sqlx::{AnyConnection, any::AnyRow};

use super::{Store, audit, error::StoreError, row::Columns, scope::Scope, writer::Priority};

const OPERATION: &str = "changing a roster";
/// The most shifts of one answer: three people a shift, three shifts a day, for two months.
const SHIFTS_MAX: i64 = 600;
/// The most notes of one answer.
const HANDOVERS_MAX: i64 = 20;

impl Store {
    /// Who is on duty at each post at that moment, by post and name. Who is on duty is no secret within the district; the
    /// caller shows to each person what concerns that person's places.
    pub async fn on_duty(&self, now: UnixMs) -> Result<Vec<rest::Shift>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM roster_shift WHERE from_ms <= $1 AND from_ms > $2 AND to_ms > $1 ORDER BY post, person, id",
        )
        .bind(now.0)
        // The index goes by the beginning: nothing older can still be going on.
        .bind(now.plus_ms(-roster::SHIFT_MAX_MS - 1).0)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read("reading who is on duty"))?;
        rows.iter().map(shift_of).collect()
    }

    /// A post's shifts that touch a stretch of time, with its holes and the newest notes. None: the scope does not see it.
    pub async fn roster(
        &self,
        scope: &Scope,
        post: &Post,
        window: std::ops::Range<UnixMs>,
    ) -> Result<Option<rest::Roster>, StoreError> {
        const OPERATION: &str = "reading a roster";
        if !self.sees_post(scope, post) {
            return Ok(None);
        }
        let rows = sqlx::query(
            "SELECT * FROM roster_shift WHERE post = $1 AND from_ms < $2 AND from_ms > $3 AND to_ms > $4 \
             ORDER BY from_ms, id LIMIT $5",
        )
        .bind(post.to_string())
        .bind(window.end.0)
        .bind(window.start.plus_ms(-roster::SHIFT_MAX_MS - 1).0)
        .bind(window.start.0)
        .bind(SHIFTS_MAX)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let shifts: Vec<rest::Shift> = rows.iter().map(shift_of).collect::<Result<_, _>>()?;
        let plain: Vec<roster::Shift> = shifts.iter().map(plain).collect();
        let holes = roster::holes(&plain, window)
            .into_iter()
            .map(|hole| rest::Hole { from_ms: hole.start.0, to_ms: hole.end.0 })
            .collect();
        let notes = sqlx::query(
            "SELECT at_ms, by_username, note FROM roster_handover WHERE post = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(post.to_string())
        .bind(HANDOVERS_MAX)
        .fetch_all(self.readers())
        .await
        .map_err(StoreError::read(OPERATION))?;
        let handovers = notes.iter().map(handover_of).collect::<Result<_, _>>()?;
        let may_change = self.keeps_post(scope, post);
        Ok(Some(rest::Roster { post: post.clone(), may_change, shifts, holes, handovers }))
    }

    /// Adds a shift. The caller has checked its times.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the post is not the person's to keep.
    pub async fn add_shift(
        &self,
        scope: &Scope,
        draft: rest::ShiftDraft,
        at: UnixMs,
    ) -> Result<rest::Shift, StoreError> {
        self.keep(scope, &draft.post)?;
        let actor = scope.username().to_string();
        self.write_roster(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "INSERT INTO roster_shift (post, from_ms, to_ms, person, phone, username) \
                     VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
                )
                .bind(draft.post.to_string())
                .bind(draft.from_ms)
                .bind(draft.to_ms)
                .bind(draft.person)
                .bind(draft.phone)
                .bind(draft.username.map(|name| name.to_string()))
                .fetch_one(&mut *connection)
                .await
                .map_err(StoreError::failed(OPERATION))?;
                let shift = shift_of(&row)?;
                audit::note(connection, &actor, "roster.add", &shift.post.to_string(), described(&shift), at).await?;
                Ok(shift)
            })
        })
        .await
    }

    /// Changes a shift, within its post. The caller has checked its times.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or its post is not the person's to keep.
    pub async fn change_shift(
        &self,
        scope: &Scope,
        id: i64,
        draft: rest::ShiftDraft,
        at: UnixMs,
    ) -> Result<rest::Shift, StoreError> {
        self.keep(scope, &draft.post)?;
        let actor = scope.username().to_string();
        self.write_roster(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "UPDATE roster_shift SET from_ms = $3, to_ms = $4, person = $5, phone = $6, username = $7 \
                     WHERE id = $1 AND post = $2 RETURNING *",
                )
                .bind(id)
                .bind(draft.post.to_string())
                .bind(draft.from_ms)
                .bind(draft.to_ms)
                .bind(draft.person)
                .bind(draft.phone)
                .bind(draft.username.map(|name| name.to_string()))
                .fetch_optional(&mut *connection)
                .await
                .map_err(StoreError::failed(OPERATION))?
                .ok_or(StoreError::NotFound("shift"))?;
                let shift = shift_of(&row)?;
                let object = shift.post.to_string();
                audit::note(connection, &actor, "roster.change", &object, described(&shift), at).await?;
                Ok(shift)
            })
        })
        .await
    }

    /// Takes a shift out.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, or its post is not the person's to keep.
    pub async fn remove_shift(&self, scope: &Scope, id: i64, at: UnixMs) -> Result<(), StoreError> {
        let (actor, store, scope) = (scope.username().to_string(), self.clone(), scope.clone());
        self.write_roster(move |connection| {
            Box::pin(async move {
                let row = sqlx::query("DELETE FROM roster_shift WHERE id = $1 RETURNING *")
                    .bind(id)
                    .fetch_optional(&mut *connection)
                    .await
                    .map_err(StoreError::failed(OPERATION))?
                    .ok_or(StoreError::NotFound("shift"))?;
                let shift = shift_of(&row)?;
                // A refusal rolls the removal back.
                store.keep(&scope, &shift.post)?;
                let object = shift.post.to_string();
                audit::note(connection, &actor, "roster.remove", &object, described(&shift), at).await
            })
        })
        .await
    }

    /// Leaves a note to the next shift of a post.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the post is not the person's to keep.
    pub async fn hand_over(&self, scope: &Scope, post: Post, note: String, at: UnixMs) -> Result<(), StoreError> {
        self.keep(scope, &post)?;
        let actor = scope.username().to_string();
        self.write_roster(move |connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO roster_handover (post, at_ms, by_username, note) VALUES ($1, $2, $3, $4)")
                    .bind(post.to_string())
                    .bind(at.0)
                    .bind(actor.clone())
                    .bind(note.clone())
                    .execute(&mut *connection)
                    .await
                    .map_err(StoreError::failed(OPERATION))?;
                audit::note(connection, &actor, "roster.hand_over", &post.to_string(), note, at).await
            })
        })
        .await
    }

    /// Whether a post's roster is a colleague's to read: the centre's, and those that answer for the own townships.
    fn sees_post(&self, scope: &Scope, post: &Post) -> bool {
        if !scope.may(Permission::KeepRoster) {
            return false;
        }
        match (scope.jurisdiction(), post) {
            (Jurisdiction::District, _) | (_, Post::Centre) => true,
            (Jurisdiction::Townships { codes }, Post::Township(code)) => codes.contains(code),
            (Jurisdiction::Townships { codes }, Post::Office(id)) => {
                self.offices().get(id).is_some_and(|townships| !townships.is_disjoint(codes))
            }
            (Jurisdiction::Owner { .. }, _) => false,
        }
    }

    /// Whether a post's roster is a person's to write: the own one, and for the district every one.
    fn keeps_post(&self, scope: &Scope, post: &Post) -> bool {
        if !scope.may(Permission::KeepRoster) {
            return false;
        }
        match (scope.role(), scope.jurisdiction(), post) {
            (Role::Admin | Role::CentreOperator, ..) => true,
            (Role::OfficeOfficer | Role::TownshipOfficer, Jurisdiction::Townships { codes }, Post::Township(code)) => {
                codes.contains(code)
            }
            (Role::OfficeOfficer, Jurisdiction::Townships { codes }, Post::Office(id)) => {
                self.offices().get(id).is_some_and(|townships| !townships.is_empty() && townships.is_subset(codes))
            }
            _ => false,
        }
    }

    fn keep(&self, scope: &Scope, post: &Post) -> Result<(), StoreError> {
        if self.keeps_post(scope, post) { Ok(()) } else { Err(StoreError::NotFound("post")) }
    }

    async fn write_roster<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut AnyConnection) -> futures_util::future::BoxFuture<'c, Result<T, StoreError>>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        self.writer().write(Priority::Operator, OPERATION, work, |_| {}).await
    }
}

/// Whether somebody is on duty at a post at that moment, within a transaction.
pub(super) async fn is_manned(connection: &mut AnyConnection, post: &Post, now: UnixMs) -> Result<bool, StoreError> {
    sqlx::query("SELECT id FROM roster_shift WHERE post = $1 AND from_ms <= $2 AND from_ms > $3 AND to_ms > $2 LIMIT 1")
        .bind(post.to_string())
        .bind(now.0)
        .bind(now.plus_ms(-roster::SHIFT_MAX_MS - 1).0)
        .fetch_optional(connection)
        .await
        .map(|row| row.is_some())
        .map_err(StoreError::failed("looking who is on duty"))
}

fn shift_of(row: &AnyRow) -> Result<rest::Shift, StoreError> {
    Ok(rest::Shift {
        id: row.get_as("id")?,
        post: row.id("post")?,
        from_ms: row.get_as("from_ms")?,
        to_ms: row.get_as("to_ms")?,
        person: row.get_as("person")?,
        phone: row.get_as("phone")?,
        username: row.id_or_none("username")?,
    })
}

fn plain(shift: &rest::Shift) -> roster::Shift {
    roster::Shift {
        post: shift.post.clone(),
        from: UnixMs(shift.from_ms),
        to: UnixMs(shift.to_ms),
        person: shift.person.clone(),
        phone: shift.phone.clone(),
        username: shift.username.clone(),
    }
}

fn handover_of(row: &AnyRow) -> Result<rest::Handover, StoreError> {
    Ok(rest::Handover { at_ms: row.get_as("at_ms")?, by: row.get_as("by_username")?, note: row.get_as("note")? })
}

/// A shift for the audit log. Telephone numbers stay out of it.
fn described(shift: &rest::Shift) -> String {
    format!("{} {}..{}", shift.person, shift.from_ms, shift.to_ms)
}
