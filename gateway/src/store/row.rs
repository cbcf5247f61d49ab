//! Columns to values of the domain. What does not fit was not written by this program: an error, never a guess.

use std::{
    fmt::{Display, Write as _},
    str::FromStr,
};

use domain::{reading::Reading, time::UnixMs};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Any, AnyConnection, AssertSqlSafe, Database as _, Decode, Row as _, Type,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{codec::journal, error::StoreError};

/// Typed access to the columns of a row.
pub(super) trait Columns {
    /// A column as it is.
    fn get_as<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, column: &'static str) -> Result<T, StoreError>;
    /// A text that is an id.
    fn id<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A text that is an id, where there may be none.
    fn id_or_none<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, StoreError>;
    /// A text that is a word of an enumeration.
    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A text that is JSON.
    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A flag, stored as 0 or 1.
    fn flag(&self, column: &'static str) -> Result<bool, StoreError>;
    /// A whole number that is never negative and fits the type.
    fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A moment.
    fn time(&self, column: &'static str) -> Result<UnixMs, StoreError>;
    /// A moment, where there may be none.
    fn time_or_none(&self, column: &'static str) -> Result<Option<UnixMs>, StoreError>;
    /// One reading, where there may be none.
    fn reading_or_none(&self, column: &'static str) -> Result<Option<Reading>, StoreError>;
}

impl Columns for AnyRow {
    fn get_as<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, column: &'static str) -> Result<T, StoreError> {
        self.try_get(column).map_err(StoreError::damaged(column))
    }

    fn id<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get_as(column)?;
        text.parse().map_err(StoreError::damaged(column))
    }

    fn id_or_none<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get_as(column)?;
        text.map(|text| text.parse()).transpose().map_err(StoreError::damaged(column))
    }

    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get_as(column)?;
        serde_json::from_value(text.into()).map_err(StoreError::damaged(column))
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get_as(column)?;
        serde_json::from_str(&text).map_err(StoreError::damaged(column))
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.get_as::<i64>(column)? != 0)
    }

    fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.get_as::<i64>(column)?.try_into().map_err(StoreError::damaged(column))
    }

    fn time(&self, column: &'static str) -> Result<UnixMs, StoreError> {
        self.get_as(column).map(UnixMs)
    }

    fn time_or_none(&self, column: &'static str) -> Result<Option<UnixMs>, StoreError> {
        Ok(self.get_as::<Option<i64>>(column)?.map(UnixMs))
    }

    fn reading_or_none(&self, column: &'static str) -> Result<Option<Reading>, StoreError> {
        let Some(frame) = self.get_as::<Option<Vec<u8>>>(column)? else { return Ok(None) };
        let readings = journal::decode(&frame).map_err(StoreError::damaged(column))?;
        Ok(readings.into_iter().next())
    }
}

/// A value of an enumeration as the word that [`Columns::word`] reads.
pub(crate) fn word_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("only enumerations of plain words are stored as words, not {other:?}"),
    }
}

/// A value as JSON text.
pub(super) fn json_of<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps of numbers and lists of texts are JSON")
}

/// Rows of so many values that go in one statement. A list is of numbered values, and SQLite finds each of them by going
/// through the names of those before it: n values cost n².
const fn rows_per_statement(columns: usize) -> usize {
    const VALUES: usize = 256;
    if columns < VALUES { VALUES / columns } else { 1 }
}

/// As many rows of `columns` values at a time as go in one statement, with their placeholders as `connection` is quickest to
/// bind them: SQLite, values without a number; PostgreSQL knows only numbered ones.
pub(super) fn by_statement<'r, T>(
    connection: &AnyConnection,
    rows: &'r [T],
    columns: usize,
) -> impl Iterator<Item = (&'r [T], String)> + use<'r, T> {
    let is_sqlite = connection.backend_name() == sqlx::Sqlite::NAME;
    statements(rows, columns, if is_sqlite { unnumbered } else { |rows, columns| placeholders(rows, columns, 0) })
}

fn statements<T>(
    rows: &[T],
    columns: usize,
    spell: fn(usize, usize) -> String,
) -> impl Iterator<Item = (&[T], String)> {
    rows.chunks(rows_per_statement(columns)).map(move |rows| (rows, spell(rows.len(), columns)))
}

/// As many values at a time as go in one statement's list, with that list's placeholders; `before` stand before it.
pub(super) fn lists<T>(values: &[T], before: usize) -> impl Iterator<Item = (&[T], String)> {
    values.chunks(rows_per_statement(1)).map(move |values| (values, placeholders(1, values.len(), before)))
}

/// A statement with the values that are bound to it so far.
pub(super) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// Runs a statement for many rows, as many of them at a time as go in one: `sql` makes it of their placeholders, `bind` adds
/// the `columns` values of a row. Answers how many rows of the database it touched.
pub(super) async fn write_rows<T>(
    connection: &mut AnyConnection,
    rows: &[T],
    columns: usize,
    sql: impl Fn(&str) -> String,
    bind: impl for<'q> Fn(Statement<'q>, &T) -> Statement<'q>,
) -> Result<u64, sqlx::Error> {
    let mut touched = 0;
    for (rows, values) in by_statement(connection, rows, columns) {
        let statement = rows.iter().fold(sqlx::query(AssertSqlSafe(sql(&values))), &bind);
        touched += statement.execute(&mut *connection).await?.rows_affected();
    }
    Ok(touched)
}

/// Runs a statement that ends in `IN` for many ids; `before` are its parameters before them.
pub(super) async fn for_ids(
    connection: &mut AnyConnection,
    sql: &'static str,
    before: &[i64],
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    for (ids, list) in lists(ids, before.len()) {
        let statement = sqlx::query(AssertSqlSafe(format!("{sql} {list}")));
        let statement = before.iter().chain(ids).fold(statement, |statement, id| statement.bind(*id));
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)`: placeholders for `rows` rows of `columns` values each, after `before` earlier ones.
pub(super) fn placeholders(rows: usize, columns: usize, before: usize) -> String {
    let mut number = before;
    spelled(rows, columns, |text| {
        number += 1;
        write!(text, "${number}").expect("writing to a string never fails");
    })
}

/// `(?, ?), (?, ?)`: the same for a statement without any other value.
fn unnumbered(rows: usize, columns: usize) -> String {
    spelled(rows, columns, |text| text.push('?'))
}

fn spelled(rows: usize, columns: usize, mut put: impl FnMut(&mut String)) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            text.push_str(if column == 0 { "" } else { ", " });
            put(&mut text);
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_through_or_not_at_all() {
        assert_eq!(placeholders(2, 3, 1), "($2, $3, $4), ($5, $6, $7)");
        assert_eq!(unnumbered(2, 3), "(?, ?, ?), (?, ?, ?)");
    }

    #[test]
    fn rows_are_taken_statement_by_statement() {
        let of = |count: usize, columns| {
            statements(&vec![(); count], columns, unnumbered)
                .map(|(rows, values)| (rows.len(), values.matches('?').count()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0, 14), []);
        assert_eq!(of(40, 14), [(18, 252), (18, 252), (4, 56)]);
        assert_eq!(of(2, 1000), [(1, 1000), (1, 1000)], "a row is never cut");
        let of_lists: Vec<_> = lists(&[(); 257], 2).map(|(values, list)| (values.len(), list.len())).collect();
        assert_eq!((of_lists[0].0, of_lists[1]), (256, (1, "($3)".len())));
    }

    #[test]
    fn words_are_what_the_api_calls_them() {
        assert_eq!(word_of(&domain::access::Role::OfficeOfficer), "office_officer");
    }
}
