//! An export under way: pages of the store become parts of a body, only as fast as the client takes them.

use std::{collections::VecDeque, ops::Range};

use axum::body::{Body, Bytes};
use domain::time::UnixMs;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::ApiError;
use crate::{
    clock::Clock,
    export::{Common, Writer},
    store::{AuditEntry, Readings, SeriesLabel, SessionToken, Store, StoreError},
};

/// Entries of the audit log about one export.
pub(super) struct Note {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) actor: String,
    pub(super) name: String,
}

impl Note {
    pub(super) async fn write(&self, action: &'static str, detail: String) -> Result<(), ApiError> {
        let (at, actor, object) = (self.clock.now().wall, self.actor.clone(), self.name.clone());
        self.store.audit(AuditEntry { at, actor, action, object, detail }).await.map_err(ApiError::from)
    }
}

/// An export under way. It goes on only as fast as the client takes what it is sent.
pub(super) struct Running {
    pub(super) store: Store,
    /// Whoever is signed out, or may see something else by now, gets no further series.
    pub(super) token: SessionToken,
    pub(super) range: Range<UnixMs>,
    pub(super) rest: VecDeque<(Common, SeriesLabel)>,
    pub(super) writer: Writer,
    pub(super) note: Note,
    pub(super) detail: String,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Where it is.
struct Place {
    running: Running,
    current: Option<(Common, Readings)>,
    rows: u64,
}

impl Running {
    /// As the body of an answer.
    pub(super) fn into_body(self) -> Body {
        let begin = Place { running: self, current: None, rows: 0 };
        Body::from_stream(stream::try_unfold(Some(begin), |place| async move {
            match place {
                Some(place) => place.next_part().await,
                None => Ok(None),
            }
        }))
    }

    async fn check_session(&self) -> Result<(), StoreError> {
        let session = self.store.session(&self.token, self.note.clock.now().wall).await?;
        if session.is_some() { Ok(()) } else { Err(StoreError::NotPermitted) }
    }
}

impl Place {
    /// The next bytes of the file with what is left; an error breaks the connection off, so that nobody takes what came for
    /// the whole.
    async fn next_part(mut self) -> Result<Option<(Bytes, Option<Self>)>, axum::Error> {
        loop {
            let Some((common, mut readings)) = self.current.take() else {
                let Some((common, label)) = self.running.rest.pop_front() else { return self.last_part().await };
                self.running.check_session().await.map_err(broken_off)?;
                let readings = self.running.store.readings_of(&label, self.running.range.clone());
                self.current = Some((common, readings));
                continue;
            };
            let Some(points) = readings.next_page().await.map_err(broken_off)? else { continue };
            self.rows += points.len() as u64;
            let part = self.running.writer.add(&common, &points).map_err(broken_off)?;
            self.current = Some((common, readings));
            if !part.is_empty() {
                return Ok(Some((part, Some(self))));
            }
        }
    }

    async fn last_part(self) -> Result<Option<(Bytes, Option<Self>)>, axum::Error> {
        let Running { writer, note, detail, permit, .. } = self.running;
        let part = writer.finish().map_err(broken_off)?;
        let detail = format!("{detail}: {} rows", self.rows);
        if note.write("readings.export_done", detail).await.is_err() {
            tracing::warn!("the end of an export is not in the audit log");
        }
        drop(permit);
        Ok(Some((part, None)))
    }
}

fn broken_off(error: impl std::error::Error + Send + Sync + 'static) -> axum::Error {
    tracing::error!(error = &error as &dyn std::error::Error, "an export was broken off");
    axum::Error::new(error)
}
