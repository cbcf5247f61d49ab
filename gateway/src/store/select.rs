//! A query whose conditions depend on what was asked, and always on who asked.

use domain::access::Jurisdiction;
use sqlx::{AnyPool, AssertSqlSafe, any::AnyRow};

use super::{error::StoreError, scope::Scope};

/// A value of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Number(i64),
    Text(String),
}

/// A SELECT under construction. Only fixed text becomes SQL; values are always bound.
#[derive(Debug)]
pub(super) struct Select {
    sql: String,
    has_condition: bool,
    bounds: Vec<Bound>,
}

impl Select {
    /// Starts with the part up to, not including, `WHERE`.
    pub(super) fn new(from: &'static str) -> Self {
        Self { sql: from.into(), has_condition: false, bounds: Vec::new() }
    }

    /// Starts with a `WHERE` of its own, whose parameters, from `$1` on, are given.
    pub(super) fn with_condition<const N: usize>(from: &'static str, bounds: [Bound; N]) -> Self {
        Self { sql: from.into(), has_condition: true, bounds: bounds.into() }
    }

    /// Only what lies in the person's jurisdiction. The query must have joined `device` and `site`. A device that was
    /// removed belongs to nobody but the district, like one that was never registered.
    pub(super) fn within(&mut self, scope: &Scope) -> &mut Self {
        self.narrowed(scope, "device.removed_at_ms IS NULL")
    }

    /// The same for what hangs on a site and not on a device. The query must have joined `site`.
    pub(super) fn within_sites(&mut self, scope: &Scope) -> &mut Self {
        self.narrowed(scope, "site.removed_at_ms IS NULL")
    }

    fn narrowed(&mut self, scope: &Scope, is_there: &'static str) -> &mut Self {
        match scope.jurisdiction() {
            Jurisdiction::District => self,
            Jurisdiction::Townships { codes } => self
                .and(is_there)
                .and_one_of("site.township_code", codes.iter().map(|code| Bound::Text(code.to_string()))),
            Jurisdiction::Owner { id } => self.and(is_there).and_equals("site.owner_id", Bound::Text(id.to_string())),
        }
    }

    /// Adds a condition without a value.
    pub(super) fn and(&mut self, condition: &'static str) -> &mut Self {
        self.sql.push_str(if self.has_condition { " AND " } else { " WHERE " });
        self.sql.push_str(condition);
        self.has_condition = true;
        self
    }

    /// Adds `column = value`.
    pub(super) fn and_equals(&mut self, column: &'static str, value: Bound) -> &mut Self {
        self.and(column);
        self.sql.push_str(" = ");
        self.bind(value);
        self
    }

    /// Adds `column IN (values)`; of no values, what never holds.
    pub(super) fn and_one_of(&mut self, column: &'static str, values: impl Iterator<Item = Bound>) -> &mut Self {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return self.and("1 = 0");
        }
        self.and(column);
        for (index, value) in values.enumerate() {
            self.sql.push_str(if index == 0 { " IN (" } else { ", " });
            self.bind(value);
        }
        self.sql.push(')');
        self
    }

    /// Adds `column < value`.
    pub(super) fn and_below(&mut self, column: &'static str, value: Bound) -> &mut Self {
        self.and(column);
        self.sql.push_str(" < ");
        self.bind(value);
        self
    }

    /// Adds `column >= value`.
    pub(super) fn and_from(&mut self, column: &'static str, value: Bound) -> &mut Self {
        self.and(column);
        self.sql.push_str(" >= ");
        self.bind(value);
        self
    }

    /// Adds `column <= value`.
    pub(super) fn and_up_to(&mut self, column: &'static str, value: Bound) -> &mut Self {
        self.and(column);
        self.sql.push_str(" <= ");
        self.bind(value);
        self
    }

    /// Adds a condition with values in it: each part of `text` but the last is followed by one.
    pub(super) fn and_with<const N: usize>(&mut self, text: [&'static str; N], values: &[Bound]) -> &mut Self {
        debug_assert_eq!(N, values.len() + 1, "a value stands between two parts");
        for (index, part) in text.into_iter().enumerate() {
            if index == 0 {
                self.and(part);
            } else {
                self.sql.push_str(part);
            }
            if let Some(value) = values.get(index) {
                self.bind(value.clone());
            }
        }
        self
    }

    /// Adds `(columns) > (values)`, compared one after another: the page after the row with these values.
    pub(super) fn and_after<const N: usize>(&mut self, columns: &'static str, values: [Bound; N]) -> &mut Self {
        self.and(columns);
        for (index, value) in values.into_iter().enumerate() {
            self.sql.push_str(if index == 0 { " > (" } else { ", " });
            self.bind(value);
        }
        self.sql.push(')');
        self
    }

    /// Ends with order and limit: `ORDER BY … LIMIT` and its value.
    pub(super) fn finish(&mut self, tail: &'static str, limit: Bound) -> &mut Self {
        self.sql.push(' ');
        self.sql.push_str(tail);
        self.sql.push(' ');
        self.bind(limit);
        self
    }

    /// Runs the query.
    pub(super) async fn fetch_all(self, readers: &AnyPool, operation: &'static str) -> Result<Vec<AnyRow>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(self.sql));
        for bound in self.bounds {
            query = match bound {
                Bound::Number(number) => query.bind(number),
                Bound::Text(text) => query.bind(text),
            };
        }
        query.fetch_all(readers).await.map_err(StoreError::read(operation))
    }

    fn bind(&mut self, value: Bound) {
        self.bounds.push(value);
        self.sql.push('$');
        self.sql.push_str(&self.bounds.len().to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{
        access::Role,
        id::{OwnerId, TownshipCode},
    };

    use super::*;

    #[test]
    fn every_jurisdiction_narrows_the_query() {
        let sql = |role, jurisdiction| {
            let mut select = Select::new("SELECT 1");
            select.within(&Scope::for_tests(role, jurisdiction)).and_equals("id", Bound::Number(7));
            (select.sql, select.bounds.len())
        };
        let townships = |codes: &[&str]| Jurisdiction::Townships {
            codes: Arc::new(codes.iter().map(|code| TownshipCode::new(code).unwrap()).collect()),
        };
        assert_eq!(sql(Role::Admin, Jurisdiction::District), ("SELECT 1 WHERE id = $1".into(), 1));
        assert_eq!(
            sql(Role::OfficeOfficer, townships(&["500156001", "500156002"])),
            ("SELECT 1 WHERE device.removed_at_ms IS NULL AND site.township_code IN ($1, $2) AND id = $3".into(), 3)
        );
        assert_eq!(
            sql(Role::TownshipOfficer, townships(&[])).0,
            "SELECT 1 WHERE device.removed_at_ms IS NULL AND 1 = 0 AND id = $1"
        );
        assert_eq!(
            sql(Role::Owner, Jurisdiction::Owner { id: OwnerId::new("hotel").unwrap() }).0,
            "SELECT 1 WHERE device.removed_at_ms IS NULL AND site.owner_id = $1 AND id = $2"
        );
    }
}
